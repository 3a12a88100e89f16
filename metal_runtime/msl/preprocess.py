"""Runs the preprocessor where a text needs it: MSL text in, text without directives and the map back to the user's lines out."""

from __future__ import annotations

import bisect
import itertools
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metal_runtime.errors import InternalError, MslError
from metal_runtime.msl import clang
from metal_runtime.msl.tokens import LineTable, Token, TokenKind, tokenize
from metal_runtime.program import CompileOptions
from metal_runtime.source import SourceSpan

STANDARD_INCLUDE = re.compile(r"#\s*include\s*<metal_\w+>\s*")
_LINE_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"[\d ]*')
_UNROLL_BY_NAME = re.compile(r"\s*#\s*pragma\s+unroll\s*\(?\s*[A-Za-z_]")
_USER_TEXT = "<stdin>"  # what clang calls the text it reads from its standard input


Stamps = tuple[tuple[str, int, int], ...]
"""Files with the time of their last change (ns) and their size (bytes)."""


class PreparedText:
    """Text without directives, its tokens, and the place of every token in the user's own files."""

    def __init__(self, text: str, places: _Places) -> None:
        self.text = text
        everything = tokenize(text)
        self.tokens = [token for token in everything if token.kind is not TokenKind.DIRECTIVE]
        self.directives = [token.text for token in everything if token.kind is TokenKind.DIRECTIVE]
        """The pragmas: all that preprocessing leaves."""
        self.lines = LineTable(text, "")
        self._starts = [token.start for token in self.tokens]
        self._places = places
        self.headers = _stamps(self.files)
        """The files that it includes, with the time and size that they had when they were read."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that were read besides the text itself."""
        return self._places.files

    def token_at(self, offset: int) -> Token | None:
        """The token that covers ``offset``, or the next one after it."""
        index = bisect.bisect_right(self._starts, offset) - 1
        if index >= 0 and self.tokens[index].end > offset:
            return self.tokens[index]
        return self.tokens[index + 1] if index + 1 < len(self.tokens) else None

    def token_ending_at(self, offset: int) -> Token | None:
        """The token after whose last character ``offset`` stands, when no other begins there."""
        index = bisect.bisect_left(self._starts, offset) - 1
        at_start = index + 1 < len(self._starts) and self._starts[index + 1] == offset
        return (
            self.tokens[index]
            if index >= 0 and self.tokens[index].end == offset and not at_start
            else None
        )

    def tokens_of_line(self, line: int) -> list[Token]:
        """The tokens that begin in line ``line``, counted from 1."""
        start = self.lines.offset(line, 1)
        first = bisect.bisect_left(self._starts, start)
        return self.tokens[
            first : bisect.bisect_right(self._starts, start + len(self.lines.lines[line - 1]))
        ]

    def span(self, token: Token) -> SourceSpan:
        """The place of ``token`` in the user's file."""
        return self._places.span(self, token)


class _Places:
    """The map of a text that needed no preprocessor: the identity."""

    def __init__(self, source: str, file: str, files: tuple[str, ...] = ()) -> None:
        self.user = LineTable(source, file)
        self.files = files

    def span(self, prepared: PreparedText, token: Token) -> SourceSpan:
        return self.user.span(token.start, token.end)


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int


class _MarkedPlaces(_Places):
    """The map of a preprocessed text: by line markers to the line, by the order of tokens to the column."""

    def __init__(
        self, source: str, file: str, lines: list[_Line], files: tuple[str, ...] = ()
    ) -> None:
        super().__init__(source, file, files)
        self._lines = lines
        self._tables = {_USER_TEXT: self.user}
        self._rows: dict[int, _Alignment] = {}

    def span(self, prepared: PreparedText, token: Token) -> SourceSpan:
        row, _ = prepared.lines.position(token.start)
        line = self._lines[row - 1]
        table = self._table(line.file)
        if line.number > len(
            table.lines
        ):  # a file that cannot be read: the place stands without its line
            return SourceSpan(line.file, line.number, 1, line.number, 1)
        start = table.offset(line.number, 1)
        text = table.line_text(line.number)
        if row not in self._rows:
            self._rows[row] = _Alignment(tokenize(text), prepared.tokens_of_line(row))
        found = self._rows[row].same_token(token)
        if found is None:  # it came out of a macro: the whole line is its place
            return table.span(start + len(text) - len(text.lstrip()), start + len(text.rstrip()))
        return table.span(start + found.start, start + found.end)

    def _table(self, file: str) -> LineTable:
        if file not in self._tables:
            try:
                text = Path(file).read_text(errors="replace")
            except OSError:
                text = ""
            self._tables[file] = LineTable(text, file)
        return self._tables[file]


class _Alignment:
    """Which token of a user's line became which of the preprocessed line: macro use shifts the rest of a line."""

    def __init__(self, user: list[Token], expanded: list[Token]) -> None:
        self._user = user
        texts = {token.text for token in user}
        self._made: dict[str, list[int]] = {}
        for token in expanded:
            if token.text in texts:
                self._made.setdefault(token.text, []).append(token.start)
        pairs = zip(user, expanded, strict=False)
        common = itertools.takewhile(lambda pair: pair[0].text == pair[1].text, pairs)
        self._beginning = {theirs.start: ours for ours, theirs in common}

    def same_token(self, wanted: Token) -> Token | None:
        """The user's token that became ``wanted``; None when it came out of a macro, or may have."""
        made = self._made.get(wanted.text, [])
        alike = [token for token in self._user if token.text == wanted.text]
        # As many of this token on both sides: they correspond in order. Otherwise only a common beginning is sure.
        if made and len(made) == len(alike):
            return alike[made.index(wanted.start)]
        return self._beginning.get(wanted.start)


def needs_preprocessor(source: str) -> bool:
    """Whether ``source`` has directives besides includes of Metal's own headers."""
    if "#" not in source and "__LINE__" not in source and "__FILE__" not in source:
        return False
    for token in tokenize(source):
        if token.kind is TokenKind.DIRECTIVE and not STANDARD_INCLUDE.fullmatch(token.text.strip()):
            return True
        if token.text in ("__LINE__", "__FILE__", "__COUNTER__"):
            return True
    return False


def prepare(source: str, file: str, options: CompileOptions) -> PreparedText:
    """``source`` after preprocessing, done once while the headers that it includes stay as they are.

    Raises MslError at the user's line for a directive that fails.
    """
    key = (source, file, options.defines, options.include_dirs)
    with _lock:
        found = _prepared.get(key)
    if found is None or found.headers != _stamps(found.files):
        found = _prepare(source, file, options)
        with _lock:
            while len(_prepared) >= _KEPT:
                del _prepared[next(iter(_prepared))]
            _prepared[key] = found
    return found


_KEPT = 256
_prepared: dict[tuple[object, ...], PreparedText] = {}
_lock = threading.Lock()


def _stamps(files: Iterable[str]) -> Stamps:
    found = []
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            found.append((path, 0, 0))
        else:
            found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _prepare(source: str, file: str, options: CompileOptions) -> PreparedText:
    if not needs_preprocessor(source) and not options.defines:
        return PreparedText(_STANDARD_INCLUDE_LINE.sub(_blank, source), _Places(source, file))
    arguments = ["-E", "-x", "c++", "-std=c++17", "-nostdinc", "-U__cplusplus", "-D__cplusplus=201703L",
                 "-fno-color-diagnostics", "-fno-caret-diagnostics", "-Wno-everything",
                 f"--target={clang.host_target().triple}", *clang.METAL_MACROS, f"-I{clang.STUB_DIR}"]  # fmt: skip
    if os.path.isfile(file):
        arguments += ["-iquote", os.path.dirname(os.path.abspath(file))]
    arguments += [part for directory in options.include_dirs for part in ("-I", directory)]
    arguments += [f"-D{name}={value}" for name, value in options.defines]
    completed = clang.run("clang", *arguments, "-", text=source)
    if not completed.succeeded:
        raise directive_error(completed.diagnostics, source, file)
    text, lines, files = _without_markers(completed.output)
    return PreparedText(text, _MarkedPlaces(source, file, lines, files))


_STANDARD_INCLUDE_LINE = re.compile(
    rf"^[ \t]*{STANDARD_INCLUDE.pattern.removesuffix(chr(92) + 's*')}", re.MULTILINE
)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without_markers(output: str) -> tuple[str, list[_Line], tuple[str, ...]]:
    """The text, where each of its lines came from, and the files that were included."""
    kept: list[str] = []
    lines: list[_Line] = []
    files: dict[str, None] = {}
    here = _Line(_USER_TEXT, 1)
    for text in output.split("\n"):
        marker = _LINE_MARKER.fullmatch(text)
        if marker:
            here = _Line(marker[2].replace("\\\\", "\\").replace('\\"', '"'), int(marker[1]))
            if not here.file.startswith("<"):
                files[here.file] = None
            continue
        # Pragmas survive preprocessing, and clang ignores those it does not know. But a macro in one has lost
        # its definition by now; the loop is as right without it.
        kept.append("" if _UNROLL_BY_NAME.match(text) else text)
        lines.append(here)
        here = _Line(here.file, here.number + 1)
    return "\n".join(kept), lines, tuple(files)


_DIAGNOSTIC = re.compile(r"(.+?):(\d+):(\d+): (?:fatal )?error: (.*)")


def directive_error(diagnostics: str, source: str, file: str) -> MslError:
    """The preprocessor's first error at the user's line."""
    for line in diagnostics.splitlines():
        match = _DIAGNOSTIC.fullmatch(line)
        if match:
            name = file if match[1] == _USER_TEXT else match[1]
            text = source if match[1] == _USER_TEXT else Path(name).read_text(errors="replace")
            table = LineTable(text, name)
            start = table.offset(int(match[2]), int(match[3]))
            token = next((t for t in tokenize(text[start:]) if t.start == 0), None)
            length = len(token.text) if token and "\n" not in token.text else 1
            return MslError(match[4], table.span(start, start + length))
    raise InternalError(f"the preprocessor failed: {diagnostics.strip()}")

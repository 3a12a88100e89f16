"""The tokenizer: MSL (or C++) text in, tokens with their offsets out; lines and columns come from a LineTable."""

from __future__ import annotations

import bisect
import enum
import re
from typing import NamedTuple

from metal_runtime.source import SourceSpan


class TokenKind(enum.Enum):
    """What a token is, as far as iris must know."""

    IDENTIFIER = "identifier"  # keywords too
    NUMBER = "number"
    TEXT = "text"  # string and character literals
    DIRECTIVE = "directive"  # a whole preprocessor line, continuations included
    PUNCTUATION = "punctuation"


class Token(NamedTuple):
    """One token; ``start`` and ``end`` are offsets into the text, the end exclusive."""

    kind: TokenKind
    text: str
    start: int
    end: int


# `<` and `>` are always single, so that nested template lists close token by token. White space never
# reaches across the start of a line, where a directive may stand.
_TOKEN = re.compile(
    r"""
      (?P<directive> ^[ \t]*\#(?:\\\r?\n|/\*(?s:.*?)\*/|[^\n])* )
    | (?P<skip>      [ \t\r\f\v]+ | \n+ | //(?:\\\r?\n|[^\n])* | /\*(?s:.*?)(?:\*/|\Z) | \\\r?\n )
    | (?P<identifier> [^\W\d]\w*(?!["'\w]) )
    | (?P<number>    \.?\d(?:[eEpP][+-]|'(?=\w)|[\w.])* )
    | (?P<text>      (?:u8|[uUL])?R"(?P<delimiter>[^\s()\\]{0,16})\((?s:.*?)\)(?P=delimiter)"
                   | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*"?
                   | (?:u8|[uUL])?'(?:\\.|[^'\\\n])*'? )
    | (?P<word>      [^\W\d]\w* )
    | (?P<punctuation> :: | -> | \.\.\. | && | \|\| | \+\+ | -- | [-+*/%&|^=!]= | . )
    """,
    re.VERBOSE | re.MULTILINE,
)
_KINDS: dict[str | None, TokenKind | None] = {
    **{kind.value: kind for kind in TokenKind},
    "skip": None,
    "word": TokenKind.IDENTIFIER,  # an identifier that touches a literal which is none of its own
    "delimiter": TokenKind.TEXT,  # the last group that closes inside a raw string
}


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text`` without comments and white space.

    Never fails: a character that begins no token becomes punctuation, for the compiler to complain of.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = _KINDS[match.lastgroup]
        if kind is not None:
            tokens.append(Token(kind, match.group(), match.start(), match.end()))
    return tokens


class LineTable:
    """Offsets of a text to lines and columns, and back."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both counted from 1."""
        line = bisect.bisect_right(self._starts, offset, hi=len(self.lines)) - 1
        return line + 1, offset - self._starts[line] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column counted from 1; both are clamped to the text."""
        index = min(max(line, 1), len(self.lines)) - 1
        return self._starts[index] + min(max(column, 1) - 1, len(self.lines[index]))

    def line_text(self, line: int) -> str:
        """Line ``line`` without its newline; empty when there is no such line."""
        return self.lines[line - 1].rstrip("\r") if 1 <= line <= len(self.lines) else ""

    def span(self, start: int, end: int) -> SourceSpan:
        """The span of the offsets ``[start, end)``."""
        line, column = self.position(start)
        end_line, end_column = self.position(end)
        return SourceSpan(self.file, line, column, end_line, end_column, self.line_text(line))

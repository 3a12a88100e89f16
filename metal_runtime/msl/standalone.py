"""A text with its own headers -> one text that needs no files: what a compiler gets that knows Metal's headers only.

clang rewrites the includes and leaves all else as it is written: conditions, macros, comments. Line markers keep the places.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from metal_runtime.errors import InternalError
from metal_runtime.msl import clang
from metal_runtime.msl.preprocess import directive_error
from metal_runtime.msl.tokens import TokenKind, tokenize
from metal_runtime.program import CompileOptions

USER_FILE = "program_source"
"""What Metal's diagnostics call the text itself."""

_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"[\d ]*')
_APPLES_INCLUDE = re.compile(r"#\s*include\s*<(?:metal_\w+|simd/simd\.h)>\s*")
_INCLUDE = re.compile(r"\s*#\s*include\b")
_REWRITTEN = "#if defined(__CLANG_REWRITTEN_INCLUDES)"
_END = re.compile(r"#endif /\* .*expanded by -frewrite-includes \*/")
_DROPPED = {
    "#if 0 /* expanded by -frewrite-includes */": "#endif /* expanded by -frewrite-includes */",
    "#if 0 /* disabled by -frewrite-includes */": "#endif /* disabled by -frewrite-includes */",
}


def standalone_text(source: str, file: str, options: CompileOptions) -> str:
    """The text itself where it includes Metal's headers only; otherwise with the user's headers in it.

    Raises MslError at the user's line for a header that is missing.
    """
    if not _has_own_headers(source):
        return source
    arguments = ["-E", "-frewrite-includes", "-x", "c++", "-std=c++17", "-nostdinc", "-U__cplusplus",
                 "-D__cplusplus=201703L", "-fno-color-diagnostics", "-fno-caret-diagnostics", "-Wno-everything",
                 f"--target={clang.host_target().triple}", *clang.METAL_MACROS, f"-I{clang.STUB_DIR}"]  # fmt: skip
    if os.path.isfile(file):
        arguments += ["-iquote", os.path.dirname(os.path.abspath(file))]
    arguments += [part for directory in options.include_dirs for part in ("-I", directory)]
    arguments += [f"-D{name}={value}" for name, value in options.defines]
    completed = clang.run("clang", *arguments, "-", text=source)
    if not completed.succeeded:
        raise directive_error(completed.diagnostics, source, file)
    return _without_standard_headers(completed.output)


def _has_own_headers(source: str) -> bool:
    if "#" not in source:
        return False
    return any(
        token.kind is TokenKind.DIRECTIVE
        and _INCLUDE.match(token.text)
        and not _APPLES_INCLUDE.fullmatch(token.text.strip())
        for token in tokenize(source)
    )


def _without_standard_headers(output: str) -> str:
    """What clang rewrote, with Metal's own headers included again, and line markers as directives."""
    kept: list[str] = []
    lines = iter(output.split("\n"))
    for line in lines:
        if line in _DROPPED:
            _skip_to(lines, _DROPPED[line])
        elif line.startswith(_REWRITTEN):
            include = next(lines)
            if _APPLES_INCLUDE.fullmatch(include.strip()):
                kept.append(include)
                _skip_to(lines, line.replace(_REWRITTEN, "#endif", 1))
            else:
                next(lines)  # the `#else` of the pair; the header's own text follows
        elif _END.fullmatch(line):
            continue
        else:
            marker = _MARKER.fullmatch(line)
            if marker is None:
                kept.append(line)
            elif marker[2] != "<built-in>":
                name = USER_FILE if marker[2] == "<stdin>" else marker[2]
                kept.append(f'#line {marker[1]} "{name}"')
    return "\n".join(kept)


def _skip_to(lines: Iterator[str], end: str) -> None:
    if not any(line == end for line in lines):
        raise InternalError(f"the preprocessor's output has no {end!r}")

"""What the compiler says of a text: C++ enters, clang's errors as findings at the user's places leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from metal_runtime.errors import InternalError, Note
from metal_runtime.msl import clang
from metal_runtime.msl.diagnostics import Diagnostic, in_users_words, parse
from metal_runtime.msl.rules.cpp_text import USER_TEXT, CppText
from metal_runtime.msl.spaces.finding import Finding, Severity

RULE = "compiler"
_MOST_NOTES = 3
_MOST_ERRORS = 200

_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"use of undeclared identifier '(\w+)'; did you mean '(\w+)'"), r"write `\2`"),
    (re.compile(r"cannot assign to variable .* with const-qualified type|read-only variable is not assignable|cannot assign to return value"),
     "`constant` and const memory is only read: take a `device` pointer to write"),
    (re.compile(r"no viable overloaded '.*='|invalid operands to binary expression|no viable conversion|no matching constructor"),
     "vectors do not convert: take components (v.xyz), or build the wider vector (float4(v, 0))"),
    (re.compile(r"cannot initialize a (?:variable|parameter) of type '.*' with an? .*const"),
     "the pointer to `constant` or const memory must be const too"),
)  # fmt: skip


def compiler_findings(
    texts: Sequence[CppText], flags: Sequence[str], prologue: str
) -> list[Finding]:
    """The errors (and few warnings) of every text; the first of each place."""
    found: dict[tuple[str, int, int], Finding] = {}
    for text in texts:
        completed = clang.run("clang", *_syntax_flags(flags), "-", text=prologue + text.text)
        for finding in _findings(text, completed.diagnostics):
            place = (
                (finding.span.file, finding.span.line, finding.span.column)
                if finding.span
                else ("", 0, 0)
            )
            found.setdefault(place, finding)
        if not completed.succeeded and not found:
            raise InternalError(
                f"the compiler failed without saying why: {completed.diagnostics.strip()[:2000]}"
            )
    return list(found.values())


def _syntax_flags(flags: Sequence[str]) -> list[str]:
    # What is but a warning to Metal is no error here.
    kept = [flag for flag in flags if not flag.startswith(("-ferror-limit", "-Werror"))]
    return [
        *kept,
        "-Wreturn-type",
        f"-ferror-limit={_MOST_ERRORS}",
        "-ftemplate-backtrace-limit=4",
        "-fsyntax-only",
    ]


def _findings(text: CppText, output: str) -> Iterator[Finding]:
    group: list[Diagnostic] = []
    for diagnostic in [*parse(output), Diagnostic("error", "", "", 0, 0)]:
        if diagnostic.severity in ("error", "warning"):
            if group:
                yield _finding(text, group)
            group = [diagnostic]
        elif group:
            group.append(diagnostic)


def _finding(text: CppText, group: list[Diagnostic]) -> Finding:
    error, notes = group[0], [note for note in group[1:] if note.file == USER_TEXT]
    if (
        error.file != USER_TEXT
    ):  # inside our headers: told at the place in the user's text that led there
        if not notes:
            raise InternalError(
                f"metal_stdlib does not compile: {error.file}:{error.line}: {error.text}"
            )
        error = replace(notes.pop(0), text=error.text, severity=error.severity)
    message = in_users_words(error.text)
    hint = next((m.expand(h) for p, h in _HINTS if (m := p.search(message))), None)
    shown = tuple(
        Note(in_users_words(note.text), span)
        for note in notes[:_MOST_NOTES]
        if (span := text.span(note.line, note.column)) is not None
    )
    return Finding(
        RULE, Severity(error.severity), message, text.span(error.line, error.column), hint, shown
    )

"""Apple's compiler, played by iris's own: MSL text in, a library's kernels or messages in Metal's form out."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace

from metal_runtime.backends.cpu.pipeline import CpuPipeline, CpuProgram
from metal_runtime.errors import MslError
from metal_runtime.msl import clang
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.limits import Family
from metal_runtime.msl.rules.check import Syntax, check_text, syntax_check
from metal_runtime.msl.spaces.finding import Severity
from metal_runtime.program import CompileOptions, MslProgram
from metal_runtime.source import SourceSpan

FILE = "program_source"
_MOST_COMPILED = 8
"""Kernels of a text that are compiled when it is; of more, and of those that wait for constants, the syntax is checked."""

_BFLOAT = re.compile(r"\bbfloat[234]?\b")
_FIRST_WITH_BFLOAT = 0x30001


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What the compiler says instead of making a library."""

    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides what comes of a text."""

    source: str
    options: CompileOptions
    family: str
    language: int


@functools.lru_cache(maxsize=512)
def compile_library(request: Request) -> Library | Diagnostics:
    """The library of a text, every kernel of which compiles."""
    errors = _rule_errors(request)
    if not errors:
        library = read_library(request.source, FILE, request.options)
        errors = _compiler_errors(request, library)
    return Diagnostics("".join(map(message, errors))) if errors else library


@functools.lru_cache(maxsize=512)
def specialised(source: str, options: CompileOptions) -> CpuProgram:
    """A text with the values of its function constants."""
    return CpuProgram(MslProgram(source, (), options, FILE))


def pipeline_of(source: str, options: CompileOptions, name: str) -> CpuPipeline:
    """One kernel as it runs here. Raises MslError."""
    return specialised(source, options).pipeline(name)


def _rule_errors(request: Request) -> list[MslError]:
    found = _errors(request)
    if request.language < _FIRST_WITH_BFLOAT and _BFLOAT.search(request.source):
        found.append(MslError("unknown type name 'bfloat'"))
    return found


def _compiler_errors(request: Request, library: Library) -> list[MslError]:
    kernels = library.kernels
    ready = [name for name, kernel in kernels.items() if not kernel.missing_constants]
    if len(ready) < len(kernels) or not 0 < len(ready) <= _MOST_COMPILED:
        flags = clang.compile_flags(clang.host_target(), request.options)
        return _errors(request, syntax_check(flags))
    found = []
    for name in ready:
        try:
            pipeline_of(request.source, request.options, name)
        except MslError as error:
            found.append(error)
    return found


def _errors(request: Request, syntax: Syntax | None = None) -> list[MslError]:
    family = Family(request.family)
    report = check_text(request.source, FILE, request.options, family, syntax=syntax)
    return [f.error() for f in report.findings if f.severity is Severity.ERROR]


def message(error: MslError) -> str:
    """``program_source:LINE:COLUMN: error: text``, the line, a caret: as Metal writes it."""
    lines = [*_placed("error", error.message, error.span)]
    for note in error.notes:
        lines += _placed("note", note.message, note.span)
    return "\n".join(lines) + "\n"


def _placed(severity: str, text: str, span: SourceSpan | None) -> list[str]:
    if span is None:
        return [f"{severity}: {text}"]
    caret = re.sub(r"[^\t]", " ", span.text[: span.column - 1]) + "^"
    return [f"{span.file}:{span.line}:{span.column}: {severity}: {text}", span.text, caret]


def with_constants(
    options: CompileOptions, values: tuple[tuple[str | int, bool | int | float], ...]
) -> CompileOptions:
    return replace(options, constants=values)

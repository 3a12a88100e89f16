"""A check of a text, compiler included, as `iris check` makes it."""

from __future__ import annotations

from metal_runtime.backends.cpu.compiler import kernel_flags, standard_header
from metal_runtime.msl.limits import DEFAULT_FAMILY, Family
from metal_runtime.msl.rules.check import Report, check_text, syntax_check
from metal_runtime.program import CompileOptions

OPTIONS = CompileOptions()


def check(text: str, file: str = "k.metal", family: Family = DEFAULT_FAMILY) -> Report:
    """The report on a text."""
    flags = (*kernel_flags(OPTIONS), "-include-pch", str(standard_header(OPTIONS)))
    return check_text(text, file, OPTIONS, family, syntax=syntax_check(flags))

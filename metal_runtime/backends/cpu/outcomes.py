"""How launches end: the native runtime's outcome in, the exception to raise out."""

from __future__ import annotations

import enum

from metal_runtime.backends.cpu.native_runtime import Divergence
from metal_runtime.errors import DeviceMemoryError, KernelFault, LaunchError
from metal_runtime.msl.diagnostics import python_span
from metal_runtime.msl.msl_to_cpp import TranslationUnit
from metal_runtime.program import MslProgram
from metal_runtime.source import SourceSpan


class Outcome(enum.IntEnum):
    """How a launch ended; the values stand in native/threads.h too."""

    FINISHED = 0
    DIVISION = 1
    MEMORY = 2
    TRAP = 3
    TIME_LIMIT = 4
    INTERRUPTED = 5
    INVALID = 6
    NO_THREADS = 7
    DIVERGED = 8
    STACK = 9
    NO_MEMORY = 10


def exception_of(
    outcome: Outcome, kernel: str, *, address: int, time_limit: float
) -> BaseException:
    """What a launch that ended so raises; ``address`` is the one a MEMORY fault touched, 0 if unknown."""
    match outcome:
        case Outcome.DIVISION:
            return KernelFault(
                "an integer was divided by zero (or the smallest integer by -1)",
                kernel=kernel,
                hint="test the divisor in the kernel",
            )
        case Outcome.MEMORY:
            where = f"address {address:#x}" if address else "an address"
            return KernelFault(
                f"it touched {where} outside its buffers",
                kernel=kernel,
                hint="compare indices with the number of elements in the kernel",
            )
        case Outcome.TRAP:
            return KernelFault(
                "it ran into a trap: an integer divided by zero, or code that cannot be reached",
                kernel=kernel,
            )
        case Outcome.TIME_LIMIT:
            return KernelFault(
                f"it still ran after {time_limit:g} seconds and was ended",
                kernel=kernel,
                hint="look for a loop without end, or set IRIS_TIME_LIMIT to more seconds",
            )
        case Outcome.STACK:
            return KernelFault(
                "a thread used more than its stack of 176 KB",
                kernel=kernel,
                hint="keep large arrays in device or threadgroup memory, and end recursion sooner",
            )
        case Outcome.NO_MEMORY:
            return DeviceMemoryError(f"the system has no memory for the threadgroups of `{kernel}`")
        case Outcome.INTERRUPTED:
            return KeyboardInterrupt()
        case Outcome.NO_THREADS:
            return DeviceMemoryError("the system has no memory for a thread")
    return LaunchError("this grid and threadgroup cannot be launched", kernel=kernel)


_COLUMN_BITS = 12


def divergence(report: Divergence, unit: TranslationUnit, program: MslProgram) -> KernelFault:
    """What a barrier raises that not all threads of a threadgroup reach."""
    place, other = (_span(unit, program, p) for p in (report.place, report.other_place))
    elsewhere = []
    if report.ended:
        elsewhere.append(f"{report.ended} ended without it")
    if report.other_arrived:
        where = "" if other is None else f" at {_shown(other)}"
        elsewhere.append(f"{report.other_arrived} wait at another barrier{where}")
    line = "" if place is None else f"\n{_shown(place)}: {place.text.strip()}"
    return KernelFault(
        f"a barrier was reached by {report.arrived} of {report.threads} threads; "
        f"{' and '.join(elsewhere)}{line}",
        kernel=unit.kernel.signature.name,
        hint="all threads of a threadgroup must reach the same barrier: move it out of the branch, "
        "and let no thread return before it",
    )


def _shown(span: SourceSpan) -> str:
    return f"{span.file}:{span.line}"


def _span(unit: TranslationUnit, program: MslProgram, place: int) -> SourceSpan | None:
    if place == 0:
        return None
    span = unit.user_span(place >> _COLUMN_BITS, place & ((1 << _COLUMN_BITS) - 1))
    return python_span(span, program) or span

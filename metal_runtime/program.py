"""All that crosses from the compiler to a device: MSL text with its signatures. Picklable, hashable, no handles."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from metal_runtime.msl_types import AddressSpace, Pointer, ValueType
from metal_runtime.source import SourceSpan


class ArgumentKind(enum.Enum):
    """How an argument reaches a kernel."""

    BUFFER = "buffer"  # a pointer into device or constant memory
    VALUE = "value"  # `constant T&`: at most 4 KB, copied when the launch is made


@dataclass(frozen=True, slots=True)
class Argument:
    """One ``[[buffer(index)]]`` parameter of a kernel.

    ``type_text`` is the MSL spelling. ``type`` is None when no Python value can be made of it (a user's
    struct, say): such an argument takes a buffer, or bytes, whose size is checked only.
    """

    name: str
    index: int
    kind: ArgumentKind
    type_text: str
    type: Pointer | ValueType | None
    itemsize: int | None = None
    """Bytes of the element or value, where known."""

    written: bool = True
    """False when the kernel cannot write to it (const, constant, or never stored to)."""

    space: AddressSpace = AddressSpace.DEVICE


@dataclass(frozen=True, slots=True)
class Signature:
    """A kernel as a caller sees it: its name and its arguments by buffer index."""

    name: str
    arguments: tuple[Argument, ...]
    builtins: tuple[str, ...] = ()
    """The thread and grid attributes it reads, e.g. ``thread_position_in_grid``."""

    max_threads: int | None = None
    """``[[max_total_threads_per_threadgroup(n)]]``, if given."""

    span: SourceSpan | None = field(default=None, compare=False, repr=False)


class MathMode(enum.Enum):
    """Metal's math modes (MTLMathMode). SAFE keeps NaN, infinities and the order of operations."""

    SAFE = "safe"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What, besides the text, decides the compiled code."""

    math_mode: MathMode = MathMode.SAFE
    contract: bool = True
    """Whether ``a * b + c`` may become one fused multiply-add."""

    defines: tuple[tuple[str, str], ...] = ()
    include_dirs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MslProgram:
    """MSL text, the kernels in it that are wanted, and the options to compile it with.

    ``line_spans[i]`` is the place in the user's Python that line ``i + 1`` of the text came from; it
    takes no part in equality or in cache keys.
    """

    source: str
    entry_points: tuple[Signature, ...]
    options: CompileOptions = CompileOptions()
    file: str = field(default="<msl>", compare=False)
    """What diagnostics call the text when it was written by hand."""

    line_spans: tuple[SourceSpan | None, ...] = field(default=(), compare=False, repr=False)

    def entry_point(self, name: str) -> Signature:
        """The signature of the kernel called ``name``; KeyError if there is none."""
        for signature in self.entry_points:
            if signature.name == name:
                return signature
        raise KeyError(name)

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
    condition: str | None = None
    """The function constant (or an expression of them) that says whether the parameter exists."""

    active: bool = True
    """False when ``condition`` is known to be false: then None is passed, and zeros are bound."""

    read: bool = True
    """False when the kernel surely never loads from it. What it does not write it leaves as it was."""


@dataclass(frozen=True, slots=True)
class ThreadgroupArgument:
    """One ``threadgroup T* name [[threadgroup(index)]]`` parameter: memory whose length the launch gives."""

    name: str
    index: int
    type_text: str
    itemsize: int | None = None
    """Bytes of one element, where known."""


@dataclass(frozen=True, slots=True)
class FunctionConstant:
    """A ``constant T name [[function_constant(index)]]``: its value is given when the kernel is compiled."""

    name: str
    index: int
    type: ValueType
    required: bool = True
    """False when the text asks ``is_function_constant_defined(name)`` before it reads the value."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A kernel as a caller sees it: its name and its arguments by buffer index."""

    name: str
    arguments: tuple[Argument, ...]
    builtins: tuple[str, ...] = ()
    """The thread and grid attributes it reads, e.g. ``thread_position_in_grid``."""

    max_threads: int | None = None
    """``[[max_total_threads_per_threadgroup(n)]]``, if given."""

    threadgroup_arguments: tuple[ThreadgroupArgument, ...] = ()
    threadgroup_bytes: int | None = 0
    """Threadgroup memory declared in bodies, in bytes; None where only the compiler knows."""

    constants: tuple[FunctionConstant, ...] = ()
    """The function constants that it, or a function it calls, reads."""

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
    constants: tuple[tuple[str | int, bool | int | float], ...] = ()
    """Values of function constants, by name or by index."""

    strategy: str | None = None
    """How a CPU shall run threadgroups: ``loops``, ``regions`` or ``fibers``; None: the fastest that can."""


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
    headers: str = ""
    """A digest of the user's own headers that the text includes: two texts differ if their headers do."""

    def entry_point(self, name: str) -> Signature:
        """The signature of the kernel called ``name``; KeyError if there is none."""
        for signature in self.entry_points:
            if signature.name == name:
                return signature
        raise KeyError(name)

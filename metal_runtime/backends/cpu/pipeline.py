"""Programs on the CPU device: an MslProgram in, pipelines with machine code out, compiled when first asked for."""

from __future__ import annotations

import ctypes
import struct
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from metal_runtime.backends.cpu.compiler import kernel_assembly, kernel_object
from metal_runtime.backends.cpu.entry import (
    ENTRY_SYMBOL,
    SIZES_SYMBOL,
    entry_text,
    runs_by_threadgroup,
)
from metal_runtime.backends.cpu.native_runtime import (
    NativeFailure,
    NativePipeline,
    function_address,
    load_object,
    native_runtime,
)
from metal_runtime.backends.cpu.outcomes import Outcome, divergence, exception_of
from metal_runtime.backends.cpu.threadgroup_memory import ThreadgroupMemory
from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.device.protocol import Binding
from metal_runtime.errors import LaunchError
from metal_runtime.msl.kernel_check import check_kernel
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.msl_to_cpp import TranslationUnit, translate
from metal_runtime.msl.strategy import LOOPS, REGIONS
from metal_runtime.program import MslProgram, Signature
from metal_runtime.recording.noting import compile_stage
from metal_runtime.settings import strategy_wish

MAX_THREADS_PER_THREADGROUP = 1024
WORTH_A_SIZE = 65_536
"""Threads of a launch that is worth the time to compile a kernel once more, for its size of threadgroup."""

MOST_SIZES = 8
"""So many sizes of threadgroup get code of their own, a kernel."""

_HEADER_BYTES = 56
_RELATIVE = 1 << 63  # marks an argument that is an offset into the request itself


_PADDING = tuple(bytes(-length % 16) for length in range(16))
"""What brings values to a multiple of 16 bytes."""


class PipelineTexts(Mapping[str, str]):
    """The texts a kernel went through, made when asked for: ``cpp`` and ``asm``."""

    def __init__(self, unit: TranslationUnit, program: MslProgram) -> None:
        self._makers: dict[str, Callable[[], str]] = {
            "cpp": lambda: unit.cpp_text(entry_text(unit)),
            "asm": lambda: kernel_assembly(unit, program.options),
        }

    def __getitem__(self, stage: str) -> str:
        return self._makers[stage]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, slots=True)
class NativeCode:
    """Machine code that is mapped, as the native runtime sees it."""

    native: NativePipeline
    library: ctypes.CDLL
    handle: int
    kernel: str
    pipeline: weakref.ref[CpuPipeline]


_CODES: dict[int, NativeCode] = {}
"""By handle, and for good, as the code itself stays mapped: a launch in a queue may outlive its pipeline."""


class CpuPipeline:
    """One kernel as machine code."""

    def __init__(self, unit: TranslationUnit, program: MslProgram) -> None:
        name = unit.kernel.signature.name
        # The caller's signature has the caller's names: MSL may have had to spell a parameter otherwise.
        declared = next((s for s in program.entry_points if s.name == name), unit.kernel.signature)
        self.strategy = unit.strategy
        self.max_threads_per_threadgroup = declared.max_threads or MAX_THREADS_PER_THREADGROUP
        self.texts: Mapping[str, str] = PipelineTexts(unit, program)
        path = str(kernel_object(unit, program))
        with compile_stage(name, "load"):
            self._library = load_object(path)  # keeps the code mapped
        self.signature: Signature = _with_sizes(declared, self._library)
        self._unit, self.program = unit, program
        self._memory = ThreadgroupMemory(unit, self.signature)
        count = len(self.signature.arguments) + len(self.signature.threadgroup_arguments)
        self._code = self._native(self._library, count)
        self._count = count
        self._sized: dict[Extent, NativeCode] = {}
        self._has_sizes = self.strategy == REGIONS
        padding = -(_HEADER_BYTES + 8 * count) % 16
        self._pack = struct.Struct(f"8I{3 + count}Q{padding}x").pack
        self._values_at = _HEADER_BYTES + 8 * count + padding

    def _native(self, library: ctypes.CDLL, count: int) -> NativeCode:
        native = NativePipeline(
            entry=function_address(library, ENTRY_SYMBOL),
            by_threadgroup=runs_by_threadgroup(self._unit),
            argument_count=count,
            meets=self.strategy != LOOPS,
        )
        handle = ctypes.addressof(native)
        code = NativeCode(native, library, handle, self.signature.name, weakref.ref(self))
        _CODES[handle] = code
        return code

    def handle(self, config: LaunchConfig) -> int:
        """The address of what the native runtime launches: for long launches by regions, code made for their size."""
        if not self._has_sizes:
            return self._code.handle
        sized = self._sized.get(config.threadgroup)
        if sized is not None:
            return sized.handle
        if config.thread_count < WORTH_A_SIZE or len(self._sized) >= MOST_SIZES:
            return self._code.handle
        library = load_object(str(kernel_object(self._unit, self.program, config.threadgroup)))
        made = self._native(library, self._count)
        return self._sized.setdefault(config.threadgroup, made).handle

    def request(
        self, stream: int, config: LaunchConfig, bindings: Sequence[Binding], times: int = 0
    ) -> bytes:
        """The launch as native/launches.cpp reads it: counts, addresses, then the bytes of values.

        ``stream`` is a native stream's handle; ``times`` as in ``Stream.launch``.
        """
        words = []
        values: list[bytes] = []
        at = _RELATIVE | self._values_at
        for binding in bindings:
            if binding.__class__ is tuple:
                allocation, offset = binding
                words.append(allocation.address + offset)
                continue
            words.append(at)
            length = len(binding)
            values.append(binding)  # type: ignore[arg-type]
            if length & 15:
                values.append(_PADDING[length & 15])
                length += -length & 15
            at += length
        nbytes, offsets = self._memory.of_launch(config.threadgroup_memory)
        handle = self.handle(config) if self._has_sizes else self._code.handle
        try:
            header = (nbytes, at ^ _RELATIVE, stream, handle, times)
            packed = self._pack(*config.grid, *config.threadgroup, *header, *words, *offsets)
            return b"".join((packed, *values))
        except struct.error:
            raise self._bad_request(config, bindings) from None

    def _bad_request(self, config: LaunchConfig, bindings: Sequence[Binding]) -> LaunchError:
        wanted = len(self.signature.arguments)
        if len(bindings) != wanted:
            return LaunchError(
                f"{len(bindings)} arguments are bound, it has {wanted}", kernel=self.signature.name
            )
        return self.bad_launch(config)

    def bad_launch(self, config: LaunchConfig) -> LaunchError:
        """What a launch of a shape raises that cannot be."""
        return LaunchError(
            f"grid {config.grid} with threadgroups of {config.threadgroup} cannot be launched",
            kernel=self.signature.name,
        )

    def fault(self, failure: NativeFailure) -> BaseException:
        """What a launch of this kernel that ended so raises."""
        outcome = Outcome(failure.outcome)
        if outcome is Outcome.DIVERGED:
            return divergence(failure.report, self._unit, self.program)
        return fault_of(outcome, self.signature.name, failure)


def exception(failure: NativeFailure) -> BaseException:
    """What a launch that failed raises, whichever pipeline it was of."""
    outcome = Outcome(failure.outcome)
    if outcome is Outcome.INTERRUPTED:
        return KeyboardInterrupt()
    if not failure.pipeline:
        return fault_of(outcome, "a kernel", failure)
    code = _CODES[failure.pipeline]
    pipeline = code.pipeline()
    return fault_of(outcome, code.kernel, failure) if pipeline is None else pipeline.fault(failure)


def fault_of(outcome: Outcome, kernel: str, failure: NativeFailure) -> BaseException:
    """What a launch raises whose outcome says all."""
    limit = native_runtime().time_limit
    return exception_of(outcome, kernel, address=failure.address, time_limit=limit)


class CpuProgram:
    """A program whose kernels compile when they are first asked for."""

    def __init__(self, program: MslProgram) -> None:
        self.program = program
        self._library: Library = read_library(program.source, program.file, program.options)
        self._pipelines: dict[str, CpuPipeline] = {}

    def pipeline(self, name: str) -> CpuPipeline:
        found = self._pipelines.get(name)
        if found is None:
            kernel = self._library.kernel(name)
            with compile_stage(name, "check"):
                check_kernel(kernel, self.program)
            wish = self.program.options.strategy or strategy_wish()
            with compile_stage(name, "translate"):
                unit = translate(self._library, name, wish)
            native_runtime().install_fault_handlers()
            # Two threads may both compile it: the same object comes out, and one of them stays.
            found = self._pipelines.setdefault(name, CpuPipeline(unit, self.program))
        return found


def _with_sizes(signature: Signature, library: ctypes.CDLL) -> Signature:
    """The signature with the size of every element and value, a user's struct included."""
    arguments = signature.arguments
    if all(argument.itemsize is not None for argument in arguments):
        return signature
    sizes = (ctypes.c_uint32 * len(arguments)).in_dll(library, SIZES_SYMBOL)
    sized = [
        argument if argument.itemsize is not None else replace(argument, itemsize=size or None)
        for argument, size in zip(arguments, sizes, strict=True)
    ]
    return replace(signature, arguments=tuple(sized))

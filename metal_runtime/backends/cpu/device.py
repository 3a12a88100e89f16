"""The CPU device: MslPrograms in, kernels running on all processors out."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from metal_runtime import settings
from metal_runtime.backends.cpu.compiler import kernel_assembly, kernel_object
from metal_runtime.backends.cpu.entry import (
    ENTRY_SYMBOL,
    SIMD_WIDTH,
    entry_text,
    runs_by_threadgroup,
)
from metal_runtime.backends.cpu.native_runtime import (
    NativePipeline,
    Outcome,
    function_address,
    load_object,
    native_runtime,
)
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Allocation, Binding, DeviceTraits
from metal_runtime.errors import DeviceMemoryError, InternalError, KernelFault, LaunchError
from metal_runtime.msl import clang
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.msl_to_cpp import TranslationUnit, translate
from metal_runtime.program import MslProgram, Signature

MAX_THREADS_PER_THREADGROUP = 1024


class CpuAllocation:
    """A block of memory with a page behind it that nobody may touch."""

    __slots__ = ("address", "nbytes")

    def __init__(self, address: int, nbytes: int) -> None:
        self.address = address
        self.nbytes = nbytes


class CpuAllocator:
    """Memory from the system; large blocks lie on huge pages where the system has them."""

    def allocate(self, nbytes: int) -> CpuAllocation:
        address = native_runtime().allocate(nbytes)
        if not address:
            raise DeviceMemoryError(
                f"the system has no memory for {nbytes} bytes", hint="close buffers first"
            )
        return CpuAllocation(address, nbytes)

    def free(self, allocation: Allocation) -> None:
        native_runtime().free(allocation.address, allocation.nbytes)


class PipelineTexts(Mapping[str, str]):
    """The texts a kernel went through, made when asked for: ``cpp`` and ``asm``."""

    def __init__(self, unit: TranslationUnit, program: MslProgram) -> None:
        self._makers: dict[str, Callable[[], str]] = {
            "cpp": lambda: unit.cpp_text(entry_text(unit.kernel)),
            "asm": lambda: kernel_assembly(unit, program.options),
        }

    def __getitem__(self, stage: str) -> str:
        return self._makers[stage]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class CpuPipeline:
    """One kernel as machine code."""

    def __init__(self, unit: TranslationUnit, program: MslProgram) -> None:
        self.signature: Signature = unit.kernel.signature
        self.max_threads_per_threadgroup = self.signature.max_threads or MAX_THREADS_PER_THREADGROUP
        self.texts: Mapping[str, str] = PipelineTexts(unit, program)
        self._library = load_object(str(kernel_object(unit, program)))  # keeps the code mapped
        count = len(self.signature.arguments)
        self._native = NativePipeline(
            entry=function_address(self._library, ENTRY_SYMBOL),
            by_threadgroup=runs_by_threadgroup(unit.kernel),
            argument_count=count,
        )
        self.handle = ctypes.addressof(self._native)
        padding = -(24 + 8 * count) % 16
        self._pack = struct.Struct(f"6I{count}Q{padding}x").pack
        self._values_at = 24 + 8 * count + padding

    def request(self, config: LaunchConfig, bindings: Sequence[Binding]) -> bytes:
        """The launch as native/pool.cpp reads it: counts, addresses, then the bytes of values."""
        words = []
        values = b""
        for binding in bindings:
            if type(binding) is tuple:
                words.append(binding[0].address + binding[1])
            else:
                words.append(_RELATIVE | (self._values_at + len(values)))
                values += binding + bytes(-len(binding) % 16)  # type: ignore[operator]
        try:
            return self._pack(*config.grid, *config.threadgroup, *words) + values
        except struct.error:
            raise self._bad_request(config, bindings) from None

    def _bad_request(self, config: LaunchConfig, bindings: Sequence[Binding]) -> LaunchError:
        wanted = len(self.signature.arguments)
        if len(bindings) != wanted:
            return LaunchError(
                f"{len(bindings)} arguments are bound, it has {wanted}", kernel=self.signature.name
            )
        return LaunchError(
            f"grid {config.grid} with threadgroups of {config.threadgroup} cannot be launched",
            kernel=self.signature.name,
        )


_RELATIVE = 1 << 63


class CpuProgram:
    """A program whose kernels compile when they are first asked for."""

    def __init__(self, program: MslProgram) -> None:
        self._program = program
        self._library: Library = read_library(program.source, program.file, program.options)
        self._pipelines: dict[str, CpuPipeline] = {}
        for signature in program.entry_points:
            _check_agreement(signature, self._library.kernel(signature.name).signature)

    def pipeline(self, name: str) -> CpuPipeline:
        found = self._pipelines.get(name)
        if found is None:
            unit = translate(self._library, name)
            native_runtime().install_fault_handlers()
            # Two threads may both compile it: the same object comes out, and one of them stays.
            found = self._pipelines.setdefault(name, CpuPipeline(unit, self._program))
        return found


def _check_agreement(declared: Signature, read: Signature) -> None:
    """A signature that does not fit its text would bind memory wrongly."""
    shapes = [[(a.index, a.kind) for a in signature.arguments] for signature in (declared, read)]
    if shapes[0] != shapes[1]:
        raise InternalError(
            f"the signature of `{declared.name}` does not fit its text: {declared} / {read}"
        )


class CpuStream:
    """Launches that end before ``launch`` returns: the caller's thread works with the pool's."""

    def __init__(self) -> None:
        self._launch = native_runtime().launch

    def launch(
        self, pipeline: CpuPipeline, config: LaunchConfig, bindings: Sequence[Binding]
    ) -> None:
        outcome = self._launch(pipeline.handle, pipeline.request(config, bindings))
        if outcome:
            raise _fault(Outcome(outcome), pipeline.signature, config)

    def synchronize(self) -> None:
        """Nothing to wait for."""


def _fault(outcome: Outcome, signature: Signature, config: LaunchConfig) -> BaseException:
    name = signature.name
    if outcome is Outcome.INTERRUPTED:
        return KeyboardInterrupt()
    if outcome is Outcome.DIVISION:
        return KernelFault("an integer was divided by zero (or the smallest integer by -1)", kernel=name,
                           hint="test the divisor in the kernel")  # fmt: skip
    if outcome is Outcome.MEMORY:
        address = native_runtime().fault_address()
        return KernelFault(f"it touched address {address:#x}, outside its buffers", kernel=name,
                           hint="compare indices with the number of elements in the kernel")  # fmt: skip
    if outcome is Outcome.TRAP:
        return KernelFault(
            "it executed a trap: an integer divided by zero, or code that cannot be reached",
            kernel=name,
        )
    if outcome is Outcome.TIME_LIMIT:
        return KernelFault(f"it still ran after {settings.time_limit():g} seconds and was ended", kernel=name,
                           hint="look for a loop without end, or set IRIS_TIME_LIMIT to more seconds")  # fmt: skip
    if outcome is Outcome.NO_THREADS:
        return DeviceMemoryError("the system has no memory for a thread")
    return LaunchError(
        f"grid {config.grid} with threadgroups of {config.threadgroup} cannot be launched",
        kernel=name,
    )


class CpuDevice:
    """All processors of this machine as one device."""

    def __init__(self) -> None:
        runtime = native_runtime()
        runtime.set_threads(settings.worker_threads())
        runtime.set_time_limit(int(settings.time_limit() * 1e9))
        self.allocator = CpuAllocator()
        self.stream = CpuStream()

    @functools.cached_property
    def traits(self) -> DeviceTraits:
        return DeviceTraits(
            name=processor_name(),
            backend="cpu",
            max_threads_per_threadgroup=MAX_THREADS_PER_THREADGROUP,
            simd_width=SIMD_WIDTH,
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            compute_units=settings.worker_threads(),
            toolchain=clang.toolchain(),
        )

    def load(self, program: MslProgram) -> CpuProgram:
        return CpuProgram(program)

    def close(self) -> None:
        native_runtime().stop_workers()


def processor_name() -> str:
    """The processor's human name, or its architecture where the system does not tell."""
    if sys.platform == "linux":
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            for line in file.read(8192).decode(errors="replace").splitlines():
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return os.uname().machine


def open_device() -> CpuDevice:
    """The CPU device. Raises DeviceError when the compiler is missing."""
    clang.zig_binary()
    return CpuDevice()

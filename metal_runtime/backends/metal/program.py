"""Programs on the Metal device: an MslProgram in, pipelines out, each made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType

from metal_runtime.backends.metal.archive import PipelineArchive
from metal_runtime.backends.metal.compile_options import compile_options, constant_values
from metal_runtime.backends.metal.diagnostics import library_error, warnings
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLComputePipelineState,
    MTLDevice,
    MTLFunction,
    MTLLibrary,
    NSError,
)
from metal_runtime.errors import MslError
from metal_runtime.logging import get_logger
from metal_runtime.msl.kernel_check import check_kernel
from metal_runtime.msl.library import KernelModel, Library, read_library
from metal_runtime.msl.standalone import standalone_text
from metal_runtime.program import ArgumentKind, MslProgram, Signature
from metal_runtime.recording.noting import compile_stage

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


class MetalPipeline:
    """One kernel, ready to launch: its pipeline state, and where its arguments go."""

    strategy = "gpu"
    texts = _NO_TEXTS
    """None: Apple's compiler shows nothing of what it makes."""

    def __init__(
        self, state: MTLComputePipelineState, signature: Signature, program: MslProgram
    ) -> None:
        self.program = program
        self.state = state
        self.signature = signature
        limit = state.maxTotalThreadsPerThreadgroup()
        self.max_threads_per_threadgroup = min(limit, signature.max_threads or limit)
        self.simd_width = state.threadExecutionWidth()
        self.static_threadgroup_memory = state.staticThreadgroupMemoryLength()
        self.indices = tuple(argument.index for argument in signature.arguments)
        self.is_value = tuple(a.kind is ArgumentKind.VALUE for a in signature.arguments)
        self.memory_indices = tuple(a.index for a in signature.threadgroup_arguments)

    def __repr__(self) -> str:
        return f"<pipeline {self.signature.name} on metal>"


class MetalProgram:
    """A program whose library is made at once, and whose kernels are pipelines when they are first asked for."""

    def __init__(
        self, program: MslProgram, device: MTLDevice, framework: Framework, archive: PipelineArchive
    ) -> None:
        """Raises MslError at the user's line for what iris or Apple's compiler refuses."""
        self._program, self._framework, self._archive = program, framework, archive
        self._model: Library = read_library(program.source, program.file, program.options)
        with compile_stage(program.file, "library"), framework.autorelease_pool():
            self._library = _make_library(program, device, framework)
        self._pipelines: dict[str, MetalPipeline] = {}
        self._lock = threading.Lock()

    def pipeline(self, name: str) -> MetalPipeline:
        with self._lock:
            found = self._pipelines.get(name)
            if found is None:
                found = self._pipelines[name] = self._make(self._model.kernel(name))
        return found

    def _make(self, kernel: KernelModel) -> MetalPipeline:
        name = kernel.signature.name
        with compile_stage(name, "check"):
            check_kernel(kernel, self._program)
        with compile_stage(name, "pipeline"), self._framework.autorelease_pool():
            state, error = self._archive.pipeline_state(self._function(kernel))
        if state is None:
            raise _refused(kernel, error, "makes no pipeline of")
        # The caller's signature has the caller's names: MSL may have had to spell a parameter otherwise.
        declared = (s for s in self._program.entry_points if s.name == kernel.signature.name)
        return MetalPipeline(state, next(declared, kernel.signature), self._program)

    def _function(self, kernel: KernelModel) -> MTLFunction:
        signature = kernel.signature
        values = constant_values(
            signature.constants, self._program.options.constants, self._framework
        )
        function, error = self._library.newFunctionWithName_constantValues_error_(
            signature.name, values, None
        )
        if function is None:
            raise _refused(kernel, error, "finds no function for")
        return function


def _make_library(program: MslProgram, device: MTLDevice, framework: Framework) -> MTLLibrary:
    text = standalone_text(program.source, program.file, program.options)
    options = compile_options(program.options, framework)
    library, error = device.newLibraryWithSource_options_error_(text, options, None)
    if library is None:  # there may be an error beside a library: warnings
        raise library_error(error, program)
    for warning in warnings(error, program):
        get_logger().warning("%s", warning)
    library.setLabel_(program.file)
    return library


def _refused(kernel: KernelModel, error: NSError | None, what: str) -> MslError:
    reason = "it gives no reason" if error is None else error.localizedDescription().strip()
    return MslError(
        f"Metal {what} kernel `{kernel.signature.name}`: {reason}", kernel.signature.span
    )

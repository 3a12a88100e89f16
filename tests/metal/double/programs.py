"""Libraries, functions, pipeline states, binary archives: MSL text in, kernels that run here out."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np

from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.backends.metal.compile_options import data_type
from metal_runtime.dtype import DType
from metal_runtime.errors import MslError
from metal_runtime.msl.library import Library as Model
from metal_runtime.msl_types import Vector
from metal_runtime.program import CompileOptions, FunctionConstant, MathMode, Signature
from tests.metal.double.compiler import message, pipeline_of, with_constants
from tests.metal.double.foundation import NSURL, NSError
from tests.metal.double.objects import Descriptor, ObjCClass, ObjCObject
from tests.metal.double.table import enum
from tests.metal.double.world import World

_SAFE = 0
LIBRARY_DOMAIN, ARCHIVE_DOMAIN = "MTLLibraryErrorDomain", "MTLBinaryArchiveDomain"
COMPILE_FAILURE, COMPILE_WARNING, FUNCTION_NOT_FOUND = 3, 4, 5
FAIL_ON_ARCHIVE_MISS = 4


class MTLCompileOptions(Descriptor, objc_name="MTLCompileOptions"):
    """Fast math is what Metal does when it is not told otherwise."""

    objc_properties = {
        "languageVersion": (int, 0),
        "mathMode": (int, 2),
        "fastMathEnabled": (bool, True),
        "preprocessorMacros": (dict | None, None),
    }

    def _language(self) -> int:
        newest = self._world.profile.newest_language
        version: int = self._values["languageVersion"] or newest
        self._world.check(
            version in {enum(f"MTLLanguageVersion{v}") for v in ("2_4", "3_0", "3_1", "3_2", "4_0")}
            and version <= newest,
            f"language version {version:#x} is not one that macOS {self._world.profile.macos[0]} has",
        )
        return version

    def _options(self) -> CompileOptions:
        check = self._world.check
        macros = self._values["preprocessorMacros"] or {}
        check(
            all(isinstance(k, str) and isinstance(v, str | int) for k, v in macros.items()),
            f"preprocessor macros must map names to text or numbers: {macros!r}",
        )
        check(self._values["mathMode"] in (0, 1, 2), "there is no such math mode")
        safe = self._values["mathMode"] == _SAFE or not self._values["fastMathEnabled"]
        defines = tuple((name, str(value)) for name, value in macros.items())
        return CompileOptions(MathMode.SAFE if safe else MathMode.FAST, defines=defines)


class FunctionConstantValues(ObjCClass, objc_name="MTLFunctionConstantValues"):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._given: dict[str | int, tuple[int, bytes]] = {}

    def setConstantValue_type_atIndex_(self, value: Any, type_: int, index: int) -> None:
        self._described("setConstantValue:type:atIndex:")
        self._world.check(index <= 65_535, f"no function constant has index {index}")
        self._given[index] = (type_, bytes(value))

    def setConstantValue_type_withName_(self, value: Any, type_: int, name: str) -> None:
        self._described("setConstantValue:type:withName:")
        self._given[name] = (type_, bytes(value))

    def _described(self, selector: str) -> None:
        """The wheel describes no method of this class: pyobjc then takes an address, and no bytes."""
        self._world.check(
            ("MTLFunctionConstantValues", selector) in self._world.described,
            f"pyobjc takes no bytes for {selector}, unless its arguments are described to it",
        )

    def reset(self) -> None:
        self._given.clear()

    def _values(self, constants: list[FunctionConstant]) -> tuple[tuple[str | int, Any], ...]:
        """What is given for the constants of a library, as iris takes it; others are ignored, as by Metal."""
        found: list[tuple[str | int, Any]] = []
        for constant in constants:
            given = self._given.get(constant.name, self._given.get(constant.index))
            if given is not None:
                found.append((constant.name, self._decoded(constant, *given)))
        return tuple(found)

    def _decoded(self, constant: FunctionConstant, type_: int, data: bytes) -> Any:
        check = self._world.check
        wanted = constant.type
        check(
            type_ == data_type(wanted),
            f"function constant {constant.name} is {wanted}, given as MTLDataType {type_}",
        )
        check(
            len(data) >= wanted.itemsize,
            f"function constant {constant.name} has {wanted.itemsize} bytes, given {len(data)}",
        )
        scalar: DType = wanted.element if isinstance(wanted, Vector) else wanted
        width = wanted.width if isinstance(wanted, Vector) else 1
        items = np.frombuffer(data, scalar.numpy_dtype, width)
        numbers = [item.item() for item in items]
        return tuple(numbers) if isinstance(wanted, Vector) else numbers[0]


class Function(ObjCObject, objc_name="MTLFunction"):
    def __init__(self, library: Library, name: str, options: CompileOptions) -> None:
        super().__init__(library._world)
        self._library, self._name, self._options = library, name, options
        self._label: str | None = None

    def name(self) -> str:
        return self._name

    def device(self) -> ObjCObject:
        return self._library._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    def _key(self) -> str:
        """What an archive finds its machine code by."""
        text = repr((self._library._source, self._name, self._options))
        return hashlib.sha256(text.encode()).hexdigest()


class Library(ObjCObject, objc_name="MTLLibrary"):
    def __init__(
        self, device: ObjCObject, source: str, options: CompileOptions, model: Model
    ) -> None:
        super().__init__(device._world)
        self._device, self._source, self._options, self._model = device, source, options, model
        self._label: str | None = None

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    def functionNames(self) -> tuple[str, ...]:
        return self._model.names

    def _has(self, name: str) -> bool:
        return name in self._model.names and self._model.is_kernel(name)

    def newFunctionWithName_(self, name: str) -> Function | None:
        if not self._has(name):
            return None
        return Function(self, name, self._options)

    def newFunctionWithName_constantValues_error_(
        self, name: str, values: FunctionConstantValues, error: None
    ) -> tuple[Function | None, NSError | None]:
        if not self._has(name):
            text = f"Function {name} was not found in the library"
            return None, NSError(self._world, LIBRARY_DOMAIN, FUNCTION_NOT_FOUND, text)
        declared = [c.constant for c in self._model.constants.declared.values()]
        options = with_constants(self._options, values._values(declared))
        return Function(self, name, options), None


class PipelineState(ObjCObject, objc_name="MTLComputePipelineState"):
    def __init__(self, device: ObjCObject, function: Function, pipeline: CpuPipeline) -> None:
        super().__init__(device._world)
        self._device, self._pipeline = device, pipeline
        self._name = function._name
        self._signature: Signature = pipeline.signature

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return None

    def allocatedSize(self) -> int:
        return 16_384

    def maxTotalThreadsPerThreadgroup(self) -> int:
        return self._max_threads()

    def _max_threads(self) -> int:
        limit: int = self._device._gpu.max_threads
        wanted = self._world.faults.pipeline_threads.get(self._name, limit)
        return min(limit, wanted, self._signature.max_threads or limit)

    def threadExecutionWidth(self) -> int:
        width: int = self._device._gpu.simd_width
        return width

    def staticThreadgroupMemoryLength(self) -> int:
        return self._static_memory()

    def _static_memory(self) -> int:
        return -(-(self._signature.threadgroup_bytes or 0) // 16) * 16


class PipelineDescriptor(Descriptor, objc_name="MTLComputePipelineDescriptor"):
    objc_properties = {
        "label": (str | None, None),
        "computeFunction": (Function | None, None),
        "maxTotalThreadsPerThreadgroup": (int, 0),
        "binaryArchives": (list | tuple | None, None),
    }


class ArchiveDescriptor(Descriptor, objc_name="MTLBinaryArchiveDescriptor"):
    objc_properties = {"url": (NSURL | None, None)}


class BinaryArchive(ObjCObject, objc_name="MTLBinaryArchive"):
    """Keys of machine code, kept in a file that only the same GPU and system take."""

    def __init__(self, device: ObjCObject, keys: set[str]) -> None:
        super().__init__(device._world)
        self._device, self._keys = device, keys
        self._label: str | None = None

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    def addComputePipelineFunctionsWithDescriptor_error_(
        self, descriptor: PipelineDescriptor, error: None
    ) -> tuple[bool, NSError | None]:
        function = descriptor._values["computeFunction"]
        self._world.check(function is not None, "a pipeline descriptor without computeFunction")
        self._keys.add(function._key())
        return True, None

    def serializeToURL_error_(self, url: NSURL, error: None) -> tuple[bool, NSError | None]:
        if not self._keys:
            return False, _archive_error(self._world, 2, "there is nothing to serialize")
        content = {"made for": _maker(self._device), "kernels": sorted(self._keys)}
        try:
            with open(url._path, "w") as file:
                json.dump(content, file)
        except OSError as trouble:
            return False, _archive_error(self._world, 4, f"cannot write: {trouble}")
        return True, None


def open_archive(device: ObjCObject, url: NSURL | None) -> tuple[BinaryArchive | None, Any]:
    """An archive with what a file holds, or an empty one; None and why."""
    if url is None:
        return BinaryArchive(device, set()), None
    try:
        with open(url._path) as file:
            content = json.load(file)
        if content["made for"] != _maker(device):
            return None, _archive_error(device._world, 1, "made for another device or system")
        return BinaryArchive(device, set(content["kernels"])), None
    except (OSError, ValueError, KeyError, TypeError):
        name = os.path.basename(url._path)
        return None, _archive_error(device._world, 1, f"{name} is no binary archive")


def new_pipeline(
    device: ObjCObject, function: Function, options: int, archives: Any
) -> tuple[PipelineState | None, NSError | None]:
    """A function's pipeline state; it counts as compiled unless an archive has it."""
    world = device._world
    world.check(function._library._device is device, "a function of another device")
    world.check(options & ~0x7 == 0, f"pipeline options {options} hold unknown bits")
    held = any(function._key() in archive._keys for archive in archives or ())
    if not held and options & FAIL_ON_ARCHIVE_MISS:
        return None, _archive_error(world, 2, f"{function._name} is in no binary archive")
    try:
        pipeline = pipeline_of(function._library._source, function._options, function._name)
    except MslError as error:
        return None, NSError(world, LIBRARY_DOMAIN, COMPILE_FAILURE, message(error))
    if not held:
        world.compiled.append(function._name)
    return PipelineState(device, function, pipeline), None


def _maker(device: ObjCObject) -> list[str]:
    return [device._gpu.name, device._world.profile.build]


def _archive_error(world: World, code: int, text: str) -> NSError:
    return NSError(world, ARCHIVE_DOMAIN, code, text)

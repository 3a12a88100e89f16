"""pyobjc behind one object: nothing enters, the Framework through which the driver makes every object of Metal leaves.

The only module that imports ``Metal``, ``Foundation`` and ``objc``, so that other bindings can take their place.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from metal_runtime.backends.metal.protocols import (
    NSURL,
    Framework,
    MTLBinaryArchiveDescriptor,
    MTLCaptureDescriptor,
    MTLCaptureManager,
    MTLCommandBufferDescriptor,
    MTLCompileOptions,
    MTLComputePipelineDescriptor,
    MTLDevice,
    MTLFunctionConstantValues,
    MTLHeapDescriptor,
    MTLResidencySetDescriptor,
)
from metal_runtime.errors import DeviceError

_CORE_GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
_BUILD = re.compile(r"\(Build (\w+)\)")


# pyobjc describes these nowhere, and would take an address for the value: (class, selector) -> what argument 2 is.
_VALUE = {"arguments": {2: {"type": b"^v", "type_modifier": b"n", "c_array_of_variable_length": True}}}  # fmt: skip
_UNDESCRIBED = ((b"MTLFunctionConstantValues", b"setConstantValue:type:atIndex:", _VALUE),)


class PyObjCFramework:
    """Metal through pyobjc-framework-Metal."""

    def __init__(self, metal: Any, foundation: Any, objc: Any) -> None:
        self._metal, self._foundation = metal, foundation
        for class_, selector, description in _UNDESCRIBED:
            objc.registerMetaDataForSelector(class_, selector, description)
        process = foundation.NSProcessInfo.processInfo()
        version = process.operatingSystemVersion()
        self.macos: tuple[int, int] = (version[0], version[1])
        build = _BUILD.search(process.operatingSystemVersionString())
        self.os_build: str = build[1] if build else "unknown"
        self.encoder_info_key: str = metal.MTLCommandBufferEncoderInfoErrorKey
        self.autorelease_pool: Callable[[], AbstractContextManager[object]] = objc.autorelease_pool

    def system_default_device(self) -> MTLDevice | None:
        device: MTLDevice | None = self._metal.MTLCreateSystemDefaultDevice()
        return device

    def all_devices(self) -> Sequence[MTLDevice]:
        return tuple(self._metal.MTLCopyAllDevices() or ())

    def file_url(self, path: str) -> NSURL:
        url: NSURL = self._foundation.NSURL.fileURLWithPath_(path)
        return url

    def capture_manager(self) -> MTLCaptureManager:
        manager: MTLCaptureManager = self._metal.MTLCaptureManager.sharedCaptureManager()
        return manager

    def compile_options(self) -> MTLCompileOptions:
        options: MTLCompileOptions = self._metal.MTLCompileOptions.alloc().init()
        return options

    def function_constant_values(self) -> MTLFunctionConstantValues:
        values: MTLFunctionConstantValues = self._metal.MTLFunctionConstantValues.alloc().init()
        return values

    def compute_pipeline_descriptor(self) -> MTLComputePipelineDescriptor:
        made: MTLComputePipelineDescriptor = self._metal.MTLComputePipelineDescriptor.alloc().init()
        return made

    def command_buffer_descriptor(self) -> MTLCommandBufferDescriptor:
        made: MTLCommandBufferDescriptor = self._metal.MTLCommandBufferDescriptor.alloc().init()
        return made

    def heap_descriptor(self) -> MTLHeapDescriptor:
        made: MTLHeapDescriptor = self._metal.MTLHeapDescriptor.alloc().init()
        return made

    def residency_set_descriptor(self) -> MTLResidencySetDescriptor:
        made: MTLResidencySetDescriptor = self._metal.MTLResidencySetDescriptor.alloc().init()
        return made

    def binary_archive_descriptor(self) -> MTLBinaryArchiveDescriptor:
        made: MTLBinaryArchiveDescriptor = self._metal.MTLBinaryArchiveDescriptor.alloc().init()
        return made

    def capture_descriptor(self) -> MTLCaptureDescriptor:
        made: MTLCaptureDescriptor = self._metal.MTLCaptureDescriptor.alloc().init()
        return made


@functools.cache
def framework() -> Framework:
    """The bindings, loaded once.

    Raises:
        DeviceError: this is no Mac, or pyobjc is not installed.
    """
    if sys.platform == "darwin":
        ctypes.CDLL(
            _CORE_GRAPHICS
        )  # without it there is no default device in a command-line process
    try:
        modules = [importlib.import_module(name) for name in ("Metal", "Foundation", "objc")]
    except ImportError as error:
        raise _missing(error) from error
    return PyObjCFramework(*modules)


def _missing(error: ImportError) -> DeviceError:
    if sys.platform != "darwin":
        return DeviceError(
            "Metal runs on macOS only", hint="set IRIS_DEVICE=cpu, or unset it, to run kernels here"
        )
    return DeviceError(
        f"the bindings of Metal are missing: {error}",
        hint="install pyobjc-framework-Metal, or set IRIS_DEVICE=cpu",
    )

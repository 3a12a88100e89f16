"""iris: write GPU kernels in Python or MSL, run that one MSL text on every device.

Names load on first use, so that importing the package costs little more than importing NumPy.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from metal_runtime._version import __version__
from metal_runtime.kernel import KernelFunction, kernel  # now, before the module takes its name

if TYPE_CHECKING:
    from metal_runtime import api as api
    from metal_runtime import language as metal
    from metal_runtime import ops as ops
    from metal_runtime.buffer import MetalBuffer
    from metal_runtime.dtype import DType
    from metal_runtime.errors import (
        ClosedBufferError,
        CompileError,
        DeviceError,
        DeviceMemoryError,
        DTypeError,
        InternalError,
        IrisError,
        KernelFault,
        KernelTypeError,
        LaunchError,
        MslError,
        ShapeError,
        SharingError,
        UnknownKernelError,
        UnsupportedPythonError,
    )
    from metal_runtime.library import Library, compile
    from metal_runtime.logging import LogLevel, configure_logging, get_logger

_MODULES = {"api": "api", "metal": "language", "ops": "ops"}
_HOMES = {
    "Library": "library",
    "MetalBuffer": "buffer",
    "compile": "library",
    "DType": "dtype",
    "LogLevel": "logging",
    "configure_logging": "logging",
    "get_logger": "logging",
} | dict.fromkeys(
    [
        "ClosedBufferError",
        "CompileError",
        "DTypeError",
        "DeviceError",
        "DeviceMemoryError",
        "InternalError",
        "IrisError",
        "KernelFault",
        "KernelTypeError",
        "LaunchError",
        "MslError",
        "ShapeError",
        "SharingError",
        "UnknownKernelError",
        "UnsupportedPythonError",
    ],
    "errors",
)

__all__ = [
    "ClosedBufferError",
    "CompileError",
    "DType",
    "DTypeError",
    "DeviceError",
    "DeviceMemoryError",
    "InternalError",
    "IrisError",
    "KernelFault",
    "KernelFunction",
    "KernelTypeError",
    "LaunchError",
    "Library",
    "LogLevel",
    "MetalBuffer",
    "MslError",
    "ShapeError",
    "SharingError",
    "UnknownKernelError",
    "UnsupportedPythonError",
    "__version__",
    "api",
    "compile",
    "configure_logging",
    "get_logger",
    "kernel",
    "metal",
    "ops",
]


def _obey_log_level() -> None:
    """Sends the log to standard error. What is wrong with the wish is logged: a program does not fail for its log's sake."""
    from metal_runtime import settings
    from metal_runtime.errors import IrisError
    from metal_runtime.logging import configure_logging

    try:
        level = settings.log_level()
    except IrisError as error:
        configure_logging("warning").warning("%s", error)
    else:
        if level is not None:
            configure_logging(level)


if "IRIS_LOG" in os.environ:
    _obey_log_level()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value: Any = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

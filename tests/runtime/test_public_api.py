"""The names that programs rely on, pinned: a change here is a change for every user."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import metal_runtime
from metal_runtime import api, decorator, runtime
from metal_runtime.kernel import KernelFunction

PACKAGE = """
ClosedBufferError CompileError DType DTypeError DeviceError DeviceMemoryError InternalError IrisError
KernelFault KernelFunction KernelTypeError LaunchError Library LogLevel MetalBuffer MslError ShapeError SharingError
UnknownKernelError UnsupportedPythonError __version__ api compile configure_logging get_logger kernel metal ops
"""
SIGNATURES = {
    "asarray": "(array, *, copy=None, persistent=None)",
    "capture": "(path)",
    "device": "(name=None)",
    "elementwise": "(function)",
    "empty": "(shape, dtype=DType.FLOAT32, *, persistent=None)",
    "empty_like": "(buffer, *, persistent=None)",
    "explain": "(*buffers)",
    "enable_persistence_default": "(value=True)",
    "from_dlpack": "(source, *, copy=None)",
    "full": "(shape, value, dtype=DType.FLOAT32, *, persistent=None)",
    "fused": "()",
    "launch": "(source, function_name, grid, block=None, args=())",
    "launch_kernel": "(name, grid, block=None, args=())",
    "log_event": "(name, duration_ms, phase='run')",
    "memory": "()",
    "ones": "(shape, dtype=DType.FLOAT32, *, persistent=None)",
    "persistent_buffers": "()",
    "profile": "(*, roofline=True)",
    "reduction": "(*, identity, dtype=None)",
    "register_kernel": "(name, source, function_name)",
    "set_memory_limit": "(limit)",
    "synchronize": "()",
    "to_numpy": "(buffer)",
    "trim": "()",
    "zeros": "(shape, dtype=DType.FLOAT32, *, persistent=None)",
}
BUFFER = """
T all any argmax argmin astype broadcast_to ceil close closed copy copy_from cos device dtype exp expand_dims
flatten flip floor gelu item itemsize log mT max mean min moveaxis nbytes ndim numel numpy persistent prod
ravel relu reshape rsqrt shape sigmoid sin size sqrt squeeze std strides sum swapaxes tanh to to_device to_numpy tolist
transpose var
"""


def plain(function) -> str:
    """The signature without annotations."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def test_the_package():
    assert sorted(metal_runtime.__all__) == sorted(PACKAGE.split())
    for name in metal_runtime.__all__:
        assert getattr(metal_runtime, name) is not None
        assert name in dir(metal_runtime)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = metal_runtime.nonsense


def test_the_api():
    assert {name: plain(getattr(api, name)) for name in SIGNATURES} == SIGNATURES
    assert sorted(api.__all__) == sorted(
        [
            *SIGNATURES,
            "ComputeDevice",
            "DType",
            "Event",
            "KernelRegistry",
            "MetalBuffer",
            "Stream",
            "random",
        ]
    )


def test_the_originals_modules():
    assert decorator.kernel is metal_runtime.kernel
    assert decorator.metal is metal_runtime.metal
    assert decorator.KernelFunction is KernelFunction is metal_runtime.KernelFunction
    assert runtime.MetalBuffer is metal_runtime.MetalBuffer is api.MetalBuffer
    assert callable(runtime.get_runtime)
    with pytest.raises(AttributeError):
        _ = runtime.nonsense


def test_the_buffer():
    public = [name for name in dir(metal_runtime.MetalBuffer) if not name.startswith("_")]
    assert sorted(public) == sorted(BUFFER.split())


def test_kernel_is_the_decorator_whatever_was_imported_first():
    for first in ("metal_runtime.kernel", "metal_runtime.api", "metal_runtime.decorator"):
        code = f"import {first}; import metal_runtime as m; assert type(m.kernel).__name__ == 'function'"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_loads_neither_compiler_nor_device():
    code = (
        "import sys, metal_runtime; "
        "heavy = ('frontend', 'emit', 'passes', 'msl.', 'backends', 'ops', 'ir.interpret'); "
        "bad = [m for m in sys.modules if m.startswith(tuple('metal_runtime.' + h for h in heavy))]; "
        "assert not bad, bad; assert 'rich' not in sys.modules; assert 'ml_dtypes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

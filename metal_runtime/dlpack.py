"""DLPack both ways: a NumPy array in, a capsule out; another library's array in, a NumPy array over its memory out.

NumPy reads and writes the capsules. It knows no bfloat, which is as wide as uint16: for bfloat the code of the
type is put into the capsule, or taken from it, here. (The structures: dmlc/dlpack, include/dlpack/dlpack.h.)
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.errors import SharingError

CPU = (1, 0)
"""kDLCPU, the first: memory as the host sees it."""

_HOST = (1, 3, 11, 13)  # kDLCPU, kDLCUDAHost, kDLROCMHost, kDLCUDAManaged
_VERSION = (1, 0)
_UINT, _BFLOAT = 1, 4  # kDLUInt, kDLBfloat
_DTYPE_AT = {b"dltensor": 20, b"dltensor_versioned": 52}
"""Bytes before DLTensor.dtype in DLManagedTensor and DLManagedTensorVersioned: code, bits, lanes."""

_NUMPY_IS_VERSIONED = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def exported(
    array: np.ndarray[Any, Any],
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A capsule over the array's memory, or over a copy of it: the protocol of 2023, which older callers know too.

    Raises:
        SharingError: another device than the host's was asked for, or a stream, which the host has not.
    """
    if stream is not None:
        raise SharingError(
            f"stream={stream!r}: the memory is the host's, where nothing is left to wait for",
            hint="leave stream out",
        )
    if dl_device is not None and tuple(dl_device) != CPU:
        raise SharingError(
            f"the memory is the host's, DLPack device {CPU}; device {tuple(dl_device)} was asked for",
            hint="take it as it is, and copy it there with the other library",
        )
    is_bfloat = array.dtype.name == "bfloat16"
    shown = array.view(np.uint16) if is_bfloat else array
    capsule = (
        shown.__dlpack__(max_version=max_version, copy=copy)
        if _NUMPY_IS_VERSIONED
        else (shown.copy() if copy else shown).__dlpack__()
    )
    if is_bfloat:
        _type_code(capsule).value = _BFLOAT
    return capsule


def imported(source: Any) -> np.ndarray[Any, Any]:
    """The array's own memory; read-only where it may not be written, or where its library is too old to say.

    Raises:
        SharingError: the host does not see the memory, or NumPy has no such dtype.
    """
    try:
        capsule = _capsule_of(source)
        code = _type_code(capsule)
        is_bfloat = code.value == _BFLOAT
        if is_bfloat:
            code.value = _UINT
        array = np.from_dlpack(_Producer(capsule))
    except (BufferError, RuntimeError, ValueError) as error:
        raise SharingError(
            f"the {type(source).__name__} does not share its memory: {error}",
            hint="copy it to the host's memory first, in a dtype that Metal has",
        ) from error
    return array.view(DType.BFLOAT16.numpy_dtype) if is_bfloat else array


class _Producer:
    """A capsule as NumPy asks for it."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def _capsule_of(source: Any) -> Any:
    kind, index = source.__dlpack_device__()
    wanted: dict[str, Any] = {"max_version": _VERSION} if _NUMPY_IS_VERSIONED else {}
    if int(kind) not in _HOST:
        wanted["dl_device"] = CPU  # a copy on the host, from a library that can
    try:
        return source.__dlpack__(**wanted)
    except TypeError:
        if "dl_device" in wanted:
            raise SharingError(
                f"the {type(source).__name__} is on DLPack device ({int(kind)}, {index}), which the host does not see",
                hint="copy it to the host's memory first",
            ) from None
        return source.__dlpack__()  # of before 2023


def _type_code(capsule: Any) -> ctypes.c_uint8:
    """The code of the element type, in place in the capsule's structure."""
    for name, at in _DTYPE_AT.items():
        if _is_valid(capsule, name):
            return ctypes.c_uint8.from_address(_pointer(capsule, name) + at)
    raise SharingError("what __dlpack__ gave is no DLPack capsule", hint="pass a NumPy array")

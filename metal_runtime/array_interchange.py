"""An array as Python and NumPy see it: numbers, lists, NumPy arrays and the protocols of other libraries."""

from __future__ import annotations

import importlib
import weakref
from types import ModuleType
from typing import Any, Self

import numpy as np

from metal_runtime import dlpack
from metal_runtime.device.block import Block
from metal_runtime.dtype import DType
from metal_runtime.errors import ShapeError
from metal_runtime.notebook import array_html
from metal_runtime.recording.events import Direction
from metal_runtime.recording.noting import transfer
from metal_runtime.strided import Shape

_NAMESPACE = "metal_runtime.array_api"  # it lies above; its VERSIONS are those of the standard


class ArrayInterchange:
    """Mixin: ``_elements`` is the memory as NumPy sees it, after all launches so far have ended."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    @property
    def device(self) -> str:
        raise NotImplementedError

    @property
    def size(self) -> int:
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        raise NotImplementedError

    def to(self, device: Any) -> Self:
        raise NotImplementedError

    def _elements(self) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _opened(self) -> None:
        """Raises ClosedBufferError."""
        raise NotImplementedError

    def numpy(self) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def to_numpy(self, *, copy: bool = True) -> np.ndarray[Any, Any]:
        """The elements as an array that the caller owns, or as a view of the memory (``copy=False``)."""
        if not copy:
            return self.numpy()
        elements = self._elements()
        with transfer(self.device, Direction.TO_HOST, elements.nbytes):
            return elements.copy()

    def item(self) -> Any:
        """The one element as a Python number. Raises ShapeError when there is not exactly one."""
        if self.size != 1:
            raise ShapeError(f"a buffer of shape {self.shape} has no single value")
        return self._elements().item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._elements().tolist()

    def _repr_html_(self) -> str:
        """For notebooks: the elements, as ``repr`` shows them, which runs what is pending."""
        what = f"{self.shape} {self.dtype.metal_name} on {self.device}"
        if self.closed:
            return array_html(f"{what}, closed", None)
        return array_html(what, self._elements())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if dtype is not None and np.dtype(dtype) != self.dtype.numpy_dtype:
            if copy is False:
                raise ValueError(f"a conversion of {self.dtype.metal_name} to {dtype} needs a copy")
            return self._elements().astype(dtype)
        return self.to_numpy(copy=bool(copy))

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self.dtype is DType.BFLOAT16:
            raise AttributeError("bfloat has no NumPy type string; __array__ serves instead")
        # The view, not its address, so that the array made of it keeps the memory alive.
        view = self.numpy()
        return {**view.__array_interface__, "data": view, "offset": 0}

    def __buffer__(self, flags: int) -> memoryview:
        """For ``memoryview(buffer)`` on Python 3.12 and later; before, use ``memoryview(buffer.numpy())``."""
        return memoryview(self.numpy().data)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """For ``torch.from_dlpack(buffer)`` and the like: the memory itself, kept alive; after all launches so far."""
        return dlpack.exported(
            self.numpy(), stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        self._opened()
        return dlpack.CPU

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """The array API standard's functions for it. Raises ValueError for a version that there is not."""
        namespace = importlib.import_module(_NAMESPACE)
        if api_version not in (None, *namespace.VERSIONS):
            raise ValueError(f"there is no version {api_version!r} of the array API here")
        return namespace

    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """The array API standard's name for ``to``."""
        if stream is not None:
            raise ValueError("to_device: a copy to another device takes no stream")
        return self.to(device)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a buffer of shape () has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"a buffer of shape {self.shape} has no single truth value",
                hint="reduce it first, for example with buffer.numpy().all()",
            )
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.shape or not self.dtype.is_integer:
            raise TypeError("only a buffer of one integer and no axes is an index")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else str(self)


class _Export:
    """What NumPy keeps of a block for the views that a user made: the block knows that they are there."""

    __slots__ = ("__array_interface__", "__weakref__", "_block")

    def __init__(self, block: Block) -> None:
        self._block = block
        self.__array_interface__ = block.__array_interface__


def numpy_export(block: Block) -> _Export:
    """What NumPy makes a view from that the block knows of."""
    export = block.export() if block.export is not None else None
    if isinstance(export, _Export):
        return export
    made = _Export(block)
    if export is None:
        block.export = weakref.ref(made)
    return made

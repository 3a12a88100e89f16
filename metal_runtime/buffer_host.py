"""What a buffer needs of the session that made it: memory, and a graph that records its operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from metal_runtime.device.launch_config import Extent
from metal_runtime.device.pool import Pool
from metal_runtime.device.protocol import Stream
from metal_runtime.dtype import DType
from metal_runtime.program import Signature
from metal_runtime.strided import Shape
from metal_runtime.value import Value

Buffer = TypeVar("Buffer")
"""MetalBuffer, which lies above."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel that runs as it is written, beside those that the graph makes."""

    name: str
    msl: str
    signature: Signature
    threads: Extent
    by_program: bool
    """Whether the program launched it; else it belongs to an operator of ``metal_runtime.ops``."""


class ArrayGraph(Protocol[Buffer]):
    """What records the operators of one device and runs them when a value is needed."""

    def elementwise(
        self,
        operator: Any,
        operands: Sequence[Any],
        out: Buffer | None = None,
        dtype: DType | None = None,
    ) -> Buffer:
        """An operator of ``metal_runtime.ops`` by name, or a Definition; the result is of ``dtype``."""
        ...

    def binary(self, operator: str, left: Buffer, right: Any) -> Buffer:
        """An operator of ``metal_runtime.ops`` on a buffer, and a buffer or a float: the quick way."""
        ...

    def reduce(
        self,
        reduction: Any,
        buffer: Buffer,
        axes: tuple[int, ...],
        keepdims: bool,
        result: DType | None = None,
    ) -> Buffer:
        """A reduction by name, or a Reduction, of axes that are sorted and counted from 0."""
        ...

    def product(self, a: Buffer, b: Buffer, result: DType) -> Buffer:
        """The matrix product of arrays of two axes or more."""
        ...

    def quick_product(self, a: Buffer, b: Buffer) -> Buffer | None:
        """The product of two matrices, where one of their shapes and dtypes was recorded before."""
        ...

    def function(self, name: str, *args: Any, **options: Any) -> Buffer:
        """Any other function of ``metal_runtime.ops`` by name."""
        ...

    def copy(self, buffer: Buffer) -> Buffer:
        """The elements of a buffer in C order, as a buffer of its own."""
        ...

    def assign(self, target: Buffer, source: Any) -> None:
        """``target[...] = source``: buffers, arrays and numbers broadcast and are converted."""
        ...

    def flush(self, wanted: Value | None = None) -> None:
        """Starts all that is pending on the current stream and still held, and ``wanted``."""
        ...

    def start(self, value: Value) -> None:
        """Starts what computes a value, and leaves all else pending."""
        ...

    def start_before(self, reads: Sequence[Buffer], writes: Sequence[Buffer]) -> None:
        """Starts what must run before somebody reads and writes these buffers, and leaves all else pending."""
        ...

    def is_busy(self) -> bool:
        """Whether something is pending on the current stream, or somebody looks on: then launches say what they do."""
        ...

    def is_observed(self) -> bool:
        """Whether somebody looks on: then launches are told."""
        ...

    def launched(self, launch: Launch, args: Sequence[Any]) -> None:
        """A kernel was launched with arguments for the parameters of its signature."""
        ...

    def flush_all(self) -> None:
        """The same for every stream."""
        ...

    def forget(self, stream: Stream) -> None:
        """A stream that nobody uses any more has nothing pending."""
        ...


class BufferHost(Protocol[Buffer]):
    """What a buffer needs of the session that made it."""

    @property
    def device_name(self) -> str: ...

    @property
    def pool(self) -> Pool: ...

    @property
    def closed(self) -> bool: ...

    @property
    def graph(self) -> ArrayGraph[Buffer]: ...

    def elsewhere(self, device: str) -> BufferHost[Buffer]:
        """The session of a device; this one, if it is its own and open."""
        ...

    def empty(self, shape: Shape, dtype: DType) -> Buffer: ...

    def wait(self) -> None:
        """Waits until every launch has ended; what is recorded is not started."""
        ...

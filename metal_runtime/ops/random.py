"""Shapes and distributions in, arrays of random numbers out, the same on every device for a seed.

Element i of a call depends on the seed, the number of the call and i alone, whatever the grid: Philox 4x32-10. ``uniform``,
``integers``, ``bernoulli`` and ``permutation`` give the same bits on every device; ``normal`` up to the last places of a
device's logarithm, sine and cosine.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import checked_size, whole_number
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.philox import (
    bernoulli_program,
    integers_program,
    normal_program,
    uniform_program,
    words_program,
)
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.ops.sorting import argsort
from metal_runtime.ops.taking import take
from metal_runtime.program import MslProgram
from metal_runtime.runtime.array_arguments import ShapeLike, extents_of
from metal_runtime.runtime.random_state import RandomState
from metal_runtime.runtime.sessions import get_session, session_of


class Generator:
    """A sequence of random arrays of its own; the functions of this module are those of one for the process."""

    def __init__(self, seed: int | None = None, *, state: RandomState | None = None) -> None:
        self._state = RandomState() if state is None else state
        if seed is not None:
            self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begins anew with a seed, of which 64 bits count. Raises ShapeError: it is no integer."""
        self._state.restart(whole_number("random.seed", "the seed", seed))

    def uniform(
        self, shape: ShapeLike = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32"
    ) -> MetalBuffer:
        """Numbers from ``low`` on, below ``high``: 24 random bits each.

        Raises:
            ShapeError: the bounds are not finite, or not in order, or the shape is none.
            DTypeError: the dtype is no float.
        """
        target = _float_dtype("random.uniform", dtype)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ShapeError(
                f"ops.random.uniform: no numbers from {low} to {high}",
                hint="give finite bounds with low < high",
            )
        numbers = [low, high - low, _below(low, high, target)]
        return self._drawn(
            "random.uniform", uniform_program(target), shape, target, _floats(numbers)
        )

    def normal(
        self,
        shape: ShapeLike = (),
        mean: float = 0.0,
        deviation: float = 1.0,
        dtype: Any = "float32",
    ) -> MetalBuffer:
        """Numbers of the normal distribution; of 2**33 draws the farthest are 6.8 deviations from the mean.

        Raises:
            ShapeError: the deviation is negative, or the shape is none.
            DTypeError: the dtype is no float.
        """
        target = _float_dtype("random.normal", dtype)
        if not deviation >= 0:
            raise ShapeError(f"ops.random.normal: the deviation is {deviation}, not 0 or more")
        numbers = _floats([mean, deviation])
        return self._drawn("random.normal", normal_program(target), shape, target, numbers)

    def bernoulli(self, shape: ShapeLike = (), p: float = 0.5) -> MetalBuffer:
        """True with probability ``p``, to 32 bits. Raises ShapeError: ``p`` is no probability."""
        if not 0 <= p <= 1:
            raise ShapeError(f"ops.random.bernoulli: p is {p}", hint="a probability is 0 to 1")
        threshold = struct.pack("=Q", round(p * 2**32))
        return self._drawn("random.bernoulli", bernoulli_program(), shape, DType.BOOL, [threshold])

    def integers(
        self, low: int, high: int | None = None, shape: ShapeLike = (), dtype: Any = "int32"
    ) -> MetalBuffer:
        """Integers from ``low`` on, below ``high``; from 0 on, below ``low``, where that is left out.

        Raises:
            ShapeError: there is no integer between the two.
            DTypeError: the dtype does not hold them.
        """
        name = "random.integers"
        first = 0 if high is None else whole_number(name, "low", low)
        end = whole_number(name, "high", low if high is None else high)
        target = DType.from_numpy(dtype)
        if first >= end:
            raise ShapeError(f"ops.{name}: no integer from {first} on is below {end}")
        if not target.is_integer or not _holds(target, first, end - 1):
            raise DTypeError(
                f"ops.{name}: {dtype_name(target)} does not hold {first} to {end - 1}",
                hint="give another dtype, such as 'int64'",
            )
        bits = first if first < 2**63 else first - 2**64
        numbers = [struct.pack("=q", bits), struct.pack("=Q", (end - first) % 2**64)]
        return self._drawn(name, integers_program(target), shape, target, numbers, 1)

    def permutation(self, x: int | MetalBuffer | np.ndarray[Any, Any]) -> MetalBuffer:
        """The integers below ``x`` (int64), or the rows of an array, in random order: sorted by random keys of 64 bits.

        Raises:
            ShapeError: the number is negative, or the array has no rows.
        """
        name = "random.permutation"
        if not isinstance(x, MetalBuffer | np.ndarray):
            return self._order(name, whole_number(name, "x", x, 0))
        buffer = as_buffer(session_of((x,)), name, x)
        if buffer.ndim == 0:
            raise ShapeError(f"ops.{name}: an array of shape () has no rows")
        return take(buffer, self._order(name, buffer.shape[0], buffer), 0)

    def _order(self, name: str, n: int, beside: MetalBuffer | None = None) -> MetalBuffer:
        # Pairs of words as keys; both are of the same memory.
        keys = self.integers(-(2**63), 2**63, checked_size(name, (n,)), "int64")
        return argsort(keys if beside is None else keys.to(beside.device))

    def _drawn(
        self,
        name: str,
        program: MslProgram,
        shape: ShapeLike,
        dtype: DType,
        numbers: list[bytes],
        a_block: int = 4,
    ) -> MetalBuffer:
        """A new array; each thread writes ``a_block`` neighbours, which may end beyond it in the memory behind."""
        extents = checked_size(name, extents_of(shape))
        n, session = math.prod(extents), get_session()
        call = self._state.next_call()
        blocks = -(-n // a_block)
        whole = session.empty((blocks * a_block,), dtype)
        if n:
            launch(session, program, (blocks, 1, 1), (whole,), (*call, *numbers))
        return whole[:n].reshape(extents)


def bits(shape: ShapeLike, generator: Generator) -> MetalBuffer:
    """The generator's words themselves, as uint32."""
    return generator._drawn("random.bits", words_program(), shape, DType.UINT32, [])


def _default() -> Generator:
    return Generator(state=get_session().shared.random)


def seed(seed: int) -> None:
    """Begins the process' sequence anew, on every device: 64 bits of the seed count."""
    _default().seed(seed)


def uniform(
    shape: ShapeLike = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32"
) -> MetalBuffer:
    """As ``Generator.uniform``."""
    return _default().uniform(shape, low, high, dtype)


def normal(
    shape: ShapeLike = (), mean: float = 0.0, deviation: float = 1.0, dtype: Any = "float32"
) -> MetalBuffer:
    """As ``Generator.normal``."""
    return _default().normal(shape, mean, deviation, dtype)


def bernoulli(shape: ShapeLike = (), p: float = 0.5) -> MetalBuffer:
    """As ``Generator.bernoulli``."""
    return _default().bernoulli(shape, p)


def integers(
    low: int, high: int | None = None, shape: ShapeLike = (), dtype: Any = "int32"
) -> MetalBuffer:
    """As ``Generator.integers``."""
    return _default().integers(low, high, shape, dtype)


def permutation(x: int | MetalBuffer | np.ndarray[Any, Any]) -> MetalBuffer:
    """As ``Generator.permutation``."""
    return _default().permutation(x)


def _float_dtype(name: str, dtype: Any) -> DType:
    target = DType.from_numpy(dtype)
    if not target.is_float:
        raise DTypeError(f"ops.{name} makes floats, not {dtype_name(target)}")
    return target


def _floats(numbers: list[float]) -> list[bytes]:
    try:
        return [struct.pack("=f", n) for n in numbers]
    except OverflowError:
        raise DTypeError(f"ops.random: one of {numbers} does not fit into float32") from None


def _below(low: float, high: float, dtype: DType) -> float:
    """The greatest number of the dtype below ``high``; ``low`` where there is none between."""
    to = dtype.numpy_dtype.type
    bound = np.asarray(high).astype(to)
    if float(bound) >= high:
        step = np.asarray(bound).view(np.dtype(f"i{dtype.itemsize}"))
        toward = -1 if float(bound) > 0 else 1
        if float(bound) == 0:
            return max(low, -(2.0**-24 if dtype is DType.FLOAT16 else 2.0**-126))
        bound = (step + toward).astype(step.dtype).view(dtype.numpy_dtype)
    return max(float(bound), low)


def _holds(dtype: DType, first: int, last: int) -> bool:
    info = np.iinfo(dtype.numpy_dtype)
    return bool(info.min <= first and last <= info.max)

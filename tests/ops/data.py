"""Random arrays with the values at the edges of each dtype in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.dtype import DType

Array = np.ndarray[Any, Any]


def edges(dtype: DType) -> Array:
    """The values where operators go wrong."""
    to = dtype.numpy_dtype
    if dtype is DType.BOOL:
        return np.array([False, True])
    if dtype.is_integer:
        info = np.iinfo(to)
        return np.array(
            [info.min, info.min + 1, 0, 1, 2, 7, info.max // 2, info.max - 1, info.max], to
        )
    finite = {DType.FLOAT32: (1e-45, 3.4028235e38), DType.FLOAT16: (6e-8, 65504.0)}
    tiny, large = finite.get(dtype, (1e-40, 3.38e38))
    values = [0.0, tiny, 1.0, 0.5, 1.5, 2.5, 3.0, 10.0, 100.0, large, np.inf]
    return np.array([*values, *(-v for v in values), np.nan]).astype(to)


def sample(rng: np.random.Generator, dtype: DType, size: int) -> Array:
    """``size`` elements: the edges as often as they fit, the rest random, in random order."""
    special = edges(dtype)
    if dtype is DType.BOOL:
        rest = rng.integers(0, 2, size).astype(bool)
    elif dtype.is_integer:
        info = np.iinfo(dtype.numpy_dtype)
        low, high = (info.min, info.max) if rng.integers(2) else (max(info.min, -100), 100)
        rest = rng.integers(low, high, size, dtype.numpy_dtype, endpoint=True)
    else:
        rest = (rng.normal(size=size) * 10.0 ** rng.integers(-4, 4, size)).astype(dtype.numpy_dtype)
    count = min(size // 2, 3 * len(special))
    rest[:count] = np.resize(rng.permutation(special), count)
    return rng.permutation(rest)


def ulp_of(reference: Array, dtype: DType) -> Array:
    """The distance of neighbouring values of ``dtype`` at each value, in float64."""
    bits, least = {
        DType.FLOAT32: (24, 2.0**-149), DType.FLOAT16: (11, 2.0**-24), DType.BFLOAT16: (8, 2.0**-133),
    }[dtype]  # fmt: skip
    with np.errstate(all="ignore"):
        exponent = np.frexp(np.where(np.isfinite(reference), reference, 1))[1]
    return np.maximum(np.ldexp(1.0, exponent - bits), least)


LARGEST = {
    DType.FLOAT32: 3.4028234663852886e38,
    DType.FLOAT16: 65504.0,
    DType.BFLOAT16: 3.3895313892515355e38,
}


def assert_close(actual: Array, reference: Array, dtype: DType, ulps: Any, what: str) -> None:
    """Every element within ``ulps`` units in the last place of its float64 reference; NaN and infinities alike.

    Where the reference is beyond the largest value but for rounding, either of the two is right.
    """
    got = actual.astype(np.float64)
    reference = np.asarray(reference, np.float64)
    assert got.shape == reference.shape, what
    unit = ulp_of(reference, dtype)
    with np.errstate(all="ignore"):
        near = np.abs(got - reference) <= ulps * unit
        same = (got == reference) | (np.isnan(got) & np.isnan(reference)) | near
        overflow = np.abs(reference) > LARGEST[dtype] * (
            1 - ulps * 2.0 ** (1 - {4: 24, 2: 8}[dtype.itemsize])
        )
        same |= (
            overflow & (np.abs(got) >= LARGEST[dtype] * 0.99) & (np.sign(got) == np.sign(reference))
        )
    if not same.all():
        first = int(np.argmin(same.ravel()))
        raise AssertionError(
            f"{what}: element {first} is {got.ravel()[first]!r}, not {reference.ravel()[first]!r} "
            f"({int((~same).sum())} of {same.size} differ)"
        )

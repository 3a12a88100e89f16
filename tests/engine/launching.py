"""The MSL files beside the tests, compiled once for each strategy, and what the tests compare with."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import metal_runtime

MSL = Path(__file__).parent / "msl"
BFLOAT = ml_dtypes.bfloat16

DTYPES: dict[str, Any] = {
    "float": np.float32,
    "half": np.float16,
    "bfloat": BFLOAT,
    "int": np.int32,
    "uint": np.uint32,
    "short": np.int16,
    "ushort": np.uint16,
    "uchar": np.uint8,
    "long": np.int64,
    "ulong": np.uint64,
}


@functools.cache
def library(file: str, strategy: str | None = None) -> Any:
    """The library of one file; ``strategy`` forces how a threadgroup is run (the best one if None)."""
    return metal_runtime.compile(MSL / file, include_dirs=[str(MSL)], strategy=strategy)


@functools.cache
def library_of(source: str, strategy: str | None = None) -> Any:
    return metal_runtime.compile(source, strategy=strategy)


@functools.cache
def strategies(file: str, kernel: str) -> tuple[str, ...]:
    """The ways in which the kernel can be run: its own, and fibers, which run everything."""
    chosen = library(file)
    constants = {c.index: c.type.numpy_dtype.type(1) for c in chosen.kernels[kernel].constants}
    best = chosen.specialise(constants=constants)[kernel].strategy
    return (best,) if best == "fibers" else (best, "fibers")


def poisoned(shape: Any, dtype: Any) -> Any:
    """An array that no kernel leaves as a right result: NaN, or a pattern of bits."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iub":
        return np.full(shape, 0xA5, np.uint8).repeat(dtype.itemsize).view(dtype).reshape(shape)
    return np.full(shape, np.nan, dtype)


def values(
    rng: np.random.Generator, shape: Any, dtype: Any, low: int = -100, high: int = 100
) -> Any:
    """Random values: integers from low (0 if unsigned) to high, or normally distributed floats."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(max(low, 0) if dtype.kind == "u" else low, high, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def close(got: Any, expected: Any, relative: float) -> None:
    """Both in float64, within ``relative`` of the element or of the root mean square of all of them."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    assert np.isfinite(got).all(), "something was not written"
    scale = np.abs(expected) + np.sqrt(np.mean(expected**2))
    worst = float(np.max(np.abs(got - expected) / np.where(scale == 0, 1, scale), initial=0))
    assert worst <= relative, f"error {worst:.3g}, allowed {relative:.3g}"


def rounding(dtype: Any) -> float:
    """Relative error of one rounding; 0 for integers."""
    return {2: 2.0**-11, 4: 2.0**-24}[np.dtype(dtype).itemsize] if dtype != BFLOAT else 2.0**-8


__all__ = [
    "BFLOAT", "DTYPES", "close", "library", "library_of", "poisoned", "rounding",
    "strategies", "values",
]  # fmt: skip

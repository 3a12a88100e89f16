"""The integer functions on every integer type, against exact arithmetic in Python's integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.math_accuracy import Library
from metal_runtime.dtype import DType
from metal_runtime.msl import clang

TYPES = [dtype for dtype in DType if dtype.is_integer]
COUNT = 501
SYSV = "__attribute__((sysv_abi))" if clang.host_target().triple.startswith("x86_64") else ""


class Width:
    """An integer type's size and limits, and wrapping to it."""

    def __init__(self, dtype: DType) -> None:
        info = np.iinfo(dtype.numpy_dtype)
        self.bits, self.least, self.largest = info.bits, int(info.min), int(info.max)

    def wrap(self, value: int) -> int:
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if value > self.largest else value

    def saturate(self, value: int) -> int:
        return min(max(value, self.least), self.largest)

    def unsigned(self, value: int) -> int:
        return value & ((1 << self.bits) - 1)


def _low24(value: int, width: Width) -> int:
    low = value & 0xFFFFFF
    return low - (1 << 24) if width.least < 0 and low >= 1 << 23 else low


def _rotate(v: int, n: int, w: Width) -> int:
    n %= w.bits
    u = w.unsigned(v)
    return (u << n) | (u >> (w.bits - n))


# name -> arity, exact result (wrapped afterwards)
FUNCTIONS: dict[str, tuple[int, Callable[..., int]]] = {
    "abs": (1, lambda x, w: abs(x)),
    "clz": (1, lambda x, w: w.bits - w.unsigned(x).bit_length()),
    "ctz": (1, lambda x, w: (w.unsigned(x) & -w.unsigned(x)).bit_length() - 1 if x else w.bits),
    "popcount": (1, lambda x, w: w.unsigned(x).bit_count()),
    "reverse_bits": (1, lambda x, w: int(f"{w.unsigned(x):0{w.bits}b}"[::-1], 2)),
    "addsat": (2, lambda x, y, w: w.saturate(x + y)),
    "subsat": (2, lambda x, y, w: w.saturate(x - y)),
    "hadd": (2, lambda x, y, w: (x + y) >> 1),
    "rhadd": (2, lambda x, y, w: (x + y + 1) >> 1),
    "max": (2, lambda x, y, w: max(x, y)),
    "min": (2, lambda x, y, w: min(x, y)),
    "mulhi": (2, lambda x, y, w: (x * y) >> w.bits),
    "rotate": (2, _rotate),
    "absdiff": (2, lambda x, y, w: abs(x - y)),
    "clamp": (3, lambda x, y, z, w: min(max(x, y), z)),
    "madhi": (3, lambda x, y, z, w: ((x * y) >> w.bits) + z),
    "madsat": (3, lambda x, y, z, w: w.saturate(x * y + z)),
    "max3": (3, lambda x, y, z, w: max(x, y, z)),
    "median3": (3, lambda x, y, z, w: sorted((x, y, z))[1]),
    "min3": (3, lambda x, y, z, w: min(x, y, z)),
}
ONLY_32 = {
    "mul24": (2, lambda x, y, w: _low24(x, w) * _low24(y, w)),
    "mad24": (3, lambda x, y, z, w: _low24(x, w) * _low24(y, w) + z),
}


def functions_of(dtype: DType) -> dict[str, tuple[int, Callable[..., int]]]:
    return FUNCTIONS | (ONLY_32 if dtype.bits == 32 else {})


def program() -> str:
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    for dtype in TYPES:
        scalar = dtype.metal_name
        unsigned = scalar if scalar.startswith("u") else f"u{scalar}"
        for name, (arity, _) in functions_of(dtype).items():
            out = unsigned if name == "absdiff" else scalar
            for type_name, result in ((scalar, out), (f"{scalar}4", f"{out}4")):
                operands = [f"a{k}" for k in range(arity)]
                parameters = ", ".join(f"const {type_name}* {a}" for a in operands)
                call = f"{name}({', '.join(f'{a}[i]' for a in operands)})"
                lines.append(
                    f'extern "C" {SYSV} void {name}_{type_name}({result}* o, {parameters}, int n)'
                    f" {{ for (int i = 0; i < n; ++i) o[i] = {call}; }}"
                )
        lines.append(
            f'extern "C" {SYSV} void extract_{scalar}({scalar}* o, const {scalar}* x, const uint* f, const uint* c, int n)'
            " { for (int i = 0; i < n; ++i) o[i] = extract_bits(x[i], f[i], c[i]); }"
        )
        lines.append(
            f'extern "C" {SYSV} void insert_{scalar}({scalar}* o, const {scalar}* x, const {scalar}* y, const uint* f,'
            " const uint* c, int n) { for (int i = 0; i < n; ++i) o[i] = insert_bits(x[i], y[i], f[i], c[i]); }"
        )
    return "\n".join(lines)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(program(), tmp_path_factory.mktemp("integer"))


def values(rng: np.random.Generator, dtype: DType, count: int) -> np.ndarray:
    """Full-range and small values, and the limits; at a multiple of 32 bytes, as vectors of 4 longs must be."""
    info = np.iinfo(dtype.numpy_dtype)
    found = rng.integers(info.min, info.max, count, dtype=dtype.numpy_dtype, endpoint=True)
    found = np.where(
        rng.random(count) < 0.3, rng.integers(0, 9, count).astype(dtype.numpy_dtype), found
    )
    found = np.where(
        rng.random(count) < 0.2,
        rng.choice(np.array([info.min, info.max], dtype.numpy_dtype), count),
        found,
    )
    return aligned(found.astype(dtype.numpy_dtype))


def aligned(array: np.ndarray) -> np.ndarray:
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + array.nbytes].view(array.dtype)
    copy[...] = array
    return copy


@pytest.mark.parametrize("dtype", TYPES, ids=lambda d: d.metal_name)
def test_functions(dtype: DType, library: Library) -> None:
    rng, width = np.random.default_rng(), Width(dtype)
    for name, (arity, exact) in functions_of(dtype).items():
        inputs = [values(rng, dtype, COUNT * 4) for _ in range(arity)]
        out_type = np.dtype(f"u{dtype.itemsize}") if name == "absdiff" else dtype.numpy_dtype
        rows = list(zip(*(v.tolist() for v in inputs), strict=True))
        wrap = width.unsigned if name == "absdiff" else width.wrap
        expected = np.array([wrap(exact(*row, width)) for row in rows], out_type)
        for vector in (1, 4):
            out = aligned(np.full(COUNT * 4, 0x5A, out_type))
            type_name = dtype.metal_name if vector == 1 else f"{dtype.metal_name}4"
            # `call` takes the count from the first array: the vector loop runs over a quarter of it.
            shaped = [a.reshape(-1, 4) if vector == 4 else a for a in (out, *inputs)]
            library.call(f"{name}_{type_name}", *shaped)
            np.testing.assert_array_equal(out, expected, err_msg=f"{name} {type_name}")


@pytest.mark.parametrize("dtype", TYPES, ids=lambda d: d.metal_name)
def test_bit_fields(dtype: DType, library: Library) -> None:
    rng, width = np.random.default_rng(), Width(dtype)
    x, y = values(rng, dtype, COUNT), values(rng, dtype, COUNT)
    offset = rng.integers(0, width.bits, COUNT).astype(np.uint32)
    count = np.minimum(rng.integers(0, width.bits + 1, COUNT), width.bits - offset).astype(
        np.uint32
    )
    extracted, inserted = np.zeros_like(x), np.zeros_like(x)
    library.call(f"extract_{dtype.metal_name}", extracted, x, offset, count)
    library.call(f"insert_{dtype.metal_name}", inserted, x, y, offset, count)
    for row in zip(
        extracted.tolist(),
        inserted.tolist(),
        x.tolist(),
        y.tolist(),
        offset.tolist(),
        count.tolist(),
        strict=True,
    ):
        got, put, base, other, start, bits = row
        mask = (1 << bits) - 1
        field = (width.unsigned(base) >> start) & mask
        if width.least < 0 and bits and field >> (bits - 1):
            field -= 1 << bits
        assert got == field, row
        assert put == width.wrap(
            (width.unsigned(base) & ~(mask << start)) | ((width.unsigned(other) & mask) << start)
        ), row

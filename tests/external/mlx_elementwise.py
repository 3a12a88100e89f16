"""MLX: cases of the families that compute each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.external.cases import (
    BFLOAT,
    FLOAT,
    HALF,
    Array,
    Case,
    Launch,
    Result,
    ints,
    longs,
    normal,
    rounded,
    strides_of,
    up,
    wide,
)

NAMES = {np.dtype(FLOAT): "float32", np.dtype(HALF): "float16", np.dtype(BFLOAT): "bfloat16"}
SIZE = 1003


def _unary(
    op: str,
    function: Callable[[Array], Array],
    dtype: Any,
    roundings: float,
    low: float,
    high: float,
) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = rng.uniform(low, high, SIZE).astype(dtype)
        per_thread = 8 // x.itemsize
        return Launch(
            {"in": x, "size": SIZE},
            {"out": rounded(function(wide(x)), dtype, roundings)},
            (64,),
            threads=(up(SIZE, per_thread),),
        )

    name = NAMES[np.dtype(dtype)]
    return Case("unary", f"vn_{op}{name}{name}", prepare, "unary.metal")


def _unary_square() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = rng.integers(-(2**31), 2**31, SIZE, dtype=np.int32)
        return Launch({"in": x, "size": SIZE}, {"out": Result(x * x)}, (128,), threads=(SIZE,))

    return Case("unary", "v_Squareint32int32", prepare, "unary.metal")


def _unary_strided() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 7, 11, 13)
        view = x.transpose(2, 0, 1)
        return Launch(
            {
                "in": x,
                "in_shape": ints(*view.shape),
                "in_strides": strides_of(view),
                "ndim": ints(3),
            },
            {"out": rounded(np.tanh(wide(view)), FLOAT, 8)},
            (4, 4, 2),
            threads=(up(view.shape[2], 4), view.shape[1], view.shape[0]),
        )

    return Case("unary", "gn4large_Tanhfloat32float32", prepare, "unary.metal")


def _unary_complex() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = (normal(rng, SIZE) + 1j * normal(rng, SIZE)).astype(np.complex64)
        expected = np.exp(x.astype(np.complex128)).astype(np.complex64)
        return Launch(
            {"in": x, "size": SIZE}, {"out": Result(expected, 2e-6)}, (32,), threads=(SIZE,)
        )

    return Case("unary", "v_Expcomplex64complex64", prepare, "unary.metal")


def _binary(op: str, function: Callable[..., Array], dtype: Any, roundings: float) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a, b = normal(rng, SIZE, dtype=dtype), normal(rng, SIZE, dtype=dtype)
        return Launch(
            {"a": a, "b": b, "size": SIZE},
            {"c": rounded(function(wide(a), wide(b)), dtype, roundings)},
            (96,),
            threads=(up(SIZE, 8 // a.itemsize),),
        )

    return Case("binary", f"vvn_{op}{NAMES[np.dtype(dtype)]}", prepare, "binary.metal")


def _binary_remainder() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a = rng.integers(-1000, 1000, SIZE, dtype=np.int32)
        b = rng.choice(np.array([-7, -3, 2, 5, 11], np.int32), SIZE)
        return Launch({"a": a, "b": b, "size": SIZE}, {"c": Result(a % b)}, (64,), threads=(SIZE,))

    return Case("binary", "vv_Remainderint32", prepare, "binary.metal")


def _binary_strided() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a, b = normal(rng, 5, 9, 31), normal(rng, 31, 9)
        right = np.broadcast_to(b.T, (5, 9, 31))
        return Launch(
            {
                "a": a,
                "b": b,
                "shape": ints(5, 9, 31),
                "a_strides": strides_of(a),
                "b_strides": strides_of(right),
                "ndim": 3,
            },
            {"c": Result(a > right)},
            (8, 3, 1),
            threads=(up(31, 2), 9, 5),
        )

    return Case("binary", "gn2_Greaterfloat32", prepare, "binary.metal")


def _binary_two() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a = rng.integers(0, 2**32, SIZE, dtype=np.uint32)
        b = rng.integers(1, 1000, SIZE, dtype=np.uint32)
        return Launch(
            {"a": a, "b": b, "size": SIZE},
            {"c": Result(a // b), "d": Result(a % b)},
            (64,),
            threads=(up(SIZE, 2),),
        )

    return Case("binary", "vvn_DivModuint32", prepare, "binary_two.metal")


def _ternary(dtype: Any) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a = rng.integers(0, 2, SIZE).astype(bool)
        b, c = normal(rng, SIZE, dtype=dtype), normal(rng, SIZE, dtype=dtype)
        return Launch(
            {"a": a, "b": b, "c": c, "size": SIZE},
            {"d": Result(np.where(a, b, c))},
            (64,),
            threads=(up(SIZE, 8 // b.itemsize),),
        )

    return Case("ternary", f"vn_Select{NAMES[np.dtype(dtype)]}", prepare, "ternary.metal")


def _ternary_strided() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a = rng.integers(0, 2, (17, 5)).astype(bool)
        b, c = normal(rng, 5, 17), normal(rng, 17)
        return Launch(
            {
                "a": a,
                "b": b,
                "c": c,
                "a_strides": longs(1, 5),
                "b_strides": longs(17, 1),
                "c_strides": longs(0, 1),
            },
            {"d": Result(np.where(a.T, b, c))},
            (4, 4),
            threads=(17, 5),
        )

    return Case("ternary", "g2_Selectfloat32", prepare, "ternary.metal")


def _copy_convert() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, SIZE, scale=100)
        return Launch(
            {"src": x, "size": SIZE},
            {"dst": Result(x.astype(HALF))},
            (64,),
            threads=(up(SIZE, 4),),
        )

    return Case("copy", "vn_copyfloat32float16", prepare, "copy.metal")


def _copy_strided() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 6, 10, 14, dtype=BFLOAT)
        view = x.transpose(1, 2, 0)
        return Launch(
            {"src": x, "src_strides": strides_of(view)},
            {"dst": Result(view.astype(FLOAT))},
            (2, 4, 4),
            threads=(6, 14, 10),
        )

    return Case("copy", "g3_copybfloat16float32", prepare, "copy.metal")


def _arange() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        expected = 3.5 + 0.25 * np.arange(SIZE)
        return Launch(
            {"start": 3.5, "step": 0.25},
            {"out": rounded(expected, FLOAT, 1)},
            (64,),
            threads=(SIZE,),
        )

    return Case("arange", "arangefloat32", prepare, "arange.metal")


def _random(odd_bytes: int) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        keys = rng.integers(0, 2**32, (5, 2), dtype=np.uint32)
        bytes_per_key = 4 * 22 + odd_bytes
        words = up(bytes_per_key, 4)
        half, odd = words // 2, words % 2
        rows = half + odd
        counts = np.arange(rows, dtype=np.uint32)
        second = counts + np.uint32(rows)
        if odd:
            second[-1] = 0
        low, high = threefry(keys[:, :1], keys[:, 1:], counts[None], second[None])
        stream = np.concatenate([low, high[:, : half if odd else rows]], axis=1)
        expected = stream.astype("<u4").view(np.int8)[:, :bytes_per_key]
        return Launch(
            {"keys": keys, "odd": bool(odd), "bytes_per_key": bytes_per_key},
            {"out": Result(np.ascontiguousarray(expected))},
            (1, 16),
            threads=(5, rows),
        )

    return Case("random", "rbitsc", prepare, "random.metal")


def threefry(key0: Array, key1: Array, count0: Array, count1: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds, as its authors define it (Salmon et al., 2011)."""
    keys = [key0, key1, key0 ^ key1 ^ np.uint32(0x1BD11BDA)]
    x, y = count0 + keys[0], count1 + keys[1]
    rotations = (13, 15, 26, 6), (17, 29, 16, 24)
    for group in range(5):
        for r in rotations[group % 2]:
            x = x + y
            y = (y << np.uint32(r)) | (y >> np.uint32(32 - r))
            y = y ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


CASES = [
    _unary("Exp", np.exp, FLOAT, 8, -20, 20),
    _unary("Tanh", np.tanh, HALF, 3, -4, 4),
    _unary("Sigmoid", _sigmoid, BFLOAT, 3, -8, 8),
    _unary("Log1p", np.log1p, FLOAT, 16, -0.9, 50),
    _unary("Rsqrt", lambda x: 1 / np.sqrt(x), FLOAT, 8, 1e-3, 100),
    # Its reduction by log 2 leaves out the low half: 1.4e-6 of the result for each factor of 2.
    _unary("Expm1", np.expm1, FLOAT, 128, -3, 3),
    _unary_square(),
    _unary_strided(),
    _unary_complex(),
    _binary("Add", np.add, FLOAT, 1),
    _binary("Divide", np.divide, HALF, 2),
    _binary("LogAddExp", np.logaddexp, FLOAT, 16),
    _binary("Multiply", np.multiply, BFLOAT, 1),
    _binary("Maximum", np.maximum, FLOAT, 0),
    _binary("ArcTan2", np.arctan2, FLOAT, 16),
    _binary_remainder(),
    _binary_strided(),
    _binary_two(),
    _ternary(FLOAT),
    _ternary(HALF),
    _ternary_strided(),
    _copy_convert(),
    _copy_strided(),
    _arange(),
    _random(0),
    _random(3),
]

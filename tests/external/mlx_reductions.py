"""MLX: cases of reductions, scans, sorts and the normalisations of rows."""

from __future__ import annotations

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
    up,
    wide,
)

NAMES = {np.dtype(FLOAT): "float32", np.dtype(HALF): "float16", np.dtype(BFLOAT): "bfloat16"}


def _simdgroups(elements: int, per_thread: int) -> int:
    """Threads, in whole simdgroups, that read so many elements."""
    return 32 * up(up(elements, per_thread), 32)


# --- reduce ----------------------------------------------------------------------------------------


def _all_reduce() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 3001)
        group = _simdgroups(x.size, 4)
        return Launch(
            {"in": x, "in_size": x.size, "row_size": x.size},
            {"out": rounded(wide(x).sum(keepdims=True), FLOAT, 64)},
            (group,),
            threads=(group,),
        )

    return Case("reduce", "all_reduce_sumfloat32", prepare, "reduce.metal")


def _all_reduce_rows() -> Case:
    """The first of two passes: each threadgroup reduces a part."""

    def prepare(rng: np.random.Generator) -> Launch:
        x = rng.integers(-(2**31), 2**31, 20_011, dtype=np.int32)
        rows, row = 16, up(20_011, 16)
        group = _simdgroups(row, 4)
        parts = [x[i * row : (i + 1) * row].max() for i in range(rows)]
        return Launch(
            {"in": x, "in_size": x.size, "row_size": row},
            {"out": Result(np.array(parts, np.int32))},
            (group, 1, 1),
            threads=(group, rows, 1),
        )

    return Case("reduce", "all_reduce_maxint32", prepare, "reduce.metal")


def _row_reduce_simple(dtype: Any) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 11, 2050, dtype=dtype)
        group = _simdgroups(2050, 4)
        return Launch(
            {"in": x, "reduction_size": 2050, "out_size": 11},
            {"out": Result(x.max(axis=1))},
            (group, 1, 1),
            threads=(group, up(11, 4), 1),
        )

    return Case("reduce", f"row_reduce_simple_max{NAMES[np.dtype(dtype)]}", prepare, "reduce.metal")


def _row_reduce_looped() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 5, 9, 777)
        return Launch(
            {
                "in": x,
                "row_size": 777,
                "non_row_reductions": 5,
                "shape": ints(9),
                "strides": longs(777),
                "ndim": 1,
                "reduce_shape": ints(5),
                "reduce_strides": longs(9 * 777),
                "reduce_ndim": 1,
            },
            {"out": rounded(wide(x).sum(axis=(0, 2)), FLOAT, 64)},
            (128, 1, 1),
            threads=(128, 9, 1),
        )

    return Case("reduce", "row_reduce_looped_1_reduce_sumfloat32", prepare, "reduce.metal")


def _column_reduce(kernel: str, threads_x: int, group: tuple[int, int, int]) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 300, 93)
        return Launch(
            {
                "in": x,
                "reduction_size": 300,
                "reduction_stride": 93,
                "shape": ints(0),
                "strides": longs(0),
                "ndim": 0,
                "reduce_shape": ints(300),
                "reduce_strides": longs(93),
                "reduce_ndim": 1,
                "non_col_reductions": 1,
            },
            {"out": rounded(wide(x).sum(axis=0), FLOAT, 32)},
            group,
            threads=(threads_x, group[1], 1),
        )

    return Case("reduce", kernel, prepare, "reduce.metal")


def _arg_reduce(name: str, function: Any) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 7, 1501)
        group = _simdgroups(1501, 4)
        return Launch(
            {
                "in": x,
                "shape": ints(7),
                "in_strides": longs(1501),
                "out_strides": longs(1),
                "ndim": 1,
                "axis_stride": 1,
                "axis_size": 1501,
            },
            {"out": Result(function(x, axis=1).astype(np.uint32))},
            (group, 1, 1),
            threads=(group, 7, 1),
        )

    return Case("arg_reduce", f"{name}_float32", prepare, "arg_reduce.metal")


# --- rows ------------------------------------------------------------------------------------------


def _softmax_rows(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    result: Array = e / e.sum(axis=1, keepdims=True)
    return result


def _softmax(kernel: str, dtype: Any, columns: int, group: int, roundings: float) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 9, columns, dtype=dtype, scale=3)
        return Launch(
            {"in": x, "axis_size": columns},
            {"out": rounded(_softmax_rows(wide(x)), dtype, roundings)},
            (group,),
            threads=(9 * group,),
        )

    return Case("softmax", f"{kernel}{NAMES[np.dtype(dtype)]}", prepare, "softmax.metal")


def _logsumexp(kernel: str, columns: int, group: int) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 9, columns, scale=3)
        expected = np.log(np.exp(wide(x)).sum(axis=1))
        return Launch(
            {"in": x, "axis_size": columns},
            {"out": rounded(expected, FLOAT, 16)},
            (group,),
            threads=(9 * group,),
        )

    return Case("logsumexp", f"{kernel}_float32", prepare, "logsumexp.metal")


def _layer_norm(kernel: str, dtype: Any, columns: int, group: int, roundings: float) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 5, columns, dtype=dtype)
        w, b = normal(rng, columns, dtype=dtype), normal(rng, columns, dtype=dtype)
        centred = wide(x) - wide(x).mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return Launch(
            {"x": x, "w": w, "b": b, "eps": 1e-5, "axis_size": columns}
            | {"w_stride": 1, "b_stride": 1},
            {"out": rounded(scaled * wide(w) + wide(b), dtype, roundings)},
            (group,),
            threads=(5 * group,),
        )

    return Case("layer_norm", f"{kernel}{NAMES[np.dtype(dtype)]}", prepare, "layer_norm.metal")


def _layer_norm_gradient() -> Case:
    columns = 1019

    def prepare(rng: np.random.Generator) -> Launch:
        x, g, w = normal(rng, 5, columns), normal(rng, 5, columns), normal(rng, columns)
        centred = wide(x) - wide(x).mean(axis=1, keepdims=True)
        inverse = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        scaled, wg = centred * inverse, wide(w) * wide(g)
        gradient = inverse * (
            wg - wg.mean(axis=1, keepdims=True) - scaled * (wg * scaled).mean(axis=1, keepdims=True)
        )
        group = _simdgroups(columns, 8)
        return Launch(
            {"x": x, "w": w, "g": g, "eps": 1e-5, "axis_size": columns, "w_stride": 1},
            {"gx": rounded(gradient, FLOAT, 64), "gw": rounded(wide(g) * scaled, FLOAT, 32)},
            (group,),
            threads=(5 * group,),
        )

    return Case(
        "layer_norm", "vjp_layer_normfloat32", prepare, "layer_norm.metal", constants={20: True}
    )


def _rms_norm(kernel: str, dtype: Any, columns: int, group: int, roundings: float) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x, w = normal(rng, 5, columns, dtype=dtype), normal(rng, columns, dtype=dtype)
        scaled = wide(x) / np.sqrt((wide(x) ** 2).mean(axis=1, keepdims=True) + 1e-6)
        return Launch(
            {"x": x, "w": w, "eps": 1e-6, "axis_size": columns, "w_stride": 1},
            {"out": rounded(scaled * wide(w), dtype, roundings)},
            (group,),
            threads=(5 * group,),
        )

    return Case("rms_norm", f"{kernel}{NAMES[np.dtype(dtype)]}", prepare, "rms_norm.metal")


# --- scan and sort ---------------------------------------------------------------------------------


def _scan(kernel: str, expected: Any, dtype: Any, roundings: float | None) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        if roundings is None:
            x = rng.integers(-3, 4, (4, 3000)).astype(dtype)
            result = Result(expected(x).astype(dtype))
        else:
            x = normal(rng, 4, 3000, dtype=dtype)
            result = rounded(expected(wide(x)), dtype, roundings)
        group = 32 * up(3000, 128)
        return Launch(
            {"in": x, "axis_size": 3000}, {"out": result}, (group, 1, 1), threads=(group, 4, 1)
        )

    return Case("scan", kernel, prepare, "scan.metal")


def _exclusive(x: Array) -> Array:
    sums = np.cumsum(x, axis=1)
    return np.concatenate([np.zeros_like(sums[:, :1]), sums[:, :-1]], axis=1)


def _strided_scan() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 3, 101, 45)
        return Launch(
            {"in": x, "axis_size": 101, "stride": 45, "stride_blocks": 2},
            {"out": rounded(np.cumsum(wide(x), axis=1), FLOAT, 128)},
            (256, 1, 1),
            threads=(256, 3 * 2, 1),
        )

    return Case("scan", "strided_scan_inclusive_sum_float32_float32", prepare, "scan.metal")


def _sort(dtype: Any, name: str) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = rng.permutation(6 * 461).reshape(6, 461).astype(dtype)
        return Launch(
            _sort_arguments(x),
            {"out": Result(np.sort(x, axis=1))},
            (128, 1, 1),
            threadgroups=(1, 6, 1),
        )

    return Case("sort", f"c_block_sort_{name}_{name}_bn128_tn4", prepare, "sort.metal")


def _arg_sort() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 6, 461)
        order = np.argsort(x, axis=1).astype(np.uint32)
        return Launch(
            _sort_arguments(x), {"out": Result(order)}, (128, 1, 1), threadgroups=(1, 6, 1)
        )

    return Case("sort", "carg_block_sort_float32_uint32_bn128_tn4", prepare, "sort.metal")


def _sort_arguments(x: Array) -> dict[str, Any]:
    columns = x.shape[1]
    return {
        "inp": x,
        "size_sorted_axis": columns,
        "in_stride_sorted_axis": 1,
        "out_stride_sorted_axis": 1,
        "in_stride_segment_axis": columns,
        "out_stride_segment_axis": columns,
    }


def _searchsorted() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        a = np.sort(rng.integers(-50, 50, 200).astype(np.int32))
        v = rng.integers(-60, 60, 313).astype(np.int32)
        expected = np.searchsorted(a, v, side="right").astype(np.uint32)
        return Launch(
            {"a": a, "v": v, "n": 200, "a_stride": 1},
            {"out": Result(expected)},
            (64, 1, 1),
            threads=(313, 1, 1),
        )

    return Case("sort", "searchsorted_int32_right", prepare, "searchsorted.metal")


CASES = [
    _all_reduce(),
    _all_reduce_rows(),
    _row_reduce_simple(FLOAT),
    _row_reduce_simple(HALF),
    _row_reduce_looped(),
    _column_reduce("col_reduce_looped_1_32_32_reduce_sumfloat32", 256 * 3, (256, 1, 1)),
    _column_reduce("col_reduce_small_1_reduce_sumfloat32", 24, (24, 8, 1)),
    _arg_reduce("argmin", np.argmin),
    _arg_reduce("argmax", np.argmax),
    _softmax("block_softmax_", FLOAT, 1003, 256, 32),
    _softmax("block_softmax_precise_", HALF, 1003, 256, 3),
    _softmax("looped_softmax_", FLOAT, 5001, 1024, 64),
    _logsumexp("block_logsumexp", 1003, 256),
    _logsumexp("looped_logsumexp", 5001, 1024),
    _layer_norm("layer_norm", FLOAT, 1019, 128, 32),
    _layer_norm("layer_norm", BFLOAT, 1019, 128, 4),
    _layer_norm("layer_norm_looped", FLOAT, 9001, 1024, 32),
    _layer_norm_gradient(),
    _rms_norm("rms", FLOAT, 1003, 256, 16),
    _rms_norm("rms", HALF, 1003, 256, 4),
    _rms_norm("rms_looped", FLOAT, 5001, 1024, 16),
    _scan("contig_scan_inclusive_sum_float32_float32", lambda x: np.cumsum(x, 1), FLOAT, 512),
    _scan("contig_scan_exclusive_sum_int32_int32", _exclusive, np.int32, None),
    _scan(
        "contig_scan_reverse_inclusive_max_float32_float32",
        lambda x: np.maximum.accumulate(x[:, ::-1], 1)[:, ::-1],
        FLOAT,
        0,
    ),
    _strided_scan(),
    _sort(FLOAT, "float32"),
    _sort(np.int32, "int32"),
    _arg_sort(),
    _searchsorted(),
]

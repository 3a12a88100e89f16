"""MLX: cases of gather and scatter, which its host builds from headers at run time, and of rope."""

from __future__ import annotations

import numpy as np

from tests.external.cases import (
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
    wide,
)

KERNELS = "mlx/backend/metal/kernels"

GATHER = f"""
#include "{KERNELS}/utils.h"
#include "{KERNELS}/indexing/gather.h"

kernel void gather_rows(
    const device float* src [[buffer(0)]],
    device float* out [[buffer(1)]],
    const constant int* src_shape [[buffer(2)]],
    const constant int64_t* src_strides [[buffer(3)]],
    const constant size_t& src_ndim [[buffer(4)]],
    const constant int* slice_sizes [[buffer(5)]],
    const constant int* axes [[buffer(6)]],
    const constant int* idx_shapes [[buffer(7)]],
    const constant int64_t* idx_strides [[buffer(8)]],
    const constant bool* idx_contigs [[buffer(9)]],
    const constant int& idx_ndim [[buffer(10)]],
    const device int* idx0 [[buffer(20)]],
    uint3 index [[thread_position_in_grid]],
    uint3 grid_dim [[threads_per_grid]]) {{
  Indices<int, 1> idxs{{{{idx0}}, idx_shapes, idx_strides, idx_contigs, idx_ndim}};
  return gather_impl<float, int, 1, 2, int>(
      src, out, src_shape, src_strides, src_ndim, slice_sizes, axes, idxs, index, grid_dim);
}}
"""

GATHER_FRONT = f"""
#include "{KERNELS}/utils.h"
#include "{KERNELS}/indexing/gather_front.h"

template [[host_name("gather_front_half")]] [[kernel]]
decltype(gather_front<half, uint, int, 2>) gather_front<half, uint, int, 2>;
"""

GATHER_AXIS = f"""
#include "{KERNELS}/utils.h"
#include "{KERNELS}/indexing/gather_axis.h"

template [[host_name("gather_axis_float")]] [[kernel]]
decltype(gather_axis<float, int, int, true, true>) gather_axis<float, int, int, true, true>;
"""


def _scatter_text(type_: str, operator: str) -> str:
    return f"""
#include "{KERNELS}/utils.h"
#include "{KERNELS}/reduce_utils.h"
#include "{KERNELS}/indexing/scatter.h"

kernel void scatter_rows(
    const device {type_}* updates [[buffer(1)]],
    device mlx_atomic<{type_}>* out [[buffer(2)]],
    const constant int* upd_shape [[buffer(3)]],
    const constant int64_t* upd_strides [[buffer(4)]],
    const constant size_t& upd_ndim [[buffer(5)]],
    const constant size_t& upd_size [[buffer(6)]],
    const constant int* out_shape [[buffer(7)]],
    const constant int64_t* out_strides [[buffer(8)]],
    const constant size_t& out_ndim [[buffer(9)]],
    const constant int* axes [[buffer(10)]],
    const constant int* idx_shapes [[buffer(11)]],
    const constant int64_t* idx_strides [[buffer(12)]],
    const constant bool* idx_contigs [[buffer(13)]],
    const constant int& idx_ndim [[buffer(14)]],
    const constant size_t& idx_size [[buffer(15)]],
    const device int* idx0 [[buffer(20)]],
    uint2 gid [[thread_position_in_grid]]) {{
  Indices<int, 1> idxs{{{{idx0}}, idx_shapes, idx_strides, idx_contigs, idx_ndim}};
  return scatter_impl<{type_}, int, {operator}<{type_}>, 1, true, 1, int>(
      updates, out, upd_shape, upd_strides, upd_ndim, upd_size, out_shape, out_strides,
      out_ndim, axes, idx_size, idxs, gid);
}}
"""


SCATTER_AXIS = f"""
#include "{KERNELS}/utils.h"
#include "{KERNELS}/reduce_utils.h"
#include "{KERNELS}/indexing/scatter_axis.h"

template [[host_name("scatter_axis_int")]] [[kernel]]
decltype(scatter_axis<int, uint, int, Sum<int>, true, true>)
scatter_axis<int, uint, int, Sum<int>, true, true>;
"""


def _gather() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        src = normal(rng, 50, 13)
        indices = rng.integers(-50, 50, (4, 6)).astype(np.int32)
        return Launch(
            {
                "src": src,
                "src_shape": ints(50, 13),
                "src_strides": longs(13, 1),
                "src_ndim": 2,
                "slice_sizes": ints(1, 13),
                "axes": ints(0),
                "idx_shapes": ints(4, 6),
                "idx_strides": longs(6, 1),
                "idx_contigs": np.array([True]),
                "idx_ndim": 2,
                "idx0": indices,
            },
            {"out": Result(src[indices])},
            (2, 2, 8),
            threads=(4, 6, 13),
        )

    return Case("gather/scatter", "gather_rows", prepare, text=GATHER)


def _gather_front() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        src = normal(rng, 40, 17, dtype=HALF)
        indices = rng.integers(0, 40, 29).astype(np.uint32)
        return Launch(
            {"src": src, "indices": indices, "stride": 17, "size": 40},
            {"out": Result(src[indices])},
            (4, 8),
            threads=(9, 29),
        )

    return Case("gather/scatter", "gather_front_half", prepare, text=GATHER_FRONT)


def _gather_axis() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        src = normal(rng, 3, 20, 5)
        indices = rng.integers(-20, 20, (3, 7, 5)).astype(np.int32)
        return Launch(
            {
                "src": src,
                "indices": indices,
                "shape": ints(3, 5),
                "src_strides": longs(100, 1),
                "idx_strides": longs(35, 1),
                "ndim": 2,
                "axis": 1,
                "axis_size": 20,
                "src_ax_stride": 5,
                "idx_ax_stride": 5,
            },
            {"out": Result(np.take_along_axis(src, indices, axis=1))},
            (5, 4, 1),
            threads=(5, 7, 3),
        )

    return Case("gather/scatter", "gather_axis_float", prepare, text=GATHER_AXIS)


def _scatter(type_: str, operator: str) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        integer = type_ == "int"
        shape = (400, 1, 13)
        updates: Array = (
            rng.integers(-100, 100, shape).astype(np.int32) if integer else normal(rng, *shape)
        )
        before: Array = (
            rng.integers(-100, 100, (50, 13)).astype(np.int32) if integer else normal(rng, 50, 13)
        )
        indices = rng.integers(-50, 50, 400).astype(np.int32)
        expected = before.copy() if integer else wide(before)
        combine = {"Sum": np.add, "Max": np.maximum, "Min": np.minimum}[operator]
        combine.at(expected, indices, updates[:, 0])
        result = (
            Result(expected, initial=before)
            if integer
            else Result(expected.astype(FLOAT), 32 * 2.0**-24, before)
        )
        return Launch(
            {
                "updates": updates,
                "upd_shape": ints(*shape),
                "upd_strides": strides_of(updates),
                "upd_ndim": 3,
                "upd_size": 13,
                "out_shape": ints(50, 13),
                "out_strides": longs(13, 1),
                "out_ndim": 2,
                "axes": ints(0),
                "idx_shapes": ints(400),
                "idx_strides": longs(1),
                "idx_contigs": np.array([True]),
                "idx_ndim": 1,
                "idx_size": 400,
                "idx0": indices,
            },
            {"out": result},
            (13, 8),
            threads=(13, 400),
        )

    return Case("gather/scatter", "scatter_rows", prepare, text=_scatter_text(type_, operator))


def _scatter_axis() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        before = rng.integers(-100, 100, (3, 20, 5)).astype(np.int32)
        indices = rng.integers(0, 20, (3, 70, 5)).astype(np.uint32)
        updates = rng.integers(-100, 100, (3, 70, 5)).astype(np.int32)
        expected = before.copy()
        i, k = np.ogrid[:3, :5]
        np.add.at(expected, (i[:, :, None], indices, k[None]), updates)
        return Launch(
            {
                "upd": updates,
                "indices": indices,
                "shape": ints(3, 5),
                "upd_strides": longs(350, 1),
                "idx_strides": longs(350, 1),
                "ndim": 2,
                "axis": 1,
                "out_axis_size": 20,
                "upd_ax_stride": 5,
                "idx_ax_stride": 5,
            },
            {"out": Result(expected, initial=before)},
            (5, 8, 1),
            threads=(5, 70, 3),
        )

    return Case("gather/scatter", "scatter_axis_int", prepare, text=SCATTER_AXIS)


# --- rope ------------------------------------------------------------------------------------------

BASE = float(np.log2(10_000.0))


def _rotated(x: Array, positions: Array, traditional: bool) -> Array:
    """The last axis' pairs turned by position times frequency; positions go along the axis before it."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * 2.0 ** (-BASE * np.arange(half) / half)
    pairs = (x[..., ::2], x[..., 1::2]) if traditional else (x[..., :half], x[..., half:])
    first = pairs[0] * np.cos(angle) - pairs[1] * np.sin(angle)
    second = pairs[0] * np.sin(angle) + pairs[1] * np.cos(angle)
    if traditional:
        return np.stack([first, second], axis=-1).reshape(x.shape)
    return np.concatenate([first, second], axis=-1)


def _rope_single() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        x = normal(rng, 6, 1, 64)
        return Launch(
            {"in": x, "offset": 11, "scale": 1.0, "stride": 64, "base": BASE},
            {"out": rounded(_rotated(wide(x), np.array([11.0]), False), FLOAT, 512)},
            (8, 6),
            threads=(32, 6),
        )

    constants = {1: True, 2: False, 3: False}
    return Case("rope", "rope_single_float32", prepare, "rope.metal", constants=constants)


def _rope(traditional: bool) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        batch, heads, length, width = 2, 6, 9, 32
        x = normal(rng, batch, heads, length, width, dtype=HALF)
        strides = longs(length * width, width, 1)
        expected = _rotated(wide(x), 5.0 + np.arange(length), traditional)
        return Launch(
            {
                "in": x,
                "offset": ints(5),
                "scale": 1.0,
                "strides": strides,
                "out_strides": strides,
                "offset_stride": 0,
                "n_head": heads,
                "base": BASE,
            },
            {"out": rounded(expected, HALF, 4)},
            (8, 3, 2),
            threads=(width // 2, length, batch * 2),
        )

    constants = {1: True, 2: traditional, 3: False}
    return Case("rope", "rope_float16", prepare, "rope.metal", constants=constants)


CASES = [
    _gather(),
    _gather_front(),
    _gather_axis(),
    _scatter("float", "Sum"),
    _scatter("int", "Max"),
    _scatter_axis(),
    _rope_single(),
    _rope(traditional=False),
    _rope(traditional=True),
]

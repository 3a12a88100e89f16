"""The thread and grid indices that a kernel can read: the attribute's name in, its type out."""

from __future__ import annotations

from metal_runtime.dtype import DType
from metal_runtime.msl_types import ValueType, Vector

UINT3 = Vector(DType.UINT32, 3)

BUILTINS: dict[str, ValueType] = {
    "thread_position_in_grid": UINT3,
    "thread_position_in_threadgroup": UINT3,
    "threadgroup_position_in_grid": UINT3,
    "threads_per_grid": UINT3,
    "threads_per_threadgroup": UINT3,
    "threadgroups_per_grid": UINT3,
    "dispatch_threads_per_threadgroup": UINT3,
    "thread_index_in_threadgroup": DType.UINT32,
    "thread_index_in_simdgroup": DType.UINT32,
    "simdgroup_index_in_threadgroup": DType.UINT32,
    "threads_per_simdgroup": DType.UINT32,
    "simdgroups_per_threadgroup": DType.UINT32,
    "dispatch_simdgroups_per_threadgroup": DType.UINT32,
    "thread_index_in_quadgroup": DType.UINT32,
    "quadgroup_index_in_threadgroup": DType.UINT32,
    "quadgroups_per_threadgroup": DType.UINT32,
}
"""MSL section 5.2.3.6."""

SIMD_WIDTH = 32
QUAD_WIDTH = 4

"""What the threads of a simdgroup (32) or a quadgroup (4) compute together, by MSL's names.

Every active thread of the group gets a result. The names of lanes count from 0 within the group.
"""

from __future__ import annotations

from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

__all__ = [
    "quad_active_threads_mask",
    "quad_all",
    "quad_and",
    "quad_any",
    "quad_ballot",
    "quad_broadcast",
    "quad_broadcast_first",
    "quad_is_first",
    "quad_max",
    "quad_min",
    "quad_or",
    "quad_prefix_exclusive_product",
    "quad_prefix_exclusive_sum",
    "quad_prefix_inclusive_product",
    "quad_prefix_inclusive_sum",
    "quad_product",
    "quad_shuffle",
    "quad_shuffle_and_fill_down",
    "quad_shuffle_and_fill_up",
    "quad_shuffle_down",
    "quad_shuffle_rotate_down",
    "quad_shuffle_rotate_up",
    "quad_shuffle_up",
    "quad_shuffle_xor",
    "quad_sum",
    "quad_xor",
    "simd_active_threads_mask",
    "simd_all",
    "simd_and",
    "simd_any",
    "simd_ballot",
    "simd_broadcast",
    "simd_broadcast_first",
    "simd_is_first",
    "simd_max",
    "simd_min",
    "simd_or",
    "simd_prefix_exclusive_product",
    "simd_prefix_exclusive_sum",
    "simd_prefix_inclusive_product",
    "simd_prefix_inclusive_sum",
    "simd_product",
    "simd_shuffle",
    "simd_shuffle_and_fill_down",
    "simd_shuffle_and_fill_up",
    "simd_shuffle_down",
    "simd_shuffle_rotate_down",
    "simd_shuffle_rotate_up",
    "simd_shuffle_up",
    "simd_shuffle_xor",
    "simd_sum",
    "simd_xor",
]


def simd_sum(x: Any) -> Any:
    """The sum of x over the active threads."""
    only_in_a_kernel("simd_sum(x)")


def simd_product(x: Any) -> Any:
    """The product of x over the active threads."""
    only_in_a_kernel("simd_product(x)")


def simd_min(x: Any) -> Any:
    """The smallest x of the active threads."""
    only_in_a_kernel("simd_min(x)")


def simd_max(x: Any) -> Any:
    """The largest x of the active threads."""
    only_in_a_kernel("simd_max(x)")


def simd_and(x: Any) -> Any:
    """The bitwise and of x over the active threads."""
    only_in_a_kernel("simd_and(x)")


def simd_or(x: Any) -> Any:
    """The bitwise or of x over the active threads."""
    only_in_a_kernel("simd_or(x)")


def simd_xor(x: Any) -> Any:
    """The bitwise exclusive or of x over the active threads."""
    only_in_a_kernel("simd_xor(x)")


def simd_prefix_inclusive_sum(x: Any) -> Any:
    """The sum of x over the active threads up to this one."""
    only_in_a_kernel("simd_prefix_inclusive_sum(x)")


def simd_prefix_exclusive_sum(x: Any) -> Any:
    """The sum of x over the active threads before this one."""
    only_in_a_kernel("simd_prefix_exclusive_sum(x)")


def simd_prefix_inclusive_product(x: Any) -> Any:
    """The product of x over the active threads up to this one."""
    only_in_a_kernel("simd_prefix_inclusive_product(x)")


def simd_prefix_exclusive_product(x: Any) -> Any:
    """The product of x over the active threads before this one."""
    only_in_a_kernel("simd_prefix_exclusive_product(x)")


def simd_broadcast(x: Any, lane: Any) -> Any:
    """The x of one lane, the same lane in all threads."""
    only_in_a_kernel("simd_broadcast(x, lane)")


def simd_broadcast_first(x: Any) -> Any:
    """The x of the first active thread."""
    only_in_a_kernel("simd_broadcast_first(x)")


def simd_shuffle(x: Any, lane: Any) -> Any:
    """The x of any lane."""
    only_in_a_kernel("simd_shuffle(x, lane)")


def simd_shuffle_up(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below; the own x where there is none."""
    only_in_a_kernel("simd_shuffle_up(x, delta)")


def simd_shuffle_down(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above; the own x where there is none."""
    only_in_a_kernel("simd_shuffle_down(x, delta)")


def simd_shuffle_xor(x: Any, mask: Any) -> Any:
    """The x of the lane whose number is this one's exclusive or with ``mask``."""
    only_in_a_kernel("simd_shuffle_xor(x, mask)")


def simd_shuffle_rotate_up(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below, counted around."""
    only_in_a_kernel("simd_shuffle_rotate_up(x, delta)")


def simd_shuffle_rotate_down(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above, counted around."""
    only_in_a_kernel("simd_shuffle_rotate_down(x, delta)")


def simd_shuffle_and_fill_up(x: Any, filling: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below; beyond the first lane, the filling of the lanes at the other end."""
    only_in_a_kernel("simd_shuffle_and_fill_up(x, filling, delta)")


def simd_shuffle_and_fill_down(x: Any, filling: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above; beyond the last lane, the filling of the lanes at the other end."""
    only_in_a_kernel("simd_shuffle_and_fill_down(x, filling, delta)")


def simd_all(condition: Any) -> Any:
    """Whether the condition holds in all active threads."""
    only_in_a_kernel("simd_all(condition)")


def simd_any(condition: Any) -> Any:
    """Whether the condition holds in any active thread."""
    only_in_a_kernel("simd_any(condition)")


def simd_ballot(condition: Any) -> Any:
    """A ``ulong`` with bit i set where the condition holds in lane i."""
    only_in_a_kernel("simd_ballot(condition)")


def simd_active_threads_mask() -> Any:
    """A ``ulong`` with bit i set where lane i is active."""
    only_in_a_kernel("simd_active_threads_mask()")


def simd_is_first() -> Any:
    """Whether this is the first active thread."""
    only_in_a_kernel("simd_is_first()")


def quad_sum(x: Any) -> Any:
    """The sum of x over the active threads."""
    only_in_a_kernel("quad_sum(x)")


def quad_product(x: Any) -> Any:
    """The product of x over the active threads."""
    only_in_a_kernel("quad_product(x)")


def quad_min(x: Any) -> Any:
    """The smallest x of the active threads."""
    only_in_a_kernel("quad_min(x)")


def quad_max(x: Any) -> Any:
    """The largest x of the active threads."""
    only_in_a_kernel("quad_max(x)")


def quad_and(x: Any) -> Any:
    """The bitwise and of x over the active threads."""
    only_in_a_kernel("quad_and(x)")


def quad_or(x: Any) -> Any:
    """The bitwise or of x over the active threads."""
    only_in_a_kernel("quad_or(x)")


def quad_xor(x: Any) -> Any:
    """The bitwise exclusive or of x over the active threads."""
    only_in_a_kernel("quad_xor(x)")


def quad_prefix_inclusive_sum(x: Any) -> Any:
    """The sum of x over the active threads up to this one."""
    only_in_a_kernel("quad_prefix_inclusive_sum(x)")


def quad_prefix_exclusive_sum(x: Any) -> Any:
    """The sum of x over the active threads before this one."""
    only_in_a_kernel("quad_prefix_exclusive_sum(x)")


def quad_prefix_inclusive_product(x: Any) -> Any:
    """The product of x over the active threads up to this one."""
    only_in_a_kernel("quad_prefix_inclusive_product(x)")


def quad_prefix_exclusive_product(x: Any) -> Any:
    """The product of x over the active threads before this one."""
    only_in_a_kernel("quad_prefix_exclusive_product(x)")


def quad_broadcast(x: Any, lane: Any) -> Any:
    """The x of one lane, the same lane in all threads."""
    only_in_a_kernel("quad_broadcast(x, lane)")


def quad_broadcast_first(x: Any) -> Any:
    """The x of the first active thread."""
    only_in_a_kernel("quad_broadcast_first(x)")


def quad_shuffle(x: Any, lane: Any) -> Any:
    """The x of any lane."""
    only_in_a_kernel("quad_shuffle(x, lane)")


def quad_shuffle_up(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below; the own x where there is none."""
    only_in_a_kernel("quad_shuffle_up(x, delta)")


def quad_shuffle_down(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above; the own x where there is none."""
    only_in_a_kernel("quad_shuffle_down(x, delta)")


def quad_shuffle_xor(x: Any, mask: Any) -> Any:
    """The x of the lane whose number is this one's exclusive or with ``mask``."""
    only_in_a_kernel("quad_shuffle_xor(x, mask)")


def quad_shuffle_rotate_up(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below, counted around."""
    only_in_a_kernel("quad_shuffle_rotate_up(x, delta)")


def quad_shuffle_rotate_down(x: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above, counted around."""
    only_in_a_kernel("quad_shuffle_rotate_down(x, delta)")


def quad_shuffle_and_fill_up(x: Any, filling: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` below; beyond the first lane, the filling of the lanes at the other end."""
    only_in_a_kernel("quad_shuffle_and_fill_up(x, filling, delta)")


def quad_shuffle_and_fill_down(x: Any, filling: Any, delta: Any) -> Any:
    """The x of the lane ``delta`` above; beyond the last lane, the filling of the lanes at the other end."""
    only_in_a_kernel("quad_shuffle_and_fill_down(x, filling, delta)")


def quad_all(condition: Any) -> Any:
    """Whether the condition holds in all active threads."""
    only_in_a_kernel("quad_all(condition)")


def quad_any(condition: Any) -> Any:
    """Whether the condition holds in any active thread."""
    only_in_a_kernel("quad_any(condition)")


def quad_ballot(condition: Any) -> Any:
    """A ``ulong`` with bit i set where the condition holds in lane i."""
    only_in_a_kernel("quad_ballot(condition)")


def quad_active_threads_mask() -> Any:
    """A ``ulong`` with bit i set where lane i is active."""
    only_in_a_kernel("quad_active_threads_mask()")


def quad_is_first() -> Any:
    """Whether this is the first active thread."""
    only_in_a_kernel("quad_is_first()")

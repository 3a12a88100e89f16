"""Memory of a threadgroup and of a thread, and the barriers at which threads wait for each other."""

from __future__ import annotations

import enum
from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

__all__ = [
    "mem_flags",
    "simdgroup_barrier",
    "thread_array",
    "threadgroup_array",
    "threadgroup_barrier",
]


class mem_flags(enum.Flag):  # noqa: N801 -- MSL's name
    """Which memory a barrier orders: ``metal.mem_flags.mem_device | metal.mem_flags.mem_threadgroup``."""

    mem_none = 0
    mem_device = 1
    mem_threadgroup = 2


def threadgroup_array(dtype: Any, shape: Any) -> Any:
    """Memory that the threads of a threadgroup share: ``tile = metal.threadgroup_array(metal.float, (16, 17))``.

    Declared at the top level of the kernel. ``shape`` is an integer or a tuple of integers that are known when
    the kernel is compiled. Its content is undefined at first.
    """
    only_in_a_kernel("threadgroup_array(dtype, shape)")


def thread_array(dtype: Any, shape: Any) -> Any:
    """Memory of each thread alone, zeros at first: ``best = metal.thread_array(metal.float, 8)``."""
    only_in_a_kernel("thread_array(dtype, shape)")


def threadgroup_barrier(flags: Any = mem_flags.mem_threadgroup) -> None:
    """All threads of the threadgroup wait here for each other, and then see what the others have stored."""
    only_in_a_kernel("threadgroup_barrier()")


def simdgroup_barrier(flags: Any = mem_flags.mem_threadgroup) -> None:
    """All threads of the simdgroup wait here for each other."""
    only_in_a_kernel("simdgroup_barrier()")

# ruff: noqa: N801 -- the classes bear the names of MSL's types
"""Atomic functions in relaxed order, on elements of ``int``, ``uint`` and ``float`` in device or threadgroup memory.

The element is given as a buffer and an index, ``metal.atomic_fetch_add(x, i, 1)``, or as MSL has it but for
the ``&``: ``metal.atomic_fetch_add(x[i], 1)``.
"""

from __future__ import annotations

from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.language.memory import mem_flags
from metal_runtime.language.outside import only_in_a_kernel

__all__ = [
    "atomic_compare_exchange",
    "atomic_exchange",
    "atomic_fetch_add",
    "atomic_fetch_and",
    "atomic_fetch_max",
    "atomic_fetch_min",
    "atomic_fetch_or",
    "atomic_fetch_sub",
    "atomic_fetch_xor",
    "atomic_float",
    "atomic_int",
    "atomic_load",
    "atomic_max",
    "atomic_min",
    "atomic_store",
    "atomic_thread_fence",
    "atomic_uint",
]


class Atomic:
    """The element of an array that only atomic functions touch: ``metal.threadgroup_array(metal.atomic_uint, 256)``."""

    holds: DType

    def __init__(self) -> None:
        only_in_a_kernel(f"{type(self).__name__}")


class atomic_int(Atomic):
    """An ``int`` that threads change without losing each other's changes."""

    holds = DType.INT32


class atomic_uint(Atomic):
    """An ``uint`` that threads change without losing each other's changes."""

    holds = DType.UINT32


class atomic_float(Atomic):
    """An ``float`` that threads change without losing each other's changes."""

    holds = DType.FLOAT32


def atomic_load(x: Any, i: Any = None) -> Any:
    """The element ``x[i]``."""
    only_in_a_kernel("atomic_load(x, i)")


def atomic_store(x: Any, i: Any, value: Any = None) -> None:
    """Sets ``x[i]``."""
    only_in_a_kernel("atomic_store(x, i, value)")


def atomic_exchange(x: Any, i: Any, value: Any = None) -> Any:
    """Sets ``x[i]``; gives what stood there."""
    only_in_a_kernel("atomic_exchange(x, i, value)")


def atomic_compare_exchange(x: Any, i: Any, expected: Any, desired: Any = None) -> Any:
    """Sets ``x[i]`` if it is ``expected``: ``found, swapped = metal.atomic_compare_exchange(x, i, expected, desired)``.

    Bits are compared, also of floats. It does not fail without a cause, as MSL's weak form may.
    """
    only_in_a_kernel("atomic_compare_exchange(x, i, expected, desired)")


def atomic_min(x: Any, i: Any, value: Any = None) -> None:
    """Makes ``x[i]``, a ``ulong`` in device memory, the smaller one."""
    only_in_a_kernel("atomic_min(x, i, value)")


def atomic_max(x: Any, i: Any, value: Any = None) -> None:
    """Makes ``x[i]``, a ``ulong`` in device memory, the larger one."""
    only_in_a_kernel("atomic_max(x, i, value)")


def atomic_thread_fence(flags: Any = mem_flags.mem_device) -> None:
    """What this thread did before is seen by all threads before what it does after; sequentially consistent."""
    only_in_a_kernel("atomic_thread_fence(flags)")


def atomic_fetch_add(x: Any, i: Any, value: Any = None) -> Any:
    """Adds to ``x[i]``; gives what stood there."""
    only_in_a_kernel("atomic_fetch_add(x, i, value)")


def atomic_fetch_sub(x: Any, i: Any, value: Any = None) -> Any:
    """Subtracts from ``x[i]``; gives what stood there."""
    only_in_a_kernel("atomic_fetch_sub(x, i, value)")


def atomic_fetch_min(x: Any, i: Any, value: Any = None) -> Any:
    """Makes ``x[i]`` the smaller one; gives what stood there."""
    only_in_a_kernel("atomic_fetch_min(x, i, value)")


def atomic_fetch_max(x: Any, i: Any, value: Any = None) -> Any:
    """Makes ``x[i]`` the larger one; gives what stood there."""
    only_in_a_kernel("atomic_fetch_max(x, i, value)")


def atomic_fetch_and(x: Any, i: Any, value: Any = None) -> Any:
    """Makes ``x[i]`` the bitwise and; gives what stood there."""
    only_in_a_kernel("atomic_fetch_and(x, i, value)")


def atomic_fetch_or(x: Any, i: Any, value: Any = None) -> Any:
    """Makes ``x[i]`` the bitwise or; gives what stood there."""
    only_in_a_kernel("atomic_fetch_or(x, i, value)")


def atomic_fetch_xor(x: Any, i: Any, value: Any = None) -> Any:
    """Makes ``x[i]`` the bitwise exclusive or; gives what stood there."""
    only_in_a_kernel("atomic_fetch_xor(x, i, value)")

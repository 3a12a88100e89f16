"""Where a thread stands: the original iris' spellings, and Metal's own names as values and as calls."""

from __future__ import annotations

from typing import Any

from metal_runtime.language.outside import only_in_a_kernel
from metal_runtime.language.types import uint, uint2, uint3


def thread_id() -> uint:
    """The thread's x position in the grid."""
    only_in_a_kernel("thread_id()")


def thread_id_x() -> uint:
    """The thread's x position in the grid."""
    only_in_a_kernel("thread_id_x()")


def thread_id_y() -> uint:
    """The thread's y position in the grid."""
    only_in_a_kernel("thread_id_y()")


def thread_id_z() -> uint:
    """The thread's z position in the grid."""
    only_in_a_kernel("thread_id_z()")


def thread_id_2d() -> uint2:
    """The thread's position in the grid: ``x, y = metal.thread_id_2d()``."""
    only_in_a_kernel("thread_id_2d()")


def thread_id_3d() -> uint3:
    """The thread's position in the grid: ``x, y, z = metal.thread_id_3d()``."""
    only_in_a_kernel("thread_id_3d()")


def program_id(axis: Any = 0) -> uint:
    """The threadgroup's position in the grid along an axis, which is the constant 0, 1 or 2."""
    only_in_a_kernel("program_id(axis)")


def threadgroup_id(axis: Any = 0) -> uint:
    """The threadgroup's position in the grid along an axis, which is the constant 0, 1 or 2."""
    only_in_a_kernel("threadgroup_id(axis)")


class Position:
    """A thread or grid index of three axes: ``metal.threads_per_grid.x``, or ``metal.threads_per_grid().x``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self) -> uint3:
        only_in_a_kernel(self.__name__)

    def __getattr__(self, components: str) -> Any:
        if components.startswith("__"):
            raise AttributeError(components)
        only_in_a_kernel(f"{self.__name__}.{components}")

    def __repr__(self) -> str:
        return f"metal.{self.__name__}"


class Index:
    """A thread index of one number: ``metal.thread_index_in_threadgroup``, also with ``()``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self) -> uint:
        only_in_a_kernel(self.__name__)

    def __index__(self) -> Any:
        only_in_a_kernel(self.__name__)

    def __repr__(self) -> str:
        return f"metal.{self.__name__}"


# MSL specification, section 5.2.3.6.
thread_position_in_grid = Position("thread_position_in_grid")
thread_position_in_threadgroup = Position("thread_position_in_threadgroup")
threadgroup_position_in_grid = Position("threadgroup_position_in_grid")
threads_per_grid = Position("threads_per_grid")
threads_per_threadgroup = Position("threads_per_threadgroup")
threadgroups_per_grid = Position("threadgroups_per_grid")
dispatch_threads_per_threadgroup = Position("dispatch_threads_per_threadgroup")
thread_index_in_threadgroup = Index("thread_index_in_threadgroup")
thread_index_in_simdgroup = Index("thread_index_in_simdgroup")
simdgroup_index_in_threadgroup = Index("simdgroup_index_in_threadgroup")
threads_per_simdgroup = Index("threads_per_simdgroup")
simdgroups_per_threadgroup = Index("simdgroups_per_threadgroup")
dispatch_simdgroups_per_threadgroup = Index("dispatch_simdgroups_per_threadgroup")
thread_index_in_quadgroup = Index("thread_index_in_quadgroup")
quadgroup_index_in_threadgroup = Index("quadgroup_index_in_threadgroup")
quadgroups_per_threadgroup = Index("quadgroups_per_threadgroup")

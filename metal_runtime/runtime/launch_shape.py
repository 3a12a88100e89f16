"""What a caller wrote for grid and threadgroup -> a checked LaunchConfig, or a LaunchError that says why not."""

from __future__ import annotations

import operator
from typing import Any

from metal_runtime.device.launch_config import MAX_GRID, Extent, LaunchConfig
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import LaunchError
from metal_runtime.runtime.value_arguments import described


def launch_config(
    kernel: str,
    grid: Any,
    threadgroup: Any,
    *,
    traits: DeviceTraits,
    max_threads: int,
    grid_name: str = "grid",
    threadgroup_name: str = "threadgroup",
) -> LaunchConfig:
    """``grid`` counts threads; both are an integer or 1 to 3 of them. No ``threadgroup``: one that suits the device.

    ``max_threads`` is what the kernel allows in one threadgroup. ``*_name`` is what the caller calls them.
    """
    threads = extent(kernel, grid_name, grid)
    for size in threads:
        if size > MAX_GRID:
            raise LaunchError(
                f"{grid_name}={grid} has {size:,} threads on one axis; thread positions are 32-bit",
                kernel=kernel,
                hint=f"use at most {MAX_GRID:,} an axis, or more axes",
            )
    limit = min(max_threads, traits.max_threads_per_threadgroup)
    if threadgroup is None:
        return LaunchConfig(threads, default_threadgroup(threads, traits, limit))
    group = extent(kernel, threadgroup_name, threadgroup)
    count = group[0] * group[1] * group[2]
    if count > limit:
        raise LaunchError(
            f"{threadgroup_name}={threadgroup} has {count:,} threads, more than the {limit:,} that "
            f"device `{traits.backend}` runs of this kernel in one threadgroup",
            kernel=kernel,
            hint=f"leave it out, or use for example {default_threadgroup(group, traits, limit)}",
        )
    return LaunchConfig(threads, group)


def default_threadgroup(grid: Extent, traits: DeviceTraits, limit: int) -> Extent:
    """A threadgroup for a grid of independent threads.

    A CPU walks a threadgroup in loops along x, so rows are as long as they may be. A GPU hides latency with
    several threadgroups a core: 256 threads, in tiles of whole simdgroups when there are more axes.
    """
    if traits.backend != "cpu":
        limit = min(limit, 256)
    tiled = traits.backend != "cpu" and grid[1] * grid[2] > 1
    x = min(grid[0], limit, traits.simd_width if tiled else limit)
    y = min(grid[1], limit // x)
    z = min(grid[2], limit // (x * y))
    return x, y, z


def extent(kernel: str, what: str, value: Any) -> Extent:
    """1 to 3 positive integers, filled up with 1. Raises LaunchError, which calls the value ``what``."""
    parts = tuple(value) if isinstance(value, tuple | list) or _is_array(value) else (value,)
    if not 1 <= len(parts) <= 3:
        raise LaunchError(
            f"{what}={value!r} has {len(parts)} dimensions",
            kernel=kernel,
            hint=f"give 1 to 3 integers, such as {what}=n or {what}=(width, height)",
        )
    sizes = [_integer(kernel, what, value, part) for part in parts]
    for size in sizes:
        if size <= 0:
            wrong = "zero" if size == 0 else "negative"
            raise LaunchError(
                f"{what}={value!r} is {wrong} on one axis"
                if len(sizes) > 1
                else f"{what} is {size}",
                kernel=kernel,
                hint="every axis counts at least 1; skip the launch when there is nothing to do",
            )
    x, y, z = [*sizes, 1, 1][:3]
    return x, y, z


def _is_array(value: Any) -> bool:
    return getattr(value, "ndim", 0) == 1


def _integer(kernel: str, what: str, whole: Any, part: Any) -> int:
    if not isinstance(part, bool):
        try:
            return operator.index(part)
        except TypeError:
            pass
    raise LaunchError(
        f"{what}={whole!r} holds no integer but {described(part)}"
        if part is not whole
        else f"{what} is {described(part)}, not an integer",
        kernel=kernel,
        hint=_integer_hint(what, part),
    )


def _integer_hint(what: str, part: Any) -> str:
    if isinstance(part, float):
        return "divide with // or convert with int(...)"
    return f"give integers: {what}=n, or {what}=(width, height)"

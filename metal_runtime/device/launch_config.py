"""LaunchConfig: how many threads a launch has and how they are grouped, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass

Extent = tuple[int, int, int]

MAX_GRID = 2**32 - 1  # thread positions are 32-bit unsigned in MSL


@dataclass(frozen=True, slots=True)
class LaunchConfig:
    """``grid`` counts threads, not threadgroups (Metal's dispatchThreads); the last threadgroup may be partial."""

    grid: Extent
    threadgroup: Extent
    threadgroup_memory: tuple[int, ...] = ()
    """Bytes for each ``[[threadgroup(i)]]`` argument, in the order of ``Signature.threadgroup_arguments``."""

    @property
    def thread_count(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def threadgroups(self) -> Extent:
        """How many threadgroups each axis has, partial ones included."""
        (gx, gy, gz), (tx, ty, tz) = self.grid, self.threadgroup
        return -(-gx // tx), -(-gy // ty), -(-gz // tz)

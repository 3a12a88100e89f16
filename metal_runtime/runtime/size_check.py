"""A launch's grid and arguments -> nothing, or a LaunchError for a buffer that the kernel would surely overrun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import Extent
from metal_runtime.errors import LaunchError
from metal_runtime.program import Argument

if TYPE_CHECKING:
    from metal_runtime.ir.nodes import Kernel
    from metal_runtime.runtime.access_bounds import Access, AccessBounds

_REMEMBERED = 256  # combinations of grid and scalars a kernel


@dataclass(frozen=True, slots=True)
class _Need:
    """What the argument at ``position`` must hold at least."""

    position: int
    nbytes: int
    access: Access


class SizeCheck:
    """Compares buffers with what the kernel surely touches, remembered by grid and integer arguments."""

    def __init__(self, kernel: str, arguments: Sequence[Argument], bounds: AccessBounds) -> None:
        self._kernel = kernel
        self._arguments = arguments
        self._bounds = bounds
        position = {argument.name: i for i, argument in enumerate(arguments)}
        self._position = position
        self._scalars = [position[name] for name in bounds.scalars]
        self._needs: dict[tuple[Any, ...], list[_Need]] = {}

    @classmethod
    def of(cls, name: str, arguments: Sequence[Argument], ir: Kernel | None) -> SizeCheck | None:
        """The check of a kernel written in Python; None where nothing can be known."""
        if ir is None:
            return None
        from metal_runtime.runtime.access_bounds import access_bounds  # needs the IR's modules

        bounds = access_bounds(ir)
        return None if bounds is None else cls(name, arguments, bounds)

    def check(self, grid: Extent, args: Sequence[Any]) -> None:
        """Raises LaunchError for the first argument that is too small. ``args`` fit their parameters otherwise."""
        key = (grid, *[args[i] for i in self._scalars])
        try:
            needs = self._needs.get(key)
        except TypeError:  # a scalar that came as an array without axes, or as a buffer
            needs = None
        if needs is None:
            needs = self._compute(grid, args)
        for need in needs:
            value = args[need.position]
            if getattr(value, "nbytes", 0) < need.nbytes:
                raise self._too_small(need, value)

    def _compute(self, grid: Extent, args: Sequence[Any]) -> list[_Need]:
        values = [args[i] for i in self._scalars]
        if any(isinstance(value, MetalBuffer) for value in values):
            return []  # the value lies in device memory, where a launch under way may still change it
        scalars = [int(value) for value in values]
        needs = []
        for access in self._bounds.accesses(grid, scalars):
            position = self._position[access.parameter]
            itemsize = self._arguments[position].itemsize
            if itemsize is not None and hasattr(args[position], "nbytes"):
                needs.append(_Need(position, (access.element + 1) * itemsize, access))
        if len(self._needs) >= _REMEMBERED:
            self._needs.clear()
        self._needs[(grid, *scalars)] = needs
        return needs

    def _too_small(self, need: _Need, value: Any) -> LaunchError:
        argument = self._arguments[need.position]
        itemsize = argument.itemsize or 1
        holds, access = value.nbytes // itemsize, need.access
        thread = access.thread[0] if access.thread[1:] == (0, 0) else access.thread
        return LaunchError(
            f"has {holds:,} element{'' if holds == 1 else 's'}, but thread {thread} of the grid "
            f"{'writes' if argument.written else 'reads'} element {access.element:,}",
            kernel=self._kernel,
            parameter=argument.name,
            hint=f"give it at least {access.element + 1:,}, launch fewer threads, "
            "or guard the access in the kernel",
        )

"""A launch's grid and arguments -> nothing, or a LaunchError for a buffer that the kernel would surely overrun."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Sequence
from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import Extent
from metal_runtime.errors import LaunchError
from metal_runtime.program import Argument
from metal_runtime.runtime.accesses import Access, AccessBounds

_REMEMBERED = 4096  # combinations of grid and scalars a kernel


_Need = tuple[int, int, Access]
"""An argument's position, the bytes that it must hold at least, and the access that needs them."""


class SizeCheck:
    """Compares buffers with what the kernel surely touches, remembered by grid and integer arguments."""

    def __init__(self, kernel: str, arguments: Sequence[Argument], bounds: AccessBounds) -> None:
        self._kernel = kernel
        self._arguments = arguments
        self._bounds = bounds
        position = {argument.name: i for i, argument in enumerate(arguments)}
        self._position = position
        self._scalars = [position[name] for name in bounds.scalars]
        self._needs: dict[tuple[Extent, Any], list[_Need]] = {}
        self._pick = operator.itemgetter(*self._scalars) if self._scalars else _nothing

    def check(self, grid: Extent, args: Sequence[Any]) -> None:
        """Raises LaunchError for the first argument that is too small. ``args`` fit their parameters otherwise."""
        key = (grid, self._pick(args))
        try:
            needs = self._needs.get(key)
        except TypeError:  # a scalar that came as an array without axes
            needs = None
        if needs is None:
            needs = self._compute(grid, args)
        for position, nbytes, access in needs:
            value = args[position]
            # The slot, not the property: this runs at every launch.
            holds = value._nbytes if value.__class__ is MetalBuffer else getattr(value, "nbytes", 0)
            if holds < nbytes:
                raise self._too_small(position, access, holds)

    def _compute(self, grid: Extent, args: Sequence[Any]) -> list[_Need]:
        values = [args[i] for i in self._scalars]
        if any(isinstance(value, MetalBuffer) for value in values):
            return []  # the value lies in device memory, where a launch under way may still change it
        needs: list[_Need] = []
        for access in self._bounds.accesses(grid, [int(value) for value in values]):
            position = self._position[access.parameter]
            itemsize = self._arguments[position].itemsize
            if itemsize is not None:
                needs.append((position, (access.element + 1) * itemsize, access))
        if len(self._needs) >= _REMEMBERED:
            self._needs.clear()
        with contextlib.suppress(TypeError):  # not hashable, as above
            self._needs[(grid, self._pick(args))] = needs
        return needs

    def _too_small(self, position: int, access: Access, nbytes: int) -> LaunchError:
        argument = self._arguments[position]
        holds = nbytes // (argument.itemsize or 1)
        thread = access.thread[0] if access.thread[1:] == (0, 0) else access.thread
        return LaunchError(
            f"has {holds:,} element{'' if holds == 1 else 's'}, but thread {thread} of the grid "
            f"{'writes' if argument.written else 'reads'} element {access.element:,}",
            kernel=self._kernel,
            parameter=argument.name,
            hint=f"give it at least {access.element + 1:,}, launch fewer threads, "
            "or guard the access in the kernel",
        )


def _nothing(args: Sequence[Any]) -> None:
    """What a kernel without integer parameters depends on."""

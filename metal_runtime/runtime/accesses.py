"""Where a launch surely touches memory: the text that access_bounds writes -> a question about a grid and scalars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metal_runtime.device.launch_config import Extent

Touched = Callable[..., tuple[int, ...]]
"""``(x, y, z, gx, gy, gz, *integer parameters) -> greatest index per pointer``, -1 where there is none."""

Limits = Callable[..., tuple[Sequence[int], Sequence[int], Sequence[int]]]
"""``(*integer parameters) -> the limits that guards set for x, y and z``."""


@dataclass(frozen=True, slots=True)
class Access:
    """The greatest element of a pointer that a thread surely touches."""

    parameter: str
    element: int
    thread: Extent


@dataclass(frozen=True, slots=True)
class AccessText:
    """What is known of a kernel's accesses, as it is kept on disk. ``scalars`` are the integer parameters."""

    kernel: str
    pointers: tuple[str, ...]
    scalars: tuple[str, ...]
    python: str
    """Defines ``touched`` and ``limits``."""


class AccessBounds:
    """Answers for every launch of a kernel which elements it surely touches."""

    def __init__(self, text: AccessText) -> None:
        self.pointers = text.pointers
        self.scalars = text.scalars
        namespace: dict[str, Callable[..., object]] = {
            "last": _last,
            "quotient": _quotient,
            "rest": _rest,
        }
        exec(compile(text.python, f"<accesses of {text.kernel}>", "exec"), namespace)
        self._touched: Touched = namespace["touched"]  # type: ignore[assignment]
        self._limits: Limits = namespace["limits"]  # type: ignore[assignment]

    def accesses(self, grid: Extent, scalars: Sequence[int]) -> tuple[Access, ...]:
        """The accesses of a launch with these values of ``self.scalars``."""
        last = tuple(extent - 1 for extent in grid)
        guarded = tuple(
            min(extent, *limits) - 1 if limits else extent - 1
            for extent, limits in zip(grid, self._limits(*scalars), strict=True)
        )
        found: dict[str, Access] = {}
        for thread in {last, guarded}:
            if min(thread) < 0:
                continue
            elements = self._touched(*thread, *grid, *scalars)
            for parameter, element in zip(self.pointers, elements, strict=True):
                known = found.get(parameter)
                if element >= 0 and (known is None or element > known.element):
                    found[parameter] = Access(parameter, element, (thread[0], thread[1], thread[2]))
        return tuple(found.values())


def _last(start: int, stop: int, step: int) -> Sequence[int]:
    """The last value of a range, or nothing."""
    return range(start, stop, step)[-1:] if step else ()


def _quotient(a: int, b: int) -> int:
    return a // b if b else 0


def _rest(a: int, b: int) -> int:
    return a % b if b else 0

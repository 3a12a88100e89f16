"""What ``tile=`` says of a kernel -> the configurations to choose from; sizes of a call -> its shape class."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

THREADGROUP = "threadgroup"
"""The name that stands for the launch's threadgroup; every other is a constant of the kernel's."""

MOST = 256
"""So many configurations can be measured at the first call."""

Configuration = dict[str, Any]
"""A value for each name; None for ``threadgroup`` is the one that is chosen for the device."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a ``tile=``, and at which of its names."""

    message: str
    hint: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """The candidates of each name, in the order in which they were written."""

    choices: tuple[tuple[str, tuple[Any, ...]], ...]

    @property
    def constants(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.choices if name != THREADGROUP)

    def configurations(self, default: Configuration) -> list[Configuration]:
        """The default, then every other combination."""
        names = [name for name, _ in self.choices]
        combined = (
            dict(zip(names, values, strict=True))
            for values in itertools.product(*(values for _, values in self.choices))
        )
        found = {text_of(c): c for c in (default, *combined)}
        return list(found.values())

    def without(self, name: str) -> Space:
        """The space in which ``name`` is not chosen any more."""
        return Space(tuple(choice for choice in self.choices if choice[0] != name))


def read_space(tile: Any) -> Space | Complaint:
    """The space that a user wrote, or what is wrong with it."""
    if not isinstance(tile, Mapping) or not tile:
        return Complaint(
            "tile= takes a dict of names and their candidates",
            'write tile={"TILE": [8, 16, 32], "threadgroup": [64, 256]}',
        )
    choices = []
    for name, candidates in tile.items():
        complaint = _complaint(name, candidates)
        if complaint is not None:
            return complaint
        choices.append((name, tuple(candidates)))
    count = math.prod(len(candidates) for _, candidates in choices)
    if count > MOST:
        return Complaint(
            f"tile= has {count:,} combinations; at most {MOST} are measured",
            "give fewer candidates",
        )
    return Space(tuple(choices))


def _complaint(name: Any, candidates: Any) -> Complaint | None:
    if not isinstance(name, str):
        return Complaint(f"tile= has the key {name!r}, which is no name", "write it as a string")
    if not isinstance(candidates, Sequence) or isinstance(candidates, str) or not candidates:
        return Complaint(
            f"the candidates of `{name}` are no list", f'write "{name}": [8, 16, 32]', name
        )
    good = _is_threadgroup if name == THREADGROUP else _is_constant
    for candidate in candidates:
        if not good(candidate):
            hint = (
                "give an integer, or a tuple of 1 to 3 of them"
                if name == THREADGROUP
                else "a kernel's constants are of bool, int or float"
            )
            return Complaint(f"`{name}` cannot be {candidate!r}", hint, name)
    return None


def _is_constant(value: Any) -> bool:
    return type(value) in (bool, int, float)


def _is_threadgroup(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return 1 <= len(parts) <= 3 and all(type(part) is int and part > 0 for part in parts)


def text_of(configuration: Configuration) -> str:
    """One text for each configuration, the same after a way through JSON."""
    return json.dumps(configuration, sort_keys=True)


def size_class(size: int) -> int:
    """The power of two from ``size`` on; 0 for 0."""
    return 1 << (size - 1).bit_length() if size > 0 else 0


def shape_class(shapes: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The shapes with every extent rounded up to a power of two: calls of one class share a winner."""
    return tuple(tuple(size_class(extent) for extent in shape) for shape in shapes)


def shape_text(shapes: Sequence[Sequence[int]]) -> str:
    """``((1024, 64), (64,))`` -> ``1024x64, 64``."""
    return ", ".join(_extents(shape) for shape in shapes)


def _extents(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one"


def names_and_values(configuration: Configuration) -> Iterator[str]:
    """``TILE=16``, one text a name."""
    for name, value in configuration.items():
        text = "x".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        yield f"{name}={'by device' if value is None else text}"

"""Axes that a launch spreads over threads in, each thread's coordinate along them out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metal_runtime.device.launch_config import Extent
from metal_runtime.graph.kernel_text import Arguments
from metal_runtime.ir.nodes import Declare, Expr, Read, Stmt
from metal_runtime.ops.expressions import apply
from metal_runtime.ops.kernels import UINT, position


def grid_of(sizes: Sequence[int]) -> Extent:
    """The launch over axes, innermost first; from the third on they share z."""
    x, y = (*sizes[:2], 1, 1)[:2]
    return x, y, math.prod(sizes[2:])


def coordinates(
    sizes: Sequence[int], names: Sequence[str], arguments: Arguments
) -> tuple[list[Stmt], list[Expr]]:
    """The thread's coordinate along each axis, innermost first; those that share z are divided out of it."""
    statements: list[Stmt] = []
    found: list[Expr] = []

    def named(name: str, value: Expr) -> None:
        statements.append(Declare(name, UINT, value))
        found.append(Read(name, UINT))

    for axis, name in zip("xyz", names[:3] if len(sizes) <= 3 else names[:2], strict=False):
        named(name, position(axis))
    if len(sizes) > 3:
        rest: Expr = position("z")
        for place in range(2, len(sizes) - 1):
            size = arguments.number(sizes[place], f"size_{names[place]}")
            named(names[place], apply("rem", rest, size))
            over = f"rest_{names[place]}"
            statements.append(Declare(over, UINT, apply("div", rest, size)))
            rest = Read(over, UINT)
        named(names[-1], rest)
    return statements, found

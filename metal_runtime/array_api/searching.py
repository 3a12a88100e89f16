"""The standard's functions that choose: arrays and conditions or places in, elements out."""

from __future__ import annotations

from metal_runtime import ops
from metal_runtime.array_api.elementwise import Operand
from metal_runtime.buffer import MetalBuffer


def where(condition: MetalBuffer, x1: Operand, x2: Operand, /) -> MetalBuffer:
    """``x1`` where the condition is true, else ``x2``."""
    return ops.where(condition, x1, x2)

"""The original iris' module: ``from metal_runtime.decorator import kernel, metal``."""

from __future__ import annotations

from metal_runtime import language as metal
from metal_runtime.kernel import KernelFunction, kernel

__all__ = ["KernelFunction", "kernel", "metal"]

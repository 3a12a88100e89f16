"""The passes in their order: a verified kernel in, a verified kernel of the same meaning out."""

from __future__ import annotations

from collections.abc import Callable

from metal_runtime.ir.nodes import Kernel
from metal_runtime.ir.verify import verify

Pass = Callable[[Kernel], Kernel]

PASSES: tuple[Pass, ...] = ()


def optimize(kernel: Kernel) -> Kernel:
    """Runs every pass, and verifies before the first and after each one."""
    verify(kernel)
    for run in PASSES:
        kernel = run(kernel)
        verify(kernel)
    return kernel

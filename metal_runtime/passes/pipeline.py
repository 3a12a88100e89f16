"""The passes in their order: a verified kernel in, a verified kernel of the same meaning out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metal_runtime.ir.nodes import Kernel
from metal_runtime.ir.verify import verify
from metal_runtime.passes.common_subexpressions import common_subexpressions
from metal_runtime.passes.fold_constants import fold_constants
from metal_runtime.passes.hoist_invariants import hoist_invariants
from metal_runtime.passes.remove_dead_code import remove_dead_code

Pass = Callable[[Kernel], Kernel]

PASSES: tuple[Pass, ...] = (
    fold_constants,
    remove_dead_code,
    hoist_invariants,
    common_subexpressions,
)


def optimize(kernel: Kernel, passes: Sequence[Pass] = PASSES) -> Kernel:
    """Runs every pass, and verifies before the first and after each one."""
    verify(kernel)
    for run in passes:
        kernel = run(kernel)
        verify(kernel)
    return kernel

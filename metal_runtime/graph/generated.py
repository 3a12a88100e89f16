"""What code generation gives back: the IR of a kernel, its arguments and its launch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metal_runtime.device.launch_config import Extent
from metal_runtime.dtype import DType
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import Arguments, KernelArgument, Output
from metal_runtime.graph.lowering import Compute, Term, terms_below
from metal_runtime.graph.operations import Partial, reduce_of, row_strides
from metal_runtime.graph.trace import Structure
from metal_runtime.ir import nodes as ir
from metal_runtime.ir.walk import walk
from metal_runtime.ops.expressions import functions_called
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.strided import Strided, contiguous

MOST_WORDS = 6
"""So many operators are named in a kernel's name."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A kernel of a plan."""

    kernel: ir.Kernel
    arguments: tuple[KernelArgument, ...]
    grid: Extent


@dataclass(frozen=True, slots=True)
class PlacedOutput:
    """What is written, and where its element for each place of the domain goes."""

    output: Output
    layout: Strided


def outputs_of(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> list[PlacedOutput]:
    """The results of ``whole``, then of ``rows``, then of the reductions that are written."""
    shape, axes = kernel.domain.shape, kernel.domain.axes
    rows = Strided(shape, row_strides(shape, axes))
    found = []
    for index, term in kernel.whole:
        layout = layouts.get(index) or contiguous(shape)
        found.append(PlacedOutput(Output(index, 0, term.dtype), layout))
    found += [PlacedOutput(Output(index, 0, term.dtype), rows) for index, term in kernel.rows]
    for index, _ in kernel.reductions:
        if index in kernel.written:
            found += (
                PlacedOutput(Output(index, part, dtype), rows)
                for part, dtype in enumerate(_dtypes_of(graph, index))
            )
    return found


def _dtypes_of(graph: Structure, index: int) -> tuple[DType, ...]:
    node = graph.nodes[index]
    if isinstance(node.operation, Partial):
        whole = node.operation.whole
        return whole.reduction.accumulators(whole.element)
    return (node.dtype,)


def finished(
    kernel: Kernel,
    graph: Structure,
    arguments: Arguments,
    body: Sequence[ir.Stmt],
    arrays: tuple[ir.Array, ...],
    grid: Extent,
) -> Generated:
    """The kernel with its name, parameters and the functions that it calls."""
    params, bound, unpacked = arguments.close()
    whole = (*unpacked, *body)
    calls = [node for node in walk(*whole) if isinstance(node, ir.Call)]
    own = {f.name: f for call in calls for f in functions_called(call)}
    functions = (*(own[name] for name in sorted(own)), *_users_functions(kernel, graph))
    return Generated(ir.Kernel(_name(kernel, graph), params, whole, functions, arrays), bound, grid)


def _users_functions(kernel: Kernel, graph: Structure) -> tuple[ir.Function, ...]:
    """What operators and reductions call that users wrote, each before its callers."""
    reduced = [reduce_of(graph.nodes[k].operation).reduction for k, _ in kernel.reductions]
    found = {f.name: f for reduction in reduced for f in reduction.functions}
    found.update((f.name, f) for f in functions_of(terms_below(*kernel.terms())))
    return tuple(found.values())


def functions_of(terms: Iterable[Term]) -> tuple[ir.Function, ...]:
    """What the operators among terms call that users wrote, each once and before its callers."""
    operators = (term.operation.definition for term in terms if isinstance(term, Compute))
    return tuple({f.name: f for operator in operators for f in operator.functions}.values())


def _name(kernel: Kernel, graph: Structure) -> str:
    """``add_mul_relu``, ``sum_rows_of_square``: the operators, in the order in which they are computed."""
    reduced = [str(graph.nodes[k].operation.name) for k, _ in kernel.reductions]  # type: ignore[union-attr]
    computed = [t.operation.name for t in terms_below(*kernel.terms()) if isinstance(t, Compute)]
    words = list(dict.fromkeys([*computed, *reduced]))
    rest = len(words) - MOST_WORDS
    if rest > 0:
        words = [*words[:MOST_WORDS], f"and_{rest}_more"]
    name = re.sub(r"\W+", "_", "_".join(words))
    if len(computed) + len(reduced) > 1:
        return f"fused_{name}"
    written = [*kernel.whole, *kernel.rows]
    dtype = written[0][1].dtype if written else graph.nodes[kernel.reductions[0][0]].dtype
    return f"{name}_{dtype_name(dtype)}"

"""A scheduled kernel without reductions in, its IR out: one thread an element."""

from __future__ import annotations

from metal_runtime.graph.generated import Generated, finished, outputs_of
from metal_runtime.graph.grid import coordinates, grid_of
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import Arguments, Namer, TermWriter, backwards, scaled, total
from metal_runtime.graph.lowering import LoadAt, RowResult, ScalarOf, terms_below
from metal_runtime.graph.trace import Structure
from metal_runtime.graph.walk_axes import Path, WalkAxes, walk_axes
from metal_runtime.ir.nodes import Assign, Expr, Load, Stmt
from metal_runtime.ops.kernels import UINT
from metal_runtime.strided import Strided


def elementwise_kernel(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> Generated:
    """The code for ``kernel``; ``layouts`` says where the elements of a node go that is written into an array."""
    terms = list(terms_below(*kernel.terms()))
    loads = [term for term in terms if isinstance(term, LoadAt)]
    outputs = outputs_of(kernel, graph, layouts)
    accesses = [load.access.layout for load in loads] + [o.layout for o in outputs]
    walk = walk_axes(kernel.domain.shape, (), accesses)
    arguments = Arguments()
    arguments.add_loads(loads, walk.paths[: len(loads)])
    arguments.add_scalars([term for term in terms if isinstance(term, ScalarOf)])
    arguments.add_results([o.output for o in outputs], walk.paths[len(loads) :])
    sizes = [axis.size for axis in reversed(walk.axes)]
    names = ["i"] if len(sizes) == 1 else [f"i{place}" for place in range(len(sizes))]
    setup, places = coordinates(sizes, names, arguments)
    writer = _Elements(arguments, kernel, walk, places)
    stores: list[Stmt] = []
    for output, (_, term) in zip(outputs, kernel.whole, strict=True):
        name, path = arguments.results[output.output]
        value = writer.write(term)
        assert path is not None
        stores.append(Assign(Load(name, writer.index(name, path), output.output.dtype), value))
    body = (*setup, *writer.statements, *stores)
    return finished(kernel, graph, arguments, body, (), grid_of(sizes))


class _Elements(TermWriter):
    def __init__(
        self, arguments: Arguments, kernel: Kernel, walk: WalkAxes, places: list[Expr]
    ) -> None:
        super().__init__(arguments, [term for _, term in kernel.whole], Namer())
        self._walk = walk
        self._places = places

    def index(self, name: str, path: Path) -> Expr:
        terms = []
        inner_first = zip(reversed(self._walk.axes), reversed(path.steps), strict=True)
        for place, (axis, step) in enumerate(inner_first):
            if step.stride == 0:
                continue
            stride = self._arguments.number(step.stride, f"{name}_stride{place}")
            coordinate = self._places[place]
            if step.backwards:
                coordinate = backwards(coordinate, axis.size, place, self._arguments)
            terms.append(scaled(coordinate, stride, UINT))
        return total(terms[::-1], UINT)

    def row(self, result: RowResult) -> Expr:
        raise AssertionError("an elementwise kernel reduces nothing")

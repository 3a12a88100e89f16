"""Terms in, IR statements and expressions out, with the arguments of the kernel that they make up.

A kernel's arguments are the arrays it reads, its scalars, the arrays it writes, then sizes and strides.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from metal_runtime.dtype import DType
from metal_runtime.graph.lowering import (
    Compute,
    LoadAt,
    RowResult,
    ScalarOf,
    Source,
    Term,
    terms_below,
)
from metal_runtime.graph.operations import Elementwise
from metal_runtime.graph.trace import Ref
from metal_runtime.graph.walk_axes import Path
from metal_runtime.ir.nodes import (
    Constant,
    Declare,
    Expr,
    Load,
    Param,
    Read,
    Select,
    Stmt,
    Swizzle,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import Vector
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.kernels import UINT, pointer

ULONG = DType.UINT64
MOST_ARGUMENTS = 31


@dataclass(frozen=True, slots=True)
class Output:
    """What a kernel writes: a node's elements, or (``part``) one accumulator of a Partial's."""

    node: int
    part: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class ArrayArgument:
    """Memory that is bound: of a leaf or a node, from its element ``first`` on."""

    ref: Ref | Output
    part: int
    first: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class ScalarArgument:
    """A scalar operand, by its place among the graph's."""

    place: int


@dataclass(frozen=True, slots=True)
class NumberArgument:
    """Sizes and strides, packed."""

    packed: bytes


KernelArgument = ArrayArgument | ScalarArgument | NumberArgument


def letters(count: int) -> list[str]:
    """``a``, ``b``, … and ``a26`` after ``z``; names that MSL or the kernels use are left out."""
    alphabet = "abcdefghmnpqstuvwxyz"
    return [
        alphabet[k % len(alphabet)] + (str(k // len(alphabet)) if k >= len(alphabet) else "")
        for k in range(count)
    ]


@dataclass(slots=True)
class Arguments:
    """The arguments of one kernel as its text is written."""

    paths: dict[LoadAt, tuple[str, Path]] = field(default_factory=dict)
    params: list[Param] = field(default_factory=list)
    bound: list[KernelArgument] = field(default_factory=list)
    scalars: dict[int, str] = field(default_factory=dict)
    results: dict[Output, tuple[str, Path | None]] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)

    def add_loads(self, loads: Sequence[LoadAt], paths: Sequence[Path]) -> None:
        """Sources are bound once for each place at which an access of them begins."""
        known: dict[tuple[Source, int], str] = {}
        places = {(load.access.source, path.first) for load, path in zip(loads, paths, strict=True)}
        names = iter(letters(len(places)))
        for load, path in zip(loads, paths, strict=True):
            source = load.access.source
            name = known.get((source, path.first))
            if name is None:
                name = known[source, path.first] = next(names)
                self.params.append(Param(name, pointer(source.dtype, const=True)))
                self.bound.append(ArrayArgument(source.ref, source.part, path.first, source.dtype))
            self.paths[load] = (name, path)

    def add_scalars(self, scalars: Sequence[ScalarOf]) -> None:
        for scalar in scalars:
            name = self.scalars[scalar.place] = f"k{len(self.scalars)}"
            self.params.append(Param(name, scalar.dtype))
            self.bound.append(ScalarArgument(scalar.place))

    def add_results(self, outputs: Sequence[Output], paths: Sequence[Path | None]) -> None:
        several = len(outputs) > 1
        for place, (output, path) in enumerate(zip(outputs, paths, strict=True)):
            name = f"out{place}" if several else "out"
            self.params.append(Param(name, pointer(output.dtype)))
            first = 0 if path is None else path.first
            self.bound.append(ArrayArgument(output, output.part, first, output.dtype))
            self.results[output] = (name, path)

    def number(self, value: int, wanted: str) -> Expr:
        """A size or stride as an argument, equal ones once; 0 and 1 stand in the text."""
        if value in (0, 1):
            return Constant(value, UINT)
        name = self.numbers.get(value)
        if name is None:
            taken = set(self.numbers.values())
            name = next(n for n in _numbered(wanted) if n not in taken)
            self.numbers[value] = name
        return Read(name, UINT)

    def close(self) -> tuple[tuple[Param, ...], tuple[KernelArgument, ...], list[Stmt]]:
        """Parameters, what is bound to them, and statements that unpack the numbers."""
        values = list(self.numbers)
        if len(self.params) + len(values) <= MOST_ARGUMENTS:
            params = [Param(name, UINT) for name in self.numbers.values()]
            bound: list[KernelArgument] = [NumberArgument(struct.pack("=I", v)) for v in values]
            return (*self.params, *params), (*self.bound, *bound), []
        four = Vector(UINT, 4)
        params, bound = [], []
        unpacked: list[Stmt] = []
        for start in range(0, len(values), 4):
            group = values[start : start + 4]
            name = f"numbers{start // 4}"
            params.append(Param(name, four))
            bound.append(NumberArgument(struct.pack("=4I", *group, *[0] * (4 - len(group)))))
            unpacked += [
                Declare(self.numbers[v], UINT, Swizzle(Read(name, four), c, UINT))
                for v, c in zip(group, "xyzw", strict=False)
            ]
        return (*self.params, *params), (*self.bound, *bound), unpacked


def _numbered(name: str) -> list[str]:
    return [name, *(f"{name}_{k}" for k in range(2, 64))]


class TermWriter:
    """Writes terms at one place of the domain: each that is used twice gets a name.

    ``index`` says where the element of a path lies there, ``row`` what a reduction has come to.
    """

    def __init__(
        self,
        arguments: Arguments,
        roots: Sequence[Term],
        names: Namer,
    ) -> None:
        self._arguments = arguments
        self._uses = _uses(roots)
        self._names = names
        self._written: dict[int, Expr] = {}
        self.statements: list[Stmt] = []
        self._name_loads = any(
            isinstance(t, Compute) and _has_choice(t.operation) for t in terms_below(*roots)
        )

    def write(self, root: Term) -> Expr:
        """The term's value; statements before it go to ``statements``."""
        for term in terms_below(root):
            if id(term) not in self._written:
                self._written[id(term)] = self._value(term)
        return self._written[id(root)]

    def index(self, name: str, path: Path) -> Expr:
        raise NotImplementedError

    def row(self, result: RowResult) -> Expr:
        raise NotImplementedError

    def _value(self, term: Term) -> Expr:
        if isinstance(term, ScalarOf):
            return Read(self._arguments.scalars[term.place], term.dtype)
        if isinstance(term, RowResult):
            return self.row(term)
        if isinstance(term, LoadAt):
            name, path = self._arguments.paths[term]
            value: Expr = Load(name, self.index(name, path), term.dtype)
            named = self._name_loads or self._uses[id(term)] > 1
            return self._named(value, f"{name}_value", term.dtype) if named else value
        value = computed(term.operation, [self._written[id(a)] for a in term.args])
        if self._uses[id(term)] > 1:
            return self._named(value, f"{term.operation.name}_value", term.dtype)
        return value

    def _named(self, value: Expr, wanted: str, dtype: DType) -> Expr:
        name = self._names(wanted)
        self.statements.append(Declare(name, dtype, value))
        return Read(name, dtype)


class Namer:
    """Names that a kernel does not have yet."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __call__(self, wanted: str) -> str:
        count = self._counts[wanted] = self._counts.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}_{count}"


def computed(operation: Elementwise, args: Sequence[Expr]) -> Expr:
    converted = [convert(a, d) for a, d in zip(args, operation.types.operands, strict=True)]
    return convert(operation.definition.build(*converted), operation.dtype)


def _uses(roots: Sequence[Term]) -> dict[int, int]:
    """How often the text of each term would stand in the text of those above it."""
    uses: dict[int, int] = {}
    for root in roots:
        uses[id(root)] = uses.get(id(root), 0) + 1
    for term in terms_below(*roots):
        if isinstance(term, Compute):
            times = times_written(term.operation, tuple(arg.dtype for arg in term.args))
            for arg, count in zip(term.args, times, strict=True):
                uses[id(arg)] = uses.get(id(arg), 0) + count
        uses.setdefault(id(term), 0)
    return uses


@functools.lru_cache(maxsize=4096)
def times_written(operation: Elementwise, dtypes: tuple[DType, ...]) -> tuple[int, ...]:
    """How often each operand stands in the operator's expression."""
    names = [f"arg{k}" for k in range(len(dtypes))]
    value = computed(operation, [Read(n, d) for n, d in zip(names, dtypes, strict=True)])
    found = [node.name for node in walk(value) if isinstance(node, Read)]
    return tuple(found.count(name) for name in names)


@functools.lru_cache(maxsize=4096)
def _has_choice(operation: Elementwise) -> bool:
    args = [Read(f"arg{k}", d) for k, d in enumerate(operation.types.operands)]
    return any(isinstance(node, Select) for node in walk(operation.definition.build(*args)))


# --- index arithmetic ----------------------------------------------------------------------------------


def total(terms: Sequence[Expr], dtype: DType) -> Expr:
    """The sum of index terms; 0 without one."""
    if not terms:
        return Constant(0, dtype)
    return functools.reduce(lambda a, b: apply("add", a, b), terms)


def scaled(coordinate: Expr, stride: Expr, dtype: DType) -> Expr:
    """A coordinate times a stride."""
    if isinstance(stride, Constant) and stride.value == 1:
        return convert(coordinate, dtype)
    return apply("mul", convert(coordinate, dtype), convert(stride, dtype))


def backwards(coordinate: Expr, size: int, place: int, arguments: Arguments) -> Expr:
    """The coordinate counted from the far end of its axis, in the coordinate's own type."""
    assert isinstance(coordinate.type, DType)
    last = convert(arguments.number(size - 1, f"last{place}"), coordinate.type)
    return apply("sub", last, coordinate)

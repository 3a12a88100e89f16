"""Hypothesis strategies: random verified kernels with inputs on which they neither trap nor read out of range.

What compares bit by bit between the interpreter and a device is kept apart from what does not: operators
that are not exact stand only at the root of values stored to the outputs named in ``approximate``.
Avoided, because MSL leaves them open: a float out of an integer's range converted to it, the signs of
NaN and of min(-0.0, 0.0), the least integer divided by -1, fma of bfloat (rounded twice by way of float).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from metal_runtime.device.launch_config import Extent
from metal_runtime.dtype import DType
from metal_runtime.ir.collectives import COLLECTIVES, LANE
from metal_runtime.ir.nodes import (
    Apply,
    Array,
    Assign,
    Barrier,
    BarrierScope,
    Bitcast,
    Block,
    Break,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Construct,
    Continue,
    Declare,
    Expr,
    For,
    Function,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Return,
    Select,
    Stmt,
    Swizzle,
    While,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.ir.verify_expressions import same_bits
from metal_runtime.msl_types import (
    AddressSpace,
    Pointer,
    ValueType,
    Vector,
    element_of,
    numpy_storage,
    with_element,
)

BOOL, INT, UINT, FLOAT = DType.BOOL, DType.INT32, DType.UINT32, DType.FLOAT32
NUMBERS = tuple(d for d in DType if d is not BOOL)
FLOATS = tuple(d for d in DType if d.is_float)
INTEGERS = tuple(d for d in DType if d.is_integer)

_ANY = ("add", "sub", "mul", "abs", "min", "max")
_INTEGER = (*_ANY, "bit_and", "bit_or", "bit_xor", "bit_not", "shl", "shr", "popcount", "clz")
_INTEGER += ("ctz", "reverse_bits", "mulhi", "div", "rem", "floordiv", "mod", "ipow", "clamp")
_INTEGER += (
    "min3",
    "max3",
    "median3",
    "addsat",
    "subsat",
    "hadd",
    "rhadd",
    "madhi",
    "madsat",
    "rotate",
)
_FLOAT = (
    *_ANY,
    "div",
    "neg",
    "sqrt",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "round",
    "fmod",
    "copysign",
)
_FLOAT += ("step", "sign", "saturate", "fma", "clamp", "floordiv", "fdim")
INEXACT = ("exp", "exp2", "expm1", "log", "log2", "log1p", "rsqrt", "cbrt", "sin", "cos", "atan")
INEXACT += ("sinh", "tanh", "asinh", "erf", "erfc", "atan2", "hypot")


@dataclass(frozen=True)
class RandomKernel:
    """A kernel, and arguments that it can be run with."""

    kernel: Kernel
    grid: Extent
    arguments: dict[str, Any]
    """Arrays for pointers; scalars, or sequences of components, for values."""

    outputs: tuple[str, ...]
    approximate: frozenset[str]
    """Outputs that a device gives to within a few ulp only."""

    threadgroup: Extent = (32, 1, 1)

    def fresh_arguments(self) -> dict[str, Any]:
        """The arguments with copies of the arrays."""
        return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in self.arguments.items()}


def kernels(name: str = "random_kernel") -> st.SearchStrategy[RandomKernel]:
    """Random kernels of every statement, expression and type."""
    return st.randoms(use_true_random=False).map(lambda r: random_kernel(r, name))


def kernels_together(name: str = "random_kernel") -> st.SearchStrategy[RandomKernel]:
    """Random kernels whose threads exchange values: at barriers and by functions of lanes, in uniform flow."""
    return st.randoms(use_true_random=False).map(lambda r: random_kernel(r, name, together=True))


def random_kernel(
    source: random.Random, name: str = "random_kernel", *, together: bool = False
) -> RandomKernel:
    """The kernel that follows from a source of randomness."""
    builder = _TogetherBuilder if together else _KernelBuilder
    return builder(source, name).build()


def apply(name: str, *args: Expr) -> Apply:
    """An operator applied; its type by the table's rule."""
    operator = OPERATORS[name]
    return Apply(operator, args, operator.result_type([a.type for a in args]))  # type: ignore[misc]


def random_values(source: random.Random, dtype: DType, count: int) -> np.ndarray[Any, Any]:
    """Values of a dtype: ordinary ones, and those at which mistakes are made."""
    seeded = np.random.default_rng(source.getrandbits(32))
    if dtype is BOOL:
        return seeded.integers(0, 2, count).astype(bool)
    if dtype.is_float:
        values = seeded.normal(0, 1, count) * 10.0 ** seeded.integers(-3, 4, count)
        special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, np.inf, -np.inf, np.nan, 1e-40, 1e30, 65504.0]
        with np.errstate(all="ignore"):
            picked = seeded.choice(special, count)
            return np.where(seeded.random(count) < 0.2, picked, values).astype(dtype.numpy_dtype)
    limits = np.iinfo(dtype.numpy_dtype)
    wide = seeded.integers(limits.min, limits.max, count, dtype.numpy_dtype, endpoint=True)
    small = seeded.integers(-3 if dtype.is_signed else 0, 9, count).astype(dtype.numpy_dtype)
    edges = seeded.choice(np.array([limits.min, limits.max], dtype.numpy_dtype), count)
    chosen = seeded.choice(3, count, p=[0.3, 0.6, 0.1])
    return np.choose(chosen, [wide, small, edges]).astype(dtype.numpy_dtype)


@dataclass
class _Scope:
    """What an expression may use."""

    values: dict[str, ValueType] = field(default_factory=dict)
    mutable: set[str] = field(default_factory=set)
    pointers: dict[str, Pointer] = field(default_factory=dict)
    index: Expr | None = None
    """A uint below the length of every buffer, the thread's own."""

    in_loop: bool = False
    result: ValueType | None = None
    """The result's type inside a function; None in a kernel."""

    uniform: bool = False
    """Whether all threads of a threadgroup come here alike."""

    def inner(self, **changes: Any) -> _Scope:
        fields = {**vars(self), "values": dict(self.values), "mutable": set(self.mutable)}
        return _Scope(**{**fields, **changes})


class _KernelBuilder:
    may_return = True

    def __init__(self, source: random.Random, name: str) -> None:
        self.source = source
        self.name = name
        self.functions: list[Function] = []
        self.arrays: list[Array] = []
        self.names = 0
        self.room = source.randint(3, 14)
        """Statements that may still be made."""

        self.types = [self.any_type() for _ in range(4)] + [FLOAT, INT]

    def build(self) -> RandomKernel:
        source = self.source
        for _ in range(source.choice((0, 0, 1, 2))):
            self.functions.append(self.function())
        inputs = [Param(f"a{k}", self.pointer(True)) for k in range(source.randint(1, 3))]
        outputs = [Param(f"out{k}", self.pointer(False)) for k in range(source.randint(1, 2))]
        values = [Param(f"s{k}", self.pick_type()) for k in range(source.randint(0, 2))]
        close = Param("near", Pointer(AddressSpace.DEVICE, self.float_type()))
        params = [*inputs, *outputs, close, *values, Param("n", UINT)]
        source.shuffle(params)
        scope = _Scope(index=Read("i", UINT))
        scope.pointers = {p.name: p.type for p in (*inputs, *outputs)}  # type: ignore[misc]
        scope.values = {p.name: p.type for p in values} | {"n": UINT}  # type: ignore[dict-item]
        position = Builtin("thread_position_in_grid", Vector(UINT, 3))
        head: list[Stmt] = [Declare("i", UINT, Swizzle(position, "x", UINT)), *self.guard(scope)]
        scope.values["i"] = UINT
        body = [*head, *self.statements(scope, 0)]
        for param in outputs:
            element = param.type.element  # type: ignore[union-attr]
            body.append(
                Assign(Load(param.name, Read("i", UINT), element), self.expr(scope, element, 3))
            )
        body.append(self.inexact_store(scope, close))
        kernel = Kernel(
            self.name, tuple(params), tuple(body), tuple(self.functions), tuple(self.arrays)
        )
        return self.with_arguments(kernel, [p.name for p in outputs])

    def guard(self, scope: _Scope) -> list[Stmt]:
        """What keeps threads beyond the end of the data from it."""
        return [If(apply("ge", Read("i", UINT), Read("n", UINT)), (Return(),))]

    def with_arguments(self, kernel: Kernel, outputs: list[str]) -> RandomKernel:
        n = self.source.randint(1, 40)
        arguments: dict[str, Any] = {"n": n}
        for param in kernel.params:
            if isinstance(param.type, Pointer):
                dtype, shape = numpy_storage(param.type.element)
                count = n * (shape[0] if shape else 1)
                element = element_of(param.type.element)
                arguments[param.name] = random_values(self.source, element, count).reshape(
                    n, *shape
                )
            elif param.name != "n":
                width = param.type.width if isinstance(param.type, Vector) else 1
                value = random_values(self.source, element_of(param.type), width)
                arguments[param.name] = value if width > 1 else value[0]
        grid = (n + self.source.randint(0, 9), 1, 1)
        return RandomKernel(kernel, grid, arguments, (*outputs, "near"), frozenset({"near"}))

    def inexact_store(self, scope: _Scope, param: Param) -> Stmt:
        """A function of the math library of a few exact values, stored as it is."""
        assert isinstance(param.type, Pointer)
        element = param.type.element
        operator = OPERATORS[self.source.choice(INEXACT)]
        args = tuple(self.expr(scope, element, 2) for _ in range(operator.arity))
        place = Load(param.name, Read("i", UINT), element)
        return Assign(place, Apply(operator, args, element))

    # --- types and names ---

    def any_type(self) -> ValueType:
        dtype = self.source.choice(tuple(DType))
        return Vector(dtype, self.source.randint(2, 4)) if self.source.random() < 0.3 else dtype

    def pick_type(self) -> ValueType:
        return self.source.choice(self.types)

    def float_type(self) -> ValueType:
        dtype = self.source.choice((FLOAT, FLOAT, DType.FLOAT16, DType.BFLOAT16))
        return Vector(dtype, self.source.randint(2, 4)) if self.source.random() < 0.2 else dtype

    def pointer(self, const: bool) -> Pointer:
        space = self.source.choice((AddressSpace.DEVICE, AddressSpace.CONSTANT))
        return Pointer(space if const else AddressSpace.DEVICE, self.pick_type(), const)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    # --- functions ---

    def function(self) -> Function:
        """A function of values, at times storing through a pointer."""
        params = [
            Param(self.fresh("p"), self.pick_type()) for _ in range(self.source.randint(1, 3))
        ]
        scope = _Scope(values={p.name: p.type for p in params})  # type: ignore[misc]
        result = self.pick_type()
        scope.result = result
        room, self.room = self.room, 3
        body = self.statements(scope, 1)
        self.room = room
        body.append(Return(self.expr(scope, result, 2)))
        return Function(self.fresh("f"), tuple(params), result, tuple(body))

    # --- statements ---

    def statements(self, scope: _Scope, depth: int) -> list[Stmt]:
        result: list[Stmt] = []
        for _ in range(self.source.randint(1, 4)):
            if self.room <= 0:
                break
            self.room -= 1
            result.extend(self.statement(scope, depth))
            if isinstance(result[-1], Break | Continue | Return):
                break
        return result

    def statement(self, scope: _Scope, depth: int) -> list[Stmt]:
        kinds = ["declare", "declare", "assign", "assign", "store"]
        if depth < 3:
            kinds += ["if", "if", "for", "while"]
        if scope.in_loop:
            kinds += ["jump"]
        return getattr(self, f"make_{self.source.choice(kinds)}")(scope, depth)  # type: ignore[no-any-return]

    def make_declare(self, scope: _Scope, depth: int) -> list[Stmt]:
        type_ = self.pick_type()
        name = self.fresh("v")
        value = self.expr(scope, type_, 3)
        scope.values[name] = type_
        scope.mutable.add(name)
        return [Declare(name, type_, value)]

    def make_assign(self, scope: _Scope, depth: int) -> list[Stmt]:
        names = sorted(scope.mutable & scope.values.keys())
        if not names:
            return self.make_declare(scope, depth)
        name = self.source.choice(names)
        return [self.assignment(scope, Read(name, scope.values[name]))]

    def make_store(self, scope: _Scope, depth: int) -> list[Stmt]:
        """To the thread's own element of a buffer that no other thread reads."""
        names = [name for name, p in scope.pointers.items() if not p.const]
        if not names or scope.index is None:
            return self.make_assign(scope, depth)
        name = self.source.choice(names)
        element = scope.pointers[name].element
        return [self.assignment(scope, Load(name, scope.index, element))]

    def assignment(self, scope: _Scope, place: Any) -> Stmt:
        if isinstance(place.type, Vector) and self.source.random() < 0.5:
            place = self.part(scope, place)
        value = self.expr(scope, place.type, 2)
        operators = ("add", "sub", "mul") if element_of(place.type) is not BOOL else ("bit_xor",)
        if self.source.random() < 0.4:
            value = apply(self.source.choice(operators), place, value)
        return Assign(place, value)

    def part(self, scope: _Scope, value: Expr) -> Any:
        """Components of a vector, each at most once."""
        assert isinstance(value.type, Vector)
        element, width = value.type.element, value.type.width
        if self.source.random() < 0.3:
            index = apply("bit_and", self.expr(scope, UINT, 1), Constant(1, UINT))
            return Component(value, index, element)
        count = self.source.randint(1, width)
        components = "".join(self.source.sample("xyzw"[:width], count))
        return Swizzle(value, components, element if count == 1 else Vector(element, count))

    def make_if(self, scope: _Scope, depth: int) -> list[Stmt]:
        condition = self.expr(scope, BOOL, 2)
        then = tuple(self.statements(scope.inner(uniform=False), depth + 1))
        orelse: Block = ()
        if self.source.random() < 0.5:
            orelse = tuple(self.statements(scope.inner(uniform=False), depth + 1))
        return [If(condition, then, orelse)]

    def make_for(self, scope: _Scope, depth: int) -> list[Stmt]:
        """At most six turns, with any sign of the step."""
        type_ = self.source.choice(INTEGERS)
        name = self.fresh("k")
        turns, step = self.source.randint(0, 6), self.source.choice((1, 1, 2, 3))
        start = self.source.randint(0, 5)
        bounds = (start, start + turns * step, step)
        if type_.is_signed and self.source.random() < 0.4:
            bounds = (bounds[1], bounds[0], -step)
        first, last, by = (Constant(b, type_) for b in bounds)
        limit = apply("bit_and", self.expr(scope, type_, 1), Constant(3, type_))
        stop: Expr = last if self.source.random() < 0.6 else apply("min", last, limit)
        if bounds[2] < 0 and stop is not last:
            stop = apply("max", last, limit)
        inner = scope.inner(in_loop=True, uniform=False)
        inner.values[name] = type_
        body = [*self.costly_declaration(scope, inner), *self.statements(inner, depth + 1)]
        return [For(name, type_, first, stop, by, tuple(body))]

    def costly_declaration(self, scope: _Scope, inner: _Scope) -> list[Stmt]:
        """What may be worth moving out of the loop: it reads only what is known outside."""
        if self.source.random() < 0.4:
            return []
        value = apply("sqrt", apply("div", self.expr(scope, FLOAT, 1), self.expr(scope, FLOAT, 1)))
        name = self.fresh("v")
        inner.values[name] = FLOAT
        inner.mutable.add(name)
        return [Declare(name, FLOAT, value)]

    def make_while(self, scope: _Scope, depth: int) -> list[Stmt]:
        """A counter, advanced first, bounds the turns."""
        name = self.fresh("w")
        counter, one = Read(name, INT), Constant(1, INT)
        limit = apply("lt", counter, Constant(self.source.randint(0, 5), INT))
        inner = scope.inner(in_loop=True, uniform=False)
        inner.values[name] = INT
        condition: Expr = limit
        if self.source.random() < 0.5:
            condition = apply("logical_and", limit, self.expr(scope, BOOL, 2))
        advance = Assign(counter, apply("add", counter, one))
        body = (advance, *self.statements(inner, depth + 1))
        return [Declare(name, INT, Constant(0, INT)), While(condition, body)]

    def make_jump(self, scope: _Scope, depth: int) -> list[Stmt]:
        kinds: tuple[Stmt, ...] = (Break(), Continue())
        jump: Stmt = self.source.choice(kinds)
        if self.source.random() < 0.2 and (self.may_return or scope.result is not None):
            jump = Return(None if scope.result is None else self.expr(scope, scope.result, 1))
        return [If(self.expr(scope, BOOL, 2), (jump,))]

    # --- expressions ---

    def expr(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        """An exact expression of the type."""
        if depth <= 0 or self.source.random() < 0.15:
            return self.leaf(scope, type_)
        roll = self.source.random()
        if roll < 0.08:
            then, orelse = (self.expr(scope, type_, depth - 1) for _ in range(2))
            if self.source.random() < 0.5:
                chosen = self.expr(scope, with_element(type_, BOOL), depth - 1)
                return apply("select", then, orelse, chosen)
            return Select(self.expr(scope, BOOL, depth - 1), then, orelse, type_)
        if roll < 0.16:
            return self.cast(scope, type_, depth)
        if roll < 0.19 and element_of(type_) is not BOOL:
            return self.bits(scope, type_, depth)
        if roll < 0.25:
            callees = [f for f in self.functions if f.result == type_]
            if callees:
                function = self.source.choice(callees)
                args = tuple(self.expr(scope, p.type, depth - 1) for p in function.params)  # type: ignore[arg-type]
                return Call(function.name, args, type_)
        if isinstance(type_, Vector) and roll < 0.4:
            return self.construct(scope, type_, depth)
        if isinstance(type_, DType) and roll < 0.32:
            return self.part_of_vector(scope, type_, depth)
        return self.operator(scope, type_, depth)

    def leaf(self, scope: _Scope, type_: ValueType) -> Expr:
        choices: list[Expr] = [Read(n, t) for n, t in scope.values.items() if t == type_]
        if scope.index is not None:
            pointers = [n for n, p in scope.pointers.items() if p.element == type_]
            choices += [Load(n, self.index(scope, n), type_) for n in pointers]
        if choices and self.source.random() < 0.8:
            return self.source.choice(choices)
        if isinstance(type_, Vector):
            return Construct((self.constant(type_.element),), type_)
        return self.constant(type_)

    def index(self, scope: _Scope, pointer: str) -> Expr:
        """The thread's own element, or (where nobody stores) any."""
        assert scope.index is not None
        if not scope.pointers[pointer].const or self.source.random() < 0.7:
            return scope.index
        shifted = apply("add", scope.index, Constant(self.source.randint(1, 5), UINT))
        return apply("rem", shifted, Read("n", UINT))

    def constant(self, dtype: DType) -> Constant:
        value = random_values(self.source, dtype, 1)[0]
        if dtype is BOOL:
            return Constant(bool(value), dtype)
        return Constant(float(value) if dtype.is_float else int(value), dtype)

    def cast(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        target = element_of(type_)
        source = self.source.choice(tuple(DType))
        value = self.expr(scope, with_element(type_, source), depth - 1)
        if source.is_float and target.is_integer:
            low, high = (-100.0 if target.is_signed else 0.0), 100.0
            bounds = [self.repeated(Constant(v, source), value.type) for v in (low, high)]  # type: ignore[arg-type]
            value = apply("clamp", value, *bounds)
        return Cast(value, type_)

    def bits(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        """The bits of an integer; those of a float may be a NaN's, whose sign is open."""
        sources = [t for d in NUMBERS for t in (d, *(Vector(d, w) for w in (2, 3, 4)))]
        same = [t for t in sources if not element_of(t).is_float and same_bits(t, type_)]
        return Bitcast(self.expr(scope, self.source.choice(same), depth - 1), type_)

    def repeated(self, constant: Constant, type_: ValueType) -> Expr:
        return Construct((constant,), type_) if isinstance(type_, Vector) else constant

    def construct(self, scope: _Scope, type_: Vector, depth: int) -> Expr:
        count = self.source.choice((1, type_.width))
        if type_.width == 4 and self.source.random() < 0.2:
            half = Vector(type_.element, 2)
            return Construct(tuple(self.expr(scope, half, depth - 1) for _ in range(2)), type_)
        args = tuple(self.expr(scope, type_.element, depth - 1) for _ in range(count))
        return Construct(args, type_)

    def part_of_vector(self, scope: _Scope, type_: DType, depth: int) -> Expr:
        vector = self.expr(scope, Vector(type_, self.source.randint(2, 4)), depth - 1)
        assert isinstance(vector.type, Vector)
        if self.source.random() < 0.3:
            index = apply("bit_and", self.expr(scope, INT, 1), Constant(1, INT))
            return Component(vector, index, type_)
        return Swizzle(vector, self.source.choice("xyzw"[: vector.type.width]), type_)

    def operator(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        element = element_of(type_)
        if element is BOOL:
            return self.truth(scope, type_, depth)
        if element.is_float:
            return self.float_operator(scope, type_, depth)
        names = _INTEGER + (("neg", "sign") if element.is_signed else ())
        name = self.source.choice(names)
        args = [self.expr(scope, type_, depth - 1) for _ in range(OPERATORS[name].arity)]
        if name in ("div", "rem", "floordiv", "mod"):
            seven, two = (self.repeated(Constant(v, element), type_) for v in (7, 2))
            args[1] = apply("add", apply("bit_and", args[1], seven), two)
        if name == "ipow":
            args[1] = apply("bit_and", args[1], self.repeated(Constant(7, element), type_))
        if name == "clamp":
            args[1:] = [self.repeated(Constant(v, element), type_) for v in (3, 90)]
        return apply(name, *args)

    def float_operator(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        element = element_of(type_)
        name = self.source.choice(_FLOAT)
        if name == "fma" and element is DType.BFLOAT16:
            name = "mul"
        args = [self.expr(scope, type_, depth - 1) for _ in range(OPERATORS[name].arity)]
        if name == "clamp":
            args[1:] = [self.repeated(Constant(v, element), type_) for v in (-2.0, 8.0)]
        if name == "copysign":  # no NaN, whose sign is open
            bounds = [self.repeated(Constant(v, element), type_) for v in (-1.0, 1.0)]
            args[1] = apply("clamp", args[1], *bounds)
        value = apply(name, *args)
        if name in ("min", "max", "clamp", "saturate"):
            return apply("add", value, self.repeated(Constant(0.0, element), type_))  # no -0.0
        return value

    def truth(self, scope: _Scope, type_: ValueType, depth: int) -> Expr:
        roll = self.source.random()
        if roll < 0.5:
            compared = with_element(type_, self.source.choice(NUMBERS))
            name = self.source.choice(("eq", "ne", "lt", "le", "gt", "ge"))
            return apply(name, *(self.expr(scope, compared, depth - 1) for _ in range(2)))
        if roll < 0.6:
            value = self.expr(scope, with_element(type_, self.source.choice(FLOATS)), depth - 1)
            return apply(self.source.choice(("isnan", "isinf", "isfinite")), value)
        if roll < 0.7:
            return apply("logical_not", self.expr(scope, type_, depth - 1))
        if isinstance(type_, DType) and roll < 0.75:
            vector = self.expr(scope, Vector(BOOL, self.source.randint(2, 4)), depth - 1)
            return apply(self.source.choice(("any", "all")), vector)
        names = ["bit_and", "bit_or", "bit_xor", "eq", "ne"]
        if isinstance(type_, DType):
            names += ["logical_and", "logical_or"] * 3
        return apply(
            self.source.choice(names), *(self.expr(scope, type_, depth - 1) for _ in range(2))
        )


class _TogetherBuilder(_KernelBuilder):
    """Kernels without a thread too many: every thread reaches what stands in uniform flow."""

    may_return = False

    def guard(self, scope: _Scope) -> list[Stmt]:
        scope.uniform = True
        return []

    def with_arguments(self, kernel: Kernel, outputs: list[str]) -> RandomKernel:
        made = super().with_arguments(kernel, outputs)
        n = made.arguments["n"]
        threads = self.source.choice((1, 7, 32, 33, 64))
        return replace(made, grid=(n, 1, 1), threadgroup=(threads, 1, 1))

    def statement(self, scope: _Scope, depth: int) -> list[Stmt]:
        if scope.uniform and self.source.random() < 0.6:
            kinds = ["exchange", "collective", "collective"]
            if depth < 2:
                kinds += ["uniform_if", "uniform_for"]
            return getattr(self, f"make_{self.source.choice(kinds)}")(scope, depth)  # type: ignore[no-any-return]
        return super().statement(scope, depth)

    def make_exchange(self, scope: _Scope, depth: int) -> list[Stmt]:
        """Each thread leaves a value and takes another thread's."""
        type_ = self.pick_type()
        name, tile = self.fresh("v"), self.fresh("tile")
        self.arrays.append(Array(tile, Pointer(AddressSpace.THREADGROUP, type_), (64,)))
        own = Builtin("thread_index_in_threadgroup", UINT)
        count = Swizzle(Builtin("threads_per_threadgroup", Vector(UINT, 3)), "x", UINT)
        other = apply("rem", apply("add", own, Constant(self.source.randint(1, 40), UINT)), count)
        value = self.expr(scope, type_, 2)
        scope.values[name] = type_
        scope.mutable.add(name)
        barrier = Barrier(BarrierScope.THREADGROUP)
        return [
            Assign(Load(tile, own, type_), value),
            barrier,
            Declare(name, type_, Load(tile, other, type_)),
            barrier,
        ]

    def make_collective(self, scope: _Scope, depth: int) -> list[Stmt]:
        """A function of lanes that gives the same bits everywhere."""
        group = self.source.choice(("simd", "quad"))
        dtype = self.source.choice([d for d in NUMBERS if d.bits <= 32])
        lane = self.source.randint(0, 3)
        names = ["shuffle", "shuffle_up", "shuffle_down", "shuffle_xor", "shuffle_rotate_up"]
        names += ["broadcast", "shuffle_rotate_down", "broadcast_first", "any", "all"]
        if dtype.is_integer:
            names += ["sum", "product", "min", "max", "and", "or", "xor"]
            names += ["prefix_inclusive_sum", "prefix_exclusive_sum"]
        row = COLLECTIVES[f"{group}_{self.source.choice(names)}"]
        truth = row.name.endswith(("any", "all"))
        args: tuple[Expr, ...] = (self.expr(scope, BOOL if truth else dtype, 2),)
        args += (Constant(lane, LANE),) * (row.arity - 1)
        name, type_ = self.fresh("v"), row.result_type([a.type for a in args])  # type: ignore[misc]
        scope.values[name] = type_
        scope.mutable.add(name)
        return [Declare(name, type_, Collective(row, args, type_))]

    def alike(self, scope: _Scope) -> _Scope:
        """What has one value in all threads: the parameters."""
        fixed = {n: t for n, t in scope.values.items() if n == "n" or n[0] == "s"}
        return _Scope(values=fixed)

    def make_uniform_if(self, scope: _Scope, depth: int) -> list[Stmt]:
        condition = self.expr(self.alike(scope), BOOL, 2)
        then, orelse = (tuple(self.statements(scope.inner(), depth + 1)) for _ in range(2))
        return [If(condition, then, orelse)]

    def make_uniform_for(self, scope: _Scope, depth: int) -> list[Stmt]:
        name = self.fresh("k")
        limit = apply("bit_and", self.expr(self.alike(scope), UINT, 1), Constant(3, UINT))
        inner = scope.inner(in_loop=False)
        inner.values[name] = UINT
        body = tuple(self.statements(inner, depth + 1))
        return [For(name, UINT, Constant(0, UINT), limit, Constant(1, UINT), body)]

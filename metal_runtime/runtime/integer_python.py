"""Integer expressions of the IR -> Python text over ``x y z gx gy gz`` and ``v_<name>``, or None where it is not known."""

from __future__ import annotations

from collections.abc import Iterable

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Apply,
    Builtin,
    Cast,
    Component,
    Constant,
    Construct,
    Declare,
    Expr,
    Kernel,
    Read,
    Select,
    Swizzle,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import Type

_COORDINATES = {
    "thread_position_in_grid": {"x": "x", "y": "y", "z": "z"},
    "threads_per_grid": {"x": "gx", "y": "gy", "z": "gz"},
}
_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "shr": ">>", "bit_and": "&", "bit_or": "|", "bit_xor": "^",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "logical_and": "and", "logical_or": "or",
}  # fmt: skip
_UNSIGNED_CALLS = {"div": "quotient", "floordiv": "quotient", "rem": "rest", "mod": "rest"}
_CALLS = {"min": "min", "max": "max"}


class IntegerPython:
    """Which variables are known at a place in a kernel, and the text of expressions over them."""

    def __init__(self, scalars: Iterable[str]) -> None:
        self.names = set(scalars)
        self._vectors: dict[str, Expr] = {}

    def copy(self) -> IntegerPython:
        """The same knowledge, to be changed apart."""
        other = IntegerPython(self.names)
        other._vectors = dict(self._vectors)
        return other

    def know(self, name: str) -> None:
        self.names.add(name)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.names.discard(name)
            self._vectors.pop(name, None)

    def keep_common(self, other: IntegerPython) -> None:
        """After two paths: what both know."""
        self.names &= other.names
        self._vectors = {n: e for n, e in self._vectors.items() if other._vectors.get(n) == e}

    def assign(self, name: str, value: Expr | None) -> str | None:
        """Notes an assignment; the text to assign to ``v_<name>``, or None when it is not known now."""
        self.forget((name,))
        if value is None:
            return None
        if _is_position(value):
            self._vectors[name] = value
            return None
        text = self.text(value)
        if text is not None:
            self.names.add(name)
        return text

    def text(self, expr: Expr) -> str | None:
        """The Python text of a scalar integer or bool, wrapped as its type wraps."""
        if not isinstance(expr.type, DType) or expr.type.is_float:
            return None
        match expr:
            case Constant():
                return f"({expr.value!r})"
            case Read():
                return f"v_{expr.name}" if expr.name in self.names else None
            case Swizzle():
                return self._component(expr.value, expr.components)
            case Component(index=Constant(value=index)):
                return self._component(expr.value, "xyzw"[int(index)])
            case Cast():
                return self._cast(expr)
            case Select():
                parts = [self.text(e) for e in (expr.then, expr.condition, expr.orelse)]
                return None if None in parts else "({} if {} else {})".format(*parts)
            case Apply():
                return self._apply(expr)
        return None

    def _component(self, vector: Expr, letter: str) -> str | None:
        match vector:
            case Builtin():
                return _COORDINATES.get(vector.name, {}).get(letter)
            case Swizzle():
                return self._component(vector.value, vector.components["xyzw".index(letter)])
            case Read() if vector.name in self._vectors:
                return self._component(self._vectors[vector.name], letter)
            case Construct() if all(isinstance(a.type, DType) for a in vector.args):
                args = vector.args
                return self.text(args[0] if len(args) == 1 else args["xyzw".index(letter)])
        return None

    def _cast(self, expr: Cast) -> str | None:
        text = self.text(expr.value)
        if text is None or expr.type is DType.BOOL:
            return None if text is None else f"({text} != 0)"
        return _wrapped(text, expr.type)

    def _apply(self, expr: Apply) -> str | None:
        args = [self.text(arg) for arg in expr.args]
        if None in args:
            return None
        name = expr.operator.name
        if name in _INFIX:
            return _wrapped(f"({args[0]} {_INFIX[name]} {args[1]})", expr.type)
        if name == "shl" and isinstance(expr.type, DType):
            return _wrapped(f"({args[0]} << ({args[1]} & {expr.type.bits - 1}))", expr.type)
        if name == "neg":
            return _wrapped(f"(-{args[0]})", expr.type)
        if name == "logical_not":
            return f"(not {args[0]})"
        call = _CALLS.get(name)
        if call is None and isinstance(expr.type, DType) and not expr.type.is_signed:
            call = _UNSIGNED_CALLS.get(name)
        return None if call is None else f"{call}({args[0]}, {args[1]})"


def _wrapped(text: str, type_: Type) -> str:
    if not isinstance(type_, DType) or type_ is DType.BOOL:
        return text
    mask = (1 << type_.bits) - 1
    if not type_.is_signed:
        return f"({text} & {mask})"
    half = 1 << (type_.bits - 1)
    return f"(({text} + {half} & {mask}) - {half})"


def _is_position(expr: Expr) -> bool:
    """A thread position, or some components of one: the same at every place of the kernel."""
    while isinstance(expr, Swizzle) and len(expr.components) > 1:
        expr = expr.value
    return isinstance(expr, Builtin) and expr.name in _COORDINATES


def guard_limits(kernel: Kernel, scalars: tuple[str, ...]) -> str:
    """Python text: for each axis the limits E of comparisons such as ``x < E`` over integer parameters alone."""
    positions = IntegerPython(())
    limits: dict[str, list[str]] = {"x": [], "y": [], "z": []}
    parameters = IntegerPython(scalars)
    axis_of: dict[str, str] = {}

    def axis(expr: Expr) -> str | None:
        while isinstance(expr, Cast):
            expr = expr.value
        if isinstance(expr, Read):
            return axis_of.get(expr.name)
        return positions.text(expr)

    for node in walk(*kernel.body):
        if isinstance(node, Declare) and node.value is not None:
            if _is_position(node.value):
                positions.assign(node.name, node.value)
            elif (found := axis(node.value)) in limits:
                axis_of[node.name] = str(found)
        elif isinstance(node, Apply) and node.operator.name in ("lt", "le", "gt", "ge"):
            left, right = node.args
            for coordinate, other, beyond in (
                (left, right, ("le", "gt")),
                (right, left, ("lt", "ge")),
            ):
                found, text = axis(coordinate), parameters.text(other)
                if found in limits and text is not None and _only_parameters(other, scalars):
                    # `x <= E` and `x > E` part the threads behind E; `E < x` is `x > E`.
                    extra = " + 1" if node.operator.name in beyond else ""
                    limits[str(found)].append(text + extra)
    return ", ".join("(" + "".join(f"{t}, " for t in limits[a]) + ")" for a in "xyz")


def _only_parameters(expr: Expr, scalars: tuple[str, ...]) -> bool:
    nodes = list(walk(expr))
    reads = [n.name for n in nodes if isinstance(n, Read)]
    # A constant alone, as in `x > 0`, is mostly a lower limit, of no use here.
    return (
        bool(reads)
        and all(name in scalars for name in reads)
        and not any(isinstance(n, Builtin) for n in nodes)
    )

"""Expressions as MSL: an IR expression in, text with its precedence and its C++ type out.

The IR is strict about types, C++ is not: it computes with int where the IR says char, and converts
where it initialises. Text therefore carries the type that C++ gives it, so that a conversion is written
where the meaning needs it and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from metal_runtime.dtype import DType
from metal_runtime.emit import spelling
from metal_runtime.emit.names import LocalNames
from metal_runtime.emit.operators import REPEATS, repeated, spelling_of, unrepeated
from metal_runtime.emit.promotion import converts_silently, is_narrow, narrows, widens
from metal_runtime.emit.spelling import COMPARE_EXCHANGE, HelperFunction, Infix, Prefix
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Atomic,
    Bitcast,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Construct,
    Expr,
    Load,
    MatrixFill,
    Read,
    Select,
    Subscripts,
    Swizzle,
    value_type,
)
from metal_runtime.msl_types import (
    Matrix,
    Pointer,
    ValueType,
    Vector,
    element_of,
    type_name,
    with_element,
)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of MSL."""

    text: str
    precedence: int
    type: ValueType | Matrix
    """What C++ takes it to be."""

    infix: Infix | None = None
    exact: bool = True
    """False when only the low bits are those of the IR's value: int arithmetic instead of char."""

    promoted: Text | None = None
    """The same without a conversion that C++'s integral promotion makes anyway."""

    converted: Text | None = None
    """The same without a conversion that an initialisation makes anyway."""


@dataclass(slots=True)
class Used:
    """What the text of a program needs besides itself."""

    helpers: set[tuple[str, bool]] = field(default_factory=set)
    """Names of helper functions, and whether vectors are passed."""


class ExpressionWriter:
    """Writes the expressions of one function."""

    def __init__(
        self,
        names: LocalNames,
        functions: Mapping[str, str],
        indices: Mapping[str, tuple[str, ValueType]],
        used_indices: Mapping[str, tuple[str, ...]],
        used: Used,
        pointers: Mapping[str, Pointer],
    ) -> None:
        self._names = names
        self._functions = functions
        self._indices = indices  # attribute -> parameter name and type
        self._used_indices = used_indices  # function -> attributes to hand on
        self._used = used
        self._pointers = pointers
        self.wider: dict[str, DType] = {}
        """Variables whose MSL type is not that of the IR (counters of narrow loops)."""

    # --- contexts ---

    def value(self, node: Expr) -> str:
        """For an initialisation, an assignment, a return or an own function's argument."""
        text = self.write(node)
        return (text.converted or text).text

    def exact(self, node: Expr) -> str:
        """For an argument of an overloaded function: exactly the type of the node."""
        return self._of_type(self.write(node), value_type(node)).text

    def index(self, node: Expr) -> str:
        """Between brackets: any integer of the right value; several for an array of several dimensions."""
        if isinstance(node, Subscripts):
            return "][".join(map(self.index, node.parts))
        if isinstance(node, Cast) and widens(node.value.type, node.type):
            return self.index(node.value)
        return self._with_value(self.write(node), value_type(node)).text

    def condition(self, node: Expr) -> str:
        return self.write(node).text

    def compound_operand(self, node: Expr, operator: str) -> str:
        """The right side of ``+=`` and its like."""
        scalar = repeated(node) if operator in REPEATS else None
        if scalar is not None:
            return self.compound_operand(scalar, operator)
        text = self.write(node)
        text = text.promoted or text
        if operator not in spelling.MODULAR:
            text = self._with_value(text, value_type(node))
        return text.text

    def _of_type(self, text: Text, type_: ValueType) -> Text:
        if text.type == type_ and text.exact:
            return text
        return Text(f"{type_name(type_)}({text.text})", spelling.PRIMARY, type_)

    def _with_value(self, text: Text, type_: ValueType) -> Text:
        return text if text.exact else self._of_type(text, type_)

    def _operand(self, node: Expr, outer: Infix, right: bool = False, modular: bool = False) -> str:
        text = self.write(node)
        text = text.promoted or text
        if not modular:
            text = self._with_value(text, value_type(node))
        loose = text.precedence < outer.precedence + right
        unclear = text.infix is not None and spelling.is_unclear(outer, text.infix)
        return f"({text.text})" if loose or unclear else text.text

    def _primary(self, node: Expr) -> str:
        text = self.write(node)
        return text.text if text.precedence == spelling.PRIMARY else f"({text.text})"

    # --- nodes ---

    def write(self, node: Expr) -> Text:
        """The text of a node. Its type may differ from the node's; its value, converted, does not."""
        match node:
            case Constant():
                return _constant(node)
            case Read(name, type_):
                return _primary_text(self._names[name], self.wider.get(name, type_))
            case Builtin(name, type_):
                return _primary_text(self._indices[name][0], type_)
            case Apply():
                return self._apply(node)
            case Cast():
                return self._cast(node)
            case Bitcast(value, type_):
                return _primary_text(f"as_type<{type_name(type_)}>({self.exact(value)})", type_)
            case Construct(args, type_):
                inside = ", ".join(self.value(a) for a in args)
                return _primary_text(f"{type_}({inside})", type_)
            case Swizzle():
                return self._swizzle(node)
            case Component(value, index, type_):
                return _primary_text(f"{self._primary(value)}[{self.index(index)}]", type_)
            case Load(pointer, index, type_):
                return _primary_text(f"{self._names[pointer]}[{self.index(index)}]", type_)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case Collective():
                return self._collective(node)
            case Atomic():
                return self._atomic(node)
            case MatrixFill(value, diagonal, type_):
                if diagonal:
                    return _primary_text(f"{type_}({self.exact(value)})", type_)
                name = f"make_filled_simdgroup_matrix<{type_.element.metal_name}, 8, 8>"
                return _primary_text(f"{name}({self.value(value)})", type_)
        raise AssertionError(node)  # written by their statements: see statements.py

    def _swizzle(self, node: Swizzle) -> Text:
        if isinstance(node.value, Builtin):
            name, type_ = self._indices[node.value.name]
            if not isinstance(type_, Vector) or node.components == "xyz"[: type_.width]:
                return _primary_text(name, node.type)
            return _primary_text(f"{name}.{node.components}", node.type)
        return _primary_text(f"{self._primary(node.value)}.{node.components}", node.type)

    def _select(self, node: Select) -> Text:
        condition = self.write(node.condition)
        then, orelse = self.write(node.then), self.write(node.orelse)
        same = then.type == orelse.type
        type_ = then.type if same else DType.INT32  # they differ only by integral promotion
        tests = (
            f"({condition.text})" if condition.precedence <= spelling.TERNARY else condition.text
        )
        first = f"({then.text})" if then.precedence <= spelling.TERNARY else then.text
        text = f"{tests} ? {first} : {orelse.text}"
        return Text(text, spelling.TERNARY, type_, exact=then.exact and orelse.exact)

    def _call(self, node: Call) -> Text:
        args = [
            self._names[a.pointer] if isinstance(a, Address) else self.value(a) for a in node.args
        ]
        args += [self._indices[attribute][0] for attribute in self._used_indices[node.function]]
        text = f"{self._functions[node.function]}({', '.join(args)})"
        return Text(text, spelling.PRIMARY, node.type)  # type: ignore[arg-type]

    def _cast(self, node: Cast) -> Text:
        source, target = value_type(node.value), node.type
        inner = self.write(node.value)
        if inner.exact and inner.type == target:
            return inner
        truncated = inner if narrows(source, target) else self._with_value(inner, source)
        if {element_of(source), element_of(target)} == {DType.FLOAT16, DType.BFLOAT16}:
            by_way = type_name(with_element(source, DType.FLOAT32))
            truncated = _primary_text(f"{by_way}({truncated.text})", source)
        text = _primary_text(f"{type_name(target)}({truncated.text})", target)
        promotes = target is DType.INT32 and is_narrow(source) and source is not DType.BOOL
        converts = converts_silently(source, target)
        return replace(
            text,
            promoted=truncated if promotes else None,
            converted=truncated if converts else None,
        )

    # --- what threads do together ---

    def _collective(self, node: Collective) -> Text:
        name = node.operation.name
        values = max(1, node.operation.arity - 1)  # a lane comes last
        args = [self.exact(a) for a in node.args[:values]]
        args += [self.value(a) for a in node.args[values:]]
        text = f"{name}({', '.join(args)})"
        if name.endswith(("ballot", "active_threads_mask")):  # a vote, whose bits are wanted
            text = f"{name[:4]}_vote::vote_t({text})"
            return _primary_text(text if name[:4] == "simd" else f"ulong({text})", node.type)
        return _primary_text(text, node.type)

    def _atomic(self, node: Atomic) -> Text:
        address = self.address(node.place)
        pointer = self._pointers[node.place.pointer]
        if not pointer.atomic:
            address = f"({replace(pointer, atomic=True, inner=())}){address}"
        if node.operation is AtomicOperation.COMPARE_EXCHANGE:
            self._used.helpers.add((COMPARE_EXCHANGE.name, False))
            text = ", ".join((address, *(self.exact(a) for a in node.args)))
            return Text(f"{COMPARE_EXCHANGE.name}({text})", spelling.PRIMARY, node.type)  # type: ignore[arg-type]
        args = [address, *(self.value(a) for a in node.args), "memory_order_relaxed"]
        text = f"{node.operation.value}_explicit({', '.join(args)})"
        return Text(text, spelling.PRIMARY, node.type)  # type: ignore[arg-type]

    def address(self, place: Load) -> str:
        """Where an element lies: ``&x[i]``, and ``x`` for its first one."""
        first = isinstance(place.index, Constant) and place.index.value == 0
        return self._names[place.pointer] if first else f"&{self.write(place).text}"

    def matrix_place(self, place: Load, stride: Expr, transpose: bool) -> str:
        """The arguments of simdgroup_load and simdgroup_store that say where the elements lie."""
        text = f"{self.address(place)}, {self.value(stride)}"
        return f"{text}, ulong2(0), true" if transpose else text

    # --- operators ---

    def _apply(self, node: Apply) -> Text:
        spelled = spelling_of(node)
        if isinstance(spelled, Infix):
            return self._infix(node, spelled)
        if isinstance(spelled, Prefix):
            return self._prefix(node, spelled)
        if node.operator.name == "floordiv" and element_of(node.type).is_float:
            quotient = self._infix(node, Infix("/", spelling.MULTIPLY))
            return self._function(node, "floor", [quotient])
        args = [self._of_type(self.write(a), value_type(a)) for a in node.args]
        if isinstance(spelled, HelperFunction):
            self._used.helpers.add((spelled.name, isinstance(node.args[0].type, Vector)))
            by_float = element_of(node.type) is DType.FLOAT16
            return self._function(node, spelled.name, args, by_float)
        return self._function(node, spelled.name, args)

    def _function(self, node: Apply, name: str, args: list[Text], by_float: bool = False) -> Text:
        """A call of a library or helper function; through float where it has no version of the type."""
        source = element_of(value_type(node.args[0]))
        if source is DType.BFLOAT16 or by_float:
            inside = ", ".join(_by_float(a, source) for a in args)
            text = f"{name}({inside})"
            if element_of(node.type) is source:
                text = f"{type_name(node.type)}({text})"
            return _primary_text(text, node.type)
        return _primary_text(f"{name}({', '.join(a.text for a in args)})", node.type)

    def _infix(self, node: Apply, infix: Infix) -> Text:
        name = node.operator.name
        modular = name in spelling.MODULAR
        first, second = unrepeated(node)
        left = self._operand(first, infix, modular=modular)
        if name in ("shl", "shr"):
            right = self.shift_count(node.args[1], infix)
        else:
            right = self._operand(second, infix, right=True, modular=modular)
        type_, exact = self._c_result(node)
        return Text(f"{left} {infix.symbol} {right}", infix.precedence, type_, infix, exact)

    def _prefix(self, node: Apply, prefix: Prefix) -> Text:
        modular = node.operator.name in spelling.MODULAR
        text = self.write(node.args[0])
        text = text.promoted or text
        if not modular:
            text = self._with_value(text, value_type(node.args[0]))
        tight = text.precedence >= spelling.UNARY and not text.text.startswith("-")
        inner = text.text if tight else f"({text.text})"
        type_, exact = self._c_result(node)
        return Text(prefix.symbol + inner, spelling.UNARY, type_, exact=exact)

    def _c_result(self, node: Apply) -> tuple[ValueType, bool]:
        """The type that C++ gives an operator's result, and whether the value is the IR's."""
        if node.operator.name in spelling.TRUTHS or not is_narrow(node.type):
            return node.type, True
        return DType.INT32, node.operator.name not in spelling.GROWING

    def shift_count(self, count: Expr, infix: Infix | None) -> str:
        """A count, taken modulo the width: MSL and the IR say so, C++ does so for vectors only."""
        type_ = value_type(count)
        bits = element_of(type_).bits
        within = isinstance(count, Constant) and 0 <= count.value < bits
        if not isinstance(type_, DType) or within:
            return self._operand(count, infix, right=True) if infix else self.value(count)
        limit = Constant(bits - 1, type_)
        symbol = spelling.SPELLINGS["bit_and"]
        assert isinstance(symbol, Infix)
        left = self._operand(count, symbol, modular=True)
        masked = f"{left} {symbol.symbol} {self._operand(limit, symbol, right=True)}"
        return f"({masked})" if infix else masked


def _by_float(text: Text, element: DType) -> str:
    """An argument of that element type as float; others as they are."""
    if isinstance(text.type, Matrix) or element_of(text.type) is not element:
        return text.text
    return f"{type_name(with_element(text.type, DType.FLOAT32))}({text.text})"


def _primary_text(text: str, type_: ValueType | Matrix) -> Text:
    return Text(text, spelling.PRIMARY, type_)


def _constant(node: Constant) -> Text:
    text = spelling.literal(node.value, node.type)
    precedence = spelling.UNARY if text.startswith("-") else spelling.PRIMARY
    narrow = is_narrow(node.type) and node.type is not DType.BOOL
    return Text(text, precedence, DType.INT32 if narrow else node.type)

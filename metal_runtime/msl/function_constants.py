"""Function constants: a text and the values in its options in, what each constant is and who depends on it out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.errors import MslError, Note
from metal_runtime.msl.constant_expressions import DEFINED, Number, evaluate
from metal_runtime.msl.declarations import Variable
from metal_runtime.msl.preprocess import PreparedText
from metal_runtime.msl.tokens import TokenKind
from metal_runtime.msl_types import ValueType, Vector, parse_value_type, type_name
from metal_runtime.program import FunctionConstant

Value = Number | tuple[Number, ...]
"""A function constant's value: a number, or a tuple for a vector."""

_DECLARATION_WORDS = frozenset(["constant", "const", "constexpr", "static", "inline", "metal"])
MAX_INDEX = 65_535
"""Metal's greatest index of a function constant (MSL specification, section 5.8.1)."""


@dataclass(frozen=True, slots=True)
class DeclaredConstant:
    """``constant T name [[function_constant(index)]];`` and the value that the options give it."""

    constant: FunctionConstant
    tokens: range
    """All of the declaration, the semicolon included: what a translation replaces by a value."""

    value: Value | None = None


class FunctionConstants:
    """The function constants of one text, with the program-scope variables whose values come from them."""

    def __init__(
        self,
        prepared: PreparedText,
        variables: Sequence[Variable],
        enumerators: Mapping[str, Number],
        given: Iterable[tuple[str | int, Any]] = (),
    ) -> None:
        """Raises MslError for a wrong declaration, and for a value that fits no constant."""
        self._tokens = prepared.tokens
        self._variables = {variable.name: variable for variable in variables}
        self._mentions: dict[str, frozenset[str]] = {}
        self._enumerators = enumerators
        declared = {c.constant.name: c for c in _declared(prepared)}
        _check_indices(prepared, declared)
        self.declared: Mapping[str, DeclaredConstant] = (
            _with_values(declared, given) if declared else _without(given)
        )
        self.names = self._names()
        """The constants, and the program-scope variables whose values depend on one."""

    def reached(self, mentioned: Iterable[str]) -> tuple[FunctionConstant, ...]:
        """The constants on which code that mentions these names depends, in order of their indices."""
        if not self.declared:
            return ()
        seen: set[str] = set()
        waiting = list(mentioned)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self._mentioned_by(name)
        found = [c.constant for name, c in self.declared.items() if name in seen]
        return tuple(sorted(found, key=lambda constant: constant.index))

    def _names(self) -> frozenset[str]:
        if not self.declared:
            return frozenset()
        derived = {name for name in self._variables if self.reached([name])}
        return frozenset(derived.union(self.declared))

    def missing(self, constants: Iterable[FunctionConstant]) -> tuple[FunctionConstant, ...]:
        """Those that must have a value and have none."""
        return tuple(c for c in constants if c.required and self.declared[c.name].value is None)

    def value_of(self, name: str) -> Number | None:
        """The value of a program-scope constant, be it given or computed; None when it is not known."""
        return self._value_of(name, frozenset())

    def _value_of(self, name: str, under_way: frozenset[str]) -> Number | None:
        if name.startswith(DEFINED):
            constant = self.declared.get(name.removeprefix(f"{DEFINED} "))
            return constant is not None and constant.value is not None
        constant = self.declared.get(name)
        if constant is not None:
            return None if isinstance(constant.value, tuple) else constant.value
        variable = self._variables.get(name)
        if variable is None or name in under_way:
            return self._enumerators.get(name)
        tokens = [self._tokens[i] for i in variable.initializer]
        return evaluate(tokens, lambda other: self._value_of(other, under_way | {name}))

    def _mentioned_by(self, name: str) -> frozenset[str]:
        variable = self._variables.get(name)
        if variable is None:
            return frozenset()
        found = self._mentions.get(name)
        if found is None:
            texts = {self._tokens[i].text for i in variable.initializer}
            found = self._mentions[name] = frozenset(texts)
        return found


def _declared(prepared: PreparedText) -> Iterable[DeclaredConstant]:
    tokens = prepared.tokens
    places = [i for i, t in enumerate(tokens) if t.text == "function_constant"]
    optional = {
        tokens[i + 2].text
        for i, token in enumerate(tokens[:-2])
        if places and token.text == DEFINED
    }
    for index in places:
        name = index
        while name > 0 and tokens[name].text not in ("[", ";", "{", "}"):
            name -= 1  # another attribute may come first
        name -= 2  # over `[[`
        if (
            name < 1
            or tokens[name].kind is not TokenKind.IDENTIFIER
            or tokens[name + 1].text != "["
        ):
            continue
        start = name
        while start > 0 and tokens[start - 1].text not in (";", "}", "{", "(", ","):
            start -= 1
        if tokens[start - 1].text in ("(", ","):
            continue  # a parameter that is there only if a constant says so
        stop = index
        while stop < len(tokens) and tokens[stop].text != ";":
            stop += 1
        if stop < len(tokens):
            yield _declaration(prepared, range(start, stop + 1), name, index, optional)


def _declaration(
    prepared: PreparedText, declaration: range, name: int, attribute: int, optional: set[str]
) -> DeclaredConstant:
    tokens = prepared.tokens
    words = [tokens[i].text for i in range(declaration.start, name)]
    type_ = parse_value_type(
        " ".join(w for w in words if w not in _DECLARATION_WORDS and w != "::")
    )
    place = prepared.span(tokens[name])
    if "constant" not in words:
        raise MslError(f"function constant `{tokens[name].text}` must be declared `constant`", place,
                       hint=f"write `constant bool {tokens[name].text} [[function_constant(0)]];`")  # fmt: skip
    if type_ is None:
        raise MslError(f"a function constant cannot have the type `{' '.join(words)}`", place,
                       hint="use a scalar or a vector")  # fmt: skip
    close = attribute + 1
    while close < declaration.stop and tokens[close].text != "]":
        close += 1
    index = evaluate(tokens[attribute + 2 : close - 1], lambda other: None)
    if not isinstance(index, int) or not 0 <= index <= MAX_INDEX:
        raise MslError("the index of a function constant must be an integer from 0 to 65535",
                       prepared.span(tokens[attribute]), hint="write [[function_constant(0)]]")  # fmt: skip
    text = tokens[name].text
    return DeclaredConstant(FunctionConstant(text, index, type_, text not in optional), declaration)


def _check_indices(prepared: PreparedText, declared: Mapping[str, DeclaredConstant]) -> None:
    owner: dict[int, DeclaredConstant] = {}
    for found in declared.values():
        first = owner.setdefault(found.constant.index, found)
        if first is not found:
            tokens = prepared.tokens
            note = Note(
                "the first constant with this index", prepared.span(tokens[first.tokens.stop - 2])
            )
            raise MslError(
                f"function constant index {found.constant.index} is given twice, to "
                f"`{first.constant.name}` and `{found.constant.name}`",
                prepared.span(tokens[found.tokens.start]),
                hint="give each constant an index of its own",
                notes=(note,),
            )


def _with_values(
    declared: dict[str, DeclaredConstant], given: Iterable[tuple[str | int, Any]]
) -> dict[str, DeclaredConstant]:
    by_index = {found.constant.index: name for name, found in declared.items()}
    for key, value in given:
        name = by_index.get(key) if isinstance(key, int) else key
        if name not in declared:
            raise _no_such_constant(key, declared)
        found = declared[name]
        declared[name] = replace(found, value=_checked(found.constant, value))
    return declared


def _without(given: Iterable[tuple[str | int, Any]]) -> dict[str, DeclaredConstant]:
    for key, _ in given:
        raise _no_such_constant(key, {})
    return {}


def _no_such_constant(key: str | int, declared: Mapping[str, DeclaredConstant]) -> MslError:
    what = f"index {key}" if isinstance(key, int) else f"name `{key}`"
    close = difflib.get_close_matches(str(key), list(declared), n=1)
    listed = ", ".join(f"`{n}` ({c.constant.index})" for n, c in declared.items())
    hint = f"did you mean `{close[0]}`?" if close else f"it has {listed}" if listed else None
    return MslError(f"the text has no function constant with the {what}", hint=hint)


def _checked(constant: FunctionConstant, value: Any) -> Value:
    """The value as a plain Python number or tuple. Raises MslError when the constant cannot have it."""
    type_ = constant.type
    if isinstance(type_, Vector):
        parts = tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
        if len(parts) != type_.width:
            raise _wrong_value(constant, value, f"give a tuple of {type_.width} numbers")
        return tuple(_checked_scalar(constant, type_.element, part) for part in parts)
    return _checked_scalar(constant, type_, value)


def _checked_scalar(constant: FunctionConstant, type_: DType, value: Any) -> Number:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, bool | int | float):
        raise _wrong_value(constant, value, "give a number")
    if type_ is DType.BOOL:
        if plain not in (0, 1):
            raise _wrong_value(constant, value, "give True or False")
        return bool(plain)
    if type_.is_float:
        return float(plain)
    if isinstance(plain, float):
        raise _wrong_value(constant, value, "give an integer")
    low = -(1 << (type_.bits - 1)) if type_.is_signed else 0
    high = (1 << (type_.bits - type_.is_signed)) - 1
    if not low <= plain <= high:
        raise _wrong_value(constant, value, f"give an integer from {low} to {high}")
    return int(plain)


def _wrong_value(constant: FunctionConstant, value: Any, hint: str) -> MslError:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else type(value).__name__
    return MslError(
        f"function constant `{constant.name}` is of type {type_name(constant.type)}, not {shown}",
        hint=hint,
    )


def cpp_value(type_: ValueType, value: Value | None) -> str:
    """The C++ (and MSL) spelling of a value; of the zero that an optional constant without a value has."""
    if isinstance(type_, Vector):
        parts = value if isinstance(value, tuple) else (0,) * type_.width
        return f"{type_}({', '.join(cpp_value(type_.element, part) for part in parts)})"
    number = 0 if value is None or isinstance(value, tuple) else value
    if type_ is DType.BOOL:
        return "true" if number else "false"
    if not type_.is_float:
        return f"{type_.metal_name}({int(number)}{'u' if number > 2**31 - 1 else ''}{'l' if type_.bits == 64 else ''})"
    return f"{type_.metal_name}({_float_literal(float(number))})"


def _float_literal(number: float) -> str:
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    return f"{np.float32(number)!r}".removeprefix("np.float32(").removesuffix(")") + "f"


def constant_bytes(type_: ValueType, value: Value) -> bytes:
    """The bytes of a value; a vector of three takes the room of four."""
    scalar = type_.element if isinstance(type_, Vector) else type_
    data = np.asarray(value, scalar.numpy_dtype).tobytes()
    return data.ljust(type_.itemsize, b"\0")

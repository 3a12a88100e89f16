"""Kernel parameters: the tokens of a parameter list in, typed parameters with their buffer index or thread attribute out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.engine_constructs import find_attribute_construct, find_construct
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl_types import (
    AddressSpace,
    Pointer,
    Void,
    element_of,
    parse_type,
    parse_value_type,
    type_name,
    width_of,
)
from metal_runtime.program import Argument, ArgumentKind
from metal_runtime.source import SourceSpan

MAX_BUFFER_INDEX = 30
"""Metal's argument table holds 31 buffers (Metal Feature Set Tables, "Maximum number of entries in the buffer argument table")."""

THREE_DIMENSIONAL = frozenset([
    "thread_position_in_grid", "thread_position_in_threadgroup", "threadgroup_position_in_grid",
    "threads_per_threadgroup", "dispatch_threads_per_threadgroup", "threadgroups_per_grid", "threads_per_grid",
    "grid_origin", "grid_size",
])  # fmt: skip
SCALAR = frozenset([
    "thread_index_in_threadgroup", "thread_index_in_simdgroup", "simdgroup_index_in_threadgroup",
    "simdgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup", "threads_per_simdgroup",
    "thread_execution_width", "thread_index_in_quadgroup", "quadgroup_index_in_threadgroup",
    "quadgroups_per_threadgroup", "dispatch_quadgroups_per_threadgroup",
])  # fmt: skip
BUILTINS = THREE_DIMENSIONAL | SCALAR
"""The attributes of a compute kernel's inputs (MSL specification, section 5.2.3.6)."""


class Passing(enum.Enum):
    """How a parameter is declared."""

    POINTER = "pointer"
    REFERENCE = "reference"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in declaration order: either an argument, or a builtin with its number of components."""

    name: str
    passing: Passing
    argument: Argument | None = None
    builtin: str | None = None
    components: int = 1
    scalar: str = "uint"


@dataclass(frozen=True, slots=True)
class _Declared:
    """A parameter as written: declaration tokens, name and attributes."""

    tokens: list[Token]
    name: str
    attributes: dict[str, tuple[Token, list[Token]]]

    @property
    def type_tokens(self) -> list[Token]:
        return [
            token
            for token in self.tokens
            if token.text != self.name or token is not self._name_token
        ]

    @property
    def _name_token(self) -> Token | None:
        return next((t for t in reversed(self.tokens) if t.text == self.name), None)


SpanOf = Callable[[Token], SourceSpan]


def read_parameters(tokens: Sequence[Token], span_of: SpanOf) -> tuple[Parameter, ...]:
    """The parameters between a kernel's parentheses, buffer indices assigned as Metal assigns them.

    Raises MslError at the parameter that no compute kernel of iris can have.
    """
    declared = [
        _declared(part) for part in split_at_commas(tokens) if [t.text for t in part] != ["void"]
    ]
    for parameter in declared:
        _check_constructs(parameter, span_of)
    indices = _buffer_indices(declared, span_of)
    return tuple(_parameter(d, indices.get(i), span_of) for i, d in enumerate(declared))


def split_at_commas(tokens: Sequence[Token]) -> list[list[Token]]:
    """The tokens between top-level commas; nothing for an empty list."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in "([{<") - (token.text in ")]}>")
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def attributes_of(
    tokens: Sequence[Token],
) -> tuple[list[Token], dict[str, tuple[Token, list[Token]]]]:
    """The tokens outside ``[[...]]``, and each attribute's name token and argument tokens by name."""
    plain: list[Token] = []
    attributes: dict[str, tuple[Token, list[Token]]] = {}
    index = 0
    while index < len(tokens):
        if [t.text for t in tokens[index : index + 2]] != ["[", "["]:
            plain.append(tokens[index])
            index += 1
            continue
        depth, start = 2, index + 2
        index = start
        while index < len(tokens) and depth:
            depth += (tokens[index].text == "[") - (tokens[index].text == "]")
            index += 1
        for part in split_at_commas(tokens[start : index - 2]):
            attributes[part[0].text] = (part[0], part[2:-1])
    return plain, attributes


def _declared(tokens: list[Token]) -> _Declared:
    plain, attributes = attributes_of(tokens)
    depth, name = 0, ""
    for token in plain:
        depth += (token.text in "[<") - (token.text in "]>")
        if token.kind is TokenKind.IDENTIFIER and depth == 0:
            name = token.text
    return _Declared(plain, name, attributes)


def _check_constructs(parameter: _Declared, span_of: SpanOf) -> None:
    found = find_construct(parameter.tokens)
    for name, (token, _) in parameter.attributes.items():
        found = found or find_attribute_construct(name, token)
    if found is not None:
        raise MslError(found.message, span_of(found.token), hint=found.hint)


def _buffer_indices(declared: list[_Declared], span_of: SpanOf) -> dict[int, int]:
    """Buffer index of each parameter that is one: explicit ones first, then the lowest free ones in order."""
    indices: dict[int, int] = {}
    owner: dict[int, Token] = {}
    for position, parameter in enumerate(declared):
        if "buffer" in parameter.attributes:
            token, argument = parameter.attributes["buffer"]
            index = _index(token, argument, span_of)
            if index in owner:
                first = Note("the first parameter with this index", span_of(owner[index]))
                raise MslError(f"buffer index {index} is given twice", span_of(token), notes=(first,),
                               hint="give each parameter an index of its own")  # fmt: skip
            indices[position], owner[index] = index, token
    free = (i for i in range(MAX_BUFFER_INDEX + 1) if i not in owner)
    for position, parameter in enumerate(declared):
        if not parameter.attributes and _passing(parameter.tokens) is not Passing.VALUE:
            index = next(free, MAX_BUFFER_INDEX + 1)
            if index > MAX_BUFFER_INDEX:
                raise MslError(f"more than {MAX_BUFFER_INDEX + 1} buffers", span_of(parameter.tokens[-1]),
                               hint="put small values into one struct, passed as `constant S&`")  # fmt: skip
            indices[position] = index
    return indices


def _index(token: Token, argument: list[Token], span_of: SpanOf) -> int:
    text = argument[0].text.rstrip("uUlL") if len(argument) == 1 else ""
    if not text.isdecimal():
        raise MslError(
            "a buffer index must be one integer literal", span_of(token), hint="write [[buffer(0)]]"
        )
    if int(text) > MAX_BUFFER_INDEX:
        raise MslError(f"buffer index {text} is over Metal's limit of {MAX_BUFFER_INDEX}", span_of(argument[0]),
                       hint="put small values into one struct, passed as `constant S&`")  # fmt: skip
    return int(text)


def _passing(tokens: list[Token]) -> Passing:
    texts = [token.text for token in tokens]
    if "&" in texts:
        return Passing.REFERENCE
    return Passing.POINTER if "*" in texts or texts[-1:] == ["]"] else Passing.VALUE


def _parameter(declared: _Declared, index: int | None, span_of: SpanOf) -> Parameter:
    passing = _passing(declared.tokens)
    place = span_of(
        next((t for t in reversed(declared.tokens) if t.text == declared.name), declared.tokens[0])
    )
    if index is not None:
        return Parameter(
            declared.name, passing, argument=_argument(declared, index, passing, place)
        )
    known = [name for name in declared.attributes if name in BUILTINS]
    if known:
        return _builtin(declared, known[0], place)
    if declared.attributes:
        name, (token, _) = next(iter(declared.attributes.items()))
        raise MslError(f"`[[{name}]]` is no attribute of a compute kernel's parameter", span_of(token),
                       hint="use [[buffer(n)]] or a thread attribute such as [[thread_position_in_grid]]")  # fmt: skip
    kind = type_text(declared.type_tokens)
    raise MslError(f"parameter `{declared.name}` needs an attribute, or must be a pointer or a reference", place,
                   hint=f"write `constant {kind}& {declared.name} [[buffer(n)]]` for a value")  # fmt: skip


def _argument(declared: _Declared, index: int, passing: Passing, place: SourceSpan) -> Argument:
    texts = [token.text for token in declared.tokens]
    spaces = [text for text in texts if text in ("device", "constant")]
    text = type_text(declared.type_tokens)
    if passing is Passing.VALUE:
        raise MslError(f"buffer parameter `{declared.name}` must be a pointer or a reference", place,
                       hint=f"write `constant {text}& {declared.name}` or `device {text}* {declared.name}`")  # fmt: skip
    if not spaces:
        raise MslError(f"buffer parameter `{declared.name}` needs an address space", place,
                       hint=f"write `device {text}` or `constant {text}`")  # fmt: skip
    space = AddressSpace(spaces[0])
    kind = (
        ArgumentKind.VALUE
        if passing is Passing.REFERENCE and space is AddressSpace.CONSTANT
        else ArgumentKind.BUFFER
    )
    type_ = parse_type(
        text if passing is Passing.POINTER or kind is ArgumentKind.VALUE else text.replace("&", "*")
    )
    if isinstance(type_, Pointer):
        written = not type_.const
        return Argument(
            declared.name, index, kind, text, type_, type_.element.itemsize, written, space
        )
    written = space is AddressSpace.DEVICE and "const" not in texts
    if kind is ArgumentKind.BUFFER or type_ is None or isinstance(type_, Void):
        return Argument(declared.name, index, kind, text, None, None, written, space)
    return Argument(declared.name, index, kind, text, type_, type_.itemsize, written, space)


def _builtin(declared: _Declared, name: str, place: SourceSpan) -> Parameter:
    texts = [token.text for token in declared.type_tokens if token.text != "const"]
    type_ = parse_value_type(" ".join(texts))
    allowed = "ushort or uint" + (
        ", or a vector of 2 or 3 of them" if name in THREE_DIMENSIONAL else ""
    )
    components = width_of(type_) if type_ is not None else 0
    most = 3 if name in THREE_DIMENSIONAL else 1
    if type_ is None or type_name(element_of(type_)) not in ("ushort", "uint") or components > most:
        raise MslError(
            f"`[[{name}]]` cannot have the type `{' '.join(texts)}`", place, hint=f"use {allowed}"
        )
    return Parameter(declared.name, Passing.VALUE, builtin=name, components=components,
                     scalar=type_name(element_of(type_)))  # fmt: skip


def type_text(tokens: Sequence[Token]) -> str:
    """The tokens of a type in MSL's usual spelling, e.g. ``device const float*``."""
    text = ""
    for token in tokens:
        glued = token.kind is TokenKind.PUNCTUATION or not text or text[-1] in "<:(["
        text += token.text if glued else " " + token.text
    return text

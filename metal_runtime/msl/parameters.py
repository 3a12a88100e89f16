"""Kernel parameters: the tokens of a parameter list in, typed parameters with their buffer index or thread attribute out."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from metal_runtime.dtype import DType
from metal_runtime.errors import MslError, Note
from metal_runtime.msl.constant_expressions import Lookup, evaluate, split_at_commas
from metal_runtime.msl.engine_constructs import find_attribute_construct, find_construct
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl_types import (
    AddressSpace,
    Pointer,
    Vector,
    element_of,
    parse_type,
    parse_value_type,
    type_name,
    width_of,
)
from metal_runtime.program import Argument, ArgumentKind, ThreadgroupArgument
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
Attributes = dict[str, tuple[Token, list[Token]]]
"""An attribute's name token and the tokens of its argument, by name."""

BUILTINS = THREE_DIMENSIONAL | SCALAR
"""The attributes of a compute kernel's inputs (MSL specification, section 5.2.3.6)."""


class Passing(enum.Enum):
    """How a parameter is declared."""

    POINTER = "pointer"
    REFERENCE = "reference"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in declaration order: an argument, threadgroup memory, or a builtin with its number of components."""

    name: str
    passing: Passing
    argument: Argument | None = None
    threadgroup: ThreadgroupArgument | None = None
    builtin: str | None = None
    components: int = 1
    scalar: str = "uint"


@dataclass(frozen=True, slots=True)
class _Declared:
    """A parameter as written: the tokens of its type, the token of its name, and its attributes."""

    type_tokens: list[Token]
    name_token: Token | None
    attributes: Attributes

    @property
    def name(self) -> str:
        return self.name_token.text if self.name_token is not None else ""

    @property
    def place(self) -> Token:
        return self.name_token or (self.type_tokens or [t for t, _ in self.attributes.values()])[-1]


SpanOf = Callable[[Token], SourceSpan]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of a text says of names in a parameter list."""

    span_of: SpanOf
    lookup: Lookup = lambda name: None
    """The values of constants."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    """What the text's own typedefs of scalars and vectors stand for."""


def read_parameters(
    tokens: Sequence[Token],
    surroundings: Surroundings,
    types: Sequence[list[Token]] | None = None,
) -> tuple[Parameter, ...]:
    """The parameters between a kernel's parentheses, buffer indices assigned as Metal assigns them.

    ``types`` are given when an instantiation lists them: they take the place of those in ``tokens``.
    Raises MslError at the parameter that no compute kernel of iris can have.
    """
    declared = [
        _declared(part) for part in split_at_commas(tokens) if [t.text for t in part] != ["void"]
    ]
    if types is not None:
        declared = [
            _Declared(list(type_), parameter.name_token, parameter.attributes)
            for parameter, type_ in zip(declared, types, strict=False)
        ]
    reader = _Reader(surroundings)
    for parameter in declared:
        reader.check_constructs(parameter)
    buffers = reader.indices(declared, "buffer")
    memory = reader.indices(declared, "threadgroup")
    return tuple(reader.parameter(d, buffers.get(i), memory.get(i)) for i, d in enumerate(declared))


def attributes_of(
    tokens: Sequence[Token],
) -> tuple[list[Token], Attributes]:
    """The tokens outside ``[[...]]``, and each attribute's name token and argument tokens by name."""
    plain: list[Token] = []
    attributes: Attributes = {}
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
    type_, name = split_name(plain)
    return _Declared(type_, name, attributes)


def split_name(plain: Sequence[Token]) -> tuple[list[Token], Token | None]:
    """The tokens of a parameter's type, and the token of its name if it has one."""
    depth, name = 0, None
    for index, token in enumerate(plain):
        depth += (token.text in "[<") - (token.text in "]>")
        if token.kind is TokenKind.IDENTIFIER and depth == 0:
            name = index
    if name is None or plain[name].text in _TYPE_WORDS:
        return list(plain), None
    before = [t for t in plain[:name] if t.text not in _TYPE_QUALIFIERS]
    if not before or before[-1].text == "::":
        return list(plain), None
    return [*plain[:name], *plain[name + 1 :]], plain[name]


class _Reader:
    """Reads the parameters of one kernel."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._span_of = surroundings.span_of
        self._lookup = surroundings.lookup
        self._aliases = surroundings.aliases

    def check_constructs(self, parameter: _Declared) -> None:
        found = find_construct(parameter.type_tokens)
        for name, (token, _) in parameter.attributes.items():
            found = found or find_attribute_construct(name, token)
        if found is not None:
            raise MslError(found.message, self._span_of(found.token), hint=found.hint)

    def indices(self, declared: list[_Declared], attribute: str) -> dict[int, int]:
        """Index of each parameter that is a buffer, or threadgroup memory: explicit ones first, then the free ones."""
        indices: dict[int, int] = {}
        owner: dict[int, Token] = {}
        for position, parameter in enumerate(declared):
            if attribute in parameter.attributes:
                token, argument = parameter.attributes[attribute]
                index = self._index(attribute, token, argument)
                if index in owner:
                    first = Note("the first parameter with this index", self._span_of(owner[index]))
                    raise MslError(f"{attribute} index {index} is given twice", self._span_of(token), notes=(first,),
                                   hint="give each parameter an index of its own")  # fmt: skip
                indices[position], owner[index] = index, token
        free = (i for i in range(MAX_BUFFER_INDEX + 1) if i not in owner)
        for position, parameter in enumerate(declared):
            if not parameter.attributes.keys() - {"function_constant"} and _wants(
                parameter, attribute
            ):
                index = next(free, MAX_BUFFER_INDEX + 1)
                if index > MAX_BUFFER_INDEX:
                    raise MslError(f"more than {MAX_BUFFER_INDEX + 1} {_KINDS[attribute]}", self._span_of(parameter.place),
                                   hint="put small values into one struct, passed as `constant S&`")  # fmt: skip
                indices[position] = index
        return indices

    def _index(self, attribute: str, token: Token, argument: list[Token]) -> int:
        index = evaluate(argument, self._lookup)
        if not isinstance(index, int):
            raise MslError(f"a {attribute} index must be a constant integer", self._span_of(token),
                           hint=f"write [[{attribute}(0)]]")  # fmt: skip
        if not 0 <= index <= MAX_BUFFER_INDEX:
            raise MslError(f"{attribute} index {index} is over Metal's limit of {MAX_BUFFER_INDEX}",
                           self._span_of(argument[0]),
                           hint="put small values into one struct, passed as `constant S&`")  # fmt: skip
        return index

    def parameter(self, declared: _Declared, buffer: int | None, memory: int | None) -> Parameter:
        passing = _passing(declared.type_tokens)
        if buffer is not None:
            return Parameter(declared.name, passing, self._argument(declared, buffer, passing))
        if memory is not None:
            return Parameter(
                declared.name, passing, threadgroup=self._threadgroup(declared, memory, passing)
            )
        known = [name for name in declared.attributes if name in BUILTINS]
        if known:
            return self._builtin(declared, known[0])
        if declared.attributes:
            name, (token, _) = next(iter(declared.attributes.items()))
            raise MslError(f"`[[{name}]]` is no attribute of a compute kernel's parameter", self._span_of(token),
                           hint="use [[buffer(n)]] or a thread attribute such as [[thread_position_in_grid]]")  # fmt: skip
        kind = type_text(declared.type_tokens)
        raise MslError(f"parameter `{declared.name}` needs an attribute, or must be a pointer or a reference",
                       self._span_of(declared.place),
                       hint=f"write `constant {kind}& {declared.name} [[buffer(n)]]` for a value")  # fmt: skip

    def _argument(self, declared: _Declared, index: int, passing: Passing) -> Argument:
        texts = [token.text for token in declared.type_tokens]
        spaces = [text for text in texts if text in ("device", "constant")]
        text = type_text(declared.type_tokens)
        if passing is Passing.VALUE:
            raise MslError(f"buffer parameter `{declared.name}` must be a pointer or a reference",
                           self._span_of(declared.place),
                           hint=f"write `constant {text}& {declared.name}` or `device {text}* {declared.name}`")  # fmt: skip
        if not spaces:
            raise MslError(f"buffer parameter `{declared.name}` needs an address space", self._span_of(declared.place),
                           hint=f"write `device {text}` or `constant {text}`")  # fmt: skip
        space = AddressSpace(spaces[0])
        is_value = passing is Passing.REFERENCE and space is AddressSpace.CONSTANT
        plain = plain_type(declared.type_tokens, self._aliases)
        type_ = parse_type(plain if is_value else plain.replace("&", "*"))
        fits = isinstance(type_, DType | Vector if is_value else Pointer)
        written = space is AddressSpace.DEVICE and "const" not in texts[: _sigil(texts)]
        condition = declared.attributes.get("function_constant")
        return Argument(
            declared.name,
            index,
            ArgumentKind.VALUE if is_value else ArgumentKind.BUFFER,
            text,
            type_ if fits else None,  # type: ignore[arg-type]
            itemsize_of(_pointee(plain)),
            written,
            space,
            condition=type_text(condition[1]) if condition else None,
            active=condition is None or evaluate(condition[1], self._lookup) not in (0, False),
        )

    def _threadgroup(
        self, declared: _Declared, index: int, passing: Passing
    ) -> ThreadgroupArgument:
        texts = [token.text for token in declared.type_tokens]
        if passing is Passing.VALUE or "threadgroup" not in texts:
            text = type_text([t for t in declared.type_tokens if t.text not in "*&"])
            raise MslError(f"parameter `{declared.name}` must point to threadgroup memory", self._span_of(declared.place),
                           hint=f"write `threadgroup {text}* {declared.name} [[threadgroup({index})]]`")  # fmt: skip
        plain = plain_type(declared.type_tokens, self._aliases)
        return ThreadgroupArgument(
            declared.name, index, type_text(declared.type_tokens), itemsize_of(_pointee(plain))
        )

    def _builtin(self, declared: _Declared, name: str) -> Parameter:
        type_ = parse_value_type(
            plain_type(declared.type_tokens, self._aliases).removeprefix("const ")
        )
        allowed = "ushort or uint" + (
            ", or a vector of 2 or 3 of them" if name in THREE_DIMENSIONAL else ""
        )
        components = width_of(type_) if type_ is not None else 0
        most = 3 if name in THREE_DIMENSIONAL else 1
        if (
            type_ is None
            or type_name(element_of(type_)) not in ("ushort", "uint")
            or components > most
        ):
            texts = type_text([t for t in declared.type_tokens if t.text != "const"])
            raise MslError(
                f"`[[{name}]]` cannot have the type `{texts}`",
                self._span_of(declared.place),
                hint=f"use {allowed}",
            )
        return Parameter(declared.name, Passing.VALUE, builtin=name, components=components,
                         scalar=type_name(element_of(type_)))  # fmt: skip


_KINDS = {"buffer": "buffers", "threadgroup": "threadgroup arguments"}
_TYPE_QUALIFIERS = frozenset(
    ["const", "volatile", "restrict", "__restrict", "coherent", "device", "constant", "threadgroup",
     "thread", "unsigned", "signed", "typename", "struct"]
)  # fmt: skip
_TYPE_WORDS = _TYPE_QUALIFIERS | {"auto"}


def _wants(parameter: _Declared, attribute: str) -> bool:
    """Whether a parameter without an index gets one of this kind."""
    if _passing(parameter.type_tokens) is Passing.VALUE:
        return False
    in_threadgroup = any(token.text == "threadgroup" for token in parameter.type_tokens)
    return in_threadgroup is (attribute == "threadgroup")


def _passing(tokens: list[Token]) -> Passing:
    texts = [token.text for token in tokens]
    if "&" in texts:
        return Passing.REFERENCE
    return Passing.POINTER if "*" in texts or texts[-1:] == ["]"] else Passing.VALUE


def _sigil(texts: list[str]) -> int:
    """The index of the last ``*`` or ``&``: const after it is the pointer's own."""
    return max((i for i, text in enumerate(texts) if text in ("*", "&")), default=len(texts))


_DROPPED = frozenset(["volatile", "restrict", "__restrict", "struct", "typename"])


def plain_type(tokens: Sequence[Token], aliases: Mapping[str, str]) -> str:
    """The text of a type as ``parse_type`` reads it: aliases resolved, qualifiers that change no layout left out."""
    words: list[Token] = []
    index = 0
    end = _sigil([token.text for token in tokens]) + 1
    tokens = tokens[:end]  # `* const` says something of the pointer only
    while index < len(tokens):
        token = tokens[index]
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if token.text == "coherent" and following == "(":
            index += 4
            continue
        if token.text == "metal" and following == "::":
            index += 2
            continue
        if token.text not in _DROPPED and not (token.text == "::" and not words):
            text = aliases.get(token.text, _ATOMICS.get(token.text, token.text))
            words.append(token._replace(text=text))
        index += 1
    text = type_text(words)
    return re.sub(r"\b_?atomic<(\w+)>", r"\1", text)


_ATOMICS = {f"atomic_{name}": name for name in ("int", "uint", "bool", "float", "ulong")}
_COMPOUND = re.compile(r"packed_(\w+?)([234])|(float|half|bfloat)([234])x([234])")


def itemsize_of(text: str) -> int | None:
    """Bytes of a scalar, vector, packed vector or matrix type; None for any other."""
    type_ = parse_value_type(text)
    if type_ is not None:
        return type_.itemsize
    match = _COMPOUND.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        element = parse_value_type(match[1])
        return None if element is None else element.itemsize * int(match[2])
    column = parse_value_type(match[3] + match[5])
    return None if column is None else column.itemsize * int(match[4])


def _pointee(text: str) -> str:
    words = re.split(r"[*&]", text)[0].split()
    return " ".join(w for w in words if w not in _TYPE_QUALIFIERS or w in ("unsigned", "signed"))


def type_text(tokens: Sequence[Token]) -> str:
    """The tokens of a type in MSL's usual spelling, e.g. ``device const float*``."""
    text = ""
    for token in tokens:
        glued = token.kind is TokenKind.PUNCTUATION or not text or text[-1] in "<:(["
        text += token.text if glued else " " + token.text
    return text

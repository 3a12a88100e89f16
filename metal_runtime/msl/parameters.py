"""Kernel parameters: the tokens of a parameter list in, typed parameters with their buffer index or thread attribute out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.constant_expressions import Lookup, evaluate, split_at_commas
from metal_runtime.msl.engine_constructs import find_attribute_construct, find_construct
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl.type_texts import QUALIFIERS, Passing, TypeFacts, TypeReader, type_text
from metal_runtime.msl_types import AddressSpace, element_of, type_name, width_of
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
class DeclaredParameter:
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
    types: TypeReader
    lookup: Lookup = lambda name: None
    """The values of constants."""


def declared_parameters(tokens: Sequence[Token]) -> tuple[DeclaredParameter, ...]:
    """The parameters between parentheses, as written."""
    return tuple(
        _declared(part) for part in split_at_commas(tokens) if [t.text for t in part] != ["void"]
    )


def read_parameters(
    declared: Sequence[DeclaredParameter], surroundings: Surroundings
) -> tuple[Parameter, ...]:
    """What the parameters of a kernel mean, buffer indices assigned as Metal assigns them.

    Raises MslError at the parameter that no compute kernel of iris can have.
    """
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


def _declared(tokens: list[Token]) -> DeclaredParameter:
    plain, attributes = attributes_of(tokens)
    type_, name = split_name(plain)
    return DeclaredParameter(type_, name, attributes)


def split_name(plain: Sequence[Token]) -> tuple[list[Token], Token | None]:
    """The tokens of a parameter's type, and the token of its name if it has one."""
    depth, name = 0, None
    for index, token in enumerate(plain):
        depth += (token.text in "[<") - (token.text in "]>")
        if token.kind is TokenKind.IDENTIFIER and depth == 0:
            name = index
    if name is None or plain[name].text in {*QUALIFIERS, "auto"}:
        return list(plain), None
    before = [t for t in plain[:name] if t.text not in QUALIFIERS]
    if not before or before[-1].text == "::":
        return list(plain), None
    return [*plain[:name], *plain[name + 1 :]], plain[name]


class _Reader:
    """Reads the parameters of one kernel."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._span_of = surroundings.span_of
        self._types = surroundings.types
        self._lookup = surroundings.lookup

    def check_constructs(self, parameter: DeclaredParameter) -> None:
        found = find_construct(parameter.type_tokens)
        for name, (token, _) in parameter.attributes.items():
            found = found or find_attribute_construct(name, token)
        if found is not None:
            raise MslError(found.message, self._span_of(found.token), hint=found.hint)

    def indices(self, declared: Sequence[DeclaredParameter], attribute: str) -> dict[int, int]:
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
            if parameter.attributes.keys() <= _NO_KIND and self._wants(parameter, attribute):
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

    def _wants(self, parameter: DeclaredParameter, attribute: str) -> bool:
        """Whether a parameter without an index gets one of this kind."""
        facts = self._types.read(parameter.type_tokens)
        in_threadgroup = "threadgroup" in facts.spaces
        return facts.passing is not Passing.VALUE and in_threadgroup is (attribute == "threadgroup")

    def parameter(
        self, declared: DeclaredParameter, buffer: int | None, memory: int | None
    ) -> Parameter:
        facts = self._types.read(declared.type_tokens)
        if buffer is not None:
            argument = self._argument(declared, facts, buffer)
            return Parameter(declared.name, facts.passing, argument)
        if memory is not None:
            argument_memory = self._threadgroup(declared, facts, memory)
            return Parameter(declared.name, facts.passing, threadgroup=argument_memory)
        known = [name for name in declared.attributes if name in BUILTINS]
        if known:
            return self._builtin(declared, facts, known[0])
        if declared.attributes:
            name, (token, _) = next(iter(declared.attributes.items()))
            raise MslError(f"`[[{name}]]` is no attribute of a compute kernel's parameter", self._span_of(token),
                           hint="use [[buffer(n)]] or a thread attribute such as [[thread_position_in_grid]]")  # fmt: skip
        kind = facts.text
        raise MslError(f"parameter `{declared.name}` needs an attribute, or must be a pointer or a reference",
                       self._span_of(declared.place),
                       hint=f"write `constant {kind}& {declared.name} [[buffer(n)]]` for a value")  # fmt: skip

    def _argument(self, declared: DeclaredParameter, facts: TypeFacts, index: int) -> Argument:
        text = facts.text
        if facts.passing is Passing.VALUE:
            raise MslError(f"buffer parameter `{declared.name}` must be a pointer or a reference",
                           self._span_of(declared.place),
                           hint=f"write `constant {text}& {declared.name}` or `device {text}* {declared.name}`")  # fmt: skip
        spaces = [space for space in facts.spaces if space in ("device", "constant")]
        if not spaces:
            raise MslError(f"buffer parameter `{declared.name}` needs an address space", self._span_of(declared.place),
                           hint=f"write `device {text}` or `constant {text}`")  # fmt: skip
        space = AddressSpace(spaces[0])
        is_value = facts.passing is Passing.REFERENCE and space is AddressSpace.CONSTANT
        condition = declared.attributes.get("function_constant")
        return Argument(
            declared.name,
            index,
            ArgumentKind.VALUE if is_value else ArgumentKind.BUFFER,
            text,
            facts.value if is_value else facts.pointer,
            facts.itemsize,
            space is AddressSpace.DEVICE and not facts.const,
            space,
            condition=type_text(condition[1]) if condition else None,
            active=condition is None or evaluate(condition[1], self._lookup) not in (0, False),
        )

    def _threadgroup(
        self, declared: DeclaredParameter, facts: TypeFacts, index: int
    ) -> ThreadgroupArgument:
        if facts.passing is Passing.VALUE or "threadgroup" not in facts.spaces:
            text = type_text([t for t in declared.type_tokens if t.text not in "*&"])
            raise MslError(f"parameter `{declared.name}` must point to threadgroup memory", self._span_of(declared.place),
                           hint=f"write `threadgroup {text}* {declared.name} [[threadgroup({index})]]`")  # fmt: skip
        return ThreadgroupArgument(declared.name, index, facts.text, facts.itemsize)

    def _builtin(self, declared: DeclaredParameter, facts: TypeFacts, name: str) -> Parameter:
        type_ = facts.value if facts.passing is Passing.VALUE else None
        scalar = type_name(element_of(type_)) if type_ is not None else ""
        components = width_of(type_) if type_ is not None else 0
        most = 3 if name in THREE_DIMENSIONAL else 1
        if scalar not in ("ushort", "uint") or components > most:
            texts = type_text([t for t in declared.type_tokens if t.text != "const"])
            vectors = ", or a vector of 2 or 3 of them" if name in THREE_DIMENSIONAL else ""
            raise MslError(
                f"`[[{name}]]` cannot have the type `{texts}`",
                self._span_of(declared.place),
                hint=f"use ushort or uint{vectors}",
            )
        return Parameter(
            declared.name, Passing.VALUE, builtin=name, components=components, scalar=scalar
        )


_KINDS = {"buffer": "buffers", "threadgroup": "threadgroup arguments"}
_NO_KIND = frozenset(["function_constant"])
"""The attributes beside which a buffer or threadgroup memory still gets an index of its own."""

"""Threadgroup memory declared in a body: its tokens in, the variables with their sizes in bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metal_runtime.msl.constant_expressions import Lookup, Number, evaluate, split_at_commas
from metal_runtime.msl.templates import substituted
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl.type_texts import TypeReader, type_text

_BEFORE = frozenset([";", "{", "}", ")", "const", "static", "alignas", ":"])


@dataclass(frozen=True, slots=True)
class ThreadgroupVariable:
    """``threadgroup T name[n];`` in a body. ``nbytes`` is None where only the compiler knows."""

    name: str
    type_text: str
    index: int
    """Of the token ``threadgroup``."""

    nbytes: int | None


def threadgroup_variables(
    tokens: Sequence[Token],
    body: range,
    lookup: Lookup,
    types: TypeReader,
    bindings: Mapping[str, tuple[Token, ...]],
) -> tuple[ThreadgroupVariable, ...]:
    """The variables that ``body`` declares in threadgroup memory, pointers into it left out."""
    places = [i for i in body if tokens[i].text == "threadgroup" and tokens[i - 1].text in _BEFORE]
    if not places:
        return ()
    local = _local_constants(tokens, body, lookup)
    found: list[ThreadgroupVariable] = []
    for index in places:
        end = index
        while end < body.stop and tokens[end].text not in (";", ")", "="):
            end += 1
        # An initial value, which Metal ignores, ends the declaration too.
        if end < body.stop and tokens[end].text in (";", "="):
            found += _declared(tokens, index, end, local, types, bindings)
    return tuple(found)


def total_bytes(variables: Sequence[ThreadgroupVariable]) -> int | None:
    """Bytes of all of them together, without padding; None when one is not known."""
    total = 0
    for variable in variables:
        if variable.nbytes is None:
            return None
        total += variable.nbytes
    return total


def _declared(
    tokens: Sequence[Token],
    index: int,
    end: int,
    lookup: Lookup,
    types: TypeReader,
    bindings: Mapping[str, tuple[Token, ...]],
) -> list[ThreadgroupVariable]:
    parts = split_at_commas(tokens[index + 1 : end])
    bounds = (
        next((i for i, t in enumerate(parts[0]) if t.text == "["), len(parts[0])) if parts else 0
    )
    first = bounds - 1
    if first < 1 or any(t.text in ("*", "&", "(") for t in parts[0][:bounds]):
        return []
    words = [t for t in parts[0][:first] if t.text not in ("const", "static")]
    words = substituted(words, bindings)
    itemsize = types.itemsize(words)
    return [
        ThreadgroupVariable(
            part[0].text, type_text(words), index, _size(part[1:], itemsize, lookup)
        )
        for part in (parts[0][first:], *parts[1:])
    ]


def _size(bounds: Sequence[Token], itemsize: int | None, lookup: Lookup) -> int | None:
    """Bytes of a variable with these array bounds."""
    size: Number | None = itemsize
    index = 0
    while size is not None and index < len(bounds):
        depth = 0
        for close in range(index, len(bounds)):
            depth += (bounds[close].text == "[") - (bounds[close].text == "]")
            if depth == 0:
                break
        extent = evaluate(bounds[index + 1 : close], lookup)
        size = None if extent is None else size * extent
        index = close + 1
    return None if size is None else int(size)


def _local_constants(tokens: Sequence[Token], body: range, lookup: Lookup) -> Lookup:
    """``lookup`` with the constants that the body itself declares before its first use of them."""
    places: dict[str, range] = {}
    for index in body:
        if tokens[index].text != "=" or tokens[index - 1].kind is not TokenKind.IDENTIFIER:
            continue
        start = index - 1
        while start > body.start and tokens[start - 1].text not in (";", "{", "}", ")"):
            start -= 1
        if {"constexpr", "const"}.intersection(t.text for t in tokens[start:index]):
            end = index
            while end < body.stop and tokens[end].text not in (";", ","):
                end += 1
            places.setdefault(tokens[index - 1].text, range(index + 1, end))

    def find(name: str) -> Number | None:
        place = places.get(name)
        if place is None:
            return lookup(name)
        known = places.pop(name)  # so that a constant cannot ask for itself
        try:
            return evaluate([tokens[i] for i in known], find)
        finally:
            places[name] = known

    return find

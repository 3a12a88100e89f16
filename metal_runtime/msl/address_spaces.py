"""Address spaces are erased on the way to C++; here is proved, function by function, that erasing them cannot choose another overload."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.constant_expressions import split_at_commas
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.library import Library
from metal_runtime.msl.space_twins import SpaceEdits, SpaceTwins
from metal_runtime.msl.tokens import Token
from metal_runtime.msl.type_texts import type_text
from metal_runtime.msl_types import parse_value_type

ADDRESS_SPACES = frozenset(
    ["device", "thread", "threadgroup", "threadgroup_imageblock", "ray_data", "object_data"]
)
"""The address spaces that vanish; ``constant`` becomes const."""

_ALL_SPACES = ADDRESS_SPACES | {"constant"}


@dataclass(frozen=True, slots=True)
class ErasedSpaces:
    """What is left out, because it becomes equal to what stays, and what tells the other overloads apart."""

    merged: frozenset[int]
    edits: SpaceEdits


@functools.lru_cache(maxsize=64)
def erased_spaces(library: Library) -> ErasedSpaces:
    """What erasing address spaces does to the overloads of a text.

    Overload resolution looks at address spaces in MSL and not in C++. So of two functions of one name
    whose spaces differ in a parameter of what can be the same type, either may be chosen: that is
    right only if they do the same, down to the overloads that they call. All others get the spaces of
    each call; see space_twins.py.

    Raises:
        MslError: they cannot.
    """
    pairs = list(_confusable_pairs(library))
    tokens = library.prepared.tokens
    names = frozenset(library.functions[j].name for i, j in pairs if not _same(library, i, j))
    edits = SpaceEdits()
    while names:
        twins = SpaceTwins(library, names)
        mention = twins.names | names
        more = {
            library.functions[j].name
            for i, j in pairs
            if any(tokens[k].text in mention for k in library.functions[i].body)
        }
        if more <= mention:
            names, edits = mention, twins.edits()
            break
        names = mention | more
    merged: set[int] = set()
    for i, j in pairs:
        if library.functions[i].name in names or {i, j} & merged:
            continue
        if _erased_function(tokens, library.functions[i]) == _erased_function(
            tokens, library.functions[j]
        ):
            merged.add(j)
    return ErasedSpaces(frozenset(merged) | _redeclared_members(library), edits)


def _redeclared_members(library: Library) -> frozenset[int]:
    """Members without a body that C++ would see declared twice: ``S() thread = default; S() device = default;``."""
    seen: set[tuple[object, ...]] = set()
    again = set()
    for index, function in enumerate(library.functions):
        if not function.scope or function.defined:
            continue
        key = (function.scope, *_erased_function(library.prepared.tokens, function))
        if key in seen:
            again.add(index)
        seen.add(key)
    return frozenset(again)


def merged_overloads(library: Library) -> frozenset[int]:
    """The functions to leave out."""
    return erased_spaces(library).merged


def _confusable_pairs(library: Library) -> Iterator[tuple[int, int]]:
    tokens = library.prepared.tokens
    overloads: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for index, function in enumerate(library.functions):
        overloads.setdefault((function.scope, function.name), []).append(index)
    classes = _class_names(tokens)
    for same_name in overloads.values():
        for i, j in itertools.combinations(same_name, 2):
            if _confusable(tokens, library.functions[i], library.functions[j], classes):
                yield i, j


def _same(library: Library, i: int, j: int) -> bool:
    """Whether two functions do the same, whichever of them a call means: they differ in spaces and const alone."""
    tokens = library.prepared.tokens
    first, second = library.functions[i], library.functions[j]
    same_body = _erased(tokens, first.body) == _erased(tokens, second.body)
    same_parameters = _without_const(tokens, first.parameters) == _without_const(
        tokens, second.parameters
    )
    if first.name not in first.scope[-1:]:
        return same_body and same_parameters
    if not same_parameters:  # objects are made by what they are made from, wherever they stand
        return same_body
    members = [
        texts[_list_start(texts) :]
        for f in (first, second)
        for texts in [_erased(tokens, range(f.qualifiers.start, f.body.stop))]
    ]
    return members[0] == members[1]


def _without_const(tokens: Sequence[Token], where: range) -> list[str]:
    return [text for text in _erased(tokens, where) if text != "const"]


def _erased(tokens: Sequence[Token], where: range) -> list[str]:
    texts = [tokens[i].text for i in where if tokens[i].text not in ADDRESS_SPACES]
    return ["const" if text == "constant" else text for text in texts]


def _erased_function(tokens: Sequence[Token], function: Function) -> list[str]:
    """All of a function: behind its parameters, ``constant`` makes a method const, and means nothing of a constructor."""
    head = _erased(tokens, range(function.start, function.qualifiers.start))
    behind = _erased(tokens, range(function.qualifiers.start, function.body.start))
    qualifiers = list(dict.fromkeys(t for t in behind[: _list_start(behind)] if t != "const"))
    if "const" in behind and function.name not in function.scope[-1:]:
        qualifiers.append("const")
    rest = behind[_list_start(behind) :]
    return [*head, *qualifiers, *rest, *_erased(tokens, range(function.body.start, function.end))]


def _list_start(texts: list[str]) -> int:
    """Where a constructor's initialiser list begins, or the body."""
    return next((i for i, text in enumerate(texts) if text in (":", "{")), len(texts))


def _confusable(
    tokens: Sequence[Token], first: Function, second: Function, classes: frozenset[str]
) -> bool:
    if not first.defined or not second.defined or not _same_arity(tokens, first, second):
        return False
    if _spaces(tokens, first.qualifiers) != _spaces(tokens, second.qualifiers):
        return True
    names = first.template_names | second.template_names
    pairs = zip(_parameters(tokens, first), _parameters(tokens, second), strict=False)
    return any(_parameter_confusable(a, b, names, classes) for a, b in pairs)


def _same_arity(tokens: Sequence[Token], first: Function, second: Function) -> bool:
    """Whether one call may fit both by its number of arguments."""
    counts = [_arity(tokens, function) for function in (first, second)]
    return counts[0][0] <= counts[1][1] and counts[1][0] <= counts[0][1]


def _arity(tokens: Sequence[Token], function: Function) -> tuple[int, int]:
    """The least and the greatest number of arguments."""
    parameters = _parameters(tokens, function)
    if any(t.text == "..." for part in parameters for t in part):
        return 0, 1 << 30
    needed = sum(not any(t.text == "=" for t in part) for part in parameters)
    return needed, len(parameters)


@functools.lru_cache(maxsize=64)
def merged_classes(library: Library) -> tuple[range, ...]:
    """The class specialisations to leave out: erasing address spaces makes them equal to one that stays.

    Raises:
        MslError: a specialisation for another address space that is not equal.
    """
    tokens = library.prepared.tokens
    seen: dict[tuple[str, ...], range] = {}
    merged = []
    for where in _specialisations(tokens):
        brace = next(i for i in where if tokens[i].text == "{")
        head = tuple(_erased(tokens, range(where.start, brace)))
        first = seen.setdefault(head, where)
        if first is where:
            continue
        if _erased(tokens, first) != _erased(tokens, where):
            prepared = library.prepared
            note = Note("the other specialisation", prepared.span(tokens[first.start]))
            raise MslError(
                "specialisations that differ by address space must be the same on this device",
                prepared.span(tokens[where.start]),
                notes=(note,),
            )
        merged.append(where)
    return tuple(merged)


def _specialisations(tokens: Sequence[Token]) -> Iterator[range]:
    """Class templates specialised for an address space: from `template` to the semicolon."""
    for index, token in enumerate(tokens):
        if token.text not in ("struct", "class") or index + 2 >= len(tokens):
            continue
        if tokens[index + 2].text != "<" or tokens[index - 1].text != ">":
            continue
        brace = index + 2
        while brace < len(tokens) and tokens[brace].text not in ("{", ";"):
            brace += 1
        texts = {t.text for t in tokens[index:brace]}
        if brace == len(tokens) or tokens[brace].text == ";" or not texts & _ALL_SPACES:
            continue
        depth, end = 0, brace
        while end < len(tokens):
            depth += (tokens[end].text == "{") - (tokens[end].text == "}")
            end += 1
            if depth == 0:
                break
        start = index
        while start > 0 and tokens[start - 1].text not in (";", "}", "{"):
            start -= 1
        yield range(start, min(end + 1, len(tokens)))


def _parameters(tokens: Sequence[Token], function: Function) -> list[list[Token]]:
    return split_at_commas([tokens[i] for i in function.parameters])


def _spaces(tokens: Sequence[Token], where: range) -> set[str]:
    return {tokens[i].text for i in where if tokens[i].text in _ALL_SPACES}


def _parameter_confusable(
    first: list[Token], second: list[Token], template_names: frozenset[str], classes: frozenset[str]
) -> bool:
    spaces = [{t.text for t in part if t.text in _ALL_SPACES} for part in (first, second)]
    if spaces[0] == spaces[1]:
        return False
    pointees = [_pointee(part) for part in (first, second)]
    dependent = [bool(template_names.intersection(_WORD.findall(text))) for text in pointees]
    if not all(spaces):  # a pointer against a value: only a template's own type may be either
        return any(d and not s for d, s in zip(dependent, spaces, strict=True))
    if any(dependent):
        return True
    distinct = [
        parse_value_type(t) is not None or _PACKED.fullmatch(t) or t in classes for t in pointees
    ]
    return pointees[0] == pointees[1] or not all(
        distinct
    )  # another name may stand for the same type


_WORD = re.compile(r"\w+")
_PACKED = re.compile(r"packed_\w+[234]|(?:float|half)[234]x[234]")


def _class_names(tokens: Sequence[Token]) -> frozenset[str]:
    """The classes and enumerations that the text itself declares: no two of them are one type."""
    keys = ("struct", "class", "union", "enum")
    return frozenset(b.text for a, b in itertools.pairwise(tokens) if a.text in keys)


def _pointee(parameter: list[Token]) -> str:
    """The type before the first ``*`` or ``&``, without qualifiers."""
    kept = []
    for token in parameter:
        if token.text in ("*", "&", "=", "["):
            break
        if token.text not in _ALL_SPACES | {"const", "volatile"}:
            kept.append(token)
    return type_text(kept)

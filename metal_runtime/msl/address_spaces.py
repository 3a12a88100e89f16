"""Address spaces are erased on the way to C++; here is proved, function by function, that erasing them cannot choose another overload."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.library import Library
from metal_runtime.msl.parameters import split_at_commas, type_text
from metal_runtime.msl.tokens import Token
from metal_runtime.msl_types import parse_value_type

ADDRESS_SPACES = frozenset(
    ["device", "thread", "threadgroup", "threadgroup_imageblock", "ray_data", "object_data"]
)
"""The address spaces that vanish; ``constant`` becomes const."""

_ALL_SPACES = ADDRESS_SPACES | {"constant"}


def check_overloads(library: Library) -> None:
    """Raises MslError when two overloads differ by address space where erasing it could pick the wrong one.

    Overload resolution looks at address spaces in MSL and not in C++. So two functions of one name are
    refused when one parameter's spaces differ and its pointee can be the same type.
    """
    prepared = library.prepared
    overloads: dict[tuple[tuple[str, ...], str], list[Function]] = {}
    for function in library.functions:
        overloads.setdefault((function.scope, function.name), []).append(function)
    for same_name in overloads.values():
        for first, second in itertools.combinations(same_name, 2):
            if _confusable(prepared.tokens, first, second):
                here = prepared.tokens[second.name_index]
                note = Note("the other overload", prepared.span(prepared.tokens[first.name_index]))
                raise MslError(
                    f"overloads of `{second.name}` that differ only by address space are not supported yet",
                    prepared.span(here), hint="give the two functions different names", notes=(note,),
                )  # fmt: skip


def _confusable(tokens: Sequence[Token], first: Function, second: Function) -> bool:
    if not first.defined or not second.defined:
        return False
    if _spaces(tokens, first.qualifiers) != _spaces(tokens, second.qualifiers):
        return True
    names = first.template_names | second.template_names
    pairs = zip(_parameters(tokens, first), _parameters(tokens, second), strict=False)
    return any(_parameter_confusable(a, b, names) for a, b in pairs)


def _parameters(tokens: Sequence[Token], function: Function) -> list[list[Token]]:
    return split_at_commas([tokens[i] for i in function.parameters])


def _spaces(tokens: Sequence[Token], where: range) -> set[str]:
    return {tokens[i].text for i in where if tokens[i].text in _ALL_SPACES}


def _parameter_confusable(
    first: list[Token], second: list[Token], template_names: frozenset[str]
) -> bool:
    spaces = [{t.text for t in part if t.text in _ALL_SPACES} for part in (first, second)]
    if spaces[0] == spaces[1] or not all(spaces):
        return False
    pointees = [_pointee(part) for part in (first, second)]
    known = [parse_value_type(text) for text in pointees]
    if any(
        name in text.replace("<", " ").replace(">", " ").split()
        for text in pointees
        for name in template_names
    ):
        return True
    if all(type_ is not None for type_ in known):
        return known[0] == known[1]
    return pointees[0] == pointees[1] or (
        None in known and not all(_is_name(text) for text in pointees)
    )


def _pointee(parameter: list[Token]) -> str:
    """The type before the first ``*`` or ``&``, without qualifiers."""
    kept = []
    for token in parameter:
        if token.text in ("*", "&", "=", "["):
            break
        if token.text not in _ALL_SPACES | {"const", "volatile"}:
            kept.append(token)
    return type_text(kept)


def _is_name(text: str) -> bool:
    return text.isidentifier()

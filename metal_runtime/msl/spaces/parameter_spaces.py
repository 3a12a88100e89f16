"""Which address spaces a parameter takes: the tokens of functions enter, bit masks by parameter and level leave."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl.spaces.declared_types import split_declarations

Key = tuple[int, int]
"""A parameter counted from 1 (0 is the object of a method) and a level: 0 where it stands itself, as a
reference; 1 what it points to; 2 what that points to."""

BITS = {"device": 1, "constant": 2, "thread": 4, "threadgroup": 8, "generic": 16}
"""``generic`` is the object in a method without an address space."""

ANY = 31
NOTHING = 0
"""What stands at a level that an argument has not: a number points to nothing."""

WIDTH = 5
MOST_KEYS = 12
OBJECT: Key = (0, 0)


class UnreadParameter(Exception):
    """A parameter has a form in which its spaces cannot be told."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The spaces taken at one level; ``by_copy`` when those of no other overload will do too: `const thread T&`."""

    mask: int
    by_copy: bool = False


def taken_by(text: CheckedText, function: Function) -> Mapping[Key, Taken]:
    """The masks of one function, alone; a level that takes anything is left out."""
    found: dict[Key, Taken] = {}
    for number, part in enumerate(split_declarations(text, function.parameters), start=1):
        found.update(((number, level), taken) for level, taken in _levels(text, part))
    own = spaces_of_object(text, function)
    if own:
        found[OBJECT] = Taken(sum(BITS.get(space, 0) for space in own))
    return found


def spaces_of_object(text: CheckedText, function: Function) -> frozenset[str]:
    """The address spaces behind the parameters of a method."""
    own: set[str] = set()
    for i in function.qualifiers:
        if text.texts[i] in (":", "->", "="):
            break
        own |= {text.texts[i]} & SPACES
    return frozenset(own)


def masks_of_overloads(
    text: CheckedText, functions: Mapping[int, Function]
) -> dict[int, dict[Key, int]]:
    """By index: the masks of each overload of one name, those that depend on its siblings included."""
    alone = {index: dict(taken_by(text, function)) for index, function in functions.items()}
    for index, function in functions.items():
        siblings = [i for i, f in functions.items() if i != index and f.scope == function.scope]
        in_class = bool(function.scope) and function.scope[-1] in text.class_names
        is_static = "static" in text.texts[function.start : function.name_index]
        if in_class and not is_static and OBJECT not in alone[index]:
            alone[index][OBJECT] = Taken(BITS["generic"], by_copy=True)
        for key, taken in alone[index].items():
            if taken.by_copy:
                exact = [alone[i].get(key) for i in siblings]
                masks = [t.mask for t in exact if t is not None and not t.by_copy]
                claimed = functools.reduce(operator.or_, masks, 0)
                alone[index][key] = replace(taken, mask=taken.mask | (ANY & ~claimed))
    return {index: {key: t.mask for key, t in found.items()} for index, found in alone.items()}


def _levels(text: CheckedText, part: range) -> Iterator[tuple[int, Taken]]:
    words = [text.texts[i] for i in part if i not in text.attribute_tokens]
    words = words[: words.index("=")] if "=" in words else words
    if "(" in words:
        yield from _behind_parentheses(words)
        return
    current, pointees, sigils, is_const, is_array = _read(words)
    if sigils[-1:] == ["&&"]:
        return
    if is_array:
        pointees.append(current)
    elif sigils[-1:] == ["&"] and current is not None:
        by_copy = is_const and current == "thread" and len(sigils) == 1
        yield 0, Taken(BITS[current], by_copy)
    for level, space in enumerate(reversed(pointees), start=1):
        if space is not None:
            yield level, Taken(BITS[space])


def _read(words: list[str]) -> tuple[str | None, list[str | None], list[str], bool, bool]:
    """The space behind the last sigil, those of the pointees, the sigils, and whether it is const, an array."""
    current: str | None = None
    pointees: list[str | None] = []
    sigils: list[str] = []
    depth = 0
    for word in words:
        depth += (word == "<") - (word == ">")
        if depth:
            continue
        if word in ("*", "&", "&&"):
            sigils.append(word)
            if word == "*":
                pointees.append(current)
                current = None
        elif word in SPACES:
            if word not in BITS:
                raise UnreadParameter
            current = word
    first = next((n for n, w in enumerate(words) if w in ("*", "&", "&&")), len(words))
    return current, pointees, sigils, "const" in words[:first], "[" in words


def _behind_parentheses(words: list[str]) -> Iterator[tuple[int, Taken]]:
    """`thread float (&a)[4]`: where the array stands is what it points to as a pointer."""
    written = [word for word in words if word in SPACES]
    if not written:
        return
    if len(set(written)) > 1 or words.count("&") != 1 or "*" in words or written[0] not in BITS:
        raise UnreadParameter
    yield 0, Taken(BITS[written[0]])
    yield 1, Taken(BITS[written[0]])

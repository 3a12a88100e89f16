"""The functions through which threads give each other values, for regions: a name and its arguments in, C++ over all threads out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.msl.body_edits import Unsplittable
from metal_runtime.msl.meetings import meeting_kind
from metal_runtime.msl.tokens import Token, TokenKind

BARRIERS = frozenset(["threadgroup_barrier", "simdgroup_barrier"])
_MEETING = re.compile(
    r"(?:threadgroup|simdgroup)_barrier|(?:__metal_)?(?:simd|quad)_[a-z]\w*|simdgroup_\w+"
)


@dataclass(frozen=True, slots=True)
class LaneFunction:
    """``call`` is the function in detail/regions.h with ``{size}`` lanes; ``converted`` the type of each argument, if it has one."""

    call: str
    converted: tuple[str, ...] = ("",)
    defaults: tuple[str, ...] = ()
    """Of the last arguments."""


def _reduction(operation: str, converted: str = "") -> LaneFunction:
    return LaneFunction(f"reduce<__lanes::{operation}, {{size}}>", (converted,))


def _scan(operation: str, inclusive: str) -> LaneFunction:
    return LaneFunction(f"scan<__lanes::{operation}, {inclusive}, {{size}}>")


def _shuffle(source: str) -> LaneFunction:
    return LaneFunction(f"shuffle<__regions::{source}, {{size}}>", ("", "ushort"))


def _filling(sign: str) -> LaneFunction:
    converted = ("", "", "ushort", "ushort")
    return LaneFunction(f"shuffle_and_fill<{sign}, {{size}}>", converted, ("{size}",))


_SIZES = {"simd_": "32", "quad_": "4"}
_FUNCTIONS = {
    "sum": _reduction("sum"),
    "product": _reduction("product"),
    "min": _reduction("minimum"),
    "max": _reduction("maximum"),
    "and": _reduction("bit_and"),
    "or": _reduction("bit_or"),
    "xor": _reduction("bit_xor"),
    "all": _reduction("bit_and", "bool"),
    "any": _reduction("bit_or", "bool"),
    "prefix_inclusive_sum": _scan("sum", "true"),
    "prefix_exclusive_sum": _scan("sum", "false"),
    "prefix_inclusive_product": _scan("product", "true"),
    "prefix_exclusive_product": _scan("product", "false"),
    "broadcast": _shuffle("at_lane"),
    "broadcast_first": LaneFunction("first<{size}>"),
    "shuffle": _shuffle("at_lane"),
    "shuffle_xor": _shuffle("exchanged"),
    "shuffle_up": _shuffle("below"),
    "shuffle_down": _shuffle("above"),
    "shuffle_rotate_up": _shuffle("rotated_up"),
    "shuffle_rotate_down": _shuffle("rotated_down"),
    "shuffle_and_fill_up": _filling("-1"),
    "shuffle_and_fill_down": _filling("1"),
    "ballot": LaneFunction("ballot<{size}>", ("bool",)),
    "active_threads_mask": LaneFunction("ballot<{size}>", ("bool",), ("true",)),
    "is_first": LaneFunction("is_first<{size}>", ()),
}


def is_meeting(tokens: Sequence[Token], index: int, own: frozenset[str]) -> bool:
    """Whether threads meet in what is called at ``index``; ``own`` are functions of the text in which they do."""
    text = tokens[index].text
    following = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if tokens[index].kind is not TokenKind.IDENTIFIER or following not in ("(", "<"):
        return False
    if text in own or meeting_kind(text) is not None:
        return True
    return following == "(" and _MEETING.fullmatch(text) is not None  # `simd_lid < 8` compares


def is_lane_function(texts: Sequence[str], index: int) -> bool:
    """Whether a call of a function that regions know stands at ``index``: ``simd_sum(`` or ``metal::simd_sum(``."""
    name = texts[index]
    before = texts[index - 3 : index]
    plain = before[2] not in ("::", ".", "->") or (
        before[1:] == ["metal", "::"] and before[0] != "::"
    )
    return plain and name[:5] in _SIZES and name[5:] in _FUNCTIONS and texts[index + 1] == "("


def over_all_threads(name: str, arguments: Sequence[str], bindings: str, index: int) -> str:
    """The C++ expression of a row with every thread's result.

    ``arguments`` are C++ expressions of one thread, ``bindings`` opens a block and defines
    the variables in them.
    """
    size, function = _SIZES[name[:5]], _FUNCTIONS[name[5:]]
    count = len(function.converted)
    if not count - len(function.defaults) <= len(arguments) <= count:
        raise Unsplittable(f"`{name}` has {len(arguments)} arguments here", index)
    given = [
        *arguments,
        *(d.format(size=size) for d in function.defaults[len(arguments) - count :]),
    ]
    values = [
        f", [&](uint __i, uint __j, uint __k, uint __index) __attribute__((always_inline)) "
        f"{{ {bindings}return {type_}({argument}); }} }}"
        for type_, argument in zip(function.converted, given[:count], strict=True)
    ]
    return f"__regions::{function.call.format(size=size)}(__group{''.join(values)})"


def split_arguments(texts: Sequence[str], index: int) -> list[str]:
    """The arguments of a call, of the texts between its parentheses."""
    found: list[list[str]] = [[]] if texts else []
    depth = 0
    for text in texts:
        depth += sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))
        if depth == 0 and text == ",":
            found.append([])
        else:
            found[-1].append(text)
    # A comma within `a<b, c>` is none between arguments.
    opened = next((number for number, part in enumerate(found) if "<" in part), len(found))
    if any(">" in part for part in found[opened + 1 :]):
        raise Unsplittable("template arguments stand in a call in which threads meet", index)
    return [" ".join(argument) for argument in found]

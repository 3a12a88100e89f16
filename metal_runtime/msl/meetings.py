"""Where the threads of a threadgroup meet: functions' tokens in, barriers and simdgroup operations with their places out."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metal_runtime.msl.tokens import Token, TokenKind


class MeetingKind(enum.Enum):
    """Which threads wait for each other."""

    THREADGROUP = "threadgroup"
    SIMDGROUP = "simdgroup"
    QUADGROUP = "quadgroup"


@dataclass(frozen=True, slots=True)
class Meeting:
    """One use of a barrier, or of a function through which threads give each other values."""

    kind: MeetingKind
    name: str
    index: int
    """Of its token."""

    function: int
    """Of the function in whose body it stands, among ``Library.functions``."""


_RULES: tuple[tuple[MeetingKind, re.Pattern[str]], ...] = (
    (MeetingKind.THREADGROUP, re.compile(r"threadgroup_barrier")),
    (
        MeetingKind.SIMDGROUP,
        re.compile(
            r"simdgroup_(?:barrier|load|store|multiply|multiply_accumulate|async_copy\w*|event|matrix"
            r"|(?:float|half|bfloat)\w*)|make_filled_simdgroup_matrix|(?:__metal_)?simd_(?:sum|product|min|max|and|or|xor|all|any"
            r"|ballot|broadcast\w*|shuffle\w*|prefix\w*|is_first|active\w*|vote)|__metal_simd_\w+"
        ),
    ),
    (
        MeetingKind.QUADGROUP,
        re.compile(
            r"quad_(?:sum|product|min|max|and|or|xor|all|any|ballot|broadcast\w*|shuffle\w*|prefix\w*|is_first"
            r"|active\w*|vote)"
        ),
    ),
)


def find_meetings(
    tokens: Sequence[Token], function: int, where: Iterable[int], own_names: frozenset[str]
) -> tuple[Meeting, ...]:
    """The meetings in a function's body; ``own_names`` are functions of the text itself."""
    found = []
    for index in where:
        token = tokens[index]
        if token.kind is TokenKind.IDENTIFIER and token.text[:4] in (
            "thre",
            "simd",
            "quad",
            "make",
            "__me",
            "__me",
        ):
            kind = meeting_kind(token.text)
            is_member = tokens[index - 1].text in (".", "->")
            if kind is not None and not is_member and token.text not in own_names:
                found.append(Meeting(kind, token.text, index, function))
    return tuple(found)


def meeting_kind(name: str) -> MeetingKind | None:
    """Which threads meet in a call of ``name``, None if it is no such function."""
    for kind, pattern in _RULES:
        if pattern.fullmatch(name):
            return kind
    return None

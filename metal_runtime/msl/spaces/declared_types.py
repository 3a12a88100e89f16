"""Declarations at the level of types: tokens of a declaration enter, base type, pointers and address spaces leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl_types import parse_value_type

_FUNDAMENTAL = frozenset(["void", "bool", "char", "short", "int", "long", "float", "half", "bfloat", "unsigned", "signed",
                          "size_t", "ptrdiff_t"])  # fmt: skip
_VECTORS = re.compile(
    r"(?:packed_)?(?:bool|u?char|u?short|u?int|u?long|float|half|bfloat)[234]|(?:float|half|bfloat)[234]x[234]"
    r"|atomic_(?:int|uint|bool|float|ulong)"
)
_QUALIFIERS = frozenset(["const", "volatile", "static", "constexpr", "inline", "extern", "mutable", "typename", "struct",
                         "class", "union", "enum", "coherent"])  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """What a declaration says of one variable, as far as address spaces go.

    ``pointers`` are the spaces of the pointees, from the innermost ``*`` to the outermost; None where
    none is written. ``spaces`` counts those before the first ``*`` or ``&``.
    """

    base: str
    space: str | None
    pointers: tuple[str | None, ...]
    reference: bool
    rvalue_reference: bool
    const: bool
    dimensions: int
    fundamental: bool


def split_declarations(text: CheckedText, where: range) -> Iterator[range]:
    """The ranges between the top-level commas of ``where``; empty ones are left out."""
    start = index = where.start
    while index < where.stop:
        token = text.texts[index]
        if token in ("(", "[", "{"):
            index = text.scanner.closing(index)
        elif token == "<":
            index = text.closing_angle(index) or index
        elif token == ",":
            if start < index:
                yield range(start, index)
            start = index + 1
        index += 1
    if start < where.stop:
        yield range(start, where.stop)


def is_fundamental(word: str) -> bool:
    """Whether a word names a scalar, vector, matrix or atomic type of Metal's own."""
    return (
        word in _FUNDAMENTAL or parse_value_type(word) is not None or bool(_VECTORS.fullmatch(word))
    )


def is_value_type(text: CheckedText, words: Sequence[str], template_names: frozenset[str]) -> bool:
    """Whether the words surely name a type that is no pointer: Metal's own, or a class of the text."""
    plain = [w for w in words if w not in _QUALIFIERS and w not in ("metal", "::")]
    if not plain or set(plain) & template_names:
        return False
    if all(is_fundamental(w) for w in plain):
        return True
    return len(plain) == 1 and plain[0] in text.class_names


def read_declared(
    text: CheckedText, specifiers: range, declarator: range, template_names: frozenset[str]
) -> DeclaredType | None:
    """The type that ``specifiers`` and the sigils of ``declarator`` (up to and without the name) declare.

    None where it cannot be told: `auto`, function types, arrays behind parentheses.
    """
    words = [text.texts[i] for i in (*specifiers, *declarator) if i not in text.attribute_tokens]
    base: list[str] = []
    depth = 0
    leading: list[str] = []
    sigils: list[str] = []
    spaces_after: list[list[str]] = []
    for word in words:
        depth += (word == "<") - (word == ">")
        if depth or word == ">":
            base.append(word)
        elif word in ("*", "&"):
            sigils.append(word)
            spaces_after.append([])
        elif word == "&&":
            sigils.append("&&")
            spaces_after.append([])
        elif word in SPACES:
            (spaces_after[-1] if sigils else leading).append(word)
        elif word not in _QUALIFIERS:
            if sigils:
                return None
            base.append(word)
    if not base or "auto" in base or "decltype" in base or len(leading) > 1:
        return None
    name = [w for w in base if w not in ("metal", "::")]
    fundamental = all(is_fundamental(w) for w in name) or (
        len(name) == 1 and name[0] in text.class_names
    )
    if set(name) & template_names:
        fundamental = False
    pointees: list[str | None] = []
    current: str | None = leading[0] if leading else None
    for sigil, following in zip(sigils, spaces_after, strict=True):
        if sigil == "*":
            pointees.append(current)
            current = following[0] if following else None
    first = next((n for n, w in enumerate(words) if w in ("*", "&", "&&")), len(words))
    return DeclaredType(
        " ".join(name), current, tuple(pointees), bool(sigils) and sigils[-1] == "&",
        bool(sigils) and sigils[-1] == "&&", "const" in words[:first], 0, fundamental,
    )  # fmt: skip


_NO_VARIABLE = frozenset(["using", "typedef", "static_assert", "struct", "class", "union", "enum", "friend", "concept",
                          "#", "}", ";", ")", "__attribute__", "_Static_assert"])  # fmt: skip


def program_declarations(text: CheckedText) -> Iterator[range]:
    """The declarations of variables outside functions and classes, without their semicolons."""
    ends = {f.start: f.end for f in text.functions}
    index, end = 0, len(text.texts)
    while index < end:
        if index in ends:
            index = max(ends[index], index + 1)
            continue
        word = text.texts[index]
        if word in ("namespace", "extern") and "{" in text.texts[index : index + 6]:
            index = text.texts.index("{", index) + 1
            continue
        if word in ("}", ";"):
            index += 1
            continue
        start, index = index, index
        templated = False
        while text.texts[index : index + 2] == ["template", "<"]:
            index = (text.closing_angle(index + 1) or index + 1) + 1
            templated = True
        first = index
        while index < end and text.texts[index] != ";" and text.texts[index] != "}":
            index = (
                text.scanner.closing(index) + 1
                if text.texts[index] in ("(", "[", "{")
                else index + 1
            )
        words = set(text.texts[first : min(first + 3, index)])
        if first < index and not words & _NO_VARIABLE and text.texts[first] != "template":
            yield range(first, index)
        elif templated and first == index:
            index = max(index, start + 1)
        index += 1

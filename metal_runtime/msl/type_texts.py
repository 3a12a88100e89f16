"""Types as they are written: tokens in, their text, their layout and how a parameter passes them out."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl_types import Pointer, ValueType, Vector, parse_type, parse_value_type

QUALIFIERS = frozenset(
    ["const", "volatile", "restrict", "__restrict", "coherent", "device", "constant", "threadgroup",
     "thread", "unsigned", "signed", "typename", "struct"]
)  # fmt: skip
_DROPPED = frozenset(["volatile", "restrict", "__restrict", "struct", "typename"])
_ATOMICS = {f"atomic_{name}": name for name in ("int", "uint", "bool", "float", "ulong")}
_ATOMIC = re.compile(r"\b_?atomic<(\w+)>")
_VEC = re.compile(r"\bvec<(\w+), ?([234])>")
_COMPOUND = re.compile(r"packed_(\w+?)([234])|(float|half|bfloat)([234])x([234])")


class Passing(enum.Enum):
    """How a parameter is declared."""

    POINTER = "pointer"
    REFERENCE = "reference"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What a parameter's type says."""

    text: str
    passing: Passing
    spaces: tuple[str, ...]
    """The address spaces among its words."""

    const: bool
    """Whether nothing can be written through it."""

    value: ValueType | None
    """The scalar or vector that it is, or that it refers or points to."""

    pointer: Pointer | None
    itemsize: int | None
    """Bytes of what it is, refers or points to, where known."""


class TypeReader:
    """Reads types of one text, whose own names of scalars and vectors are ``aliases``; each type once."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._known: dict[tuple[str, ...], TypeFacts] = {}

    def read(self, tokens: Sequence[Token]) -> TypeFacts:
        """The facts of the type that ``tokens`` spell, without a parameter's name."""
        key = tuple([token.text for token in tokens])
        facts = self._known.get(key)
        if facts is None:
            facts = self._known[key] = self._read(tokens, key)
        return facts

    def itemsize(self, tokens: Sequence[Token]) -> int | None:
        """Bytes of what the type is, refers or points to; None for a user's own class."""
        return self.read(tokens).itemsize

    def _read(self, tokens: Sequence[Token], texts: tuple[str, ...]) -> TypeFacts:
        plain = plain_type(tokens, self._aliases)
        sigil = sigil_of(texts)
        pointer = parse_type(plain.replace("&", "*"))
        pointee = _pointee(plain)
        return TypeFacts(
            text=type_text(tokens),
            passing=_passing(texts),
            spaces=tuple(t for t in texts if t in ("device", "constant", "threadgroup", "thread")),
            const="const" in texts[:sigil] or "constant" in texts[:sigil],
            value=parse_value_type(pointee),
            pointer=pointer if isinstance(pointer, Pointer) and _is_value(pointer) else None,
            itemsize=itemsize_of(pointee),
        )


def _is_value(pointer: Pointer) -> bool:
    return isinstance(pointer.element, DType | Vector)


def _passing(texts: tuple[str, ...]) -> Passing:
    if "&" in texts:
        return Passing.REFERENCE
    return Passing.POINTER if "*" in texts or texts[-1:] == ("]",) else Passing.VALUE


def sigil_of(texts: Sequence[str]) -> int:
    """The index of the last ``*`` or ``&``: const after it is the pointer's own."""
    return max((i for i, text in enumerate(texts) if text in ("*", "&")), default=len(texts))


def plain_type(tokens: Sequence[Token], aliases: Mapping[str, str]) -> str:
    """The text of a type as ``parse_type`` reads it: aliases resolved, qualifiers that change no layout left out.

    An array parameter is the pointer that it decays to.
    """
    words: list[Token] = []
    tokens = tokens[: sigil_of([token.text for token in tokens]) + 1]
    index = 0
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
    text = _ATOMIC.sub(r"\1", type_text(words))
    text = _VEC.sub(r"\1\2", text)
    return text[: text.index("[")] + "*" if text.endswith("]") else text


def aliases_of(tokens: Sequence[Token], typedefs: Iterable[range]) -> dict[str, str]:
    """``typedef half float16_t;`` and ``using real = float;`` as far as they name scalars and vectors."""
    found: dict[str, str] = {}
    for where in typedefs:
        words = [tokens[i] for i in where]
        texts = [word.text for word in words]
        if texts[0] == "typedef" and len(words) > 3:
            name, type_ = texts[-2], words[1:-2]
        elif texts[2:3] == ["="]:
            name, type_ = texts[1], words[3:-1]
        else:
            continue
        plain = plain_type(type_, found)
        if parse_value_type(plain) is not None:
            found[name] = plain
    return found


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
    return " ".join(w for w in words if w not in QUALIFIERS or w in ("unsigned", "signed"))


def type_text(tokens: Sequence[Token]) -> str:
    """The tokens of a type in MSL's usual spelling, e.g. ``device const float*``."""
    text = ""
    for token in tokens:
        glued = token.kind is TokenKind.PUNCTUATION or not text or text[-1] in "<:(["
        text += token.text if glued else " " + token.text
    return text

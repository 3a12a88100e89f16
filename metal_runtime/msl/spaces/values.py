"""What is known of variables and members as to address spaces: declarations enter, Values by name leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl.spaces.declared_types import (
    DeclaredType,
    program_declarations,
    read_declared,
    split_declarations,
)


@dataclass(frozen=True, slots=True)
class Value:
    """An expression as far as it is known.

    ``pointers`` are the spaces of its pointees, the last that of what it points to itself, None where
    unknown. ``dimensions`` counts the brackets of an array that are left. ``place`` is the space it stands
    in as an lvalue, None when unknown or when it is no lvalue. ``number`` says that it is surely no pointer.
    """

    base: str | None = None
    pointers: tuple[str | None, ...] = ()
    dimensions: int = 0
    place: str | None = None
    number: bool = False
    temporary: bool = False
    """Whether it is surely a value without a place of its own."""

    @property
    def space(self) -> str | None:
        """The space that it points to as a pointer; None when unknown, or when it is none."""
        if self.dimensions:
            return self.place
        return self.pointers[-1] if self.pointers else None

    @property
    def is_pointer(self) -> bool:
        return bool(self.dimensions or self.pointers)

    def decayed(self) -> Value | None:
        """The pointer that an array becomes; the value itself when it is none; None for arrays of arrays."""
        if self.dimensions > 1:
            return None
        if self.dimensions == 1:
            return replace(self, pointers=(*self.pointers, self.place), dimensions=0, place=None)
        return replace(self, place=None)

    def element(self) -> Value | None:
        """What `*x` or `x[i]` is; None for what is no pointer as far as known."""
        if self.dimensions:
            return replace(self, dimensions=self.dimensions - 1)
        if not self.pointers:
            return None
        return replace(self, pointers=self.pointers[:-1], place=self.pointers[-1])

    def address(self) -> Value | None:
        """What `&x` is; None when it is not known where x stands."""
        if self.place is None or self.dimensions:
            return None
        pointers = (*self.pointers, self.place)
        return replace(self, pointers=pointers, place=None, number=False, temporary=False)


UNKNOWN = Value()
Scope = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Declared:
    """One variable of a declaration: its name, the index of the name, its type (None if unknown)."""

    name: str
    name_index: int
    type: DeclaredType | None
    dimensions: int
    by_auto: str = ""
    """``auto``, ``auto&`` or another form of it: the initial value decides."""


def read_declarator(
    text: CheckedText,
    specifiers: range,
    sigils: range,
    name_index: int,
    template_names: frozenset[str],
) -> Declared:
    """The variable named at ``name_index``, whose sigils stand before it."""
    dimensions, after = 0, name_index + 1
    while text.texts[after : after + 1] == ["["] and after not in text.attribute_tokens:
        dimensions += 1
        after = text.scanner.closing(after) + 1
    words = [text.texts[i] for i in (*specifiers, *sigils) if i not in text.attribute_tokens]
    by_auto = ""
    if "auto" in words:
        by_auto = "auto" + "".join(w for w in words if w in ("*", "&", "&&"))
        if SPACES & set(words):
            by_auto = "?"
    type_ = None if by_auto else read_declared(text, specifiers, sigils, template_names)
    return Declared(text.texts[name_index], name_index, type_, dimensions, by_auto)


def value_of(declared: Declared, *, own_space: str | None) -> Value:
    """What a variable is known to be; ``own_space`` is where one without a space of its own stands."""
    type_ = declared.type
    if type_ is None:
        return Value(place=None) if declared.by_auto or not declared.dimensions else UNKNOWN
    if type_.rvalue_reference:
        return UNKNOWN
    place = type_.space if type_.reference else (type_.space or own_space)
    number = type_.fundamental and not type_.pointers and not declared.dimensions
    return Value(type_.base, type_.pointers, declared.dimensions, place, number)


def parameters_in(text: CheckedText, function: Function) -> Iterator[Declared | None]:
    """The parameters of a function in order; None for one that cannot be read or has no name."""
    for part in split_declarations(text, function.parameters):
        yield _parameter(text, part, function.template_names)


def _parameter(text: CheckedText, part: range, template_names: frozenset[str]) -> Declared | None:
    end = part.start
    depth, name = 0, None
    while end < part.stop and text.texts[end] not in ("=",):
        if end in text.attribute_tokens:
            end += 1
            continue
        word = text.texts[end]
        if word in ("(", "..."):
            return None
        if word == "[" and depth == 0:
            break
        depth += (word == "<") - (word == ">")
        if depth == 0 and text.is_identifier(end) and word not in SPACES and word != "const":
            name = end
        end += 1
    if name is None or name == part.start or text.texts[name - 1] in ("::", "typename", "struct"):
        return None
    sigils = range(first_sigil(text, range(part.start, name)), name)
    declared = read_declarator(text, range(part.start, sigils.start), sigils, name, template_names)
    type_ = declared.type
    # An array parameter is a pointer: its elements stand in the space that is written.
    if type_ is not None and declared.dimensions and not type_.space:
        return None
    return declared


def first_sigil(text: CheckedText, where: range) -> int:
    """The index of the first ``*``, ``&`` or ``&&`` outside template arguments; the end if there is none."""
    depth = 0
    for i in where:
        depth += (text.texts[i] == "<") - (text.texts[i] == ">")
        if depth == 0 and text.texts[i] in ("*", "&", "&&"):
            return i
    return where.stop


def has_default(text: CheckedText, part: range) -> bool:
    """Whether a parameter may be left out."""
    return any(text.texts[i] == "=" for i in part)


def result_of(text: CheckedText, function: Function) -> DeclaredType | None:
    """The type that a function returns, None where it cannot be told."""
    start = function.start
    while text.texts[start : start + 2] == ["template", "<"]:
        start = (text.closing_angle(start + 1, limit=2000) or start + 1) + 1
    plain: list[int] = []
    i = start
    while i < function.name_index:
        if text.texts[i] == "__attribute__":
            i = text.scanner.closing(i + 1) + 1
            continue
        if i not in text.attribute_tokens and text.texts[i] not in (
            "kernel",
            "vertex",
            "fragment",
            "friend",
        ):
            plain.append(i)
        i += 1
    if not plain or plain[-1] - plain[0] != len(plain) - 1:
        return None
    return read_declared(text, range(plain[0], plain[-1] + 1), range(0), function.template_names)


def program_values(text: CheckedText) -> Scope:
    """The variables at program scope."""
    found: Scope = {}
    for where in program_declarations(text):
        for declared in _declarators(text, where, frozenset()):
            known = declared.name not in found
            found[declared.name] = value_of(declared, own_space=None) if known else UNKNOWN
    return found


def class_members(text: CheckedText) -> Mapping[str, Scope]:
    """The data members of each class that is defined once, without bases' members."""
    found: dict[str, Scope] = {}
    functions = {f.start: f.end for f in text.functions}
    bodies = {c.body.start: c.body.stop for c in text.classes}
    for class_ in text.classes:
        members: Scope = {}
        start = index = class_.body.start
        while index < class_.body.stop:
            if index in functions and index == start:
                start = index = max(functions[index], index + 1)
                continue
            word = text.texts[index]
            if word == "{" and index + 1 in bodies:
                index = bodies[index + 1]  # a class within
            elif word in ("(", "[", "{"):
                index = text.scanner.closing(index)
            elif word == ":" and text.texts[index - 1] in ("public", "private", "protected"):
                start = index + 1
            elif word == ";":
                for declared in _declarators(text, range(start, index), frozenset()):
                    value = value_of(declared, own_space=None)
                    is_plain = (
                        declared.type is not None
                        and not declared.type.reference
                        and declared.type.space is None
                    )
                    members[declared.name] = value if is_plain else UNKNOWN
                start = index + 1
            index += 1
        found[class_.name] = members if class_.name not in found else {}
    return found


_NO_MEMBER = frozenset(["using", "typedef", "static_assert", "struct", "class", "union", "enum", "friend", "template", "static",
                        "operator", "(", "~"])  # fmt: skip


def _declarators(
    text: CheckedText, where: range, template_names: frozenset[str]
) -> Iterator[Declared]:
    """The variables of a declaration at class or program scope."""
    plain = [i for i in where if i not in text.attribute_tokens]
    words = [text.texts[i] for i in plain]
    if len(words) < 2 or _NO_MEMBER & set(words[: words.index("=")] if "=" in words else words) - {
        "static"
    }:
        return
    if plain[-1] - plain[0] != len(plain) - 1:
        return
    parts = list(split_declarations(text, where))
    first = _name_in(text, parts[0]) if parts else None
    if first is None:
        return
    specifiers = range(where.start, first_sigil(text, range(where.start, first)))
    yield read_declarator(text, specifiers, range(specifiers.stop, first), first, template_names)
    for part in parts[1:]:
        name = _name_in(text, part)
        if name is not None:
            yield read_declarator(text, specifiers, range(part.start, name), name, template_names)


def _name_in(text: CheckedText, part: range) -> int | None:
    depth, name = 0, None
    for i in part:
        word = text.texts[i]
        if depth == 0 and word in ("=", "[", "{", ":"):
            break
        depth += (word == "<") - (word == ">")
        if depth == 0 and text.is_identifier(i):
            name = i
    return name


def local_declarators(
    text: CheckedText, start: int, names: Sequence[int], template_names: frozenset[str]
) -> Iterator[Declared]:
    """The variables of a declaration in a body, whose names stand at ``names``."""
    specifiers = range(start, first_sigil(text, range(start, names[0])))
    for number, name in enumerate(names):
        begin = specifiers.stop if number == 0 else name
        while number and text.texts[begin - 1] in ("*", "&", "&&", "const", *SPACES):
            begin -= 1
        yield read_declarator(text, specifiers, range(begin, name), name, template_names)

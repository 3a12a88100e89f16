"""The calls of overloads in one function: its body enters, walked with its variables; calls by place leave."""

from __future__ import annotations

from collections.abc import Mapping

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.bodies import BodyWalk
from metal_runtime.msl.spaces.calls import Surroundings
from metal_runtime.msl.spaces.expressions import Unread
from metal_runtime.msl.spaces.overload_sets import OverloadSet, own_template_names
from metal_runtime.msl.spaces.space_reader import DEPENDENT, Call, SpaceReader, Undecided
from metal_runtime.msl.spaces.values import UNKNOWN, Declared, Scope, Value, value_of


class CalledOverloads(BodyWalk):
    """One walk over a function that collects its calls of overloads in ``sets``."""

    def __init__(
        self, surroundings: Surroundings, function: Function, sets: Mapping[str, OverloadSet]
    ) -> None:
        reader = SpaceReader(surroundings, function, sets)
        super().__init__(surroundings.text, function, reader)
        self._spaces = reader
        self.calls: dict[int, Call] = {}
        self.undecided: dict[int, Undecided] = {}
        """By the index of the opening bracket."""

        own = own_template_names(self._text, function)
        scope: Scope = {}
        for number, declared in enumerate(surroundings.parameters_of(function), start=1):
            if declared is not None:
                scope[declared.name] = _parameter(declared, number, own)
        reader.scopes = [scope]
        self._shadow_unread(function.parameters)
        self._members()
        self._walk()

    def _has_read(self) -> None:
        self.calls.update(self._spaces.calls)
        self.undecided.update(self._spaces.undecided)

    def _arguments(self, declared: Declared, where: range) -> Value | None:
        type_ = declared.type
        space = "thread" if type_ is None else type_.space or "thread"
        plain = type_ is not None and not (type_.pointers or type_.reference or declared.dimensions)
        self._construct(
            where, type_.base if type_ is not None and plain else None, Value(place=space)
        )
        return UNKNOWN

    def _members(self) -> None:
        """The members that a constructor initialises before its body."""
        texts, qualifiers = self._text.texts, self._function.qualifiers
        colon = next((i for i in qualifiers if texts[i] == ":"), None)
        if colon is None or not self._function.scope:
            return
        index = colon + 1
        while index < qualifiers.stop:
            name, opening = texts[index], index + 1
            if texts[opening] == "<":
                opening = (self._text.closing_angle(opening) or opening) + 1
            if texts[opening] not in ("(", "{"):
                return
            close = self._text.scanner.closing(opening)
            class_ = name if name in self._text.class_names else self._spaces.type_of_member(name)
            self._construct(range(opening, close + 1), class_, self._spaces.own_object)
            index = close + 2

    def _construct(self, where: range, class_: str | None, object_: Value) -> None:
        try:
            self._spaces.construct(where, class_, object_)
        except Unread:
            self._hide(where)
        else:
            self._has_read()


def _parameter(declared: Declared, number: int, own_template_names: frozenset[str]) -> Value:
    """What a parameter holds: a type of the template may be a pointer, to a space that an instance knows."""
    value = value_of(declared, own_space="thread")
    type_ = declared.type
    if type_ is None or type_.base not in own_template_names or type_.rvalue_reference:
        return value
    depth = len(type_.pointers) + bool(declared.dimensions) + 1
    inner = f"{DEPENDENT}{number}.{depth}"
    return Value(None, (inner, *type_.pointers), declared.dimensions, value.place)

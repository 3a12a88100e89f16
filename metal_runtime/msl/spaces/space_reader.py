"""Calls of overloads that only address spaces tell apart: an expression enters, what each such call gives leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.calls import Argument, Surroundings, result_value, takes
from metal_runtime.msl.spaces.checked_text import library_names
from metal_runtime.msl.spaces.declared_types import is_fundamental
from metal_runtime.msl.spaces.expressions import ExpressionReader, Unread
from metal_runtime.msl.spaces.overload_sets import OverloadSet
from metal_runtime.msl.spaces.parameter_spaces import ANY, BITS, NOTHING, Key, spaces_of_object
from metal_runtime.msl.spaces.values import UNKNOWN, Value

DEPENDENT = "@"
"""Begins a space that depends on a template's instance: `@2.1` is what parameter 2 points to."""

_NO_OBJECT = Value(number=True)
_TEMPORARY = Value(place="thread")


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose address spaces choose the overload."""

    name: str
    codes: Mapping[Key, int | Key]
    """By level: the bits of the space, or the level of the caller's own parameter from which it comes."""

    has_arguments: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """A call of which the space of an argument cannot be told."""

    name: str
    token: int
    position: int
    """The number of the argument, 0 for the object."""


class SpaceReader(ExpressionReader):
    """Reads expressions as the rules do. ``calls`` and ``undecided`` are those of the expression read last,
    by the index of their opening bracket."""

    def __init__(
        self, surroundings: Surroundings, function: Function, sets: Mapping[str, OverloadSet]
    ) -> None:
        super().__init__(surroundings, function)
        self._sets = sets
        self.calls: dict[int, Call] = {}
        self.undecided: dict[int, Undecided] = {}
        spaces = spaces_of_object(self._text, function)
        in_class = bool(function.scope) and function.scope[-1] in self._text.class_names
        self._enclosing = function.scope[-1] if in_class else None
        space = next(iter(spaces)) if len(spaces) == 1 else "generic"
        self.own_object = Value(place=space) if in_class else _NO_OBJECT

    def read(self, where: range) -> Value:
        self.calls, self.undecided = {}, {}
        return super().read(where)

    def construct(self, where: range, class_: str | None, object_: Value) -> None:
        """Reads `(...)` or `{...}`, from which an object of a class is made. Raises Unread."""
        self.calls, self.undecided = {}, {}
        self._index, self._end = where.start, where.stop
        arguments = self._arguments()
        if self._index != where.stop:
            raise Unread
        if class_ is not None:
            self._construction(class_, where.start, arguments, object_)

    def type_of_member(self, name: str) -> str | None:
        """The class of a member of the function's own class."""
        member = self._own.get(name, UNKNOWN)
        return member.base if not member.is_pointer else None

    # --- calls -------------------------------------------------------------------------------------

    def _construction(
        self, class_: str, opening: int, arguments: list[Argument], object_: Value
    ) -> None:
        if class_ not in self._sets or not arguments:
            return
        if len(arguments) == 1:
            value, place = arguments[0]
            if value.base == class_ and not value.is_pointer:
                return  # a copy
            if not (value.is_pointer or value.number):
                self.undecided[opening] = Undecided(class_, place, 1)
                return
        among = [
            i
            for i, f in self._sets[class_].functions.items()
            if takes(self._text, f, len(arguments))
        ]
        self._called(class_, opening, arguments, object_, among)

    def _called(
        self,
        name: str,
        opening: int,
        arguments: Sequence[Argument],
        object_: Value,
        among: list[int],
    ) -> list[int]:
        """Notes a call; returns the functions that it may mean."""
        overloads = self._sets[name]
        codes: dict[Key, int | Key] = {}
        for key in overloads.keys:
            if not overloads.decides(key, among):
                codes[key] = ANY
                continue
            code = self._code(key, arguments, object_)
            if code is None:
                place = opening - 1 if key[0] == 0 else arguments[key[0] - 1][1]
                self.undecided[opening] = Undecided(name, place, key[0])
                return among
            codes[key] = code
        self.calls[opening] = Call(name, codes, bool(arguments))
        return [index for index in among if overloads.accepts(index, codes)]

    def _code(self, key: Key, arguments: Sequence[Argument], object_: Value) -> int | Key | None:
        """What an argument gives at a level; None when that cannot be told."""
        position, level = key
        if position > len(arguments):
            return ANY  # the parameter's own default
        value = arguments[position - 1][0] if position else object_
        if position == 0 and value == _NO_OBJECT:
            return NOTHING
        if level == 0:
            space = value.place or ("thread" if value.temporary else None)
        else:
            spaces = (*value.pointers, value.place) if value.dimensions else value.pointers
            if level > len(spaces):
                return NOTHING if self._ends(value) else None
            space = spaces[-level]
        if space is None or (space == "generic" and position):
            return None
        if space.startswith(DEPENDENT):
            number, depth = space[1:].split(".")
            return int(number), int(depth)
        return BITS.get(space)

    def _ends(self, value: Value) -> bool:
        """Whether what a value points to at last is surely no pointer."""
        return value.number or (
            value.is_pointer
            and value.base is not None
            and value.base not in self._function.template_names
            and (is_fundamental(value.base) or value.base in self._text.class_names)
        )

    def _call(self, name: str, name_index: int, qualified: bool) -> Value:
        opening = self._index
        arguments = self._arguments()
        if any(name in scope for scope in self.scopes) or name in self._own:
            return UNKNOWN
        if name in self._text.class_names and name not in self._function.template_names:
            self._construction(name, opening, arguments, _TEMPORARY)
            return Value(base=name, number=True, temporary=True)
        if is_fundamental(name):
            return Value(base=name, number=True, temporary=True)
        if name in self._sets:
            functions = self._sets[name].functions
            among = [
                i for i in functions if self._is_meant(functions[i], len(arguments), qualified)
            ]
            object_ = _NO_OBJECT if qualified else self.own_object
            fitting = self._called(name, opening, arguments, object_, among)
            return self._result([functions[i] for i in fitting])
        candidates = list(self._all.functions.get(name, ()))
        if name in library_names():
            numbers = all(value.number for value, _ in arguments)
            return Value(number=True, temporary=True) if numbers and not candidates else UNKNOWN
        return self._result(candidates)

    def _is_meant(self, function: Function, count: int, qualified: bool) -> bool:
        """Whether a call without an object may mean a function."""
        in_class = bool(function.scope) and function.scope[-1] in self._text.class_names
        own = not in_class or qualified or function.scope[-1] == self._enclosing
        return own and takes(self._text, function, count)

    def _result(self, candidates: list[Function]) -> Value:
        """What all of them give; a type of a template is not known."""
        value = result_value(self._text, candidates) if candidates else UNKNOWN
        names = frozenset[str]().union(*(f.template_names for f in candidates))
        return replace(value, base=None, number=False) if value.base in names else value

    def _braced(self, name: str) -> Value:
        opening = self._index
        arguments = self._arguments()
        known = is_fundamental(name) or name in self._text.class_names
        if not known or name in self._function.template_names:
            return UNKNOWN
        self._construction(name, opening, arguments, _TEMPORARY)
        return Value(base=name, number=True, temporary=True)

    # --- operands ----------------------------------------------------------------------------------

    def _primary(self) -> Value:
        if self._word() == "{":
            self._arguments()
            return UNKNOWN
        if self._word() == "this":
            self._index += 1
            return Value(self._enclosing, (self.own_object.place,))
        return super()._primary()

    def _lookup(self, name: str) -> Value:
        if name in self._own and not any(name in scope for scope in self.scopes):
            space = self.own_object.place
            known = self._own[name] != UNKNOWN and space is not None
            return replace(self._own[name], place=space) if known else UNKNOWN
        return super()._lookup(name)

    def _combined(self, operator: str, left: Value, right: Value) -> Value:
        if self._is_class(left) or self._is_class(right):
            return UNKNOWN
        value = super()._combined(operator, left, right)
        if value.is_pointer:
            return value
        own = f"operator{operator}" in self._all.functions
        plain = left.number and right.number
        if plain or (operator in ("*", "/", "%", "<", ">", "==", "&&", "||") and not own):
            return Value(value.base, number=True, temporary=True)
        return UNKNOWN

    def _is_class(self, value: Value) -> bool:
        return not value.is_pointer and value.base in self._text.class_names

    def _member(self, value: Value, word: str) -> Value:
        texts, name = self._texts, self._index + 1
        name += texts[name] == "template"
        opening = name + 1
        if texts[opening] == "<":
            opening = (self._text.closing_angle(opening) or opening) + 1
        if texts[opening] != "(" or not self._text.is_identifier(name):
            return self._component(value, word)
        self._index = opening
        arguments = self._arguments()
        held = value if word == "." else value.element() or UNKNOWN
        if held.is_pointer:
            return UNKNOWN
        class_ = held.base if held.base in self._text.class_names else None
        if texts[name] in self._sets:
            functions = self._sets[texts[name]].functions
            among = [
                i
                for i, f in functions.items()
                if class_ in (None, *f.scope[-1:]) and takes(self._text, f, len(arguments))
            ]
            object_ = _TEMPORARY if held.temporary else Value(place=held.place)
            fitting = self._called(texts[name], opening, arguments, object_, among)
            return self._result([functions[i] for i in fitting])
        named = self._all.functions.get(texts[name], ())
        return self._result([f for f in named if class_ is not None and f.scope[-1:] == (class_,)])

    def _component(self, value: Value, word: str) -> Value:
        """A member; of a vector a number that stands where the vector does."""
        is_vector = word == "." and value.number and is_fundamental(value.base or "")
        member = super()._member(value, word)
        return Value(None, place=value.place, number=True) if is_vector else member

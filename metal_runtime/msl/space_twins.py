"""Overloads that only address spaces tell apart get the spaces of each call: names enter, edits of tokens leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.library import Library
from metal_runtime.msl.spaces.called_overloads import CalledOverloads
from metal_runtime.msl.spaces.calls import Surroundings
from metal_runtime.msl.spaces.checked_text import CheckedText, library_names
from metal_runtime.msl.spaces.overload_sets import (
    PARAMETER,
    OverloadSet,
    overload_set,
    own_template_lists,
)
from metal_runtime.msl.spaces.parameter_spaces import MOST_KEYS, Key, UnreadParameter
from metal_runtime.msl.spaces.space_reader import Call
from metal_runtime.msl.spaces.values import class_members, program_values

_OF = "metal::__spaces::of"


@dataclass(frozen=True, slots=True)
class SpaceEdits:
    """What stands before and after tokens so that C++ sees spaces; calls that cannot be decided, by function."""

    before: Mapping[int, str] = field(default_factory=dict)
    after: Mapping[int, str] = field(default_factory=dict)
    undecided: Mapping[int, MslError] = field(default_factory=dict)


class SpaceTwins:
    """The names whose overloads need the spaces of their calls, and all that passes spaces on to them."""

    def __init__(self, library: Library, names: frozenset[str]) -> None:
        self._library = library
        self._text = CheckedText(library.prepared)
        self._passed_on: dict[str, frozenset[Key]] = dict.fromkeys(names, frozenset())
        functions = {
            f.name: [g for g in self._text.functions if g.name == f.name]
            for f in self._text.functions
        }
        text = self._text
        self._surroundings = Surroundings(
            text, program_values(text), class_members(text), functions
        )
        while True:
            self._sets = {name: self._set(name) for name in sorted(self._passed_on)}
            self._walks = {
                i: CalledOverloads(self._surroundings, f, self._sets)
                for i, f in enumerate(text.functions)
                if f.defined
            }
            if not self._pass_on():
                break

    def _set(self, name: str) -> OverloadSet:
        functions = {i: f for i, f in enumerate(self._text.functions) if f.name == name}
        first = next(iter(functions.values()))
        token = self._text.tokens[first.name_index]
        in_library = name in library_names() and any(
            not set(f.scope) & self._text.class_names for f in functions.values()
        )
        special = any(self._text.texts[f.name_index + 1] == "<" for f in functions.values())
        outside = any(self._text.texts[f.name_index - 1] in ("::", "~") for f in functions.values())
        constructs = any(f.name in f.scope[-1:] for f in functions.values())
        if in_library or special or outside or constructs or name.startswith("operator"):
            raise refused(self._library, name, [f.name_index for f in functions.values()])
        try:
            found = overload_set(self._text, functions, self._passed_on[name])
        except UnreadParameter:
            raise refused(self._library, name, [f.name_index for f in functions.values()]) from None
        if len(found.keys) > MOST_KEYS:
            raise MslError(f"overloads of `{name}` differ by the address spaces of too many parameters",
                           self._library.prepared.span(token), hint="give them different names")  # fmt: skip
        return found

    def _pass_on(self) -> bool:
        """Lets templates carry the spaces that their calls depend on; whether any was new."""
        grown = False
        for index, walk in self._walks.items():
            name = self._text.functions[index].name
            wanted = {
                c
                for call in walk.calls.values()
                for c in call.codes.values()
                if not isinstance(c, int)
            }
            known = self._passed_on.get(name)
            if wanted and (known is None or not wanted <= known):
                self._passed_on[name] = (known or frozenset()) | wanted
                grown = True
        return grown

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._passed_on)

    def edits(self) -> SpaceEdits:
        """The edits of declarations and calls."""
        before: dict[int, str] = {}
        after: dict[int, str] = {}
        for overloads in self._sets.values():
            for index in overloads.functions:
                self._declare(index, overloads, before, after)
        for index, walk in self._walks.items():
            caller = self._sets.get(self._text.functions[index].name)
            for opening, call in walk.calls.items():
                after[opening] = self._argument(call, caller)
        return SpaceEdits(before, after, self._undecided(set(after)))

    def _declare(
        self, index: int, overloads: OverloadSet, before: dict[int, str], after: dict[int, str]
    ) -> None:
        function = self._text.functions[index]
        lists = list(own_template_lists(self._text, function))
        if lists:
            before[lists[-1].stop - 1] = f", long {PARAMETER}"
        else:
            before[function.start] = f"template <long {PARAMETER}> "
        comma = ", " if len(function.parameters) else ""
        after[function.parameters.start - 1] = f"{_OF}<{PARAMETER}>{comma}"
        condition = overloads.condition(index)
        if condition:
            end = function.qualifiers.stop
            before[end] = f' __attribute__((enable_if({condition}, "another address space")))'

    def _argument(self, call: Call, caller: OverloadSet | None) -> str:
        callee = self._sets[call.name]
        number, terms = 0, []
        for key, code in call.codes.items():
            shift = callee.shift(key)
            if isinstance(code, int):
                number |= code << shift
            else:
                assert caller is not None
                terms.append(f"(({PARAMETER} >> {caller.shift(code)} & 31) << {shift})")
        return f"{_OF}<({' | '.join([f'{number}L', *terms])})>{{}}" + (
            ", " if call.has_arguments else ""
        )

    def _undecided(self, decided: set[int]) -> dict[int, MslError]:
        """Mentions of the names that are neither declarations nor calls whose spaces are known."""
        places = {f.name_index for f in self._text.functions}
        found: dict[int, MslError] = {}
        known = {o: u for walk in self._walks.values() for o, u in walk.undecided.items()}
        of = {i: n for n, f in enumerate(self._text.functions) for i in range(f.start, f.end)}
        for i, word in enumerate(self._text.texts):
            if word not in self._sets or i in places or not self._text.is_identifier(i):
                continue
            opening = i + 1
            if self._text.texts[opening] == "<":
                opening = (self._text.closing_angle(opening) or i) + 1
            if opening in decided:
                continue
            why = known.get(opening)
            found.setdefault(of.get(i, -1), self._error(word, i if why is None else why.token))
        return found

    def _error(self, name: str, token: int) -> MslError:
        prepared = self._library.prepared
        notes = tuple(
            Note("an overload", prepared.span(prepared.tokens[f.name_index]))
            for f in self._sets[name].functions.values()
        )
        return MslError(f"which overload of `{name}` is meant depends on an address space that cannot be told here",
                        prepared.span(prepared.tokens[token]),
                        hint="store the pointer in a variable whose declaration names its address space", notes=notes)  # fmt: skip


def refused(library: Library, name: str, places: list[int]) -> MslError:
    """The error for overloads that cannot be told apart on the way to C++."""
    prepared = library.prepared
    notes = tuple(Note("the other overload", prepared.span(prepared.tokens[i])) for i in places[:1])
    return MslError(
        f"overloads of `{name}` that differ by address space must do the same on this device",
        prepared.span(prepared.tokens[places[-1]]),
        hint="give the two functions different names",
        notes=notes,
    )

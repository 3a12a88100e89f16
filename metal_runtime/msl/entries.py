"""The names under which a text's kernels can be asked for: functions and instantiations in, entries by name out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metal_runtime.errors import MslError
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.parameters import Attributes, attributes_of
from metal_runtime.msl.preprocess import PreparedText
from metal_runtime.msl.templates import Instantiation, close_angle, text_of
from metal_runtime.msl.tokens import Token
from metal_runtime.msl.type_texts import type_text

STAGES = ("kernel", "vertex", "fragment")
_ATTRIBUTE_STAGES = (*STAGES, "mesh", "object", "intersection")
"""What may stand in ``[[...]]``; the last three may be ordinary names elsewhere."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a name stands for: a function, or an instance of a template."""

    function: int | None
    """The index of the function, when it is no template."""

    instance: Instantiation | None
    place: int
    """Of the token that names it."""


class Entries:
    """All entries of a text in its order: kernels and graphics functions by host name, or by their own."""

    def __init__(
        self,
        prepared: PreparedText,
        functions: Sequence[Function],
        entries: Sequence[int],
        instantiations: Sequence[Instantiation],
    ) -> None:
        """``entries`` are the indices of the functions with a stage."""
        self._prepared = prepared
        self._functions = functions
        self._instantiated = {instance.name for instance in instantiations}
        found: list[tuple[str, Entry]] = []
        idle: list[tuple[str, Entry]] = []  # templates of which there is no instance
        for index in entries:
            function = functions[index]
            name = self._name(function)
            if name is not None:
                into = idle if function.template_names else found
                into.append((name, Entry(index, None, function.name_index)))
        found += [(self._instance_name(i), _entry_of(i)) for i in instantiations]
        self.by_name: dict[str, Entry] = {}
        self.twice: set[str] = set()
        """The names that stand for two kernels."""

        for name, entry in sorted(found or idle[:1], key=lambda pair: pair[1].place):
            if name in self.by_name:
                self.twice.add(name)
            self.by_name[name] = entry

    def is_kernel(self, name: str) -> bool:
        """Whether ``name`` is a compute kernel, and no template without an instance."""
        index = self.by_name[name].function
        if index is None:
            return True
        function = self._functions[index]
        return stage_of(self._prepared, function) == "kernel" and not function.template_names

    def no_such_kernel(self, name: str) -> MslError:
        """The error for a name that is none of these."""
        instances = [
            n for n, e in self.by_name.items() if e.instance is not None and e.instance.name == name
        ]
        if instances:
            return MslError(
                f"`{name}` is a template; its instances have names of their own",
                hint=_names_hint(instances),
            )
        close = difflib.get_close_matches(name, self.by_name, n=3, cutoff=0.7)
        hint = f"did you mean {' or '.join(f'`{c}`' for c in close)}?" if close else None
        return MslError(
            f"there is no kernel `{name}` in this text", hint=hint or _names_hint(self.by_name)
        )

    def _name(self, function: Function) -> str | None:
        """The name of a function's entry; None for a template, or a specialisation, that instances stand for."""
        attributes = head_attributes(self._prepared, function)
        if "host_name" in attributes:
            return text_of(attributes["host_name"][1])
        is_special = self._prepared.tokens[function.name_index + 1].text == "<"
        if is_special or (function.template_names and function.name in self._instantiated):
            return None
        return function.name

    def _instance_name(self, instance: Instantiation) -> str:
        if instance.host_name:
            return instance.host_name
        arguments = [self._prepared.tokens[i] for i in instance.arguments or ()]
        return f"{instance.name}<{type_text(arguments)}>"


def _entry_of(instance: Instantiation) -> Entry:
    return Entry(None, instance, instance.qualified.stop - 1)


def _names_hint(names: Iterable[str]) -> str:
    every = [f"`{name}`" for name in names]
    listed = ", ".join(every[:8]) + (f" and {len(every) - 8} more" if len(every) > 8 else "")
    return f"it has {listed}" if listed else "mark a function with `kernel void name(...)`"


def stage_of(prepared: PreparedText, function: Function) -> str | None:
    """``kernel``, ``vertex``, ... for an entry point, None for an ordinary function."""
    for index in function.head:
        text = prepared.tokens[index].text
        if text in STAGES or (text in _ATTRIBUTE_STAGES and prepared.tokens[index - 1].text == "["):
            return text
    return None


def head_attributes(prepared: PreparedText, function: Function) -> Attributes:
    """The attributes of a function, wherever around its name and parameters they stand."""
    where = (*range(function.start, function.parameters.start - 1), *function.qualifiers)
    return attributes_of([prepared.tokens[i] for i in where])[1]


def template_prefix(tokens: Sequence[Token], function: Function) -> range:
    """The tokens of the template list before a function; empty when there is none."""
    if tokens[function.start].text != "template":
        return range(function.start, function.start)
    return range(function.start, min(close_angle(tokens, function.start + 1) + 1, function.end))

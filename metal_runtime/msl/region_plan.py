"""Whether a kernel can run by regions: its model in, the edits of its body out, or Unsplittable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from metal_runtime.msl.body_edits import BodyEdits, Unsplittable
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.parameters import Parameter
from metal_runtime.msl.regions import RegionSplitter
from metal_runtime.msl.spelling import spellings
from metal_runtime.msl.statements import StatementParser
from metal_runtime.msl.type_texts import Passing

# Attribute -> its value in a region, a component each; the other attributes are the same in all threads.
VARYING: dict[str, tuple[str, ...]] = {
    "thread_position_in_grid": (
        "__group.origin[0] + __i",
        "__group.origin[1] + __j",
        "__group.origin[2] + __k",
    ),
    "thread_position_in_threadgroup": ("__i", "__j", "__k"),
    "thread_index_in_threadgroup": ("__index",),
    "thread_index_in_simdgroup": ("__index % 32",),
    "simdgroup_index_in_threadgroup": ("__index / 32",),
    "thread_index_in_quadgroup": ("__index % 4",),
    "quadgroup_index_in_threadgroup": ("__index / 4",),
}


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """The edits of a kernel's body, and the index of the token before which its further parameters go."""

    edits: BodyEdits
    parameters_end: int
    has_parameters: bool


def plan_regions(library: Library, kernel: KernelModel) -> RegionPlan:
    """The edits that make a kernel loops over the threads between meetings. Raises Unsplittable."""
    function, tokens = kernel.function, library.prepared.tokens
    _check_helpers(library, kernel)
    statements = StatementParser(tokens).parse(function.body)
    named = [p for p in kernel.parameters if p.name]
    varying = {p.name for p in named if p.builtin in VARYING}
    splitter = RegionSplitter(
        tokens,
        {p.name for p in named} - varying,
        varying,
        "".join(_binding(p) for p in named if p.builtin in VARYING),
        _meeting_functions(library, kernel),
        _changing_functions(library),
        spellings(library),
        frozenset(p.name for p in named if p.passing is Passing.POINTER),
        frozenset(p.name for p in named if p.passing is Passing.REFERENCE),
    )
    edits = splitter.split(statements)
    return RegionPlan(edits, function.parameters.stop, bool(kernel.parameters))


def _binding(parameter: Parameter) -> str:
    assert parameter.builtin is not None
    parts = VARYING[parameter.builtin][: parameter.components]
    values = ", ".join(f"{parameter.scalar}({part})" for part in parts)
    name = parameter.name
    return f"const decltype({name}) {name} = decltype({name})({values}); "


def _check_helpers(library: Library, kernel: KernelModel) -> None:
    replacements = spellings(library)
    for index in kernel.reached:
        for i in library.functions[index].body:
            if "__threadgroup::variable<" in replacements.get(i, ""):
                raise Unsplittable("a helper declares threadgroup memory", i)


def _meeting_functions(library: Library, kernel: KernelModel) -> frozenset[str]:
    """The user's functions in which threads meet, be it further down."""
    tokens = library.prepared.tokens
    found = {
        library.functions[m.function].name
        for m in kernel.meetings
        if library.functions[m.function] is not kernel.function
    }
    mentioned: dict[int, set[str]] = {}
    if found:
        for i in kernel.reached:
            mentioned[i] = {tokens[j].text for j in library.functions[i].body}
    size = -1
    while size != len(found):
        size = len(found)
        found |= {library.functions[i].name for i, names in mentioned.items() if names & found}
    operators = [name for name in found if name.startswith("operator")]
    if operators:
        raise Unsplittable("threads meet in an operator", kernel.function.name_index)
    return frozenset(found)


_CHANGE_ARGUMENTS = frozenset(["modf", "frexp", "sincos", "lgamma_r"])


def _changing_functions(library: Library) -> frozenset[str]:
    """The functions that may change a variable that is passed to them."""
    tokens = library.prepared.tokens

    def by_reference(functions: Iterable[Function]) -> Iterable[str]:
        for function in functions:
            if any(tokens[i].text == "&" for i in function.parameters):
                yield function.name

    return _CHANGE_ARGUMENTS.union(by_reference(library.functions))

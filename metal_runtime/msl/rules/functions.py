"""The rules of functions: their calls and parameter lists enter, recursion and what has no meaning on a GPU leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import CheckedText, library_names
from metal_runtime.msl.spaces.declared_types import split_declarations
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.tokens import TokenKind


def find_recursion(text: CheckedText) -> Iterator[Found]:
    """A cycle of calls among functions that have one definition each, so that a name can mean no other.

    Templates may call themselves with other arguments, and overloads each other: the compiler knows.
    """
    counts = Counter(f.name for f in text.functions if f.defined)
    candidates = {
        f.name: f
        for f in text.functions
        if f.defined and counts[f.name] == 1 and not f.template_names and f.name not in library_names()
        and f.name not in text.class_names and not f.name.startswith("operator")
    }  # fmt: skip
    calls = {name: _calls(text, function, candidates) for name, function in candidates.items()}
    done: set[str] = set()
    for name in candidates:
        if name in done:
            continue
        path = _cycle_from(name, calls)
        if path:
            done.update(path)
            place = calls[path[-1]][path[0]]
            token = text.tokens[place]
            through = " -> ".join(f"`{step}`" for step in (*path, path[0]))
            related = (
                ()
                if len(path) == 1
                else (("it is called here", text.tokens[calls[path[0]][path[1]]]),)
            )
            yield Found(
                token,
                f"recursion: {through}",
                "write a loop, with an array as its stack if need be",
                related,
            )


def _calls(
    text: CheckedText, function: Function, candidates: dict[str, Function]
) -> dict[str, int]:
    """The candidates that a body calls, with the first place of each."""
    shadowed = {text.texts[part.stop - 1] for part in split_declarations(text, function.parameters)}
    shadowed |= {d.name for s in text.all_statements(function) for d in s.declarators}
    found: dict[str, int] = {}
    for i in function.body:
        name = text.texts[i]
        if name not in candidates or name in shadowed or text.texts[i + 1] != "(":
            continue
        before = text.texts[i - 1]
        target = candidates[name]
        if before in (".", "::") or (before == "->" and text.texts[i - 2] != "this"):
            continue
        if target.scope and target.scope != function.scope:
            continue
        if text.tokens[i - 1].kind is TokenKind.IDENTIFIER and before not in (
            "return",
            "else",
            "do",
            "case",
        ):
            continue  # it declares something
        found.setdefault(name, i)
    return found


def _cycle_from(name: str, calls: dict[str, dict[str, int]]) -> list[str]:
    """The shortest path of calls from ``name`` back to itself; empty when there is none."""
    waiting = [[name]]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        for following in calls[path[-1]]:
            if following == name:
                return path
            if following not in seen:
                seen.add(following)
                waiting.append([*path, following])
    return []


def find_variadic(text: CheckedText) -> Iterator[Found]:
    """`f(int n, ...)`: C's variable arguments (template packs are well)."""
    for function in text.functions:
        for part in split_declarations(text, function.parameters):
            if len(part) == 1 and text.texts[part.start] == "...":
                yield Found(text.tokens[part.start], f"`{function.name}` cannot take variable arguments",
                            "make it a template with a parameter pack")  # fmt: skip


_NO_TYPE = frozenset(
    ["return", "else", "do", "case", "sizeof", "goto", "and", "or", "not", "throw"]
)


def find_function_pointers(text: CheckedText) -> Iterator[Found]:
    """`float (*f)(float)` in a text without visible functions, which alone may be called through a pointer (MSL 5.1.4)."""
    if "visible" in text.texts or "visible_function_table" in text.texts:
        return
    template_lists = _template_lists(text)
    for i in range(1, len(text.texts) - 4):
        if (
            text.texts[i : i + 2] != ["(", "*"]
            or not text.is_identifier(i + 2)
            or i in template_lists
        ):
            continue
        after = i + 3
        if text.texts[after] == "[":
            after = text.scanner.closing(after) + 1
        if text.texts[after : after + 2] != [")", "("]:
            continue
        before = text.texts[i - 1]
        if (text.is_identifier(i - 1) and before not in _NO_TYPE) or before in (">", "*", "&"):
            yield Found(text.tokens[i + 2], f"`{text.texts[i + 2]}` is a pointer to a function that is not [[visible]]",
                        "make the caller a template, and pass a functor or a lambda")  # fmt: skip


def _template_lists(text: CheckedText) -> frozenset[int]:
    """The tokens of template parameter lists: a function is a template argument without any pointer at run time."""
    found: set[int] = set()
    for i, word in enumerate(text.texts[:-1]):
        if word == "template" and text.texts[i + 1] == "<":
            found.update(range(i, text.closing_angle(i + 1, limit=2000) or i))
    return frozenset(found)

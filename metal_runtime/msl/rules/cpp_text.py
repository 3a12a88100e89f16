"""The whole text as C++17 for the compiler to judge, all kernels and instantiations at once: a CheckedText enters, C++ leaves.

Address spaces are erased, so functions and specialisations that only they tell apart are left out but for
one: which one is chosen makes no difference to whether the text is well-formed, except within the bodies,
so there is a second text where the others stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from metal_runtime.msl.bfloat_conditionals import literal_arms
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.edits import EditedText, TextEditor
from metal_runtime.msl.literals import cpp_number
from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl.spaces.declared_types import split_declarations
from metal_runtime.msl.tokens import LineTable, TokenKind
from metal_runtime.source import SourceSpan

USER_TEXT = "msl"
_KEPT_ATTRIBUTES = frozenset(
    ["maybe_unused", "nodiscard", "noreturn", "fallthrough", "likely", "unlikely", "clang"]
)
_ERASED = SPACES | {"coherent", "volatile"}
_STAGES = frozenset(["kernel", "vertex", "fragment"])


@dataclass(frozen=True, slots=True)
class CppText:
    """C++ text with the way back from its lines to the user's."""

    checked: CheckedText
    edited: EditedText
    table: LineTable

    @property
    def text(self) -> str:
        return f'#line 1 "{USER_TEXT}"\n{self.edited.text}\n'

    def span(self, line: int, column: int) -> SourceSpan | None:
        """The user's place for a line and column that the compiler gives within ``USER_TEXT``."""
        prepared = self.checked.prepared
        offset = self.edited.original_offset(self.table.offset(line, column))
        before = prepared.token_ending_at(offset)
        if before is not None:  # something is missing after it
            span = prepared.span(before)
            return replace(span, column=span.end_column, end_column=span.end_column + 1)
        token = prepared.token_at(offset)
        return prepared.span(token) if token is not None else None


def cpp_texts(checked: CheckedText, outside: Iterable[Function] = ()) -> list[CppText]:
    """One text; two where functions that only address spaces tell apart have different bodies.

    ``outside`` are functions to leave out, because our headers have not what they use.
    """
    first, others = _collisions(checked)
    others |= {range(f.start, f.end) for f in outside}
    texts = [_cpp_text(checked, others)]
    if first:
        texts.append(_cpp_text(checked, (others - _partners(checked, others, first)) | first))
    return texts


def _partners(checked: CheckedText, others: set[range], first: set[range]) -> set[range]:
    """Of the functions left out, one for each that is left out in its place."""
    by_key: dict[tuple[str, ...], range] = {}
    for where in sorted(others, key=lambda r: r.start):
        by_key.setdefault(_range_key(checked, where), where)
    wanted = {_range_key(checked, where) for where in first}
    return {where for key, where in by_key.items() if key in wanted}


def _range_key(checked: CheckedText, where: range) -> tuple[str, ...]:
    function = checked.function_of.get(where.start)
    return _signature(checked, function) if function is not None else ()


def _collisions(checked: CheckedText) -> tuple[set[range], set[range]]:
    """The functions of which another has the same signature in C++ and another body; and all those others."""
    seen: dict[tuple[str, ...], Function] = {}
    first: set[range] = set()
    others: set[range] = set()
    for function in checked.functions:
        key = _signature(checked, function)
        kept = seen.setdefault(key, function)
        # A function may be declared often, but a member once.
        if kept is function or not (function.defined or function.scope):
            continue
        if not kept.defined and function.defined and not function.scope:
            seen[key] = function
            continue
        others.add(range(function.start, function.end))
        if _erased(checked, kept.body) != _erased(checked, function.body):
            first.add(range(kept.start, kept.end))
    return first, others | _specialisations(checked) | _repeated_instantiations(checked)


def _repeated_instantiations(checked: CheckedText) -> set[range]:
    """Instantiations of the same arguments under another host name: C++ allows one."""
    seen: set[tuple[str, ...]] = set()
    found: set[range] = set()
    for where, _ in checked.scanner.instantiations:
        key = tuple(_erased(checked, where))
        if key in seen:
            found.add(where)
        seen.add(key)
    return found


def _erased(checked: CheckedText, where: range) -> list[str]:
    """The texts as C++ sees them, without attributes; ``constant`` is const, which stands once and first."""
    texts = [
        checked.texts[i]
        for i in where
        if i not in checked.attribute_tokens and checked.texts[i] not in SPACES - {"constant"}
    ]
    return ["const" if text == "constant" else text for text in texts]


def _signature(checked: CheckedText, function: Function) -> tuple[str, ...]:
    parts = ["/".join(function.scope), function.name]
    scope_start = next((c.body.start for c in checked.classes if function.start in c.body), 0)
    parts.append(str(scope_start))  # two specialisations of one class have the same scope
    # The result counts for templates alone, where `const constant T&` and `const device T&` are one; but
    # the class of `void S<float>::f()` stands before the name.
    counts = (
        checked.texts[function.start] == "template"
        or checked.texts[function.name_index - 1] == "::"
    )
    head = _erased(checked, function.head) if function.template_names or counts else []
    parts += [t for t in head if t not in _STAGES | {"inline", "static", "const", "constexpr"}]
    for part in split_declarations(checked, function.parameters):
        parts += [",", *_parameter_type(checked, part)]
    qualifiers = set(_erased(checked, _before_initialisers(checked, function)))
    return (
        *parts,
        ")",
        *sorted(qualifiers - {"const"} if _is_constructor(function) else qualifiers),
    )


def _is_constructor(function: Function) -> bool:
    return bool(function.scope) and function.scope[-1] == function.name


def _before_initialisers(checked: CheckedText, function: Function) -> range:
    """The qualifiers without a constructor's list of members."""
    where = function.qualifiers
    colon = next((i for i in where if checked.texts[i] == ":"), where.stop)
    return range(where.start, colon)


def _parameter_type(checked: CheckedText, part: range) -> list[str]:
    tokens = [i for i in part if i not in checked.attribute_tokens]
    texts = [checked.texts[i] for i in tokens]
    if "=" in texts:
        texts = texts[: texts.index("=")]
        tokens = tokens[: len(texts)]
    if (
        "(" not in texts
        and len(texts) > 1
        and checked.is_identifier(tokens[-1])
        and texts[-1] not in ("const", "int", "float")
    ):
        depth = texts.count("<") - texts.count(">")
        before = texts[-2]
        if (
            depth == 0
            and (before in ("*", "&", "&&", ">") or checked.is_identifier(tokens[-2]))
            and before not in ("const", "typename", "::")
        ):
            texts = texts[:-1]
    texts = ["const" if t == "constant" else t for t in texts if t not in SPACES - {"constant"}]
    sigil = next((n for n, t in enumerate(texts) if t in ("*", "&")), len(texts))
    leading = [t for t in texts[:sigil] if t != "const"]
    return [*(["const"] if "const" in texts[:sigil] else []), *leading, *texts[sigil:]]


def _specialisations(checked: CheckedText) -> set[range]:
    """Class specialisations that are one in C++: ``X<device T*>`` and ``X<thread T*>``."""
    seen: set[tuple[str, ...]] = set()
    found: set[range] = set()
    for i, word in enumerate(checked.texts):
        if word != "template" or checked.texts[i + 1 : i + 2] != ["<"]:
            continue
        close = checked.closing_angle(i + 1, limit=2000)
        if (
            close is None
            or checked.texts[close + 1] not in ("struct", "class")
            or checked.texts[close + 3 : close + 4] != ["<"]
        ):
            continue
        after = (checked.closing_angle(close + 3) or close) + 1
        while checked.texts[after] not in ("{", ";"):
            after += 1
        end = checked.scanner.closing(after) + 2 if checked.texts[after] == "{" else after + 1
        key = tuple(_erased(checked, range(i, after)))
        if checked.texts[after] == "{" and key in seen:
            found.add(range(i, end))
        seen.add(key)
    return found


def _cpp_text(checked: CheckedText, left_out: set[range]) -> CppText:
    editor = TextEditor(checked.prepared.text)
    covered: set[int] = set()
    for where in sorted(left_out, key=lambda r: (r.start, -r.stop)):
        if where.start in covered:
            continue
        covered.update(where)
        editor.blank(checked.tokens[where.start].start, checked.tokens[where.stop - 1].end)
    bindings = _function_constants(checked)
    constructors = {
        i for f in checked.functions if _is_constructor(f) for i in _before_initialisers(checked, f)
    }
    bindings |= literal_arms(
        checked.tokens, lambda i, arms: arms[i] if i in arms else _spelled(checked, i)
    )
    index = 0
    while index < len(checked.tokens):
        token = checked.tokens[index]
        if index in covered:
            index += 1
        elif index in checked.attribute_tokens:
            end = checked.scanner.closing(index) + 1
            if checked.texts[index + 2] not in _KEPT_ATTRIBUTES:
                editor.blank(token.start, checked.tokens[end - 1].end)
            index = end
        elif token.text == "coherent" and checked.texts[index + 1 : index + 2] == ["("]:
            end = checked.scanner.closing(index + 1) + 1
            editor.blank(token.start, checked.tokens[end - 1].end)
            index = end
        else:
            spelling = bindings.get(index, _spelling(checked, index))
            if index in constructors and spelling == "const":
                spelling = ""
            if spelling is not None and spelling != token.text:
                editor.replace(token.start, token.end, spelling)
            index += 1
    edited = editor.apply()
    return CppText(checked, edited, LineTable(edited.text, USER_TEXT))


def _function_constants(checked: CheckedText) -> dict[int, str]:
    """The specifiers of each variable whose value comes when a pipeline is made: it is declared, and has none."""
    found: dict[int, str] = {}
    for i, word in enumerate(checked.texts):
        if word != "function_constant" or i not in checked.attribute_tokens:
            continue
        place = i
        while place > 0 and checked.texts[place] not in (";", "}", "{", "(", ","):
            place -= 1
        head = range(place + 1, i)
        if (
            checked.texts[place] not in ("(", ",")
            and "constant" in checked.texts[head.start : head.stop]
        ):
            found |= {
                k: ""
                for k in head
                if checked.texts[k] in ("static", "constexpr", "const", "inline")
            }
            found[checked.texts.index("constant", head.start)] = "extern const"
    return found


def _spelled(checked: CheckedText, index: int) -> str:
    spelling = _spelling(checked, index)
    return checked.texts[index] if spelling is None else spelling


def _spelling(checked: CheckedText, index: int) -> str | None:
    token = checked.tokens[index]
    if token.kind is TokenKind.NUMBER:
        return cpp_number(token.text)
    if token.kind is not TokenKind.IDENTIFIER:
        return None
    if token.text == "constant":
        return "const"
    if token.text in _STAGES:
        return "" if index + 1 < len(checked.texts) and checked.is_identifier(index + 1) else None
    # A volatile vector has no operators in C++; in Metal it is a plain value.
    return "" if token.text in _ERASED else None

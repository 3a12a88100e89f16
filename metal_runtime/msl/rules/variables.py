"""The rules of declarations: variables, pointers and references enter, those without their address space leave."""

from __future__ import annotations

from collections.abc import Iterator

from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl.spaces.declared_types import is_fundamental, program_declarations
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.statements import Declarator, Statement, StatementKind

_SPECIFIERS = frozenset(["const", "volatile", "struct", "class", "union", "typename", "coherent"])


def find_missing_space(text: CheckedText) -> Iterator[Found]:
    """A pointer or reference to a type that is no template's own says what memory it points to (MSL 4).

    Metal's own types are keywords or as good as such, so `float *` is a type wherever it stands.
    """
    ambiguous = _other_names(text)
    for i, token in enumerate(text.tokens):
        if token.text not in ("*", "&") or i == 0 or i in text.attribute_tokens:
            continue
        run = _type_before(text, i, ambiguous)
        if run is None or SPACES & {text.texts[k] for k in run}:
            continue
        what = "pointer" if token.text == "*" else "reference"
        base = " ".join(text.texts[k] for k in run if text.texts[k] not in ("const", "volatile"))
        likely = _likely_space(text, i)
        others = ", ".join(
            space for space in ("device", "constant", "thread", "threadgroup") if space != likely
        )
        hint = f"write `{likely} {base}{token.text}`, or another space: {others}"
        yield Found(token, f"this {what} to `{base}` needs an address space", hint)


def _type_before(text: CheckedText, index: int, ambiguous: frozenset[str]) -> range | None:
    """The specifiers that end before ``index``; None when they are no type that is surely known."""
    start, named = index, False
    while start > 0:
        word = text.texts[start - 1]
        is_type = is_fundamental(word) or (word in text.class_names and word not in ambiguous)
        if text.texts[start : start + 1] == ["::"] and text.is_identifier(start - 1):
            is_type = named  # a namespace, or a class that holds the type
        if not (is_type or word in _SPECIFIERS or word in SPACES or word == "::"):
            break
        named = named or is_type
        start -= 1
    if not named or text.texts[start - 1 : start] in (["."], ["->"]):
        return None
    if text.texts[start - 1 : start] == ["~"] or text.texts[start] == "::":
        return None
    return range(start, index)


def _other_names(text: CheckedText) -> frozenset[str]:
    """Names that may mean something else than the class: template parameters, aliases, variables."""
    names: set[str] = set()
    for function in text.functions:
        names |= function.template_names
    for i, word in enumerate(text.texts[:-2]):
        if word == "using" and text.texts[i + 2] == "=":
            names.add(text.texts[i + 1])
        elif (
            word in text.class_names
            and text.texts[i + 1] in ("=", ";", "[")
            and text.texts[i - 1] not in ("struct", "class", "union", "}")
        ):
            names.add(word)
    return frozenset(names)


def _likely_space(text: CheckedText, index: int) -> str:
    function = text.function_of.get(index)
    if function is None:
        return "device"  # a member
    if text.stage(function) == "kernel" and index < function.body.start:
        return "constant" if text.texts[index] == "&" else "device"
    return "thread"


def find_program_scope(text: CheckedText) -> Iterator[Found]:
    """A variable at program scope lives in constant memory (MSL 4.2); 3.2's bindings have an attribute."""
    for declaration in program_declarations(text):
        words = [text.texts[i] for i in declaration]
        head = words[: words.index("=")] if "=" in words else words
        if (
            "constant" in head
            or any(i in text.attribute_tokens for i in declaration)
            or "sampler" in head
        ):
            continue
        if "operator" in head or "->" in head or "friend" in head:
            continue
        names = [i for i in declaration[: len(head)] if text.is_identifier(i)]
        if len(names) < 2:
            continue
        name = _variable_name(text, declaration[: len(head)])
        space = next((w for w in head if w in SPACES), None)
        what = f"is in {space} memory" if space else "has no address space"
        yield Found(text.tokens[name], f"`{text.texts[name]}` stands at program scope and {what}: only `constant` lives there",
                    f"write `constant` before its type{', or declare it in the kernel' if space else ''}")  # fmt: skip


def _variable_name(text: CheckedText, declaration: range) -> int:
    depth, name = 0, declaration.start
    for i in declaration:
        if text.texts[i] in ("[", "{", "(") and depth == 0 and i > declaration.start + 1:
            break
        depth += (text.texts[i] == "<") - (text.texts[i] == ">")
        if depth == 0 and text.is_identifier(i):
            name = i
    return name


def find_variable_space(text: CheckedText) -> Iterator[Found]:
    """A variable of a function is in thread, threadgroup or constant memory (MSL 4.1)."""
    for function in text.functions:
        if not function.defined:
            continue
        for statement in text.all_statements(function):
            if statement.kind is not StatementKind.DECLARATION:
                continue
            for declarator in statement.declarators:
                yield from _check_variable(text, statement, declarator)


def _check_variable(
    text: CheckedText, statement: Statement, declarator: Declarator
) -> Iterator[Found]:
    head = range(statement.tokens.start, statement.declarators[0].name_index)
    words = [text.texts[i] for i in head]
    if declarator.is_indirect or "*" in words or "&" in words or "&&" in words:
        return
    token = text.tokens[declarator.name_index]
    plain = [w for w in words if w not in SPACES and w not in _SPECIFIERS]
    if "device" in words and plain and all(is_fundamental(w) for w in plain):
        yield Found(token, f"variable `{declarator.name}` of a function cannot be in device memory",
                    f"write `thread {' '.join(plain)} {declarator.name}`, or take a `device` pointer as a parameter")  # fmt: skip

"""C++ that Metal leaves out: tokens enter, each use of such a construct leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.tokens import TokenKind

_DOUBLE = re.compile(r"double[234]?(?:x[234])?")
_LONG_DOUBLE_LITERAL = re.compile(r"(?:\d[\d']*\.?[\d']*|\.\d[\d']*)(?:[eE][+-]?\d+)?[lL]")


def find_double(text: CheckedText) -> Iterator[Found]:
    """`double`, its vectors, and literals with the suffix L."""
    for i, token in enumerate(text.tokens):
        if token.kind is TokenKind.IDENTIFIER and _DOUBLE.fullmatch(token.text) and _free(text, i):
            yield Found(
                token,
                f"Metal has no `{token.text}`",
                f"write `{token.text.replace('double', 'float')}`",
            )
        elif (
            token.kind is TokenKind.NUMBER
            and _LONG_DOUBLE_LITERAL.fullmatch(token.text)
            and ("." in token.text or "e" in token.text.lower())
        ):
            yield Found(
                token,
                f"`{token.text}` is a long double, which Metal has not",
                f"write `{token.text[:-1]}f`",
            )


_KEYWORDS = {
    "new": ("memory", "Metal has no `new`: a kernel allocates nothing", "declare an array, or take a pointer parameter"),
    "delete": ("memory", "Metal has no `delete`: a kernel frees nothing", "remove it"),
    "virtual": ("virtual", "Metal has no virtual functions", "make the function a template over the type"),
    "try": ("exceptions", "Metal has no exceptions", "return a value that tells of the failure"),
    "catch": ("exceptions", "Metal has no exceptions", "return a value that tells of the failure"),
    "throw": ("exceptions", "Metal has no exceptions", "return a value that tells of the failure"),
    "dynamic_cast": ("type-identification", "Metal has no `dynamic_cast`", "use static_cast, or a template"),
    "typeid": ("type-identification", "Metal has no type identification", "use is_same_v, or overloads"),
    "goto": ("goto", "Metal has no `goto`", "write a loop, or return from a function"),
    "thread_local": ("storage", "Metal has no `thread_local`", "a variable in a function belongs to one thread already"),
    "register": ("storage", "Metal has no `register`", "remove it"),
    "asm": ("assembly", "Metal has no assembly", "write it in MSL"),
    "__asm__": ("assembly", "Metal has no assembly", "write it in MSL"),
}  # fmt: skip


def _keyword_rule(group: str, text: CheckedText) -> Iterator[Found]:
    for i, token in enumerate(text.tokens):
        row = _KEYWORDS.get(token.text)
        if row is None or row[0] != group or not _free(text, i):
            continue
        if token.text == "delete" and text.texts[i - 1] == "=":
            continue  # a deleted function
        if token.text == "asm" and text.texts[i + 1 : i + 2] not in (["("], ["volatile"]):
            continue
        yield Found(token, row[1], row[2])


def find_memory(text: CheckedText) -> Iterator[Found]:
    """`new` and `delete`."""
    return _keyword_rule("memory", text)


def find_virtual(text: CheckedText) -> Iterator[Found]:
    """Virtual functions and bases."""
    return _keyword_rule("virtual", text)


def find_exceptions(text: CheckedText) -> Iterator[Found]:
    """`try`, `catch` and `throw`."""
    return _keyword_rule("exceptions", text)


def find_type_identification(text: CheckedText) -> Iterator[Found]:
    """`dynamic_cast` and `typeid`."""
    return _keyword_rule("type-identification", text)


def find_goto(text: CheckedText) -> Iterator[Found]:
    """`goto`."""
    return _keyword_rule("goto", text)


def find_storage(text: CheckedText) -> Iterator[Found]:
    """`thread_local`, `register`, and variables of functions that would outlive their call."""
    yield from _keyword_rule("storage", text)
    for function in text.functions:
        for i in function.body:
            if text.texts[i] != "static" or i in text.attribute_tokens:
                continue
            words = _until(text, i, (";", "=", "(", "{"))
            if not words & {"const", "constexpr", "constant", "threadgroup"}:
                yield Found(text.tokens[i], "a variable of a function cannot be static: nothing outlives a kernel",
                            "declare it `constant` at program scope, or keep the value in a buffer")  # fmt: skip


def find_assembly(text: CheckedText) -> Iterator[Found]:
    """`asm`."""
    return _keyword_rule("assembly", text)


def find_standard_library(text: CheckedText) -> Iterator[Found]:
    """Names of ``std::``, unless the text declares a namespace of that name itself."""
    for i, token in enumerate(text.tokens):
        if token.text != "std" or not _free(text, i):
            continue
        if text.texts[i - 1] == "namespace" and text.texts[i + 1 : i + 2] == ["{"]:
            return
        if text.texts[i + 1 : i + 2] == ["::"]:
            name = text.texts[i + 2] if i + 2 < len(text.texts) else ""
            yield Found(token, f"Metal has no C++ standard library: `std::{name}`",
                        f"write `metal::{name}` where the Metal library has it")  # fmt: skip


def _free(text: CheckedText, index: int) -> bool:
    """Whether the identifier is no member, no qualified name and no attribute."""
    return text.texts[index - 1] not in (".", "->", "::") and index not in text.attribute_tokens


def _until(text: CheckedText, index: int, ends: tuple[str, ...]) -> set[str]:
    words: set[str] = set()
    while index < len(text.texts) and text.texts[index] not in ends:
        words.add(text.texts[index])
        index += 1
    return words

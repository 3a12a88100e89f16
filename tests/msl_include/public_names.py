"""Our metal_stdlib enters; the names that a program sees in it leave: all but those that C++ reserves and our own macros."""

from __future__ import annotations

import functools
import re

from metal_runtime.msl import clang
from metal_runtime.msl.tokens import Token, TokenKind, tokenize

_OPENING, _CLOSING = "([{", ")]}"
_TYPES = frozenset(["struct", "class", "enum", "union"])


@functools.cache
def public_names() -> frozenset[str]:
    """Every function, type, alias and constant at program scope or in metal, metal::fast and metal::precise."""
    completed = clang.run(
        "clang", "-E", "-P", "-x", "c++", "-std=c++17", "-nostdinc", f"-I{clang.INCLUDE_DIR}", "-",
        f"--target={clang.host_target().triple}", text="#include <metal_stdlib>\n",
    )  # fmt: skip
    assert completed.succeeded, completed.diagnostics
    tokens = [t for t in tokenize(completed.output) if t.kind is not TokenKind.DIRECTIVE]
    names = {name for name in _names_of(tokens) if not name.startswith("__")}
    return frozenset(names)


@functools.cache
def public_macros() -> frozenset[str]:
    """The macros of the headers that are for programs."""
    text = "\n".join(path.read_text() for path in clang.INCLUDE_DIR.glob("**/*") if path.is_file())
    macros = set(re.findall(r"^#define (\w+)", text, re.MULTILINE))
    return frozenset(m for m in macros if not m.startswith(("IRIS_", "__")))


def _names_of(tokens: list[Token]) -> set[str]:
    names: set[str] = set()
    declaration: list[str] = []
    depth, scopes = 0, 0
    for i, token in enumerate(tokens):
        text = token.text
        if depth == 0 and text == "{" and "namespace" in declaration:
            hidden = any(
                word in ("__impl", "__storage", "std") or word.startswith("__")
                for word in declaration
            )
            depth, scopes = (1, scopes) if hidden else (0, scopes + 1)
            declaration = []
            continue
        if depth == 0 and text == "}" and scopes:
            scopes, declaration = scopes - 1, []
            continue
        if depth == 0:
            declaration.append(text)
        depth += (text in _OPENING) - (text in _CLOSING)
        enumerators = depth == 1 and "enum" in declaration and token.kind is TokenKind.IDENTIFIER
        if enumerators and "{" in declaration and tokens[i - 1].text in "{,":
            names.add(text)
        if depth == 0 and (text == ";" or (text == "}" and tokens[i + 1].text != ";")):
            names |= _declared(declaration)
            declaration = []
    return names


def _declared(words: list[str]) -> set[str]:
    """The name that one declaration at program scope introduces."""
    words = _without_attributes(_without_template(words))
    if not words or words[0] in ("static_assert", "template") or "operator" in words:
        return set()
    if words[0] == "using":
        return {words[1]} if "=" in words else {words[-2]}
    if words[0] == "typedef":
        return {words[-2]}
    if words[0] in _TYPES:
        named = [w for w in words[1:] if re.fullmatch(r"\w+", w) and w != "class"]
        return {named[0]} if named else set()
    head = words[: next((k for k, w in enumerate(words) if w in ("(", "=", "{")), -1)]
    head = head[: head.index("<")] if "<" in head and head[-1] == ">" else head
    return {head[-1]} if head and re.fullmatch(r"[A-Za-z]\w*", head[-1]) else set()


def _without_template(words: list[str]) -> list[str]:
    while words[:2] == ["template", "<"]:
        depth, k = 0, 1
        while True:
            depth += {"<": 1, ">": -1, ">>": -2}.get(words[k], 0)
            k += 1
            if depth == 0:
                break
        words = words[k:]
    return words


def _without_attributes(words: list[str]) -> list[str]:
    kept: list[str] = []
    k = 0
    while k < len(words):
        if words[k] in ("__attribute__", "alignas"):
            k += 1  # the name; its parentheses hold only what is deeper than a declaration's own words
            while k < len(words) and words[k] in "()":
                k += 1
                if words[k - 1] == ")":
                    break
            continue
        kept.append(words[k])
        k += 1
    return kept

"""How C++ spells what MSL spells otherwise: a library in, the replacements of its tokens out, the same for all its kernels."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from metal_runtime.msl.address_spaces import ADDRESS_SPACES
from metal_runtime.msl.bfloat_conditionals import literal_arms
from metal_runtime.msl.constant_expressions import DEFINED
from metal_runtime.msl.function_constants import DeclaredConstant, Value, cpp_value
from metal_runtime.msl.library import Library
from metal_runtime.msl.literals import cpp_number
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl_types import Vector, type_name

_KEPT_ATTRIBUTES = frozenset(
    ["maybe_unused", "nodiscard", "noreturn", "fallthrough", "likely", "unlikely", "deprecated", "clang"]
)  # fmt: skip
_BEFORE_VARIABLE = frozenset([";", "{", "}", ")", "const", "static", "volatile", ":"])

THREADGROUP_MEMORY = "IRIS_THREADGROUP_MEMORY"
"""The macro by which a unit says where threadgroup memory begins; code outside the kernel's body uses it too."""


@functools.lru_cache(maxsize=64)
def spellings(library: Library) -> Mapping[int, str]:
    """By index of the token: what stands in its place; nothing for a token that vanishes."""
    return _Speller(library).replacements


class _Speller:
    """Walks over the tokens of a text once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._tokens = library.prepared.tokens
        self._variables = 0
        # A constructor is not const, and `const constant` is const once.
        self._no_const = {
            i
            for f in library.functions
            for i in f.qualifiers
            if f.name in f.scope[-1:] or self._text(i - 1) == "const"
        }
        self.replacements: dict[int, str] = {}
        for index, token in enumerate(self._tokens):
            if token.kind is TokenKind.IDENTIFIER:
                self._identifier(index, token.text)
            elif token.kind is TokenKind.NUMBER:
                number = cpp_number(token.text)
                if number != token.text:
                    self.replacements[index] = number
            elif token.text == "[" and self._text(index + 1) == "[":
                self._attribute(index)
        for declared in library.constants.declared.values():
            value = cpp_value(declared.constant.type, _value_in_text(declared))
            text = f"const {type_name(declared.constant.type)} {declared.constant.name} = {value};"
            self._replace(declared.tokens, text)

        self.replacements.update(literal_arms(self._tokens, self._spelled))

    def _spelled(self, index: int, arms: Mapping[int, str]) -> str:
        found = arms.get(index)
        return self.replacements.get(index, self._text(index)) if found is None else found

    def _text(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def _replace(self, where: range, text: str) -> None:
        self.replacements.update(dict.fromkeys(where, ""))
        self.replacements[where.start] = text

    def _identifier(self, index: int, text: str) -> None:
        if text == "constant":
            self.replacements[index] = "" if index in self._no_const else "const"
        elif text == "kernel":
            self.replacements.setdefault(index, "static")
        elif text == "threadgroup" and self._text(index - 1) in _BEFORE_VARIABLE:
            self._threadgroup(index)
        elif text in ADDRESS_SPACES:
            self.replacements[index] = ""
        elif text == "coherent" and self._text(index + 1) == "(":
            self._replace(range(index, index + 4), "")
        elif text == DEFINED and self._text(index + 1) == "(":
            declared = self._library.constants.declared.get(self._text(index + 2))
            if declared is not None:
                known = declared.value is not None
                self._replace(range(index, index + 4), "true" if known else "false")

    def _attribute(self, index: int) -> None:
        """Takes ``[[...]]`` away; ``[[kernel]]`` becomes static."""
        if index in self.replacements or self._text(index + 2) in _KEPT_ATTRIBUTES:
            return
        end = index
        depth = 0
        while end < len(self._tokens):
            depth += (self._text(end) == "[") - (self._text(end) == "]")
            end += 1
            if depth == 0:
                break
        is_kernel = any(self._text(i) == "kernel" for i in range(index, end))
        self._replace(range(index, end), "static" if is_kernel else "")

    # --- threadgroup memory ----------------------------------------------------------------------

    def _threadgroup(self, index: int) -> None:
        """A variable in threadgroup memory becomes a reference into it; of a pointer only the word goes."""
        end, names = index + 1, list[int]()
        indirect = False
        while end < len(self._tokens) and self._text(end) not in (";", "=", ")", "}"):
            text = self._text(end)
            if text in _OPENERS:
                end = self._close(end)
            elif self._tokens[end].kind is TokenKind.IDENTIFIER and self._text(end + 1) in (
                "[",
                ";",
                ",",
                "=",
            ):
                names += [end] if self._declares(end) else []
            indirect = indirect or text in ("*", "&")
            end += 1
        self.replacements[index] = ""
        if indirect or not names:
            return
        if (
            self._text(end) == "="
        ):  # Metal gives threadgroup memory no initial value, whatever stands here
            end = self._drop_value(end)
        if self._text(end) != ";":
            return
        start = index
        while self._text(start - 1) in ("const", "static", "volatile"):
            start -= 1
            self.replacements[start] = ""
        self.replacements[index] = "typedef"
        references = ""
        for name in names:
            text = self._text(name)
            self.replacements[name] = f"__tg_{text}"
            references += (
                f" auto& {text} = metal::__threadgroup::variable<__tg_{text}>"
                f"({THREADGROUP_MEMORY}, {self._variables});"
            )
            self._variables += 1
        self.replacements[end] = f";{references}"

    def _drop_value(self, index: int) -> int:
        """Takes away an initial value from its `=` on; returns where it ends."""
        while index < len(self._tokens) and self._text(index) not in (";", ")", "}"):
            end = self._close(index) if self._text(index) in ("(", "[", "{") else index
            for i in range(index, end + 1):
                self.replacements[i] = ""
            index = end + 1
        return index

    def _declares(self, index: int) -> bool:
        """Whether a name is a declarator's: it has a type or a comma before it, and is no template argument."""
        before = self._tokens[index - 1]
        is_type = before.kind is TokenKind.IDENTIFIER and before.text != "threadgroup"
        return is_type or before.text in (">", ",", "]", ")", "}")

    def _close(self, index: int) -> int:
        opener = self._text(index)
        closer = _OPENERS[opener]
        depth = 0
        for end in range(index, len(self._tokens)):
            text = self._text(end)
            depth += (text == opener) - (text == closer)
            if depth == 0:
                return end
        return len(self._tokens) - 1


def _value_in_text(declared: DeclaredConstant) -> Value | None:
    """A value to compile with: of one that is missing, which only unreached code reads, 1, to divide by."""
    if declared.value is not None or not declared.constant.required:
        return declared.value
    type_ = declared.constant.type
    return (1,) * type_.width if isinstance(type_, Vector) else 1


_OPENERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_COUNTED = re.compile(r"metal::__threadgroup::variable<")


def threadgroup_variable_count(library: Library) -> int:
    """How many variables in threadgroup memory the whole text declares."""
    return sum(len(_COUNTED.findall(text)) for text in spellings(library).values())


def cpp_tokens(library: Library, tokens: range) -> str:
    """The C++ text of some tokens."""
    replacements = spellings(library)
    every: list[Token] = library.prepared.tokens
    return " ".join(replacements.get(i, every[i].text) for i in tokens)

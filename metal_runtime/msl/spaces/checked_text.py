"""What every rule reads: a preprocessed text enters, its functions, classes, bodies and names leave, each found once."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metal_runtime.msl.clang import INCLUDE_DIR
from metal_runtime.msl.declarations import DeclarationScanner, Function
from metal_runtime.msl.limits import DEFAULT_FAMILY, Family
from metal_runtime.msl.preprocess import PreparedText
from metal_runtime.msl.statements import Statement, StatementParser
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.program import Signature

SPACES = frozenset([
    "device", "constant", "thread", "threadgroup", "threadgroup_imageblock", "ray_data", "object_data",
])  # fmt: skip
"""The address spaces of MSL (section 4)."""

_STAGES = frozenset(["kernel", "vertex", "fragment", "mesh", "object", "intersection", "visible"])


@dataclass(frozen=True, slots=True)
class ClassBody:
    """A struct, class or union with its members: ``body`` is the range of tokens between its braces."""

    name: str
    name_index: int
    body: range


class CheckedText:
    """A text as rules see it. All indices are those of ``tokens``."""

    def __init__(self, prepared: PreparedText, family: Family = DEFAULT_FAMILY) -> None:
        self.prepared = prepared
        self.family = family
        self.tokens = prepared.tokens
        self.texts = [token.text for token in prepared.tokens]
        self.scanner = DeclarationScanner(prepared.tokens)
        self.functions = tuple(self.scanner.functions)
        self.classes = tuple(self._find_classes())
        self._parser = StatementParser(prepared.tokens)
        self.reached: frozenset[int] = frozenset()
        """The functions, by index, that kernels are or may call; empty as long as nobody has told."""

        self.signatures: tuple[Signature, ...] = ()
        self.places: Mapping[str, Token] = {}
        """The tokens that name the kernels of ``signatures``."""

        self._bodies: dict[int, tuple[Statement, ...]] = {}

    @functools.cached_property
    def kernels(self) -> tuple[Function, ...]:
        """The definitions of compute kernels, templates among them."""
        return tuple(f for f in self.functions if f.defined and self.stage(f) == "kernel")

    @functools.cached_property
    def function_of(self) -> dict[int, Function]:
        """The function in whose head, parameters or body a token stands."""
        return {i: f for f in self.functions for i in range(f.start, f.end)}

    @functools.cached_property
    def class_names(self) -> frozenset[str]:
        return frozenset(c.name for c in self.classes)

    @functools.cached_property
    def attribute_tokens(self) -> frozenset[int]:
        """The indices of all tokens within ``[[...]]``."""
        found: set[int] = set()
        for i in range(len(self.texts) - 1):
            if self.texts[i] == self.texts[i + 1] == "[" and i not in found:
                found.update(range(i, self.scanner.closing(i) + 1))
        return frozenset(found)

    def stage(self, function: Function) -> str | None:
        """``kernel`` and its like for an entry point, None for an ordinary function."""
        for i in function.head:
            if self.texts[i] in _STAGES and (
                self.texts[i] in ("kernel", "vertex", "fragment") or self.texts[i - 1] == "["
            ):
                return self.texts[i]
        return None

    def statements(self, function: Function) -> tuple[Statement, ...]:
        """The statements of a function's body, parsed once."""
        if function.body.start not in self._bodies:
            self._bodies[function.body.start] = self._parser.parse(function.body)
        return self._bodies[function.body.start]

    def all_statements(self, function: Function) -> Iterator[Statement]:
        """Every statement of a body, nested ones after those that hold them."""
        for statement in self.statements(function):
            yield from statement.walk()

    def is_identifier(self, index: int) -> bool:
        return 0 <= index < len(self.tokens) and self.tokens[index].kind is TokenKind.IDENTIFIER

    def closing_angle(self, index: int, limit: int = 400) -> int | None:
        """The ``>`` that closes the template list opened at ``index``; None when it cannot be one."""
        depth = 0
        end = min(index + limit, len(self.texts))
        while index < end:
            text = self.texts[index]
            depth += (text == "<") - (text == ">")
            if depth == 0:
                return index
            if text in (";", "{", "&&", "||", "}", ")", "]"):
                return None
            index = self.scanner.closing(index) + 1 if text in ("(", "[") else index + 1
        return None

    def _find_classes(self) -> Iterator[ClassBody]:
        for i, text in enumerate(self.texts[:-2]):
            if text not in ("struct", "class", "union") or self.texts[i - 1] == "enum":
                continue
            name = i + 1
            while (
                self.texts[name] in ("alignas", "__attribute__", "[") and name < len(self.texts) - 2
            ):
                name = self.scanner.closing(name + (self.texts[name] != "[")) + 1
            if not self.is_identifier(name):
                continue
            after = name + 1
            while after < len(self.texts) and self.texts[after] not in (
                "{",
                ";",
                "(",
                ")",
                "=",
                "&",
                "*",
            ):
                after += 1
            if after < len(self.texts) and self.texts[after] == "{" and self.texts[name + 1] != ">":
                yield ClassBody(
                    self.texts[name], name, range(after + 1, self.scanner.closing(after))
                )


@functools.cache
def library_names() -> frozenset[str]:
    """The functions of our metal_stdlib: a function of the user's with such a name has overloads unseen here.

    Those that a macro makes stand among its arguments. A name of one letter is a parameter of such a macro.
    """
    names: set[str] = set()
    for path in sorted(INCLUDE_DIR.rglob("*")):
        if path.is_file():
            text = path.read_text()
            names.update(_CALLED.findall(text))
            for arguments in _MACRO_USE.findall(text):
                names.update(_WORD.findall(arguments))
    return frozenset(name for name in names if len(name) > 1)


_WORD = re.compile(r"[A-Za-z_]\w*")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_MACRO_USE = re.compile(r"\b[A-Z][A-Z0-9_]+\(([^()]*)\)")

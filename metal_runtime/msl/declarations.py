"""Finds the functions of a translation unit: tokens in, functions with their parameters, bodies and scopes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.msl.tokens import Token, TokenKind

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NOT_A_NAME = frozenset(
    [
        "if",
        "for",
        "while",
        "switch",
        "return",
        "sizeof",
        "alignof",
        "alignas",
        "decltype",
        "static_assert",
        "noexcept",
        "__attribute__",
        "__declspec",
        "explicit",
        "requires",
    ]
)
_CLASS_KEYS = frozenset(["struct", "class", "union"])


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition or declaration. All fields but the name are indices into the token list.

    ``body`` is empty for a declaration. ``head`` reaches from the first token to the parameter list.
    """

    name: str
    scope: tuple[str, ...]
    start: int
    name_index: int
    parameters: range
    """The tokens between the parentheses."""

    qualifiers: range
    """The tokens between the parameter list and the body: const, address spaces, a trailing return type."""

    body: range
    """The tokens between the braces."""

    end: int
    """One past the last token, the closing brace or the semicolon."""

    template_names: frozenset[str] = frozenset()
    """The names that the template lists around the function introduce."""

    @property
    def defined(self) -> bool:
        """Whether it has a body, be it an empty one."""
        return self.body.stop < self.end - 1 or self.body.start > self.qualifiers.stop

    @property
    def head(self) -> range:
        return range(self.start, self.name_index)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable with an initial value, outside functions. The ranges are indices into the token list."""

    name: str
    scope: tuple[str, ...]
    tokens: range
    """All of the declaration, the semicolon included."""

    initializer: range


class DeclarationScanner:
    """One walk over the tokens, at the level of namespaces and classes; bodies are skipped by their brackets."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._partner, self.unmatched = _match_brackets(self._texts)
        self.functions: list[Function] = []
        self.variables: list[Variable] = []
        self.instantiations: list[tuple[range, tuple[str, ...]]] = []
        """Explicit instantiations, ``template ... f<float>;``, with the namespaces that they stand in."""

        self.typedefs: list[range] = []
        """Type aliases and using declarations outside functions, semicolons included."""

        self.enumerations: list[range] = []
        """What stands between the braces of enumerations."""

        self._scan(0, len(tokens), (), frozenset())

    def closing(self, index: int) -> int:
        """The index of the bracket that closes the one at ``index``; the end of the tokens if none does."""
        return self._partner.get(index, len(self._texts) - 1)

    def _scan(
        self, index: int, end: int, scope: tuple[str, ...], template_names: frozenset[str]
    ) -> None:
        while index < end:
            following = self._declaration(index, end, scope, template_names)
            index = max(following, index + 1)

    def _declaration(
        self, start: int, end: int, scope: tuple[str, ...], outer: frozenset[str]
    ) -> int:
        """Reads one declaration; returns the index after it."""
        texts = self._texts
        if texts[start] == "using" or (
            texts[start] == "typedef" and not self._has_class(start, end)
        ):
            stop = min(self._skip_initializer(start, end) + 1, end)
            self.typedefs.append(range(start, stop))
            return stop
        if texts[start] == "template" and texts[start + 1 : start + 2] != ["<"]:
            stop = min(self._skip_initializer(start, end) + 1, end)
            self.instantiations.append((range(start, stop), scope))
            return stop
        index, names = start, set(outer)
        class_name: str | None = None
        parameters: int | None = None
        while index < end:
            text = texts[index]
            if text == ";":
                if parameters is not None:
                    self._add(start, parameters, index, None, scope, names)
                return index + 1
            if text == "}" or (
                text == ":" and texts[index - 1] in ("public", "private", "protected")
            ):
                return index + 1
            if text == "template" and texts[index + 1 : index + 2] == ["<"]:
                opening, index = index + 1, self._close_angle(index + 1, end)
                names |= self._introduced(opening + 1, index)
            elif text in _CLASS_KEYS or text == "namespace":
                class_name = self._declared_name(index + 1, end)
            elif text == ":" and class_name is not None and parameters is None:
                index = self._skip_bases(index, end) - 1
            elif text == "enum":
                index += texts[index + 1 : index + 2] in (["class"], ["struct"])
            elif text == "operator" and parameters is None:
                parameters = self._operator_parameters(index, end)
                index = self.closing(parameters)
            elif text == "(":
                if parameters is None and index > start and self._names_function(index):
                    parameters = index
                index = self.closing(index)
            elif text == "[" or (
                text == "{" and parameters is not None and self._initializes(index)
            ):
                index = self.closing(index)
            elif text == "=":
                equals, index = index, self._skip_initializer(index, end)
                if parameters is None:
                    self._add_variable(start, equals, index, scope)
                index -= 1
            elif text == "{":
                close = self.closing(index)
                if parameters is not None:
                    self._add(start, parameters, index, close, scope, names)
                    return close + 1
                if "enum" in texts[start:index]:
                    self.enumerations.append(range(index + 1, close))
                if class_name is not None or texts[start] == "extern":
                    inner = (*scope, class_name) if class_name else scope
                    self._scan(index + 1, close, inner, frozenset(names))
                if "namespace" in texts[start:index] or texts[start] == "extern":
                    return close + 1
                class_name = None
                index = close
            index += 1
        return end

    def _has_class(self, start: int, end: int) -> bool:
        """Whether the typedef at ``start`` defines a class: ``typedef struct S { ... } S;``."""
        if self._texts[start + 1 : start + 2] == ["enum"] or start + 2 >= end:
            return False
        after = start + 2 + (self._tokens[start + 2].kind is TokenKind.IDENTIFIER)
        return self._texts[start + 1] in _CLASS_KEYS and self._texts[after : after + 1] == ["{"]

    def _add(
        self,
        start: int,
        parameters: int,
        brace: int,
        close: int | None,
        scope: tuple[str, ...],
        names: set[str],
    ) -> None:
        name = self._before_brackets(parameters - 1)
        while self._texts[name] == ">":  # f<int>(...): an explicit specialisation
            name = self._open_angle(name) - 1
        text = self._texts[name]
        if "operator" in self._texts[start:parameters]:
            name = start + self._texts[start:parameters].index("operator")
            text = "".join(self._texts[name:parameters])
        after = self.closing(parameters) + 1
        body = range(brace + 1, close) if close is not None else range(brace, brace)
        end = (close if close is not None else brace) + 1
        span = range(parameters + 1, after - 1)
        self.functions.append(
            Function(
                text, scope, start, name, span, range(after, brace), body, end, frozenset(names)
            )
        )

    def _add_variable(self, start: int, equals: int, end: int, scope: tuple[str, ...]) -> None:
        name = self._before_brackets(equals - 1)
        if name >= start and self._tokens[name].kind is TokenKind.IDENTIFIER:
            tokens, value = range(start, min(end + 1, len(self._tokens))), range(equals + 1, end)
            self.variables.append(Variable(self._texts[name], scope, tokens, value))

    def _before_brackets(self, index: int) -> int:
        """The index of the last token up to ``index`` that stands before array bounds and attributes."""
        while index > 0 and self._texts[index] == "]":
            depth = 0
            while index > 0:
                depth += (self._texts[index] == "]") - (self._texts[index] == "[")
                index -= 1
                if depth == 0:
                    break
        return index

    def _names_function(self, parenthesis: int) -> bool:
        previous = self._tokens[self._before_brackets(parenthesis - 1)]
        if previous.text == ">":
            return True
        return previous.kind is TokenKind.IDENTIFIER and previous.text not in _NOT_A_NAME

    def _initializes(self, brace: int) -> bool:
        """Whether a brace after parameters belongs to a member in a constructor's initialiser list."""
        previous = self._tokens[brace - 1]
        before = self._texts[brace - 2]
        return previous.kind is TokenKind.IDENTIFIER and before in (":", ",")

    def _operator_parameters(self, index: int, end: int) -> int:
        """The index of the parenthesis that opens the parameters of the operator function at ``index``."""
        index += 3 if self._texts[index + 1 : index + 3] == ["(", ")"] else 1
        while index < end - 1 and self._texts[index] != "(":
            index += 1
        return index

    def _declared_name(self, index: int, end: int) -> str:
        while index < end and self._texts[index] in ("[", "__attribute__", "alignas", "("):
            index = self.closing(index) + 1 if self._texts[index] in _CLOSERS else index + 1
        found = self._tokens[index] if index < end else None
        return found.text if found is not None and found.kind is TokenKind.IDENTIFIER else ""

    def _skip_initializer(self, index: int, end: int) -> int:
        while index < end and self._texts[index] not in (";", "}"):
            index = self.closing(index) + 1 if self._texts[index] in _CLOSERS else index + 1
        return index

    def _skip_bases(self, index: int, end: int) -> int:
        """The index of the brace after the bases of a class, whose template arguments may have parentheses."""
        while index < end and self._texts[index] not in ("{", ";"):
            index = self.closing(index) + 1 if self._texts[index] in _CLOSERS else index + 1
        return index

    def _close_angle(self, index: int, end: int) -> int:
        depth = 0
        while index < end:
            text = self._texts[index]
            depth += (text == "<") - (text == ">")
            if depth == 0:
                return index
            index = self.closing(index) + 1 if text in _CLOSERS else index + 1
        return end - 1

    def _open_angle(self, index: int) -> int:
        depth = 0
        while index > 0:
            depth += (self._texts[index] == ">") - (self._texts[index] == "<")
            if depth == 0:
                break
            index -= 1
        return index

    def _introduced(self, start: int, end: int) -> set[str]:
        """Template parameter names: the identifier before a comma, an equals sign or the end of the list."""
        names = set()
        for i in range(start, end):
            following = self._texts[i + 1] if i + 1 < end else ","
            if self._tokens[i].kind is TokenKind.IDENTIFIER and following in (",", "="):
                names.add(self._texts[i])
        return names


def _match_brackets(texts: list[str]) -> tuple[dict[int, int], int | None]:
    """The partner of each opening bracket, and the index of the first bracket that has none."""
    partner: dict[int, int] = {}
    stack: list[int] = []
    for index, text in enumerate(texts):
        if text in _CLOSERS:
            stack.append(index)
        elif text in (")", "]", "}"):
            if not stack or _CLOSERS[texts[stack[-1]]] != text:
                return partner, stack[-1] if stack else index
            partner[stack.pop()] = index
    return partner, stack[-1] if stack else None

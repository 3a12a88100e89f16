"""Constant expressions: tokens in, the Python number out, or None where only the compiler can know."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl_types import parse_value_type

Number = bool | int | float
Lookup = Callable[[str], Number | None]
"""The value of a name, None when it is not known."""

_PRECEDENCE: tuple[frozenset[str], ...] = tuple(
    map(frozenset, (["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<", ">", "<=", ">="],
                    ["<<", ">>"], ["+", "-"], ["*", "/", "%"]))
)  # fmt: skip
_OPERATORS: dict[str, Callable[[Number, Number], Number]] = {
    "||": lambda a, b: bool(a) or bool(b), "&&": lambda a, b: bool(a) and bool(b),
    "|": lambda a, b: int(a) | int(b), "^": lambda a, b: int(a) ^ int(b), "&": lambda a, b: int(a) & int(b),
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le,
    ">=": operator.ge, "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": lambda a, b: a / b if isinstance(a, float) or isinstance(b, float) else _truncated(a, b),
    "%": lambda a, b: a - b * _truncated(a, b),
    "<<": lambda a, b: int(a) << int(b), ">>": lambda a, b: int(a) >> int(b),
}  # fmt: skip
DEFINED = "is_function_constant_defined"
"""``lookup`` is asked for this word, a space and the name."""

_PREFIXES: dict[str, Callable[[Number], Number]] = {
    "-": operator.neg, "+": lambda a: a, "!": operator.not_, "~": lambda a: ~int(a),
}  # fmt: skip
_CASTS = frozenset(["static_cast", "reinterpret_cast"])


def evaluate(tokens: Sequence[Token], lookup: Lookup) -> Number | None:
    """The value of a constant expression over numbers, names and C++'s operators; None when it is not known."""
    if len(tokens) == 1 and tokens[0].text.isdecimal() and tokens[0].text[0] != "0":
        return int(tokens[0].text)
    parser = _Parser(tokens, lookup)
    try:
        value = parser.conditional()
    except (_UnknownError, ValueError):
        return None
    return value if parser.at_end else None


def enumerators(tokens: Sequence[Token], lists: Sequence[range]) -> dict[str, Number]:
    """The values of the names in enumerations, as far as they are known."""
    values: dict[str, Number] = {}
    for where in lists:
        following: Number | None = 0
        for part in split_at_commas([tokens[i] for i in where]):
            if [t.text for t in part[1:2]] == ["="]:
                following = evaluate(part[2:], values.get)
            if following is not None:
                values[part[0].text] = following
                following += 1
    return values


def split_at_commas(tokens: Sequence[Token]) -> list[list[Token]]:
    """The tokens between top-level commas; nothing for an empty list."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in "([{<") - (token.text in ")]}>")
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _truncated(a: Number, b: Number) -> int:
    """C++'s integer division, toward zero."""
    quotient = abs(int(a)) // abs(int(b))
    return quotient if (a < 0) == (b < 0) else -quotient


class _UnknownError(Exception):
    """The tokens are no expression of the kind that is read here."""


def _applied(symbol: str, a: Number | None, b: Number | None) -> Number | None:
    """The result of an operator; an unknown operand matters only where the other does not decide."""
    if symbol in ("&&", "||") and (symbol == "||") in (_truth(a), _truth(b)):
        return symbol == "||"
    if a is None or b is None:
        return None
    try:
        return _OPERATORS[symbol](a, b)
    except ArithmeticError:
        return None


def _truth(value: Number | None) -> bool | None:
    return None if value is None else bool(value)


class _Parser:
    """Recursive descent; ``<<``, ``>>``, ``<=`` and ``>=`` are two tokens each. None is an unknown value."""

    def __init__(self, tokens: Sequence[Token], lookup: Lookup) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._index = 0

    @property
    def at_end(self) -> bool:
        return self._index == len(self._tokens)

    def conditional(self) -> Number | None:
        value = self._binary(0)
        if not self._accept("?"):
            return value
        then = self.conditional()
        self._expect(":")
        otherwise = self.conditional()
        return None if value is None else then if value else otherwise

    def _binary(self, level: int) -> Number | None:
        if level == len(_PRECEDENCE):
            return self._unary()
        value = self._binary(level + 1)
        while (symbol := self._operator(level)) is not None:
            value = _applied(symbol, value, self._binary(level + 1))
        return value

    def _operator(self, level: int) -> str | None:
        text, following = self._text(0), self._text(1)
        if text in ("<", ">") and following in (text, "="):
            text += following
        if text not in _PRECEDENCE[level]:
            return None
        self._index += 2 if text in ("<<", ">>", "<=", ">=") else 1
        return text

    def _unary(self) -> Number | None:
        symbol = self._text(0)
        if symbol not in _PREFIXES:
            return self._primary()
        self._index += 1
        value = self._unary()
        return None if value is None else _PREFIXES[symbol](value)

    def _primary(self) -> Number | None:
        if self.at_end:
            raise _UnknownError
        token = self._tokens[self._index]
        self._index += 1
        if token.text == "(":
            return self._parenthesis()
        if token.kind is TokenKind.NUMBER:
            return number(token.text)
        if token.kind is not TokenKind.IDENTIFIER:
            raise _UnknownError
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.text == DEFINED:
            self._expect("(")
            return bool(self._lookup(f"{DEFINED} {self._until(')')}"))
        if token.text in _CASTS:
            self._expect("<")
            type_ = self._until(">")
            self._expect("(")
            return self._converted(type_)
        while (
            self._text(0) == "::"
        ):  # the last part names the value, as far as names are told apart here
            self._index += 2
            token = self._tokens[min(self._index, len(self._tokens)) - 1]
        if self._text(0) == "(":
            self._index += 1
            return self._converted(token.text)
        return self._lookup(token.text)

    def _parenthesis(self) -> Number | None:
        close = self._index
        while close < len(self._tokens) and self._tokens[close].kind is TokenKind.IDENTIFIER:
            close += 1
        words = " ".join(token.text for token in self._tokens[self._index : close])
        if parse_value_type(words) is not None and self._tokens[close : close + 1]:
            self._index = close
            self._expect(")")
            return _convert(words, self._unary())
        value = self.conditional()
        self._expect(")")
        return value

    def _converted(self, type_: str) -> Number | None:
        value = self.conditional()
        self._expect(")")
        return _convert(type_, value)

    def _until(self, text: str) -> str:
        words = []
        while not self.at_end and self._text(0) != text:
            words.append(self._text(0))
            self._index += 1
        self._expect(text)
        return " ".join(words)

    def _text(self, ahead: int) -> str:
        index = self._index + ahead
        return self._tokens[index].text if index < len(self._tokens) else ""

    def _accept(self, text: str) -> bool:
        found = self._text(0) == text
        self._index += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _UnknownError


def number(text: str) -> int | float:
    """The value of a C++ or MSL number. Raises ValueError for what is none."""
    text = text.replace("'", "").lower()
    if not text.startswith("0x") and any(c in text for c in ".e"):
        return float(text.rstrip("fhb"))
    if not text.startswith("0x") and text.endswith(("f", "h")):
        return float(text.rstrip("fhb"))
    digits = text.rstrip("ul")
    octal = len(digits) > 1 and digits.startswith("0") and digits.isdecimal()
    return int(digits, 8 if octal else 0)


def _convert(type_: str, value: Number | None) -> Number | None:
    scalar = parse_value_type(type_.replace("metal ::", "").strip())
    kind = getattr(scalar, "kind", None)
    if kind is None or value is None:
        return None
    if kind == "b":
        return bool(value)
    return float(value) if kind == "f" else int(value)

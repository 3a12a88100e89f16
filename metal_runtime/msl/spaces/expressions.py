"""Address spaces through expressions: the tokens of an expression enter, what it points to leaves, wrong steps are reported.

Whatever is not surely understood is unknown, and of the unknown nothing is said.
"""

from __future__ import annotations

from dataclasses import replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.calls import (
    Surroundings,
    call_finding,
    conflict,
    library_findings,
    result_value,
    takes,
)
from metal_runtime.msl.spaces.checked_text import SPACES, library_names
from metal_runtime.msl.spaces.declared_types import is_fundamental, read_declared
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.spaces.values import UNKNOWN, Scope, Value, first_sigil
from metal_runtime.msl.tokens import Token, TokenKind

_PRECEDENCE = {"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8,
               ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}  # fmt: skip
_ASSIGNMENTS = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])
_UNREADABLE = frozenset(["const", "operator", "new", "delete", "throw", "typeid", "co_await", "template", "typename",
                         "struct", "class", "union", "enum", "auto", "static", "constexpr", "volatile"]) | SPACES  # fmt: skip
_CASTS = frozenset(["static_cast", "reinterpret_cast", "const_cast"])


class Unread(Exception):
    """The expression has a form that this reader does not know."""


class ExpressionReader:
    """Reads the expressions of one function; ``found`` collects the broken rules of the expression read last."""

    def __init__(self, surroundings: Surroundings, function: Function) -> None:
        self._all = surroundings
        self._text = surroundings.text
        self._texts = surroundings.text.texts
        self._function = function
        class_ = function.scope[-1] if function.scope else ""
        self._own = surroundings.members.get(class_, {})
        self._class = class_ if class_ in surroundings.members else None
        self.scopes: list[Scope] = []
        self.found: list[Found] = []

    def read(self, where: range) -> Value:
        """The value of an expression. Raises Unread; what was found until then is then forgotten."""
        self.found = []
        self._end = where.stop
        self._index = where.start
        value = self._comma()
        if self._index < self._end:
            raise Unread
        return value

    # --- operators -------------------------------------------------------------------------------

    def _word(self, ahead: int = 0) -> str:
        index = self._index + ahead
        return self._texts[index] if index < self._end else ""

    def _comma(self) -> Value:
        value = self._assignment()
        while self._word() == ",":
            self._index += 1
            value = self._assignment()
        return value

    def _assignment(self) -> Value:
        start = self._index
        value = self._binary(1)
        if self._word() == "?":
            self._index += 1
            first = self._assignment()
            if self._word() != ":":
                raise Unread
            self._index += 1
            second = self._assignment()
            same = first.decayed() == second.decayed()
            return first.decayed() or UNKNOWN if same else UNKNOWN
        operator, length = self._operator()
        if operator in _ASSIGNMENTS:
            self._index += length
            assigned = self._assignment()
            if operator == "=" and not value.dimensions:
                self.compare(value.space, assigned.space, self._text.tokens[start], "assigned to")
            return value
        return value

    def _operator(self) -> tuple[str, int]:
        """The operator here and the number of its tokens: the tokenizer leaves `<<=` in pieces."""
        word = self._word()
        if word not in ("<", ">"):
            return word, 1
        length = 1
        while self._word(length) in ("<", ">", "=", "==") and length < 3 and self._touches(length):
            word += self._word(length)
            length += 1
        return (word, length) if word in _PRECEDENCE or word in _ASSIGNMENTS else (word[0], 1)

    def _touches(self, ahead: int) -> bool:
        tokens = self._text.tokens
        return tokens[self._index + ahead].start == tokens[self._index + ahead - 1].end

    def _binary(self, least: int) -> Value:
        left = self._unary()
        while True:
            operator, length = self._operator()
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence < least:
                return left
            self._index += length
            right = self._binary(precedence + 1)
            left = self._combined(operator, left, right)

    def _combined(self, operator: str, left: Value, right: Value) -> Value:
        if operator == "+" and left.is_pointer != right.is_pointer:
            return (left if left.is_pointer else right).decayed() or UNKNOWN
        if operator == "-" and left.is_pointer and right.number:
            return left.decayed() or UNKNOWN
        both = left.number and right.number and left.base == right.base
        return Value(base=left.base, number=True) if both else UNKNOWN

    def _unary(self) -> Value:
        word = self._word()
        if word in ("*", "&"):
            self._index += 1
            value = self._unary()
            return (value.element() if word == "*" else value.address()) or UNKNOWN
        if word in ("-", "+", "~"):
            self._index += 1
            return self._negated(self._unary()) if word != "~" else self._after(self._unary())
        if word == "!":
            self._index += 1
            return self._after(self._unary())
        if word in ("++", "--"):
            self._index += 1
            return self._unary()
        if word == "(":
            cast = self._cast_type(self._index + 1, self._text.scanner.closing(self._index))
            if cast is not None:
                place = self._index
                self._index = self._text.scanner.closing(self._index) + 1
                return self._converted(cast, self._unary(), self._text.tokens[place])
        return self._postfix(self._primary())

    @staticmethod
    def _negated(value: Value) -> Value:
        return replace(value, place=None, temporary=value.number)

    @staticmethod
    def _after(_: Value) -> Value:
        return Value(number=True, temporary=True)

    def _cast_type(self, start: int, end: int) -> Value | None:
        """The type of a C-style cast between parentheses; None when an expression stands there."""
        words = self._texts[start:end]
        if not words or any(
            w in ("(", ")", "[", "{", "+", "-", "/", "=", ".", "->", ",", "?", "!", "&&")
            for w in words
            if "<" not in words
        ):
            return None
        following = self._texts[end + 1] if end + 1 < self._end else ""
        plain = [w for w in words if w not in SPACES and w not in ("const", "volatile")]
        is_pointer = words[-1] == "*" or ("const" in words[-1:] and "*" in words)
        is_type = is_pointer or (
            all(is_fundamental(w) or w in ("metal", "::") for w in plain) and bool(plain)
        )
        if not is_type:
            follows_operand = end + 1 < self._end and (
                self._text.tokens[end + 1].kind in (TokenKind.IDENTIFIER, TokenKind.NUMBER)
                or following in ("(", "~", "!")
            )
            if follows_operand and all(
                self._text.is_identifier(i) or self._texts[i] in ("::", "<", ">", ",")
                for i in range(start, end)
            ):
                return UNKNOWN  # (T)x
            return None
        return self._type_between(start, end)

    def _type_between(self, start: int, end: int) -> Value:
        sigil = first_sigil(self._text, range(start, end))
        type_ = read_declared(
            self._text, range(start, sigil), range(sigil, end), self._function.template_names
        )
        if type_ is None or type_.rvalue_reference or type_.reference:
            return UNKNOWN  # a reference gives the same bits another type: nothing is converted
        number = type_.fundamental and not type_.pointers
        return Value(type_.base, type_.pointers, number=number, temporary=number)

    def _converted(self, target: Value, value: Value, token: Token) -> Value:
        to, from_ = target.space, value.space
        if to is not None and from_ is not None and to != from_:
            self.found.append(Found(token, f"a cast cannot lead from {from_} memory to {to} memory",
                                    f"write `{from_} ...*`, or copy the values"))  # fmt: skip
        return target

    # --- operands --------------------------------------------------------------------------------

    def _primary(self) -> Value:
        word = self._word()
        token = self._text.tokens[self._index] if self._index < self._end else None
        if token is None or word in _UNREADABLE:
            raise Unread
        if word == "(":
            close = self._text.scanner.closing(self._index)
            self._index += 1
            value = self._within(close)
            self._index = close + 1
            return value
        if (
            token.kind is TokenKind.NUMBER
            or token.kind is TokenKind.TEXT
            or word in ("true", "false")
        ):
            self._index += 1
            return Value(number=token.kind is TokenKind.NUMBER, temporary=True)
        if token.kind is not TokenKind.IDENTIFIER:
            raise Unread
        if word == "sizeof" and self._word(1) == "(":
            self._index = self._text.scanner.closing(self._index + 1) + 1
            return Value(number=True, temporary=True)
        if word == "this":
            self._index += 1
            return Value(self._class, (None,))
        if word in _CASTS or word == "as_type":
            return self._named_cast(word)
        return self._named()

    def _within(self, close: int) -> Value:
        """The expression up to the bracket at ``close``."""
        end, self._end = self._end, close
        value = self._comma()
        if self._index != close:
            raise Unread
        self._end = end
        return value

    def _named_cast(self, word: str) -> Value:
        place = self._index
        close = self._text.closing_angle(self._index + 1)
        if close is None or self._texts[close + 1] != "(":
            raise Unread
        target = self._type_between(self._index + 2, close)
        self._index = close + 2
        value = self._within(self._text.scanner.closing(close + 1))
        self._index += 1
        if word == "as_type":
            return replace(target, place=None)
        return self._converted(target, value, self._text.tokens[place])

    def _named(self) -> Value:
        name_index = self._index
        qualified = False
        while self._word(1) == "::":
            self._index += 2
            qualified, name_index = True, self._index
        self._index += 1
        name = self._texts[name_index]
        if not self._text.is_identifier(name_index):
            raise Unread
        if self._word() == "<":
            close = self._text.closing_angle(self._index)
            if close is not None and self._texts[close + 1] in ("(", "::", "{"):
                self._index = close + 1
                if self._word() == "::":
                    return self._qualified_rest()
        if self._word() == "{":
            return self._braced(name)
        if self._word() == "(":
            return self._call(name, name_index, qualified)
        return UNKNOWN if qualified else self._lookup(name)

    def _braced(self, name: str) -> Value:
        """`T{...}`, with the brace here."""
        raise Unread

    def _qualified_rest(self) -> Value:
        """``X<..>::name``, perhaps called: nothing is known of it but its arguments."""
        while self._word() == "::":
            self._index += 2
            if self._word() == "<":
                close = self._text.closing_angle(self._index)
                if close is not None and self._texts[close + 1] in ("(", "::"):
                    self._index = close + 1
        if self._word() == "(":
            self._arguments()
        return UNKNOWN

    def _lookup(self, name: str) -> Value:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if name in self._own:
            return (
                replace(self._own[name], place=None) if not self._own[name].dimensions else UNKNOWN
            )
        return self._all.program.get(name, UNKNOWN) if self._class is None else UNKNOWN

    def _postfix(self, value: Value) -> Value:
        while True:
            word = self._word()
            if word == "[":
                close = self._text.scanner.closing(self._index)
                self._index += 1
                self._within(close)
                self._index = close + 1
                value = value.element() or UNKNOWN
            elif word == "(":
                self._arguments()
                value = UNKNOWN
            elif word in (".", "->"):
                value = self._member(value, word)
            elif word in ("++", "--"):
                self._index += 1
                value = replace(value, place=None) if not value.dimensions else value
            else:
                return value

    def _member(self, value: Value, word: str) -> Value:
        self._index += 1
        if self._word() == "template":
            self._index += 1
        if not self._text.is_identifier(self._index) or self._index >= self._end:
            raise Unread
        name = self._word()
        self._index += 1
        if self._word() == "<":
            close = self._text.closing_angle(self._index)
            if close is not None and self._texts[close + 1] == "(":
                self._index = close + 1
        if self._word() == "(":
            self._arguments()
            return UNKNOWN
        held = value if word == "." else value.element()
        if held is None or held.is_pointer:
            return UNKNOWN
        member = self._all.members.get(held.base or "", {}).get(name)
        return (
            replace(member, place=held.place)
            if member is not None and member != UNKNOWN
            else UNKNOWN
        )

    # --- calls -----------------------------------------------------------------------------------

    def _arguments(self) -> list[tuple[Value, int]]:
        """The values between the parentheses here, each with the index at which it begins."""
        close = self._text.scanner.closing(self._index)
        values: list[tuple[Value, int]] = []
        self._index += 1
        end, self._end = self._end, close
        while self._index < close:
            start = self._index
            values.append((self._assignment(), start))
            if self._index < close:
                if self._word() != ",":
                    raise Unread
                self._index += 1
        self._end = end
        self._index = close + 1
        return values

    def _call(self, name: str, name_index: int, qualified: bool) -> Value:
        arguments = self._arguments()
        if is_fundamental(name) or name in self._text.class_names:
            return Value(base=name, number=is_fundamental(name))
        if any(name in scope for scope in self.scopes) or name in self._own:
            return UNKNOWN
        candidates = self._all.functions.get(name, ())
        if not candidates:
            self.found += library_findings(self._text, name, arguments)
        if (
            not candidates
            or name in library_names()
            or any(f.scope and f.scope[-1] in self._text.class_names for f in candidates)
        ):
            return UNKNOWN
        fitting = [f for f in candidates if takes(self._text, f, len(arguments))]
        conflicts = [conflict(self._all, f, arguments) for f in fitting]
        if fitting and all(c is not None for c in conflicts) and conflicts[0] is not None:
            self.found.append(call_finding(self._all, name, fitting, conflicts[0], arguments))
        return result_value(self._text, candidates)

    def compare(self, wanted: str | None, given: str | None, token: Token, verb: str) -> None:
        """Reports a pointer to ``given`` memory where one to ``wanted`` memory must be."""
        if wanted is not None and given is not None and wanted != given:
            self.found.append(Found(token, f"a pointer to {given} memory is {verb} a pointer to {wanted} memory",
                                    f"declare the pointer `{given}`, or copy what it points to"))  # fmt: skip

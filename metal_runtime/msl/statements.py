"""Function bodies at the level of statements: the tokens of a body in, a tree of statements out; expressions stay tokens."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.msl.tokens import Token, TokenKind

_OPENERS = {"(": ")", "[": "]", "{": "}"}
_QUALIFIERS = frozenset(["const", "constexpr", "static", "volatile", "thread", "device", "constant",
                         "threadgroup", "unsigned", "signed", "typename", "auto"])  # fmt: skip
_NOT_A_TYPE = frozenset(["return", "break", "continue", "if", "else", "for", "while", "do", "switch", "case",
                         "default", "goto", "delete", "new", "throw", "using", "typedef", "sizeof", "this", "true",
                         "false", "nullptr", "static_cast", "reinterpret_cast", "const_cast"])  # fmt: skip
_TYPE_DECLARATIONS = frozenset(
    ["using", "typedef", "struct", "class", "union", "enum", "static_assert"]
)
_EMPTY = range(0)


class StatementKind(enum.Enum):
    """What a statement does."""

    EXPRESSION = "expression"
    DECLARATION = "declaration"  # of variables
    TYPE_DECLARATION = "type"  # using, typedef, struct, static_assert: it does nothing when run
    BLOCK = "block"
    IF = "if"
    FOR = "for"
    WHILE = "while"
    DO = "do"
    SWITCH = "switch"
    JUMP = "jump"  # return, break, continue
    LABEL = "label"  # case and default


@dataclass(frozen=True, slots=True)
class Declarator:
    """One variable of a declaration. The ranges index the token list."""

    name: str
    name_index: int
    initializer: range
    """The tokens of the initial value, without ``=``; the brackets of ``T x{...}`` are among them.

    For the variable of a range-based for: the range."""

    is_indirect: bool
    """Whether it is a pointer or a reference."""

    is_array: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement; what a kind has not is empty. All ranges index the token list."""

    kind: StatementKind
    tokens: range
    """All of it, the semicolon or closing brace included."""

    condition: range = _EMPTY
    """The tokens between the parentheses of if, while, do and switch; the middle part of a for."""

    step: range = _EMPTY
    declarators: tuple[Declarator, ...] = ()
    initial: tuple[Statement, ...] = ()
    """The first part of a for, as a statement."""

    body: tuple[Statement, ...] = ()
    otherwise: tuple[Statement, ...] = ()

    def walk(self) -> Iterator[Statement]:
        """This statement and all within it, in the order of the text."""
        yield self
        for part in (*self.initial, *self.body, *self.otherwise):
            yield from part.walk()


class StatementParser:
    """Parses bodies over one token list, whose brackets it matches once.

    What does not look like C++ is read as an expression up to its semicolon: the parser never fails,
    and a reader who finds a construct that he does not know decides what to do with it.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._closing = _closing_brackets(self._texts)

    def parse(self, body: range) -> tuple[Statement, ...]:
        """The statements of ``body``, the tokens between a function's braces."""
        statements = []
        index = body.start
        while index < body.stop:
            statement = self._statement(index, body.stop)
            statements.append(statement)
            index = max(statement.tokens.stop, index + 1)
        return tuple(statements)

    def _statement(self, index: int, end: int) -> Statement:
        text = self._texts[index]
        if text == "{" and self._closing.get(index, end) < end:
            close = self._closing[index]
            body = self.parse(range(index + 1, close))
            return Statement(StatementKind.BLOCK, range(index, close + 1), body=body)
        if text in ("case", "default"):
            stop = min(self._find(":", index, end) + 1, end)
            return Statement(StatementKind.LABEL, range(index, stop))
        if text == "do" and index + 1 < end:
            return self._do(index, end)
        open_ = self._condition(index, end)
        if text == "if" and open_ is not None:
            return self._if(index, open_, end)
        if text == "for" and open_ is not None:
            return self._for(index, open_, end)
        if text in ("while", "switch") and open_ is not None:
            kind = StatementKind.WHILE if text == "while" else StatementKind.SWITCH
            return self._with_condition(kind, index, open_, end)
        return self._simple(index, end)

    def _condition(self, keyword: int, end: int) -> int | None:
        """The parenthesis after a keyword, if there is one, it closes, and a statement follows."""
        open_ = keyword + 1
        if open_ < end and self._texts[open_] == "constexpr":
            open_ += 1
        whole = open_ < end and self._texts[open_] == "(" and self._close(open_, end) + 1 < end
        return open_ if whole else None

    def _simple(self, index: int, end: int) -> Statement:
        """A statement up to its semicolon."""
        stop = self._find(";", index, end)
        tokens = range(index, min(stop + 1, end))
        text = self._texts[index]
        if text in ("return", "break", "continue", "goto"):
            return Statement(StatementKind.JUMP, tokens)
        if text in _TYPE_DECLARATIONS:
            return Statement(StatementKind.TYPE_DECLARATION, tokens)
        declarators = self._declarators(range(index, stop))
        kind = StatementKind.DECLARATION if declarators else StatementKind.EXPRESSION
        return Statement(kind, tokens, declarators=declarators)

    def _if(self, index: int, open_: int, end: int) -> Statement:
        close = self._close(open_, end)
        body = self._statement(close + 1, end)
        stop = body.tokens.stop
        otherwise: tuple[Statement, ...] = ()
        if stop + 1 < end and self._texts[stop] == "else":
            otherwise = (self._statement(stop + 1, end),)
            stop = otherwise[0].tokens.stop
        return Statement(
            StatementKind.IF,
            range(index, stop),
            condition=range(open_ + 1, close),
            body=(body,),
            otherwise=otherwise,
        )

    def _for(self, index: int, open_: int, end: int) -> Statement:
        close = self._close(open_, end)
        first = self._find(";", open_ + 1, close)
        second = self._find(";", min(first + 1, close), close)
        initial = self._simple(open_ + 1, min(first + 1, close)) if first > open_ + 1 else None
        body = self._statement(close + 1, end)
        return Statement(
            StatementKind.FOR,
            range(index, body.tokens.stop),
            condition=range(min(first + 1, close), second),
            step=range(min(second + 1, close), close),
            initial=(initial,) if initial else (),
            body=(body,),
        )

    def _with_condition(self, kind: StatementKind, index: int, open_: int, end: int) -> Statement:
        close = self._close(open_, end)
        body = self._statement(close + 1, end)
        tokens = range(index, body.tokens.stop)
        return Statement(kind, tokens, condition=range(open_ + 1, close), body=(body,))

    def _do(self, index: int, end: int) -> Statement:
        body = self._statement(index + 1, end)
        open_ = min(body.tokens.stop + 1, end)
        close = self._close(open_, end) if open_ < end else end
        stop = min(self._find(";", close, end) + 1, end)
        condition = range(min(open_ + 1, close), close)
        return Statement(StatementKind.DO, range(index, stop), condition=condition, body=(body,))

    def _declarators(self, tokens: range) -> tuple[Declarator, ...]:
        """The variables that ``tokens`` declare; none when they are an expression."""
        index = self._after_type(tokens)
        if index is None:
            return ()
        found = []
        for part in self._split_at_commas(range(index, tokens.stop)):
            declarator = self._declarator(part)
            if declarator is None:
                return ()
            found.append(declarator)
        return tuple(found)

    def _after_type(self, tokens: range) -> int | None:
        """The index after the type that a declaration begins with, None if no type stands there."""
        index, end = tokens.start, tokens.stop
        named = False
        while index < end and self._tokens[index].kind is TokenKind.IDENTIFIER:
            text = self._texts[index]
            if text in _NOT_A_TYPE:
                return None
            if text not in _QUALIFIERS:
                if named:
                    break
                named = True
                index = self._after_name(index, end)
                continue
            named = named or text in ("auto", "unsigned", "signed")
            index += 1
        return index if named and index < end else None

    def _after_name(self, index: int, end: int) -> int:
        """The index after a qualified name with its template arguments: ``a::b<c>::d``."""
        index += 1
        while index < end:
            if self._texts[index] == "<":
                close = self._close_angle(index, end)
                if close is None:
                    return index
                index = close + 1
            elif self._texts[index] == "::" and index + 1 < end:
                index += 2
            else:
                return index
        return index

    def _declarator(self, part: range) -> Declarator | None:
        index = part.start
        while index < part.stop and self._texts[index] in ("*", "&", "const", "thread", "device"):
            index += 1
        is_indirect = any(self._texts[i] in ("*", "&") for i in range(part.start, index))
        if index >= part.stop or self._tokens[index].kind is not TokenKind.IDENTIFIER:
            return None
        name, after = index, index + 1
        while after < part.stop and self._texts[after] == "[":
            after = self._close(after, part.stop) + 1
        is_array = after > name + 1
        if after < part.stop and self._texts[after] not in ("=", "{", "(", ":"):
            return None
        start = after + 1 if after < part.stop and self._texts[after] in ("=", ":") else after
        return Declarator(self._texts[name], name, range(start, part.stop), is_indirect, is_array)

    def _split_at_commas(self, tokens: range) -> Iterator[range]:
        start = index = tokens.start
        while index < tokens.stop:
            if self._texts[index] in _OPENERS:
                index = self._close(index, tokens.stop)
            elif self._texts[index] == "<":
                index = self._close_angle(index, tokens.stop) or index
            elif self._texts[index] == ",":
                yield range(start, index)
                start = index + 1
            index += 1
        yield range(start, tokens.stop)

    def _close(self, index: int, end: int) -> int:
        return min(self._closing.get(index, end), end)

    def _find(self, text: str, index: int, end: int) -> int:
        """The index of the next ``text`` outside brackets, ``end`` if there is none."""
        while index < end and self._texts[index] != text:
            index = self._close(index, end) + 1 if self._texts[index] in _OPENERS else index + 1
        return min(index, end)

    def _close_angle(self, index: int, end: int) -> int | None:
        """The ``>`` for the ``<`` at ``index`` when they can be a template list, else None."""
        depth = 0
        while index < end:
            text = self._texts[index]
            depth += (text == "<") - (text == ">")
            if depth == 0:
                return index
            if text in (";", "&&", "||", "=", "?", "{"):
                return None
            index = self._close(index, end) + 1 if text in ("(", "[") else index + 1
        return None


def _closing_brackets(texts: Sequence[str]) -> dict[int, int]:
    closing: dict[int, int] = {}
    stack: list[int] = []
    for index, text in enumerate(texts):
        if text in _OPENERS:
            stack.append(index)
        elif text in (")", "]", "}"):
            while stack and _OPENERS[texts[stack[-1]]] != text:
                stack.pop()
            if stack:
                closing[stack.pop()] = index
    return closing

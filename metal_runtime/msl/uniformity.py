"""Which variables of a kernel have one value in all threads of a threadgroup: its statements in, their names out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.msl.scopes import unique_names
from metal_runtime.msl.statements import Statement, StatementKind
from metal_runtime.msl.tokens import Token, TokenKind

# Functions and types whose result depends on their arguments alone.
_PURE = frozenset(["min", "max", "abs", "clamp", "select", "sizeof", "as_type", "static_cast", "ctz", "clz", "popcount",
                   "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "size_t", "float",
                   "half", "uint2", "uint3", "int2", "int3", "if", "while", "switch", "metal"])  # fmt: skip
_ASSIGNMENTS = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])


@dataclass(frozen=True, slots=True)
class Uniformity:
    """What is known of a kernel. A name that is in neither set is not the kernel's own.

    ``uniform``: variables and value parameters that are equal in all threads of a threadgroup.
    ``varying``: those that may differ.
    """

    uniform: frozenset[str]
    varying: frozenset[str]


class UniformityAnalysis:
    """Finds uniform variables by refutation: each is taken for uniform until something speaks against it.

    A variable is uniform when its address is never taken, and everything assigned to it consists of constants
    and uniform variables, under conditions that are uniform. Reading memory, and calling what is not known to
    be pure, speaks against it.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        uniform: Iterable[str],
        varying: Iterable[str],
        changing_calls: frozenset[str] = frozenset(),
        pointers: frozenset[str] = frozenset(),
    ) -> None:
        """``uniform`` and ``varying`` are the kernel's parameters, ``pointers`` those of them that are pointers.

        What a pointer points to is always varying. ``changing_calls`` are functions that may change their
        arguments.
        """
        self._changing_calls = changing_calls
        self._pointers = pointers
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._candidates = set(uniform)
        self._varying = set(varying)
        self.names = self._texts
        """What each token means: its text, or ``name@index`` (see scopes.py)."""

    def of_body(self, statements: Sequence[Statement]) -> Uniformity:
        """Analyses a kernel's body. Variables go by their ``names``."""
        self.names = unique_names(self._tokens, statements, self._candidates | self._varying)
        self._collect(statements)
        size = -1
        while size != len(self._varying):
            size = len(self._varying)
            for statement in statements:
                self._visit(statement, True)
        return Uniformity(frozenset(self._candidates - self._varying), frozenset(self._varying))

    def is_uniform(self, expression: range, known: Uniformity) -> bool:
        """Whether an expression of the analysed kernel is equal in all threads."""
        self._varying = set(known.varying)
        return self._is_uniform(expression)

    def assigned(self, tokens: range) -> set[str]:
        """The names that an expression may change."""
        return {name for name, _ in self._assignments(tokens)}

    def _collect(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            for part in statement.walk():
                for declarator in part.declarators:
                    name = self.names[declarator.name_index]
                    if declarator.is_indirect or declarator.is_array:
                        self._varying.add(name)
                    self._candidates.add(name)

    def _visit(self, statement: Statement, uniform_flow: bool) -> None:
        if statement.kind in (StatementKind.EXPRESSION, StatementKind.DECLARATION):
            self._visit_simple(statement, uniform_flow)
            return
        for part in statement.initial:
            self._visit(part, uniform_flow)
        flow = (
            uniform_flow
            and self._is_uniform(statement.condition)
            and not self._leaves_early(statement)
        )
        self._visit_assignments(statement.condition, flow)
        self._visit_assignments(statement.step, flow)
        for part in (*statement.body, *statement.otherwise):
            self._visit(part, flow)

    def _visit_simple(self, statement: Statement, uniform_flow: bool) -> None:
        for declarator in statement.declarators:
            uninitialised = len(declarator.initializer) == 0
            if not uniform_flow or uninitialised or not self._is_uniform(declarator.initializer):
                # Without a value it is uniform only if assignments make it so; undecided is varying.
                self._varying.add(self.names[declarator.name_index])
        self._visit_assignments(statement.tokens, uniform_flow)

    def _visit_assignments(self, tokens: range, uniform_flow: bool) -> None:
        for name, value in self._assignments(tokens):
            if value is None or not uniform_flow or not self._is_uniform(value):
                self._varying.add(name)

    def _assignments(self, tokens: range) -> Iterator[tuple[str, range | None]]:
        """Every name that an expression assigns to, with the value; None where its address is taken."""
        for index in tokens:
            text = self._texts[index]
            if text in ("++", "--"):
                for place in (index - 1, index + 1):
                    if place in tokens and self._tokens[place].kind is TokenKind.IDENTIFIER:
                        yield self.names[place], range(0)
            elif text in _ASSIGNMENTS and self._is_assignment(index, tokens):
                end = self._expression_end(index + 1, tokens)
                target = self._target(index, tokens)
                if not (target < index - 1 and self.names[target] in self._pointers):
                    yield self.names[target], range(index + 1, end)
            elif text == "&" and self._takes_address(index, tokens):
                indexed = index + 2 in tokens and self._texts[index + 2] in ("[", "->")
                if indexed and self.names[index + 1] in self._pointers:
                    continue  # the address of what it points to
                yield self.names[index + 1], None
            elif text == "(" and index - 1 in tokens:
                yield from self._changed_by_call(index, tokens)

    def _changed_by_call(self, open_: int, tokens: range) -> Iterator[tuple[str, None]]:
        """The variables that a call may change: those passed by reference, and the object of a method."""
        name = open_ - 1
        if self._tokens[name].kind is not TokenKind.IDENTIFIER:
            return
        if self._texts[name - 1] == "." and name - 2 in tokens:
            yield self.names[self._target(name, tokens)], None
        if self._texts[name] in self._changing_calls:
            end = self._expression_end(open_ + 1, tokens)
            while end in tokens and self._texts[end] == ",":
                end = self._expression_end(end + 1, tokens)
            for i in range(open_ + 1, min(end, tokens.stop)):
                named = self._tokens[i].kind is TokenKind.IDENTIFIER
                if named and not (self.names[i] in self._pointers and self._texts[i + 1] == "["):
                    yield self.names[i], None

    def _is_assignment(self, index: int, tokens: range) -> bool:
        # `<=`, `>=` and shifts are made of single tokens: `a <= b`, `a >>= b`.
        before = self._texts[index - 1] if index - 1 in tokens else ""
        before_that = self._texts[index - 2] if index - 2 in tokens else ""
        return self._texts[index] != "=" or before not in ("<", ">") or before_that == before

    def _target(self, index: int, tokens: range) -> int:
        """The variable that is assigned to: the first name of the left side, a member's owner or an array."""
        start = index
        depth = 0
        while start - 1 in tokens:
            text = self._texts[start - 1]
            depth += (text in ")]") - (text in "([")
            if depth < 0 or (depth == 0 and text in (";", ",", "{", "}", "=", "?", ":")):
                break
            start -= 1
        names = (i for i in range(start, index) if self._tokens[i].kind is TokenKind.IDENTIFIER)
        own = self._candidates | self._varying
        return next((i for i in names if self.names[i] in own), start)

    def _takes_address(self, index: int, tokens: range) -> bool:
        before = self._tokens[index - 1] if index - 1 in tokens else None
        follows_operand = before is not None and (
            before.kind in (TokenKind.IDENTIFIER, TokenKind.NUMBER) or before.text in (")", "]")
        )
        return not follows_operand and index + 1 in tokens

    def _expression_end(self, index: int, tokens: range) -> int:
        depth = 0
        while index in tokens:
            text = self._texts[index]
            depth += (text in "([{") - (text in ")]}")
            if depth < 0 or (depth == 0 and text in (",", ";")):
                break
            index += 1
        return index

    def _is_uniform(self, expression: range) -> bool:
        for index in expression:
            token = self._tokens[index]
            following = self._texts[index + 1] if index + 1 in expression else ""
            calls_member = (
                following == "(" and index - 1 in expression and self._texts[index - 1] == "."
            )
            if (
                calls_member
                or token.text in ("[", "->")
                or (token.text == "*" and self._dereferences(index, expression))
            ):
                return False
            is_member = index - 1 in expression and self._texts[index - 1] == "."
            if token.kind is not TokenKind.IDENTIFIER or is_member:
                continue
            if self.names[index] in self._varying:
                return False
            if following == "(" and token.text not in _PURE:
                return False
        return True

    def _dereferences(self, index: int, expression: range) -> bool:
        if index - 1 not in expression:
            return True
        before = self._tokens[index - 1]
        return before.kind is TokenKind.PUNCTUATION and before.text not in (")", "]", ">")

    def _leaves_early(self, statement: Statement) -> bool:
        """Whether threads may leave the loop apart: a jump under a condition that is not uniform."""
        if statement.kind not in (StatementKind.FOR, StatementKind.WHILE, StatementKind.DO):
            return False
        return any(
            inner.kind in (StatementKind.IF, StatementKind.SWITCH)
            and not self._is_uniform(inner.condition)
            and any(part.kind is StatementKind.JUMP for part in inner.walk())
            for body in statement.body
            for inner in body.walk()
        )

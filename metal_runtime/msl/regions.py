"""Splits a kernel's body where its threads meet: statements in, the edits that turn it into loops over the threads out.

Between two meetings (barriers, reductions over a simdgroup) the threads of a threadgroup do not wait for each
other, so a region runs as a loop over them. What lives across a meeting gets a row of one value a thread;
uniform variables stay what they are. A body that this cannot be done for raises Unsplittable: fibers run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from metal_runtime.msl.body_edits import BodyEdits, Row, Unsplittable
from metal_runtime.msl.evaluation_order import (
    closing,
    escaping_jump,
    has_comma_operator,
    has_lambda,
    is_unconditional,
)
from metal_runtime.msl.lane_functions import (
    BARRIERS,
    is_lane_function,
    is_meeting,
    over_all_threads,
    split_arguments,
)
from metal_runtime.msl.statements import Declarator, Statement, StatementKind
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl.uniformity import UniformityAnalysis

_SIMPLE = (StatementKind.EXPRESSION, StatementKind.DECLARATION)


class RegionSplitter:
    """Splits one body. ``meeting_calls`` are the user's functions in which threads meet."""

    def __init__(
        self,
        tokens: Sequence[Token],
        uniform: Iterable[str],
        varying: Iterable[str],
        thread_bindings: str,
        meeting_calls: frozenset[str] = frozenset(),
        changing_calls: frozenset[str] = frozenset(),
        spellings: Mapping[int, str] | None = None,
        pointers: frozenset[str] = frozenset(),
        references: frozenset[str] = frozenset(),
    ) -> None:
        """``thread_bindings`` is the C++ text that defines the parameters which differ between threads.

        It may use ``__i __j __k``, the thread's place in the threadgroup, and ``__index``, its index.
        ``changing_calls`` are functions that may change their arguments; ``pointers`` and ``references`` are the
        parameters that are such; ``spellings`` is what C++ has in place of a token.
        """
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._parameters = (tuple(uniform), tuple(varying))
        self._thread_bindings = thread_bindings
        self._meeting_calls = meeting_calls
        self._changing_calls = changing_calls
        self._spellings = spellings or {}
        self._pointers = pointers
        self._references = references
        self._demoted: set[str] = set()

    def split(self, body: Sequence[Statement]) -> BodyEdits:
        """The edits of a body. Raises Unsplittable."""
        while True:
            uniform, varying = self._parameters
            self._analysis = UniformityAnalysis(
                self._tokens,
                uniform,
                (*varying, *self._demoted),
                self._changing_calls,
                self._pointers,
            )
            self._known = self._analysis.of_body(body)
            self._names = self._analysis.names
            self._edits = BodyEdits()
            self._rows: dict[str, Row] = {}
            self._scalars: set[str] = set(uniform) & self._known.uniform
            self._changed = {name for s in body for name in self._reassigned(s)}
            demoted = set(self._demoted)
            self._parameter_rows(body)
            self._block(body)
            if demoted == self._demoted:
                return self._edits

    def _parameter_rows(self, body: Sequence[Statement]) -> None:
        """A parameter that threads change each for itself gets a row, which begins as the parameter's value."""
        own = {name for names in self._parameters for name in names} - self._known.uniform
        changed: dict[str, int] = {}
        for statement in body:
            for name in own & self._assigned(statement):
                changed.setdefault(name, statement.tokens.start)
        for name, place in sorted(changed.items()):
            if name in self._references:
                raise Unsplittable(f"threads write to the parameter `{name}`, a reference", place)
            row = self._rows[name] = Row(name, 0)
            self._edits.put_before(
                body[0].tokens.start,
                f"auto* const {row.storage} = __group.template row<__remove_cv(decltype({name}))>(); "
                f"IRIS_THREADS_BEGIN {{ {self._thread_bindings}{row.storage}[__index] = {name}; }} IRIS_THREADS_END ",
            )

    # --- items: what runs once, what runs for each thread -------------------------------------------

    def _block(self, statements: Sequence[Statement]) -> None:
        once = []
        for number, statement in enumerate(statements):
            once.append(self._runs_once(statement, statements[number + 1 :]))
            if once[-1]:
                self._scalars.update(self._names[d.name_index] for d in statement.declarators)
        ends = [single or self._has_meeting(s) for single, s in zip(once, statements, strict=True)]
        region: list[Statement] = []
        rows: list[str] = []
        for number, statement in enumerate(statements):
            if ends[number]:
                self._close(region, rows)
            if once[number]:
                continue
            if self._is_barrier(statement):
                self._edits.remove(statement.tokens)
            elif self._has_meeting(statement) and statement.kind not in _SIMPLE:
                self._control(statement)
            else:
                self._hoist(statement)
                crossing = self._crossing(statement, statements[number + 1 :], ends[number + 1 :])
                rows += [self._declare_row(statement, declarator) for declarator in crossing]
                region.append(statement)
        self._close(region, rows)

    def _close(self, region: list[Statement], rows: list[str]) -> None:
        """Makes the statements of ``region`` one loop over the threads behind ``rows``, and empties both."""
        if not region:
            return
        for statement in region:
            leaves = escaping_jump(statement, self._texts)
            if leaves is not None:
                raise Unsplittable(
                    f"`{self._texts[leaves]}` leaves before the threads meet", leaves
                )
        tokens = range(region[0].tokens.start, region[-1].tokens.stop)
        self._check_scalars(region)
        region.clear()
        bindings = "".join(row.binding for row in self._used_rows(tokens))
        storage = "".join(rows)
        rows.clear()
        head = f"{storage}IRIS_THREADS_BEGIN {{ {self._thread_bindings}{{ {bindings}"
        self._edits.before[tokens.start] = self._edits.before.get(tokens.start, "") + head
        self._edits.put_after(tokens.stop - 1, " }} IRIS_THREADS_END")

    def _control(self, statement: Statement) -> None:
        """A branch or loop in which threads meet: it runs once, its condition must be uniform."""
        if statement.kind is StatementKind.BLOCK:
            self._scope(statement)
            return
        kinds = (StatementKind.IF, StatementKind.FOR, StatementKind.WHILE, StatementKind.DO)
        if statement.kind not in kinds:
            raise Unsplittable(
                "threads meet in a statement that is not understood", statement.tokens.start
            )
        for part in statement.initial:
            names = {self._names[d.name_index] for d in part.declarators}
            if not names <= self._known.uniform:
                why = "a loop in which threads meet begins with a value that varies"
                raise Unsplittable(why, part.tokens.start)
            self._scalars.update(names)
        for expression in (statement.condition, statement.step):
            if not self._analysis.is_uniform(expression, self._known) or self._mentions_meeting(
                expression
            ):
                raise Unsplittable(
                    "threads meet under a condition that may vary", statement.tokens.start
                )
        for part in (*statement.body, *statement.otherwise):
            self._scope(part)

    def _scope(self, statement: Statement) -> None:
        """A block, or a statement alone: what it declares ends with it."""
        is_block = statement.kind is StatementKind.BLOCK
        outer = dict(self._rows), set(self._scalars)
        first, last = statement.tokens.start, statement.tokens.stop - 1
        mark = "__regions::mark __mark(__group); "
        if is_block:
            self._edits.put_after(first, f" {mark}")
        else:
            self._edits.put_before(first, f"{{ {mark}")
        self._block(statement.body if is_block else (statement,))
        if not is_block:
            self._edits.put_after(last, " }")
        self._rows, self._scalars = outer

    def _runs_once(self, statement: Statement, later: Sequence[Statement]) -> bool:
        """Whether a statement deals with uniform variables that other items read."""
        if statement.kind is StatementKind.TYPE_DECLARATION:
            if not self._has_meeting(statement):
                return True
            raise Unsplittable("threads meet in a local class", statement.tokens.start)
        if statement.kind is StatementKind.DECLARATION:
            if self._texts[statement.tokens.start] == "threadgroup" and not any(
                d.is_indirect for d in statement.declarators
            ):
                return True
            names = {self._names[d.name_index] for d in statement.declarators}
            read = self._is_constant(statement) or self._met_later(names, later)
            return read and names <= self._known.uniform
        if statement.kind is StatementKind.IF:
            return self._leaves_together(statement)
        if statement.kind is not StatementKind.EXPRESSION:
            return False
        first = self._names[statement.tokens.start]
        assigned = self._analysis.assigned(statement.tokens)
        return first in self._scalars and assigned == {first} and first in self._known.uniform

    def _is_constant(self, statement: Statement) -> bool:
        """Whether a statement declares constants that are uniform."""
        declared = statement.tokens if statement.kind is StatementKind.DECLARATION else ()
        words = {self._texts[i] for i in declared}
        names = {self._names[d.name_index] for d in statement.declarators}
        return names <= self._known.uniform and not words.isdisjoint(("const", "constexpr"))

    def _leaves_together(self, statement: Statement) -> bool:
        """Whether a branch does nothing but jump, for all threads or for none."""
        inner = statement.body
        while len(inner) == 1 and inner[0].kind is StatementKind.BLOCK:
            inner = inner[0].body
        jumps = len(inner) == 1 and inner[0].kind is StatementKind.JUMP and not statement.otherwise
        return jumps and self._analysis.is_uniform(statement.condition, self._known)

    # --- variables ----------------------------------------------------------------------------------------

    def _crossing(
        self, statement: Statement, later: Sequence[Statement], ends: Sequence[bool]
    ) -> list[Declarator]:
        """The variables of a declaration that are read behind its region's end."""
        crossing: set[str] = set()
        behind = False
        for following, end in zip(later, ends, strict=True):
            behind = behind or end
            if behind:
                crossing |= {self._names[i] for i in following.tokens}
        return [d for d in statement.declarators if self._names[d.name_index] in crossing]

    def _declare_row(self, statement: Statement, declarator: Declarator) -> str:
        """Makes a variable a row; returns the text that declares the row."""
        name, at = declarator.name, declarator.name_index
        key = self._names[at]
        alone = len(statement.declarators) == 1
        if key in self._rows or not (
            alone or all(not d.is_indirect for d in statement.declarators)
        ):
            raise Unsplittable(
                f"`{name}` lives across a meeting and is declared beside another", at
            )
        if alone and self._says_where(declarator):
            text = " ".join(map(self._spelled, statement.tokens))
            self._rows[key] = Row(name, at, f"{text} ")
            return ""
        own = [
            self._texts[i]
            for i in range(statement.tokens.start, statement.declarators[0].name_index)
        ]
        if "auto" in own or "&" in own:
            raise Unsplittable(f"`{name}` lives across a meeting and has no type of its own", at)
        row = Row(name, at)
        suffix_end = declarator.initializer.start
        suffix = [self._texts[i] for i in range(at + 1, suffix_end) if self._texts[i] != "="]
        type_ = " ".join(
            text for text in own if text not in ("thread", "device", "threadgroup", "static")
        )
        type_ = re.sub(r"\bconstant\b", "const", type_)
        array = "".join(suffix).rstrip(";") if declarator.is_array else ""
        for i in range(at, statement.tokens.stop):  # in the initial values behind it, too
            if self._names[i] == key and self._texts[i - 1] not in (".", "->"):
                self._edits.instead[i] = f"__new_{name}"
        copy = "" if not len(declarator.initializer) else (
            f"__builtin_memcpy((void*)&{row.storage}[__index], &__new_{name}, sizeof(__new_{name})); "
        )  # fmt: skip
        self._edits.put_after(statement.tokens.stop - 1, f" {copy}{row.binding}")
        self._rows[key] = row
        return (
            f"typedef {type_} __type_{name}_{at}{array}; __type_{name}_{at}* const {row.storage} = "
            f"__group.template row<__type_{name}_{at}>(); "
        )

    def _says_where(self, declarator: Declarator) -> bool:
        """Whether a variable is a thread's position, counted in some way, and stays so: `uint x = tid.x / 2;`."""
        value = declarator.initializer
        if not len(value) or self._names[declarator.name_index] in self._changed:
            return False
        known = set(self._parameters[1]) - self._changed - self._pointers
        for i in value:
            token, before = self._tokens[i], self._texts[i - 1]
            counted = token.kind is TokenKind.NUMBER or token.text in known or before == "."
            if not counted and (token.text not in "+-*/%()." or before in "*/%+-(="):
                return False  # `*` at the beginning reads memory
        return self._texts[value.start - 1] == "="

    def _met_later(self, names: set[str], later: Sequence[Statement]) -> bool:
        """Whether one of ``names`` is mentioned behind the next meeting, or by a constant."""
        met = False
        for statement in later:
            met = met or self._has_meeting(statement)
            reads = any(self._names[i] in names for i in statement.tokens)
            if reads and (met or self._is_constant(statement)):
                return True
        return False

    def _used_rows(self, tokens: range) -> list[Row]:
        """The rows that a region reads and does not declare."""
        mentioned = {self._names[i] for i in tokens if i not in self._edits.instead}
        declared = {name for name, row in self._rows.items() if row.index in tokens}
        return [row for name, row in self._rows.items() if name in mentioned - declared]

    def _check_scalars(self, region: Sequence[Statement]) -> None:
        """What runs once must not be assigned by each thread: such a variable is no scalar after all."""
        for statement in region:
            self._demoted |= self._assigned(statement) & self._scalars

    def _assigned(self, statement: Statement) -> set[str]:
        """The names that a statement, or one within it, may change."""
        names: set[str] = set()
        for part in statement.walk():
            compound = part.body or part.otherwise or part.initial
            for where in (part.condition, part.step) if compound else (part.tokens,):
                names |= self._analysis.assigned(where)
        return names

    def _reassigned(self, statement: Statement) -> set[str]:
        """The names that a statement may change but for declaring them, references to them included."""
        names: set[str] = set()
        for part in statement.walk():
            if not part.declarators:
                names |= self._assigned(part)
            for declarator in part.declarators:
                names |= self._analysis.assigned(declarator.initializer)
                if "&" in self._texts[part.tokens.start : declarator.name_index]:
                    names |= {self._names[i] for i in declarator.initializer}
        return names

    # --- meetings -----------------------------------------------------------------------------------------

    def _is_meeting(self, index: int) -> bool:
        return is_meeting(self._tokens, index, self._meeting_calls)

    def _mentions_meeting(self, tokens: range) -> bool:
        return any(map(self._is_meeting, tokens))

    def _has_meeting(self, statement: Statement) -> bool:
        return self._mentions_meeting(statement.tokens)

    def _is_barrier(self, statement: Statement) -> bool:
        start = statement.tokens.start
        if self._texts[start : start + 2] == ["metal", "::"]:
            start += 2
        return statement.kind is StatementKind.EXPRESSION and self._texts[start] in BARRIERS

    def _hoist(self, statement: Statement) -> None:
        """Computes what threads give each other before the statement, and puts the results in its place."""
        meetings = [i for i in statement.tokens if self._is_meeting(i)]
        if not meetings:
            return
        apart = not has_lambda(self._texts, statement.tokens)
        if statement.kind is StatementKind.EXPRESSION:
            apart = apart and not has_comma_operator(self._texts, statement.tokens)
        declared = {self._names[d.name_index] for d in statement.declarators}
        for index in reversed(meetings):  # the inner ones first
            call = range(index, closing(self._texts, index + 1, statement.tokens.stop) + 1)
            self_contained = not self._analysis.assigned(call) and not (
                declared & {self._names[i] for i in call}
            )
            unconditional = is_unconditional(self._texts, index, statement.tokens.start)
            known = is_lane_function(self._texts, index)
            if not (apart and known and self_contained and unconditional):
                raise Unsplittable(
                    f"`{self._texts[index]}` stands where regions cannot take it apart", index
                )
            self._hoist_call(statement, call)

    def _hoist_call(self, statement: Statement, call: range) -> None:
        index = call.start
        inside = range(index + 2, call.stop - 1)
        arguments = split_arguments([self._spelled(i) for i in inside], index)
        rows = "".join(row.binding for row in self._used_rows(inside))
        bindings = f"{self._thread_bindings}{{ {rows}"
        row = over_all_threads(self._texts[index], arguments, bindings, index)
        self._edits.put_before(statement.tokens.start, f"auto* const __met_{index} = {row}; ")
        self._edits.remove(call)
        self._edits.instead[index] = f"__met_{index}[__index]"
        if index - 2 in statement.tokens and self._texts[index - 2 : index] == ["metal", "::"]:
            self._edits.remove(range(index - 2, index))

    def _spelled(self, index: int) -> str:
        return self._edits.instead.get(index, self._spellings.get(index, self._texts[index]))


__all__ = ["RegionSplitter", "Unsplittable"]

"""Splits a kernel's body where its threads meet: statements in, the edits that turn it into loops over the threads out.

Between two meetings (barriers, reductions over a simdgroup) the threads of a threadgroup do not wait for each
other, so a region runs as a loop over them. What lives across a meeting gets a row of one value a thread;
uniform variables stay what they are. A body that this cannot be done for raises Unsplittable: fibers run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from metal_runtime.msl.body_edits import BodyEdits, Row, Unsplittable
from metal_runtime.msl.statements import Declarator, Statement, StatementKind
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl.uniformity import Uniformity, UniformityAnalysis

BARRIERS = frozenset(["threadgroup_barrier", "simdgroup_barrier"])
REDUCTIONS = {
    "simd_sum": "sum", "simd_product": "product", "simd_min": "minimum", "simd_max": "maximum",
    "simd_and": "bit_and", "simd_or": "bit_or", "simd_xor": "bit_xor",
}  # fmt: skip
"""The simdgroup functions that regions know, with the operation in detail/simdgroup.h."""

MEETING = re.compile(
    r"(?:threadgroup|simdgroup)_barrier|(?:__metal_)?(?:simd|quad)_[a-z]\w*|simdgroup_\w+"
)


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
    ) -> None:
        """``thread_bindings`` is the C++ text that defines the parameters which differ between threads.

        It may use ``__i __j __k``, the thread's place in the threadgroup, and ``__index``, its index.
        ``changing_calls`` are functions that may change their arguments; ``pointers`` are the parameters that
        are pointers; ``spellings`` is what C++ has in
        place of a token.
        """
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._parameters = (tuple(uniform), tuple(varying))
        self._thread_bindings = thread_bindings
        self._meeting_calls = meeting_calls
        self._changing_calls = changing_calls
        self._spellings = spellings or {}
        self._pointers = pointers
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
            self._check_parameters(body)
            self._block(body)
            if demoted == self._demoted:
                return self._edits

    def _check_parameters(self, body: Sequence[Statement]) -> None:
        """A parameter that threads change each for itself would need a row, which it has not."""
        own = {name for names in self._parameters for name in names} - self._known.uniform
        for statement in body:
            changed = own & self._assigned(statement)
            if changed:
                raise Unsplittable(
                    f"each thread changes its parameter `{min(changed)}`", statement.tokens.start
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
                self._remove(statement)
            elif self._has_meeting(statement) and not self._has_reduction(statement):
                self._control(statement)
            else:
                if self._has_reduction(statement):
                    self._reductions(statement)
                crossing = self._crossing(statement, statements[number + 1 :], ends[number + 1 :])
                rows += [self._declare_row(statement, declarator) for declarator in crossing]
                region.append(statement)
        self._close(region, rows)

    def _close(self, region: list[Statement], rows: list[str]) -> None:
        """Makes the statements of ``region`` one loop over the threads behind ``rows``, and empties both."""
        if not region:
            return
        for statement in region:
            self._check_jumps(statement)
        tokens = range(region[0].tokens.start, region[-1].tokens.stop)
        self._check_scalars(region)
        region.clear()
        bindings = "".join(row.binding for row in self._used_rows(tokens))
        storage = "".join(rows)
        rows.clear()
        head = f"{storage}IRIS_THREADS_BEGIN {{ {self._thread_bindings}{bindings}"
        self._edits.before[tokens.start] = self._edits.before.get(tokens.start, "") + head
        self._edits.put_after(tokens.stop - 1, " } IRIS_THREADS_END")

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
                raise Unsplittable(
                    "a loop in which threads meet begins with a value that varies",
                    part.tokens.start,
                )
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
            return True
        if statement.kind is StatementKind.DECLARATION:
            if self._texts[statement.tokens.start] == "threadgroup" and not any(
                d.is_indirect for d in statement.declarators
            ):
                return True
            names = {self._names[d.name_index] for d in statement.declarators}
            own = {self._texts[i] for i in statement.tokens}
            is_uniform = names <= self._known.uniform
            return is_uniform and (
                "constexpr" in own or "const" in own or self._met_later(names, later)
            )
        if statement.kind is StatementKind.IF:
            return self._leaves_together(statement)
        if statement.kind is not StatementKind.EXPRESSION:
            return False
        first = self._names[statement.tokens.start]
        assigned = self._analysis.assigned(statement.tokens)
        return first in self._scalars and assigned == {first} and first in self._known.uniform

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
        if len(statement.declarators) > 1 or key in self._rows:
            raise Unsplittable(
                f"`{name}` lives across a meeting and is declared beside another", at
            )
        if self._says_where(declarator):
            text = " ".join(map(self._spelled, statement.tokens))
            self._rows[key] = Row(name, at, f"{text} ")
            return ""
        own = [self._texts[i] for i in range(statement.tokens.start, at)]
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
        self._edits.instead[at] = f"__new_{name}"
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
        """Whether one of ``names`` is mentioned behind the next meeting."""
        met = False
        for statement in later:
            met = met or self._has_meeting(statement)
            if met and any(self._names[i] in names for i in statement.tokens):
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

    def _check_jumps(
        self, statement: Statement, in_loop: bool = False, in_switch: bool = False
    ) -> None:
        """A thread must stay in its region: it may only leave loops that lie within."""
        if statement.kind is StatementKind.JUMP:
            text = self._texts[statement.tokens.start]
            inside = in_loop or (in_switch and text == "break")
            if text not in ("break", "continue") or not inside:
                raise Unsplittable(
                    f"`{text}` leaves before the threads meet", statement.tokens.start
                )
        loops = (StatementKind.FOR, StatementKind.WHILE, StatementKind.DO)
        for part in (*statement.body, *statement.otherwise):
            switch = in_switch or statement.kind is StatementKind.SWITCH
            self._check_jumps(part, in_loop or statement.kind in loops, switch)

    # --- meetings -----------------------------------------------------------------------------------------

    def _is_meeting(self, index: int) -> bool:
        text = self._texts[index]
        called = self._tokens[index].kind is TokenKind.IDENTIFIER and index + 1 < len(self._texts)
        if not called or self._texts[index + 1] not in ("(", "<"):
            return False
        return text in self._meeting_calls or MEETING.fullmatch(text) is not None

    def _mentions_meeting(self, tokens: range) -> bool:
        return any(self._is_meeting(i) for i in tokens)

    def _has_meeting(self, statement: Statement) -> bool:
        return self._mentions_meeting(statement.tokens)

    def _is_barrier(self, statement: Statement) -> bool:
        start = statement.tokens.start
        if self._texts[start : start + 2] == ["metal", "::"]:
            start += 2
        return statement.kind is StatementKind.EXPRESSION and self._texts[start] in BARRIERS

    def _has_reduction(self, statement: Statement) -> bool:
        simple = statement.kind in (StatementKind.EXPRESSION, StatementKind.DECLARATION)
        return simple and self._has_meeting(statement)

    def _reductions(self, statement: Statement) -> None:
        """Computes the reductions of a statement before it, and puts their results in their place."""
        meetings = [i for i in statement.tokens if self._is_meeting(i)]
        evaluated = {self._texts[i] for i in statement.tokens} & {"?", "&&", "||"}
        for index in meetings:
            if self._texts[index] not in REDUCTIONS or evaluated or len(meetings) > 1:
                raise Unsplittable(
                    f"`{self._texts[index]}` stands where regions cannot take it apart", index
                )
            self._reduction(statement, index)

    def _reduction(self, statement: Statement, index: int) -> None:
        close = self._closing(index + 1, statement.tokens)
        argument = range(index + 2, close)
        bindings = "".join(row.binding for row in self._used_rows(argument))
        value = " ".join(self._spelled(i) for i in argument)
        self._edits.put_before(
            statement.tokens.start,
            f"auto* const __met_{index} = __regions::reduce<__lanes::{REDUCTIONS[self._texts[index]]}>(__group, "
            f"[&](uint __i, uint __j, uint __k, uint __index) __attribute__((always_inline)) "
            f"{{ {self._thread_bindings}{bindings}return {value}; }}); ",
        )
        for i in range(index, close + 1):
            self._edits.instead[i] = ""
        self._edits.instead[index] = f"__met_{index}[__index]"

    def _spelled(self, index: int) -> str:
        return self._edits.instead.get(index, self._spellings.get(index, self._texts[index]))

    def _closing(self, open_: int, tokens: range) -> int:
        depth = 0
        for i in range(open_, tokens.stop):
            depth += (self._texts[i] in "([{") - (self._texts[i] in ")]}")
            if depth == 0:
                return i
        raise Unsplittable("a parenthesis is left open", open_)

    def _remove(self, statement: Statement) -> None:
        for i in statement.tokens:
            self._edits.instead[i] = ""


__all__ = ["BARRIERS", "REDUCTIONS", "BodyEdits", "RegionSplitter", "Uniformity", "Unsplittable"]

"""Pending values in, their elements in memory out: plans are made once for each kind of graph, and run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from metal_runtime.buffer_host import Launch
from metal_runtime.device.block import Block
from metal_runtime.dtype import DType
from metal_runtime.graph.calls import elementwise_call
from metal_runtime.graph.dependence import overlap
from metal_runtime.graph.observing import Observer, Ran
from metal_runtime.graph.operations import Elementwise
from metal_runtime.graph.plan import Plan, Target, make_plan
from metal_runtime.graph.recorded_plan import note_flush, own_memory
from metal_runtime.graph.trace import Trace, structure, trace
from metal_runtime.logging import get_logger
from metal_runtime.recording.recorder import RECORDER, now
from metal_runtime.runtime.session import Session
from metal_runtime.strided import Shape, contiguous
from metal_runtime.value import Value, pending_value

_KEPT = 4096  # kinds of calls, and plans, remembered a session
_Kept = TypeVar("_Kept")
_log = get_logger("graph")


def remember(kept: dict[tuple[Any, ...], _Kept], key: tuple[Any, ...], what: _Kept) -> None:
    """Keeps what was made for a key; all else is forgotten where there is too much of it."""
    if len(kept) >= _KEPT:
        kept.clear()
    kept[key] = what


class Runner:
    """Runs the graphs of one session; its caller holds a lock."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self.observers: list[Observer] = []
        """Who looks on."""

        self.moment = 0
        """How often pending values have got into memory."""

    def run(self, roots: Sequence[Value]) -> None:
        """Starts what computes the roots, each given once; they are in memory then."""
        traced = trace(roots)
        blocks = self._launch(traced, None, None)[1]
        self.moment += 1
        for root, block in zip(roots, blocks, strict=True):
            root.settle(block)
        if RECORDER.on:
            own_memory(roots)

    def run_into(self, value: Value, place: Value) -> None:
        """Writes a value into the memory of another, which may be among what it is made of."""
        block = place.block
        assert block is not None
        layout = place.layout or contiguous(place.shape)
        traced = trace([value], layout, block)
        if any(leaf.block is not block and overlap(leaf.block, block) for leaf in traced.leaves):
            self.run([value])
            self.run_into(_copy_of(value), place)
            return
        shared = frozenset(k for k, leaf in enumerate(traced.leaves) if leaf.block is block)
        plan, blocks = self._launch(traced, Target(layout, shared), block)
        if not plan.in_target:
            value.settle(blocks[0])
            self.run_into(_copy_of(value), place)

    def plan(self, traced: Trace, target: Target | None = None) -> Plan:
        """The plan for a traced graph, made when there is none."""
        found = self._plans.get(traced.key)
        if found is None:
            found = make_plan(self._session, structure(traced), target)
            remember(self._plans, traced.key, found)
            _log.debug("planned %d operators as %d kernels", found.operators, len(found.steps))
        return found

    # --- who looks on ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def observed(self) -> Iterator[list[Ran]]:
        """What runs within the block."""
        observer = Observer()
        self.observers.append(observer)
        try:
            yield observer.ran
        finally:
            self.observers.remove(observer)

    def launched(self, launch: Launch, args: Sequence[Any]) -> None:
        """A kernel that is no part of a plan was launched with these arguments."""
        for observer in self.observers:
            observer.launched(launch, args)

    def _launch(
        self, traced: Trace, target: Target | None, into: Block | None
    ) -> tuple[Plan, list[Block]]:
        if RECORDER.on:
            begin, is_new = now(), traced.key not in self._plans
            plan, blocks = self._run(traced, target, into)
            note_flush(self._session.device_name, plan, begin, is_new)
            return plan, blocks
        return self._run(traced, target, into)

    def _run(
        self, traced: Trace, target: Target | None, into: Block | None
    ) -> tuple[Plan, list[Block]]:
        plan = self._plans.get(traced.key) or self.plan(traced, target)
        blocks = plan.run(self._session, traced, into)
        for observer in self.observers:
            leaves = [leaf.block for leaf in traced.leaves if leaf.block is not None]
            observer.plan_ran(plan, leaves, blocks)
        return plan, blocks


def _copy_of(value: Value) -> Value:
    call = _copying(value.shape, value.dtype)
    return pending_value(value.shape, value.dtype, call, (value,))


@functools.lru_cache(maxsize=_KEPT)
def _copying(shape: Shape, dtype: DType) -> Elementwise:
    return elementwise_call("cast", ("cast", shape, dtype, None), 1, None)

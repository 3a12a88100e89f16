"""Pending values, and what a launch reads and writes, in; those that must be in memory before the launch out."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from metal_runtime.device.block import Block
from metal_runtime.value import Value


def started_before(
    held: Sequence[Value], wanted: Sequence[Value], written: Sequence[Value]
) -> list[Value]:
    """What has to start before ``wanted`` are read and ``written`` are overwritten, each once.

    That is what they are themselves, as far as it is pending; of the ``held`` values those that read memory
    or a value that is overwritten, directly or through others; and those held values that any of these is made
    of. A result that nobody holds and that one of these needs is computed once: so what else is made of it
    starts, too.
    """
    targets = [value for value in (*wanted, *written) if value.operation is not None]
    roots = list(dict.fromkeys([*held, *targets]))
    order = sorted(pending_below(roots), key=operator.attrgetter("serial"))
    users: dict[Value, list[Value]] = {value: [] for value in order}
    for value in order:
        for operand in _pending_inputs(value):
            users[operand].append(value)
    readers = _readers(order, written)
    anchors = frozenset(roots)
    waiting = [*targets, *(value for value in held if value in readers)]
    started: set[Value] = set()
    while waiting:
        value = waiting.pop()
        if value not in started:
            started.add(value)
            waiting += _pending_inputs(value)
            if value not in anchors:
                waiting += users[value]
    return [root for root in roots if root in started]


def held_below(value: Value, held: Iterable[Value]) -> list[Value]:
    """Those of the held values that a value is made of."""
    below = pending_below([value])
    return [found for found in held if found in below]


def pending_below(roots: Iterable[Value]) -> set[Value]:
    """The values themselves, and the pending ones that they are made of."""
    found: set[Value] = set()
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if value not in found:
            found.add(value)
            waiting += _pending_inputs(value)
    return found


def overlap(a: Block | None, b: Block) -> bool:
    """Whether two blocks share bytes: adopted memory may be given twice."""
    if a is None:
        return False
    return a.address < b.address + b.nbytes and b.address < a.address + a.nbytes


def _readers(order: Iterable[Value], written: Sequence[Value]) -> set[Value]:
    """The values, of an order in which each follows its inputs, that read what is written; and the written ones."""
    found = {value for value in written if value.operation is not None}
    blocks = [value.block for value in written if value.block is not None]
    for value in order:
        if any(o in found or _reads(o, blocks) for o in value.inputs if o.__class__ is Value):
            found.add(value)
    return found


def _reads(operand: Any, blocks: Sequence[Block]) -> bool:
    return any(operand.block is block or overlap(operand.block, block) for block in blocks)


def _pending_inputs(value: Value) -> Iterator[Value]:
    return (o for o in value.inputs if o.__class__ is Value and o.operation is not None)

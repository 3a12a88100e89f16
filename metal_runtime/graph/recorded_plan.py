"""Plans that ran in, events of them out: what runs plans calls these while somebody records."""

from __future__ import annotations

from collections.abc import Sequence
from threading import get_ident

from metal_runtime.graph.explain import explanation
from metal_runtime.graph.observing import planned
from metal_runtime.graph.plan import Plan
from metal_runtime.recording.events import FlushEvent, FusionEvent
from metal_runtime.recording.places import caller
from metal_runtime.recording.recorder import RECORDER, now
from metal_runtime.value import Value


def note_flush(device: str, plan: Plan, begin: int, is_new: bool) -> None:
    """A plan was run, which had to be made if it ``is_new``."""
    end, thread, place = now(), get_ident(), caller()
    operators, kernels = plan.operators, len(plan.steps)
    RECORDER.note(FlushEvent, begin, end, thread, device, operators, kernels, is_new, place)
    if is_new:
        found = explanation([planned(plan)])
        RECORDER.note(
            FusionEvent, begin, end, thread, device, operators, tuple(k.name for k in found.kernels),
            found.moved_bytes, found.eager_bytes, str(found), found.svg(), place,
        )  # fmt: skip


def own_memory(roots: Sequence[Value]) -> None:
    """The memory of results belongs to the lines of their operators, not to the line that needed them."""
    for root in roots:
        place = getattr(root, "place", None)
        if root.block is not None and place is not None:
            RECORDER.owned(root.block.address, place)

"""Elements of an array, chosen by indices along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.ops.callable_module import make_callable
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.indexing import select_along
from metal_runtime.ops.indexing_kernels import gather_program
from metal_runtime.ops.operands import as_buffer, own_buffer, upload
from metal_runtime.runtime.sessions import session_of


def gather(
    input: MetalBuffer | np.ndarray[Any, Any],
    indices: MetalBuffer | np.ndarray[Any, Any],
    axis: int = 0,
) -> MetalBuffer:
    """``np.take(input, indices, axis)``: of shape ``input.shape`` with ``axis`` replaced by ``indices.shape``.

    Indices are of any integer dtype; negative ones count from the end. They are checked before
    anything runs.

    Raises:
        ShapeError: an index is out of range, or there is no such axis.
        DTypeError: the indices are no integers.
    """
    session = session_of((input, indices))
    source = as_buffer(session, "gather", input)
    if isinstance(indices, MetalBuffer):
        own_buffer(session, "gather", indices)
    chosen = select_along("gather", source.shape, indices, axis)
    out = session.empty(chosen.selected, source.dtype)
    if out.size == 0:
        return out
    count = chosen.indices.size
    along_axis = chosen.inner == 1
    launch(
        session,
        gather_program(source.dtype, along_axis),
        (count, chosen.outer, 1) if along_axis else (chosen.inner, count, chosen.outer),
        (source, upload(session, chosen.indices), out),
        (chosen.size, count, chosen.inner),
    )
    return out


make_callable(__name__, gather)

"""The memory limit from end to end: what does not fit raises, leaves nothing behind, and fits after trimming."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from metal_runtime import api, kernel, ops
from metal_runtime.device.pool import PAGE
from metal_runtime.errors import DeviceMemoryError
from metal_runtime.language import thread_id

ELEMENTS = 1 << 18
BYTES = 4 * ELEMENTS
HINT = "close buffers that are no longer needed"


@kernel(param_types={"x": "device const float*", "y": "device float*"})
def copy(x, y):
    i = thread_id()
    y[i] = x[i]


@pytest.fixture(autouse=True)
def small_device():
    """Room for three buffers of ELEMENTS floats."""
    with api.device("cpu"):
        gc.collect()
        api.trim()
        used = api.memory().used_bytes
        api.set_memory_limit(used + 3 * BYTES)
        yield
        api.set_memory_limit(None)


def test_a_buffer_too_many(small_device):
    kept = [api.zeros(ELEMENTS) for _ in range(3)]
    before = api.memory()
    with pytest.raises(DeviceMemoryError, match=HINT) as caught:
        api.empty(ELEMENTS)
    assert isinstance(caught.value, MemoryError)
    assert "1 MiB (1,048,576 bytes)" in str(caught.value)
    after = api.memory()
    assert (after.used_bytes, after.used_blocks) == (before.used_bytes, before.used_blocks)
    kept.pop().close()
    assert (api.ones(ELEMENTS).numpy() == 1).all()


@pytest.mark.parametrize(
    "operate",
    [
        lambda a, b: a + b,
        lambda a, b: a.exp(),
        lambda a, b: -a,
        lambda a, b: a.astype("int32"),
        lambda a, b: ops.gather(a, np.array([1, 2, 3], np.int32)),
    ],
)
def test_an_operator_too_many(operate):
    a, b, _room = api.ones(ELEMENTS), api.ones(ELEMENTS), api.ones(ELEMENTS)
    with pytest.raises(DeviceMemoryError, match=HINT):
        operate(a, b).numpy()
    # The operands are as they were, and the same operator runs once there is room.
    assert (a.numpy() == 1).all()
    assert (b.numpy() == 1).all()
    _room.close()
    assert operate(a, b).numpy().size in (3, ELEMENTS)


def test_an_upload_too_many():
    buffer, _more = api.ones(ELEMENTS), api.ones(2 * ELEMENTS)
    array = np.ones(ELEMENTS, np.float32)
    with pytest.raises(DeviceMemoryError, match=HINT):
        copy(array, buffer, threads=ELEMENTS)
    _more.close()
    del _more
    copy(array, buffer, threads=ELEMENTS)
    # Adopted memory is not the device's: it counts for nothing.
    rest = [api.asarray(np.ones(ELEMENTS, np.float32), copy=False) for _ in range(5)]
    copy(rest[0], rest[1], threads=ELEMENTS)


def test_what_waits_for_reuse_makes_room_before_anything_raises():
    for _ in range(3):
        api.ones(ELEMENTS).close()
    waiting = [api.ones(ELEMENTS - k * PAGE) for k in range(3)]
    for buffer in waiting:
        buffer.close()
    assert (api.ones(3 * ELEMENTS).numpy() == 1).all()


def test_buffers_in_reference_cycles_make_room():
    class Node:
        pass

    gc.disable()
    try:
        for _ in range(2):
            node = Node()
            node.itself, node.buffer = node, api.ones(3 * ELEMENTS)
            del node
        assert (api.ones(2 * ELEMENTS).numpy() == 1).all()
    finally:
        gc.enable()


def test_a_limit_below_what_is_live():
    buffer = api.ones(ELEMENTS)
    with pytest.raises(DeviceMemoryError, match="less than"):
        api.set_memory_limit(BYTES // 2)
    assert (buffer + 1).numpy()[0] == 2

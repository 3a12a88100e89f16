"""Arrays whose pages Metal uses in place, over the double: what both see, how long they live, what is refused."""

from __future__ import annotations

import gc
import mmap
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from metal_runtime import api, kernel
from metal_runtime.errors import SharingError
from metal_runtime.language import thread_id
from tests.metal.double import World, installed

FLOATS = mmap.PAGESIZE // 4


@kernel(param_types={"x": "device float*", "by": "float"})
def add(x, by):
    i = thread_id()
    x[i] = x[i] + by


@pytest.fixture
def gpu() -> Iterator[World]:
    with installed() as world:
        with api.device("metal"):
            yield world
        api.device("metal").close()


class Pages(mmap.mmap):
    """Whole pages, whose end a test can see."""


def pages(count: int = 1) -> np.ndarray:
    array = np.frombuffer(Pages(-1, count * mmap.PAGESIZE), np.float32)
    array[:] = np.random.default_rng().random(array.size)
    return array


def test_what_either_writes_both_show(gpu: World) -> None:
    array = pages(3)
    before = array.copy()
    buffer = api.asarray(array.reshape(3, FLOATS), copy=False)
    assert buffer.device == "metal"
    add(buffer, 1.0, threads=array.size)
    api.synchronize()
    np.testing.assert_array_equal(array, before + np.float32(1))
    array[5] = 7
    assert (buffer * 2).numpy()[0, 5] == 14
    assert api.memory().used_blocks == 0
    # DLPack goes the same way, here and back.
    assert np.shares_memory(api.from_dlpack(array).numpy(), array)
    assert np.shares_memory(np.from_dlpack(buffer), array)


def test_a_launch_keeps_the_memory_until_it_has_ended(gpu: World) -> None:
    array = pages()
    alive = weakref.ref(array.base)
    buffer = api.asarray(array, copy=False)
    add(buffer, 1.0, threads=FLOATS)
    del buffer, array
    gc.collect()
    assert alive() is not None
    api.synchronize()
    add(api.zeros(4), 1.0, threads=4)
    api.synchronize()
    gc.collect()
    assert alive() is None


def test_many_adoptions_leave_nothing(gpu: World) -> None:
    for _ in range(50):
        array = pages()
        add(api.asarray(array, copy=False), 1.0, threads=FLOATS)
        api.synchronize()
    assert api.memory().used_blocks == 0


def test_what_is_no_whole_page_is_refused_or_copied(gpu: World) -> None:
    array = pages(2)
    for part in (array[:-1], array[1:], array[4 : 4 + FLOATS]):
        with pytest.raises(SharingError, match="whole pages"):
            api.asarray(part, copy=False)
        with pytest.raises(SharingError, match="whole pages"):
            api.from_dlpack(part, copy=False)
        copied = api.from_dlpack(part)
        np.testing.assert_array_equal(copied.numpy(), part)
        assert not np.shares_memory(copied.numpy(), part)
    assert api.asarray(array[:0], copy=False).size == 0
    with pytest.raises(SharingError, match="shares no memory with `cpu`"):
        api.device("metal").asarray(api.device("cpu").zeros(3), copy=False)

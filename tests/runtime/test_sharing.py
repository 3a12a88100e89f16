"""Memory that is shared, not copied: adopted arrays, and DLPack both ways."""

from __future__ import annotations

import gc
import mmap
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal_runtime import api, kernel
from metal_runtime import compile as compile_msl
from metal_runtime.device.pool import Pool
from metal_runtime.dtype import DType
from metal_runtime.errors import (
    ClosedBufferError,
    DTypeError,
    IrisError,
    LaunchError,
    SharingError,
)
from metal_runtime.language import thread_id
from tests.runtime.fake_device import FakeAllocator

DTYPES = list(DType)
rng = np.random.default_rng()


@pytest.fixture(autouse=True)
def on_the_cpu():
    with api.device("cpu"):
        yield


@kernel(param_types={"x": "device float*", "n": "uint"})
def add_one(x, n):
    i = thread_id()
    if i < n:
        x[i] = x[i] + 1.0


def values(dtype: DType, shape) -> np.ndarray:
    return rng.integers(0, 2, shape).astype(dtype.numpy_dtype)


# --- adoption ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (0,), (2, 0, 3)])
def test_an_adopted_array_shows_what_the_buffer_does(dtype, shape):
    array = values(dtype, shape)
    buffer = api.asarray(array, copy=False)
    assert (buffer.shape, buffer.dtype, buffer.persistent) == (shape, dtype, False)
    if array.size:
        assert np.shares_memory(buffer.numpy(), array)
    buffer.numpy()[...] = 1
    assert (array == 1).all()
    array[...] = 0
    assert (buffer.to_numpy() == 0).all()


def test_kernels_and_operators_work_in_place():
    array = rng.random(1001, np.float32)
    before = array.copy()
    buffer = api.asarray(array, copy=False)
    add_one(buffer, 1001, threads=1001)
    api.synchronize()
    np.testing.assert_array_equal(array, before + np.float32(1))
    np.testing.assert_array_equal((buffer * 2).numpy(), array * 2)
    buffer += 1
    api.synchronize()
    np.testing.assert_array_equal(array, before + np.float32(1) + np.float32(1))


def test_none_and_true_copy():
    array = np.ones(4, np.float32)
    for copy in (None, True):
        assert not np.shares_memory(api.asarray(array, copy=copy).numpy(), array)
    buffer = api.asarray(array)
    assert api.asarray(buffer) is api.asarray(buffer, copy=False) is buffer
    other = api.asarray(buffer, copy=True)
    other.numpy()[:] = 5
    assert (buffer.numpy() == 1).all()


def test_the_buffer_keeps_the_array_alive_and_no_longer():
    class Owner(bytearray):
        pass

    owner = Owner(4000)
    array = np.frombuffer(owner, np.float32)
    array[:] = np.arange(1000)
    alive = weakref.ref(owner)
    del owner
    buffer = api.asarray(array, copy=False)
    view = buffer.numpy()
    del array
    gc.collect()
    assert view[999] == 999
    buffer.close()
    gc.collect()
    assert alive() is not None
    assert view[998] == 998
    del view, buffer
    gc.collect()
    assert alive() is None


def test_memory_that_is_adopted_is_no_part_of_the_pool():
    pool = Pool(FakeAllocator())
    before = pool.statistics()
    memory = np.zeros(100, np.uint8)
    block = pool.adopt(memory)
    assert (block.address, block.nbytes) == (memory.ctypes.data, 100)
    assert pool.statistics() == before
    block.close()
    block.close()
    del block
    assert pool.statistics() == before
    assert pool.trim() == 0
    assert pool.take(100).address != memory.ctypes.data


def test_pages_and_bytes_of_other_makers():
    pages = mmap.mmap(-1, mmap.PAGESIZE)
    api.asarray(np.frombuffer(pages, np.float32), copy=False).numpy()[0] = 2.5
    assert np.frombuffer(pages, np.float32)[0] == 2.5
    data = bytearray(8)
    api.asarray(data, copy=False).numpy()[3] = 7
    assert data[3] == 7
    assert (api.asarray(memoryview(data).cast("I"), copy=False).dtype) is DType.UINT32


def read_only():
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: np.zeros((4, 4), np.float32).T, "not contiguous"),
        (lambda: np.zeros(8, np.float32)[::2], "not contiguous"),
        (read_only, "read-only"),
        (lambda: bytes(4), "read-only"),
        (
            lambda: np.zeros(9, np.uint8)[1:].view(np.float32),
            "no multiple of its elements' 4 bytes",
        ),
        (lambda: [1.0, 2.0], "no memory that a buffer can share"),
        (lambda: 3.0, "no memory that a buffer can share"),
        (lambda: None, "no memory that a buffer can share"),
    ],
)
def test_what_cannot_be_adopted_says_why(make, message):
    with pytest.raises(SharingError, match=message) as caught:
        api.asarray(make(), copy=False)
    assert isinstance(caught.value, IrisError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.hint


def test_a_dtype_that_metal_has_not():
    with pytest.raises(DTypeError, match="float64"):
        api.asarray(np.zeros(3), copy=False)
    with pytest.raises(SharingError, match="persistent"):
        api.asarray(np.zeros(3, np.float32), copy=False, persistent=True)


VECTORS = compile_msl("""
kernel void twice(device float4* x, uint i [[thread_position_in_grid]]) { x[i] *= 2; }
struct Pair { float4 a, b; };
kernel void structs(device Pair* x, uint i [[thread_position_in_grid]]) { x[i].a *= 2; }
kernel void packed(device packed_float3* x, uint i [[thread_position_in_grid]]) { x[i] = float3(x[i]) * 2; }
""")


def aligned(count: int, unit: int, off: int) -> np.ndarray:
    """Floats that begin ``off`` bytes after a multiple of ``unit``."""
    raw = np.zeros(4 * count + 2 * unit, np.uint8)
    start = -raw.ctypes.data % unit + off
    return raw[start : start + 4 * count].view(np.float32)


def test_vectors_need_their_alignment():
    good, bad = aligned(24, 64, 0), aligned(24, 64, 4)
    for array in (good, bad):
        array[:] = 1
    for name in ("twice", "structs"):
        run = VECTORS[name]
        for shape in [(6, 4)]:
            run(api.asarray(good.reshape(shape), copy=False), threads=3)
            with pytest.raises(LaunchError, match=r"multiples of (16|32) bytes"):
                run(api.asarray(bad.reshape(shape), copy=False), threads=3)
    VECTORS["packed"](api.asarray(bad.reshape(8, 3), copy=False), threads=8)
    api.synchronize()
    assert (bad == 2).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(0, 15), st.sampled_from(["float", "short", "char"]))
def test_any_place_will_do_for_scalars(count, skip, name):
    dtype = {"float": np.float32, "short": np.int16, "char": np.int8}[name]
    whole = rng.integers(-50, 50, count + 40).astype(dtype)
    expected = whole.copy()
    part = whole[skip : skip + count]
    buffer = api.asarray(part, copy=False)
    buffer *= 2
    api.synchronize()
    expected[skip : skip + count] *= 2
    np.testing.assert_array_equal(whole, expected)


# --- DLPack, with NumPy --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d is not DType.BFLOAT16])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0,)])
def test_numpy_shares_the_memory_of_a_buffer(dtype, shape):
    buffer = api.asarray(values(dtype, shape))
    shown = np.from_dlpack(buffer)
    assert (shown.dtype, shown.shape) == (dtype.numpy_dtype, shape)
    buffer.numpy()[...] = 1
    assert (shown == 1).all()


def test_the_protocols_arguments():
    buffer = api.asarray(np.arange(6, dtype=np.float32))
    assert buffer.__dlpack_device__() == (1, 0)
    old, new = buffer.__dlpack__(), buffer.__dlpack__(max_version=(1, 0), dl_device=(1, 0))
    assert '"dltensor"' in repr(old)
    assert ('"dltensor_versioned"' in repr(new)) == (np.lib.NumpyVersion(np.__version__) >= "2.1.0")
    with pytest.raises(SharingError, match="stream"):
        buffer.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"device \(2, 0\)"):
        buffer.__dlpack__(dl_device=(2, 0))
    copied = np.from_dlpack(_Only(buffer.__dlpack__(copy=True)))
    shared = np.from_dlpack(_Only(buffer.__dlpack__(copy=False)))
    buffer.numpy()[:] = 9
    assert copied[1] == 1
    assert shared[1] == 9
    buffer.close()
    assert shared[1] == 9
    for ask in (buffer.__dlpack__, buffer.__dlpack_device__):
        with pytest.raises(ClosedBufferError):
            ask()


class _Only:
    """A library of before 2023: it knows no arguments."""

    def __init__(self, capsule) -> None:
        self.capsule = capsule

    def __dlpack__(self):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_buffer_through_a_capsule_and_back(dtype):
    array = values(dtype, (3, 4))
    buffer = api.asarray(array)
    capsule = buffer.__dlpack__(max_version=(1, 0))
    back = api.from_dlpack(_Versioned(capsule), copy=False)
    assert (back.dtype, back.shape) == (dtype, (3, 4))
    assert np.shares_memory(back.numpy(), buffer.numpy())
    np.testing.assert_array_equal(back.numpy(), array)


class _Versioned(_Only):
    def __dlpack__(self, **options):
        return self.capsule


def test_capsules_that_nobody_takes_let_their_memory_go():
    pool = api.device("cpu")._session.pool
    before = pool.statistics().used_blocks
    for dtype in (np.float32, DType.BFLOAT16.numpy_dtype):
        capsule = api.asarray(np.zeros(5, dtype)).__dlpack__(max_version=(1, 0))
        assert pool.statistics().used_blocks == before + 1
        del capsule
        gc.collect()
        assert pool.statistics().used_blocks == before


def test_arrays_of_numpy_come_in_without_a_copy():
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    buffer = api.from_dlpack(array)
    assert np.shares_memory(buffer.numpy(), array)
    assert not np.shares_memory(api.from_dlpack(array, copy=True).numpy(), array)
    assert api.from_dlpack(buffer) is buffer
    assert api.from_dlpack(buffer, copy=True) is not buffer


def test_what_cannot_be_shared_is_copied_or_refused():
    for array in (read_only(), np.arange(12, dtype=np.float32).reshape(3, 4).T):
        buffer = api.from_dlpack(array)
        np.testing.assert_array_equal(buffer.numpy(), array)
        assert not np.shares_memory(buffer.numpy(), array)
        with pytest.raises(SharingError):
            api.from_dlpack(array, copy=False)
    with pytest.raises(SharingError, match="no __dlpack__"):
        api.from_dlpack([1, 2])
    with pytest.raises(SharingError, match="no DLPack capsule"):
        api.from_dlpack(_Versioned("nonsense"))
    with pytest.raises(DTypeError, match="float64"):
        api.from_dlpack(np.zeros(3))


def test_an_old_librarys_memory_may_not_be_written():
    source = np.ones(3, np.float32)
    buffer = api.from_dlpack(_Only(source.__dlpack__()))
    assert not np.shares_memory(buffer.numpy(), source)
    with pytest.raises(SharingError, match="read-only"):
        api.from_dlpack(_Only(source.__dlpack__()), copy=False)


def test_another_devices_memory_is_asked_for_on_the_host():
    class Elsewhere(_Only):
        def __dlpack_device__(self):
            return (2, 0)

        def __dlpack__(self, *, max_version=None, dl_device=None):
            assert dl_device == (1, 0)
            return self.capsule.__dlpack__(max_version=max_version)

    array = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(api.from_dlpack(Elsewhere(array)).numpy(), array)

    class Old(_Only):
        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(SharingError, match=r"device \(2, 0\)"):
        api.from_dlpack(Old(None))


# --- DLPack, with others -------------------------------------------------------------------------


def test_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for dtype in (
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int8,
        torch.int64,
        torch.bool,
    ):
        tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
        buffer = api.from_dlpack(tensor)
        assert buffer.tolist() == tensor.tolist()
        back = torch.from_dlpack(buffer)
        assert back.dtype == tensor.dtype
        assert back.tolist() == tensor.tolist()
        buffer.numpy()[0, 0] = 1
        assert back[0, 0] == 1
    leaf = torch.ones(3, requires_grad=True)
    with pytest.raises(SharingError, match="grad"):
        api.from_dlpack(leaf)
    doubled = api.from_dlpack(torch.ones(1000)) * 2
    assert torch.from_dlpack(doubled).sum() == 2000


def test_torch_shares_in_both_directions():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = torch.zeros(4)
    try:
        tensor.__dlpack__(max_version=(1, 0))
    except TypeError:
        pytest.skip("this torch is of before the flag that says what may be written")
    api.from_dlpack(tensor, copy=False).numpy()[2] = 3
    assert tensor.tolist() == [0, 0, 3, 0]


def test_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    array = jax.numpy.arange(6, dtype="float32").reshape(2, 3)
    buffer = api.from_dlpack(array)
    buffer.numpy()[...] = 9  # a copy: JAX's arrays never change
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(SharingError, match="read-only"):
        api.from_dlpack(array, copy=False)
    back = jax.dlpack.from_dlpack(api.asarray(np.arange(5, dtype=np.int32)) + 1)
    assert back.tolist() == [1, 2, 3, 4, 5]
    half = jax.numpy.ones(3, "bfloat16")
    assert api.from_dlpack(half).dtype is DType.BFLOAT16


def test_mlx():
    mlx = pytest.importorskip("mlx.core", reason="mlx is not installed", exc_type=ImportError)
    array = mlx.array([1.0, 2.0, 3.0])
    assert api.from_dlpack(array).tolist() == [1.0, 2.0, 3.0]
    back = mlx.array(api.from_dlpack(array) + 1)
    assert back.tolist() == [2.0, 3.0, 4.0]

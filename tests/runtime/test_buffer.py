"""MetalBuffer: its life, its NumPy face, its operators' names."""

from __future__ import annotations

import gc
import operator

import ml_dtypes
import numpy as np
import pytest

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ClosedBufferError, DTypeError, ShapeError
from metal_runtime.runtime.sessions import get_session
from tests.runtime.fake_device import fake_session


@pytest.fixture
def session():
    return fake_session()


@pytest.fixture
def rng():
    return np.random.default_rng()


def filled(session, array: np.ndarray) -> MetalBuffer:
    buffer = session.empty(array.shape, DType.from_numpy(array.dtype))
    return buffer.copy_from(array)


def random_array(rng, dtype: DType, shape) -> np.ndarray:
    return rng.integers(0, 2 if dtype is DType.BOOL else 100, shape).astype(dtype.numpy_dtype)


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (3, 0, 2), (5, 7), (2, 3, 4)])
def test_elements_come_back(session, rng, dtype, shape):
    array = random_array(rng, dtype, shape)
    buffer = filled(session, array)
    assert buffer.shape == shape
    assert buffer.dtype is dtype
    assert buffer.size == buffer.numel == array.size
    assert buffer.ndim == array.ndim
    assert buffer.nbytes == array.nbytes
    assert buffer.itemsize == array.itemsize
    if array.size:
        assert buffer.strides == array.strides
    for copy in (buffer.to_numpy(), np.asarray(buffer), np.array(buffer), buffer.numpy()):
        assert copy.dtype == array.dtype
        assert copy.shape == shape
        assert np.array_equal(copy, array)


def test_a_copy_is_the_callers_own(session):
    buffer = filled(session, np.zeros(4, np.float32))
    copy = buffer.to_numpy()
    copy[:] = 7
    assert (buffer.numpy() == 0).all()
    assert copy.flags.owndata


def test_a_view_is_the_memory_itself(session):
    buffer = filled(session, np.zeros(4, np.float32))
    buffer.numpy()[1] = 5
    np.asarray(buffer)[2] = 6
    buffer.to_numpy(copy=False)[3] = 7
    assert buffer.tolist() == [0, 5, 6, 7]


@pytest.mark.parametrize(
    "view_of", [MetalBuffer.numpy, np.asarray, lambda b: memoryview(b.numpy())]
)
def test_a_view_outlives_its_buffer(session, view_of):
    buffer = filled(session, np.arange(1000, dtype=np.float32))
    view = view_of(buffer)
    buffer.close()
    del buffer
    gc.collect()
    others = [session.empty((1000,), DType.FLOAT32) for _ in range(3)]
    for other in others:
        other.numpy()[:] = -1
    assert np.array_equal(np.asarray(view), np.arange(1000))
    assert session.pool.statistics().used_blocks == 4
    del view
    gc.collect()
    assert session.pool.statistics().used_blocks == 3


def test_memory_comes_back_without_close(session):
    buffer = session.empty((100,), DType.FLOAT32)
    assert session.pool.statistics().used_blocks == 1
    del buffer
    assert session.pool.statistics().used_blocks == 0


def test_after_close_every_use_says_so(session):
    buffer = session.empty((2, 3), DType.INT32)
    with buffer as same:
        assert same is buffer
    assert buffer.closed
    buffer.close()
    for use in (
        buffer.numpy, buffer.to_numpy, buffer.tolist, lambda: buffer[0], lambda: np.asarray(buffer),
        lambda: buffer.copy_from(np.zeros((2, 3), np.int32)), buffer.__enter__,
    ):  # fmt: skip
        with pytest.raises(ClosedBufferError, match=r"shape \(2, 3\) and dtype int is closed"):
            use()
    assert "closed" in repr(buffer)
    assert buffer.shape == (2, 3)


def test_copy_from_refuses_other_shapes_and_dtypes(session):
    buffer = session.empty((2, 3), DType.FLOAT32)
    with pytest.raises(ShapeError, match=r"reshape\(\(2, 3\)\)"):
        buffer.copy_from(np.zeros(6, np.float32))
    with pytest.raises(ShapeError):
        buffer.copy_from(np.zeros((3, 3), np.float32))
    with pytest.raises(DTypeError, match=r"astype\('float32'\)"):
        buffer.copy_from(np.zeros((2, 3), np.float64))
    other = filled(session, np.full((2, 3), 4, np.float32))
    assert buffer.copy_from(other) is buffer
    assert (buffer.numpy() == 4).all()


def test_indexing_is_numpys():
    session = get_session()
    buffer = filled(session, np.arange(12, dtype=np.int32).reshape(3, 4))
    assert buffer[1, 2] == 6
    assert buffer[-1].tolist() == [8, 9, 10, 11]
    buffer[0] = 9
    buffer[1:, ::2] = -1
    buffer[2, 1] = session.empty((), DType.INT32).copy_from(np.array(5, np.int32))
    assert buffer.tolist() == [[9, 9, 9, 9], [-1, 5, -1, 7], [-1, 5, -1, 11]]
    assert len(buffer) == 3
    with pytest.raises(TypeError):
        len(session.empty((), DType.INT32))


def test_one_element_is_a_number(session):
    one = filled(session, np.array([2.5], np.float32))
    assert one.item() == float(one) == 2.5
    assert int(one) == 2
    assert one
    many = session.empty((2,), DType.FLOAT32)
    for use in (bool, float, MetalBuffer.item):
        with pytest.raises(ShapeError):
            use(many)


def test_repr_shows_values_and_never_all_of_them(session):
    small = filled(session, np.arange(3, dtype=np.float32))
    assert repr(small) == "MetalBuffer([0., 1., 2.], shape=(3,), dtype=float, device=fake)"
    large = repr(filled(session, np.arange(10_000, dtype=np.int32)))
    assert "..." in large
    assert len(large) < 200


def test_interchange_with_numpy_keeps_the_dtype(session, rng):
    for dtype in DType:
        buffer = filled(session, random_array(rng, dtype, (3, 2)))
        assert np.asarray(buffer).dtype == dtype.numpy_dtype
        assert np.asarray(buffer, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        buffer.__array__(np.float64, copy=False)
    assert filled(session, np.zeros(3, ml_dtypes.bfloat16)).numpy().dtype == ml_dtypes.bfloat16


def test_dlpack(session):
    buffer = filled(session, np.arange(5, dtype=np.float32))
    assert np.from_dlpack(buffer).tolist() == [0, 1, 2, 3, 4]


BINARY = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div",
    operator.floordiv: "floordiv", operator.mod: "mod", operator.pow: "pow",
    operator.and_: "bitwise_and", operator.or_: "bitwise_or", operator.xor: "bitwise_xor",
    operator.lshift: "left_shift", operator.rshift: "right_shift",
}  # fmt: skip
COMPARISONS = {
    operator.eq: "eq", operator.ne: "ne", operator.lt: "lt", operator.le: "le",
    operator.gt: "gt", operator.ge: "ge",
}  # fmt: skip
UNARY = {operator.neg: "neg", operator.abs: "abs", operator.invert: "bitwise_not"}
METHODS = [
    "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "relu", "sigmoid", "gelu", "floor", "ceil",
]  # fmt: skip


@pytest.fixture
def recorded(session):
    """What the buffer's operators ask the session's graph for: (name, operands, out)."""
    calls = []

    class Graph:
        def elementwise(self, name, operands, out=None, dtype=None):
            calls.append((name, operands, out))
            return operands[0] if out is None else out

        def binary(self, name, left, right):
            return self.elementwise(name, (left, right))

        def function(self, name, *args):
            calls.append((name, args, None))
            return args[0]

    session._graph = Graph()
    return calls


def test_operators_run_by_name(session, recorded):
    a, b = (session.empty((2,), DType.INT32) for _ in range(2))
    for function, name in (BINARY | COMPARISONS).items():
        function(a, b)
        assert recorded.pop()[0] == name
        function(a, 3)
        name_run, operands, out = recorded.pop()
        assert (name_run, operands[1], out) == (name, 3, None)
        assert operands[0] is a
    for function, name in UNARY.items():
        function(a)
        assert recorded.pop()[0] == name
    for name in METHODS:
        getattr(a, name)()
        assert recorded.pop()[0] == name


def test_reflected_operators_keep_the_order(session, recorded):
    a = session.empty((2,), DType.INT32)
    array = np.zeros(2, np.int32)
    for function, name in BINARY.items():
        for left in (3, array, np.int32(3)):
            function(left, a)
            name_run, operands, _ = recorded.pop()
            assert name_run == name
            assert operands[0] is left
            assert operands[1] is a
    mirrored = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
    for function, name in COMPARISONS.items():
        function(array, a)
        name_run, operands, _ = recorded.pop()
        assert name_run == mirrored[name]
        assert operands[0] is a


def test_in_place_operators_write_into_the_left(session, recorded):
    a, b = (session.empty((2,), DType.INT32) for _ in range(2))
    for name in "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift".split():
        in_place = getattr(operator, f"i{name.rstrip('_')}" if name != "and_" else "iand")
        same = in_place(a, b)
        assert same is a
        _, operands, out = recorded.pop()
        assert operands[0] is a
        assert operands[1] is b
        assert out is a


def test_astype_is_a_cast(session, recorded):
    a = session.empty((2, 3), DType.INT32)
    a.astype(np.float16)
    name, operands, _ = recorded.pop()
    assert name == "cast"
    assert operands[0] is a
    assert operands[1] is np.float16


def test_other_operands_are_pythons_type_errors(session, recorded):
    a = session.empty((2,), DType.FLOAT32)
    for bad in ("3", None, [1, 2], object()):
        with pytest.raises(TypeError):
            a + bad
    assert not recorded


def test_a_buffer_is_a_key_by_identity(session):
    a, b = (session.empty((2,), DType.FLOAT32) for _ in range(2))
    assert {a: 1, b: 2}[b] == 2

# ruff: noqa: UP037 - MSL type texts are annotations here
"""@kernel as an object and as a call: types, names, specialisations, arrays in and out."""

from __future__ import annotations

import inspect
import pickle
import threading

import numpy as np
import pytest

from metal_runtime import api
from metal_runtime.decorator import KernelFunction, kernel, metal
from metal_runtime.dtype import DType
from metal_runtime.errors import CompileError, KernelTypeError, LaunchError, UnsupportedPythonError
from metal_runtime.runtime.sessions import get_session


@kernel
def saxpy(x: "device const float*", y: "device float*", a: "float", n: "uint"):
    """y = a * x + y."""
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]


@kernel
def scaled(x, y, a, n):
    i = metal.thread_id()
    if i < n:
        y[i] = x[i] * a


@pytest.fixture
def rng():
    return np.random.default_rng()


def test_what_a_kernel_tells_of_itself():
    assert saxpy.name == saxpy.function_name == saxpy.__name__ == "saxpy"
    assert saxpy.__doc__ == "y = a * x + y."
    assert saxpy.__module__ == __name__
    assert list(inspect.signature(saxpy.func).parameters) == ["x", "y", "a", "n"]
    assert saxpy.param_types == {
        "x": "device const float*", "y": "device float*", "a": "float", "n": "uint",
    }  # fmt: skip
    assert "kernel void saxpy(" in saxpy.msl_source
    assert "constant uint& n [[buffer(3)]]" in saxpy.msl_source
    assert [a.name for a in saxpy.signature.arguments] == ["x", "y", "a", "n"]
    assert [a.written for a in saxpy.signature.arguments] == [False, True, False, False]
    assert saxpy.ir.name == "saxpy"
    assert repr(saxpy) == (
        "<kernel saxpy(x: device const float*, y: device float*, a: float, n: uint)>"
    )


@kernel(name="registered_at_decoration", param_types={"x": "device float*"})
def registered(x):
    x[metal.thread_id()] = 1.0


def test_registered_under_its_name_when_decorated():
    assert get_session().kernels.get("registered_at_decoration") is registered

    @kernel(param_types={"x": "device float*"}, name="another_name")
    def local(x):
        x[metal.thread_id()] = 1.0

    assert local.name == "another_name"
    assert get_session().kernels.get("another_name") is local
    array = np.zeros(5, np.float32)
    api.launch_kernel("another_name", grid=5, block=2, args=[array])
    assert array.tolist() == [1] * 5


def test_pickled_by_reference():
    assert pickle.loads(pickle.dumps(saxpy)) is saxpy


@pytest.mark.parametrize("name", ["my kernel", "1st", "", "a-b", 3])
def test_names_are_msl_names(name):
    with pytest.raises(CompileError, match="cannot be the name"):
        kernel(name=name)(lambda: None)


def test_only_functions_become_kernels():
    for thing in (3, "x", print, KernelFunction):
        with pytest.raises(UnsupportedPythonError):
            KernelFunction(thing)


def test_declared_types_are_compiled_at_decoration():
    with pytest.raises(CompileError) as error:

        @kernel(param_types={"x": "device float*", "n": "quux"})
        def bad(x, n):
            x[0] = n

    assert "quux" in str(error.value)


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_arrays_are_uploaded_and_come_back(rng, n):
    x, y = (rng.standard_normal(n).astype(np.float32) for _ in range(2))
    expected = np.float32(2.5) * x + y
    before = x.copy()
    assert saxpy(x, y, 2.5, n, threads=n) is None
    assert np.allclose(y, expected, atol=1e-5)
    assert np.array_equal(x, before)


def test_arguments_by_name_and_mixed_kinds(rng):
    x, y = (rng.standard_normal(100).astype(np.float32) for _ in range(2))
    expected = 3 * x + y
    buffer = api.asarray(y)
    saxpy(x, n=np.int64(100), y=buffer, a=np.float64(3), threads=np.int32(128))
    assert np.allclose(buffer.numpy(), expected, atol=1e-5)


def test_read_only_and_strided_arrays_can_be_read(rng):
    x = rng.standard_normal((50, 4)).astype(np.float32)
    column = x[:, 1]
    frozen = column.copy()
    frozen.flags.writeable = False
    for source in (column, frozen, x.T[1]):
        y = np.zeros(50, np.float32)
        saxpy(source, y, 1.0, 50, threads=50)
        assert np.array_equal(y, x[:, 1])


@kernel
def shift_left(source: "device const int*", target: "device int*", n: "uint"):
    i = metal.thread_id()
    if i < n:
        target[i] = source[i] + target[i]


def test_one_array_for_two_parameters_is_one_memory(rng):
    array = rng.integers(0, 1000, 333).astype(np.int32)
    expected = array + array
    shift_left(array, array, 333, threads=333)
    assert np.array_equal(array, expected)
    same = array[:]
    frozen = array[:]
    frozen.flags.writeable = False
    shift_left(frozen, same, 333, threads=333)
    assert np.array_equal(array, 2 * expected)
    two_ends = array.copy()
    shift_left(two_ends[:100], two_ends[100:], 100, threads=100)
    assert np.array_equal(two_ends[100:200], array[100:200] + array[:100])


def test_buffers_may_alias_too(rng):
    array = rng.integers(0, 1000, 64).astype(np.int32)
    buffer = api.asarray(array)
    shift_left(buffer, buffer, 64, threads=64)
    assert np.array_equal(buffer.numpy(), 2 * array)


# --- inferred types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, np.int32, np.uint32, np.int8, np.uint16, np.int64]
)
def test_types_are_inferred_from_arguments(rng, dtype):
    x = rng.integers(0, 10, 20).astype(dtype)
    y = np.zeros(20, dtype)
    scaled(x, y, dtype(3), np.uint32(20), threads=20)
    assert np.array_equal(y, x * dtype(3))
    name = DType.from_numpy(dtype).metal_name
    assert f"device const {name}* x" in scaled.msl_source
    assert f"device {name}* y" in scaled.msl_source
    assert f"constant {name}& a" in scaled.msl_source


def test_one_specialisation_a_type_tuple():
    @kernel
    def fill(x, value):
        x[metal.thread_id()] = value

    for _ in range(3):
        for array in (np.zeros(3, np.float32), np.zeros(3, np.int32), api.zeros(3)):
            fill(array, 2, threads=3)
    assert len(fill._by_types) == 3
    assert np.asarray(array).tolist() == [2, 2, 2]


def test_python_numbers_are_int_float_and_bool():
    @kernel
    def mixed(out, i, f, b):
        if b:
            out[0] = f + i

    out = np.zeros(1, np.float32)
    mixed(out, 3, 0.5, True, threads=1)
    assert out[0] == 3.5
    for text in ("constant int& i", "constant float& f", "constant bool& b"):
        assert text in mixed.msl_source
    with pytest.raises(LaunchError, match="out of the range of int"):
        mixed(out, 2**31, 0.5, True, threads=1)


def test_a_tuple_is_a_vector():
    @kernel
    def paint(out: "device float4*", colour):
        out[metal.thread_id()] = colour

    out = np.zeros((2, 4), np.float32)
    paint(out, (1.0, 2.0, 3.0, 4.0), threads=2)
    assert out.tolist() == [[1, 2, 3, 4]] * 2
    assert "constant float4& colour" in paint.msl_source


def test_what_is_missing_before_types_are_known():
    @kernel
    def later(x, n: "uint"):
        x[metal.thread_id()] = n

    for read in ("msl_source", "ir", "signature"):
        with pytest.raises(KernelTypeError, match="the type of `x` is not known"):
            getattr(later, read)
    assert later.param_types == {"n": "uint"}
    typed = later.specialise("device uint*")
    assert "device uint* x" in typed.msl_source
    assert "device half* x" in later.specialise(x="device half*").msl_source
    with pytest.raises(KernelTypeError):
        later.specialise("device uint*", "uint")
    with pytest.raises(CompileError):
        later.specialise("device wrong*")


def test_a_wrong_body_is_an_error_at_the_first_launch():
    @kernel
    def adds(x, y):
        x[metal.thread_id()] = y.unknown

    with pytest.raises(CompileError) as error:
        adds(np.zeros(1, np.float32), 1.0, threads=1)
    assert error.value.span is not None
    assert error.value.span.file == __file__


def test_many_threads_may_call_one_kernel(rng):
    @kernel
    def triple(x, y, n):
        i = metal.thread_id()
        if i < n:
            y[i] = x[i] * 3

    errors = []

    def work(seed):
        local = np.random.default_rng(seed)
        try:
            for dtype in (np.float32, np.int32, np.uint8):
                for _ in range(20):
                    x = local.integers(0, 80, local.integers(1, 500)).astype(dtype)
                    y = np.zeros_like(x)
                    triple(x, y, len(x), threads=len(x))
                    assert np.array_equal(y, x * dtype(3))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(triple._by_types) == 3


def test_launches_with_arrays_leave_no_memory_behind():
    x, y = np.ones(5000, np.float32), np.ones(5000, np.float32)
    saxpy(x, y, 0.0, 5000, threads=5000)
    before = api.memory()
    for _ in range(1000):
        saxpy(x, y, 0.0, 5000, threads=5000)
        with pytest.raises(LaunchError):
            saxpy(x, y, 0.0, 6000, threads=6000)
    after = api.memory()
    assert (after.used_bytes, after.allocated_bytes) == (before.used_bytes, before.allocated_bytes)
    assert after.misses == before.misses


def test_constants_of_a_closure() -> None:
    """What a kernel factory is given is baked in, as function constants of MSL are: another value, another kernel."""

    def made(width: int, scale: float, weighted: bool) -> Any:
        @kernel
        def scaled(x: "device float*") -> None:
            tile = metal.threadgroup_array(metal.float, width)
            i, t = metal.thread_id(), metal.thread_index_in_threadgroup
            tile[t] = x[i]
            metal.threadgroup_barrier()
            if weighted:
                x[i] = tile[width - 1 - t] * scale
            else:
                x[i] = tile[width - 1 - t]

        return scaled

    for width, scale, weighted in ((8, 2.0, True), (4, 3.0, True), (4, 3.0, False)):
        function = made(width, scale, weighted)
        x = np.arange(16, dtype=np.float32)
        function(x, threads=16, threadgroup=width)
        want = np.arange(16).reshape(-1, width)[:, ::-1].ravel() * (scale if weighted else 1)
        np.testing.assert_array_equal(x, want)
        assert f"float tile[{width}];" in function.msl_source
        assert "if" not in function.msl_source.split("{", 1)[1]

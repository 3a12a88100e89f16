"""The array door: what goes in, what comes out, hand-written MSL by name."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from metal_runtime import api
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, LaunchError, MslError, ShapeError

SOURCE = """
#include <metal_stdlib>
using namespace metal;

struct Particle { float3 position; float mass; };

kernel void add_one(device float* x [[buffer(0)]], constant uint& n [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
    if (i < n) x[i] += 1.0f;
}

kernel void scale_rows(device const int* x [[buffer(0)]], device int* y [[buffer(1)]],
                       constant int* factor [[buffer(2)]], uint2 at [[thread_position_in_grid]],
                       uint2 size [[threads_per_grid]]) {
    y[at.y * size.x + at.x] = x[at.y * size.x + at.x] * factor[0];
}

kernel void weigh(device const Particle* particles [[buffer(0)]], device float* masses [[buffer(1)]],
                  constant Particle& unit [[buffer(2)]], uint i [[thread_position_in_grid]]) {
    masses[i] = particles[i].mass * particles[i].position.y / unit.mass;
}
"""


@pytest.fixture
def rng():
    return np.random.default_rng()


@pytest.mark.parametrize("dtype", list(DType))
def test_arrays_keep_their_dtype(rng, dtype):
    array = rng.integers(0, 2, (3, 5)).astype(dtype.numpy_dtype)
    buffer = api.asarray(array)
    assert buffer.dtype is dtype
    back = api.to_numpy(buffer)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    back[:] = 0
    assert np.array_equal(api.to_numpy(buffer), array)


def test_strided_and_read_only_arrays_are_copied(rng):
    array = rng.standard_normal((6, 8)).astype(np.float32)
    for view in (array.T, array[::2, 1::3], array[::-1], np.broadcast_to(array[0], (4, 8))):
        assert np.array_equal(api.to_numpy(api.asarray(view)), view)
    assert api.asarray(array.T).strides == (24, 4)


def test_python_values():
    for value, dtype, shape in (
        (1.5, DType.FLOAT32, ()), (3, DType.INT32, ()), (True, DType.BOOL, ()),
        ([1, 2], DType.INT32, (2,)), ([[1.0], [2.0]], DType.FLOAT32, (2, 1)),
        (range(4), DType.INT32, (4,)), ([2**40], DType.INT64, (1,)), ([], DType.FLOAT32, (0,)),
        ((True, False), DType.BOOL, (2,)),
    ):  # fmt: skip
        buffer = api.asarray(value)
        assert (buffer.dtype, buffer.shape) == (dtype, shape)
        assert np.array_equal(buffer.numpy(), np.array(value))


@pytest.mark.parametrize("bad", [np.zeros(3), np.float64(1), np.zeros(2, np.complex64), np.array(["a"]),
                                 np.zeros(2, ">i4"), "text", [1j], None, object(), np.zeros(1, "M8[s]")])  # fmt: skip
def test_what_metal_has_not_is_a_dtype_error(bad):
    with pytest.raises(DTypeError) as error:
        api.asarray(bad)
    assert error.value.hint


def test_ragged_rows():
    with pytest.raises(ShapeError, match="different lengths"):
        api.asarray([[1], [2, 3]])


def test_float64_says_what_to_write():
    with pytest.raises(DTypeError, match=r"astype\(np\.float32\)"):
        api.asarray(np.zeros(3))


def test_a_buffer_is_itself():
    buffer = api.zeros(3)
    assert api.asarray(buffer) is buffer


@pytest.mark.parametrize(
    ("dtype", "expected", "shape"),
    [
        (DType.INT8, DType.INT8, (3,)), ("half", DType.FLOAT16, (3,)), ("float16", DType.FLOAT16, (3,)),
        (np.uint16, DType.UINT16, (3,)), (np.dtype("i8"), DType.INT64, (3,)), ("long", DType.INT64, (3,)),
        ("float4", DType.FLOAT32, (3, 4)), ("uchar2", DType.UINT8, (3, 2)), ("half3", DType.FLOAT16, (3, 4)),
        (bool, DType.BOOL, (3,)), ("bfloat", DType.BFLOAT16, (3,)), (ml_dtypes.bfloat16, DType.BFLOAT16, (3,)),
    ],
)  # fmt: skip
def test_dtypes_by_any_name(dtype, expected, shape):
    buffer = api.empty(3, dtype)
    assert (buffer.dtype, buffer.shape) == (expected, shape)
    assert (api.ones(3, dtype).numpy() == 1).all()
    assert (api.zeros(3, dtype).numpy() == 0).all()
    like = api.empty_like(buffer)
    assert (like.dtype, like.shape) == (expected, shape)


@pytest.mark.parametrize("dtype", ["quux", "double", "float5", "float64", np.float64, object, 3.5])
def test_dtypes_that_are_none(dtype):
    with pytest.raises(DTypeError):
        api.empty(3, dtype)


@pytest.mark.parametrize("shape", [-1, (2, -3), 2.5, (2, "3"), None, "ab"])
def test_shapes_that_are_none(shape):
    with pytest.raises(ShapeError):
        api.empty(shape)


def test_full():
    assert api.full((2, 2), 7, "short").tolist() == [[7, 7], [7, 7]]
    assert api.empty(()).shape == ()
    assert api.zeros((0, 5)).size == 0


def test_registered_msl(rng):
    api.register_kernel("test_api_add_one", SOURCE, "add_one")
    array = rng.standard_normal(1000).astype(np.float32)
    buffer = api.asarray(array)
    api.launch_kernel("test_api_add_one", grid=(1000, 1, 1), block=(64, 1, 1), args=[buffer, 1000])
    api.launch_kernel("test_api_add_one", (1024,), (256,), [buffer, np.uint32(500)])
    api.synchronize()
    assert np.allclose(api.to_numpy(buffer)[:500], array[:500] + 2)
    assert np.allclose(api.to_numpy(buffer)[500:], array[500:] + 1)
    with pytest.raises(LaunchError, match="`n`"):
        api.launch_kernel("test_api_add_one", 10, 1, [buffer, -1])


def test_a_scalar_for_a_constant_pointer(rng):
    x = rng.integers(0, 100, (7, 9)).astype(np.int32)
    y = np.zeros_like(x)
    api.launch(SOURCE, "scale_rows", (9, 7), (4, 4), [x, y, 3])
    assert np.array_equal(y, x * 3)
    api.launch(SOURCE, "scale_rows", grid=(9, 7), block=(4, 4), args=[x, y, api.asarray([5, 6])])
    assert np.array_equal(y, x * 5)


def test_structs_are_bytes(rng):
    particle = np.dtype(
        {"names": ["position", "mass"], "formats": [(np.float32, 3), np.float32], "offsets": [0, 16],
         "itemsize": 32}
    )  # fmt: skip
    particles = np.zeros(5, particle)
    particles["position"] = rng.random((5, 3))
    particles["mass"] = rng.random(5)
    unit = np.zeros((), particle)
    unit["mass"] = 2
    masses = np.zeros(5, np.float32)
    for value in (unit, unit[()], unit.tobytes()):
        masses[:] = 0
        api.launch(SOURCE, "weigh", 5, None, [particles, masses, value])
        assert np.allclose(masses, particles["mass"] * particles["position"][:, 1] / 2)
    for wrong in (3, "x", None):
        with pytest.raises(LaunchError, match="unit"):
            api.launch(SOURCE, "weigh", 5, None, [particles, masses, wrong])


def test_msl_that_is_refused():
    broken = "kernel void broken(device flot* x [[buffer(0)]]) {}"
    for _ in range(2):
        with pytest.raises(MslError):
            api.register_kernel("test_api_broken", broken, "broken")
    with pytest.raises(LaunchError, match="no kernel is registered"):
        api.launch_kernel("test_api_broken", 1, 1, [api.zeros(1)])
    with pytest.raises(LaunchError, match="it has `add_one`, `scale_rows`, `weigh`"):
        api.launch(SOURCE, "missing", 1, 1, [])


def test_a_struct_has_the_size_that_the_compiler_gives_it():
    source = """
        struct Scale { float factor; int offset; };
        kernel void scale(device float* x [[buffer(0)]], constant Scale& s [[buffer(1)]],
                          uint i [[thread_position_in_grid]]) { x[i] = x[i] * s.factor + s.offset; }
    """
    x = api.asarray(np.arange(5, dtype=np.float32))
    scale = np.zeros((), [("factor", "f4"), ("offset", "i4")])
    scale["factor"], scale["offset"] = 2, 3
    api.launch(source, "scale", 5, None, [x, scale])
    assert x.tolist() == [3, 5, 7, 9, 11]
    with pytest.raises(LaunchError, match="8 bytes, the value has 4"):
        api.launch(source, "scale", 5, None, [x, np.float32(1)])


def test_registering_again_replaces():
    other = SOURCE.replace("+= 1.0f", "+= 5.0f")
    api.register_kernel("test_api_twice", SOURCE, "add_one")
    api.register_kernel("test_api_twice", other, "add_one")
    buffer = api.zeros(3)
    api.launch_kernel("test_api_twice", 3, 3, [buffer, 3])
    assert buffer.tolist() == [5, 5, 5]


def test_a_registry_of_ones_own():
    registry = api.KernelRegistry()
    assert len(registry) == 0
    assert "x" not in registry
    assert registry.names() == ()


def test_the_device():
    traits = api.device()
    assert traits.backend == "cpu"
    assert traits.memory_bytes > 2**20


def test_fused_runs_each_operator_once():
    a = api.asarray([1.0, 2.0])
    with api.fused():
        a += 1
        b = a * 2
    assert b.tolist() == [4, 6]
    assert a.tolist() == [2, 3]

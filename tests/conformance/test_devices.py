"""What every device must do alike: memory, launches of every shape, values, errors, threads."""

from __future__ import annotations

import itertools
import struct
import threading

import numpy as np
import pytest

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import PAGE
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceMemoryError, KernelFault, MslError
from metal_runtime.msl.signature import read_program
from metal_runtime.msl_types import Vector, numpy_storage

SCALARS = list(DType)
VECTORS = [
    Vector(d, w)
    for d, w in itertools.product(DType, (2, 3, 4))
    if d not in (DType.BOOL, DType.BFLOAT16)
]


def raw(rng: np.random.Generator, dtype: DType, shape) -> np.ndarray:
    """Any bits for numbers; 0 or 1 for bool."""
    if dtype is DType.BOOL:
        return rng.integers(0, 2, shape).astype(bool)
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return np.frombuffer(rng.bytes(nbytes), np.uint8).view(dtype.numpy_dtype).reshape(shape).copy()


# --- traits and memory ---------------------------------------------------------------------------


def test_traits_are_plausible(bench):
    traits = bench.device.traits
    assert traits.backend == bench.name
    assert traits.name
    assert traits.toolchain
    assert traits.max_threads_per_threadgroup >= 256
    assert traits.simd_width in (4, 8, 16, 32, 64)
    assert traits.compute_units >= 1
    assert traits.memory_bytes >= 0


@pytest.mark.parametrize("nbytes", [1, 4096, 4097, 1 << 20, (1 << 25) + 12345])
def test_memory_is_page_aligned_and_all_of_it_usable(bench, nbytes):
    allocation = bench.device.allocator.allocate(nbytes)
    try:
        assert allocation.address % PAGE == 0
        assert allocation.nbytes >= nbytes
        view = np.asarray(bench.pool.take(nbytes))
        view[:] = 0x5A
        assert view[0] == view[-1] == 0x5A
    finally:
        bench.device.allocator.free(allocation)


def test_memory_without_end_is_refused(bench):
    with pytest.raises(DeviceMemoryError):
        bench.device.allocator.allocate(2**56)


# --- values through kernels ----------------------------------------------------------------------


@pytest.mark.parametrize("type_", SCALARS + VECTORS, ids=str)
def test_elements_keep_their_bits(bench, rng, type_):
    name = type_.metal_name if isinstance(type_, DType) else str(type_)
    pipeline = bench.pipeline(
        f"""kernel void copy_{name}(device const {name}* in [[buffer(0)]], device {name}* out [[buffer(1)]],
                uint i [[thread_position_in_grid]]) {{ out[i] = in[i]; }}""",
        f"copy_{name}",
    )
    dtype = type_ if isinstance(type_, DType) else type_.element
    _, trailing = numpy_storage(type_)
    for n in (1, 63, 64, 65, 1001):
        array = raw(rng, dtype, (n, *trailing))
        out = bench.put(raw(rng, dtype, (n, *trailing)))
        bench.launch(pipeline, (n, 1, 1), [bench.put(array), out])
        width = type_.width if isinstance(type_, Vector) else None
        got = bench.view(out, dtype.numpy_dtype, array.shape)
        used = (slice(None), slice(0, width)) if width else slice(None)
        assert got[used].tobytes() == array[used].tobytes()


@pytest.mark.parametrize("dtype", SCALARS, ids=str)
def test_value_parameters_keep_their_bits(bench, rng, dtype):
    name = dtype.metal_name
    pipeline = bench.pipeline(
        f"""kernel void store(constant uchar& before [[buffer(0)]], constant {name}& value [[buffer(1)]],
                constant short& after [[buffer(2)]], device {name}* out [[buffer(3)]],
                device int* around [[buffer(4)]], uint i [[thread_position_in_grid]]) {{
            out[i] = value; around[2 * i] = before; around[2 * i + 1] = after; }}""",
        "store",
    )
    value = raw(rng, dtype, (1,))
    out, around = bench.put(raw(rng, dtype, (5,))), bench.put(np.zeros(10, np.int32))
    bench.launch(
        pipeline, (5, 1, 1), [b"\xc8", value.tobytes(), struct.pack("<h", -7), out, around]
    )
    assert bench.view(out, dtype.numpy_dtype, (5,)).tobytes() == value.tobytes() * 5
    assert bench.view(around, np.int32, (5, 2)).tolist() == [[200, -7]] * 5


@pytest.mark.parametrize("width", [2, 3, 4])
def test_vector_values(bench, rng, width):
    pipeline = bench.pipeline(
        f"""kernel void store(device float* out [[buffer(0)]], constant float{width}& value [[buffer(1)]],
                uint i [[thread_position_in_grid]]) {{ out[i] = value[i]; }}""",
        "store",
    )
    value = rng.standard_normal(4).astype(np.float32)
    out = bench.put(np.zeros(width, np.float32))
    room = 16 if width == 3 else 4 * width
    bench.launch(pipeline, (width, 1, 1), [out, value.tobytes()[:room]])
    assert np.array_equal(bench.view(out, np.float32, (width,)), value[:width])


def test_offsets_into_buffers(bench, rng):
    pipeline = bench.pipeline(
        """kernel void shift(device const float* in [[buffer(0)]], device float* out [[buffer(1)]],
               uint i [[thread_position_in_grid]]) { out[i] = in[i] * 2; }""",
        "shift",
    )
    array = rng.standard_normal(100).astype(np.float32)
    source, target = bench.put(array), bench.put(np.zeros(100, np.float32))
    config = LaunchConfig((20, 1, 1), (8, 1, 1))
    bench.device.stream.launch(
        pipeline, config, [(source.binding[0], 40), (target.binding[0], 256)]
    )
    bench.device.stream.synchronize()
    expected = np.zeros(100, np.float32)
    expected[64:84] = array[10:30] * 2
    assert np.array_equal(bench.view(target, np.float32, (100,)), expected)


def test_as_many_buffers_as_metal_has(bench):
    parameters = ", ".join(f"device int* b{i} [[buffer({i})]]" for i in range(31))
    body = " ".join(f"b{i}[t] = {i} + b{(i + 30) % 31}[t + 1];" for i in range(31))
    pipeline = bench.pipeline(
        f"kernel void many({parameters}, uint t [[thread_position_in_grid]]) {{ {body} }}", "many"
    )
    blocks = [bench.put(np.full(4, 100, np.int32)) for _ in range(31)]
    bench.launch(pipeline, (1, 1, 1), blocks)
    for i, block in enumerate(blocks):
        assert bench.view(block, np.int32, (4,)).tolist() == [100 + i, 100, 100, 100]


# --- launch shapes -------------------------------------------------------------------------------

SHAPES = [
    ((1, 1, 1), (1, 1, 1)), ((1000, 1, 1), (64, 1, 1)), ((17, 1, 1), (1024, 1, 1)),
    ((7, 11, 1), (4, 4, 1)), ((5, 6, 7), (2, 3, 4)), ((1, 33, 1), (1, 16, 1)), ((3, 1, 9), (2, 1, 2)),
    ((13, 5, 3), (1, 1, 1)), ((64, 2, 2), (32, 8, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("grid", "threadgroup"), SHAPES)
def test_every_thread_runs_once_with_its_indices(bench, grid, threadgroup):
    pipeline = bench.pipeline(
        """kernel void where(device uint* out [[buffer(0)]], device uint* turns [[buffer(1)]],
               uint3 p [[thread_position_in_grid]], uint3 size [[threads_per_grid]],
               uint3 local [[thread_position_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]],
               uint3 groups [[threadgroups_per_grid]], uint flat [[thread_index_in_threadgroup]],
               uint3 room [[threads_per_threadgroup]]) {
               uint at = (p.z * size.y + p.y) * size.x + p.x;
               turns[at] += 1;
               device uint* o = out + 16 * at;
               o[0] = p.x; o[1] = p.y; o[2] = p.z; o[3] = local.x; o[4] = local.y; o[5] = local.z;
               o[6] = group.x; o[7] = group.y; o[8] = group.z;
               o[9] = groups.x; o[10] = groups.y; o[11] = groups.z;
               o[12] = flat; o[13] = room.x; o[14] = room.y; o[15] = room.z; }""",
        "where",
    )
    count = grid[0] * grid[1] * grid[2]
    out, turns = (
        bench.put(np.zeros(16 * count, np.uint32)),
        bench.put(np.zeros(count + 64, np.uint32)),
    )
    bench.launch(pipeline, grid, [out, turns], threadgroup)
    ran = bench.view(turns, np.uint32, (count + 64,))
    assert (ran[:count] == 1).all()
    assert (ran[count:] == 0).all()
    got = bench.view(out, np.uint32, (grid[2], grid[1], grid[0], 16))
    groups = [-(-g // t) for g, t in zip(grid, threadgroup, strict=True)]
    for z, y, x in itertools.product(*(range(n) for n in reversed(grid))):
        position = (x, y, z)
        local = [p % t for p, t in zip(position, threadgroup, strict=True)]
        group = [p // t for p, t in zip(position, threadgroup, strict=True)]
        room = [min(t, g - k * t) for t, g, k in zip(threadgroup, grid, group, strict=True)]
        flat = (local[2] * room[1] + local[1]) * room[0] + local[0]
        assert got[z, y, x].tolist() == [*position, *local, *group, *groups, flat, *room]


def test_launches_run_in_order(bench):
    pipeline = bench.pipeline(
        """kernel void step(device uint* x [[buffer(0)]], constant uint& k [[buffer(1)]],
               uint i [[thread_position_in_grid]]) { x[i] = x[i] * 3 + k; }""",
        "step",
    )
    block = bench.put(np.zeros(500, np.uint32))
    expected = 0
    for k in range(50):
        bench.device.stream.launch(
            pipeline, LaunchConfig((500, 1, 1), (32, 1, 1)), [block.binding, struct.pack("<I", k)]
        )
        expected = (expected * 3 + k) % 2**32
    bench.device.stream.synchronize()
    assert (bench.view(block, np.uint32, (500,)) == expected).all()


# --- programs ------------------------------------------------------------------------------------

TWO = """
kernel void one(device int* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = 1; }
kernel void two(device int* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = 2; }
"""


def test_a_program_has_all_its_kernels(bench):
    loaded = bench.device.load(read_program(TWO))
    block = bench.put(np.zeros(3, np.int32))
    for value, name in ((1, "one"), (2, "two"), (1, "one")):
        pipeline = loaded.pipeline(name)
        assert pipeline.signature.name == name
        assert 1 <= pipeline.max_threads_per_threadgroup <= 1024
        bench.launch(pipeline, (3, 1, 1), [block])
        assert bench.view(block, np.int32, (3,)).tolist() == [value] * 3
    with pytest.raises((KeyError, MslError)):
        loaded.pipeline("three")


def test_wrong_text_is_an_error_at_its_line(bench):
    source = "kernel void bad(device int* x [[buffer(0)]]) {\n    x[0] = undeclared_name;\n}\n"
    with pytest.raises(MslError, match="undeclared_name") as error:
        bench.device.load(read_program(source)).pipeline("bad")
    assert error.value.span is not None
    assert error.value.span.line == 2


def test_a_fault_is_an_error_and_the_device_goes_on(bench):
    if bench.name != "cpu":
        pytest.skip(
            f"{bench.name}: the GPU gives a number for an integer division by zero, no fault"
        )
    pipeline = bench.pipeline(
        """kernel void quotient(device int* x [[buffer(0)]], constant int& by [[buffer(1)]],
               uint i [[thread_position_in_grid]]) { x[i] = x[i] / by; }""",
        "quotient",
    )
    block = bench.put(np.full(100, 12, np.int32))
    for _ in range(3):
        with pytest.raises(KernelFault, match="quotient"):
            bench.launch(pipeline, (100, 1, 1), [block, struct.pack("<i", 0)])
    fresh = bench.put(np.full(100, 12, np.int32))
    bench.launch(pipeline, (100, 1, 1), [fresh, struct.pack("<i", 4)])
    assert (bench.view(fresh, np.int32, (100,)) == 3).all()


# --- threads -------------------------------------------------------------------------------------


def test_many_threads_share_a_device(bench):
    source = """kernel void axpy(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                    constant float& a [[buffer(2)]], uint i [[thread_position_in_grid]]) {
                    y[i] = y[i] + a * x[i]; }"""
    errors: list[BaseException] = []
    used = bench.pool.statistics().used_blocks

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            pipeline = bench.pipeline(source, "axpy")
            for _ in range(50):
                n = int(rng.integers(1, 5000))
                x = rng.integers(-100, 100, n).astype(np.float32)
                y = rng.integers(-100, 100, n).astype(np.float32)
                target = bench.put(y)
                bench.launch(pipeline, (n, 1, 1), [bench.put(x), target, struct.pack("<f", seed)])
                assert np.array_equal(bench.view(target, np.float32, (n,)), y + seed * x)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert bench.pool.statistics().used_blocks == used

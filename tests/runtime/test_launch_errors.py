"""Wrong launches: each raises, names kernel and parameter, and reads as its golden text."""
# ruff: noqa: UP037 - MSL type texts are annotations here

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from metal_runtime import api
from metal_runtime.decorator import kernel, metal
from metal_runtime.errors import IrisError, LaunchError
from metal_runtime.runtime.sessions import set_session
from tests.runtime.fake_device import fake_session

F32 = np.float32


@kernel(param_types={"x": "device const float*", "y": "device float*", "a": "float", "n": "uint"})
def saxpy(x, y, a, n):
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]


@kernel
def copy_every(source: "device const int*", target: "device int*"):
    i = metal.thread_id()
    target[i] = source[i]


@kernel
def transpose(
    source: "device const float*", target: "device float*", width: "uint", height: "uint"
):
    x, y = metal.thread_id_x(), metal.thread_id_y()
    if x < width and y < height:
        target[x * height + y] = source[y * width + x]


@kernel
def mask(out: "device uchar*", level: "uchar", on: "bool", count: "int", scale: "half"):
    i = metal.thread_id()
    out[i] = level if on and count > 0 and scale > 0.0 else level - level


@kernel
def shift(points: "device float4*", by: "float4"):
    i = metal.thread_id()
    points[i] = points[i] + by


@kernel
def normals(out: "device float3*"):
    out[metal.thread_id()] = metal.float3(0.0, 0.0, 1.0)


@kernel
def guessed(x, n):
    i = metal.thread_id()
    if i < n:
        x[i] = x[i] + x[i]


def arrays(n: int = 8):
    return np.zeros(n, F32), np.zeros(n, F32)


def closed_buffer():
    buffer = api.zeros(8)
    buffer.close()
    return buffer


def foreign_buffer():
    here = set_session(fake_session())
    buffer = api.zeros(8)
    set_session(here)
    return buffer


def read_only() -> np.ndarray:
    array = np.zeros(8, F32)
    array.flags.writeable = False
    return array


WRONG: dict[str, Callable[[], object]] = {
    # count and names
    "too_few": lambda: saxpy(*arrays(), 2.0, threads=8),
    "too_many": lambda: saxpy(*arrays(), 2.0, 8, 9, threads=8),
    "missing_by_name": lambda: saxpy(*arrays(), n=8, threads=8),
    "unexpected_name": lambda: saxpy(*arrays(), 2.0, n=8, m=8, threads=8),
    "given_twice": lambda: saxpy(*arrays(), 2.0, 8, n=8, threads=8),
    "untyped_too_few": lambda: guessed(arrays()[0], threads=8),
    # grid and threadgroup
    "no_threads": lambda: saxpy(*arrays(), 2.0, 8),
    "threads_zero": lambda: saxpy(*arrays(), 2.0, 8, threads=0),
    "threads_negative": lambda: saxpy(*arrays(), 2.0, 8, threads=(4, -2)),
    "threads_float": lambda: saxpy(*arrays(), 2.0, 8, threads=8 / 2),
    "threads_text": lambda: saxpy(*arrays(), 2.0, 8, threads="8"),
    "threads_four_axes": lambda: saxpy(*arrays(), 2.0, 8, threads=(2, 2, 2, 1)),
    "threads_too_many": lambda: saxpy(*arrays(), 2.0, 8, threads=2**32),
    "threadgroup_too_large": lambda: saxpy(*arrays(), 2.0, 8, threads=8, threadgroup=(32, 33)),
    "threadgroup_zero": lambda: saxpy(*arrays(), 2.0, 8, threads=8, threadgroup=(0,)),
    "block_negative": lambda: api.launch_kernel("saxpy", 8, -1, [*arrays(), 2.0, 8]),
    # what buffers hold
    "array_dtype": lambda: saxpy(np.zeros(8, np.int32), *arrays()[1:], 2.0, 8, threads=8),
    "array_float64": lambda: saxpy(np.zeros(8), *arrays()[1:], 2.0, 8, threads=8),
    "array_complex": lambda: saxpy(np.zeros(8, complex), *arrays()[1:], 2.0, 8, threads=8),
    "array_strings": lambda: saxpy(np.array(["a"]), *arrays()[1:], 2.0, 8, threads=8),
    "array_byte_order": lambda: saxpy(np.zeros(8, ">f4"), *arrays()[1:], 2.0, 8, threads=8),
    "buffer_dtype": lambda: saxpy(api.zeros(8, "half"), api.zeros(8), 2.0, 8, threads=8),
    "buffer_closed": lambda: saxpy(closed_buffer(), api.zeros(8), 2.0, 8, threads=8),
    "buffer_of_another_session": lambda: saxpy(foreign_buffer(), api.zeros(8), 2.0, 8, threads=8),
    "not_a_buffer_list": lambda: saxpy([1.0, 2.0], api.zeros(8), 2.0, 8, threads=8),
    "not_a_buffer_number": lambda: saxpy(3.0, api.zeros(8), 2.0, 8, threads=8),
    "not_a_buffer_none": lambda: saxpy(None, api.zeros(8), 2.0, 8, threads=8),
    "not_a_buffer_text": lambda: saxpy("x", api.zeros(8), 2.0, 8, threads=8),
    "untyped_text": lambda: guessed("x", 8, threads=8),
    "untyped_float64": lambda: guessed(np.zeros(8), 8, threads=8),
    # sizes
    "buffer_too_small": lambda: copy_every(
        api.zeros(100, "int"), api.zeros(64, "int"), threads=100
    ),
    "buffer_empty": lambda: copy_every(api.zeros(0, "int"), api.zeros(1, "int"), threads=1),
    "guard_beyond_the_buffer": lambda: saxpy(*arrays(100), 2.0, 128, threads=256),
    "two_dimensions_too_small": lambda: transpose(
        api.zeros((7, 5)), api.zeros((5, 6)), 5, 7, threads=(8, 8)
    ),
    "vector_axis": lambda: shift(np.zeros((8, 3), F32), (1.0, 2.0, 3.0, 4.0), threads=8),
    "vector3_axis": lambda: normals(np.zeros((8, 3), F32), threads=8),
    # arrays that are written
    "written_not_contiguous": lambda: saxpy(
        np.zeros(8, F32), np.zeros(16, F32)[::2], 2.0, 8, threads=8
    ),
    "written_read_only": lambda: saxpy(np.zeros(8, F32), read_only(), 2.0, 8, threads=8),
    "written_overlap": lambda: (lambda a: saxpy(a[:8], a[4:12], 2.0, 8, threads=8))(
        np.zeros(12, F32)
    ),
    # values
    "uint_negative": lambda: saxpy(*arrays(), 2.0, -1, threads=8),
    "uint_too_large": lambda: saxpy(*arrays(), 2.0, 2**32, threads=8),
    "uint_from_float": lambda: saxpy(*arrays(), 2.0, 8.0, threads=8),
    "uint_from_text": lambda: saxpy(*arrays(), 2.0, "8", threads=8),
    "uint_from_array": lambda: saxpy(*arrays(), 2.0, np.zeros(3, np.uint32), threads=8),
    "float_from_none": lambda: saxpy(*arrays(), None, 8, threads=8),
    "float_from_complex": lambda: saxpy(*arrays(), 1j, 8, threads=8),
    "float_too_large": lambda: saxpy(*arrays(), 1e39, 8, threads=8),
    "float_from_huge_int": lambda: saxpy(*arrays(), 10**400, 8, threads=8),
    "uchar_too_large": lambda: mask(np.zeros(1, np.uint8), 300, True, 1, 1.0, threads=1),
    "bool_from_int": lambda: mask(np.zeros(1, np.uint8), 3, 1, 1, 1.0, threads=1),
    "int_too_large": lambda: mask(np.zeros(1, np.uint8), 3, True, 2**31, 1.0, threads=1),
    "half_too_large": lambda: mask(np.zeros(1, np.uint8), 3, True, 1, 70000.0, threads=1),
    "vector_from_number": lambda: shift(np.zeros((8, 4), F32), 1.0, threads=8),
    "vector_too_short": lambda: shift(np.zeros((8, 4), F32), (1.0, 2.0), threads=8),
    "vector_of_text": lambda: shift(np.zeros((8, 4), F32), (1.0, 2.0, "3", 4.0), threads=8),
    # names
    "unknown_kernel": lambda: api.launch_kernel("saxpi", 8, 1, []),
    "msl_is_no_text": lambda: api.register_kernel("k", None, "k"),
    "source_before_types": lambda: guessed.msl_source,
}  # fmt: skip


@pytest.fixture(autouse=True)
def session(fake):
    for made in (saxpy, copy_every, transpose, mask, shift, normals, guessed):
        fake.kernels.register(made)
    return fake


@pytest.mark.parametrize("name", WRONG)
def test_the_text_of_a_wrong_launch(name, golden):
    with pytest.raises(IrisError) as error:
        WRONG[name]()
    golden(f"errors/launch_{name}.txt", str(error.value))


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_launched(name, session):
    with pytest.raises(IrisError) as error:
        WRONG[name]()
    assert not session.device.stream.launches
    if isinstance(error.value, LaunchError):
        assert error.value.kernel


def test_every_value_parameter_is_checked_after_a_good_launch_too(session):
    """The quick way must not remember a launch that only looks like the one before."""
    x, y = api.zeros(8), api.zeros(8)
    saxpy(x, y, 2.0, 8, threads=8)
    for bad in (
        lambda: saxpy(x, y, 2.0, 8.0, threads=8), lambda: saxpy(x, y, "2", 8, threads=8),
        lambda: saxpy(x, y, 2.0, 8, threads=8.0), lambda: saxpy(x, y, 2.0, 8, threads=True),
        lambda: saxpy(x, y, 2.0, -1, threads=8), lambda: saxpy(x, y, 2.0, 9, threads=9),
        lambda: saxpy(x, api.zeros(7), 2.0, 8, threads=8),
        lambda: saxpy(x, y, 2.0, 8, threads=(8.0,)),
        lambda: saxpy(x, y, 2.0, 8, threads=8, threadgroup=8.0),
    ):  # fmt: skip
        saxpy(x, y, 2.0, 8, threads=(8,), threadgroup=8)
        with pytest.raises(LaunchError):
            bad()
    y.close()
    with pytest.raises(LaunchError, match="closed"):
        saxpy(x, y, 2.0, 8, threads=8)

"""Programs that users of the original iris have: the names and the call forms that they know, on any device."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.places import PLACES, current

# The two programs of the original's README, to the letter; the second gets imports and a call.
README_FIRST = """\
import numpy as np
from metal_runtime import api, ops

N = 1_000_000
a = np.random.randn(N).astype(np.float32)
b = np.random.randn(N).astype(np.float32)

a_buf = api.asarray(a, persistent=True)
b_buf = api.asarray(b, persistent=True)
out_buf = api.empty_like(a_buf, persistent=True)

ops.add(a_buf, b_buf, out_buf)
result = api.to_numpy(out_buf)
print(result[:5])
"""

README_SECOND = """\
@kernel(
    param_types={
        "A": "device const float*",
        "B": "device const float*",
        "C": "device float*",
        "D": "uint",  # depth (z‑dimension)
        "H": "uint",  # height (y)
        "W": "uint",  # width  (x)
    }
)
def add_3d(A, B, C, D, H, W):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    z = metal.thread_id_z()

    if x < W and y < H and z < D:
        idx = (z * H * W) + (y * W) + x
        C[idx] = A[idx] + B[idx]
"""

SAXPY = """
#include <metal_stdlib>
using namespace metal;
kernel void saxpy(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                  constant float& a [[buffer(2)]], constant int& n [[buffer(3)]],
                  uint i [[thread_position_in_grid]]) {
    if (int(i) < n) y[i] = a * x[i] + y[i];
}
"""


@pytest.fixture(params=PLACES, autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test runs on every device, as a user would have it by IRIS_DEVICE."""
    with current(request.param) as name:
        yield name


def run(tmp_path: Path, program: str) -> dict[str, object]:
    """The names that a program leaves, run from a file as a user would."""
    path = tmp_path / "program.py"
    path.write_text(program)
    return runpy.run_path(str(path), run_name="__main__")


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng().standard_normal(shape, dtype=np.float32)


def test_first_readme_program_runs_verbatim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(tmp_path, README_FIRST)
    np.testing.assert_array_equal(names["result"], names["a"] + names["b"])
    assert capsys.readouterr().out.strip() == str(names["result"][:5])


@pytest.mark.parametrize(
    "imports",
    [
        "from metal_runtime.decorator import kernel, metal",
        "from metal_runtime.decorator import kernel",
    ],
)
def test_second_readme_program_runs_verbatim(tmp_path: Path, imports: str) -> None:
    from metal_runtime import api

    names = run(tmp_path, f"{imports}\n\n{README_SECOND}")
    a, b = floats(5, 7, 33), floats(5, 7, 33)
    out = api.asarray(np.full_like(a, np.nan))
    api.launch_kernel(
        "add_3d", grid=(33, 7, 5), block=(8, 4, 2),
        args=(api.asarray(a), api.asarray(b), out, 5, 7, 33),
    )  # fmt: skip
    np.testing.assert_array_equal(api.to_numpy(out), a + b)
    direct = np.full_like(a, np.nan)
    names["add_3d"](a, b, direct, 5, 7, 33, threads=(33, 7, 5))
    np.testing.assert_array_equal(direct, a + b)


def test_arrays_are_made_and_read_with_the_known_names() -> None:
    from metal_runtime import api

    a = floats(3, 5)
    buffer = api.asarray(a, persistent=False)
    assert (buffer.shape, buffer.dtype, buffer.size, buffer.ndim, buffer.numel) == (
        (3, 5), api.DType.FLOAT32, 15, 2, 15,
    )  # fmt: skip
    np.testing.assert_array_equal(api.to_numpy(buffer), a)
    assert api.empty((2, 3)).dtype is api.DType.FLOAT32
    assert api.empty((2, 3), dtype=api.DType.INT32, persistent=True).dtype is api.DType.INT32
    assert api.empty_like(buffer).shape == (3, 5)
    np.testing.assert_array_equal(
        api.to_numpy(api.zeros((4,), api.DType.FLOAT16)), np.zeros(4, np.float16)
    )
    np.testing.assert_array_equal(
        api.to_numpy(api.ones((2, 2), api.DType.UINT8)), np.ones((2, 2), np.uint8)
    )
    api.synchronize()


def test_persistence_is_switched_with_the_known_names() -> None:
    from metal_runtime import api

    a = floats(10)
    with api.persistent_buffers():
        kept = api.asarray(a)
    assert kept.persistent
    assert not api.asarray(a).persistent
    api.enable_persistence_default()
    try:
        assert api.empty_like(kept).persistent
    finally:
        api.enable_persistence_default(False)
    assert not api.empty((3,)).persistent


def test_msl_text_is_launched_and_registered_with_the_known_names() -> None:
    from metal_runtime import api

    n = 1003
    x, y = floats(n), floats(n)
    expected = np.float32(2.5) * x.astype(np.float64) + y
    x_buf, y_buf = api.asarray(x), api.asarray(y)
    api.launch(SAXPY, "saxpy", (n,), (64,), [x_buf, y_buf, 2.5, n])
    np.testing.assert_allclose(api.to_numpy(y_buf), expected, rtol=1e-5, atol=1e-6)

    api.register_kernel("my_saxpy", SAXPY, "saxpy")
    y_buf = api.asarray(y)
    api.launch_kernel("my_saxpy", (n,), (64,), (x_buf, y_buf, np.float32(2.5), np.int32(n)))
    np.testing.assert_allclose(api.to_numpy(y_buf), expected, rtol=1e-5, atol=1e-6)
    assert api.KernelRegistry is not None


def test_decorated_kernel_has_the_known_attributes() -> None:
    from metal_runtime import api
    from metal_runtime.decorator import KernelFunction, kernel, metal

    types = {"src": "device const float*", "dst": "device float*", "n": "uint"}

    @kernel(param_types=types, name="scaled_copy")
    def copy_scaled(src, dst, n):
        i = metal.thread_id()
        if i < n:
            dst[i] = src[i] * 3.0

    assert isinstance(copy_scaled, KernelFunction)
    assert copy_scaled.func.__name__ == "copy_scaled"
    assert dict(copy_scaled.param_types) == types
    assert copy_scaled.function_name == "scaled_copy"
    assert "kernel void scaled_copy" in copy_scaled.msl_source
    assert "constant uint& n [[buffer(2)]]" in copy_scaled.msl_source
    a = floats(100)
    out = api.zeros((100,), api.DType.FLOAT32)
    api.launch_kernel("scaled_copy", grid=(100,), block=(32,), args=(api.asarray(a), out, 100))
    np.testing.assert_array_equal(api.to_numpy(out), a * np.float32(3))


def test_kernels_without_parameters_or_work_are_kernels() -> None:
    from metal_runtime import api
    from metal_runtime.decorator import kernel

    @kernel
    def no_parameters():
        pass

    @kernel(name="does_nothing", param_types={"x": "device float*"})
    def untouched(x):
        """Leaves x as it is."""

    a = floats(5)
    x = api.asarray(a)
    api.launch_kernel("no_parameters", grid=(4,), block=(1,), args=[])
    api.launch_kernel("does_nothing", grid=(4,), block=(1,), args=[x])
    np.testing.assert_array_equal(api.to_numpy(x), a)


def test_a_chain_of_operations_on_flattened_arrays() -> None:
    from metal_runtime import api, ops
    from metal_runtime.decorator import kernel, metal

    @kernel(
        param_types={
            "a": "device const float*",
            "scalar": "device const float*",
            "out": "device float*",
            "n": "uint",
        }
    )
    def fused_chain(a, scalar, out, n):
        i = metal.thread_id()
        if i < n:
            acc = 0.0
            for k in range(3):
                acc = acc + a[i * 3 + k] * scalar[0]
            if acc < 0.0:
                out[i] = 0.0
            else:
                out[i] = acc

    rows = floats(33, 3)
    a, scalar = api.asarray(rows.flatten()), api.asarray(np.array([2.0], np.float32))
    out = api.empty((33,), api.DType.FLOAT32)
    api.launch_kernel("fused_chain", grid=(64,), block=(16,), args=[a, scalar, out, 33])
    api.synchronize()
    expected = np.maximum((rows.astype(np.float64) * 2).sum(1), 0)
    np.testing.assert_allclose(api.to_numpy(out), expected, rtol=1e-5, atol=1e-6)
    twice = ops.relu(ops.mul_scalar(ops.add(a, a), 0.5))
    np.testing.assert_array_equal(api.to_numpy(twice), np.maximum(rows.flatten(), 0))


def test_thread_ids_in_all_known_spellings() -> None:
    from metal_runtime import api
    from metal_runtime.decorator import kernel, metal

    types = {"out": "device uint*", "W": "uint", "H": "uint"}

    @kernel(param_types=types)
    def spell_ids(out, W, H):
        p2 = metal.thread_id_2d()
        p3 = metal.thread_id_3d()
        i = (metal.thread_id_z() * H + p2.y) * W + p3.x
        out[i * 4] = metal.thread_id_x()
        out[i * 4 + 1] = metal.program_id(1)
        out[i * 4 + 2] = p3.z
        out[i * 4 + 3] = metal.threadgroup_id(0)

    depth, height, width = 3, 4, 6
    out = api.zeros((depth, height, width, 4), api.DType.UINT32)
    api.launch_kernel("spell_ids", (width, height, depth), (2, 1, 1), [out, width, height])
    z, y, x = np.indices((depth, height, width))
    np.testing.assert_array_equal(api.to_numpy(out), np.stack([x, y, z, x // 2], -1))


def test_dtype_has_the_known_names() -> None:
    from metal_runtime.dtype import DType

    for name, metal_name, size in (
        ("FLOAT32", "float", 4), ("FLOAT16", "half", 2), ("INT32", "int", 4), ("UINT32", "uint", 4),
        ("INT16", "short", 2), ("UINT16", "ushort", 2), ("INT8", "char", 1), ("UINT8", "uchar", 1),
    ):  # fmt: skip
        dtype = DType[name]
        assert (dtype.metal_name, dtype.size, dtype.itemsize) == (metal_name, size, size)
        assert DType.from_numpy(np.dtype(name.lower())) is dtype
        assert dtype.to_numpy() == dtype.numpy_dtype == np.dtype(name.lower())


def test_operators_with_the_known_names() -> None:
    from metal_runtime import api, ops

    a, b = floats(50), np.abs(floats(50)) + np.float32(0.5)
    x, y = api.asarray(a), api.asarray(b)
    wide = a.astype(np.float64), b.astype(np.float64)
    for name, expected in {
        "add": wide[0] + wide[1], "sub": wide[0] - wide[1],
        "mul": wide[0] * wide[1], "div": wide[0] / wide[1],
    }.items():  # fmt: skip
        out = api.empty_like(x)
        getattr(ops, name)(x, y, out=out)
        np.testing.assert_allclose(api.to_numpy(out), expected, rtol=1e-5, atol=1e-6)
    for name, expected in {
        "relu": np.maximum(wide[1], 0), "sigmoid": 1 / (1 + np.exp(-wide[1])),
        "tanh": np.tanh(wide[1]), "exp": np.exp(wide[1]), "log": np.log(wide[1]),
        "sqrt": np.sqrt(wide[1]), "neg": -wide[1], "abs": np.abs(wide[1]),
    }.items():  # fmt: skip
        np.testing.assert_allclose(
            api.to_numpy(getattr(ops, name)(y)), expected, rtol=1e-5, atol=1e-6
        )
    for name in ("exp", "log", "sqrt", "relu", "sigmoid", "tanh"):
        np.testing.assert_array_equal(
            api.to_numpy(getattr(y, name)()), api.to_numpy(getattr(ops, name)(y))
        )
    assert ops.cast(x, api.DType.FLOAT16).dtype is api.DType.FLOAT16


def test_scalar_operators_with_the_known_names() -> None:
    from metal_runtime import api, ops

    b = np.abs(floats(50)) + np.float32(0.5)
    y = api.asarray(b)
    s = 1.5
    for name, expected in {
        "add_scalar": b + s, "sub_scalar": b - s, "mul_scalar": b * s, "div_scalar": b / s,
    }.items():  # fmt: skip
        np.testing.assert_allclose(api.to_numpy(getattr(ops, name)(y, s)), expected, rtol=1e-6)
    for name, expected in {"rsub_scalar": s - b, "rdiv_scalar": s / b}.items():
        out = api.empty_like(y)
        getattr(ops, name)(s, y, out=out)
        np.testing.assert_allclose(api.to_numpy(out), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(
        api.to_numpy((y + y) * 2.0 - 1.0), (b + b) * np.float32(2) - np.float32(1)
    )
    np.testing.assert_allclose(api.to_numpy(1.0 / y), 1 / b, rtol=1e-6)


def test_runtime_and_logging_have_the_known_names() -> None:
    from metal_runtime import api
    from metal_runtime.logging import LogLevel, configure_logging, get_logger
    from metal_runtime.runtime import MetalBuffer, get_runtime

    assert isinstance(api.zeros((2,), api.DType.INT8), MetalBuffer)
    assert get_runtime() is get_runtime()
    assert get_logger(__name__) is not None
    assert LogLevel is not None
    assert callable(configure_logging)
    api.log_event("mine", 1.25)
    api.log_event("mine", 1.25, phase="compile")

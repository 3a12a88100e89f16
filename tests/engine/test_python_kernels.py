"""Kernels in Python whose threads work together: in the interpreter, optimised there, and on the CPU device, against NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from metal_runtime import metal
from metal_runtime.device.launch_config import Extent
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import translate
from metal_runtime.ir.interpret import interpret
from metal_runtime.msl_types import AddressSpace, Pointer, parse_type
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import CompileOptions
from tests.cpu_runs import run_on_cpu
from tests.engine import python_kernels

WAYS = ("interpreted", "optimised", "device", "fibers")
FLOATS = {"float": np.float32, "half": np.float16, "bfloat": ml_dtypes.bfloat16}
NUMBERS = FLOATS | {"int": np.int32, "uint": np.uint32, "short": np.int16, "uchar": np.uint8}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng()


def run(
    way: str,
    name: str,
    types: str,
    grid: Extent,
    threadgroup: Extent,
    arguments: Mapping[str, Any],
    **settings: Any,
) -> None:
    """Compiles the kernel with the settings of its module and runs it; writes into the arrays."""
    with pytest.MonkeyPatch.context() as patch:
        for setting, value in settings.items():
            patch.setattr(python_kernels, setting, value)
        declared = {
            n: parse_type(t)
            for n, t in zip(arguments, map(str.strip, types.split(",")), strict=True)
        }
        kernel = translate(getattr(python_kernels, name), declared)  # type: ignore[arg-type]
    if way == "interpreted":
        interpret(kernel, grid, arguments, threadgroup)
        return
    kernel = optimize(kernel)
    if way == "optimised":
        interpret(kernel, grid, arguments, threadgroup)
        return
    strategy = "fibers" if way == "fibers" else None
    program = ir_to_msl(kernel, CompileOptions(strategy=strategy))
    run_on_cpu(kernel, grid, arguments, threadgroup, program)


def whole(n: int, threads: int) -> int:
    """n rounded up to whole threadgroups: every thread of a threadgroup reaches its barriers."""
    return -(-n // threads) * threads


def values(rng: np.random.Generator, shape: Any, dtype: Any) -> Any:
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("name", ["tree_reduction", "simd_reduction"])
@pytest.mark.parametrize("threads", [32, 64, 256])
@pytest.mark.parametrize("n", [1, 777])
def test_reduction(way: str, name: str, threads: int, n: int, rng: Any) -> None:
    for metal_name, dtype in FLOATS.items():
        x, partial = values(rng, n, dtype), np.full(3, np.nan, np.float32)
        run(
            way, name, f"device const {metal_name}*, device float*, uint",
            (3 * threads, 1, 1), (threads, 1, 1), {"x": x, "partial": partial, "n": n},
            THREADS=threads, SIMDS=threads // 32,
        )  # fmt: skip
        np.testing.assert_allclose(partial.sum(), x.astype(np.float64).sum(), atol=1e-4)


@pytest.mark.parametrize("threads", [16, 64, 128])
@pytest.mark.parametrize("element", ["float", "int", "uint"])
def test_inclusive_scan(way: str, threads: int, element: str, rng: Any) -> None:
    n = 333
    x = values(rng, n, NUMBERS[element])
    out, sums = np.zeros_like(x), np.zeros(whole(n, threads) // threads, x.dtype)
    run(
        way, "inclusive_scan", f"device const {element}*, device {element}*, device {element}*, uint",
        (whole(n, threads), 1, 1), (threads, 1, 1), {"x": x, "out": out, "sums": sums, "n": n},
        THREADS=threads, T=getattr(metal, element),
    )  # fmt: skip
    parts = [x[k : k + threads].astype(np.float64) for k in range(0, n, threads)]
    np.testing.assert_allclose(out, np.concatenate([np.cumsum(p) for p in parts]), atol=1e-4)
    np.testing.assert_allclose(sums, [p.sum() for p in parts], atol=1e-4)


@pytest.mark.parametrize("element", ["float", "half", "int", "short", "uchar"])
def test_simd_scan(way: str, element: str, rng: Any) -> None:
    n, threads = 119, 64
    x = values(rng, n, NUMBERS[element])
    x = (x / 8).astype(x.dtype) if element == "uchar" else x
    out = np.zeros(2 * n, x.dtype)
    run(
        way, "simd_scan", f"device const {element}*, device {element}*, uint",
        (n, 1, 1), (threads, 1, 1), {"x": x, "out": out, "n": n}, T=getattr(metal, element),
    )  # fmt: skip
    wide = np.float64 if x.dtype.kind == "f" else x.dtype
    for k in range(0, n, 32):
        sums = np.cumsum(x[k : k + 32].astype(wide), dtype=wide)
        rows = out.reshape(n, 2)[k : k + 32]
        atol = 0.05 if element == "half" else 1e-5
        np.testing.assert_allclose(rows[:, 0].astype(wide), sums, atol=atol)
        np.testing.assert_allclose(rows[1:, 1].astype(wide), sums[:-1], atol=atol)


@pytest.mark.parametrize("size", [(1, 1, 1), (19, 21, 33), (16, 48, 5)])
@pytest.mark.parametrize("tile", [4, 16])
@pytest.mark.parametrize("element", ["float", "half"])
def test_tiled_matmul(
    way: str, size: tuple[int, int, int], tile: int, element: str, rng: Any
) -> None:
    m, n, k = size
    a, b = values(rng, (m, k), NUMBERS[element]), values(rng, (k, n), NUMBERS[element])
    c = np.full((m, n), np.nan, np.float32)
    run(
        way, "tiled_matmul",
        f"device const {element}*, device const {element}*, device float*, uint, uint, uint",
        (whole(n, tile), whole(m, tile), 1), (tile, tile, 1),
        {"A": a, "B": b, "C": c, "m": m, "n": n, "k": k}, TILE=tile, T=getattr(metal, element),
    )  # fmt: skip
    np.testing.assert_allclose(c, a.astype(np.float64) @ b.astype(np.float64), atol=1e-4)


@pytest.mark.parametrize("n", [8, 40])
@pytest.mark.parametrize("threads", [32, 128])
def test_simdgroup_matmul(way: str, n: int, threads: int, rng: Any) -> None:
    for element, bound in {"float": 1e-5, "half": 0.3, "bfloat": 2.0}.items():
        a, b = values(rng, (n, n), FLOATS[element]), values(rng, (n, n), FLOATS[element])
        c = np.full((n, n), np.nan, np.float32 if element == "float" else FLOATS[element])
        kernel = "simdgroup_matmul" if element == "float" else f"simdgroup_matmul_{element}"
        run(
            way, kernel, f"device const {element}*, device const {element}*, device {element}*, uint",
            (whole((n // 8) ** 2 * 32, threads), 1, 1), (threads, 1, 1),
            {"A": a, "B": b, "C": c, "n": n},
        )  # fmt: skip
        expected = a.astype(np.float64) @ b.astype(np.float64)
        np.testing.assert_allclose(c.astype(np.float64), expected, atol=bound)


@pytest.mark.parametrize("threads", [32, 64, 128])
@pytest.mark.parametrize("element", ["uint", "atomic_uint"])
def test_histogram(way: str, threads: int, element: str, rng: Any) -> None:
    n = 901
    x, bins = rng.integers(0, 64, n).astype(np.uint32), np.zeros(64, np.uint32)
    run(
        way, "histogram", f"device const uint*, device {element}*, uint",
        (whole(n, threads), 1, 1), (threads, 1, 1), {"x": x, "bins": bins, "n": n}, THREADS=threads,
    )  # fmt: skip
    np.testing.assert_array_equal(bins, np.bincount(x, minlength=64))


@pytest.mark.parametrize("threads", [1, 8, 64])
@pytest.mark.parametrize("element", ["float", "half"])
def test_bitonic_sort(way: str, threads: int, element: str, rng: Any) -> None:
    n = 5 * threads + 3
    x = values(rng, n, NUMBERS[element])
    out = np.full(n, np.nan, x.dtype)
    run(
        way, "bitonic_sort", f"device const {element}*, device {element}*, uint",
        (whole(n, 2 * threads) // 2, 1, 1), (threads, 1, 1), {"x": x, "out": out, "n": n},
        THREADS=threads, T=getattr(metal, element),
    )  # fmt: skip
    parts = [np.sort(x[k : k + 2 * threads]) for k in range(0, n, 2 * threads)]
    np.testing.assert_array_equal(out, np.concatenate(parts))


@pytest.mark.parametrize("threads", [8, 64])
@pytest.mark.parametrize("columns", [1, 77])
@pytest.mark.parametrize("element", ["float", "half", "bfloat"])
def test_softmax_and_layer_norm(
    way: str, threads: int, columns: int, element: str, rng: Any
) -> None:
    rows, dtype = 3, FLOATS[element]
    x = values(rng, (rows, columns), dtype)
    out = np.full_like(x, np.nan)
    size = {"grid": (rows * threads, 1, 1), "threadgroup": (threads, 1, 1), "THREADS": threads}
    pointer = f"device const {element}*"
    run(
        way, "softmax", f"{pointer}, device {element}*, uint",
        arguments={"x": x, "out": out, "columns": columns}, **size,
    )  # fmt: skip
    wide = np.exp(x.astype(np.float64) - x.astype(np.float64).max(axis=1, keepdims=True))
    bound = {"float": 1e-5, "half": 1e-3, "bfloat": 1e-2}[element]
    np.testing.assert_allclose(
        out.astype(np.float64), wide / wide.sum(axis=1, keepdims=True), atol=bound
    )
    weight, bias = (values(rng, columns, dtype) for _ in range(2))
    out = np.full_like(x, np.nan)
    run(
        way, "layer_norm", f"{pointer}, {pointer}, {pointer}, device {element}*, uint, float",
        arguments={"x": x, "weight": weight, "bias": bias, "out": out, "columns": columns, "eps": 1e-3},
        **size,
    )  # fmt: skip
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt(wide.var(axis=1, keepdims=True) + 1e-3)
    expected = expected * weight.astype(np.float64) + bias.astype(np.float64)
    np.testing.assert_allclose(out.astype(np.float64), expected, atol=20 * bound)


@pytest.mark.parametrize("size", [(1, 1), (33, 18), (16, 40)])
@pytest.mark.parametrize("tile", [4, 16])
@pytest.mark.parametrize("element", ["float", "half", "uchar", "int"])
def test_transpose(way: str, size: tuple[int, int], tile: int, element: str, rng: Any) -> None:
    height, width = size
    x = values(rng, size, NUMBERS[element])
    out = np.zeros((width, height), x.dtype)
    run(
        way, "transpose", f"device const {element}*, device {element}*, uint, uint",
        (whole(width, tile), whole(height, tile), 1), (tile, tile, 1),
        {"x": x, "out": out, "width": width, "height": height}, TILE=tile, T=getattr(metal, element),
    )  # fmt: skip
    np.testing.assert_array_equal(out, x.T)


def test_thread_array(way: str, rng: Any) -> None:
    n = 500
    x, out = rng.random(n).astype(np.float32), np.full((10, 4), np.nan, np.float32)
    run(
        way, "largest_four", "device const float*, device float*, uint",
        (10, 1, 1), (10, 1, 1), {"x": x, "out": out, "n": n},
    )  # fmt: skip
    np.testing.assert_array_equal(out, -np.sort(-x.reshape(50, 10).T, axis=1)[:, :4])


def test_arrays_are_pointers_in_their_own_memory() -> None:
    types = {"x": "device const float*", "out": "device float*", "width": "uint", "height": "uint"}
    kernel = translate(
        python_kernels.transpose,
        {n: parse_type(t) for n, t in types.items()},  # type: ignore[misc]
    )
    (tile,) = kernel.arrays
    assert tile.shape == (16, 17)
    assert tile.pointer == Pointer(AddressSpace.THREADGROUP, metal.float.msl_type, inner=(17,))
    assert ir_to_msl(kernel).entry_points[0].threadgroup_bytes == 16 * 17 * 4

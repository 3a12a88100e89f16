"""The usual kernels with threadgroups, written in MSL, against NumPy; every strategy gives the same bits."""

# ruff: noqa: B023   (each run is called before the loop goes on)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.engine.launching import (
    BFLOAT,
    DTYPES,
    close,
    library,
    poisoned,
    rounding,
    strategies,
    values,
)

SIZES = [1, 31, 257, 5003]
GROUPS = [32, 45, 256, 1024]


def results(file: str, kernel: str, run: Any) -> list[Any]:
    """What ``run(kernel object)`` gives under each strategy that applies, which is the same."""
    found = [run(library(file, s)[kernel]) for s in strategies(file, kernel)]
    for other in found[1:]:
        np.testing.assert_array_equal(
            np.asarray(found[0]).view(np.uint8), np.asarray(other).view(np.uint8)
        )
    return found


def padded_blocks(x: Any, group: int) -> Any:
    """x as rows of one threadgroup each, filled up with zeros."""
    blocks = -(-x.size // group)
    return np.pad(x, (0, blocks * group - x.size)).reshape(blocks, group)


def up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


# --- reductions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", ["float", "half", "bfloat", "int", "ulong"])
def test_tree_reduction(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for size in SIZES:
        x = values(rng, size, dtype)
        blocks = padded_blocks(x, group)

        def run(kernel: Any) -> Any:
            out = poisoned(len(blocks), dtype)
            kernel(
                x, out, size,
                threads=(blocks.size,), threadgroup=(group,),
                threadgroup_memory=(up(group * dtype.itemsize, 16),),
            )  # fmt: skip
            return out

        out = results("reduction.metal", f"tree_sum_{name}", run)[0]
        check_sums(out, blocks, dtype)


def check_sums(out: Any, blocks: Any, dtype: Any) -> None:
    if np.dtype(dtype).kind in "iu":
        np.testing.assert_array_equal(out, blocks.sum(axis=1, dtype=dtype))
    else:
        wide = blocks.astype(np.float64)
        scale = np.abs(wide).sum(axis=1)
        assert np.isfinite(out.astype(np.float64)).all()
        error = np.abs(out.astype(np.float64) - wide.sum(axis=1))
        assert (error <= 12 * rounding(dtype) * scale + 1e-30).all()


@pytest.mark.parametrize("group", [32, 64, 45, 1024])
@pytest.mark.parametrize("name", ["float", "half", "int"])
def test_simd_reduction(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for size in SIZES:
        x = values(rng, size, dtype)
        blocks = padded_blocks(x, group)

        def run(kernel: Any) -> Any:
            out = poisoned(len(blocks), dtype)
            kernel(x, out, size, threads=(blocks.size,), threadgroup=(group,))
            return out

        check_sums(results("reduction.metal", f"simd_sum_{name}", run)[0], blocks, dtype)


@pytest.mark.parametrize("group", [(1,), (45,), (8, 4, 2), (1024,)])
def test_arg_max(rng: np.random.Generator, group: tuple[int, ...]) -> None:
    for size in SIZES:
        x = rng.integers(0, 50, size).astype(np.float32)

        def run(kernel: Any) -> Any:
            out = poisoned(1, np.uint32)
            kernel(x, out, size, threadgroups=(1,), threadgroup=group)
            return out

        assert results("reduction.metal", "arg_max", run)[0][0] == np.argmax(x)


# --- scan ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", ["float", "half", "int"])
def test_inclusive_scan(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for size in SIZES:
        x = values(rng, size, dtype, -9, 9)
        if name == "half":
            x = rng.integers(-1, 2, size).astype(np.float16)  # the sums are exact
        blocks = up(size, group) // group
        launch: dict[str, Any] = {"threads": (blocks * group,), "threadgroup": (group,)}

        def run(kernel: Any) -> Any:
            out, sums = poisoned(size, dtype), poisoned(blocks, dtype)
            memory = (up(group * dtype.itemsize, 16),)
            kernel(x, out, sums, size, **launch, threadgroup_memory=memory)
            library("scan.metal")[f"add_before_{name}"](out, sums, size, **launch)
            return out

        out = results("scan.metal", f"scan_blocks_{name}", run)[0]
        expected = np.cumsum(x.astype(np.float64))
        if name == "float":
            assert np.isfinite(out).all()
            allowed = 64 * rounding(dtype) * np.cumsum(np.abs(x.astype(np.float64)))
            assert (np.abs(out - expected) <= allowed).all()
        else:
            np.testing.assert_array_equal(out, expected.astype(dtype))


@pytest.mark.parametrize("group", [32, 96, 77, 1024])
def test_scan_by_simdgroups(rng: np.random.Generator, group: int) -> None:
    for size in SIZES:
        x = values(rng, size, np.int32)

        def run(kernel: Any) -> Any:
            out = poisoned(size, np.int32)
            kernel(x, out, size, threadgroups=(1,), threadgroup=(group,))
            return out

        out = results("scan.metal", "scan_by_simdgroups", run)[0]
        np.testing.assert_array_equal(out, np.cumsum(x))


# --- matrices --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tile"),
    [("float", 8), ("float", 16), ("float", 32), ("half", 16), ("bfloat", 16), ("int", 16)],
)
def test_tiled_matmul(rng: np.random.Generator, name: str, tile: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for m, n, k in [(1, 1, 1), (17, 33, 45), (64, 64, 64), (70, 5, 101)]:
        a, b = values(rng, (m, k), dtype), values(rng, (k, n), dtype)

        def run(kernel: Any) -> Any:
            c = poisoned((m, n), dtype)
            shape = np.array([m, n, k], np.uint32)
            kernel(a, b, c, shape, threads=(up(n, tile), up(m, tile)), threadgroup=(tile, tile))
            return c

        c = results("matmul.metal", f"tiled_{name}_{tile}", run)[0]
        if name == "int":
            np.testing.assert_array_equal(c, a @ b)
        else:
            close(c, a.astype(np.float64) @ b.astype(np.float64), 32 * 2.0**-24 + rounding(dtype))


@pytest.mark.parametrize("simdgroups", [1, 3, 4])
@pytest.mark.parametrize("name", ["float", "half", "bfloat"])
def test_matmul_by_simdgroup_matrices(rng: np.random.Generator, name: str, simdgroups: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for m, n, k in [(16, 16, 8), (80, 48, 72), (112, 16, 40)]:
        a, b = values(rng, (m, k), dtype), values(rng, (k, n), dtype)

        def run(kernel: Any) -> Any:
            c = poisoned((m, n), np.float32)
            shape = np.array([m, n, k], np.uint32)
            groups = (n // 16, -(-m // (16 * simdgroups)))
            kernel(a, b, c, shape, threadgroups=groups, threadgroup=(32 * simdgroups,))
            return c

        c = results("matmul.metal", f"simdgroups_{name}", run)[0]
        close(c, a.astype(np.float64) @ b.astype(np.float64), 32 * 2.0**-24)


# --- histogram, sort, rows, transpose -------------------------------------------------------------


@pytest.mark.parametrize("group", [32, 77, 512])
@pytest.mark.parametrize("bins", [1, 10, 1000])
def test_histogram(rng: np.random.Generator, bins: int, group: int) -> None:
    x = rng.random(20_011, dtype=np.float32)
    expected = np.bincount(
        np.minimum((x * np.float32(bins)).astype(np.int64), bins - 1), minlength=bins
    )
    for strategy in strategies("histogram.metal", "histogram"):
        specialised = library("histogram.metal", strategy).specialise(constants={"bins": bins})
        counts = np.zeros(bins, np.uint32)
        specialised.histogram(x, counts, x.size, threads=(20 * group,), threadgroup=(group,))
        np.testing.assert_array_equal(counts, expected)
    counts = np.zeros(bins, np.uint32)
    specialised.histogram_direct(x, counts, threads=(x.size,), threadgroup=(group,))
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("group", [2, 32, 256, 1024])
@pytest.mark.parametrize("name", ["float", "int", "ushort", "half"])
def test_bitonic_sort(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = np.dtype(DTYPES[name])
    for size in {1, group - 1, group, 3 * group + 1}:
        x = values(rng, size, dtype)
        blocks = up(size, group) // group

        def run(kernel: Any) -> Any:
            keys = x.copy()
            memory = (up(group * dtype.itemsize, 16),)
            kernel(
                keys,
                size,
                threads=(blocks * group,),
                threadgroup=(group,),
                threadgroup_memory=memory,
            )
            return keys

        keys = results("bitonic.metal", f"sort_{name}", run)[0]
        parts = [np.sort(x[i : i + group]) for i in range(0, size, group)]
        np.testing.assert_array_equal(keys, np.concatenate(parts))


@pytest.mark.parametrize("group", [1, 32, 50, 256])
@pytest.mark.parametrize("name", ["float", "half", "bfloat"])
def test_softmax(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = DTYPES[name]
    for rows, columns in [(1, 1), (5, 33), (3, 1000)]:
        x = (5 * rng.standard_normal((rows, columns))).astype(dtype)

        def run(kernel: Any) -> Any:
            out = poisoned((rows, columns), dtype)
            kernel(
                x, out, columns,
                threadgroups=(rows,), threadgroup=(group,), threadgroup_memory=(up(4 * group, 16),),
            )  # fmt: skip
            return out

        out = results("rows.metal", f"softmax_{name}", run)[0]
        e = np.exp(x.astype(np.float64) - x.astype(np.float64).max(axis=1, keepdims=True))
        close(out, e / e.sum(axis=1, keepdims=True), 64 * 2.0**-24 + rounding(dtype))


@pytest.mark.parametrize("group", [32, 64, 256])
@pytest.mark.parametrize("name", ["float", "half", "bfloat"])
def test_layer_norm(rng: np.random.Generator, name: str, group: int) -> None:
    dtype = DTYPES[name]
    for rows, columns in [(1, 2), (5, 33), (3, 1001)]:
        x = (3 + rng.standard_normal((rows, columns))).astype(dtype)
        weight, bias = values(rng, columns, dtype), values(rng, columns, dtype)

        def run(kernel: Any) -> Any:
            out = poisoned((rows, columns), dtype)
            kernel(x, weight, bias, out, columns, 1e-5, threadgroups=(rows,), threadgroup=(group,))
            return out

        out = results("rows.metal", f"layer_norm_{name}", run)[0]
        wide = x.astype(np.float64)
        centred = wide - wide.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        expected = scaled * weight.astype(np.float64) + bias.astype(np.float64)
        close(out, expected, 128 * 2.0**-24 + 2 * rounding(dtype))


@pytest.mark.parametrize("height", [1, 4, 16])
@pytest.mark.parametrize("name", ["float", "uchar", "long", "float4"])
def test_transpose(rng: np.random.Generator, name: str, height: int) -> None:
    lanes = (4,) if name == "float4" else ()
    dtype = DTYPES["float" if lanes else name]
    for rows, columns in [(1, 1), (16, 16), (45, 33), (7, 100)]:
        x = values(rng, (rows, columns, *lanes), dtype)

        def run(kernel: Any) -> Any:
            out = poisoned((columns, rows, *lanes), dtype)
            size = np.array([rows, columns], np.uint32)
            groups = (-(-columns // 16), -(-rows // 16))
            kernel(x, out, size, threadgroups=groups, threadgroup=(16, height))
            return out

        out = results("transpose.metal", f"transpose_{name}", run)[0]
        np.testing.assert_array_equal(out, np.swapaxes(x, 0, 1))


def test_bfloat_is_rounded(rng: np.random.Generator) -> None:
    """Sums of one element are the element: nothing but bfloat goes through the tree."""
    x = values(rng, 45, BFLOAT)
    out = poisoned(45, BFLOAT)
    kernel = library("reduction.metal").tree_sum_bfloat
    kernel(x, out, 45, threads=(45,), threadgroup=(1,), threadgroup_memory=(16,))
    np.testing.assert_array_equal(out.view(np.uint16), x.view(np.uint16))

"""Simdgroup matrices and threadgroup arrays as arguments and results of functions, interpreted and on the CPU device, against NumPy."""
# mypy: ignore-errors

import ml_dtypes
import numpy as np
import pytest

from metal_runtime import metal
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import translate
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.printer import print_kernel
from metal_runtime.msl_types import parse_type
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import CompileOptions
from tests.cpu_runs import run_on_cpu

DTYPES = {"float": np.float32, "half": np.float16, "bfloat": ml_dtypes.bfloat16}


def row_of(x, k, n):
    return metal.simdgroup_load(x[k * 8], n)


def step(a, b, c):
    return metal.simdgroup_multiply_accumulate(a, b, c)


def kept(c: metal.simdgroup_float8x8, tile, row: "uint") -> None:
    metal.simdgroup_store(c, tile[row, 0], 9)


def doubled(c: metal.simdgroup_float8x8) -> metal.simdgroup_float8x8:
    return metal.simdgroup_multiply(c, metal.simdgroup_float8x8(2.0))


def total(tile, row: "uint", lane: "uint") -> "float":
    sum = 0.0
    if lane < 8:
        for k in range(8):
            sum += tile[row + lane, k]
    return sum


def sums_of_product(x, y, out: "device float*", n: "uint"):
    """The sum of each row of 2 * x * y, for x of 8 rows and n columns."""
    tile = metal.threadgroup_array(metal.float, (8, 9))
    c = metal.simdgroup_float8x8(0.0)
    for k in range(n // 8):
        c = step(row_of(x, k, n), metal.simdgroup_load(y[k * 64], 8), c)
    kept(doubled(c), tile, 0)
    metal.threadgroup_barrier()
    lane = metal.thread_index_in_simdgroup
    row = total(tile, 0, lane)
    if lane < 8:
        out[lane] = row


@pytest.mark.parametrize("way", ["interpreted", "optimised", "regions or loops", "fibers"])
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("n", [8, 24])
def test_matrices_through_functions(name, n, way):
    pointer = parse_type(f"device const {name}*")
    types = {
        "x": pointer,
        "y": pointer,
        "out": parse_type("device float*"),
        "n": parse_type("uint"),
    }
    kernel = translate(sums_of_product, types)
    rng = np.random.default_rng()
    x, y = (rng.standard_normal(8 * n).astype(DTYPES[name]) for _ in "xy")
    arguments = {"x": x, "y": y, "out": np.full(8, np.nan, np.float32), "n": n}
    kernel = kernel if way == "interpreted" else optimize(kernel)
    if way in ("interpreted", "optimised"):
        interpret(kernel, (32, 1, 1), arguments, (32, 1, 1))
    else:
        options = CompileOptions(strategy="fibers" if way == "fibers" else None)
        run_on_cpu(kernel, (32, 1, 1), arguments, (32, 1, 1), ir_to_msl(kernel, options))
    wide = x.reshape(8, n).astype(np.float64) @ y.reshape(n, 8).astype(np.float64)
    np.testing.assert_allclose(arguments["out"], 2 * wide.sum(axis=1), rtol=1e-4, atol=1e-3)


def test_golden(golden):
    pointer = parse_type("device const half*")
    types = {
        "x": pointer,
        "y": pointer,
        "out": parse_type("device float*"),
        "n": parse_type("uint"),
    }
    kernel = optimize(translate(sums_of_product, types))
    golden("ir/matrix_functions.ir", print_kernel(kernel))
    golden("msl/matrix_functions.metal", ir_to_msl(kernel).source)

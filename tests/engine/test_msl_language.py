"""What MSL has beyond C: function constants, named instances, program data, unions, lambdas, methods by space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import metal_runtime
from metal_runtime.errors import IrisError
from tests.engine.launching import MSL, library, poisoned

N = 45
LAUNCH: dict[str, Any] = {"threads": (N,), "threadgroup": (16,)}
STRATEGIES = [None, "fibers"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("factor", [None, 0.5])
@pytest.mark.parametrize("doubled", [False, True])
def test_function_constants(
    rng: np.random.Generator, doubled: bool, factor: float | None, strategy: str | None
) -> None:
    x = rng.integers(-100, 100, N).astype(np.int32)
    constants: dict[str | int, Any] = {"doubled": doubled, 1: -7, "with_extra": False}
    if factor is not None:
        constants["factor"] = factor
    chosen = library("language.metal", strategy).specialise(constants=constants)
    out = poisoned(N, np.float32)
    chosen["constants"](x, out, None, **LAUNCH)
    np.testing.assert_array_equal(out, (x - 14.0) * (1 + doubled) * (factor or 1))


def test_function_constant_that_brings_an_argument(rng: np.random.Generator) -> None:
    x, extra = (rng.integers(-100, 100, N).astype(np.int32) for _ in range(2))
    chosen = library("language.metal").specialise(
        constants={"doubled": False, "offset": 3, "with_extra": True}
    )
    kernel = chosen["constants"]
    assert [argument.name for argument in kernel.signature.arguments] == ["x", "out", "extra"]
    assert all(argument.active for argument in kernel.signature.arguments)
    out = poisoned(N, np.float32)
    kernel(x, out, extra, **LAUNCH)
    np.testing.assert_array_equal(out, x + 6.0 + extra)


def test_missing_function_constant_is_named() -> None:
    chosen = library("language.metal").specialise(constants={"doubled": True, "with_extra": False})
    with pytest.raises(IrisError, match="offset"):
        chosen["constants"](np.zeros(N, np.int32), poisoned(N, np.float32), **LAUNCH)


@pytest.mark.parametrize("answer", [None, 7])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_program_data_and_includes(
    rng: np.random.Generator, strategy: str | None, answer: int | None
) -> None:
    defines = None if answer is None else {"ANSWER": answer}
    chosen = metal_runtime.compile(
        MSL / "language.metal", include_dirs=[MSL], defines=defines, strategy=strategy
    )
    x = rng.integers(-8, 8, N).astype(np.float32)
    out = poisoned(N, np.float32)
    chosen.program_data(x, out, **LAUNCH)
    gid = np.arange(N)
    c = np.array([[1, 2, 3], [-1, 0.5, 0.25]])[gid % 2]
    scale, table = np.array([0.5, 2.0]), np.array([[1, 2, 3], [10, 20, 30]])
    at = c[:, 0] + x * (c[:, 1] + x * c[:, 2])
    expected = at * scale[gid % 2] + table[gid % 2, gid % 3] + (x + 6) + 4 + (answer or 42)
    np.testing.assert_array_equal(out, expected.astype(np.float32))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_unions_enums_lambdas_operators(rng: np.random.Generator, strategy: str | None) -> None:
    chosen = library("language.metal", strategy)
    x = rng.standard_normal(N).astype(np.float32)
    out: Any = poisoned(N, np.uint32)
    chosen.unions(x, out, **LAUNCH)
    bits = x.view(np.uint32)
    np.testing.assert_array_equal(out, bits ^ bits.byteswap())

    whole = rng.integers(-100, 100, N).astype(np.int32)
    out = poisoned(N, np.int32)
    chosen.enums(whole, out, **LAUNCH)
    kinds = np.stack([whole**2, whole**3, 7 - whole])
    np.testing.assert_array_equal(out, kinds[np.arange(N) % 3, np.arange(N)])

    out = poisoned(N, np.int32)
    chosen.lambdas(whole, out, 5, **LAUNCH)
    np.testing.assert_array_equal(out, (whole + 10) * 10 + 2)

    pairs = rng.integers(-9, 9, (N, 2)).astype(np.float32)
    out = poisoned((N, 2), np.float32)
    chosen.operators(pairs, out, **LAUNCH)
    turned = np.stack([-pairs[:, 1], pairs[:, 0]], axis=1)
    moved = np.where((turned != 0).any(axis=1, keepdims=True), turned + pairs, turned)
    np.testing.assert_array_equal(out, moved)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_overloads_and_methods_by_address_space(
    rng: np.random.Generator, strategy: str | None
) -> None:
    x = rng.integers(-100, 100, N).astype(np.int32)
    out = poisoned(N, np.int32)
    kernel = library("language.metal", strategy).spaces
    sizes = [argument.itemsize for argument in kernel.signature.threadgroup_arguments]
    assert [a.index for a in kernel.signature.threadgroup_arguments] == [0, 1]
    assert sizes[0] in (None, 4)  # None: only the compiler knows a struct's size
    assert sizes[1] == 4
    kernel(x, out, np.array([11], np.int32), **LAUNCH, threadgroup_memory=(64, 64))
    np.testing.assert_array_equal(out, 2 * (x + (5 + x) + x + 11))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_named_instances(rng: np.random.Generator, strategy: str | None) -> None:
    chosen = library("language.metal", strategy)
    wanted = {"float-cubed", "int squared, and more", "power_half_4", "power_long_5"}
    assert wanted <= set(chosen.kernels)
    assert "power" not in chosen.kernels
    for name, dtype, exponent, more in [
        ("float-cubed", np.float32, 3, 0),
        ("int squared, and more", np.int32, 2, 1000),
        ("power_half_4", np.float16, 4, 0),
        ("power_long_5", np.int64, 5, 0),
    ]:
        x = rng.integers(-4, 5, N).astype(dtype)
        out = poisoned(N, dtype)
        chosen[name](x, out, **LAUNCH)
        np.testing.assert_array_equal(out, x**exponent + more)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_functions_as_template_arguments(rng: np.random.Generator, strategy: str | None) -> None:
    chosen = library("language.metal", strategy)
    x = rng.integers(-9, 9, (N, 2)).astype(np.float32)
    for name, expected in [("halved", x / 2), ("added", x + 3), ("halved_twice", x / 4)]:
        out = poisoned((N, 2), np.float32)
        chosen[name](x, out, **LAUNCH)
        np.testing.assert_array_equal(out, expected)


def test_division_by_a_function_constant(rng: np.random.Generator) -> None:
    x = rng.integers(0, 1000, N).astype(np.uint32)
    out = poisoned(N, np.uint32)
    library("language.metal").specialise(constants={"divisor": 7}).divided(x, out, **LAUNCH)
    np.testing.assert_array_equal(out, x // 7 + x % 7)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("grid", "group"),
    [((70,), (32,)), ((5, 7), (4, 2)), ((6, 5, 4), (3, 2, 2)), ((3, 50, 2), (2, 20, 1))],
)
def test_thread_attributes(
    grid: tuple[int, ...], group: tuple[int, ...], strategy: str | None
) -> None:
    """Threads of the grid: threadgroups at its ends may be smaller."""
    gx, gy, gz = (*grid, 1, 1)[:3]
    tx, ty, tz = (*group, 1, 1)[:3]
    out = poisoned((gz, gy, gx, 24), np.uint32)
    library("language.metal", strategy).attributes(out, threads=grid, threadgroup=group)
    counts = [-(-g // t) for g, t in zip((gx, gy, gz), (tx, ty, tz), strict=True)]
    for z, y, x in np.ndindex(gz, gy, gx):
        at, size = [x, y, z], [tx, ty, tz]
        where = [a // s for a, s in zip(at, size, strict=True)]
        within = [a % s for a, s in zip(at, size, strict=True)]
        actual = [min(s, g - w * s) for s, g, w in zip(size, (gx, gy, gz), where, strict=True)]
        index = within[0] + actual[0] * (within[1] + actual[1] * within[2])
        simdgroups = -(-(actual[0] * actual[1] * actual[2]) // 32)
        expected = [*within, *where, *counts, *actual, *size, index, index % 32, index // 32]
        expected += [simdgroups, 32, index % 4, index // 4, x, gz]
        assert out[z, y, x].tolist() == expected


def test_library_tells_what_it_holds() -> None:
    chosen = library("reduction.metal")
    signature = chosen.kernels["tree_sum_half"]
    assert [a.name for a in signature.arguments] == ["x", "out", "n"]
    assert [a.index for a in signature.arguments] == [0, 1, 2]
    assert [a.itemsize for a in signature.threadgroup_arguments] == [2]
    assert "tree_sum_half" in repr(chosen)
    static = chosen.kernels["simd_sum_float"]
    assert static.threadgroup_bytes in (None, 128)
    with pytest.raises((AttributeError, KeyError, IrisError), match="no_such_kernel"):
        chosen["no_such_kernel"]

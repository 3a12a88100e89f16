# ruff: noqa: UP037 - MSL type texts are annotations here
"""What a launch surely touches: exact where it is known, silent where it is not, and never too much."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.decorator import kernel, metal
from metal_runtime.errors import KernelFault
from metal_runtime.ir.interpret import interpret
from metal_runtime.kernel import KernelFunction
from metal_runtime.runtime.access_bounds import access_bounds
from metal_runtime.runtime.accesses import AccessBounds


def touched(made: KernelFunction, grid, **scalars: int) -> dict[str, int]:
    """Greatest element per pointer that the launch surely touches."""
    text = access_bounds(made.ir)
    if text is None:
        return {}
    bounds = AccessBounds(text)
    grid = (grid, 1, 1) if isinstance(grid, int) else grid
    values = [scalars[name] for name in bounds.scalars]
    return {access.parameter: access.element for access in bounds.accesses(grid, values)}


@kernel
def unguarded(x: "device const float*", y: "device float*"):
    i = metal.thread_id()
    y[i + 2] = x[i]


@kernel
def guarded(x: "device const float*", y: "device float*", n: "uint"):
    i = metal.thread_id()
    if i < n:
        y[i] = x[i]


@kernel
def returns_early(x: "device const float*", y: "device float*", n: "uint"):
    i = metal.thread_id()
    if i >= n:
        return
    y[i] = x[2 * i + 1]


@kernel
def volume(A: "device const float*", C: "device float*", D: "uint", H: "uint", W: "uint"):
    x, y, z = metal.thread_id_x(), metal.thread_id_y(), metal.thread_id_z()
    if x < W and y < H and z < D:
        at = (z * H * W) + (y * W) + x
        C[at] = A[at]


@kernel
def stencil(x: "device const float*", y: "device float*", n: "int"):
    i = int(metal.thread_id())
    if i > 0 and i < n - 1:
        y[i] = x[i - 1] + x[i + 1]


@kernel
def product(A: "device const float*", B: "device const float*", C: "device float*", n: "uint"):
    column, row = metal.thread_id_x(), metal.thread_id_y()
    if row < n and column < n:
        total = 0.0
        for k in range(n):
            total += A[row * n + k] * B[k * n + column]
        C[row * n + column] = total


@kernel
def depends_on_memory(x: "device const int*", y: "device int*"):
    i = metal.thread_id()
    if x[0] > 3:
        y[i] = 1
    j = 0
    while j < x[1]:
        y[j] = 2
        j += 1


@kernel
def leaves_in_the_middle(x: "device const int*", y: "device int*"):
    i = metal.thread_id()
    if x[0] > 3:
        return
    y[i] = 1


@kernel
def loop_with_continue(x: "device const int*", y: "device int*", n: "uint"):
    i = metal.thread_id()
    if x[i] > 0:
        for k in range(n):
            if x[k] == 2:
                continue
            y[k] = 1
    for k in range(n):
        if k == n - 1:
            continue
        y[k] = 3


@kernel
def grid_stride(x: "device float*", n: "uint"):
    i = metal.thread_id()
    while i < n:
        x[i] = x[i] + 1.0
        i += metal.threads_per_grid.x


@kernel
def short_circuit(x: "device const int*", y: "device int*", n: "uint"):
    i = metal.thread_id()
    y[i] = 1 if i < n and x[i] > 2 else 0


@kernel
def wraps(x: "device int*", n: "uint"):
    i = metal.thread_id()
    x[i - n] = 1


def test_plain_accesses():
    assert touched(unguarded, 100) == {"x": 99, "y": 101}
    assert touched(unguarded, (10, 5, 1)) == {"x": 9, "y": 11}


@pytest.mark.parametrize("n", [0, 1, 99, 100, 101, 5000])
def test_guards(n):
    expected = {} if n == 0 else {"x": min(n, 128) - 1, "y": min(n, 128) - 1}
    assert touched(guarded, 128, n=n) == expected
    last = min(n, 128) - 1
    expected = {} if n == 0 else {"x": 2 * last + 1, "y": last}
    assert touched(returns_early, 128, n=n) == expected


def test_three_dimensions():
    assert touched(volume, (8, 8, 8), D=3, H=5, W=7) == {"A": 104, "C": 104}
    assert touched(volume, (8, 8, 2), D=3, H=5, W=7) == {"A": 69, "C": 69}
    assert touched(volume, (8, 8, 8), D=3, H=0, W=7) == {}


def test_interior_of_a_stencil():
    assert touched(stencil, 64, n=50) == {"x": 49, "y": 48}
    assert touched(stencil, 64, n=1) == {}


def test_loops_are_followed_to_their_last_turn():
    assert touched(product, (16, 16, 1), n=10) == {"A": 99, "B": 99, "C": 99}
    assert touched(product, (16, 16, 1), n=0) == {}


def test_what_memory_decides_is_left_out():
    assert touched(depends_on_memory, 100) == {"x": 1}
    assert touched(leaves_in_the_middle, 100) == {"x": 0}
    assert touched(short_circuit, 100, n=40) == {"x": 39, "y": 99}


def test_continue_belongs_to_its_own_loop():
    assert touched(loop_with_continue, 10, n=5) == {"x": 9}


def test_grid_stride_loops_are_left_alone():
    assert touched(grid_stride, 10, n=1000) == {}


def test_unsigned_indices_wrap():
    assert touched(wraps, 10, n=11) == {"x": 2**32 - 2}
    assert touched(wraps, 10, n=3)["x"] in (6, 2**32 - 3)


ALL = [
    unguarded, guarded, returns_early, volume, stencil, product, depends_on_memory,
    leaves_in_the_middle, loop_with_continue, short_circuit,
]  # fmt: skip


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_the_interpreter_touches_at_least_as_much(made):
    """A launch that is refused would have gone out of bounds: in the interpreter it does."""
    rng = np.random.default_rng()
    text = access_bounds(made.ir)
    assert text is not None
    bounds = AccessBounds(text)
    for _ in range(5):
        scalars = {name: int(rng.integers(1, 9)) for name in bounds.scalars}
        grid = tuple(int(rng.integers(1, 9)) for _ in range(3))
        for access in bounds.accesses(grid, list(scalars.values())):
            arrays = {
                p.name: rng.integers(0, 5, 2000).astype(p.type.element.numpy_dtype)
                for p in made.ir.params
                if p.name in bounds.pointers
            }
            short = arrays[access.parameter][: access.element].copy()
            with pytest.raises(KernelFault):
                interpret(made.ir, grid, {**arrays, **scalars, access.parameter: short})

"""Random kernels on the CPU device: each equals the interpreter, or raises an IrisError; none crashes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.errors import IrisError
from metal_runtime.ir.interpret import interpret
from metal_runtime.msl_types import Pointer, Vector
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import CompileOptions
from tests.cpu_runs import differing, run_on_cpu, ulps
from tests.strategies import RandomKernel, random_kernel

ULPS = 4
"""What the functions in strategies.INEXACT may be off by."""


@pytest.mark.parametrize("seed", range(40))
def test_sample(seed):
    check(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(40))
def test_soak(block):
    for seed in range(1000 + block * 50, 1000 + (block + 1) * 50):
        check(seed)


@pytest.mark.parametrize("seed", range(30))
def test_sample_together(seed):
    check(seed, together=True)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(40))
def test_soak_together(block):
    for seed in range(1000 + block * 25, 1000 + (block + 1) * 25):
        check(seed, together=True)


def check(seed: int, *, together: bool = False) -> None:
    """The kernel of a seed, as it is or optimised, on the device (also on fibers) and in the interpreter."""
    made = random_kernel(random.Random(seed), together=together)
    kernel = optimize(made.kernel) if seed % 2 else made.kernel
    expected, got = made.fresh_arguments(), made.fresh_arguments()
    interpret(made.kernel, made.grid, expected, made.threadgroup)
    strategy = "fibers" if together and seed % 4 > 1 else None
    program = ir_to_msl(kernel, CompileOptions(contract=False, strategy=strategy))
    try:
        run_on_cpu(kernel, made.grid, got, made.threadgroup, program)
    except IrisError as error:  # refused aloud: allowed, but never in silence
        pytest.fail(f"seed {seed}: refused: {error}")
    for name in made.outputs:
        wrong = _wrong(made, name, _components(made, name, expected), _components(made, name, got))
        assert not wrong.any(), f"seed {seed}: {name} differs at {np.argwhere(wrong)[:5].tolist()}"


def _wrong(made: RandomKernel, name: str, want: Any, have: Any) -> Any:
    return ulps(want, have) > ULPS if name in made.approximate else differing(want, have)


def _components(made: RandomKernel, name: str, arguments: dict[str, Any]) -> Any:
    """The stored values, without the padding of vectors of 3."""
    type_ = next(p.type for p in made.kernel.params if p.name == name)
    assert isinstance(type_, Pointer)
    element = type_.element
    width = element.width if isinstance(element, Vector) else 1
    rows = arguments[name].reshape(len(arguments[name]), -1)
    return np.ascontiguousarray(rows[:, :width])

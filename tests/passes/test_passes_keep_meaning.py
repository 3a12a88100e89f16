"""Every pass, and all of them in order, keep the bits that random kernels store."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.verify import verify
from metal_runtime.passes.pipeline import PASSES, optimize
from tests.cpu_runs import differing
from tests.hand_made_kernels import ALL
from tests.strategies import kernels, kernels_together


@pytest.mark.parametrize("run", [*PASSES, optimize], ids=lambda p: p.__name__)
@given(kernels())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_same_bits(run, made):
    changed = run(made.kernel)
    verify(changed)
    before, after = made.fresh_arguments(), made.fresh_arguments()
    interpret(made.kernel, made.grid, before)
    interpret(changed, made.grid, after)
    for name in made.outputs:
        assert not differing(before[name], after[name]).any(), name


@pytest.mark.parametrize("run", [*PASSES, optimize], ids=lambda p: p.__name__)
@given(kernels_together())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_same_bits_together(run, made):
    changed = run(made.kernel)
    verify(changed)
    before, after = made.fresh_arguments(), made.fresh_arguments()
    interpret(made.kernel, made.grid, before, made.threadgroup)
    interpret(changed, made.grid, after, made.threadgroup)
    for name in made.outputs:
        assert not differing(before[name], after[name]).any(), name


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_nothing_to_do_gives_an_equal_kernel(make):
    assert optimize(make()) == make()


@given(kernels())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_optimising_twice_keeps_what_it_stores(made):
    once = optimize(made.kernel)
    before, after = made.fresh_arguments(), made.fresh_arguments()
    interpret(once, made.grid, before)
    interpret(optimize(once), made.grid, after)
    for name in made.outputs:
        assert np.array_equal(before[name].view(np.uint8), after[name].view(np.uint8))

"""Fused, eager and NumPy agree on random programs, views and updates in place included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from metal_runtime.runtime.sessions import get_session
from tests.graph.programs import SHAPES, Places, Program, eager_session


def run_program(data: st.DataObject, most: int) -> None:
    places = Places((get_session(), eager_session()))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    for _ in range(3):
        shape = data.draw(st.sampled_from(SHAPES), label="shape")
        dtype = data.draw(st.sampled_from([np.float32, np.int32]), label="dtype")
        places.enter(rng.integers(-8, 9, shape).astype(dtype))
    program = Program(data, places)
    for _ in range(data.draw(st.integers(1, most), label="steps")):
        program.step()
    for index in data.draw(st.permutations(range(len(places.arrays)))):
        places.check(index)


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_programs(data: st.DataObject) -> None:
    run_program(data, 12)


@pytest.mark.soak
@given(st.data())
@settings(
    max_examples=2000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # the program is printed; shrinking compiles for minutes
)
def test_many_random_programs(data: st.DataObject) -> None:
    run_program(data, 40)

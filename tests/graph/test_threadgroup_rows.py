"""Reductions as GPUs run them, threads sharing rows: what they come to, by the IR's meaning and on the CPU device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metal_runtime import MetalBuffer, api, ops
from metal_runtime.dtype import DType
from metal_runtime.graph.generated import Team
from metal_runtime.graph.plan import make_plan
from metal_runtime.graph.steps import fitting
from metal_runtime.graph.trace import structure, trace
from metal_runtime.msl.limits import Family
from metal_runtime.runtime.session import Session
from tests.graph.interpreted import interpreted
from tests.graph.programs import SHAPES, Places, Program
from tests.graph.test_random_graphs import eager_session
from tests.msl_rules.checks import check
from tests.places import DOUBLE, current

_GPU: list[Session] = []


def gpu() -> Session:
    """A session on the CPU device that takes it for a GPU of ten cores."""
    if not _GPU:
        session = Session("cpu")
        traits = replace(
            session.device.traits, vector_bytes=0, vector_registers=0, compute_units=10
        )
        session.device.traits = traits  # type: ignore[misc]
        _GPU.append(session)
    return _GPU[0]


def on_gpu(array: np.ndarray) -> MetalBuffer:
    buffer = gpu().empty(array.shape, DType.from_numpy(array.dtype))
    buffer.copy_from(array)
    return buffer


def plan_of(*buffers: MetalBuffer) -> Any:
    return make_plan(gpu(), structure(trace([b._open().value for b in buffers])), None)


# --- by the meaning of the IR ------------------------------------------------------------------------

# A simdgroup a row, a threadgroup a row, columns, several axes, views; blocks of rows and of columns.
WALKS: dict[str, tuple[tuple[int, ...], Any]] = {
    "simdgroups": ((5, 37), 1),
    "threadgroups": ((3, 700), 1),
    "more threads": ((2, 17_000), 1),
    "columns": ((50, 70), 0),
    "few columns": ((300, 3), 0),
    "outer and inner": ((4, 7, 90), (0, 2)),
    "middle": ((3, 40, 9), 1),
    "everything": ((90, 1000), None),
    "blocks of columns": ((1100, 33), 0),
    "one element": ((1, 1), None),
}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min, "any": np.any, "all": np.all,
}  # fmt: skip
DTYPES = [DType.BOOL, DType.INT8, DType.UINT32, DType.INT64, DType.FLOAT16, DType.FLOAT32]


def small_numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """Elements whose sums and products every dtype keeps exactly; some are NaN where there is one."""
    values = rng.integers(-1, 2, shape).astype(np.float64)
    if dtype.is_float and rng.integers(2):
        values[tuple(rng.integers(0, shape))] = np.nan
    with np.errstate(invalid="ignore"):
        return (values if dtype.is_signed or dtype.is_float else np.abs(values)).astype(dtype.numpy_dtype)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(WALKS)), st.sampled_from(sorted(REDUCTIONS)), st.sampled_from(DTYPES),
    st.integers(0, 2**32), st.sampled_from([1024, 64]),
)  # fmt: skip
def test_every_reduction_of_every_walk(
    walk: str, name: str, dtype: DType, seed: int, threads: int
) -> None:
    shape, axes = WALKS[walk]
    array = small_numbers(np.random.default_rng(seed), shape, dtype)
    result = getattr(ops, name)(on_gpu(array), axes)
    wide = array.astype(np.float64) if name in ("sum", "prod") and dtype.is_float else array
    expected = REDUCTIONS[name](wide, axes)
    actual = interpreted(result, gpu(), threads)
    if name in ("sum", "prod") and not dtype.is_float:
        expected = REDUCTIONS[name](array, axes, dtype=np.int64)
    np.testing.assert_array_equal(actual, expected.astype(actual.dtype))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WALKS)), st.integers(0, 2**32), st.booleans())
def test_places_are_those_of_the_first(walk: str, seed: int, greatest: bool) -> None:
    shape, axes = WALKS[walk]
    if isinstance(axes, tuple):
        return
    array = small_numbers(np.random.default_rng(seed), shape, DType.FLOAT32)
    name = "argmax" if greatest else "argmin"
    actual = interpreted(getattr(ops, name)(on_gpu(array), axes), gpu())
    np.testing.assert_array_equal(actual, getattr(np, name)(array, axes))


@pytest.mark.parametrize("size", [1, 255, 8191, 70_001])
def test_sums_are_within_their_bound(size: int) -> None:
    rng = np.random.default_rng()
    array = (rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)).astype(np.float32)
    exact = array.astype(np.float64)
    # 64 elements a thread, 31 additions in a simdgroup at most, 31 simdgroups; twice where there are blocks.
    bound = 2 * (64 + 31 + 31) * 2.0**-24 * np.abs(exact).sum()
    assert abs(interpreted(on_gpu(array).sum(), gpu()) - exact.sum()) <= bound


@api.reduction(identity=0)
def longest(a, b):
    """The one of greater magnitude, the first of equal ones."""
    return b if abs(b) > abs(a) else a


def test_a_users_reduction_with_a_view_before_and_an_operator_after() -> None:
    array = np.random.default_rng().integers(-100, 100, (6, 300)).astype(np.int64)
    array[array == -100] = 100
    result = longest(on_gpu(array)[:, ::-1] * 2, axis=1) + 1
    actual = interpreted(result, gpu())
    np.testing.assert_array_equal(np.abs(actual - 1), np.abs(array * 2).max(1))


# --- compiled --------------------------------------------------------------------------------------


def test_rows_in_one_kernel_of_several_results() -> None:
    array = np.random.default_rng().normal(size=(9, 1000)).astype(np.float32)
    exact = array.astype(np.float64)
    x = on_gpu(array)
    results = x.var(1), ops.softmax(x * 2), x.argmax(1)
    (step,) = plan_of(*results).steps
    assert step.generated.team == Team((256, 1, 1), 0)
    weights = np.exp(2 * exact - 2 * exact.max(1, keepdims=True))
    np.testing.assert_allclose(results[0].numpy(), exact.var(1), rtol=1e-5)
    expected = weights / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(results[1].numpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(results[2].numpy(), array.argmax(1))


def test_columns_normalised_in_place() -> None:
    array = np.random.default_rng().normal(size=(200, 45)).astype(np.float32)
    x = on_gpu(array)
    x[...] = ops.layer_norm(x, axis=0)
    exact = array.astype(np.float64)
    scale = np.sqrt(exact.var(0) + 1e-5)
    np.testing.assert_allclose(x.numpy(), (exact - exact.mean(0)) / scale, rtol=2e-4, atol=2e-6)


def test_long_sums_in_two_launches() -> None:
    array = np.random.default_rng().integers(-9, 9, 200_000).astype(np.int32)
    total = on_gpu(array).sum()
    blocks, rest = plan_of(total).steps
    assert blocks.generated.grid == (256, -(-array.size // 16_384), 1)
    assert rest.generated.team == Team((32, 1, 1), None)
    assert total.item() == array.sum()


def test_over_the_double_of_metal() -> None:
    array = np.random.default_rng().normal(size=(9, 1000)).astype(np.float32)
    weights = np.exp(array.astype(np.float64))
    with current(DOUBLE):
        softmax, total = ops.softmax(api.asarray(array)), api.asarray(array[0] ** 2).sum()
        expected = weights / weights.sum(1, keepdims=True)
        np.testing.assert_allclose(softmax.to_numpy(), expected, rtol=1e-5)
        np.testing.assert_allclose(total.item(), (array[0] ** 2).sum(), rtol=1e-5)


@pytest.mark.soak
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_programs_on_a_gpu(data: st.DataObject) -> None:
    places = Places((gpu(), eager_session()))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    for _ in range(3):
        shape = data.draw(st.sampled_from(SHAPES), label="shape")
        places.enter(rng.integers(-8, 9, shape).astype(np.float32))
    program = Program(data, places)
    for _ in range(data.draw(st.integers(1, 12), label="steps")):
        program.step()
    for index in range(len(places.arrays)):
        places.check(index)


# --- what Metal takes --------------------------------------------------------------------------------


def text_of(*buffers: MetalBuffer) -> str:
    steps = plan_of(*buffers).steps
    assert all(step.generated is not None for step in steps)
    return "\n".join(step.text for step in steps)


def test_the_text_of_a_softmax(golden: Callable[[str, str], None]) -> None:
    text = text_of(ops.softmax(on_gpu(np.zeros((70, 1000), np.float32))))
    golden("msl/ops/softmax_float32_on_gpus.metal", text)


def test_metal_would_take_the_texts() -> None:
    x = on_gpu(np.zeros((70, 300), np.int64))
    for text in (text_of(x.sum(1), x.argmax(1)), text_of(x.max(0)), text_of(x[:, :9].min(1))):
        report = check(text, family=Family.APPLE7)
        assert report.accepted, report.findings


def test_many_reductions_of_columns_fit_into_threadgroup_memory() -> None:
    x = on_gpu(np.zeros((100, 64), np.int64))
    step = plan_of(*((x + k).argmax(0) for k in range(20))).steps[0]
    kernel, team = step.generated.kernel, step.generated.team
    assert len(kernel.arrays) > 20
    assert team.threadgroup == (32, 4, 1)
    report = check(step.text, family=Family.APPLE7)
    assert report.accepted, report.findings


def test_fewer_threads_share_rows_alike() -> None:
    assert fitting((512, 9, 2), Team((512, 1, 1), 0), 200) == ((128, 9, 2), (128, 1, 1))
    assert fitting((70, 8, 3), Team((32, 8, 1), 1), 64) == ((70, 2, 3), (32, 2, 1))
    assert fitting((32, 50, 3), Team((32, 8, 1), None), 128) == ((32, 50, 3), (32, 4, 1))

"""What is fused, when it runs, and that nobody can tell but by the clock and the memory."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from metal_runtime import MetalBuffer, api, ops
from metal_runtime.errors import DTypeError, KernelFault, ShapeError
from metal_runtime.runtime.sessions import get_session


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng().standard_normal(shape).astype(np.float32)


def kernels(*results: MetalBuffer) -> int:
    return len(api.explain(*results).kernels)


# --- what becomes one kernel -------------------------------------------------------------------------


def test_chains_and_diamonds() -> None:
    a, b = api.asarray(random(1000)), api.asarray(random(1000))
    c = a + b
    assert kernels((c * 2).relu() - c) == 1


def test_several_results_over_one_shape() -> None:
    a = api.asarray(random(10, 30))
    x, y, z = a + 1, a.exp(), api.asarray(random(300)) * 2
    assert kernels(x, y, z) == 1


def test_sums_of_one_array_are_one_pass_with_what_follows() -> None:
    a = api.asarray(random(64, 100))
    low, high, mean = a.min(1), a.max(1), a.mean(1)
    assert kernels(low, high, mean, a + 1) == 1
    assert kernels(ops.softmax(a)) == kernels(ops.layer_norm(a)) == kernels(a.var(1)) == 1


def test_a_reduction_of_everything_takes_two() -> None:
    a = api.asarray(random(300, 1000))
    assert kernels(a.sum()) == 2
    assert kernels(a.sum(), a.max(), (a * a).mean()) == 2


def test_views_are_folded() -> None:
    a = api.asarray(random(20, 30))
    assert kernels((a.reshape(5, 4, 30)[1:].T[::2] + 1) * 2) == 1
    assert kernels(a[:, ::-1].T.flip(0)[3:] - 1) == 1


def test_a_reshape_without_strides_is_written_first() -> None:
    a, b = random(20, 30), random(30, 1)
    x = (api.asarray(a).T + b).reshape(-1) * 2
    explained = api.explain(x)
    assert len(explained.kernels) == 2
    assert "not evenly spaced" in str(explained)
    np.testing.assert_array_equal(x.numpy(), (a.T + b).reshape(-1) * 2)


def test_more_arrays_than_a_kernel_binds() -> None:
    arrays = [random(50) for _ in range(40)]
    total = api.asarray(arrays[0])
    for array in arrays[1:]:
        total = total + api.asarray(array)
    assert "31 arguments" in str(api.explain(total))
    expected = arrays[0]
    for array in arrays[1:]:
        expected = expected + array
    np.testing.assert_array_equal(total.numpy(), expected)


def test_the_report_counts_bytes() -> None:
    a, b = api.asarray(random(1000)), api.asarray(random(1000))
    with api.fused() as region:
        c = ((a + b) * 2).relu()
    report = region.report
    assert report is not None
    assert (report.operators, len(report.kernels)) == (3, 1)
    assert (report.moved_bytes, report.eager_bytes) == (12_000, 28_000)
    assert str(region).startswith("3 operators in 1 kernel: 12 KB moved, 28 KB one by one")
    assert c.shape == (1000,)
    assert str(api.explain(c)) == "nothing was recorded"


def test_the_picture_names_every_operator() -> None:
    a = api.asarray(random(8, 200))
    explained = api.explain(ops.softmax(a))
    picture = explained.svg()
    assert picture.startswith("<svg")
    for word in ("exp  float32 (8, 200)", "sum  float32 (8, 1)", "input  float32 (8, 200)"):
        assert word in picture


# --- when it runs ----------------------------------------------------------------------------------------


def test_nothing_runs_before_it_is_needed_and_dropped_results_never_do() -> None:
    api.synchronize()
    a = api.asarray(random(1 << 20))
    before = api.memory().used_bytes
    b = ((a + 1) * 2).exp()
    dropped = a - 3
    del dropped
    assert api.memory().used_bytes == before
    api.synchronize()
    assert api.memory().used_bytes == before + b.nbytes


def test_a_long_chain_holds_its_inputs_and_one_result() -> None:
    a = api.asarray(random(1 << 18))
    api.synchronize()
    gc.collect()
    start = api.memory().used_bytes
    x = a
    for k in range(200):
        x = x * 0.5 + k
    api.synchronize()
    assert api.memory().used_bytes == start + a.nbytes


def test_errors_of_shape_and_dtype_come_at_the_call() -> None:
    a = api.asarray(random(3, 4))
    with pytest.raises(ShapeError):
        a + api.asarray(random(5))
    with pytest.raises(DTypeError):
        a & a
    with pytest.raises(DTypeError):
        api.asarray(np.int8([1])) + 1000


def test_a_fault_is_raised_where_the_value_is_asked_for_and_nowhere_else() -> None:
    one, zero = api.asarray(np.int32([1])), api.asarray(np.int32([0]))
    bad, good = one // zero, one + one
    with pytest.raises(KernelFault):
        bad.numpy()
    assert good.item() == 2
    with pytest.raises(KernelFault):
        bad.item()


def test_eager_runs_each_operator_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = get_session().graph
    monkeypatch.setattr(graph, "_eager", True)
    a = api.asarray(random(100))
    with graph.observed() as ran:
        b = (a + 1) * 2
    assert [len(one.plan.graph.nodes) for one in ran] == [1, 1]
    np.testing.assert_array_equal(b.numpy(), (a.numpy() + 1) * 2)


# --- writes, views, overlaps -----------------------------------------------------------------------------


def test_a_write_runs_what_still_reads() -> None:
    a = random(100)
    x = api.asarray(a)
    y = x + 1
    x[10:20] = 5
    x *= 2
    ops.add(x, 1, out=x)
    np.testing.assert_array_equal(y.numpy(), a + 1)
    a[10:20] = 5
    np.testing.assert_array_equal(x.numpy(), a * 2 + 1)


def test_numpy_views_see_writes_and_are_seen() -> None:
    x = api.asarray(np.zeros(4, np.float32))
    view = x.numpy()
    y = x + 1
    view[:] = 9
    z = x + 1
    assert y.tolist() == [1, 1, 1, 1]
    assert z.tolist() == [10, 10, 10, 10]
    x += 1
    assert view.tolist() == [10, 10, 10, 10]


def test_updates_that_overlap() -> None:
    a = random(50)
    x = api.asarray(a)
    x[1:] += x[:-1]
    expected = a.copy()
    expected[1:] += a[:-1]
    np.testing.assert_array_equal(x.numpy(), expected)
    b = random(30, 30)
    y = api.asarray(b)
    y += y.T
    np.testing.assert_array_equal(y.numpy(), b + b.T)
    z = api.asarray(b)
    z[...] = z[::-1] + z.sum(0) * 0
    np.testing.assert_array_equal(z.numpy(), b[::-1])


def test_an_update_of_a_view_of_a_pending_result() -> None:
    a = random(6, 4)
    x = api.asarray(a) + 1
    row = x[2]
    row += 10
    x[:, 1] = 0
    expected = a + 1
    expected[2] += 10
    expected[:, 1] = 0
    np.testing.assert_array_equal(x.numpy(), expected)
    np.testing.assert_array_equal(row.numpy(), expected[2])


def test_views_keep_the_elements_of_a_closed_buffer() -> None:
    a = random(10)
    for x in (api.asarray(a), api.asarray(a) * 1):
        view = x[::2]
        x.close()
        np.testing.assert_array_equal(view.numpy(), a[::2])


def test_a_kernel_reads_and_writes_strided_views() -> None:
    a = random(6, 8)
    x = api.asarray(a)
    source = (
        "#include <metal_stdlib>\nusing namespace metal;\n"
        "kernel void twice(device const float* a [[buffer(0)]], device float* b [[buffer(1)]], "
        "uint i [[thread_position_in_grid]]) { b[i] = 2 * a[i]; }"
    )
    target = api.zeros((6, 8))
    api.launch(source, "twice", 24, args=(x[:, ::2], target[:, 1::2]))
    expected = np.zeros_like(a)
    expected[:, 1::2] = 2 * a[:, ::2]
    np.testing.assert_array_equal(target.numpy(), expected)
    y = x + 1  # pending: the launch reads it
    api.launch(source, "twice", 48, args=(y, target))
    np.testing.assert_array_equal(target.numpy(), 2 * (a + 1))


def test_many_threads_record_at_once() -> None:
    a = random(5000)
    shared = api.asarray(a)
    failures: list[BaseException] = []

    def work(k: int) -> None:
        try:
            for _ in range(30):
                x = (shared + k) * 2
                y = x.sum()
                np.testing.assert_array_equal(x.numpy(), (a + np.float32(k)) * 2)
                assert abs(y.item() - float(x.numpy().astype(np.float64).sum())) < 5
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures

"""Which barriers the front end refuses (wrong_kernels.py has the texts), and which it leaves to the run."""

import pytest

from metal_runtime import metal
from metal_runtime.errors import KernelTypeError
from tests.frontend.both_ways import translated


def in_a_row_of_threadgroups(x: "device float*", rows: "uint", n: "uint"):
    row = metal.thread_id_y()
    if row < rows:
        metal.threadgroup_barrier()
    x[row * n + metal.thread_id_x()] = 1.0


def where_memory_decides(x: "device float*", n: "uint"):
    if x[n] > 0.0:
        metal.threadgroup_barrier()
    x[0] = 1.0


def by_threadgroups(x: "device float*", n: "uint"):
    if metal.threadgroup_id() * metal.dispatch_threads_per_threadgroup.x < n:
        metal.threadgroup_barrier()
    x[0] = 1.0


def after_a_vote(x: "device float*", n: "uint"):
    while metal.simd_any(metal.thread_id() < n):
        n -= 32
        metal.threadgroup_barrier()
    x[0] = 1.0


def in_a_simdgroup(x: "device float*"):
    if metal.simdgroup_index_in_threadgroup == 1:
        metal.simdgroup_barrier()
    x[0] = 1.0


@pytest.mark.parametrize(
    "function",
    [
        in_a_row_of_threadgroups,
        where_memory_decides,
        by_threadgroups,
        after_a_vote,
        in_a_simdgroup,
    ],
)
def test_may_be_reached_by_all(function):
    translated(function)


def by_variable(x: "device float*", n: "uint"):
    first = metal.thread_index_in_threadgroup * 2
    second = first + 1
    while second < n:
        second += n
        metal.threadgroup_barrier()
    x[0] = 1.0


def in_the_else_branch(x: "device float*", n: "uint"):
    x_, y_ = metal.thread_id_2d()
    if x_ > n:
        x[0] = 1.0
    else:
        if n > 3:
            metal.threadgroup_barrier()


def where_memory_of_the_thread_decides(x: "device float*"):
    if x[metal.thread_id()] > 0.0:
        metal.threadgroup_barrier()
    x[0] = 1.0


@pytest.mark.parametrize(
    "function", [by_variable, in_the_else_branch, where_memory_of_the_thread_decides]
)
def test_is_refused(function):
    with pytest.raises(KernelTypeError, match="not all threads of a threadgroup reach"):
        translated(function)

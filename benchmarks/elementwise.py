"""The elementwise tasks: add, max((a+b)*2, 0) and tanh(a)*b + exp(-c*c), one kernel each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.tasks import Task
from metal_runtime import ops
from metal_runtime.decorator import kernel, metal

IN, OUT = "device const float*", "device float*"
TWO = {"a": IN, "b": IN, "out": OUT, "n": "uint"}
THREE = {"a": IN, "b": IN, "c": IN, "out": OUT, "n": "uint"}


@kernel(param_types=TWO)
def add(a, b, out, n):
    i = metal.thread_id()
    if i < n:
        out[i] = a[i] + b[i]


@kernel(param_types=TWO)
def scaled_relu(a, b, out, n):
    i = metal.thread_id()
    if i < n:
        out[i] = max((a[i] + b[i]) * 2.0, 0.0)


@kernel(param_types=THREE)
def tanh_exp(a, b, c, out, n):
    i = metal.thread_id()
    if i < n:
        out[i] = math.tanh(a[i]) * b[i] + math.exp(-c[i] * c[i])


# --- NumPy, writing into arrays that are there ---------------------------------------------------


def _numpy_scaled_relu(a: Any, b: Any, out: Any, scratch: Any) -> None:
    np.add(a, b, out=out)
    np.multiply(out, 2, out=out)
    np.maximum(out, 0, out=out)


def _numpy_tanh_exp(a: Any, b: Any, c: Any, out: Any, scratch: Any) -> None:
    np.tanh(a, out=out)
    np.multiply(out, b, out=out)
    np.multiply(c, c, out=scratch)
    np.negative(scratch, out=scratch)
    np.exp(scratch, out=scratch)
    np.add(out, scratch, out=out)


# --- torch, in place ------------------------------------------------------------------------------


def _torch_scaled_relu(torch: Any) -> Any:
    return lambda a, b, out, scratch: torch.add(a, b, out=out).mul_(2).clamp_(min=0)


def _torch_tanh_exp(torch: Any) -> Any:
    def function(a: Any, b: Any, c: Any, out: Any, scratch: Any) -> None:
        torch.tanh(a, out=out).mul_(b).add_(torch.mul(c, c, out=scratch).neg_().exp_())

    return function


# --- numba: constants are float32, for a Python number would make the arithmetic float64 ----------


def _numba_add(numba: Any) -> Any:
    def function(a, b, out):
        for i in numba.prange(a.size):
            out[i] = a[i] + b[i]

    return function


def _numba_scaled_relu(numba: Any) -> Any:
    two, zero = np.float32(2), np.float32(0)

    def function(a, b, out):
        for i in numba.prange(a.size):
            out[i] = max((a[i] + b[i]) * two, zero)

    return function


def _numba_tanh_exp(numba: Any) -> Any:
    def function(a, b, c, out):
        for i in numba.prange(a.size):
            out[i] = math.tanh(a[i]) * b[i] + math.exp(-c[i] * c[i])

    return function


ADD = Task(
    "a + b",
    inputs=2,
    outputs=1,
    reference=lambda a, b: (a + b,),
    builds={
        "iris": peers.iris(add),
        "iris ops": peers.iris_ops(ops.add),
        "numpy": peers.numpy(lambda a, b, out, scratch: np.add(a, b, out=out)),
        "numexpr": peers.numexpr("a + b"),
        "numba": peers.numba(_numba_add),
        "torch": peers.torch(lambda torch: lambda a, b, out, scratch: torch.add(a, b, out=out)),
        "jax": peers.jax(lambda jnp: lambda a, b: a + b),
    },
)

SCALED_RELU = Task(
    "max((a+b)*2, 0)",
    inputs=2,
    outputs=1,
    reference=lambda a, b: (np.maximum((a + b) * 2, 0),),
    builds={
        "iris": peers.iris(scaled_relu),
        "numpy": peers.numpy(_numpy_scaled_relu),
        "numexpr": peers.numexpr("where(a + b > 0, (a + b) * 2, 0)"),
        "numba": peers.numba(_numba_scaled_relu),
        "torch": peers.torch(_torch_scaled_relu),
        "torch.compile": peers.torch_compile(lambda torch: lambda a, b: ((a + b) * 2).clamp(min=0)),
        "jax": peers.jax(lambda jnp: lambda a, b: jnp.maximum((a + b) * 2, 0)),
    },
)

TANH_EXP = Task(
    "tanh(a)*b + exp(-c*c)",
    inputs=3,
    outputs=1,
    reference=lambda a, b, c: (np.tanh(a) * b + np.exp(-c * c),),
    builds={
        "iris": peers.iris(tanh_exp),
        "numpy": peers.numpy(_numpy_tanh_exp),
        "numexpr": peers.numexpr("tanh(a) * b + exp(-c * c)"),
        "numba": peers.numba(_numba_tanh_exp),
        "torch": peers.torch(_torch_tanh_exp),
        "torch.compile": peers.torch_compile(
            lambda torch: lambda a, b, c: torch.tanh(a) * b + torch.exp(-c * c)
        ),
        "jax": peers.jax(lambda jnp: lambda a, b, c: jnp.tanh(a) * b + jnp.exp(-c * c)),
    },
)

TASKS = (ADD, SCALED_RELU, TANH_EXP)


def inputs(n: int) -> list[np.ndarray]:
    """Three arrays of n standard normal float32."""
    rng = np.random.default_rng()
    return [rng.standard_normal(n, np.float32) for _ in range(3)]

"""Matrix products: installed peers enter, GFLOP/s of a 1024-cubed product and of a GELU MLP layer leave."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.goals import Figure
from benchmarks.measure import Timing, check, interleaved
from benchmarks.tasks import Task
from metal_runtime import ops
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Expr, Load, Param
from metal_runtime.ops import expressions
from metal_runtime.ops.kernels import pointer
from metal_runtime.ops.product_run import operand_of, run_matmul
from metal_runtime.ops.products import Epilogue
from metal_runtime.runtime.sessions import get_session

SIDE = 1024
GFLOP = 2 * SIDE**3 / 1e9


def _gelu_of_biased(value: Expr, row: Expr, column: Expr, batch: Expr) -> Expr:
    return expressions.gelu(expressions.apply("add", value, Load("bias", column, DType.FLOAT32)))


GELU = Epilogue(
    "gelu of biased", _gelu_of_biased, (Param("bias", pointer(DType.FLOAT32, const=True)),)
)


def _layer(x: MetalBuffer, w: MetalBuffer, bias: MetalBuffer, out: MetalBuffer) -> None:
    """``gelu(x @ w + bias)``, the bias and the activation in the product's own kernel."""
    bindings = [bias._bound()]
    run_matmul(get_session(), operand_of(x), operand_of(w), out, DType.FLOAT32, GELU, bindings)


def _reference_layer(x: Any, w: Any, bias: Any) -> tuple[np.ndarray, ...]:
    z = x @ w + bias
    return (0.5 * z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))),)


def _torch_layer(torch: Any) -> Callable[..., Any]:
    def function(x: Any, w: Any, bias: Any, out: Any, scratch: Any) -> None:
        out.copy_(torch.nn.functional.gelu(torch.addmm(bias, x, w, out=scratch)))

    return function


PRODUCT = Task(
    "matmul 1024^3",
    inputs=2,
    outputs=1,
    reference=lambda a, b: (a @ b,),
    builds={
        "iris ops": peers.iris_ops(ops.matmul),
        "numpy": peers.numpy(lambda a, b, out, scratch: np.matmul(a, b, out=out)),
        "torch": peers.torch(lambda torch: lambda a, b, out, scratch: torch.matmul(a, b, out=out)),
        "jax": peers.jax(lambda jnp: lambda a, b: a @ b),
    },
    atol=1e-4,
)

LAYER = Task(
    "GELU MLP layer 1024^3",
    inputs=3,
    outputs=1,
    reference=_reference_layer,
    builds={
        "iris ops": peers.iris_ops(_layer),
        "torch": peers.torch(_torch_layer),
        "torch.compile": peers.torch_compile(
            lambda torch: lambda x, w, bias: torch.nn.functional.gelu(torch.addmm(bias, x, w))
        ),
    },
    atol=1e-4,
)


def figures(installed: set[str], rounds: int, progress: Callable[[str], None]) -> list[Figure]:
    """GFLOP/s of the best round of each, and iris's share of the best peer's."""
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=(SIDE, SIDE)).astype(np.float32) for _ in range(2))
    x /= math.sqrt(SIDE)
    inputs = [x, w, rng.normal(size=SIDE).astype(np.float32)]
    found = []
    for task in (PRODUCT, LAYER):
        timings = _timed(task, inputs, installed, rounds, progress)
        best = {t.peer: GFLOP / t.best for t in timings}
        ours = best.pop("iris ops")
        found.append(Figure(f"{task.name}: iris", ours, "GFLOP/s"))
        found += [Figure(f"{task.name}: {peer}", speed, "GFLOP/s") for peer, speed in best.items()]
        if best:
            peer = max(best, key=lambda name: best[name])
            title = f"{task.name}: iris / the best peer, {peer}"
            found.append(Figure(title, ours / best[peer], "x", 0.5, at_least=True))
    return found


def _timed(
    task: Task,
    inputs: list[np.ndarray],
    installed: set[str],
    rounds: int,
    progress: Callable[[str], None],
) -> list[Timing]:
    expected = task.expected(inputs)
    contenders = []
    for peer, build in task.builds.items():
        if peer not in installed:
            continue
        progress(f"{task.name}: building and checking {peer}")
        contender = build(task.name, peer, inputs[: task.inputs], task.outputs)
        try:
            check(contender, expected, task.rtol, task.atol)
        except Exception:
            if peer.startswith("iris"):
                raise  # our own fault ends the run; a peer that cannot run is left out
            continue
        contenders.append(contender)
    progress(f"{task.name}: {rounds} rounds")
    return interleaved(contenders, rounds)

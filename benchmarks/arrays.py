"""Array expressions, fused by iris without a word, beside the peers; the figures of the array door leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.goals import Figure
from benchmarks.measure import Contender, Timing, check, interleaved, per_call
from metal_runtime import api, ops
from metal_runtime.errors import DeviceMemoryError

SIZE = 1 << 24
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """One computation: what it is of float64 arrays, and how each library says it."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    reference: Function
    iris: Function
    torch: Function | None = None
    jax: Function | None = None
    numpy: Function | None = None
    numexpr: str | None = None
    limit: float | None = None
    """The most that iris may take of the best peer's time."""

    rtol: float = 1e-4
    atol: float = 1e-4


def _softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _layer_norm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    distance = x - x.mean(-1, keepdims=True)
    return distance / np.sqrt((distance * distance).mean(-1, keepdims=True) + 1e-5) * w + b


def expressions() -> list[Expression]:
    """What is measured. Peers that are not installed are not asked."""
    line = (SIZE,)
    return [
        Expression(
            "tanh(a) * b + exp(-c * c)",
            (line, line, line),
            lambda a, b, c: np.tanh(a) * b + np.exp(-c * c),
            lambda a, b, c: ops.tanh(a) * b + ops.exp(-c * c),
            lambda t, a, b, c: t.tanh(a) * b + t.exp(-c * c),
            lambda j, a, b, c: j.tanh(a) * b + j.exp(-c * c),
            numexpr="tanh(a) * b + exp(-c * c)",
            limit=0.5,
        ),
        *(
            Expression(
                name,
                (line,),
                lambda a, name=name: getattr(np, name)(a),
                lambda a, name=name: getattr(a, name)(),
                lambda t, a, name=name: getattr(t, name)(a, **({"correction": 0} if name == "var" else {})),
                lambda j, a, name=name: getattr(j, name)(a),
                lambda a, name=name: getattr(np, name)(a),
                limit=1.15,
                atol=2e-3 * SIZE**0.5 if name == "sum" else 1e-5,
            )
            for name in ("sum", "mean", "var")
        ),
        Expression(
            "softmax 4096 x 1024",
            ((4096, 1024),),
            _softmax,
            ops.softmax,
            lambda t, x: t.softmax(x, -1),
            lambda j, x: __import__("jax").nn.softmax(x),
            limit=1.15,
        ),
        Expression(
            "layer_norm 8192 x 1024",
            ((8192, 1024), (1024,), (1024,)),
            _layer_norm,
            ops.layer_norm,
            lambda t, x, w, b: t.nn.functional.layer_norm(x, (1024,), w, b),
            lambda j, x, w, b: _jax_layer_norm(j, x, w, b),
            limit=1.15,
        ),
    ]  # fmt: skip


def _jax_layer_norm(j: Any, x: Any, w: Any, b: Any) -> Any:
    distance = x - x.mean(-1, keepdims=True)
    return distance / j.sqrt((distance * distance).mean(-1, keepdims=True) + 1e-5) * w + b


def figures(installed: set[str], rounds: int, progress: Callable[[str], None]) -> list[Figure]:
    """Every expression as a ratio to the best peer's, then host costs and memory."""
    found: list[Figure] = []
    for expression in expressions():
        progress(f"{expression.name}: checking every peer")
        found.append(_against_peers(expression, installed, rounds))
    if "torch" in installed:
        progress("relu((a + b) * 2)")
        found.append(_three_operators(rounds))
    progress("ten operators on 1,000 elements")
    found += _ten_operators(installed)
    progress("memory of a chain")
    found.append(_chain_memory())
    return found


def _against_peers(expression: Expression, installed: set[str], rounds: int) -> Figure:
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape, np.float32) for shape in expression.shapes]
    expected = [np.asarray(expression.reference(*(a.astype(np.float64) for a in arrays)))]
    contenders = list(_contenders(expression, arrays, installed))
    for contender in contenders:
        check(contender, expected, expression.rtol, expression.atol)
    ours, *others = interleaved(contenders, rounds)
    return _ratio(expression.name, ours, others, expression.limit)


def _ratio(name: str, ours: Timing, others: Sequence[Timing], limit: float | None) -> Figure:
    if not others:
        return Figure(name, ours.median * 1e3, "ms", note="no peer is installed")
    best = min(others, key=lambda t: t.median)
    each = ", ".join(f"{t.peer} {t.median * 1e3:.2f}" for t in others)
    note = f"iris {ours.median * 1e3:.2f} ms; {each}; best rounds {ours.best / best.best:.2f} x"
    return Figure(f"{name} / {best.peer}", ours.median / best.median, "x", limit, note=note)


def _contenders(
    expression: Expression, arrays: list[np.ndarray], installed: set[str]
) -> list[Contender]:
    buffers = [api.asarray(a) for a in arrays]

    def iris() -> Any:
        result = expression.iris(*buffers)
        api.synchronize()
        return result

    found = [_contender(expression.name, "iris", iris, lambda r: r.numpy())]
    if "torch" in installed and expression.torch is not None:
        import torch

        given = [torch.from_numpy(a) for a in arrays]
        eager = expression.torch
        compiled = torch.compile(lambda *x: eager(torch, *x))
        found.append(_contender(expression.name, "torch", lambda: eager(torch, *given), np.asarray))
        found.append(
            _contender(expression.name, "torch.compile", lambda: compiled(*given), np.asarray)
        )
    if "jax" in installed and expression.jax is not None:
        import jax

        function = expression.jax
        jitted = jax.jit(lambda *x: function(jax.numpy, *x))
        there = [jax.numpy.asarray(a) for a in arrays]
        found.append(
            _contender(
                expression.name, "jax", lambda: jitted(*there).block_until_ready(), np.asarray
            )
        )
    if "numexpr" in installed and expression.numexpr is not None:
        import numexpr

        text = expression.numexpr
        names = dict(zip("abc", arrays, strict=False))
        found.append(
            _contender(
                expression.name, "numexpr", lambda: numexpr.evaluate(text, names), np.asarray
            )
        )
    if "numpy" in installed and expression.numpy is not None:
        plain = expression.numpy
        found.append(_contender(expression.name, "numpy", lambda: plain(*arrays), np.asarray))
    return found


def _contender(
    task: str, peer: str, run: Callable[[], Any], read: Callable[[Any], np.ndarray]
) -> Contender:
    return Contender(task, peer, run, lambda: [np.asarray(read(run()))])


def _three_operators(rounds: int) -> Figure:
    import torch

    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(SIZE, np.float32) for _ in range(2))
    x, y, out = api.asarray(a), api.asarray(b), torch.empty(SIZE)
    given = [torch.from_numpy(a), torch.from_numpy(b)]

    def iris() -> Any:
        result = ((x + y) * 2).relu()
        api.synchronize()
        return result

    ours = _contender("relu((a + b) * 2)", "iris", iris, lambda r: r.numpy())
    check(ours, [np.maximum((a.astype(np.float64) + b) * 2, 0)], 1e-6, 1e-6)
    add = _contender("a + b", "torch.add(out=)", lambda: torch.add(*given, out=out), np.asarray)
    timings = interleaved([ours, add], rounds)
    return _ratio("relu((a + b) * 2)", timings[0], timings[1:], 1.35)


def _ten_operators(installed: set[str]) -> list[Figure]:
    array = np.random.default_rng(3).standard_normal(1000).astype(np.float32)
    found = []
    for peer, (given, end) in _small(array, installed).items():

        def run(given: Any = given, end: Callable[[], None] = end) -> None:
            x = given
            for _ in range(5):
                x = (x + given) * 0.5
            end()

        seconds = per_call(run, 200)
        limit = 40 if peer == "iris" else None
        note = f"best {min(seconds) * 1e6:.1f} us"
        median = sorted(seconds)[len(seconds) // 2]
        found.append(
            Figure(f"ten operators on 1,000 elements: {peer}", median * 1e6, "us", limit, note=note)
        )
    return found


def _small(array: np.ndarray, installed: set[str]) -> dict[str, tuple[Any, Callable[[], None]]]:
    found: dict[str, tuple[Any, Callable[[], None]]] = {
        "iris": (api.asarray(array), api.synchronize)
    }
    if "numpy" in installed:
        found["numpy"] = (array, lambda: None)
    if "torch" in installed:
        import torch

        found["torch"] = (torch.from_numpy(array), lambda: None)
    return found


def _chain_memory() -> Figure:
    """The least memory in which twenty operators over one array run, in arrays of its size."""
    x = api.asarray(np.ones(SIZE, np.float32))
    api.synchronize()
    api.trim()
    used = api.memory().used_bytes
    for more in range(1, 21):
        api.set_memory_limit(used + more * x.nbytes)
        try:
            y = x
            for k in range(20):
                y = y * 0.5 + k if k % 2 else y.tanh()
            api.synchronize()
            break
        except DeviceMemoryError:
            continue
        finally:
            api.set_memory_limit(None)
    return Figure("memory of a chain of 20 operators", 1 + more, "arrays", 2)

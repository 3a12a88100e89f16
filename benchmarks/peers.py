"""The peers: a function in a peer's own terms and input arrays enter, a Contender leaves.

``PEERS`` names them; one that is not installed says so in the report and is left out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.measure import Contender
from metal_runtime import __version__

Arrays = Sequence[np.ndarray]
Build = Callable[[str, str, Arrays, int], Contender]
"""Takes the task's name, the peer's name, the input arrays and the number of outputs."""

PEERS = {
    "iris": "metal_runtime",
    "iris ops": "metal_runtime",
    "numpy": "numpy",
    "numexpr": "numexpr",
    "numba": "numba",
    "torch": "torch",
    "torch.compile": "torch",
    "jax": "jax",
}
"""The name of each peer and the module that it needs."""


def versions() -> dict[str, str | None]:
    """The version of each peer's module; None where it is not installed."""
    found: dict[str, str | None] = {}
    for peer, module in PEERS.items():
        if importlib.util.find_spec(module) is None:
            found[peer] = None
        elif module == "metal_runtime":
            found[peer] = __version__
        else:
            found[peer] = metadata.version(module)
    return found


def _empty(inputs: Arrays, count: int) -> list[np.ndarray]:
    return [np.full_like(inputs[0], np.nan) for _ in range(count)]


def iris(kernel: Any) -> Build:
    """A kernel of (inputs..., outputs..., n)."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        from metal_runtime import api

        buffers = [api.asarray(a, persistent=True) for a in inputs]
        out = [api.asarray(a, persistent=True) for a in _empty(inputs, outputs)]
        n = inputs[0].size

        def run() -> None:
            kernel(*buffers, *out, n, threads=n)
            api.synchronize()

        return Contender(task, peer, run, lambda: [api.to_numpy(o) for o in out])

    return build


def iris_ops(function: Callable[..., Any]) -> Build:
    """A function of (input buffers..., out), made of metal_runtime.ops."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        from metal_runtime import api

        buffers = [api.asarray(a, persistent=True) for a in inputs]
        out = [api.asarray(a, persistent=True) for a in _empty(inputs, outputs)]

        def run() -> None:
            function(*buffers, *out)
            api.synchronize()

        return Contender(task, peer, run, lambda: [api.to_numpy(o) for o in out])

    return build


def numpy(function: Callable[..., Any]) -> Build:
    """A function of (inputs..., outputs..., scratch) that writes with ``out=``."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        out = _empty(inputs, outputs)
        scratch = np.empty_like(inputs[0])
        return Contender(task, peer, lambda: function(*inputs, *out, scratch), lambda: out)

    return build


def numexpr(*expressions: str, constants: Mapping[str, float] | None = None) -> Build:
    """One expression an output, over the names a, b, c and those of ``constants``, which are float32."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        import numexpr as ne

        out = _empty(inputs, outputs)
        names = {name: np.float32(value) for name, value in (constants or {}).items()}
        names |= dict(zip("abc", inputs, strict=False))

        def run() -> None:
            for expression, target in zip(expressions, out, strict=True):
                ne.evaluate(expression, local_dict=names, out=target, casting="same_kind")

        return Contender(task, peer, run, lambda: out)

    return build


def numba(make: Callable[[Any], Callable[..., Any]]) -> Build:
    """``make(numba)`` gives the function of (inputs..., outputs...) to compile with parallel=True."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        import numba as nb

        out = _empty(inputs, outputs)
        function = nb.njit(parallel=True)(make(nb))
        return Contender(task, peer, lambda: function(*inputs, *out), lambda: out)

    return build


def torch(make: Callable[[Any], Callable[..., Any]]) -> Build:
    """``make(torch)`` gives the function of (inputs..., outputs..., scratch) that writes in place."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        import torch as module

        tensors = [module.from_numpy(a) for a in inputs]
        out = _empty(inputs, outputs)
        targets = [module.from_numpy(o) for o in out]
        scratch = module.empty_like(tensors[0])
        function = make(module)
        return Contender(task, peer, lambda: function(*tensors, *targets, scratch), lambda: out)

    return build


def torch_compile(make: Callable[[Any], Callable[..., Any]]) -> Build:
    """``make(torch)`` gives the function of the inputs to compile; its results go to ``out.copy_``."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        import torch as module

        tensors = [module.from_numpy(a) for a in inputs]
        out = _empty(inputs, outputs)
        targets = [module.from_numpy(o) for o in out]
        function = make(module)

        def write(*arguments: Any) -> None:
            results = function(*arguments[: len(tensors)])
            results = results if isinstance(results, tuple) else (results,)
            for target, result in zip(arguments[len(tensors) :], results, strict=True):
                target.copy_(result)

        compiled = module.compile(write, dynamic=False)
        return Contender(task, peer, lambda: compiled(*tensors, *targets), lambda: out)

    return build


def jax(make: Callable[[Any], Callable[..., Any]]) -> Build:
    """``make(jax.numpy)`` gives the function of the inputs to compile with jit."""

    def build(task: str, peer: str, inputs: Arrays, outputs: int) -> Contender:
        import jax as module

        arrays = [module.device_put(a) for a in inputs]
        function = module.jit(make(module.numpy))
        last: list[Any] = [None]

        def run() -> None:
            last[0] = module.block_until_ready(function(*arrays))

        def results() -> list[np.ndarray]:
            values = last[0] if isinstance(last[0], tuple) else (last[0],)
            return [np.asarray(v) for v in values]

        return Contender(task, peer, run, results)

    return build

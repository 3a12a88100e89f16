"""Runs a kernel's Python function twice: by Python itself, thread after thread, and translated by the IR interpreter."""

from __future__ import annotations

import builtins
import itertools
import linecache
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from metal_runtime import language
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.nodes import Kernel

_NUMBER = itertools.count()


def translated(function: Callable[..., Any], **param_types: str) -> Kernel:
    """The kernel of a function whose parameters all have types."""
    types_ = declared_types(function, param_types or None)
    return translate(function, {n: t for n, t in types_.items() if t is not None})


def run(function: Callable[..., Any], threads: int, **arguments: Any) -> None:
    """Translates and interprets; writes into the arrays."""
    interpret(translated(function), (threads, 1, 1), arguments)


def run_in_python(function: Callable[..., Any], threads: int, **arguments: Any) -> None:
    """Calls the function itself for each thread; scalars are NumPy's, so that they wrap and round as MSL's."""
    for thread in range(threads):
        fake = _fake_metal(thread)
        free = {**function.__globals__, "metal": fake}
        python = types.FunctionType(
            function.__code__, free, closure=function.__closure__, argdefs=function.__defaults__
        )
        with np.errstate(all="ignore"):
            python(**arguments)


def _fake_metal(thread: int) -> Any:
    fake = types.SimpleNamespace(**{n: getattr(language, n) for n in language.__all__})
    fake.thread_id = fake.thread_id_x = lambda: np.uint32(thread)
    for name in ("int", "uint", "float", "half", "short", "uchar"):
        dtype = getattr(language, name).msl_type.numpy_dtype.type
        setattr(fake, name, lambda value, dtype=dtype: np.asarray(value).astype(dtype)[()])
    return fake


def function_of(text: str, name: str = "kernel", **names: Any) -> Callable[..., Any]:
    """The function that a source text defines, with its source known to Python."""
    file = f"<generated {next(_NUMBER)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__builtins__": builtins, **names}
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]


def copies(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with arrays of their own."""
    return {n: a.copy() if isinstance(a, np.ndarray) else a for n, a in arguments.items()}


def assert_both_ways(function: Callable[..., Any], threads: int, **arguments: Any) -> None:
    """Both ways write the same bits into every array."""
    here, there = copies(arguments), copies(arguments)
    run(function, threads, **here)
    run_in_python(function, threads, **there)
    for name, array in here.items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(array, there[name], err_msg=name)

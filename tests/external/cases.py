"""A kernel of somebody else's text and its launch -> whether its results are NumPy's, with the error and the bound.

Outputs are poisoned before the launch and are followed by guard elements, which must come back as they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]
Extent = tuple[int, ...]

HALF, FLOAT, BFLOAT = np.float16, np.float32, ml_dtypes.bfloat16
GUARD = 36  # elements behind every output; whole vectors of 2, 3 and 4

ROUNDING = {np.dtype(FLOAT): 2.0**-24, np.dtype(HALF): 2.0**-11, np.dtype(BFLOAT): 2.0**-8}
"""Relative rounding error of one operation."""


@dataclass(frozen=True)
class Result:
    """What an output must hold. The error is the largest of |got - expected| / (|expected| + rms(expected));
    for integers and booleans it is the number of elements that differ, and the bound is 0."""

    expected: Array
    bound: float = 0.0
    initial: Array | None = None
    """What the output holds before the launch, if the kernel reads it."""

    def poisoned(self) -> Array:
        """An array that is wrong in every element (unless there is an initial value), guards behind it."""
        wanted = np.ravel(self.expected)
        is_integer = wanted.dtype.kind in "biu"
        guard = np.full(GUARD, 0 if is_integer else np.nan, wanted.dtype)
        if self.initial is not None:
            return np.concatenate([np.ravel(self.initial).astype(wanted.dtype), guard])
        wrong = ~wanted if is_integer else np.full(wanted.size, np.nan, wanted.dtype)
        return np.concatenate([wrong, guard])

    def error(self, got: Array) -> float:
        wanted, body = np.ravel(self.expected), got[: self.expected.size]
        if wanted.dtype.kind in "biu":
            return float(np.count_nonzero(body != wanted))
        wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
        wanted, body = wanted.astype(wide), body.astype(wide)
        if not wanted.size:
            return 0.0
        if np.any(np.isnan(wanted) != np.isnan(body)):
            return float("inf")
        scale = np.sqrt(np.nanmean(np.abs(wanted) ** 2)) + np.abs(wanted)
        difference = np.abs(wanted - body) / np.where(scale == 0, 1, scale)
        return float(np.nanmax(np.where(wanted == body, 0, difference), initial=0.0))

    def guards_touched(self, before: Array, after: Array) -> bool:
        size = self.expected.size
        return before[size:].tobytes() != after[size:].tobytes()


@dataclass(frozen=True)
class Launch:
    """Arguments by parameter name; ``threads`` counts threads, ``threadgroups`` threadgroups: one of the two."""

    arguments: Mapping[str, Any]
    results: Mapping[str, Result]
    threadgroup: Extent
    threads: Extent | None = None
    threadgroups: Extent | None = None
    threadgroup_memory: tuple[int, ...] = ()


@dataclass(frozen=True)
class Case:
    """One kernel of a file (or of ``text``, which includes the project's headers) and how to launch it."""

    family: str
    kernel: str
    prepare: Callable[[np.random.Generator], Launch]
    file: str = ""
    text: str = ""
    constants: Mapping[str | int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a case. ``problem`` is empty when the results are right."""

    case: Case
    strategy: str = ""
    error: float = float("nan")
    bound: float = 0.0
    seconds: float = 0.0
    problem: str = ""
    ran: bool = False

    @property
    def right(self) -> bool:
        return self.ran and not self.problem


def run(case: Case, library: Any, rng: np.random.Generator) -> Outcome:
    """Launches the case's kernel of a compiled library and compares. Errors of the launch pass through."""
    launch = case.prepare(rng)
    started = time.perf_counter()
    chosen = library.specialise(constants=dict(case.constants)) if case.constants else library
    kernel = chosen[case.kernel]
    outputs = {name: result.poisoned() for name, result in launch.results.items()}
    before = {name: array.copy() for name, array in outputs.items()}
    given = {**launch.arguments, **outputs}
    arguments = kernel.signature.arguments
    names = [argument.name for argument in arguments]
    if missing := [a.name for a in arguments if a.active and a.name not in given]:
        raise LookupError(f"the case gives no value for {', '.join(missing)}")
    if unwritten := [name for name in outputs if name not in names]:
        raise LookupError(f"the kernel has no parameter {', '.join(unwritten)}")
    extent = (
        {"threads": launch.threads}
        if launch.threads is not None
        else {"threadgroups": launch.threadgroups}
    )
    memory = {"threadgroup_memory": launch.threadgroup_memory} if launch.threadgroup_memory else {}
    kernel(*[given.get(name) for name in names], **extent, threadgroup=launch.threadgroup, **memory)
    seconds = time.perf_counter() - started
    error, bound, problem = 0.0, 0.0, ""
    for name, result in launch.results.items():
        wrong = result.error(outputs[name])
        if wrong >= error:
            error, bound = wrong, result.bound
        if wrong > result.bound:
            problem = f"{name} is wrong"
        elif result.guards_touched(before[name], outputs[name]):
            problem = f"{name} is written past its end"
    return Outcome(case, kernel.strategy, error, bound, seconds, problem, ran=True)


# --- what the cases are made of --------------------------------------------------------------------


def normal(rng: np.random.Generator, *shape: int, dtype: Any = FLOAT, scale: float = 1.0) -> Array:
    """Normally distributed values, already rounded to ``dtype``."""
    values: Array = (scale * rng.standard_normal(shape)).astype(dtype)
    return values


def wide(array: Array) -> Array:
    """The same values in float64, in which references are computed."""
    return array.astype(np.float64)


def rounded(expected: Array, dtype: Any, operations: float) -> Result:
    """A float64 reference as a result in ``dtype``, allowed that many roundings."""
    return Result(expected.astype(dtype), operations * ROUNDING[np.dtype(dtype)])


def structure(**fields: tuple[str, Any]) -> Array:
    """The bytes of a C struct: name=(NumPy type, value), each aligned to its own size."""
    dtype = np.dtype([(n, *_shaped(t)) for n, (t, _) in fields.items()], align=True)
    value = np.zeros(1, dtype)
    for name, (_, given) in fields.items():
        value[name] = given
    return value.view(np.uint8)


def _shaped(text: str) -> tuple[Any, ...]:
    base, _, count = text.partition("*")
    return (base, (int(count),)) if count else (base,)


def strides_of(array: Array) -> Array:
    """Strides in elements, as long."""
    return np.array([stride // array.itemsize for stride in array.strides], np.int64)


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


def longs(*values: int) -> Array:
    return np.array(values, np.int64)


def up(count: int, multiple: int) -> int:
    """``count`` divided by ``multiple``, rounded up."""
    return -(-count // multiple)


def chosen(cases: list[Case], words: list[str]) -> Iterator[Case]:
    """The cases whose family, kernel or file contains one of the words; all of them without words."""
    for case in cases:
        if not words or any(w in f"{case.family} {case.kernel} {case.file}" for w in words):
            yield case

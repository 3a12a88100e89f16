"""The name of an operator in, the function that a user calls out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import DTypeError
from metal_runtime.ops.definitions import DEFINITIONS
from metal_runtime.ops.scalars import read_scalar
from metal_runtime.runtime.sessions import session_of

Number = bool | int | float | np.generic
"""A scalar operand."""

Operand = MetalBuffer | np.ndarray[Any, Any] | Number
"""A buffer, an array (uploaded for the call), or a scalar."""


_Function = TypeVar("_Function", bound=Callable[..., MetalBuffer])


class Unary(Protocol):
    def __call__(self, a: Operand, out: MetalBuffer | None = None) -> MetalBuffer: ...


class Binary(Protocol):
    def __call__(self, a: Operand, b: Operand, out: MetalBuffer | None = None) -> MetalBuffer: ...


class Fma(Protocol):
    def __call__(
        self, a: Operand, b: Operand, c: Operand, out: MetalBuffer | None = None
    ) -> MetalBuffer: ...


class Clamp(Protocol):
    def __call__(
        self, x: Operand, low: Operand, high: Operand, out: MetalBuffer | None = None
    ) -> MetalBuffer: ...


class Where(Protocol):
    def __call__(
        self, condition: Operand, x: Operand, y: Operand, out: MetalBuffer | None = None
    ) -> MetalBuffer: ...


class ArrayScalar(Protocol):
    def __call__(self, a: Operand, s: Number, out: MetalBuffer | None = None) -> MetalBuffer: ...


class ScalarArray(Protocol):
    def __call__(self, s: Number, a: Operand, out: MetalBuffer | None = None) -> MetalBuffer: ...


def unary(name: str) -> Unary:
    """``ops.<name>(a, out=None)``."""

    def operator(a: Operand, out: MetalBuffer | None = None) -> MetalBuffer:
        return _run(name, (a,), out)

    return _documented(operator, name)


def binary(name: str) -> Binary:
    """``ops.<name>(a, b, out=None)``."""

    def operator(a: Operand, b: Operand, out: MetalBuffer | None = None) -> MetalBuffer:
        return _run(name, (a, b), out)

    return _documented(operator, name)


def fma_function() -> Fma:
    """``ops.fma(a, b, c, out=None)``."""

    def operator(a: Operand, b: Operand, c: Operand, out: MetalBuffer | None = None) -> MetalBuffer:
        return _run("fma", (a, b, c), out)

    return _documented(operator, "fma")


def clamp_function() -> Clamp:
    """``ops.clamp(x, low, high, out=None)``."""

    def operator(
        x: Operand, low: Operand, high: Operand, out: MetalBuffer | None = None
    ) -> MetalBuffer:
        return _run("clamp", (x, low, high), out)

    return _documented(operator, "clamp")


def where_function() -> Where:
    """``ops.where(condition, x, y, out=None)``."""

    def operator(
        condition: Operand, x: Operand, y: Operand, out: MetalBuffer | None = None
    ) -> MetalBuffer:
        return _run("where", (condition, x, y), out)

    return _documented(operator, "where")


def array_scalar(name: str) -> ArrayScalar:
    """``ops.<name>_scalar(a, s, out=None)``: the operator with a scalar on the right."""
    public = f"{name}_scalar"

    def operator(a: Operand, s: Number, out: MetalBuffer | None = None) -> MetalBuffer:
        _require_scalar(public, s)
        return _run(name, (a, s), out)

    return _named(operator, public, f"``ops.{name}(a, s)`` with a scalar s.")


def scalar_array(name: str) -> ScalarArray:
    """``ops.r<name>_scalar(s, a, out=None)``: the operator with a scalar on the left."""
    public = f"r{name}_scalar"

    def operator(s: Number, a: Operand, out: MetalBuffer | None = None) -> MetalBuffer:
        _require_scalar(public, s)
        return _run(name, (s, a), out)

    return _named(operator, public, f"``ops.{name}(s, a)`` with a scalar s.")


def _run(name: str, operands: tuple[Any, ...], out: MetalBuffer | None) -> MetalBuffer:
    """Runs an operator on the device of its buffers, or the current one for arrays and numbers."""
    return session_of((*operands, out)).graph.elementwise(name, operands, out)


def _require_scalar(public: str, value: Any) -> None:
    if read_scalar(value) is None:
        raise DTypeError(
            f"ops.{public}: s is a {type(value).__name__}, not a number",
            hint=f"use ops.{public.removeprefix('r').removesuffix('_scalar')} for two arrays",
        )


_COMMON = """

Operands are buffers, NumPy arrays or numbers; they broadcast and promote by docs/promotion.md.
Returns a new buffer, or `out` (of the result's shape) with its elements overwritten.

Raises:
    DTypeError: the operator does not take a dtype, or `out` cannot hold the result's.
    ShapeError: the shapes do not broadcast, or `out` has another one.
"""


def _documented(function: _Function, name: str) -> _Function:
    summary = DEFINITIONS[name].summary
    return _named(function, name, f"{summary[0].upper()}{summary[1:]}.{_COMMON}")


def _named(function: _Function, name: str, doc: str) -> _Function:
    function.__name__ = function.__qualname__ = name
    function.__module__ = "metal_runtime.ops"
    function.__doc__ = doc
    return function

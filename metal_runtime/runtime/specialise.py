"""A Python kernel and one type for each parameter -> its IR and MSL, and a launch plan for each session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, LaunchError
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, Vector
from metal_runtime.program import MslProgram
from metal_runtime.runtime.launch import LaunchPlan
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.value_arguments import described

if TYPE_CHECKING:
    from metal_runtime.ir.nodes import Kernel

ParameterTypes = Mapping[str, Pointer | ValueType]
TypeKey = tuple[Any, ...]
"""What decides the inferred types of a call: dtypes and Python classes, one entry a parameter."""


class Specialisation:
    """A kernel whose every parameter has a type, compiled to MSL; machine code is made at its first launch."""

    def __init__(self, name: str, ir: Kernel, program: MslProgram) -> None:
        self.name = name
        self.ir = ir
        self.program = program
        self._plan: LaunchPlan | None = None
        self._lock = threading.Lock()

    def plan(self, session: Session) -> LaunchPlan:
        """The plan for a session, made when there is none. Raises MslError."""
        plan = self._plan
        if plan is None or plan.session is not session:
            with self._lock:
                plan = self._plan
                if plan is None or plan.session is not session:
                    (signature,) = self.program.entry_points
                    pipeline = session.programs.pipeline(self.program, signature.name)
                    plan = self._plan = LaunchPlan(self.name, pipeline, session, self.ir)
        return plan


def specialise(
    function: Callable[..., Any],
    name: str,
    types: ParameterTypes,
    inferred: frozenset[str] = frozenset(),
) -> Specialisation:
    """Compiles a function for these types; pointers in ``inferred`` become const where nothing is written.

    Raises:
        CompileError: the function's text is wrong, at its place.
    """
    from metal_runtime.ir.effects import Effects  # the compiler loads when the first kernel is made
    from metal_runtime.runtime.compile import function_to_ir, ir_to_program

    kernel = function_to_ir(function, types, name)
    read_only = inferred - Effects(kernel).stores(*kernel.body)
    if read_only:
        const = {n: _as_const(t) if n in read_only else t for n, t in types.items()}
        if any(isinstance(p.type, Pointer) for f in kernel.functions for p in f.params):
            kernel = function_to_ir(
                function, const, name
            )  # the functions' pointers become const too
        else:
            params = tuple(replace(p, type=const[p.name]) for p in kernel.params)
            kernel = replace(kernel, params=params)
    return Specialisation(name, kernel, ir_to_program(kernel))


def _as_const(type_: Pointer | ValueType) -> Pointer | ValueType:
    return replace(type_, const=True) if isinstance(type_, Pointer) else type_


# --- types from arguments ------------------------------------------------------------------------


def type_key(args: Sequence[Any]) -> TypeKey:
    """Equal for calls whose arguments have the same types."""
    return tuple(
        [a._dtype if a.__class__ is MetalBuffer else _key(a) for a in args]
    )  # a list first: measurably faster than a generator


def _key(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ndarray, value.dtype
    if isinstance(value, tuple | list):
        return tuple, len(value), *(part.__class__ for part in value)
    return value.__class__


def argument_type(kernel: str, parameter: str, value: Any) -> Pointer | ValueType:
    """The type that a parameter without a declared one has for this argument.

    Buffers and arrays are pointers into device memory; int is ``int``, float is ``float``, a NumPy scalar
    has its own type, a tuple of 2 to 4 numbers is a vector.
    """
    if isinstance(value, MetalBuffer):
        return Pointer(AddressSpace.DEVICE, value.dtype)
    try:
        if isinstance(value, np.ndarray):
            return Pointer(AddressSpace.DEVICE, DType.from_numpy(value.dtype))
        if isinstance(value, tuple | list) and 2 <= len(value) <= 4:
            element = DType.FLOAT32 if any(isinstance(v, float) for v in value) else DType.INT32
            return Vector(element, len(value))
        scalar = _scalar_type(value)
    except DTypeError as error:
        raise LaunchError(
            error.message, kernel=kernel, parameter=parameter, hint=error.hint
        ) from None
    if scalar is None:
        raise LaunchError(
            f"no Metal type can be inferred from {described(value)}",
            kernel=kernel,
            parameter=parameter,
            hint='pass a buffer, an array or a number, or declare it: param_types={"'
            + parameter
            + '": "device const float*"}',
        )
    return scalar


def _scalar_type(value: Any) -> DType | None:
    if isinstance(value, bool):
        return DType.BOOL
    if isinstance(value, int):
        return DType.INT32
    if isinstance(value, float):  # np.float64 is one too
        return DType.FLOAT32
    return DType.from_numpy(value.dtype) if isinstance(value, np.generic) else None

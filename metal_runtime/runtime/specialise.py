"""A Python kernel and one type for each parameter -> its MSL, from disk if it was compiled before, and launch plans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from metal_runtime.msl_types import Pointer, ValueType, type_name
from metal_runtime.program import MslProgram
from metal_runtime.recording.noting import compile_stage
from metal_runtime.runtime import program_store
from metal_runtime.runtime.accesses import AccessBounds, AccessText
from metal_runtime.runtime.launch import LaunchPlan, open_plans
from metal_runtime.runtime.program_key import program_key
from metal_runtime.runtime.session import Session

if TYPE_CHECKING:
    from metal_runtime.ir.nodes import Kernel

ParameterTypes = Mapping[str, Pointer | ValueType]
DeclaredTypes = dict[str, Pointer | ValueType | None]


@dataclass(frozen=True, slots=True)
class CompiledText:
    """What is kept on disk of a compiled function."""

    program: MslProgram
    accesses: AccessText | None


class Specialisation:
    """A kernel whose every parameter has a type, compiled to MSL; machine code is made at its first launch."""

    def __init__(self, name: str, text: CompiledText, make_ir: Callable[[], Kernel]) -> None:
        self.name = name
        self.program = text.program
        self._accesses = text.accesses
        self._make_ir = make_ir
        self._plans: dict[Session, LaunchPlan] = {}
        self._lock = threading.Lock()

    @property
    def ir(self) -> Kernel:
        """The optimised IR, made anew: it is not kept."""
        return self._make_ir()

    def plan(self, session: Session) -> LaunchPlan:
        """The plan for a session, made when there is none. Raises MslError."""
        plan = self._plans.get(session)
        return self._make_plan(session) if plan is None else plan

    def _make_plan(self, session: Session) -> LaunchPlan:
        with self._lock:
            plan = self._plans.get(session)
            if plan is None:
                (signature,) = self.program.entry_points
                pipeline = session.programs.pipeline(self.program, signature.name)
                bounds = None if self._accesses is None else AccessBounds(self._accesses)
                plan = LaunchPlan(self.name, self.program, pipeline, session, bounds)
                self._plans = {**open_plans(self._plans), session: plan}
        return plan


def declared_types(
    function: Callable[..., Any], param_types: Mapping[str, str] | None
) -> DeclaredTypes:
    """The types that ``param_types`` and annotations give, in parameter order; None where neither does.

    Raises:
        CompileError: a text is no type, or the function cannot be read.
    """
    given = None if param_types is None else sorted(param_types.items(), key=repr)
    key = program_key(function, "types", given)
    stored = None if key is None else program_store.get(key)
    if isinstance(stored, dict):
        return stored
    from metal_runtime.runtime import compile as compiler  # loads the compiler, once

    types = compiler.declared_types(function, param_types)
    if key is not None:
        program_store.put(key, types)
    return types


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

    def make_ir() -> Kernel:
        return _kernel(function, name, types, inferred)

    texts = [(parameter, type_name(type_)) for parameter, type_ in types.items()]
    key = program_key(function, "program", name, texts, sorted(inferred))
    stored = _stored(name, key)
    if stored is None:
        stored = _compile(make_ir())
        if key is not None:
            program_store.put(key, stored)
    return Specialisation(name, stored, make_ir)


def _stored(name: str, key: str | None) -> CompiledText | None:
    """What an earlier process compiled the function to."""
    with compile_stage(name, "find") as stage:
        found = None if key is None else program_store.get(key)
        if isinstance(found, CompiledText):
            stage.hit("an earlier process compiled this text for these types")
            return found
        stage.miss(
            "it refers to something that may change, so each process compiles it"
            if key is None
            else "this text was not compiled for these types before"
        )
    return None


def _compile(kernel: Kernel) -> CompiledText:
    from metal_runtime.runtime.access_bounds import access_bounds
    from metal_runtime.runtime.compile import ir_to_program

    return CompiledText(ir_to_program(kernel), access_bounds(kernel))


def _kernel(
    function: Callable[..., Any], name: str, types: ParameterTypes, inferred: frozenset[str]
) -> Kernel:
    from metal_runtime.ir.effects import Effects
    from metal_runtime.runtime.compile import function_to_ir

    kernel = function_to_ir(function, types, name)
    read_only = inferred - Effects(kernel).stores(*kernel.body)
    if not read_only:
        return kernel
    const = {n: _as_const(t) if n in read_only else t for n, t in types.items()}
    if any(isinstance(p.type, Pointer) for f in kernel.functions for p in f.params):
        return function_to_ir(function, const, name)  # the functions' pointers become const too
    return replace(kernel, params=tuple(replace(p, type=const[p.name]) for p in kernel.params))


def _as_const(type_: Pointer | ValueType) -> Pointer | ValueType:
    return replace(type_, const=True) if isinstance(type_, Pointer) else type_

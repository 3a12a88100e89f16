"""What is known of one function while it is translated, and what the parts of the translation ask of each other."""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.environment import Environment
from metal_runtime.frontend.names import Namer
from metal_runtime.frontend.operands import Buffer, Numeric, Operand
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.frontend.scope import Kind, Scope, Symbol
from metal_runtime.ir.nodes import Array, Expr, Function, Load, Param
from metal_runtime.msl_types import Matrix, Pointer, ValueType
from metal_runtime.source import SourceSpan


class UnknownTypeError(KernelTypeError):
    """A variable is read whose type is not known (yet, while types are inferred)."""


@dataclass(frozen=True, slots=True)
class Variable:
    """The type of a variable, and the place that decided it."""

    type: ValueType | Matrix
    span: SourceSpan
    weak: bool = False
    """Made of integer literals alone: it still takes the type of what it is assigned to."""

    declared: bool = False


@dataclass(frozen=True, slots=True)
class LocalVariable:
    """A variable of the IR, to be declared where declarations.py finds its place."""

    type: ValueType | Matrix
    text: str
    """Its name in Python."""

    span: SourceSpan
    zeroed: bool = False
    """Declared by an annotation without a value: reading it before an assignment gives 0."""


Argument = Numeric | Buffer


class Specialiser(Protocol):
    """Translates the functions that a kernel calls, once for each combination of argument types."""

    def specialise(
        self,
        function: types.FunctionType,
        arguments: Mapping[str, Argument],
        text: str,
        span: SourceSpan,
    ) -> Function: ...


class Lowerer(Protocol):
    """Translates expressions: what calls.py and vectors.py ask of expressions.py."""

    @property
    def context(self) -> FunctionContext: ...

    def lower(self, node: ast.expr) -> Operand: ...
    def number(self, node: ast.expr) -> Numeric: ...
    def element(self, node: ast.expr) -> tuple[Buffer, Load] | None: ...
    def values(self, nodes: Sequence[ast.expr]) -> list[Numeric]: ...
    def numbers(self, nodes: Sequence[ast.expr]) -> list[Numeric]: ...
    def condition(self, node: ast.expr) -> Expr: ...
    def select(self, node: ast.expr, test: Expr, then: ast.expr, orelse: ast.expr) -> Operand: ...
    def reuse(self, expr: Expr, name: str) -> Expr: ...
    def python_object(self, node: ast.expr) -> Any: ...


@dataclass(eq=False, slots=True)
class FunctionContext:
    """One translation of one function, with certain types of its variables."""

    source: FunctionSource
    environment: Environment
    scope: Scope
    variables: Mapping[Symbol, Variable]
    specialiser: Specialiser
    names: Namer
    locals: dict[str, LocalVariable] = field(default_factory=dict)
    called: dict[str, Function] = field(default_factory=dict)
    """The functions that it calls, by their names in the IR."""

    arrays: Mapping[Symbol, Array] = field(default_factory=dict)
    """The arrays of the function; their names in the IR stand in ``ir_names``."""

    ir_names: dict[Symbol, str] = field(default_factory=dict)
    params: tuple[Param, ...] = ()
    _loop_names: dict[tuple[str, ValueType], list[str]] = field(default_factory=dict)
    _open_loops: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        params = []
        for symbol in self.scope.parameters.values():
            assert symbol.parameter is not None
            name = self.names.fresh(symbol.name)
            params.append(Param(name, symbol.parameter, span=symbol.span))
            if symbol.kind is not Kind.LOCAL:
                self.ir_names[symbol] = name
        self.params = tuple(params)
        for symbol in self.scope.arrays.values():
            self.ir_names[symbol] = self.names.fresh(symbol.name)

    def variable(self, symbol: Symbol) -> Variable:
        """The type of a symbol. Raises UnknownTypeError if nothing has given it one."""
        if symbol.parameter is not None and not isinstance(symbol.parameter, Pointer):
            return Variable(symbol.parameter, symbol.span, declared=True)
        if symbol not in self.variables:
            raise UnknownTypeError(f"`{symbol.name}` has no type", symbol.span)
        return self.variables[symbol]

    def local_name(self, symbol: Symbol) -> str:
        """The name in the IR of a variable; new variables are recorded for declarations.py."""
        if symbol not in self.ir_names:
            variable = self.variable(symbol)
            name = self.names.fresh(symbol.name)
            self.ir_names[symbol] = name
            self.locals[name] = LocalVariable(
                variable.type, symbol.name, symbol.span, variable.declared
            )
        return self.ir_names[symbol]

    def copy_name(self, symbol: Symbol) -> str:
        """The name in the IR of the copy of a value parameter that is assigned to."""
        variable = self.variable(symbol)
        name = self.temporary(f"{symbol.name}_local", variable.type, symbol.span)
        self.ir_names[symbol] = name
        return name

    def temporary(self, wanted: str, type_: ValueType | Matrix, span: SourceSpan) -> str:
        """A new variable of the IR that the user did not write."""
        name = self.names.fresh(wanted)
        self.locals[name] = LocalVariable(type_, wanted, span)
        return name

    def enter_loop(self, wanted: str, type_: ValueType) -> str:
        """A name for a loop's own variable; loops that do not enclose each other share one."""
        candidates = self._loop_names.setdefault((wanted, type_), [])
        name = next((c for c in candidates if c not in self._open_loops), None)
        if name is None:
            name = self.names.fresh(wanted)
            candidates.append(name)
        self._open_loops.append(name)
        return name

    def leave_loop(self) -> None:
        """Ends the innermost loop."""
        self._open_loops.pop()

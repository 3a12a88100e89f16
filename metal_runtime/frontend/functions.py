"""Python functions enter with the types of their parameters; IR functions leave, those that they call first.

A function that a kernel calls is translated once for each combination of argument types.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from metal_runtime.errors import CompileError, KernelTypeError, Note
from metal_runtime.frontend.annotations import annotated, parameter_types, value_type, variable_type
from metal_runtime.frontend.arrays import array_names, evaluate_arrays, find_arrays
from metal_runtime.frontend.ast_to_ir import Statements
from metal_runtime.frontend.check_subset import check_subset
from metal_runtime.frontend.context import Argument, FunctionContext, Variable
from metal_runtime.frontend.conversions import as_value
from metal_runtime.frontend.declarations import declare_variables
from metal_runtime.frontend.environment import Environment
from metal_runtime.frontend.expressions import Expressions
from metal_runtime.frontend.infer_types import infer_types
from metal_runtime.frontend.names import Namer
from metal_runtime.frontend.operands import Buffer
from metal_runtime.frontend.read_source import FunctionSource, read_source
from metal_runtime.frontend.scope import Kind, Scope, Symbol, resolve
from metal_runtime.ir.nodes import Array, Block, Function, Param
from metal_runtime.ir.verify import returns
from metal_runtime.msl_types import VOID, Matrix, Pointer, Type, ValueType, Void, type_name
from metal_runtime.source import SourceSpan

Types = Mapping[str, Pointer | ValueType | Matrix]
_Key = tuple[types.FunctionType, tuple[Pointer | ValueType | Matrix, ...]]


@dataclass(frozen=True, slots=True)
class Translated:
    """A function in the IR, and the functions that it calls by their names there."""

    source: FunctionSource
    params: tuple[Param, ...]
    result: Type
    body: Block
    arrays: tuple[Array, ...]
    called: Mapping[str, Function]


@dataclass(slots=True)
class Translator:
    """Translates functions; each specialisation once."""

    functions: dict[str, Translated] = field(default_factory=dict)
    """The specialisations by their names in the IR, which are provisional: translate.py gives final ones."""

    _known: dict[_Key, Function | CompileError] = field(default_factory=dict)
    _open: list[types.FunctionType] = field(default_factory=list)

    def specialise(
        self,
        function: types.FunctionType,
        arguments: Mapping[str, Argument],
        text: str,
        span: SourceSpan,
    ) -> Function:
        """The IR function for a call with these arguments. Raises CompileError with a note of the call."""
        if function in self._open:
            raise KernelTypeError(
                f"`{text}` calls itself, which Metal does not allow",
                span,
                hint="write a loop",
            )
        try:
            return self._specialise(function, arguments)
        except CompileError as error:
            note = Note(f"`{text}` is called here", span)
            raise type(error)(
                error.message, error.span, hint=error.hint, notes=(*error.notes, note)
            ) from None

    def _specialise(
        self, function: types.FunctionType, arguments: Mapping[str, Argument]
    ) -> Function:
        source = read_source(function)
        declared = parameter_types(source, is_kernel=False)
        given = {name: declared[name] or _type_of(arguments[name]) for name in declared}
        key = (function, tuple(given.values()))
        if key not in self._known:
            self._known[key] = self._attempt(source, given)
        known = self._known[key]
        if isinstance(known, CompileError):
            raise known
        return known

    def _attempt(self, source: FunctionSource, given: Types) -> Function | CompileError:
        self._open.append(source.function)
        try:
            translated = self.translate(source, given, is_kernel=False)
        except CompileError as error:
            return error
        finally:
            self._open.pop()
        name = f"{source.node.name}#{len(self.functions)}"
        self.functions[name] = translated
        return Function(
            name, translated.params, translated.result, translated.body, translated.arrays
        )

    def translate(self, source: FunctionSource, given: Types, *, is_kernel: bool) -> Translated:
        """One function whose parameters have these types."""
        check_subset(source, is_kernel=is_kernel)
        environment = Environment(source.function)
        found = find_arrays(source, environment, is_kernel=is_kernel)
        scope = resolve(source, given, array_names(found))
        result = Symbol("result", Kind.LOCAL, source.span(source.node))
        declared = _declared_variables(source, scope, environment)
        returned = source.node.returns
        if returned is not None and not is_kernel:
            type_ = annotated(returned, source, environment)
            if type_ != VOID:
                if not isinstance(type_, Matrix):
                    type_ = value_type(type_, returned, source, "the result")
                declared[result] = Variable(type_, source.span(returned), declared=True)

        def context(variables: Mapping[Symbol, Variable]) -> FunctionContext:
            return FunctionContext(
                source, environment, scope, variables, self, Namer(), arrays=arrays
            )

        arrays: Mapping[Symbol, Array] = {}
        arrays = evaluate_arrays(found, Expressions(context({})))
        variables = infer_types(
            source.node.body, scope, declared, result, lambda v: Expressions(context(v))
        )
        final = context(variables)
        statements = Statements(final, variables.get(result), is_kernel=is_kernel)
        block = statements.function_body()
        type_of_result: Type = VOID
        if result in variables:
            type_of_result = variables[result].type
            _require_return(source, block, variables[result])
        body = declare_variables(block, final.locals)
        named = tuple(replace(a, name=final.ir_names[symbol]) for symbol, a in arrays.items())
        return Translated(source, final.params, type_of_result, body, named, final.called)


def _type_of(argument: Argument) -> Pointer | ValueType | Matrix:
    if isinstance(argument, Buffer):
        return argument.pointer
    type_ = as_value(argument).expr.type
    assert not isinstance(type_, Void)
    return type_


def _require_return(source: FunctionSource, block: Block, result: Variable) -> None:
    if not returns(block):
        raise source.error(
            f"`{source.node.name}` may end without a `return`, but its result is `{type_name(result.type)}`",
            source.node,
            "return a value on every path",
            (Note("the result has its type because of this", result.span),),
        )


def _declared_variables(
    source: FunctionSource, scope: Scope, environment: Environment
) -> dict[Symbol, Variable]:
    """The variables that an annotation gives a type."""
    found: dict[Symbol, Variable] = {}
    for node in ast.walk(source.node):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        symbol = scope.meaning[node.target]
        span = source.span(node.annotation)
        type_ = annotated(node.annotation, source, environment)
        type_ = variable_type(type_, node.annotation, source)
        if symbol.parameter is not None:
            raise source.error(
                f"`{symbol.name}` is a parameter, whose type is declared with the function",
                node.target,
                "use another name, or leave the type out",
            )
        if symbol in found and found[symbol].type != type_:
            raise source.error(
                f"`{symbol.name}` is declared as `{type_name(type_)}`, and before as another type",
                node.annotation,
                "a variable has one type",
                (Note(f"declared here as `{type_name(found[symbol].type)}`", found[symbol].span),),
            )
        found[symbol] = Variable(type_, span, declared=True)
    return found

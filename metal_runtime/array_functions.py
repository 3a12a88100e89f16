"""Python functions of one element enter; functions on arrays leave, which fuse like the built-in operators."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from metal_runtime.array_reductions import Axis
from metal_runtime.array_views import checked_axes
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, KernelTypeError, ShapeError
from metal_runtime.frontend.translate import translate_function
from metal_runtime.ir.nodes import Call, Constant, Expr, Function
from metal_runtime.ir.printer import print_node
from metal_runtime.ir.walk import Rewriter
from metal_runtime.ops.definitions import Definition
from metal_runtime.ops.expressions import convert
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.promotion import OperandType, Weak
from metal_runtime.ops.reduction_table import Reduction
from metal_runtime.ops.rules import OperatorTypes
from metal_runtime.ops.scalars import read_scalar
from metal_runtime.runtime.sessions import session_of


class ElementwiseFunction:
    """A function of one element of each operand, called with buffers, arrays and numbers, which broadcast.

    It is compiled for each combination of dtypes; a Python float counts as float32, an int as int32.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._parameters = tuple(inspect.signature(function).parameters)
        self._known: dict[tuple[DType, ...], Definition] = {}

    def __call__(self, *operands: Any, out: MetalBuffer | None = None) -> MetalBuffer:
        """The function of each element.

        Raises:
            CompileError: at the function's line, for what cannot be compiled for these dtypes.
            DTypeError, ShapeError: as operators do.
        """
        if len(operands) != len(self._parameters):
            raise TypeError(
                f"{self._function.__name__} takes {len(self._parameters)} operands "
                f"({', '.join(self._parameters)}), not {len(operands)}"
            )
        dtypes = tuple(self._dtype(operand) for operand in operands)
        definition = self._known.get(dtypes)
        if definition is None:
            definition = self._known[dtypes] = self._definition(dtypes)
        session = session_of((*operands, out))
        return session.graph.elementwise(definition, operands, out)

    def __repr__(self) -> str:
        return f"<elementwise function {self._function.__name__}({', '.join(self._parameters)})>"

    def _dtype(self, operand: Any) -> DType:
        if operand.__class__ is MetalBuffer:
            dtype: DType = operand.dtype
            return dtype
        scalar = read_scalar(operand)
        if scalar is not None:
            kind = scalar[0]
            return kind.alone if isinstance(kind, Weak) else kind
        if hasattr(operand, "dtype"):
            return DType.from_numpy(operand.dtype)
        raise DTypeError(
            f"{self._function.__name__} does not take a {type(operand).__name__}",
            hint="pass buffers, NumPy arrays or numbers",
        )

    def _definition(self, dtypes: tuple[DType, ...]) -> Definition:
        functions = _translated(self._function, dict(zip(self._parameters, dtypes, strict=True)))
        result = _scalar_result(functions[-1])
        name = functions[-1].name

        def rule(_: str, operands: Sequence[OperandType]) -> OperatorTypes:
            return OperatorTypes(dtypes, result)

        def build(*args: Expr) -> Expr:
            return Call(name, args, result)

        summary = inspect.getdoc(self._function) or "a user's function"
        plain = self._function.__name__
        return Definition(plain, len(dtypes), rule, build, summary, functions)


class ReductionFunction:
    """A reduction by a function of two values that is associative and commutative, with an identity."""

    def __init__(
        self, function: Callable[[Any, Any], Any], identity: float, dtype: DType | None
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._identity = identity
        self._dtype = dtype
        self._known: dict[DType, Reduction] = {}

    def __call__(self, x: MetalBuffer, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
        """The elements along ``axis`` combined; the identity where there is none.

        Raises:
            CompileError: at the function's line.
            ShapeError: there is no such axis.
        """
        session = session_of((x,))
        buffer = as_buffer(session, self._function.__name__, x)
        held = self._dtype or buffer.dtype
        reduction = self._known.get(held)
        if reduction is None:
            reduction = self._known[held] = self._reduction(held)
        try:
            axes = tuple(sorted(checked_axes(buffer.shape, axis)))
        except ShapeError as error:
            name = self._function.__name__
            raise ShapeError(f"{name}: {error.message}", hint=error.hint) from None
        return session.graph.reduce(reduction, buffer, axes, keepdims)

    def __repr__(self) -> str:
        return f"<reduction {self._function.__name__}, identity {self._identity}>"

    def _reduction(self, held: DType) -> Reduction:
        parameters = tuple(inspect.signature(self._function).parameters)
        if len(parameters) != 2:
            raise TypeError(
                f"a reduction combines two values; {self._function.__name__} takes {len(parameters)}"
            )
        functions = _translated(self._function, dict.fromkeys(parameters, held))
        combine = functions[-1]
        _scalar_result(combine)

        def call(a: Expr, b: Expr) -> Expr:
            return convert(Call(combine.name, (a, b), combine.result), held)  # type: ignore[arg-type]

        value = float(self._identity) if held.is_float else int(self._identity)
        return Reduction(
            name=self._function.__name__,
            accumulators=lambda _: (held,),
            identity=lambda _: (Constant(value, held),),
            step=lambda states, element, _: (call(states[0], convert(element, held)),),
            merge=lambda a, b: (call(a[0], b[0]),),
            result=lambda _: held,
            empty=True,
            functions=functions,
        )


def _scalar_result(function: Function) -> DType:
    if isinstance(function.result, DType):
        return function.result
    raise KernelTypeError(
        f"`{function.name}` gives a {function.result}, and an element of an array is a scalar",
        function.span,
        hint="return one number",
    )


def _translated(function: Callable[..., Any], types: dict[str, DType]) -> tuple[Function, ...]:
    """The functions with names that differ where they do: kernels call those of several users."""
    functions = translate_function(function, types)
    text = "\n".join(print_node(f) for f in functions)
    suffix = hashlib.sha256(text.encode()).hexdigest()[:6]
    rename = _Rename({f.name: f"{f.name}_{suffix}" for f in functions})
    return tuple(
        replace(f, name=rename.names[f.name], body=rename.rewrite_block(f.body)) for f in functions
    )


class _Rename(Rewriter):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def rewrite_Call(self, node: Call) -> Call:
        return replace(node, function=self.names[node.function])

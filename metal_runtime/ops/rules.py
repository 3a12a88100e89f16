"""Operand dtypes in, the dtypes that an operator computes and returns out; one rule a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.promotion import OperandType, dtype_name, floating, promote


@dataclass(frozen=True, slots=True)
class OperatorTypes:
    """``operands[k]`` is what operand k is converted to before the operator; ``result`` is what comes out."""

    operands: tuple[DType, ...]
    result: DType


Rule = Callable[[str, Sequence[OperandType]], OperatorTypes]
"""(operator name, operand types) -> OperatorTypes. Raises DTypeError naming the operator."""


def _common(name: str, operands: Sequence[OperandType]) -> DType:
    try:
        return promote(operands)
    except DTypeError as error:
        raise DTypeError(f"ops.{name}: {error.message}", hint=error.hint) from None


def _refuse(name: str, operands: Sequence[OperandType], hint: str) -> DTypeError:
    given = ", ".join(map(dtype_name, operands))
    return DTypeError(f"ops.{name} does not take {given}", hint=hint)


def _alike(operands: Sequence[OperandType], compute: DType, result: DType) -> OperatorTypes:
    return OperatorTypes((compute,) * len(operands), result)


def numbers(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Integers and floats, computed and returned in their common dtype. Not bool with bool."""
    common = _common(name, operands)
    if common is DType.BOOL:
        raise _refuse(
            name, operands, "use ops.logical_and/or/xor, or ops.cast(array, 'int32') to count with"
        )
    return _alike(operands, common, common)


def anything(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Every dtype, computed and returned in the common one."""
    common = _common(name, operands)
    return _alike(operands, common, common)


def floats(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Functions of real numbers: integers and bool are computed and returned in float32."""
    common = floating(_common(name, operands))
    return _alike(operands, common, common)


def wide_floats(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """As ``floats``, but float16 and bfloat16 are computed in float32 and rounded once at the end."""
    result = floating(_common(name, operands))
    return _alike(operands, DType.FLOAT32, result)


def only_floats(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Floating-point operands only."""
    common = _common(name, operands)
    if not common.is_float:
        raise _refuse(
            name, operands, "it is defined for floating-point numbers: ops.cast one first"
        )
    return _alike(operands, common, common)


def with_neighbours(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """float32 and float16: MSL knows the neighbours of their numbers."""
    common = only_floats(name, operands)
    if common.result is DType.BFLOAT16:
        raise _refuse(name, operands, "MSL has no such function of bfloat: ops.cast one to float32")
    return common


def comparison(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Compared in the common dtype (False < True), giving bool."""
    return _alike(operands, _common(name, operands), DType.BOOL)


def float_test(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """A question about a floating-point number, giving bool; integers are asked as float32."""
    return _alike(operands, floating(_common(name, operands)), DType.BOOL)


def truth(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Every operand becomes ``x != 0``; the result is bool. Nothing is promoted."""
    return _alike(operands, DType.BOOL, DType.BOOL)


def bits(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Integers and bool, in their common dtype."""
    common = _common(name, operands)
    if common.is_float:
        raise _refuse(name, operands, "it works on bits: ops.cast to an integer dtype first")
    return _alike(operands, common, common)


def integers(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """Integers only, in their common dtype."""
    common = _common(name, operands)
    if not common.is_integer:
        raise _refuse(name, operands, "it takes integers: ops.cast to an integer dtype first")
    return _alike(operands, common, common)


def choice(name: str, operands: Sequence[OperandType]) -> OperatorTypes:
    """A condition (``x != 0``), then two values in their common dtype."""
    common = _common(name, operands[1:])
    return OperatorTypes((DType.BOOL, common, common), common)

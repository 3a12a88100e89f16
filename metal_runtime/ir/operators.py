"""The operator table: for each operator its arity, the rule for its result type, and its meaning in NumPy.

A rule takes the argument types and returns the result type, or raises OperatorTypeError with the
reason in plain words. Arguments of one operator have one type unless its rule says otherwise:
conversions are made before, by explicit Cast and Construct nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.ir import numpy_library as library
from metal_runtime.ir import numpy_reference as reference
from metal_runtime.msl_types import ValueType, Vector, element_of, type_name, with_element

Rule = Callable[[Sequence[ValueType]], ValueType]
NumpyFunction = Callable[..., Any]


class OperatorTypeError(TypeError):
    """The operator does not take these types; the message says why, without naming the operator."""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A row of the table. Rows are interned: compare them with ``is``."""

    name: str
    arity: int
    rule: Rule
    numpy: NumpyFunction
    commutative: bool = False
    lazy: bool = False
    """True when the second argument is evaluated only if the first does not decide."""

    exact: bool = True
    """True when MSL in safe mode gives the same bits as ``numpy``; False for the math library."""

    may_trap: bool = False
    """True when some arguments have no result (an integer division by zero)."""

    def result_type(self, args: Sequence[ValueType]) -> ValueType:
        if len(args) != self.arity:
            raise OperatorTypeError(f"takes {self.arity} arguments, not {len(args)}")
        return self.rule(args)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_name, (self.name,)


# --- rules ---------------------------------------------------------------------------------------


def _one_type(args: Sequence[ValueType]) -> ValueType:
    if any(a != args[0] for a in args):
        raise OperatorTypeError("operands differ: " + " and ".join(map(type_name, args)))
    return args[0]


def _require(ok: bool, what: str, type_: ValueType) -> None:
    if not ok:
        raise OperatorTypeError(f"takes {what}, not {type_name(type_)}")


def arithmetic(args: Sequence[ValueType]) -> ValueType:
    """Numbers of one type give that type."""
    type_ = _one_type(args)
    _require(element_of(type_) is not DType.BOOL, "numbers", type_)
    return type_


def signed_arithmetic(args: Sequence[ValueType]) -> ValueType:
    """Signed numbers of one type give that type."""
    type_ = arithmetic(args)
    _require(element_of(type_).is_signed, "signed numbers", type_)
    return type_


def integers(args: Sequence[ValueType]) -> ValueType:
    """Integers of one type give that type."""
    type_ = _one_type(args)
    _require(element_of(type_).is_integer, "integers", type_)
    return type_


def bits(args: Sequence[ValueType]) -> ValueType:
    """Integers or booleans of one type give that type."""
    type_ = _one_type(args)
    _require(not element_of(type_).is_float, "integers", type_)
    return type_


def floating(args: Sequence[ValueType]) -> ValueType:
    """Floating-point numbers of one type give that type."""
    type_ = _one_type(args)
    _require(element_of(type_).is_float, "floating-point numbers", type_)
    return type_


def float_predicate(args: Sequence[ValueType]) -> ValueType:
    """Floating-point numbers give bool, component by component."""
    return with_element(floating(args), DType.BOOL)


def ordering(args: Sequence[ValueType]) -> ValueType:
    """Numbers of one type give bool, component by component."""
    return with_element(arithmetic(args), DType.BOOL)


def equality(args: Sequence[ValueType]) -> ValueType:
    """Values of one type give bool, component by component."""
    return with_element(_one_type(args), DType.BOOL)


def scalar_logic(args: Sequence[ValueType]) -> ValueType:
    """Scalar booleans give bool."""
    for type_ in args:
        _require(type_ is DType.BOOL, "bool", type_)
    return DType.BOOL


def logic(args: Sequence[ValueType]) -> ValueType:
    """Booleans of one type give that type."""
    type_ = _one_type(args)
    _require(element_of(type_) is DType.BOOL, "bool", type_)
    return type_


def bool_reduction(args: Sequence[ValueType]) -> ValueType:
    """A vector of bool gives one bool."""
    (type_,) = args
    _require(isinstance(type_, Vector) and type_.element is DType.BOOL, "a vector of bool", type_)
    return DType.BOOL


def float_vector(args: Sequence[ValueType]) -> ValueType:
    """Floating-point vectors of one type give that type."""
    type_ = floating(args)
    _require(isinstance(type_, Vector), "vectors", type_)
    return type_


def float_vector_reduction(args: Sequence[ValueType]) -> ValueType:
    """Floating-point vectors of one type give their scalar."""
    return element_of(float_vector(args))


def vector3(args: Sequence[ValueType]) -> ValueType:
    """Floating-point vectors of 3 give one."""
    type_ = float_vector(args)
    _require(isinstance(type_, Vector) and type_.width == 3, "vectors of 3", type_)
    return type_


def float_or_half(args: Sequence[ValueType]) -> ValueType:
    """Numbers of float or half of one type give that type."""
    type_ = floating(args)
    _require(element_of(type_) is not DType.BFLOAT16, "float or half", type_)
    return type_


_UNSIGNED = {
    DType.INT8: DType.UINT8,
    DType.INT16: DType.UINT16,
    DType.INT32: DType.UINT32,
    DType.INT64: DType.UINT64,
}


def unsigned_integers(args: Sequence[ValueType]) -> ValueType:
    """Integers of one type give the unsigned type of their size."""
    type_ = integers(args)
    return with_element(type_, _UNSIGNED.get(element_of(type_), element_of(type_)))


def selection(args: Sequence[ValueType]) -> ValueType:
    """Two of one type and a bool for each component give that type."""
    type_ = _one_type(args[:2])
    _require(args[2] == with_element(type_, DType.BOOL), "a bool for each component", args[2])
    return type_


def scaling(args: Sequence[ValueType]) -> ValueType:
    """Floating-point numbers and an int for each give their type."""
    type_ = floating(args[:1])
    _require(args[1] == with_element(type_, DType.INT32), "an int for each component", args[1])
    return type_


def power_of_two(args: Sequence[ValueType]) -> ValueType:
    """Floating-point numbers give an int for each."""
    return with_element(floating(args), DType.INT32)


def bit_field(args: Sequence[ValueType]) -> ValueType:
    """Integers of one type, then an offset and a count as uint, give that type."""
    for type_ in args[-2:]:
        _require(type_ is DType.UINT32, "an offset and a count as uint", type_)
    return integers(args[:-2])


def refraction(args: Sequence[ValueType]) -> ValueType:
    """Two floating-point vectors of one type and a scalar give the vector's type."""
    type_ = float_vector(args[:2])
    _require(args[2] is element_of(type_), "a scalar ratio of the vectors' element", args[2])
    return type_


@dataclass(frozen=True, slots=True)
class Fixed:
    """The rule of a function of one argument of one type."""

    argument: ValueType
    result: ValueType

    def __call__(self, args: Sequence[ValueType]) -> ValueType:
        _require(args[0] == self.argument, type_name(self.argument), args[0])
        return self.result


# --- the table -----------------------------------------------------------------------------------

_PACKED_FORMATS = {
    "unorm4x8": ((8, 8, 8, 8), False),
    "snorm4x8": ((8, 8, 8, 8), True),
    "unorm2x16": ((16, 16), False),
    "snorm2x16": ((16, 16), True),
    "unorm10a2": ((10, 10, 10, 2), False),
}
"""Bits of the components, and whether they have a sign."""


def _packing() -> list[Operator]:
    rows = []
    for name, (widths, signed) in _PACKED_FORMATS.items():
        for element in (DType.FLOAT32, DType.FLOAT16):
            vector, of = Vector(element, len(widths)), element.metal_name
            pack = partial(library.pack, widths, signed)
            unpack = partial(library.unpack, widths, signed, element.numpy_dtype)
            rows.append(Operator(f"pack_{of}_to_{name}", 1, Fixed(vector, DType.UINT32), pack))
            rows.append(Operator(f"unpack_{name}_to_{of}", 1, Fixed(DType.UINT32, vector), unpack))
    return rows


_wide = reference.through_float64

_ROWS = [
    # arithmetic
    Operator("add", 2, arithmetic, np.add, commutative=True),
    Operator("sub", 2, arithmetic, np.subtract),
    Operator("mul", 2, arithmetic, np.multiply, commutative=True),
    Operator("div", 2, arithmetic, reference.divide, may_trap=True),  # MSL's `/`: integers truncate
    Operator(
        "rem", 2, integers, reference.remainder, may_trap=True
    ),  # MSL's `%`: sign of the dividend
    Operator("floordiv", 2, arithmetic, reference.floor_divide, may_trap=True),  # Python's `//`
    Operator("mod", 2, arithmetic, reference.floor_modulo, may_trap=True),  # Python's `%`
    Operator("neg", 1, signed_arithmetic, np.negative),
    Operator("abs", 1, arithmetic, np.abs),
    Operator("sign", 1, signed_arithmetic, reference.sign),
    Operator("min", 2, arithmetic, reference.minimum, commutative=True),
    Operator("max", 2, arithmetic, reference.maximum, commutative=True),
    Operator("clamp", 3, arithmetic, reference.clamp),
    Operator("fma", 3, floating, reference.fma),
    Operator("ipow", 2, integers, reference.integer_power),
    Operator("min3", 3, arithmetic, library.minimum3),
    Operator("max3", 3, arithmetic, library.maximum3),
    Operator("median3", 3, arithmetic, library.median3),
    Operator("select", 3, selection, library.select),
    # integers
    Operator("absdiff", 2, unsigned_integers, library.absolute_difference, commutative=True),
    Operator("addsat", 2, integers, library.add_saturated, commutative=True),
    Operator("subsat", 2, integers, library.subtract_saturated),
    Operator("hadd", 2, integers, library.half_sum, commutative=True),
    Operator("rhadd", 2, integers, library.rounded_half_sum, commutative=True),
    Operator("madhi", 3, integers, library.multiply_high_add),
    Operator("madsat", 3, integers, library.multiply_add_saturated),
    # bits
    Operator("bit_and", 2, bits, np.bitwise_and, commutative=True),
    Operator("bit_or", 2, bits, np.bitwise_or, commutative=True),
    Operator("bit_xor", 2, bits, np.bitwise_xor, commutative=True),
    Operator("bit_not", 1, integers, np.invert),
    Operator("shl", 2, integers, reference.shift_left),
    Operator("shr", 2, integers, reference.shift_right),
    Operator("popcount", 1, integers, reference.popcount),
    Operator("clz", 1, integers, reference.count_leading_zeros),
    Operator("ctz", 1, integers, reference.count_trailing_zeros),
    Operator("reverse_bits", 1, integers, reference.reverse_bits),
    Operator("mulhi", 2, integers, reference.multiply_high, commutative=True),
    Operator("rotate", 2, integers, library.rotate),
    Operator("extract_bits", 3, bit_field, library.extract_bits),
    Operator("insert_bits", 4, bit_field, library.insert_bits),
    *_packing(),
    # comparisons and logic
    Operator("eq", 2, equality, np.equal, commutative=True),
    Operator("ne", 2, equality, np.not_equal, commutative=True),
    Operator("lt", 2, ordering, np.less),
    Operator("le", 2, ordering, np.less_equal),
    Operator("gt", 2, ordering, np.greater),
    Operator("ge", 2, ordering, np.greater_equal),
    Operator("logical_and", 2, scalar_logic, np.logical_and, lazy=True),
    Operator("logical_or", 2, scalar_logic, np.logical_or, lazy=True),
    Operator("logical_not", 1, logic, np.logical_not),
    Operator("any", 1, bool_reduction, reference.any_component),
    Operator("all", 1, bool_reduction, reference.all_components),
    Operator("isnan", 1, float_predicate, np.isnan),
    Operator("isinf", 1, float_predicate, np.isinf),
    Operator("isfinite", 1, float_predicate, np.isfinite),
    Operator("signbit", 1, float_predicate, np.signbit),
    Operator("isnormal", 1, float_predicate, library.is_normal),
    Operator("isordered", 2, float_predicate, library.is_ordered, commutative=True),
    Operator("isunordered", 2, float_predicate, library.is_unordered, commutative=True),
    # rounding
    Operator("floor", 1, floating, np.floor),
    Operator("ceil", 1, floating, np.ceil),
    Operator("trunc", 1, floating, np.trunc),
    Operator("rint", 1, floating, np.rint),  # half to even, as Python's round
    Operator(
        "round", 1, floating, reference.round_half_away
    ),  # half away from zero, as MSL's round
    Operator("fract", 1, floating, reference.fract),
    Operator("saturate", 1, floating, reference.saturate),
    Operator("fmod", 2, floating, np.fmod),
    Operator("copysign", 2, floating, np.copysign),
    Operator("fdim", 2, floating, library.positive_difference),
    Operator("nextafter", 2, float_or_half, library.next_after),
    Operator("ilogb", 1, power_of_two, library.exponent),
    Operator("ldexp", 2, scaling, library.scale_by_power),
    Operator("step", 2, floating, reference.step),
    Operator("mix", 3, floating, reference.mix, exact=False),
    Operator("smoothstep", 3, floating, reference.smoothstep, exact=False),
    # the math library
    Operator("sqrt", 1, floating, np.sqrt),
    *(
        Operator(name, 1, floating, reference.through_float64(function), exact=False)
        for name, function in reference.UNARY_MATH.items()
    ),
    *(
        Operator(name, 2, floating, reference.through_float64(function), exact=False)
        for name, function in reference.BINARY_MATH.items()
    ),
    Operator("sinpi", 1, floating, _wide(library.sine_of_half_turns), exact=False),
    Operator("cospi", 1, floating, _wide(library.cosine_of_half_turns), exact=False),
    # geometry
    Operator("dot", 2, float_vector_reduction, reference.dot, commutative=True, exact=False),
    Operator("length", 1, float_vector_reduction, reference.length, exact=False),
    Operator("distance", 2, float_vector_reduction, reference.distance, exact=False),
    Operator("normalize", 1, float_vector, reference.normalize, exact=False),
    Operator("cross", 2, vector3, reference.cross, exact=False),
    Operator(
        "length_squared", 1, float_vector_reduction, _wide(library.length_squared), exact=False
    ),
    Operator(
        "distance_squared", 2, float_vector_reduction, _wide(library.distance_squared), exact=False
    ),
    Operator("faceforward", 3, float_vector, _wide(library.face_forward), exact=False),
    Operator("reflect", 2, float_vector, _wide(library.reflect), exact=False),
    Operator("refract", 3, refraction, _wide(library.refract), exact=False),
]

OPERATORS: dict[str, Operator] = {row.name: row for row in _ROWS}
"""Every operator by name."""


def _by_name(name: str) -> Operator:
    return OPERATORS[name]

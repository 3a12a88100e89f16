"""The table of elementwise operators: name, dtype rule and meaning as an IR expression of its operands."""

from __future__ import annotations

from dataclasses import dataclass

from metal_runtime.ir.nodes import Function
from metal_runtime.ops import expressions, rules
from metal_runtime.ops.expressions import Builder, ir


@dataclass(frozen=True, eq=False, slots=True)
class Definition:
    """A row: what ``ops.<name>`` computes. Operand k reaches ``build`` in the dtype that ``rule`` says.

    ``functions`` are what the expression calls, besides those of ops/expressions.py.
    """

    name: str
    arity: int
    rule: rules.Rule
    build: Builder
    summary: str
    functions: tuple[Function, ...] = ()


def _row(name: str, arity: int, rule: rules.Rule, build: Builder, summary: str) -> Definition:
    return Definition(name, arity, rule, build, summary)


_MATH_SUMMARIES = {
    "exp": "e to the power a",
    "exp2": "2 to the power a",
    "exp10": "10 to the power a",
    "expm1": "exp(a) - 1, exact near 0",
    "log": "the natural logarithm",
    "log2": "the logarithm to base 2",
    "log10": "the logarithm to base 10",
    "log1p": "log(1 + a), exact near 0",
    "sqrt": "the square root",
    "rsqrt": "1 / sqrt(a)",
    "cbrt": "the cube root",
    "sin": "the sine of radians",
    "cos": "the cosine of radians",
    "tan": "the tangent of radians",
    "asin": "the inverse sine, -pi/2 to pi/2",
    "acos": "the inverse cosine, 0 to pi",
    "atan": "the inverse tangent, -pi/2 to pi/2",
    "sinh": "the hyperbolic sine",
    "cosh": "the hyperbolic cosine",
    "tanh": "the hyperbolic tangent",
    "asinh": "the inverse hyperbolic sine",
    "acosh": "the inverse hyperbolic cosine",
    "atanh": "the inverse hyperbolic tangent",
    "erf": "the error function",
    "erfc": "1 - erf(a), exact where erf is near 1",
}

_ROWS: list[Definition] = [
    # arithmetic
    _row("add", 2, rules.numbers, ir("add"), "a + b; integers wrap"),
    _row("sub", 2, rules.numbers, ir("sub"), "a - b; integers wrap"),
    _row("mul", 2, rules.numbers, ir("mul"), "a * b; integers wrap"),
    _row("div", 2, rules.floats, ir("div"), "a / b; integers are divided as float32"),
    _row("floordiv", 2, rules.numbers, expressions.floor_divide, "floor(a / b); an integer over 0 is a KernelFault"),
    _row("mod", 2, rules.numbers, expressions.modulo, "a - floordiv(a, b) * b: the sign of b; an integer over 0 is a KernelFault"),
    _row("pow", 2, rules.numbers, expressions.power, "a to the power b; integers wrap, and a negative exponent truncates toward 0"),
    _row("square", 1, rules.numbers, expressions.square, "a * a"),
    _row("neg", 1, rules.numbers, expressions.negative, "-a; unsigned integers wrap"),
    _row("abs", 1, rules.numbers, ir("abs"), "the absolute value; the least integer stays as it is"),
    _row("sign", 1, rules.numbers, expressions.sign, "-1, 0 or 1; of a NaN 0"),
    _row("min", 2, rules.anything, expressions.least, "MSL's min: of a NaN and a number, the number"),
    _row("max", 2, rules.anything, expressions.greatest, "MSL's max: of a NaN and a number, the number"),
    _row("minimum", 2, rules.anything, expressions.minimum, "NumPy's minimum: NaN if either is NaN"),
    _row("maximum", 2, rules.anything, expressions.maximum, "NumPy's maximum: NaN if either is NaN"),
    _row("clamp", 3, rules.numbers, expressions.clamp, "minimum(maximum(x, low), high); a NaN stays NaN"),
    _row("fma", 3, rules.only_floats, ir("fma"), "a * b + c, rounded once"),
    _row("hypot", 2, rules.wide_floats, ir("hypot"), "sqrt(a*a + b*b)"),
    _row("fmod", 2, rules.floats, ir("fmod"), "the rest of truncating division: the sign of a"),
    _row("reciprocal", 1, rules.floats, expressions.reciprocal, "1 / a; integers are divided as float32"),
    _row("logaddexp", 2, rules.wide_floats, expressions.logaddexp, "log(exp(a) + exp(b)), without overflow"),
    _row("nextafter", 2, rules.with_neighbours, ir("nextafter"), "the next number after a towards b"),
    _row("copysign", 2, rules.floats, ir("copysign"), "the magnitude of a with the sign of b"),
    # activations
    _row("relu", 1, rules.numbers, expressions.relu, "max(a, 0); a NaN stays NaN"),
    _row("sigmoid", 1, rules.wide_floats, expressions.sigmoid, "1 / (1 + exp(-a)), exact in both tails"),
    _row("silu", 1, rules.wide_floats, expressions.silu, "a * sigmoid(a)"),
    _row("gelu", 1, rules.wide_floats, expressions.gelu, "a/2 * (1 + erf(a / sqrt(2))), exact in the negative tail"),
    _row("softplus", 1, rules.wide_floats, expressions.softplus, "log(1 + exp(a)), without overflow"),
    # the math library
    *(_row(name, 1, rules.floats, ir(name), summary) for name, summary in _MATH_SUMMARIES.items()),
    _row("atan2", 2, rules.floats, ir("atan2"), "the angle of the point (b, a), -pi to pi"),
    # rounding: integers are round already
    _row("floor", 1, rules.numbers, expressions.rounding("floor"), "rounded down; integers are copied"),
    _row("ceil", 1, rules.numbers, expressions.rounding("ceil"), "rounded up; integers are copied"),
    _row("round", 1, rules.numbers, expressions.rounding("rint"), "rounded to nearest, halves to even; integers are copied"),
    _row("trunc", 1, rules.numbers, expressions.rounding("trunc"), "rounded toward 0; integers are copied"),
    # comparisons
    _row("eq", 2, rules.comparison, ir("eq"), "a == b"),
    _row("ne", 2, rules.comparison, ir("ne"), "a != b"),
    _row("lt", 2, rules.comparison, expressions.ordering("lt"), "a < b"),
    _row("le", 2, rules.comparison, expressions.ordering("le"), "a <= b"),
    _row("gt", 2, rules.comparison, expressions.ordering("gt"), "a > b"),
    _row("ge", 2, rules.comparison, expressions.ordering("ge"), "a >= b"),
    _row("isnan", 1, rules.float_test, ir("isnan"), "whether a is NaN"),
    _row("isinf", 1, rules.float_test, ir("isinf"), "whether a is an infinity"),
    _row("isfinite", 1, rules.float_test, ir("isfinite"), "whether a is neither NaN nor an infinity"),
    _row("signbit", 1, rules.float_test, ir("signbit"), "whether the sign of a is minus: of -0 and of a NaN too"),
    # logic, of `x != 0`
    _row("logical_and", 2, rules.truth, ir("bit_and"), "whether both are nonzero"),
    _row("logical_or", 2, rules.truth, ir("bit_or"), "whether either is nonzero"),
    _row("logical_xor", 2, rules.truth, ir("bit_xor"), "whether exactly one is nonzero"),
    _row("logical_not", 1, rules.truth, ir("logical_not"), "whether a is zero"),
    # bits
    _row("bitwise_and", 2, rules.bits, ir("bit_and"), "a & b"),
    _row("bitwise_or", 2, rules.bits, ir("bit_or"), "a | b"),
    _row("bitwise_xor", 2, rules.bits, ir("bit_xor"), "a ^ b"),
    _row("bitwise_not", 1, rules.bits, expressions.invert, "~a; of a bool, its opposite"),
    _row("left_shift", 2, rules.integers, ir("shl"), "a << b; b is taken modulo the width of a"),
    _row("right_shift", 2, rules.integers, ir("shr"), "a >> b, keeping the sign; b is taken modulo the width of a"),
    # choice
    _row("where", 3, rules.choice, expressions.where, "x where the condition is nonzero, else y"),
    _row(
        "cast",
        1,
        rules.anything,
        expressions.unchanged,
        "a in another dtype: floats truncate toward 0, and to the nearest value of a narrower integer",
    ),
]  # fmt: skip

DEFINITIONS: dict[str, Definition] = {row.name: row for row in _ROWS}
"""Every elementwise operator by name."""

"""Functions that MSL lacks: the names of those that a program uses in, their MSL text out.

The polynomials were fitted to be minimal in the largest relative error (iteratively reweighted least
squares against 50-digit values); the errors named are the largest measured for float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Helper:
    """A function on scalars; on vectors it works component by component."""

    text: str
    arity: int
    integer: bool = False
    """True for a template over the integer types; others take float."""

    calls: tuple[str, ...] = ()


HELPERS: dict[str, Helper] = {
    "floor_div": Helper(
        """\
// Python's a // b: rounds down, where MSL's a / b rounds toward zero.
template <typename T>
inline T floor_div(T a, T b)
{
    T quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
""",
        arity=2,
        integer=True,
    ),
    "floor_mod": Helper(
        """\
// Python's a % b: has the sign of b, where MSL's a % b has the sign of a.
template <typename T>
inline T floor_mod(T a, T b)
{
    T rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
""",
        arity=2,
        integer=True,
    ),
    "floor_fmod": Helper(
        """\
// Python's a % b: has the sign of b, a zero too, where fmod(a, b) has the sign of a.
inline float floor_fmod(float a, float b)
{
    float rest = fmod(a, b);
    float moved = (rest < 0.0f) != (b < 0.0f) ? rest + b : rest;
    return rest == 0.0f ? copysign(0.0f, b) : moved;
}
""",
        arity=2,
    ),
    "int_pow": Helper(
        """\
// base to an integer power, by repeated squaring. A negative power is 1, -1 or 0.
template <typename T>
inline T int_pow(T base, T exponent)
{
    if (exponent < 0) {
        return base == 1 ? 1 : base == T(-1) ? ((exponent & 1) != 0 ? -1 : 1) : 0;
    }
    T result = 1;
    while (exponent > 0) {
        if ((exponent & 1) != 0) {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    return result;
}
""",
        arity=2,
        integer=True,
    ),
    "sign_of": Helper(
        """\
// -1, 0 or 1: MSL's sign() is for floats.
template <typename T>
inline T sign_of(T x)
{
    return (x > 0) - (x < 0);
}
""",
        arity=1,
        integer=True,
    ),
    "expm1": Helper(
        """\
// exp(x) - 1, exact near 0 too (2 ulp).
inline float expm1(float x)
{
    if (x == 0.0f) {
        return x;
    }
    if (!(abs(x) < 0.5f)) {
        return exp(x) - 1.0f;
    }
    float p = 2.4957046e-05f;
    p = fma(p, x, 0.00019962185f);
    p = fma(p, x, 0.0013888608f);
    p = fma(p, x, 0.008333182f);
    p = fma(p, x, 0.041666668f);
    p = fma(p, x, 0.16666667f);
    p = fma(p, x, 0.5f);
    return fma(p * x, x, x);
}
""",
        arity=1,
    ),
    "log1p": Helper(
        """\
// log(1 + x), exact near 0 too (2 ulp): 2 atanh(x / (2 + x)) there.
inline float log1p(float x)
{
    if (!(x > -0.4f && x < 0.66f)) {
        return log(1.0f + x);
    }
    float s = x / (2.0f + x);
    float z = s * s;
    float p = 0.24680491f;
    p = fma(p, z, 0.28472713f);
    p = fma(p, z, 0.40001255f);
    p = fma(p, z, 0.6666666f);
    return fma(-s, fma(-z, p, x), x);
}
""",
        arity=1,
    ),
    "cbrt": Helper(
        """\
// The cube root (1 ulp): a first value from log2, then one step of Newton's method.
inline float cbrt(float x)
{
    float a = abs(x);
    if (!(a > 0.0f) || isinf(a)) {
        return x;
    }
    float root = exp2(log2(a) / 3.0f);
    return copysign(fma(a / (root * root) - root, 1.0f / 3.0f, root), x);
}
""",
        arity=1,
    ),
    "hypot": Helper(
        """\
// sqrt(x * x + y * y) without overflow (2 ulp).
inline float hypot(float x, float y)
{
    if (isinf(x) || isinf(y)) {
        return INFINITY;
    }
    x = abs(x);
    y = abs(y);
    float large = x > y ? x : y;
    float small = x > y ? y : x;
    if (large == 0.0f) {
        return small;
    }
    float ratio = small / large;
    return large * sqrt(fma(ratio, ratio, 1.0f));
}
""",
        arity=2,
    ),
    "erf": Helper(
        """\
// The error function (2 ulp): an odd polynomial up to 1, then 1 - exp(-polynomial).
inline float erf(float x)
{
    float a = abs(x);
    if (a < 1.0f) {
        float z = x * x;
        float p = 7.889119e-05f;
        p = fma(p, z, -0.0008020841f);
        p = fma(p, z, 0.005189535f);
        p = fma(p, z, -0.026854444f);
        p = fma(p, z, 0.112836f);
        p = fma(p, z, -0.37612626f);
        p = fma(p, z, 0.12837917f);
        return fma(p, x, x);
    }
    a = a > 4.0f ? 4.0f : a;
    float p = -0.0001855749f;
    p = fma(p, a, 0.0029396159f);
    p = fma(p, a, -0.021805352f);
    p = fma(p, a, 0.10303744f);
    p = fma(p, a, 0.6382256f);
    p = fma(p, a, 1.12704f);
    p = fma(p, a, 0.00035370892f);
    return copysign(1.0f - exp(-p), x);
}
""",
        arity=1,
    ),
    "erfc": Helper(
        """\
// 1 - erf(x) (4 ulp; less exact where the result is subnormal): exp(-x * x) times a quotient.
inline float erfc(float x)
{
    float a = abs(x);
    if (a < 0.5f) {
        return 1.0f - erf(x);
    }
    if (a > 10.06f) {
        return x > 0.0f ? 0.0f : 2.0f;
    }
    float q = (a - 2.0f) / (a + 2.0f);
    float p = 0.00023131122f;
    p = fma(p, q, -0.00032075212f);
    p = fma(p, q, -0.0014824728f);
    p = fma(p, q, 0.0012232049f);
    p = fma(p, q, 0.008731001f);
    p = fma(p, q, -0.0080261277f);
    p = fma(p, q, -0.054221064f);
    p = fma(p, q, 0.16405074f);
    p = fma(p, q, -0.16603035f);
    p = fma(p, q, -0.09276382f);
    p = fma(p, q, 1.2769784f);
    p /= fma(2.0f, a, 1.0f);
    float square = a * a;
    float rest = fma(a, a, -square);
    float bell = exp(-square);
    float result = fma(-rest * bell, p, bell * p);
    return x > 0.0f ? result : 2.0f - result;
}
""",
        arity=1,
        calls=("erf",),
    ),
    "compare_exchange": Helper(
        """\
// Stores desired if the bits of expected stand there; gives what stood there. Metal's own function
// may fail without a cause, so that one tries again.
template <typename Object, typename T>
inline T compare_exchange(Object object, T expected, T desired)
{
    T found = expected;
    while (!atomic_compare_exchange_weak_explicit(
        object, &found, desired, memory_order_relaxed, memory_order_relaxed)) {
        if (as_type<uint>(found) != as_type<uint>(expected)) {
            break;
        }
    }
    return found;
}
""",
        arity=3,
    ),
}
"""By name. All are correct for NaN, infinities and both zeros."""


def helper_texts(used: Iterable[tuple[str, bool]]) -> list[str]:
    """The texts, each before those that call it. ``used`` holds names and whether vectors are passed."""
    wanted = set(used)
    scalar = {name for name, _ in wanted}
    scalar.update(callee for name in list(scalar) for callee in HELPERS[name].calls)
    texts = []
    for name, helper in HELPERS.items():
        if name in scalar:
            texts.append(helper.text)
        if (name, True) in wanted:
            texts.append(_on_vectors(name, helper))
    return texts


def _on_vectors(name: str, helper: Helper) -> str:
    """The overload for vectors."""
    element = "T" if helper.integer else "float"
    head = "template <typename T, int N>" if helper.integer else "template <int N>"
    names = ("a", "b") if helper.arity == 2 else ("x",)
    params = ", ".join(f"vec<{element}, N> {n}" for n in names)
    args = ", ".join(f"{n}[k]" for n in names)
    return f"""\
{head}
inline vec<{element}, N> {name}({params})
{{
    vec<{element}, N> result;
    for (int k = 0; k < N; k++) {{
        result[k] = {name}({args});
    }}
    return result;
}}
"""

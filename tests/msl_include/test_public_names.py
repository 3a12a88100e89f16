"""Every public name of the headers stands in a program that a test runs, or here with a reason why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import metal_runtime
from tests.msl_include.public_names import public_macros, public_names
from tests.msl_rules.checks import check

ROOT = Path(__file__).parents[2]
TABLES = (
    "benchmarks/math_accuracy.py", "tests/engine/test_msl_simd.py", "tests/engine/test_msl_language.py",
    "tests/runtime/test_library.py", *(f"tests/msl_include/test_{n}.py" for n in
    ("float_math", "half_math", "integer", "pack", "vectors", "library", "public_names")),
)  # fmt: skip

# Names that a test makes from parts.
MADE = {
    r"(packed_)?(bool|u?char|u?short|u?int|u?long|half|bfloat|float)[234]": "test_vectors.test_layout",
    r"(float|half)[234]x[234]": "test_vectors.test_layout, test_library.test_matrices",
    r"(un)?pack_\w+": "test_pack",
    r"simdgroup_(float|half|bfloat)8x8": "test_msl_simd.test_simdgroup_matrix",
    r"atomic_(fetch_\w+_explicit|int|uint|float)": "test_msl_simd.test_atomics",
    r"(simd|quad)_\w+": "test_msl_simd.test_simd_and_quad_functions, test_votes",
    r"(FLT|HALF)_\w+": "test_vectors.test_numeric_limits: the same numbers as numeric_limits",
}

REASONS = {
    "mem_object_data": "of mesh shaders", "mem_texture": "of textures",
    "mem_threadgroup_imageblock": "of tile shaders",
    "thread_scope_thread": "an argument without effect", "thread_scope_simdgroup": "an argument without effect",
    "thread_scope_threadgroup": "an argument without effect",
    "make_diagonal_simdgroup_matrix": "the constructor of the same meaning is tested",
    "mem_none": "an argument without effect",
    "memory_order": "by way of its values",
    "thread_scope": "by way of its values",
    "_atomic": "by way of atomic_int and its kin",
    "METAL_FUNC": "an attribute", "initializer_list": "the compiler's", "matrix": "by way of float2x2 and its kin",
    "packed_vec": "by way of packed_float3 and its kin", "round_indeterminate": "no type rounds so",
    "round_toward_infinity": "no type rounds so", "round_toward_neg_infinity": "no type rounds so",
    "denorm_indeterminate": "no type is so", "os_log_type": "by way of its values",
}  # fmt: skip

# Traits and constants -> their values. Each is computed in a kernel.
TRUE = """
is_void<void>::value && is_void_v<void>; is_null_pointer<decltype(nullptr)>::value && !is_null_pointer_v<int>
is_integral<int>::value && !is_integral_v<float>; is_floating_point<half>::value && is_floating_point_v<bfloat>
is_arithmetic<half>::value && !is_arithmetic_v<float2>; is_scalar<bfloat>::value && !is_scalar_v<float2>
is_signed<half>::value && !is_signed_v<uint>; is_unsigned<uchar>::value && !is_unsigned_v<int>
is_array<int[3]>::value && !is_array_v<int>; is_enum<E>::value && !is_enum_v<int>; is_union<U>::value && !is_union_v<S>
is_class<S>::value && !is_class_v<U>; is_function<int(int)>::value && !is_function_v<int>
is_pointer<thread int*>::value && !is_pointer_v<int>; is_reference<thread int&>::value && !is_reference_v<int>
is_lvalue_reference<thread int&>::value && !is_lvalue_reference_v<int>
is_rvalue_reference<thread int&&>::value && !is_rvalue_reference_v<thread int&>
is_const<const int>::value && !is_const_v<int>; is_volatile<volatile int>::value && !is_volatile_v<int>
is_trivial<S>::value && is_trivial_v<float4>; is_trivially_copyable<float4>::value && is_trivially_copyable_v<S>
is_standard_layout<S>::value && is_standard_layout_v<S>; is_default_constructible<S>::value && is_default_constructible_v<S>
is_copy_constructible<S>::value && is_copy_constructible_v<S>; is_move_constructible<S>::value && is_move_constructible_v<S>
is_copy_assignable<S>::value && is_copy_assignable_v<S>; is_move_assignable<S>::value && is_move_assignable_v<S>
is_trivially_constructible<S>::value && is_trivially_constructible_v<S>
is_trivially_default_constructible<S>::value && is_trivially_default_constructible_v<S>
is_trivially_copy_constructible<S>::value && is_trivially_copy_constructible_v<S>
is_trivially_move_constructible<S>::value && is_trivially_move_constructible_v<S>
is_trivially_assignable<thread S&, S>::value && is_trivially_assignable_v<thread S&, S>
is_trivially_copy_assignable<S>::value && is_trivially_copy_assignable_v<S>
is_trivially_move_assignable<S>::value && is_trivially_move_assignable_v<S>
is_trivially_destructible<S>::value && is_trivially_destructible_v<S>; is_destructible<S>::value && is_destructible_v<S>
is_object<S>::value && !is_object_v<void>; is_fundamental<half>::value && !is_fundamental_v<S>
is_compound<S>::value && !is_compound_v<half>; is_member_pointer<int S::*>::value && !is_member_pointer_v<int>
is_member_object_pointer<int S::*>::value && !is_member_object_pointer_v<int>
!is_member_function_pointer<int S::*>::value && !is_member_function_pointer_v<int>; is_pod<S>::value && is_pod_v<S>
is_literal_type<S>::value && is_literal_type_v<S>; !is_polymorphic<S>::value && !is_polymorphic_v<S>
!is_abstract<S>::value && !is_abstract_v<S>; !is_final<S>::value && is_final_v<F>
is_same<int, int32_t>::value && !is_same_v<int, uint>; is_base_of<S, F>::value && !is_base_of_v<F, S>
is_convertible<int, float>::value && !is_convertible_v<S, int>; is_assignable<thread int&, int>::value && !is_assignable_v<int, int>
is_constructible<float2, float, float>::value && !is_constructible_v<S, float4>
is_same_v<remove_const<const int>::type, int> && is_same_v<remove_const_t<const int>, int>
is_same_v<remove_volatile<volatile int>::type, int> && is_same_v<remove_volatile_t<volatile int>, int>
is_same_v<remove_cv<const volatile int>::type, int> && is_same_v<remove_cv_t<const int>, int>
is_same_v<remove_reference<thread int&>::type, int> && is_same_v<remove_reference_t<thread int&>, int>
is_same_v<remove_pointer<thread int*>::type, int> && is_same_v<remove_pointer_t<thread int*>, int>
is_same_v<remove_extent<int[3]>::type, int> && is_same_v<remove_extent_t<int[3][4]>, int[4]>
is_same_v<remove_all_extents<int[3][4]>::type, int> && is_same_v<remove_all_extents_t<int[3]>, int>
is_same_v<add_const<int>::type, const int> && is_same_v<add_const_t<int>, const int>
is_same_v<add_volatile<int>::type, volatile int> && is_same_v<add_volatile_t<int>, volatile int>
is_same_v<add_cv<int>::type, const volatile int> && is_same_v<add_cv_t<int>, const volatile int>
is_pointer_v<add_pointer<int>::type> && is_pointer_v<add_pointer_t<int>>
is_lvalue_reference_v<add_lvalue_reference<int>::type> && is_lvalue_reference_v<add_lvalue_reference_t<int>>
is_rvalue_reference_v<add_rvalue_reference<int>::type> && is_rvalue_reference_v<add_rvalue_reference_t<int>>
is_same_v<decay<const int>::type, int> && is_same_v<decay_t<const int>, int>
is_same_v<remove_addrspace<int>::type, int> && is_same_v<remove_addrspace_t<int>, int>
is_same_v<underlying_type<E>::type, ushort> && is_same_v<underlying_type_t<E>, ushort>
is_same_v<make_signed<uint2>::type, int2> && is_same_v<make_signed_t<ulong>, long>
is_same_v<make_unsigned<char4>::type, uchar4> && is_same_v<make_unsigned_t<short>, ushort>
conjunction<true_type, true_type>::value && !conjunction_v<true_type, false_type>
disjunction<false_type, true_type>::value && !disjunction_v<false_type> && _disjunction<true_type>::value
negation<false_type>::value && !negation_v<true_type>; bool_constant<true>::value && integral_constant<int, 3>::value == 3
is_same_v<enable_if<true, int>::type, int> && is_same_v<enable_if_t<true, int>, int>
is_same_v<conditional<true, int, float>::type, int> && is_same_v<conditional_t<false, int, float>, float>
alignment_of<float4>::value == 16 && alignment_of_v<float3> == 16
is_same_v<common_type<int, float>::type, float> && is_same_v<common_type_t<half, int>, half>
is_same_v<result_of<decltype(&S::half_of)(float)>::type, float> && is_same_v<result_of_t<decltype(&S::half_of)(float)>, float>
is_same_v<make_scalar<float3>::type, float> && is_same_v<make_scalar_t<int2>, int>
is_same_v<make_vector<float, 3>::type, float3> && is_same_v<make_vector_t<int, 2>, int2>
is_vector<float2>::value && !is_vector_v<float>; vec_elements<float3>::value == 3 && vec_elements_v<half> == 1
_fp_encoding_traits<float>::sign_mask == 0x80000000u && _fp_encoding_traits<half>::inf_mask == 0x7c00
is_same_v<_fp_encoding_traits<bfloat>::encoding_type, ushort>
__is_valid_simdgroup_type<uint2>::value && !__is_valid_simdgroup_type<long>::value && !__is_valid_simdgroup_type<bfloat>::value
numeric_limits<Index>::max().i == 7 && numeric_limits<const Index>::digits == 3 && numeric_limits<Index>::is_signed
numeric_limits<float>::has_denorm == denorm_present && numeric_limits<int>::has_denorm == denorm_absent
numeric_limits<float>::round_style == round_to_nearest && numeric_limits<int>::round_style == round_toward_zero
is_same_v<decltype(numeric_limits<int>::round_style), const float_round_style>
is_same_v<decltype(numeric_limits<int>::has_denorm), const float_denorm_style>
sizeof(int8_t) == 1 && sizeof(uint8_t) == 1 && sizeof(int16_t) == 2 && sizeof(uint16_t) == 2; sizeof(uint32_t) == 4
sizeof(int64_t) == 8 && sizeof(uint64_t) == 8 && sizeof(size_t) == 8 && sizeof(ptrdiff_t) == 8
sizeof(intptr_t) == 8 && sizeof(uintptr_t) == 8; is_same_v<vec<uchar, 2>, uchar2> && is_same_v<uint, unsigned int>
is_same_v<ulong, uint64_t> && is_same_v<ushort, uint16_t> && is_same_v<half, _atomic_half>
CHAR_BIT == 8 && CHAR_MAX == 127 && CHAR_MIN == -128 && SCHAR_MAX == 127 && SCHAR_MIN == -128 && UCHAR_MAX == 255
SHRT_MAX == 32767 && SHRT_MIN == -32768 && USHRT_MAX == 65535; INT_MAX == 0x7fffffff && INT_MIN == -INT_MAX - 1
UINT_MAX == 0xffffffffu && ULONG_MAX == ~0ul; LONG_MAX == 0x7fffffffffffffffl && LONG_MIN == -LONG_MAX - 1l
isinf(INFINITY) && isnan(NAN) && isinf(HUGE_VALF) && isinf(HUGE_VALH) && isinf(HUGE_VALBF)
MAXFLOAT == numeric_limits<float>::max() && MAXHALF == numeric_limits<half>::max() && MAXBFLOAT == numeric_limits<bfloat>::max()
ilogb(0.0f) == FP_ILOGB0 && ilogb(NAN) == FP_ILOGBNAN; defined_macros
float(uniform<int>(3) + make_uniform(4)) == 7.0f
"""  # fmt: skip
STATEMENTS = [line.strip() for line in TRUE.replace("\n", ";").split(";") if line.strip()]

CONSTANTS = {
    "M_E": 2.718281828459045, "M_LOG2E": 1.4426950408889634, "M_LOG10E": 0.4342944819032518,
    "M_LN2": 0.6931471805599453, "M_LN10": 2.302585092994046, "M_PI": 3.141592653589793,
    "M_PI_2": 1.5707963267948966, "M_PI_4": 0.7853981633974483, "M_1_PI": 0.3183098861837907,
    "M_2_PI": 0.6366197723675814, "M_2_SQRTPI": 1.1283791670955126, "M_SQRT2": 1.4142135623730951,
    "M_SQRT1_2": 0.7071067811865476,
}  # fmt: skip

PRELUDE = """#include <metal_stdlib>
using namespace metal;
struct S { int a; static float half_of(float x) { return x / 2; } };
struct F final : S {};
union U { int a; float b; };
enum E : ushort { one };
typedef half _atomic_half;
struct Index { int i; };
template <> struct metal::_numeric_limits_impl<Index> : _fp_numeric_limits_impl_base {
  static constexpr constant int digits = 3;
  static constexpr Index max() { return Index{7}; }
};
#if defined(__HAVE_BFLOAT__) && defined(__HAVE_SIMDGROUP_MATRIX__) && __METAL_VERSION__ >= 310
constant bool defined_macros = true;
#else
constant bool defined_macros = false;
#endif
"""


def test_traits_limits_and_constants_in_a_kernel() -> None:
    lines = [f"out[{i}] = {s};" for i, s in enumerate(STATEMENTS)]
    suffixes = {"F": "float", "H": "half", "BF": "bfloat"}
    values = [
        f"v[{i}] = float({name}_{s});"
        for i, (name, s) in enumerate((n, s) for n in CONSTANTS for s in suffixes)
    ]
    types = [f"out[{len(lines) + i}] = is_same_v<decltype({n}_{s}), {t}>;"
             for i, (n, s, t) in enumerate((n, s, t) for n in CONSTANTS for s, t in suffixes.items())]  # fmt: skip
    body = "\n  ".join([*lines, *types, *values])
    library = metal_runtime.compile(
        f"{PRELUDE}kernel void all_true(device bool* out [[buffer(0)]], device float* v [[buffer(1)]]) {{\n  {body}\n}}"
    )
    out, numbers = np.zeros(len(lines) + len(types), bool), np.zeros(len(values), np.float32)
    library.all_true(out, numbers, threads=(1,))
    assert not [s for s, true in zip([*STATEMENTS, *types], out, strict=True) if not true]
    for got, (name, suffix) in zip(
        numbers, ((n, s) for n in CONSTANTS for s in suffixes), strict=True
    ):
        digits = {"F": 24, "H": 11, "BF": 8}[suffix]
        assert abs(got / CONSTANTS[name] - 1) <= 2.0**-digits, (name, suffix)


@pytest.mark.parametrize(
    "call", ["simd_sum(1l)", "simd_shuffle(true, 0)", "simd_and(1.0f)", "quad_max(1ul)"]
)
def test_what_simdgroup_functions_do_not_take(call: str) -> None:
    text = f"{PRELUDE}kernel void k(device int* a [[buffer(0)]]) {{ a[0] = {call}; }}"
    (finding,) = check(text).findings
    assert "no matching function" in finding.message


def test_messages_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    library = metal_runtime.compile(f"""{PRELUDE}
constant os_log mine("subsystem", "category");
kernel void k(device int* a [[buffer(0)]]) {{
  os_log_default.log("value %d, %f, %s", a[0], 1.5h, "text");
  mine.log_debug("d"); mine.log_info("i %u %ld", 3u, 4l); mine.log_error("e"); mine.log_fault("f %x", 255);
  os_log_default.log_with_type(os_log_type_default, "t"); os_log_default.log_with_type(os_log_type_info, "t");
  os_log_default.log_with_type(os_log_type_debug, "t"); os_log_default.log_with_type(os_log_type_error, "t");
  os_log_default.log_with_type(os_log_type_fault, "t");
}}""")
    library.k(np.array([7], np.int32), threads=(1,))
    assert capfd.readouterr().err.splitlines() == [
        "log: value 7, 1.500000, text", "debug: d", "info: i 3 4", "error: e", "fault: f ff",
        "log: t", "info: t", "debug: t", "error: t", "fault: t",
    ]  # fmt: skip


def test_names_of_the_simd_header() -> None:
    library = metal_runtime.compile("""
#include <simd/simd.h>
struct Uniforms { matrix_float2x2 m; vector_float2 v; simd::float2 w; simd_uint2 n; };
kernel void k(device metal::float2* a [[buffer(0)]], constant Uniforms& u [[buffer(1)]]) {
  int simd_float4 = 1;  // a name of one's own
  a[0] = u.m * u.v + u.w + metal::float2(u.n) * simd_float4;
}""")
    rows = (
        np.array([1, 2, 3, 4, 5, 6, 7, 8], np.float32).tobytes()
        + np.array([9, 10], np.uint32).tobytes()
    )
    out = np.zeros(2, np.float32)
    library.k(out, rows, threads=(1,))
    np.testing.assert_array_equal(out, [1 * 5 + 3 * 6 + 7 + 9, 2 * 5 + 4 * 6 + 8 + 10])


def _words_of(path: Path) -> set[str]:
    """The words in the string constants of a module, docstrings left out."""
    tree = ast.parse(path.read_text())
    plain = {n.value for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    strings = [n.value for n in ast.walk(tree)
               if isinstance(n, ast.Constant) and isinstance(n.value, str) and n not in plain]  # fmt: skip
    return set(re.findall(r"\w+", " ".join(strings)))


def test_every_public_name_is_tested_or_excused() -> None:
    words = set().union(*(_words_of(ROOT / path) for path in TABLES)) - REASONS.keys()
    names = public_names() | public_macros()
    constants = {f"{n}_{s}" for n in CONSTANTS for s in ("F", "H", "BF")}
    made = {n for n in names if any(re.fullmatch(pattern, n) for pattern in MADE)}
    assert len(names) > 600
    assert sorted(names - words - constants - made - REASONS.keys()) == []
    assert sorted(REASONS.keys() - names) == []


def test_nothing_of_ours_is_seen_by_programs() -> None:
    assert not {
        n
        for n in public_names()
        if n.lower().startswith("iris") or n in ("bits", "is_float", "same")
    }

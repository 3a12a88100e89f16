// What the math functions are made of: exact operations on float and double and on their bits.
//
// All of it is free of branches, tables and calls, so that a loop over threads becomes vector code.
#pragma once
#include "base.h"

// The algorithms rely on IEEE arithmetic as written, also when the program is compiled for fast math.
#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

IRIS_FN float infinity() { return __builtin_inff(); }
IRIS_FN float nan() { return __builtin_nanf(""); }

// Both values are computed, then one is taken: a select, never a branch.
template <typename T>
IRIS_FN constexpr T pick(bool condition, T yes, T no) {
  return condition ? yes : no;
}

IRIS_FN float magnitude(float x) { return bits<float>(bits<uint>(x) & 0x7fffffffu); }
IRIS_FN double magnitude(double x) { return bits<double>(bits<ulong>(x) & 0x7ffffffffffffffful); }
IRIS_FN uint sign_bit(float x) { return bits<uint>(x) & 0x80000000u; }
IRIS_FN float with_sign(float x, uint sign) { return bits<float>(bits<uint>(x) ^ sign); }
// The builtin, because of LLVM 22's bug #157929: a select between x and the sign of x with the bits of
// another number, written as bit operations, becomes a masked VPTERNLOG with a wrong truth table.
IRIS_FN float copy_sign(float x, float from) { return __builtin_copysignf(x, from); }

// The compiler may compute a*b + c with one rounding only if the machine does; else through double,
// rounded to odd in between, so that the second rounding is right.
#if defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__) || defined(__NVPTX__)
IRIS_FN float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
IRIS_FN double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
#define IRIS_HAS_FMA 1
#else
#define IRIS_HAS_FMA 0
#endif

// a*b + c for an exact product a*b: rounded to the odd neighbour if it is not exact.
IRIS_FN double add_to_odd(double product, double c) {
  double sum = product + c;
  double back = sum - product;
  double error = (product - (sum - back)) + (c - back);
  long raw = bits<long>(sum);
  bool away = (error > 0) == (sum > 0);
  long odd = raw + pick(away, 1l, -1l);
  bool adjust = (magnitude(sum) < double(__builtin_inf())) & (error != 0) & ((raw & 1) == 0);
  return bits<double>(pick(adjust, odd, raw));
}

#if !IRIS_HAS_FMA
IRIS_FN float fused(float a, float b, float c) { return float(add_to_odd(double(a) * double(b), double(c))); }

// Dekker's product gives the rounding error of a*b; good enough for argument reduction.
IRIS_FN double fused(double a, double b, double c) {
  double a1 = bits<double>(bits<ulong>(a) & 0xfffffffff8000000ul), a2 = a - a1;
  double b1 = bits<double>(bits<ulong>(b) & 0xfffffffff8000000ul), b2 = b - b1;
  double product = a * b;
  double error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
  return (product + c) + error;
}
#endif

// Rounding to integral values. Without SSE4.1 the builtins would be calls.
#if defined(__x86_64__) && !defined(__SSE4_1__)
IRIS_FN float round_even(float x) {
  float a = magnitude(x);
  float r = (a + 0x1p23f) - 0x1p23f;
  return copy_sign(pick(a < 0x1p23f, r, a), x);
}
IRIS_FN float round_down(float x) {
  float r = round_even(x);
  return copy_sign(pick(r > x, r - 1.0f, r), x);
}
IRIS_FN float round_up(float x) {
  float r = round_even(x);
  return copy_sign(pick(r < x, r + 1.0f, r), x);
}
IRIS_FN float round_to_zero(float x) {
  float a = magnitude(x);
  float r = round_even(a);
  return copy_sign(pick(r > a, r - 1.0f, r), x);
}
IRIS_FN double round_even(double x) {
  double a = magnitude(x);
  double r = (a + 0x1p52) - 0x1p52;
  r = pick(a < 0x1p52, r, a);
  return pick(x < 0, -r, r);
}
IRIS_FN double round_to_zero(double x) {
  double a = magnitude(x);
  double r = (a + 0x1p52) - 0x1p52;
  r = pick(r > a, r - 1.0, r);
  r = pick(a < 0x1p52, r, a);
  return pick(x < 0, -r, r);
}
#else
IRIS_FN float round_even(float x) { return __builtin_rintf(x); }
IRIS_FN float round_down(float x) { return __builtin_floorf(x); }
IRIS_FN float round_up(float x) { return __builtin_ceilf(x); }
IRIS_FN float round_to_zero(float x) { return __builtin_truncf(x); }
IRIS_FN double round_even(double x) { return __builtin_rint(x); }
IRIS_FN double round_to_zero(double x) { return __builtin_trunc(x); }
#endif

IRIS_FN float root(float x) { return __builtin_sqrtf(x); }
IRIS_FN double root(double x) { return __builtin_sqrt(x); }

// p * 2^n for -250 < n < 250, rounded once (p is a normal number near 1). In two steps, so that
// neither power overflows; ldexp would be a call or a scalar instruction.
IRIS_FN float scale(float p, int n) {
  int half_way = n >> 1;
  float first = bits<float>(uint(half_way + 127) << 23);
  float second = bits<float>(uint(n - half_way + 127) << 23);
  return p * first * second;
}

// Adding it rounds to an integer, which then stands in the low bits of the sum.
constexpr float round_float = 0x1.8p23f;
constexpr double round_double = 0x1.8p52;

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

// Functions on the parts of a float: exact remainders, fractions, exponents and neighbours.
#pragma once
#include "float_core.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

// Half away from zero. The builtin becomes vector code only where there is a rounding instruction.
IRIS_FN float round_away(float x) {
  float truncated = round_to_zero(x);
  float rest = magnitude(x - truncated);  // exact; NaN for an infinity
  return pick(rest >= 0.5f, truncated + copy_sign(1.0f, x), truncated);
}

// x - floor(x), below 1 also when it is rounded to T; 0 of an infinity.
template <typename T = float>
IRIS_FN float fract(float x) {
  constexpr float below_one = __is_same(T, half) ? 0x1.ffcp-1f : __is_same(T, bfloat) ? 0x1.fep-1f : 0x1.fffffep-1f;
  float part = x - round_down(x);
  part = pick(part > below_one, below_one, part);
  return pick(magnitude(x) == infinity(), 0.0f, part);
}

IRIS_FN float modf(float x, float& integral) {
  integral = round_to_zero(x);
  float part = pick(magnitude(x) == infinity(), 0.0f, x - integral);
  return copy_sign(part, x);
}

// The exact remainder. A quotient of floats has up to 278 bits; each step in double takes 50 of them
// away, and every intermediate remainder is exact, though it may have either sign.
IRIS_FN float fmod(float x, float y) {
  double b = double(magnitude(y));
  double rest = double(magnitude(x));
  double inverse = 1.0 / b;
  #pragma clang loop unroll(full)
  for (int step = 0; step < 6; ++step) {
    double quotient = round_to_zero(rest * inverse);
    rest = fused(-quotient, b, rest);
  }
  rest = pick(rest < 0.0, rest + b, rest);
  rest = pick(rest >= b, rest - b, rest);
  float result = copy_sign(float(rest), x);
  result = pick(magnitude(y) == infinity(), x, result);
  bool none = !(magnitude(x) < infinity()) | (y == 0.0f) | (y != y);
  return pick(none, nan(), result);
}

IRIS_FN float frexp(float x, int& exponent) {
  bool subnormal = magnitude(x) < 0x1p-126f;
  uint raw = bits<uint>(pick(subnormal, x * 0x1p24f, x));
  int biased = int(raw >> 23 & 0xffu);
  bool plain = (x != 0.0f) & (magnitude(x) < infinity());
  exponent = pick(plain, biased - 126 - pick(subnormal, 24, 0), 0);
  return pick(plain, bits<float>((raw & 0x807fffffu) | 0x3f000000u), x);
}

// Through double, where x * 2^k is exact, so that a subnormal result is rounded once.
IRIS_FN float ldexp(float x, int k) {
  k = pick(k > 300, 300, k);
  k = pick(k < -300, -300, k);
  return float(double(x) * bits<double>(long(k + 1023) << 52));
}

// The exponent of x; least int of 0 and of NaN, largest of an infinity.
IRIS_FN int ilogb(float x) {
  float a = magnitude(x);
  bool subnormal = a < 0x1p-126f;
  int exponent = (bits<int>(pick(subnormal, a * 0x1p24f, a)) >> 23) - 127 - pick(subnormal, 24, 0);
  exponent = pick(a == infinity(), 0x7fffffff, exponent);
  return pick((a == 0.0f) | (x != x), -0x7fffffff - 1, exponent);
}

// The next value of a type of Bits bits after x towards y; works on the bit patterns.
template <typename U>
IRIS_FN U next_pattern(U x, U y) {
  constexpr U sign = U(U(1) << (bits_of<U> - 1));
  using S = signed_of<U>;
  S order_x = S(x & sign ? U(sign - x) : x);  // as integers that sort like the numbers
  S order_y = S(y & sign ? U(sign - y) : y);
  S next = S(order_x + pick(order_y > order_x, S(1), S(-1)));
  next = pick(order_x == order_y, order_x, next);
  U pattern = next < 0 ? U(sign - U(next)) : U(next);
  return pick(order_x == order_y, y, pick((next == 0) & (order_x < 0), sign, pattern));
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

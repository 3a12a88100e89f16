// log, log2, log10, pow, powr and the inverse hyperbolic functions.
//
// x = 2^n * m with m in [sqrt(1/2), sqrt(2)); ln(m) = f + f^2 h(f), f = m - 1, by a minimax
// polynomial: in float of degree 10 (relative error 2^-27.3), in double of degree 14 (2^-38.4).
#pragma once
#include "exponential.h"
#include "float_core.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

// log of a positive finite x = n * log(2) + f + tail, in parts for each base.
struct log_parts {
  float n, f, tail;
};

IRIS_FN log_parts split_log(float x) {
  bool subnormal = x < 0x1p-126f;
  int raw = bits<int>(pick(subnormal, x * 0x1p24f, x)) - 0x3f3504f3;
  float n = float((raw >> 23) - pick(subnormal, 24, 0));
  float f = bits<float>((raw & 0x7fffff) + 0x3f3504f3) - 1.0f;
  float q = fused(-0x1.38c974p-4f, f, 0x1.055eaep-3f);
  q = fused(q, f, -0x1.0d8246p-3f);
  q = fused(q, f, 0x1.22d93p-3f);
  q = fused(q, f, -0x1.54728ap-3f);
  q = fused(q, f, 0x1.99a01cp-3f);
  q = fused(q, f, -0x1.000226p-2f);
  q = fused(q, f, 0x1.555554p-2f);
  q = fused(q, f, -0.5f);
  return {n, f, f * f * q};
}

// The values at 0, infinity, NaN and below 0.
IRIS_FN float log_limits(float x, float inside) {
  float result = pick(x < infinity(), inside, x);
  result = pick(x == 0.0f, -infinity(), result);
  return pick(x < 0.0f, nan(), result);
}

IRIS_FN float log(float x) {
  log_parts p = split_log(x);
  return log_limits(x, fused(p.n, ln2_high, p.f + fused(p.n, ln2_low, p.tail)));
}

IRIS_FN float log2(float x) {
  log_parts p = split_log(x);
  float low = fused(p.f, 0x1.4ae0cp-26f, p.tail * log2_e);
  return log_limits(x, p.n + fused(p.f, log2_e, low));
}

IRIS_FN float log10(float x) {
  log_parts p = split_log(x);
  constexpr float high = 0x1.bcb7b2p-2f, low = -0x1.5b235ep-27f;       // 1/ln(10)
  constexpr float two_high = 0x1.344136p-2f, two_low = -0x1.ec10cp-27f;  // log10(2)
  float rest = fused(p.f, low, fused(p.tail, high, p.n * two_low));
  return log_limits(x, fused(p.n, two_high, fused(p.f, high, rest)));
}

// ln of a positive, finite, normal double.
IRIS_FN double log_double(double x) {
  long raw = bits<long>(x) - 0x3fe6a09e667f3bcdl;
  double n = bits<double>((raw >> 52) + bits<long>(round_double)) - round_double;
  double f = bits<double>((raw & 0xfffffffffffffl) + 0x3fe6a09e667f3bcdl) - 1.0;
  double q = fused(-0x1.8c92e38b30519p-5, f, 0x1.77c87ab969badp-4);
  q = fused(q, f, -0x1.7da65686bbedbp-4);
  q = fused(q, f, 0x1.71deac79290e8p-4);
  q = fused(q, f, -0x1.94b578616386bp-4);
  q = fused(q, f, 0x1.c6e488c05efb4p-4);
  q = fused(q, f, -0x1.0022a7e63766bp-3);
  q = fused(q, f, 0x1.2494e11121f35p-3);
  q = fused(q, f, -0x1.555468ed4842p-3);
  q = fused(q, f, 0x1.999988aa48066p-3);
  q = fused(q, f, -0x1.000001589cecap-2);
  q = fused(q, f, 0x1.555555651e5f1p-2);
  q = fused(q, f, -0x1.fffffffeee023p-2);
  return fused(n, 0x1.62e42fefa39efp-1, fused(q, f * f, f));
}

// |x|^y, with log2|x| in double: the exponent y * log2|x| must be exact to 2^-25 at sizes up to 2^7.
IRIS_FN float pow_magnitude(float x, float y) {
  float a = magnitude(x);
  double log2_a = log_double(double(a)) * 0x1.71547652b82fep+0;
  double limit = pick(a == 0.0f, double(-__builtin_inff()), double(a));
  log2_a = pick((a != 0.0f) & (a < infinity()), log2_a, limit);
  double e = double(y) * log2_a;
  e = pick(e > 160.0, 160.0, e);
  e = pick(e < -160.0, -160.0, e);
  double t = e + round_double;
  int n = int(bits<long>(t) - bits<long>(round_double));
  float f = float(e - (t - round_double));
  float q = fused(0x1.417a5cp-13f, f, 0x1.5f0946p-10f);
  q = fused(q, f, 0x1.3b2dd2p-7f);
  q = fused(q, f, 0x1.c6af7ap-5f);
  q = fused(q, f, 0x1.ebfbdcp-3f);
  q = fused(q, f, 0x1.62e43p-1f);
  float power = scale(fused(q, f, 1.0f), n);
  bool one = (y == 0.0f) | ((a == 1.0f) & (magnitude(y) == infinity()));
  return pick(one, 1.0f, power);
}

IRIS_FN float pow(float x, float y) {
  float power = pow_magnitude(x, y);
  float half_y = y * 0.5f;
  bool integral = round_even(y) == y;
  bool odd = integral & (round_even(half_y) != half_y);
  power = with_sign(power, pick(odd, sign_bit(x), 0u));
  power = pick((x < 0.0f) & (x > -infinity()) & !integral, nan(), power);
  return pick((x == 1.0f) | (y == 0.0f), 1.0f, power);
}

IRIS_FN float powr(float x, float y) { return pick(x < 0.0f, nan(), pow_magnitude(x, y)); }

// The inverse hyperbolic functions are logarithms; near 0 double has digits enough down to 2^-12.
IRIS_FN float asinh(float x) {
  float a = magnitude(x);
  double d = double(a);
  float large = float(log_double(d + root(fused(d, d, 1.0))));
  float small = fused(a * a, a * -0x1.555556p-3f, a);
  float result = pick(a < 0x1p-12f, small, large);
  return copy_sign(pick(a < infinity(), result, a), x);
}

IRIS_FN float acosh(float x) {
  double d = double(x);
  float result = float(log_double(d + root(fused(d, d, -1.0))));
  result = pick(x < infinity(), result, x);
  return pick(x < 1.0f, nan(), result);
}

IRIS_FN float atanh(float x) {
  float a = magnitude(x);
  double d = double(a);
  float large = float(0.5 * log_double((1.0 + d) / (1.0 - d)));
  float small = fused(a * a, a * 0x1.555556p-2f, a);
  float result = pick(a < 0x1p-12f, small, large);
  result = pick(a == 1.0f, infinity(), result);
  return copy_sign(pick(a <= 1.0f, result, nan()), x);
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

// exp, exp2, exp10 and the hyperbolic functions, in float.
//
// e^x = 2^n * e^r with |r| <= ln(2)/2; e^r is a minimax polynomial of degree 6, relative error 2^-28.
#pragma once
#include "float_core.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

constexpr float ln2_high = 0x1.62e43p-1f, ln2_low = -0x1.05c61p-29f;
constexpr float log2_e = 0x1.715476p+0f;

// e^r on [-ln(2)/2, ln(2)/2].
IRIS_FN float exp_polynomial(float r) {
  float q = fused(0x1.6a496p-10f, r, 0x1.1239ap-7f);
  q = fused(q, r, 0x1.5558b4p-5f);
  q = fused(q, r, 0x1.555492p-3f);
  q = fused(q, r, 0x1.fffffcp-2f);
  return 1.0f + fused(q, r * r, r);
}

// e^x * 2^shift. A NaN passes through; the limits are where the result is 0 or infinite anyway.
IRIS_FN float exp_scaled(float x, int shift) {
  x = pick(x > 90.0f, 90.0f, x);
  x = pick(x < -105.0f, -105.0f, x);
  float t = fused(x, log2_e, round_float);
  float n = t - round_float;
  float r = fused(n, -ln2_low, fused(n, -ln2_high, x));
  return scale(exp_polynomial(r), bits<int>(t) - bits<int>(round_float) + shift);
}

IRIS_FN float exp(float x) { return exp_scaled(x, 0); }

IRIS_FN float exp2(float x) {
  x = pick(x > 130.0f, 130.0f, x);
  x = pick(x < -152.0f, -152.0f, x);
  float t = x + round_float;
  float f = x - (t - round_float);
  float q = fused(0x1.417a5cp-13f, f, 0x1.5f0946p-10f);
  q = fused(q, f, 0x1.3b2dd2p-7f);
  q = fused(q, f, 0x1.c6af7ap-5f);
  q = fused(q, f, 0x1.ebfbdcp-3f);
  q = fused(q, f, 0x1.62e43p-1f);
  return scale(fused(q, f, 1.0f), bits<int>(t) - bits<int>(round_float));
}

IRIS_FN float exp10(float x) {
  x = pick(x > 39.0f, 39.0f, x);
  x = pick(x < -46.0f, -46.0f, x);
  float t = fused(x, 0x1.a934fp+1f, round_float);
  float n = t - round_float;
  float r = fused(n, 0x1.ec10cp-27f, fused(n, -0x1.344136p-2f, x));
  float q = fused(0x1.a63a9ep-3f, r, 0x1.156a46p-1f);
  q = fused(q, r, 0x1.2bda00p+0f);
  q = fused(q, r, 0x1.046f9cp+1f);
  q = fused(q, r, 0x1.53524ap+1f);
  q = fused(q, r, 0x1.26bb1cp+1f);
  return scale(fused(q, r, 1.0f), bits<int>(t) - bits<int>(round_float));
}

// tanh a = E/(E + 2) with E = e^2a - 1, which stays exact relative to its size for small a.
IRIS_FN float tanh(float x) {
  float a = magnitude(x);
  a = pick(a > 9.5f, 9.5f, a);
  a += a;
  float t = fused(a, log2_e, round_float);
  float n = t - round_float;
  float r = fused(n, -ln2_low, fused(n, -ln2_high, a));
  float q = fused(0x1.9e77eep-13f, r, 0x1.6d3a5ep-10f);
  q = fused(q, r, 0x1.1112d6p-7f);
  q = fused(q, r, 0x1.5554f8p-5f);
  q = fused(q, r, 0x1.555554p-3f);
  q = fused(q, r, 0.5f);
  float p = fused(q, r * r, r);
  float power = bits<float>((bits<uint>(t) << 23) + 0x3f800000u);
  float e = fused(power, p, power - 1.0f);
  return copy_sign(e / (e + 2.0f), x);
}

// With E = e^|x| / 2, which overflows only where the result does.
IRIS_FN float sinh(float x) {
  float a = magnitude(x);
  float e = exp_scaled(a, -1);
  float large = e - 0.25f / e;
  float z = a * a;
  float q = fused(0x1.756c1ep-19f, z, 0x1.a022bcp-13f);
  q = fused(q, z, 0x1.1110ep-7f);
  q = fused(q, z, 0x1.555556p-3f);
  float small = fused(a * z, q, a);
  return copy_sign(pick(a < 1.0f, small, large), x);
}

IRIS_FN float cosh(float x) {
  float e = exp_scaled(magnitude(x), -1);
  return e + 0.25f / e;
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

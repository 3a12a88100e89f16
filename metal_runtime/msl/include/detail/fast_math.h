// The cheaper float functions of `metal::fast` (MSL table 8.3): less range reduction, no subnormals.
#pragma once
#include "exponential.h"
#include "inverse_trigonometry.h"
#include "logarithm.h"
#include "trigonometry.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {
namespace quick {

// 2^n for the n in the low bits of t, without subnormal powers.
IRIS_FN float power_of(float t) { return bits<float>((bits<uint>(t) << 23) + 0x3f800000u); }

IRIS_FN float exp(float x) {
  float y = pick(x > 88.8f, 88.8f, x);
  y = pick(y < -87.3f, -87.3f, y);
  float t = fused(y, log2_e, round_float);
  float n = t - round_float;
  float r = fused(n, -ln2_low, fused(n, -ln2_high, y));
  float result = exp_polynomial(r) * power_of(t - 1.0f) * 2.0f;
  return pick(x < -87.3f, 0.0f, result);
}

IRIS_FN float exp2(float x) {
  float y = pick(x > 128.0f, 128.0f, x);
  y = pick(y < -126.0f, -126.0f, y);
  float t = y + round_float;
  float f = y - (t - round_float);
  float q = fused(0x1.417a5cp-13f, f, 0x1.5f0946p-10f);
  q = fused(q, f, 0x1.3b2dd2p-7f);
  q = fused(q, f, 0x1.c6af7ap-5f);
  q = fused(q, f, 0x1.ebfbdcp-3f);
  q = fused(q, f, 0x1.62e43p-1f);
  float result = fused(q, f, 1.0f) * power_of(t - 1.0f) * 2.0f;
  return pick(x < -126.0f, 0.0f, result);
}

IRIS_FN float exp10(float x) { return quick::exp2(x * 0x1.a934fp+1f); }

IRIS_FN float pow(float x, float y) {
  float power = quick::exp2(y * __impl::log2(magnitude(x)));
  float half_y = y * 0.5f;
  bool integral = round_even(y) == y;
  bool odd = integral & (round_even(half_y) != half_y);
  power = with_sign(power, pick(odd, sign_bit(x), 0u));
  power = pick((x < 0.0f) & !integral, nan(), power);
  return pick(y == 0.0f, 1.0f, power);
}
IRIS_FN float powr(float x, float y) { return quick::exp2(y * __impl::log2(x)); }

// Three-part reduction in float: good to |x| = 30000 or so.
IRIS_FN quarters reduce_angle(float x) {
  float t = fused(x, 0x1.45f306p-1f, round_float);
  float n = t - round_float;
  float r = fused(n, -0x1.921fb6p+0f, x);
  r = fused(n, 0x1.777a5cp-25f, r);
  return {bits<int>(t), r};
}
IRIS_FN float sin(float x) {
  quarters q = quick::reduce_angle(x);
  return sin_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest));
}
IRIS_FN float cos(float x) {
  quarters q = quick::reduce_angle(x);
  return cos_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest));
}
IRIS_FN float tan(float x) {
  quarters q = quick::reduce_angle(x);
  return tan_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest));
}
IRIS_FN float sincos(float x, float& cosine) {
  quarters q = quick::reduce_angle(x);
  float s = sin_polynomial(q.rest), c = cos_polynomial(q.rest);
  cosine = cos_of(q, s, c);
  return sin_of(q, s, c);
}

IRIS_FN float fmod(float x, float y) { return x - y * round_to_zero(x / y); }

}  // namespace quick
}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

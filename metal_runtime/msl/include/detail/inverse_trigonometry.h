// asin, acos, atan, atan2, in float.
#pragma once
#include "float_core.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

constexpr float half_pi_high = 0x1.921fb6p+0f, half_pi_low = -0x1.777a5cp-25f;

// atan on [-1, 1], relative error 2^-28.5.
IRIS_FN float atan_polynomial(float t) {
  float z = t * t;
  float q = fused(-0x1.d48f5ap-10f, z, 0x1.64bdacp-7f);
  q = fused(q, z, -0x1.fdf91ep-6f);
  q = fused(q, z, 0x1.da5dc6p-5f);
  q = fused(q, z, -0x1.581530p-4f);
  q = fused(q, z, 0x1.c08f5ep-4f);
  q = fused(q, z, -0x1.2420b6p-3f);
  q = fused(q, z, 0x1.9991e6p-3f);
  q = fused(q, z, -0x1.55553ep-2f);
  return fused(q, z * t, t);
}

IRIS_FN float atan(float x) {
  float a = magnitude(x);
  bool steep = a > 1.0f;
  float p = atan_polynomial(pick(steep, -1.0f, a) / pick(steep, a, 1.0f));
  float result = pick(steep, half_pi_high + (p + half_pi_low), p);
  return copy_sign(result, x);
}

IRIS_FN float atan2(float y, float x) {
  float a = magnitude(x), b = magnitude(y);
  bool steep = b > a;
  float low = pick(steep, a, b), high = pick(steep, b, a);
  float t = low / high;
  t = pick(high == 0.0f, 0.0f, t);
  t = pick(low == infinity(), 1.0f, t);
  float p = atan_polynomial(t);
  bool left = sign_bit(x) != 0;
  // 0 + p, pi/2 - p, pi/2 + p or pi - p
  float turned = pick(steep != left, -p, p);
  float base = pick(steep, half_pi_high, pick(left, 2.0f * half_pi_high, 0.0f));
  float rest = pick(steep, half_pi_low, pick(left, 2.0f * half_pi_low, 0.0f));
  float result = copy_sign(base + (turned + rest), y);
  return pick((x != x) | (y != y), x + y, result);
}

// asin s for s^2 = z <= 1/4, relative error 2^-27.6.
IRIS_FN float asin_polynomial(float s, float z) {
  float q = fused(0x1.596aaap-5f, z, 0x1.8c308ep-6f);
  q = fused(q, z, 0x1.747ccp-5f);
  q = fused(q, z, 0x1.3301fep-4f);
  q = fused(q, z, 0x1.5555c8p-3f);
  return fused(q, z * s, s);
}

// Above 1/2: asin a = pi/2 - 2 asin sqrt((1 - a)/2).
IRIS_FN float asin(float x) {
  float a = magnitude(x);
  bool steep = a > 0.5f;
  float z = pick(steep, fused(a, -0.5f, 0.5f), a * a);
  float p = asin_polynomial(pick(steep, root(z), a), z);
  float result = pick(steep, half_pi_high - fused(p, 2.0f, -half_pi_low), p);
  return copy_sign(result, x);
}

IRIS_FN float acos(float x) {
  float a = magnitude(x);
  bool steep = a > 0.5f;
  float z = pick(steep, fused(a, -0.5f, 0.5f), a * a);
  float p = asin_polynomial(pick(steep, root(z), a), z);
  bool left = sign_bit(x) != 0;
  // 2p or pi - 2p, pi/2 - p or pi/2 + p
  float term = with_sign(pick(steep, 2.0f * p, -p), sign_bit(x));
  float base = pick(steep, pick(left, 2.0f * half_pi_high, 0.0f), half_pi_high);
  float rest = pick(steep, pick(left, 2.0f * half_pi_low, 0.0f), half_pi_low);
  return base + (term + rest);
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

// sin, cos, tan and their relatives of pi*x, for every float.
#pragma once
#include "float_core.h"

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

// An angle as a number of quarter turns and the rest in [-pi/4, pi/4].
struct quarters {
  int count;
  float rest;
};

// a * 2/pi modulo 4 in double for every finite a >= 0. Above 2^56 a is an integer d times 2^32, 2^64 or
// 2^96, so 2/pi * 2^(32 j) may be replaced by its remainder modulo 4. It is kept in three parts, the
// first two short enough that their products with a float are exact; the error is below 2^-53.
IRIS_FN quarters reduce_angle(float a) {
  bool r1 = a >= 0x1p56f, r2 = a >= 0x1p88f, r3 = a >= 0x1p120f;
  float shrink = pick(r3, 0x1p-96f, pick(r2, 0x1p-64f, pick(r1, 0x1p-32f, 1.0f)));
  double high = pick(r3, 0x1.f534ddcp+0, pick(r2, 0x1.fc2757ep+0, pick(r1, -0x1.b1bbeaep+0, 0x1.45f306cp-1)));
  double mid = pick(r3, 0x1.b6c52cp-33, pick(r2, -0x1.c159644p-29, pick(r1, 0x1.3f84ebp-29, 0x1.c9c882ap-29)));
  double low = pick(r3, -0x1.9b0ef1bef806cp-58,
                    pick(r2, -0x1.f924eb53361dep-59, pick(r1, -0x1.70565911f924fp-59, 0x1.4fe13abe8fa9ap-59)));
  double d = double(a * shrink);
  double y = d * high;
  y = fused(round_even(y * 0.25), -4.0, y);
  double t = fused(d, mid, fused(d, low, y)) + round_double;
  double rest = fused(d, low, fused(d, mid, y - (t - round_double)));
  return {int(bits<long>(t)), float(rest * 0x1.921fb54442d18p+0)};
}

IRIS_FN float sin_polynomial(float r) {  // on [-pi/4, pi/4], relative error 2^-27.9
  float z = r * r;
  float q = fused(-0x1.9954p-13f, z, 0x1.110778p-7f);
  q = fused(q, z, -0x1.555546p-3f);
  return fused(q, z * r, r);
}

IRIS_FN float cos_polynomial(float r) {  // on [-pi/4, pi/4], relative error 2^-33
  float z = r * r;
  float q = fused(0x1.99e91p-16f, z, -0x1.6c0c2ap-10f);
  q = fused(q, z, 0x1.55554ap-5f);
  float w = fused(z, -0.5f, 1.0f);
  float lost = fused(z, -0.5f, 1.0f - w);  // what rounding took from w
  return w + fused(q, z * z, lost);
}

IRIS_FN float sin_of(quarters q, float s, float c) {
  return with_sign(pick((q.count & 1) != 0, c, s), uint(q.count & 2) << 30);
}
IRIS_FN float cos_of(quarters q, float s, float c) {
  return with_sign(pick((q.count & 1) != 0, s, c), uint((q.count + 1) & 2) << 30);
}
IRIS_FN float tan_of(quarters q, float s, float c) {
  bool odd = (q.count & 1) != 0;
  return pick(odd, -c, s) / pick(odd, s, c);
}

IRIS_FN float sin(float x) {
  quarters q = reduce_angle(magnitude(x));
  return with_sign(sin_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest)), sign_bit(x));
}
IRIS_FN float cos(float x) {
  quarters q = reduce_angle(magnitude(x));
  return cos_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest));
}
IRIS_FN float tan(float x) {
  quarters q = reduce_angle(magnitude(x));
  return with_sign(tan_of(q, sin_polynomial(q.rest), cos_polynomial(q.rest)), sign_bit(x));
}
IRIS_FN float sincos(float x, float& cosine) {
  quarters q = reduce_angle(magnitude(x));
  float s = sin_polynomial(q.rest), c = cos_polynomial(q.rest);
  cosine = cos_of(q, s, c);
  return with_sign(sin_of(q, s, c), sign_bit(x));
}

// The same of pi*x: the reduction is exact in float.
struct half_turns {
  quarters q;
  float s, c;
};

IRIS_FN half_turns reduce_half_turns(float x) {
  float y = x - 2.0f * round_even(x * 0.5f);
  float t = fused(y, 2.0f, round_float);
  float f = fused(t - round_float, -0.5f, y);
  float z = f * f;
  float s = fused(-0x1.32e864p-1f, z, 0x1.467faep+1f);
  s = fused(s, z, -0x1.4abc22p+2f);
  s = fused(s, z * f, f * -0x1.777a5cp-24f);
  s = fused(f, 0x1.921fb6p+1f, s);
  float c = fused(0x1.d4f63p-3f, z, -0x1.55b2b4p+0f);
  c = fused(c, z, 0x1.03c1bp+2f);
  c = fused(c, z, -0x1.3bd3ccp+2f);
  c = fused(c, z, 1.0f);
  return {{bits<int>(t), 0.0f}, s, c};
}

IRIS_FN float sinpi(float x) {
  half_turns h = reduce_half_turns(x);
  return pick(round_even(x) == x, copy_sign(pick(magnitude(x) < infinity(), 0.0f, nan()), x), sin_of(h.q, h.s, h.c));
}
IRIS_FN float cospi(float x) {
  half_turns h = reduce_half_turns(x);
  float c = cos_of(h.q, h.s, h.c);
  return c + 0.0f;  // never -0
}
IRIS_FN float tanpi(float x) {
  half_turns h = reduce_half_turns(x);
  return tan_of(h.q, h.s, h.c);
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

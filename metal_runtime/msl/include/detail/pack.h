// Packing of normalised vectors into integers and back (MSL 6.14): unorm and snorm of 8 and 16 bits, and of
// 10, 10, 10 and 2, unorm of 5, 6 and 5, and the sRGB curve. The first component is in the lowest bits.
#pragma once
#include "base.h"
#include "math.h"
#include "vector.h"

namespace metal {
namespace __impl {

// NaN becomes 0, as a conversion to a texel does.
IRIS_FN uint to_unorm(float x, uint most) {
  float inside = x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
  return uint(rint(inside * float(most)));
}
IRIS_FN uint to_snorm(float x, int most, uint mask) {
  float inside = x > -1.0f ? (x < 1.0f ? x : 1.0f) : (x <= -1.0f ? -1.0f : 0.0f);
  return uint(int(rint(inside * float(most)))) & mask;
}
IRIS_FN float from_unorm(uint x, uint most) { return float(x) / float(most); }
IRIS_FN float from_snorm(int x, int most) { return fmax(float(x) / float(most), -1.0f); }
IRIS_FN float linear_to_srgb(float x) {
  if (!(x > 0.0f)) return 0.0f;
  if (x >= 1.0f) return 1.0f;
  return x < 0.0031308f ? 12.92f * x : 1.055f * pow(x, 1.0f / 2.4f) - 0.055f;
}
IRIS_FN float srgb_to_linear(float x) {
  return x <= 0.04045f ? x / 12.92f : pow((x + 0.055f) / 1.055f, 2.4f);
}

}  // namespace __impl

IRIS_FN vec<float, 4> unpack_unorm4x8_to_float(uint x) {
  return vec<float, 4>(__impl::from_unorm(x & 255, 255), __impl::from_unorm(x >> 8 & 255, 255),
                       __impl::from_unorm(x >> 16 & 255, 255), __impl::from_unorm(x >> 24, 255));
}
IRIS_FN vec<float, 4> unpack_snorm4x8_to_float(uint x) {
  return vec<float, 4>(__impl::from_snorm(int8_t(x), 127), __impl::from_snorm(int8_t(x >> 8), 127),
                       __impl::from_snorm(int8_t(x >> 16), 127), __impl::from_snorm(int8_t(x >> 24), 127));
}
IRIS_FN vec<float, 4> unpack_unorm4x8_srgb_to_float(uint x) {
  vec<float, 4> v = unpack_unorm4x8_to_float(x);
  return vec<float, 4>(__impl::srgb_to_linear(v.x), __impl::srgb_to_linear(v.y), __impl::srgb_to_linear(v.z), v.w);
}
IRIS_FN vec<float, 2> unpack_unorm2x16_to_float(uint x) {
  return vec<float, 2>(__impl::from_unorm(x & 65535, 65535), __impl::from_unorm(x >> 16, 65535));
}
IRIS_FN vec<float, 2> unpack_snorm2x16_to_float(uint x) {
  return vec<float, 2>(__impl::from_snorm(int16_t(x), 32767), __impl::from_snorm(int16_t(x >> 16), 32767));
}
IRIS_FN vec<float, 4> unpack_unorm10a2_to_float(uint x) {
  return vec<float, 4>(__impl::from_unorm(x & 1023, 1023), __impl::from_unorm(x >> 10 & 1023, 1023),
                       __impl::from_unorm(x >> 20 & 1023, 1023), __impl::from_unorm(x >> 30, 3));
}
IRIS_FN vec<float, 4> unpack_snorm10a2_to_float(uint x) {
  return vec<float, 4>(__impl::from_snorm(int(x << 22) >> 22, 511), __impl::from_snorm(int(x << 12) >> 22, 511),
                       __impl::from_snorm(int(x << 2) >> 22, 511), __impl::from_snorm(int(x) >> 30, 1));
}
IRIS_FN vec<float, 3> unpack_unorm565_to_float(ushort x) {
  return vec<float, 3>(__impl::from_unorm(x & 31, 31), __impl::from_unorm(x >> 5 & 63, 63),
                       __impl::from_unorm(x >> 11, 31));
}

IRIS_FN uint pack_float_to_unorm4x8(vec<float, 4> v) {
  return __impl::to_unorm(v.x, 255) | __impl::to_unorm(v.y, 255) << 8 | __impl::to_unorm(v.z, 255) << 16 |
         __impl::to_unorm(v.w, 255) << 24;
}
IRIS_FN uint pack_float_to_snorm4x8(vec<float, 4> v) {
  return __impl::to_snorm(v.x, 127, 255) | __impl::to_snorm(v.y, 127, 255) << 8 |
         __impl::to_snorm(v.z, 127, 255) << 16 | __impl::to_snorm(v.w, 127, 255) << 24;
}
IRIS_FN uint pack_float_to_srgb_unorm4x8(vec<float, 4> v) {
  return pack_float_to_unorm4x8(vec<float, 4>(__impl::linear_to_srgb(v.x), __impl::linear_to_srgb(v.y),
                                              __impl::linear_to_srgb(v.z), v.w));
}
IRIS_FN uint pack_float_to_unorm2x16(vec<float, 2> v) {
  return __impl::to_unorm(v.x, 65535) | __impl::to_unorm(v.y, 65535) << 16;
}
IRIS_FN uint pack_float_to_snorm2x16(vec<float, 2> v) {
  return __impl::to_snorm(v.x, 32767, 65535) | __impl::to_snorm(v.y, 32767, 65535) << 16;
}
IRIS_FN uint pack_float_to_unorm10a2(vec<float, 4> v) {
  return __impl::to_unorm(v.x, 1023) | __impl::to_unorm(v.y, 1023) << 10 | __impl::to_unorm(v.z, 1023) << 20 |
         __impl::to_unorm(v.w, 3) << 30;
}
IRIS_FN uint pack_float_to_snorm10a2(vec<float, 4> v) {
  return __impl::to_snorm(v.x, 511, 1023) | __impl::to_snorm(v.y, 511, 1023) << 10 |
         __impl::to_snorm(v.z, 511, 1023) << 20 | __impl::to_snorm(v.w, 1, 3) << 30;
}
IRIS_FN ushort pack_float_to_unorm565(vec<float, 3> v) {
  return ushort(__impl::to_unorm(v.x, 31) | __impl::to_unorm(v.y, 63) << 5 | __impl::to_unorm(v.z, 31) << 11);
}

// The same from and to half: by way of float, which holds every half.
#define IRIS_UNPACK_TO_HALF(name, N, U) \
  IRIS_FN vec<half, N> name##_to_half(U x) { return vec<half, N>(name##_to_float(x)); }
IRIS_UNPACK_TO_HALF(unpack_unorm4x8, 4, uint)
IRIS_UNPACK_TO_HALF(unpack_snorm4x8, 4, uint)
IRIS_UNPACK_TO_HALF(unpack_unorm4x8_srgb, 4, uint)
IRIS_UNPACK_TO_HALF(unpack_unorm2x16, 2, uint)
IRIS_UNPACK_TO_HALF(unpack_snorm2x16, 2, uint)
IRIS_UNPACK_TO_HALF(unpack_unorm10a2, 4, uint)
IRIS_UNPACK_TO_HALF(unpack_snorm10a2, 4, uint)
IRIS_UNPACK_TO_HALF(unpack_unorm565, 3, ushort)
#undef IRIS_UNPACK_TO_HALF
#define IRIS_PACK_HALF(name, N, U) \
  IRIS_FN U pack_half_to_##name(vec<half, N> v) { return pack_float_to_##name(vec<float, N>(v)); }
IRIS_PACK_HALF(unorm4x8, 4, uint)
IRIS_PACK_HALF(snorm4x8, 4, uint)
IRIS_PACK_HALF(srgb_unorm4x8, 4, uint)
IRIS_PACK_HALF(unorm2x16, 2, uint)
IRIS_PACK_HALF(snorm2x16, 2, uint)
IRIS_PACK_HALF(unorm10a2, 4, uint)
IRIS_PACK_HALF(snorm10a2, 4, uint)
IRIS_PACK_HALF(unorm565, 3, ushort)
#undef IRIS_PACK_HALF

}  // namespace metal

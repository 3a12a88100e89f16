// min, max, abs, clamp and the interpolations, for every type that has them.
#pragma once
#include "publish.h"

namespace metal {
namespace __impl {

// Of a NaN and a number, the number.
template <typename T>
IRIS_FN constexpr T least(T a, T b) {
  if constexpr (is_float<T>) {
    T smaller = b < a ? b : a;
    return a != a ? b : smaller;
  } else {
    return b < a ? b : a;
  }
}
template <typename T>
IRIS_FN constexpr T greatest(T a, T b) {
  if constexpr (is_float<T>) {
    T larger = a < b ? b : a;
    return a != a ? b : larger;
  } else {
    return a < b ? b : a;
  }
}
template <typename T>
IRIS_FN constexpr T least3(T a, T b, T c) { return least(least(a, b), c); }
template <typename T>
IRIS_FN constexpr T greatest3(T a, T b, T c) { return greatest(greatest(a, b), c); }
template <typename T>
IRIS_FN constexpr T middle3(T a, T b, T c) {
  return greatest(least(a, b), least(greatest(a, b), c));
}
template <typename T>
IRIS_FN constexpr T clamped(T x, T low, T high) { return least(greatest(x, low), high); }

template <typename T>
IRIS_FN constexpr T absolute(T x) {
  if constexpr (is_float<T>) {
    using U = unsigned_of<T>;
    return bits<T>(U(bits<U>(x) & U(U(~U(0)) >> 1)));
  } else if constexpr (T(-1) < T(0)) {
    return T(x < 0 ? -x : x);
  } else {
    return x;
  }
}

IRIS_FN constexpr float sign(float x) {
  float one = __builtin_copysignf(1.0f, x);
  float zero = x == 0.0f ? x : one;
  return x != x ? 0.0f : zero;
}
IRIS_FN constexpr float step(float edge, float x) { return x < edge ? 0.0f : 1.0f; }

template <typename T>
IRIS_FN constexpr T mix(T x, T y, T a) { return T(x + (y - x) * a); }
template <typename T>
IRIS_FN constexpr T smoothstep(T low, T high, T x) {
  T t = clamped(T((x - low) / (high - low)), T(0.0f), T(1.0f));
  return T(t * t * (T(3.0f) - T(2.0f) * t));
}

}  // namespace __impl

// A function of every number type, from one template.
#define IRIS_OF_TYPE_1(T) IRIS_FN constexpr T IRIS_NAME(T a) { return IRIS_TEMPLATE(a); }
#define IRIS_OF_TYPE_2(T) IRIS_FN constexpr T IRIS_NAME(T a, T b) { return IRIS_TEMPLATE(a, b); }
#define IRIS_OF_TYPE_3(T) IRIS_FN constexpr T IRIS_NAME(T a, T b, T c) { return IRIS_TEMPLATE(a, b, c); }
#define IRIS_OF_BFLOAT_1 \
  template <typename T>  \
  IRIS_FN constexpr __impl::if_bfloat<T> IRIS_NAME(T a) { return IRIS_TEMPLATE(a); }
#define IRIS_OF_BFLOAT_2 \
  template <typename T>  \
  IRIS_FN constexpr __impl::if_bfloat<T> IRIS_NAME(T a, T b) { return IRIS_TEMPLATE(a, b); }
#define IRIS_OF_BFLOAT_3 \
  template <typename T>  \
  IRIS_FN constexpr __impl::if_bfloat<T> IRIS_NAME(T a, T b, T c) { return IRIS_TEMPLATE(a, b, c); }

#define IRIS_NAME abs
#define IRIS_TEMPLATE __impl::absolute
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_1) IRIS_OF_TYPE_1(float) IRIS_OF_TYPE_1(half) IRIS_OF_BFLOAT_1
IRIS_VECTORS_1(__impl::number_vec, abs)
#undef IRIS_NAME
#define IRIS_NAME fabs
IRIS_OF_TYPE_1(float) IRIS_OF_TYPE_1(half) IRIS_OF_BFLOAT_1
IRIS_VECTORS_1(__impl::float_vec, fabs)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME min
#define IRIS_TEMPLATE __impl::least
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_2) IRIS_OF_TYPE_2(float) IRIS_OF_TYPE_2(half) IRIS_OF_BFLOAT_2
IRIS_VECTORS_2(__impl::number_vec, min)
#undef IRIS_NAME
#define IRIS_NAME fmin
IRIS_OF_TYPE_2(float) IRIS_OF_TYPE_2(half) IRIS_OF_BFLOAT_2
IRIS_VECTORS_2(__impl::float_vec, fmin)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME max
#define IRIS_TEMPLATE __impl::greatest
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_2) IRIS_OF_TYPE_2(float) IRIS_OF_TYPE_2(half) IRIS_OF_BFLOAT_2
IRIS_VECTORS_2(__impl::number_vec, max)
#undef IRIS_NAME
#define IRIS_NAME fmax
IRIS_OF_TYPE_2(float) IRIS_OF_TYPE_2(half) IRIS_OF_BFLOAT_2
IRIS_VECTORS_2(__impl::float_vec, fmax)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME min3
#define IRIS_TEMPLATE __impl::least3
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_3) IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::number_vec, min3)
#undef IRIS_NAME
#define IRIS_NAME fmin3
IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::float_vec, fmin3)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME max3
#define IRIS_TEMPLATE __impl::greatest3
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_3) IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::number_vec, max3)
#undef IRIS_NAME
#define IRIS_NAME fmax3
IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::float_vec, fmax3)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME median3
#define IRIS_TEMPLATE __impl::middle3
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_3) IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::number_vec, median3)
#undef IRIS_NAME
#define IRIS_NAME fmedian3
IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::float_vec, fmedian3)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME clamp
#define IRIS_TEMPLATE __impl::clamped
IRIS_INTEGER_TYPES(IRIS_OF_TYPE_3) IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::number_vec, clamp)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_NAME mix
#define IRIS_TEMPLATE __impl::mix
IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::float_vec, mix)
#undef IRIS_NAME
#undef IRIS_TEMPLATE
#define IRIS_NAME smoothstep
#define IRIS_TEMPLATE __impl::smoothstep
IRIS_OF_TYPE_3(float) IRIS_OF_TYPE_3(half) IRIS_OF_BFLOAT_3
IRIS_VECTORS_3(__impl::float_vec, smoothstep)
#undef IRIS_NAME
#undef IRIS_TEMPLATE

#define IRIS_SATURATE(x) __impl::clamped(x, decltype(x)(0.0f), decltype(x)(1.0f))
#define IRIS_NAME saturate
#define IRIS_TEMPLATE IRIS_SATURATE
IRIS_OF_TYPE_1(float) IRIS_OF_TYPE_1(half) IRIS_OF_BFLOAT_1
IRIS_VECTORS_1(__impl::float_vec, saturate)
#undef IRIS_NAME
#undef IRIS_TEMPLATE
#undef IRIS_SATURATE

IRIS_FLOATS_1(sign, __impl::sign)
IRIS_FLOATS_2(step, __impl::step)

// In `fast` and `precise` Metal has these once more, for float.
namespace precise {
using metal::clamp;
using metal::saturate;
using metal::fmin;
using metal::fmax;
using metal::min;
using metal::max;
}  // namespace precise
namespace fast {
using metal::clamp;
using metal::saturate;
using metal::fmin;
using metal::fmax;
using metal::min;
using metal::max;
}  // namespace fast

}  // namespace metal

// Apple's names beneath the math functions, __metal_exp(x, mode) and the like, which published
// kernels call to give their own types math functions. Of float alone; the mode chooses the form.
#pragma once
#include "math.h"
#include "relational.h"
#include "traits.h"

#define __METAL_PRECISE_MATH__ false
#define __METAL_FAST_MATH__ true
#if IRIS_FAST_MATH
#define __METAL_MAYBE_FAST_MATH__ true
#else
#define __METAL_MAYBE_FAST_MATH__ false
#endif

#define IRIS_INTERNAL_1(name)                                                   \
  IRIS_FN float __metal_##name(float x, bool fast) {                            \
    return fast ? metal::fast::name(x) : metal::precise::name(x);               \
  }
#define IRIS_INTERNAL_2(name)                                                   \
  IRIS_FN float __metal_##name(float x, float y, bool fast) {                   \
    return fast ? metal::fast::name(x, y) : metal::precise::name(x, y);         \
  }
#define IRIS_INTERNAL_3(name)                                                   \
  IRIS_FN float __metal_##name(float x, float y, float z, bool) { return metal::name(x, y, z); }
IRIS_INTERNAL_1(acos)
IRIS_INTERNAL_1(acosh)
IRIS_INTERNAL_1(asin)
IRIS_INTERNAL_1(asinh)
IRIS_INTERNAL_1(atan)
IRIS_INTERNAL_1(atanh)
IRIS_INTERNAL_1(ceil)
IRIS_INTERNAL_1(cos)
IRIS_INTERNAL_1(cosh)
IRIS_INTERNAL_1(cospi)
IRIS_INTERNAL_1(exp)
IRIS_INTERNAL_1(exp2)
IRIS_INTERNAL_1(exp10)
IRIS_INTERNAL_1(fabs)
IRIS_INTERNAL_1(floor)
IRIS_INTERNAL_1(fract)
IRIS_INTERNAL_1(log)
IRIS_INTERNAL_1(log2)
IRIS_INTERNAL_1(log10)
IRIS_INTERNAL_1(rint)
IRIS_INTERNAL_1(round)
IRIS_INTERNAL_1(rsqrt)
IRIS_INTERNAL_1(sin)
IRIS_INTERNAL_1(sinh)
IRIS_INTERNAL_1(sinpi)
IRIS_INTERNAL_1(sqrt)
IRIS_INTERNAL_1(tan)
IRIS_INTERNAL_1(tanh)
IRIS_INTERNAL_1(tanpi)
IRIS_INTERNAL_1(trunc)
IRIS_INTERNAL_2(atan2)
IRIS_INTERNAL_2(divide)
IRIS_INTERNAL_2(fmax)
IRIS_INTERNAL_2(fmin)
IRIS_INTERNAL_2(fmod)
IRIS_INTERNAL_2(pow)
IRIS_INTERNAL_2(powr)
IRIS_INTERNAL_3(fmax3)
IRIS_INTERNAL_3(fmedian3)
IRIS_INTERNAL_3(fmin3)
#undef IRIS_INTERNAL_1
#undef IRIS_INTERNAL_2
#undef IRIS_INTERNAL_3

IRIS_FN float __metal_fma(float x, float y, float z) { return metal::fma(x, y, z); }
IRIS_FN float __metal_nextafter(float x, float y) { return metal::nextafter(x, y); }
IRIS_FN float __metal_frexp(float x, int* exponent) { return metal::frexp(x, *exponent); }
IRIS_FN float __metal_ldexp(float x, int k, bool) { return metal::ldexp(x, k); }

namespace metal {

// The parts of a floating-point number's bits.
template <typename T>
struct _fp_encoding_traits {
  using encoding_type = __impl::unsigned_of<T>;
  static constexpr encoding_type inf_mask = __impl::float_layout<T>::infinity;
  static constexpr encoding_type sign_mask = encoding_type(encoding_type(1) << (__impl::bits_of<T> - 1));
};

// Which types Metal's simdgroup functions take: numbers of at most 32 bits and vectors of them, without bfloat.
template <typename T, typename = void>
struct __is_valid_simdgroup_type
    : bool_constant<__is_same(T, float) || __is_same(T, half) || (__impl::is_integer<T> && sizeof(T) <= 4)> {};
template <typename T, int N>
struct __is_valid_simdgroup_type<vec<T, N>, void> : __is_valid_simdgroup_type<T> {};

}  // namespace metal

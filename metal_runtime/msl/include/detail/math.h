// The math functions of MSL 6.5 on scalars and vectors of float, half and bfloat.
//
// `metal::f` is `metal::precise::f`, or `metal::fast::f` when the program is compiled for fast math.
#pragma once
#include "common.h"
#include "fast_math.h"
#include "float_parts.h"
#include "publish.h"

// IRIS_FAST_MATH=1 comes from whoever compiles for fast math.
#ifndef IRIS_FAST_MATH
#define IRIS_FAST_MATH 0
#endif

#pragma float_control(precise, on, push)
#pragma STDC FP_CONTRACT OFF

namespace metal {
namespace __impl {

IRIS_FN float rsqrt(float x) { return 1.0f / root(x); }
IRIS_FN float divide(float x, float y) { return x / y; }
IRIS_FN float copysign(float x, float y) { return copy_sign(x, y); }
IRIS_FN float fdim(float x, float y) {
  float difference = x - y;
  return pick(x <= y, 0.0f, difference);
}

// fma of half and bfloat: the product is exact in double, the sum is rounded to odd there.
IRIS_FN float fma_through_double(float a, float b, float c) {
  return float(add_to_odd(double(a) * double(b), double(c)));
}

template <int N>
IRIS_FN vec<float, N> as_vector(components<float, N> v) {
  if constexpr (N == 2) return vec<float, N>(v.x, v.y);
  else if constexpr (N == 3) return vec<float, N>(v.x, v.y, v.z);
  else return vec<float, N>(v.x, v.y, v.z, v.w);
}

}  // namespace __impl
}  // namespace metal

#pragma float_control(pop)

namespace metal {

// --- functions with a fast and a precise form: those are for float only --------------------------
#define IRIS_TWO_FORMS_1(name)                                                           \
  namespace precise {                                                                    \
  IRIS_FN float name(float a) { return IRIS_PRECISE::name(a); }                          \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a) {                           \
    using V = vec<float, N>;                                                             \
    IRIS_MAP1(V, IRIS_PRECISE::name, a);                                                 \
  }                                                                                      \
  }                                                                                      \
  namespace fast {                                                                       \
  IRIS_FN float name(float a) { return IRIS_FAST::name(a); }                             \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a) {                           \
    using V = vec<float, N>;                                                             \
    IRIS_MAP1(V, IRIS_FAST::name, a);                                                    \
  }                                                                                      \
  }                                                                                      \
  IRIS_FLOATS_1(name, IRIS_CHOSEN::name)
#define IRIS_TWO_FORMS_2(name)                                                           \
  namespace precise {                                                                    \
  IRIS_FN float name(float a, float b) { return IRIS_PRECISE::name(a, b); }              \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a, __impl::components<float, N> b) { \
    using V = vec<float, N>;                                                             \
    IRIS_MAP2(V, IRIS_PRECISE::name, a, b);                                              \
  }                                                                                      \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a, float b) {                  \
    return name(a, __impl::widen<float, N>(b));                                          \
  }                                                                                      \
  }                                                                                      \
  namespace fast {                                                                       \
  IRIS_FN float name(float a, float b) { return IRIS_FAST::name(a, b); }                 \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a, __impl::components<float, N> b) { \
    using V = vec<float, N>;                                                             \
    IRIS_MAP2(V, IRIS_FAST::name, a, b);                                                 \
  }                                                                                      \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a, float b) {                  \
    return name(a, __impl::widen<float, N>(b));                                          \
  }                                                                                      \
  }                                                                                      \
  IRIS_FLOATS_2(name, IRIS_CHOSEN::name)

#define IRIS_PRECISE __impl

// A fast form of its own.
#define IRIS_FAST __impl::quick
#if IRIS_FAST_MATH
#define IRIS_CHOSEN __impl::quick
#else
#define IRIS_CHOSEN __impl
#endif
IRIS_TWO_FORMS_1(exp)
IRIS_TWO_FORMS_1(exp2)
IRIS_TWO_FORMS_1(exp10)
IRIS_TWO_FORMS_1(sin)
IRIS_TWO_FORMS_1(cos)
IRIS_TWO_FORMS_1(tan)
IRIS_TWO_FORMS_2(pow)
IRIS_TWO_FORMS_2(powr)
IRIS_TWO_FORMS_2(fmod)

#define IRIS_SINCOS(T, function)                                                         \
  IRIS_FN T sincos(T x, T& cosine) {                                                     \
    float c;                                                                             \
    float s = function(float(x), c);                                                     \
    cosine = T(c);                                                                       \
    return T(s);                                                                         \
  }
namespace precise {
IRIS_SINCOS(float, __impl::sincos)
}
namespace fast {
IRIS_SINCOS(float, __impl::quick::sincos)
}
IRIS_SINCOS(float, IRIS_CHOSEN::sincos)
IRIS_SINCOS(half, IRIS_CHOSEN::sincos)
#undef IRIS_SINCOS
template <typename T>
IRIS_FN __impl::if_bfloat<T> sincos(T x, T& cosine) {
  float c;
  float s = sincos(float(x), c);
  cosine = T(c);
  return T(s);
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> sincos(__impl::components<T, N> x, vec<T, N>& cosine) {
  vec<T, N> sine;
  sine.x = sincos(x.x, cosine.x);
  sine.y = sincos(x.y, cosine.y);
  if constexpr (N > 2) sine.z = sincos(x.z, cosine.z);
  if constexpr (N > 3) sine.w = sincos(x.w, cosine.w);
  return sine;
}

// The precise form serves as the fast one.
#undef IRIS_FAST
#undef IRIS_CHOSEN
#define IRIS_FAST __impl
#define IRIS_CHOSEN __impl
IRIS_TWO_FORMS_1(acos)
IRIS_TWO_FORMS_1(acosh)
IRIS_TWO_FORMS_1(asin)
IRIS_TWO_FORMS_1(asinh)
IRIS_TWO_FORMS_1(atan)
IRIS_TWO_FORMS_1(atanh)
IRIS_TWO_FORMS_1(cosh)
IRIS_TWO_FORMS_1(cospi)
IRIS_TWO_FORMS_1(log)
IRIS_TWO_FORMS_1(log2)
IRIS_TWO_FORMS_1(log10)
IRIS_TWO_FORMS_1(rsqrt)
IRIS_TWO_FORMS_1(sinh)
IRIS_TWO_FORMS_1(sinpi)
IRIS_TWO_FORMS_1(tanh)
IRIS_TWO_FORMS_1(tanpi)
IRIS_TWO_FORMS_2(atan2)
IRIS_TWO_FORMS_2(divide)
#undef IRIS_FAST
#undef IRIS_CHOSEN
#undef IRIS_PRECISE

// Those with another name in the implementation.
#define IRIS_RENAMED_1(name, function)                                                   \
  namespace precise {                                                                    \
  IRIS_FN float name(float a) { return function(a); }                                    \
  template <int N>                                                                       \
  IRIS_FN vec<float, N> name(__impl::components<float, N> a) {                           \
    using V = vec<float, N>;                                                             \
    IRIS_MAP1(V, function, a);                                                           \
  }                                                                                      \
  }                                                                                      \
  namespace fast {                                                                       \
  using precise::name;                                                                   \
  }                                                                                      \
  IRIS_FLOATS_1(name, function)
IRIS_RENAMED_1(ceil, __impl::round_up)
IRIS_RENAMED_1(floor, __impl::round_down)
IRIS_RENAMED_1(fract, __impl::fract<decltype(a)>)
IRIS_RENAMED_1(rint, __impl::round_even)
IRIS_RENAMED_1(round, __impl::round_away)
IRIS_RENAMED_1(sqrt, __impl::root)
IRIS_RENAMED_1(trunc, __impl::round_to_zero)
#undef IRIS_RENAMED_1
#undef IRIS_TWO_FORMS_1
#undef IRIS_TWO_FORMS_2

IRIS_FLOATS_2(copysign, __impl::copysign)
IRIS_FLOATS_2(fdim, __impl::fdim)

// --- fma -----------------------------------------------------------------------------------------
IRIS_FN float fma(float a, float b, float c) { return __impl::fused(a, b, c); }
IRIS_FN half fma(half a, half b, half c) {
#if defined(__AVX512FP16__) || (defined(__aarch64__) && defined(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC))
  return __builtin_fmaf16(a, b, c);
#else
  return half(float(double(float(a)) * double(float(b)) + double(float(c))));
#endif
}
template <typename T>
IRIS_FN __impl::if_bfloat<T> fma(T a, T b, T c) {
  return T(__impl::fma_through_double(float(a), float(b), float(c)));
}
IRIS_VECTORS_3(__impl::float_vec, fma)

// --- functions with a second result or an integer argument ---------------------------------------
IRIS_FN float modf(float x, float& integral) { return __impl::modf(x, integral); }
IRIS_FN half modf(half x, half& integral) {
  float whole;
  half part = half(__impl::modf(float(x), whole));
  integral = half(whole);
  return part;
}
template <typename T>
IRIS_FN __impl::if_bfloat<T> modf(T x, T& integral) {
  float whole;
  T part = T(__impl::modf(float(x), whole));
  integral = T(whole);
  return part;
}
IRIS_FN float frexp(float x, int& exponent) { return __impl::frexp(x, exponent); }
IRIS_FN half frexp(half x, int& exponent) { return half(__impl::frexp(float(x), exponent)); }
template <typename T>
IRIS_FN __impl::if_bfloat<T> frexp(T x, int& exponent) {
  return T(__impl::frexp(float(x), exponent));
}
IRIS_FN float ldexp(float x, int k) { return __impl::ldexp(x, k); }
IRIS_FN half ldexp(half x, int k) { return half(__impl::ldexp(float(x), k)); }
template <typename T>
IRIS_FN __impl::if_bfloat<T> ldexp(T x, int k) {
  return T(__impl::ldexp(float(x), k));
}
IRIS_FN int ilogb(float x) { return __impl::ilogb(x); }
IRIS_FN int ilogb(half x) { return __impl::ilogb(float(x)); }
template <typename T>
IRIS_FN __impl::enable_if_t<__is_same(T, bfloat), int> ilogb(T x) {
  return __impl::ilogb(float(x));
}

#define IRIS_EACH(statement)     \
  statement(x);                  \
  statement(y);                  \
  if constexpr (N > 2) {         \
    statement(z);                \
  }                              \
  if constexpr (N > 3) {         \
    statement(w);                \
  }                              \
  return result
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> modf(__impl::components<T, N> a, vec<T, N>& integral) {
  vec<T, N> result;
#define IRIS_STATEMENT(c) result.c = modf(a.c, integral.c)
  IRIS_EACH(IRIS_STATEMENT);
#undef IRIS_STATEMENT
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> frexp(__impl::components<T, N> a, vec<int, N>& exponent) {
  vec<T, N> result;
#define IRIS_STATEMENT(c) result.c = frexp(a.c, exponent.c)
  IRIS_EACH(IRIS_STATEMENT);
#undef IRIS_STATEMENT
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> ldexp(__impl::components<T, N> a, vec<int, N> k) {
  vec<T, N> result;
#define IRIS_STATEMENT(c) result.c = ldexp(a.c, k.c)
  IRIS_EACH(IRIS_STATEMENT);
#undef IRIS_STATEMENT
}
template <typename T, int N>
IRIS_FN __impl::enable_if_t<__impl::is_float<T>, vec<int, N>> ilogb(__impl::components<T, N> a) {
  vec<int, N> result;
#define IRIS_STATEMENT(c) result.c = ilogb(a.c)
  IRIS_EACH(IRIS_STATEMENT);
#undef IRIS_STATEMENT
}
#undef IRIS_EACH

namespace __impl {
template <typename T>
IRIS_FN T next_after(T x, T y) {
  using U = unsigned_of<T>;
  T next = bits<T>(next_pattern(bits<U>(x), bits<U>(y)));
  return pick((x != x) | (y != y), T(x + y), next);
}
}  // namespace __impl
IRIS_FN float nextafter(float x, float y) { return __impl::next_after(x, y); }
IRIS_FN half nextafter(half x, half y) { return __impl::next_after(x, y); }
template <typename T>
IRIS_FN __impl::if_bfloat<T> nextafter(T x, T y) {
  return __impl::next_after(x, y);
}
IRIS_VECTORS_2(__impl::float_vec, nextafter)

namespace precise {
using metal::abs;
using metal::copysign;
using metal::fabs;
using metal::fdim;
using metal::fma;
using metal::fmax3;
using metal::fmedian3;
using metal::fmin3;
using metal::frexp;
using metal::ilogb;
using metal::ldexp;
using metal::modf;
using metal::nextafter;
}  // namespace precise
namespace fast {
using metal::abs;
using metal::copysign;
using metal::fabs;
using metal::fdim;
using metal::fma;
using metal::fmax3;
using metal::fmedian3;
using metal::fmin3;
using metal::frexp;
using metal::ilogb;
using metal::ldexp;
using metal::modf;
using metal::nextafter;
}  // namespace fast

}  // namespace metal

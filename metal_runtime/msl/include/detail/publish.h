// Macros that make Metal's overloads of a function from one implementation.
//
// Scalars of float and half are plain functions, so that mixed calls are as ambiguous as in Metal;
// bfloat is a template, which gives way to a bfloat overload that a program brings itself. Vectors
// are templates over `components`, which vectors and packed vectors have as their base; a scalar may
// stand for any vector argument after the rules of its element type.
#pragma once
#include "vector.h"

namespace metal {
namespace __impl {

// A vector argument as its components, a scalar one as N of it.
template <typename T, int N>
IRIS_FN components<T, N> widen(components<T, N> v) {
  return v;
}
template <typename T, int N>
IRIS_FN components<T, N> widen(same_t<T> s) {
  if constexpr (N == 2) return {s, s};
  else if constexpr (N == 3) return {s, s, s};
  else return {s, s, s, s};
}

template <typename T, int N>
using float_vec = enable_if_t<is_float<T>, vec<T, N>>;
template <typename T, int N>
using int_vec = enable_if_t<is_integer<T>, vec<T, N>>;
template <typename T, int N>
using number_vec = enable_if_t<is_number<T>, vec<T, N>>;
template <typename T>
using if_bfloat = enable_if_t<__is_same(T, bfloat), bfloat>;
template <typename T>
using if_integer = enable_if_t<is_integer<T>, T>;

}  // namespace __impl
}  // namespace metal

// --- vectors: R<T, N> is the result, which also says for which T the function exists -------------
#define IRIS_VECTORS_1(R, name)                                     \
  template <typename T, int N>                                      \
  IRIS_FN R<T, N> name(__impl::components<T, N> a) {                \
    using V = R<T, N>;                                              \
    IRIS_MAP1(V, name, a);                                          \
  }
#define IRIS_VECTORS_2_MIXED(R, name, A, B)                                                 \
  template <typename T, int N>                                                              \
  IRIS_FN R<T, N> name(A a, B b) {                                                          \
    return name(__impl::widen<T, N>(a), __impl::widen<T, N>(b));                            \
  }
#define IRIS_VECTORS_3_MIXED(R, name, A, B, C)                                              \
  template <typename T, int N>                                                              \
  IRIS_FN R<T, N> name(A a, B b, C c) {                                                     \
    return name(__impl::widen<T, N>(a), __impl::widen<T, N>(b), __impl::widen<T, N>(c));    \
  }
#define IRIS_V __impl::components<T, N>
#define IRIS_S __impl::same_t<T>

#define IRIS_VECTORS_2(R, name)                                                             \
  template <typename T, int N>                                                              \
  IRIS_FN R<T, N> name(__impl::components<T, N> a, __impl::components<T, N> b) {            \
    using V = R<T, N>;                                                                      \
    IRIS_MAP2(V, name, a, b);                                                               \
  }                                                                                         \
  IRIS_VECTORS_2_MIXED(R, name, IRIS_V, IRIS_S)                                             \
  IRIS_VECTORS_2_MIXED(R, name, IRIS_S, IRIS_V)
#define IRIS_VECTORS_3(R, name)                                                             \
  template <typename T, int N>                                                              \
  IRIS_FN R<T, N> name(__impl::components<T, N> a, __impl::components<T, N> b, __impl::components<T, N> c) { \
    using V = R<T, N>;                                                                      \
    IRIS_MAP3(V, name, a, b, c);                                                            \
  }                                                                                         \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_V, IRIS_S, IRIS_S)                                     \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_S, IRIS_V, IRIS_S)                                     \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_S, IRIS_S, IRIS_V)                                     \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_V, IRIS_V, IRIS_S)                                     \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_V, IRIS_S, IRIS_V)                                     \
  IRIS_VECTORS_3_MIXED(R, name, IRIS_S, IRIS_V, IRIS_V)

// --- scalars through a function of floats, rounded once to half or bfloat ------------------------
#define IRIS_SCALARS_1(name, function)                                                      \
  IRIS_FN float name(float a) { return function(a); }                                       \
  IRIS_FN half name(half a) { return half(function(float(a))); }                            \
  template <typename T>                                                                     \
  IRIS_FN __impl::if_bfloat<T> name(T a) { return T(function(float(a))); }
#define IRIS_SCALARS_2(name, function)                                                      \
  IRIS_FN float name(float a, float b) { return function(a, b); }                           \
  IRIS_FN half name(half a, half b) { return half(function(float(a), float(b))); }          \
  template <typename T>                                                                     \
  IRIS_FN __impl::if_bfloat<T> name(T a, T b) { return T(function(float(a), float(b))); }
#define IRIS_SCALARS_3(name, function)                                                      \
  IRIS_FN float name(float a, float b, float c) { return function(a, b, c); }               \
  IRIS_FN half name(half a, half b, half c) { return half(function(float(a), float(b), float(c))); } \
  template <typename T>                                                                     \
  IRIS_FN __impl::if_bfloat<T> name(T a, T b, T c) { return T(function(float(a), float(b), float(c))); }

// --- functions of floats: scalars and vectors ----------------------------------------------------
#define IRIS_FLOATS_1(name, function) \
  IRIS_SCALARS_1(name, function)      \
  IRIS_VECTORS_1(__impl::float_vec, name)
#define IRIS_FLOATS_2(name, function) \
  IRIS_SCALARS_2(name, function)      \
  IRIS_VECTORS_2(__impl::float_vec, name)
#define IRIS_FLOATS_3(name, function) \
  IRIS_SCALARS_3(name, function)      \
  IRIS_VECTORS_3(__impl::float_vec, name)

// --- functions of one type from a template over the scalar type ----------------------------------
#define IRIS_INTEGER_TYPES(F) F(char) F(uchar) F(short) F(ushort) F(int) F(uint) F(long) F(ulong)

// The relational functions of MSL 6.4: predicates, all, any and select.
//
// Predicates look at the bits, so they hold in fast math too.
#pragma once
#include "publish.h"

namespace metal {
namespace __impl {

template <typename T>
struct float_layout;
template <>
struct float_layout<float> {
  static constexpr uint infinity = 0x7f800000u, least_normal = 0x00800000u;
};
template <>
struct float_layout<half> {
  static constexpr ushort infinity = 0x7c00u, least_normal = 0x0400u;
};
template <>
struct float_layout<bfloat> {
  static constexpr ushort infinity = 0x7f80u, least_normal = 0x0080u;
};

template <typename T>
IRIS_FN constexpr unsigned_of<T> magnitude_bits(T x) {
  using U = unsigned_of<T>;
  return U(bits<U>(x) & U(U(~U(0)) >> 1));
}
template <typename T>
IRIS_FN constexpr bool isfinite(T x) { return magnitude_bits(x) < float_layout<T>::infinity; }
template <typename T>
IRIS_FN constexpr bool isinf(T x) { return magnitude_bits(x) == float_layout<T>::infinity; }
template <typename T>
IRIS_FN constexpr bool isnan(T x) { return magnitude_bits(x) > float_layout<T>::infinity; }
template <typename T>
IRIS_FN constexpr bool isnormal(T x) {
  return magnitude_bits(x) >= float_layout<T>::least_normal && magnitude_bits(x) < float_layout<T>::infinity;
}
template <typename T>
IRIS_FN constexpr bool signbit(T x) { return signed_of<T>(bits<unsigned_of<T>>(x)) < 0; }
template <typename T>
IRIS_FN constexpr bool isordered(T x, T y) { return !isnan(x) && !isnan(y); }
template <typename T>
IRIS_FN constexpr bool isunordered(T x, T y) { return isnan(x) || isnan(y); }

template <typename T, int N>
using bools_of_floats = enable_if_t<is_float<T>, vec<bool, N>>;

}  // namespace __impl

// Templates rather than overloads: no argument converts to another floating-point type on the way.
#define IRIS_PREDICATE_1(name)                                                              \
  IRIS_FN constexpr bool name(float x) { return __impl::name(x); }                          \
  IRIS_FN constexpr bool name(half x) { return __impl::name(x); }                           \
  template <typename T>                                                                     \
  IRIS_FN constexpr __impl::enable_if_t<__is_same(T, bfloat), bool> name(T x) {             \
    return __impl::name(x);                                                                 \
  }                                                                                         \
  IRIS_VECTORS_1(__impl::bools_of_floats, name)
#define IRIS_PREDICATE_2(name)                                                              \
  IRIS_FN constexpr bool name(float x, float y) { return __impl::name(x, y); }              \
  IRIS_FN constexpr bool name(half x, half y) { return __impl::name(x, y); }                \
  template <typename T>                                                                     \
  IRIS_FN constexpr __impl::enable_if_t<__is_same(T, bfloat), bool> name(T x, T y) {        \
    return __impl::name(x, y);                                                              \
  }                                                                                         \
  IRIS_VECTORS_2(__impl::bools_of_floats, name)
IRIS_PREDICATE_1(isfinite)
IRIS_PREDICATE_1(isinf)
IRIS_PREDICATE_1(isnan)
IRIS_PREDICATE_1(isnormal)
IRIS_PREDICATE_1(signbit)
IRIS_PREDICATE_2(isordered)
IRIS_PREDICATE_2(isunordered)
#undef IRIS_PREDICATE_1
#undef IRIS_PREDICATE_2

IRIS_FN constexpr bool all(bool x) { return x; }
IRIS_FN constexpr bool any(bool x) { return x; }
IRIS_FN constexpr bool all(vec<bool, 2> v) { return v.x && v.y; }
IRIS_FN constexpr bool all(vec<bool, 3> v) { return v.x && v.y && v.z; }
IRIS_FN constexpr bool all(vec<bool, 4> v) { return v.x && v.y && v.z && v.w; }
IRIS_FN constexpr bool any(vec<bool, 2> v) { return v.x || v.y; }
IRIS_FN constexpr bool any(vec<bool, 3> v) { return v.x || v.y || v.z; }
IRIS_FN constexpr bool any(vec<bool, 4> v) { return v.x || v.y || v.z || v.w; }

// Metal calls `not` a function; C++ reserves the word as an operator, and `not v` means the same.

// b where the condition holds, else a.
#define IRIS_SELECT(T) \
  IRIS_FN constexpr T select(T a, T b, bool c) { return c ? b : a; }
IRIS_INTEGER_TYPES(IRIS_SELECT) IRIS_SELECT(bool) IRIS_SELECT(float) IRIS_SELECT(half)
#undef IRIS_SELECT
template <typename T>
IRIS_FN constexpr __impl::if_bfloat<T> select(T a, T b, bool c) {
  return c ? b : a;
}
template <typename T, int N>
IRIS_FN constexpr vec<T, N> select(__impl::components<T, N> a, __impl::components<T, N> b, vec<bool, N> c) {
  using V = vec<T, N>;
#define IRIS_CHOOSE(a, b, c) ((c) ? (b) : (a))
  IRIS_MAP3(V, IRIS_CHOOSE, a, b, c);
#undef IRIS_CHOOSE
}

// A scalar stands for a vector of it, as an argument does in Metal: the result has the vectors' type.
#define IRIS_SELECT_MIXED(A, B, C, condition)                                                        \
  template <typename T, int N>                                                                       \
  IRIS_FN constexpr vec<T, N> select(A a, B b, C c) {                                                \
    return metal::select(__impl::widen<T, N>(a), __impl::widen<T, N>(b), vec<bool, N>(condition));   \
  }
IRIS_SELECT_MIXED(IRIS_V, IRIS_V, bool, c)
IRIS_SELECT_MIXED(IRIS_V, IRIS_S, bool, c)
IRIS_SELECT_MIXED(IRIS_S, IRIS_V, bool, c)
#define IRIS_NO_COMMA __impl::same_t<vec<bool, N>>
IRIS_SELECT_MIXED(IRIS_V, IRIS_S, IRIS_NO_COMMA, c)
IRIS_SELECT_MIXED(IRIS_S, IRIS_V, IRIS_NO_COMMA, c)
#undef IRIS_NO_COMMA
#undef IRIS_SELECT_MIXED

}  // namespace metal

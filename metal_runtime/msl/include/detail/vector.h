// vec<T, N>: constructors, conversions and operators of the vectors of 2, 3 and 4 (MSL section 2.2).
//
// Operators take their operands by value: with references clang splits the 128-bit loads.
// Operators are friends that are no templates, so a scalar on either side converts to the vector.
#pragma once
#include "base.h"
#include "bfloat.h"
#include "swizzle.h"

// A vector of type R whose component i is f(a[i]), f(a[i], b[i]), ...; for use inside templates over N.
#define IRIS_MAP1(R, f, a)                                            \
  if constexpr (N == 2) return R(f(a.x), f(a.y));                     \
  else if constexpr (N == 3) return R(f(a.x), f(a.y), f(a.z));        \
  else return R(f(a.x), f(a.y), f(a.z), f(a.w))
#define IRIS_MAP2(R, f, a, b)                                                        \
  if constexpr (N == 2) return R(f(a.x, b.x), f(a.y, b.y));                          \
  else if constexpr (N == 3) return R(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z));        \
  else return R(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w))
#define IRIS_MAP3(R, f, a, b, c)                                                                    \
  if constexpr (N == 2) return R(f(a.x, b.x, c.x), f(a.y, b.y, c.y));                               \
  else if constexpr (N == 3) return R(f(a.x, b.x, c.x), f(a.y, b.y, c.y), f(a.z, b.z, c.z));        \
  else return R(f(a.x, b.x, c.x), f(a.y, b.y, c.y), f(a.z, b.z, c.z), f(a.w, b.w, c.w))

// What C++ makes of a list in braces; the name is the compiler's.
namespace std {
template <typename T>
class initializer_list {
 public:
  constexpr initializer_list() : __begin(nullptr), __size(0) {}
  constexpr const T* begin() const { return __begin; }
  constexpr const T* end() const { return __begin + __size; }
  constexpr size_t size() const { return __size; }

 private:
  const T* __begin;
  size_t __size;
};
}  // namespace std

namespace metal {
using std::initializer_list;

namespace __impl {

struct never;
template <bool Exists, typename T>
using list_if = conditional_t<Exists, std::initializer_list<T>, const never&>;

// Which scalars a vector of T is made from by itself: those that convert without losing a fraction.
template <typename U, typename T>
inline constexpr bool splats_implicitly = is_float<U>
    ? is_float<T> && (__is_same(U, T) || !(__is_same(T, bfloat) || (__is_same(U, bfloat) && __is_same(T, half))))
    : __is_convertible_to(U, T);
template <typename U, typename T>
inline constexpr bool splats_explicitly = is_float<U> && !splats_implicitly<U, T>;

template <int N>
inline constexpr int room = N == 3 ? 4 : N;  // a vector of 3 takes the room of 4

// Shift counts are taken modulo the width, as the hardware does.
template <typename T>
IRIS_FN constexpr T shift_left(T a, T count) {
  return T(a << (count & T(bits_of<T> - 1)));
}
template <typename T>
IRIS_FN constexpr T shift_right(T a, T count) {
  return T(a >> (count & T(bits_of<T> - 1)));
}

}  // namespace __impl

template <typename T, int N>
struct alignas(sizeof(T) * __impl::room<N>) vec : __impl::components<T, N> {
  static_assert(N >= 2 && N <= 4, "a vector has 2, 3 or 4 components");
  using __base = __impl::components<T, N>;
  using __v2 = vec<T, 2>;
  using __v3 = vec<T, 3>;

  vec() = default;

  // One scalar for every component.
  template <typename U, __impl::enable_if_t<__impl::splats_implicitly<U, T>, int> = 0>
  IRIS_FN constexpr vec(U s) : __base(__splat(T(s))) {}
  template <typename U, __impl::enable_if_t<__impl::splats_explicitly<U, T>, int> = 0>
  IRIS_FN constexpr explicit vec(U s) : __base(__splat(T(s))) {}

  // Another element type: written out only.
  template <typename U>
  IRIS_FN constexpr explicit vec(vec<U, N> v) : __base(__convert(v)) {}
  template <typename U>
  IRIS_FN constexpr explicit vec(packed_vec<U, N> v) : __base(__convert(v)) {}
  IRIS_FN constexpr vec(packed_vec<T, N> v) : __base(v) {}

  // Scalars and vectors that make up N components together.
  IRIS_FN constexpr vec(T a, T b) : __base{a, b} { static_assert(N == 2, "2 components given"); }
  IRIS_FN constexpr vec(T a, T b, T c) : __base{a, b, c} { static_assert(N == 3, "3 components given"); }
  IRIS_FN constexpr vec(T a, T b, T c, T d) : __base{a, b, c, d} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(__v2 a, T b) : __base{a.x, a.y, b} { static_assert(N == 3, "3 components given"); }
  IRIS_FN constexpr vec(T a, __v2 b) : __base{a, b.x, b.y} { static_assert(N == 3, "3 components given"); }
  IRIS_FN constexpr vec(__v2 a, __v2 b) : __base{a.x, a.y, b.x, b.y} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(__v3 a, T b) : __base{a.x, a.y, a.z, b} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(T a, __v3 b) : __base{a, b.x, b.y, b.z} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(__v2 a, T b, T c) : __base{a.x, a.y, b, c} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(T a, __v2 b, T c) : __base{a, b.x, b.y, c} { static_assert(N == 4, "4 components given"); }
  IRIS_FN constexpr vec(T a, T b, __v2 c) : __base{a, b, c.x, c.y} { static_assert(N == 4, "4 components given"); }

  // A list in braces may have fewer scalars than components: the others are zero.
  IRIS_FN constexpr vec(__impl::list_if<(N > 2), T> list) : __base{} {
    if (list.size() == 1) {
      *this = vec(*list.begin());
    } else {
      this->x = list.begin()[0];
      this->y = list.begin()[1];
      if constexpr (N > 2) {
        if (list.size() > 2) this->z = list.begin()[2];
      }
      if constexpr (N > 3) {
        if (list.size() > 3) this->w = list.begin()[3];
      }
    }
  }

  IRIS_FN constexpr T& operator[](int i) { return (&this->x)[i]; }
  IRIS_FN constexpr const T& operator[](int i) const { return (&this->x)[i]; }

#define IRIS_ARITHMETIC(op)                                                                    \
  friend IRIS_FN constexpr vec operator op(vec a, vec b) {                                     \
    static_assert(!__is_same(T, bool), "a vector of bool has no arithmetic operators");        \
    if constexpr (N == 2) return vec(T(a.x op b.x), T(a.y op b.y));                            \
    else if constexpr (N == 3) return vec(T(a.x op b.x), T(a.y op b.y), T(a.z op b.z));        \
    else return vec(T(a.x op b.x), T(a.y op b.y), T(a.z op b.z), T(a.w op b.w));               \
  }                                                                                            \
  IRIS_FN constexpr vec& operator op##=(vec b) { return *this = *this op b; }
  IRIS_ARITHMETIC(+)
  IRIS_ARITHMETIC(-)
  IRIS_ARITHMETIC(*)
  IRIS_ARITHMETIC(/)
  IRIS_ARITHMETIC(%)
#undef IRIS_ARITHMETIC

#define IRIS_BITWISE(op)                                                                       \
  friend IRIS_FN constexpr vec operator op(vec a, vec b) {                                     \
    if constexpr (N == 2) return vec(T(a.x op b.x), T(a.y op b.y));                            \
    else if constexpr (N == 3) return vec(T(a.x op b.x), T(a.y op b.y), T(a.z op b.z));        \
    else return vec(T(a.x op b.x), T(a.y op b.y), T(a.z op b.z), T(a.w op b.w));               \
  }                                                                                            \
  IRIS_FN constexpr vec& operator op##=(vec b) { return *this = *this op b; }
  IRIS_BITWISE(&)
  IRIS_BITWISE(|)
  IRIS_BITWISE(^)
#undef IRIS_BITWISE

  friend IRIS_FN constexpr vec operator<<(vec a, vec b) { IRIS_MAP2(vec, __impl::shift_left<T>, a, b); }
  friend IRIS_FN constexpr vec operator>>(vec a, vec b) { IRIS_MAP2(vec, __impl::shift_right<T>, a, b); }
  IRIS_FN constexpr vec& operator<<=(vec b) { return *this = *this << b; }
  IRIS_FN constexpr vec& operator>>=(vec b) { return *this = *this >> b; }

#define IRIS_COMPARISON(op)                                                                    \
  friend IRIS_FN constexpr vec<bool, N> operator op(vec a, vec b) {                            \
    using R = vec<bool, N>;                                                                    \
    if constexpr (N == 2) return R(a.x op b.x, a.y op b.y);                                    \
    else if constexpr (N == 3) return R(a.x op b.x, a.y op b.y, a.z op b.z);                   \
    else return R(a.x op b.x, a.y op b.y, a.z op b.z, a.w op b.w);                             \
  }
  IRIS_COMPARISON(==)
  IRIS_COMPARISON(!=)
  IRIS_COMPARISON(<)
  IRIS_COMPARISON(<=)
  IRIS_COMPARISON(>)
  IRIS_COMPARISON(>=)
  IRIS_COMPARISON(&&)  // both sides are evaluated: there is no short circuit on vectors
  IRIS_COMPARISON(||)
#undef IRIS_COMPARISON

#define IRIS_UNARY(R, E, op)                                                                   \
  friend IRIS_FN constexpr R operator op(vec a) {                                              \
    if constexpr (N == 2) return R(E(op a.x), E(op a.y));                                      \
    else if constexpr (N == 3) return R(E(op a.x), E(op a.y), E(op a.z));                      \
    else return R(E(op a.x), E(op a.y), E(op a.z), E(op a.w));                                 \
  }
  IRIS_UNARY(vec, T, +)
  IRIS_UNARY(vec, T, -)
  IRIS_UNARY(vec, T, ~)
  using __bools = vec<bool, N>;
  IRIS_UNARY(__bools, bool, !)
#undef IRIS_UNARY

  IRIS_FN constexpr vec& operator++() { return *this = *this + vec(T(1)); }
  IRIS_FN constexpr vec& operator--() { return *this = *this - vec(T(1)); }
  IRIS_FN constexpr vec operator++(int) {
    vec old = *this;
    ++*this;
    return old;
  }
  IRIS_FN constexpr vec operator--(int) {
    vec old = *this;
    --*this;
    return old;
  }

 private:
  IRIS_FN static constexpr __base __splat(T s) {
    if constexpr (N == 2) return {s, s};
    else if constexpr (N == 3) return {s, s, s};
    else return {s, s, s, s};
  }
  template <typename V>
  IRIS_FN static constexpr __base __convert(V v) {
    if constexpr (N == 2) return {T(v.x), T(v.y)};
    else if constexpr (N == 3) return {T(v.x), T(v.y), T(v.z)};
    else return {T(v.x), T(v.y), T(v.z), T(v.w)};
  }
};

// A vector without padding and with the alignment of its element (MSL section 2.2.3).
template <typename T, int N>
struct packed_vec : __impl::components<T, N> {
  using __vec = vec<T, N>;

  packed_vec() = default;
  IRIS_FN constexpr packed_vec(__vec v) : __impl::components<T, N>(v) {}
  template <typename A, typename... B, __impl::enable_if_t<__is_constructible(__vec, A, B...), int> = 0>
  IRIS_FN constexpr explicit packed_vec(A a, B... b) : packed_vec(__vec(a, b...)) {}

  IRIS_FN constexpr T& operator[](int i) { return (&this->x)[i]; }
  IRIS_FN constexpr const T& operator[](int i) const { return (&this->x)[i]; }
};

#define IRIS_PACKED(op)                                                                        \
  template <typename T, int N>                                                                 \
  IRIS_FN constexpr auto operator op(packed_vec<T, N> a, packed_vec<T, N> b) {                 \
    return vec<T, N>(a) op vec<T, N>(b);                                                       \
  }                                                                                            \
  template <typename T, int N>                                                                 \
  IRIS_FN constexpr auto operator op(packed_vec<T, N> a, __impl::same_t<vec<T, N>> b) {        \
    return vec<T, N>(a) op b;                                                                  \
  }                                                                                            \
  template <typename T, int N>                                                                 \
  IRIS_FN constexpr auto operator op(__impl::same_t<vec<T, N>> a, packed_vec<T, N> b) {        \
    return a op vec<T, N>(b);                                                                  \
  }
#define IRIS_PACKED_ASSIGN(op)                                                                 \
  IRIS_PACKED(op)                                                                              \
  template <typename T, int N>                                                                 \
  IRIS_FN constexpr packed_vec<T, N>& operator op##=(packed_vec<T, N>& a, __impl::same_t<vec<T, N>> b) { \
    return a = vec<T, N>(a) op b;                                                              \
  }
IRIS_PACKED_ASSIGN(+)
IRIS_PACKED_ASSIGN(-)
IRIS_PACKED_ASSIGN(*)
IRIS_PACKED_ASSIGN(/)
IRIS_PACKED_ASSIGN(%)
IRIS_PACKED_ASSIGN(&)
IRIS_PACKED_ASSIGN(|)
IRIS_PACKED_ASSIGN(^)
IRIS_PACKED_ASSIGN(<<)
IRIS_PACKED_ASSIGN(>>)
IRIS_PACKED(==)
IRIS_PACKED(!=)
IRIS_PACKED(<)
IRIS_PACKED(<=)
IRIS_PACKED(>)
IRIS_PACKED(>=)
#undef IRIS_PACKED_ASSIGN
#undef IRIS_PACKED

template <typename T, int N>
IRIS_FN constexpr vec<T, N> operator-(packed_vec<T, N> a) {
  return -vec<T, N>(a);
}
template <typename T, int N>
IRIS_FN constexpr vec<T, N> operator+(packed_vec<T, N> a) {
  return a;
}

}  // namespace metal

// The names float4, packed_float4 and so on: global, as in Metal, and in the namespace.
#define IRIS_VECTOR_NAMES(T)                  \
  typedef metal::vec<T, 2> T##2;              \
  typedef metal::vec<T, 3> T##3;              \
  typedef metal::vec<T, 4> T##4;              \
  typedef metal::packed_vec<T, 2> packed_##T##2; \
  typedef metal::packed_vec<T, 3> packed_##T##3; \
  typedef metal::packed_vec<T, 4> packed_##T##4; \
  namespace metal {                           \
  using ::T##2;                               \
  using ::T##3;                               \
  using ::T##4;                               \
  using ::packed_##T##2;                      \
  using ::packed_##T##3;                      \
  using ::packed_##T##4;                      \
  }
IRIS_VECTOR_NAMES(bool)
IRIS_VECTOR_NAMES(char)
IRIS_VECTOR_NAMES(uchar)
IRIS_VECTOR_NAMES(short)
IRIS_VECTOR_NAMES(ushort)
IRIS_VECTOR_NAMES(int)
IRIS_VECTOR_NAMES(uint)
IRIS_VECTOR_NAMES(long)
IRIS_VECTOR_NAMES(ulong)
IRIS_VECTOR_NAMES(half)
IRIS_VECTOR_NAMES(bfloat)
IRIS_VECTOR_NAMES(float)
#undef IRIS_VECTOR_NAMES

// bfloat: the upper half of a float. Each operation is done in float and rounded to nearest even.
#pragma once
#include "base.h"

struct bfloat {
  bfloat() = default;

  // Only integers convert by themselves: a float, and a half, must be converted in so many words,
  // while bfloat converts to float freely (MSL 2.1).
  IRIS_FN constexpr explicit bfloat(float value) : __bits(__round(value)) {}
  template <typename T, typename = metal::__impl::enable_if_t<__is_integral(T)>>
  IRIS_FN constexpr bfloat(T value) : __bits(__round(__round_integer(value))) {}
  IRIS_FN constexpr explicit bfloat(half value) : __bits(__round(float(value))) {}

  // What has a conversion of its own to a number is that number.
  template <typename T, typename = metal::__impl::enable_if_t<__is_class(T) && __is_convertible_to(const T&, float)>, int = 0>
  IRIS_FN constexpr bfloat(const T& value) : __bits(__round(float(value))) {}

  IRIS_FN constexpr operator float() const { return __builtin_bit_cast(float, uint(__bits) << 16); }

  template <typename T>
  IRIS_FN constexpr bfloat& operator+=(T b) { return *this = bfloat(float(*this) + float(b)); }
  template <typename T>
  IRIS_FN constexpr bfloat& operator-=(T b) { return *this = bfloat(float(*this) - float(b)); }
  template <typename T>
  IRIS_FN constexpr bfloat& operator*=(T b) { return *this = bfloat(float(*this) * float(b)); }
  template <typename T>
  IRIS_FN constexpr bfloat& operator/=(T b) { return *this = bfloat(float(*this) / float(b)); }
  IRIS_FN constexpr bfloat& operator++() { return *this += 1.0f; }
  IRIS_FN constexpr bfloat& operator--() { return *this -= 1.0f; }
  IRIS_FN constexpr bfloat operator++(int) {
    bfloat old = *this;
    *this += 1.0f;
    return old;
  }
  IRIS_FN constexpr bfloat operator--(int) {
    bfloat old = *this;
    *this -= 1.0f;
    return old;
  }

  ushort __bits;

 private:
  IRIS_FN static constexpr ushort __round(float value) {
    uint u = __builtin_bit_cast(uint, value);
    uint rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    uint quiet = (u >> 16) | 0x40u;
    return ushort((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
  }
  // Rounds an integer to 8 significant bits first: through float it would be rounded twice.
  template <typename T>
  IRIS_FN static constexpr float __round_integer(T value) {
    if constexpr (sizeof(T) <= 2) {
      return float(value);
    } else {
      using U = metal::__impl::unsigned_of<T>;
      bool negative = value < T(0);
      U magnitude = negative ? U(0) - U(value) : U(value);
      int width = int(sizeof(T) * 8) - (sizeof(T) == 4 ? __builtin_clz(uint(magnitude | 1)) : __builtin_clzl(magnitude | 1));
      int shift = width > 8 ? width - 8 : 0;
      U unit = U(1) << shift;
      U rest = magnitude & (unit - 1);
      U kept = magnitude >> shift;
      U up = U((rest << 1) > unit) | (U((rest << 1) == unit) & kept & U(shift != 0));
      float result = float(int(kept + up)) * float(unit);
      return negative ? -result : result;
    }
  }
};

static_assert(sizeof(bfloat) == 2 && __is_trivially_constructible(bfloat), "bfloat is plain data");

namespace metal {
namespace __impl {

// An integer literal that is one arm of a conditional whose other arm is of type T (msl/bfloat_conditionals.py).
template <typename T, typename L>
constexpr auto arm(L literal) {
  using Other = __remove_cvref(T);
  if constexpr (__is_same(Other, bfloat)) return bfloat(literal);
  else if constexpr (__is_pointer(Other)) return static_cast<Other>(nullptr);
  else return literal;
}

// What bfloat and T give together: an integer adapts, a float wins, half does not mix.
template <typename T>
using with_bfloat = enable_if_t<__is_integral(T) || __is_same(T, float),
                                conditional_t<__is_same(T, float), float, bfloat>>;
template <typename T>
using compared_with_bfloat = enable_if_t<__is_integral(T) || __is_same(T, float), bool>;

}  // namespace __impl
}  // namespace metal

#define IRIS_BFLOAT_ARITHMETIC(op)                                                               \
  IRIS_FN constexpr bfloat operator op(bfloat a, bfloat b) { return bfloat(float(a) op float(b)); } \
  template <typename T>                                                                          \
  IRIS_FN constexpr metal::__impl::with_bfloat<T> operator op(bfloat a, T b) {                   \
    using R = metal::__impl::with_bfloat<T>;                                                     \
    return R(float(a) op float(R(b)));                                                           \
  }                                                                                              \
  template <typename T>                                                                          \
  IRIS_FN constexpr metal::__impl::with_bfloat<T> operator op(T a, bfloat b) {                   \
    using R = metal::__impl::with_bfloat<T>;                                                     \
    return R(float(R(a)) op float(b));                                                           \
  }
IRIS_BFLOAT_ARITHMETIC(+)
IRIS_BFLOAT_ARITHMETIC(-)
IRIS_BFLOAT_ARITHMETIC(*)
IRIS_BFLOAT_ARITHMETIC(/)
#undef IRIS_BFLOAT_ARITHMETIC

#define IRIS_BFLOAT_COMPARISON(op)                                                               \
  IRIS_FN constexpr bool operator op(bfloat a, bfloat b) { return float(a) op float(b); }        \
  template <typename T>                                                                          \
  IRIS_FN constexpr metal::__impl::compared_with_bfloat<T> operator op(bfloat a, T b) {          \
    return float(a) op float(metal::__impl::with_bfloat<T>(b));                                  \
  }                                                                                              \
  template <typename T>                                                                          \
  IRIS_FN constexpr metal::__impl::compared_with_bfloat<T> operator op(T a, bfloat b) {          \
    return float(metal::__impl::with_bfloat<T>(a)) op float(b);                                  \
  }
IRIS_BFLOAT_COMPARISON(==)
IRIS_BFLOAT_COMPARISON(!=)
IRIS_BFLOAT_COMPARISON(<)
IRIS_BFLOAT_COMPARISON(<=)
IRIS_BFLOAT_COMPARISON(>)
IRIS_BFLOAT_COMPARISON(>=)
#undef IRIS_BFLOAT_COMPARISON

IRIS_FN constexpr bfloat operator-(bfloat a) {
  return __builtin_bit_cast(bfloat, ushort(__builtin_bit_cast(ushort, a) ^ 0x8000u));
}
IRIS_FN constexpr bfloat operator+(bfloat a) { return a; }

// The integer functions of MSL 6.3, on scalars and vectors of every integer type.
#pragma once
#include "common.h"
#include "publish.h"

namespace metal {
namespace __impl {

template <int Bytes>
struct wider;
template <>
struct wider<1> {
  using s = short;
  using u = ushort;
};
template <>
struct wider<2> {
  using s = int;
  using u = uint;
};
template <>
struct wider<4> {
  using s = long;
  using u = ulong;
};

template <typename T>
inline constexpr bool is_signed_integer = T(-1) < T(0);
template <typename T>
using wide = conditional_t<is_signed_integer<T>, typename wider<sizeof(T)>::s, typename wider<sizeof(T)>::u>;
template <typename T>
inline constexpr T largest = is_signed_integer<T> ? T(unsigned_of<T>(~unsigned_of<T>(0)) >> 1) : T(~T(0));
template <typename T>
inline constexpr T least_value = is_signed_integer<T> ? T(-largest<T> - 1) : T(0);

template <typename T>
IRIS_FN constexpr unsigned_of<T> absdiff(T x, T y) {
  using U = unsigned_of<T>;
  return x > y ? U(U(x) - U(y)) : U(U(y) - U(x));
}
template <typename T>
IRIS_FN constexpr T addsat(T x, T y) { return __builtin_elementwise_add_sat(x, y); }
template <typename T>
IRIS_FN constexpr T subsat(T x, T y) { return __builtin_elementwise_sub_sat(x, y); }
template <typename T>
IRIS_FN constexpr T hadd(T x, T y) { return T((x & y) + ((x ^ y) >> 1)); }
template <typename T>
IRIS_FN constexpr T rhadd(T x, T y) { return T((x | y) - ((x ^ y) >> 1)); }
template <typename T>
IRIS_FN constexpr T popcount(T x) { return T(__builtin_popcountg(unsigned_of<T>(x))); }
template <typename T>
IRIS_FN constexpr T clz(T x) { return T(__builtin_clzg(unsigned_of<T>(x), bits_of<T>)); }
template <typename T>
IRIS_FN constexpr T ctz(T x) { return T(__builtin_ctzg(unsigned_of<T>(x), bits_of<T>)); }
template <typename T>
IRIS_FN constexpr T reverse_bits(T x) {
  if constexpr (sizeof(T) == 1) return T(__builtin_bitreverse8(uchar(x)));
  else if constexpr (sizeof(T) == 2) return T(__builtin_bitreverse16(ushort(x)));
  else if constexpr (sizeof(T) == 4) return T(__builtin_bitreverse32(uint(x)));
  else return T(__builtin_bitreverse64(ulong(x)));
}
template <typename T>
IRIS_FN constexpr T rotate(T v, T count) {
  using U = unsigned_of<T>;
  constexpr U mask = U(bits_of<T> - 1);
  U left = U(U(count) & mask), right = U(U(0) - left) & mask;
  return T(U(U(v) << left) | U(U(v) >> right));
}
template <typename T>
IRIS_FN constexpr T mulhi(T x, T y) {
  if constexpr (sizeof(T) < 8) {
    return T((wide<T>(x) * wide<T>(y)) >> bits_of<T>);
  } else {  // in halves: there is no vector instruction for a product of 128 bits
    ulong a = ulong(x), b = ulong(y);
    ulong a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    ulong low = a0 * b0, mid = a1 * b0 + (low >> 32), rest = a0 * b1 + (mid & 0xffffffff);
    ulong high = a1 * b1 + (mid >> 32) + (rest >> 32);
    if constexpr (is_signed_integer<T>) high -= (x < 0 ? b : 0) + (y < 0 ? a : 0);
    return T(high);
  }
}
template <typename T>
IRIS_FN constexpr T madhi(T a, T b, T c) { return T(mulhi(a, b) + c); }
template <typename T>
IRIS_FN constexpr T madsat(T a, T b, T c) {
  if constexpr (sizeof(T) < 4) {
    using W = wide<wide<T>>;
    W sum = W(a) * W(b) + W(c);
    return T(clamped(sum, W(least_value<T>), W(largest<T>)));
  } else if constexpr (sizeof(T) == 4) {
    using W = wide<T>;  // the product and the sum of 32-bit numbers do not overflow 64 bits
    return T(clamped(W(W(a) * W(b) + W(c)), W(least_value<T>), W(largest<T>)));
  } else {
    T high = mulhi(a, b), low = T(ulong(a) * ulong(b));
    ulong sum = ulong(low) + ulong(c);
    ulong carry = sum < ulong(c);
    if constexpr (is_signed_integer<T>) {
      long top = high + (c < 0 ? -1l : 0l) + long(carry);
      bool fits = top == (long(sum) >> 63);
      return fits ? T(sum) : (top < 0 ? least_value<T> : largest<T>);
    } else {
      return high + carry == 0 ? T(sum) : largest<T>;
    }
  }
}
// The low 24 bits of each factor; for signed numbers with their sign.
template <typename T>
IRIS_FN constexpr T low24(T x) {
  return is_signed_integer<T> ? T(int(uint(x) << 8) >> 8) : T(uint(x) & 0xffffffu);
}
template <typename T>
IRIS_FN constexpr T mul24(T x, T y) { return T(low24(x) * low24(y)); }
template <typename T>
IRIS_FN constexpr T mad24(T x, T y, T z) { return T(mul24(x, y) + z); }

template <typename T>
IRIS_FN constexpr unsigned_of<T> low_bits(uint count) {
  using U = unsigned_of<T>;
  return count >= uint(bits_of<T>) ? U(~U(0)) : U((U(1) << (count & (bits_of<T> - 1))) - 1);
}
template <typename T>
IRIS_FN constexpr T extract_bits(T x, uint offset, uint count) {
  using U = unsigned_of<T>;
  U field = U(U(x) >> (offset & (bits_of<T> - 1))) & low_bits<T>(count);
  if constexpr (is_signed_integer<T>) {
    U sign = count == 0 ? U(0) : U(U(1) << ((count - 1) & (bits_of<T> - 1)));
    return T(U((field ^ sign) - sign));
  } else {
    return T(field);
  }
}
template <typename T>
IRIS_FN constexpr T insert_bits(T base, T insert, uint offset, uint count) {
  using U = unsigned_of<T>;
  U shift = U(offset & (bits_of<T> - 1));
  U mask = U(low_bits<T>(count) << shift);
  return T(U((U(base) & U(~mask)) | (U(U(insert) << shift) & mask)));
}

}  // namespace __impl

// Each is a plain function of every integer type, so that an argument of another type converts as in Metal.
#define IRIS_OF_INTEGER_1(T) IRIS_FN constexpr T IRIS_NAME(T x) { return __impl::IRIS_NAME(x); }
#define IRIS_OF_INTEGER_2(T) IRIS_FN constexpr T IRIS_NAME(T x, T y) { return __impl::IRIS_NAME(x, y); }
#define IRIS_OF_INTEGER_3(T) IRIS_FN constexpr T IRIS_NAME(T x, T y, T z) { return __impl::IRIS_NAME(x, y, z); }

#define IRIS_NAME popcount
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_1)
IRIS_VECTORS_1(__impl::int_vec, popcount)
#undef IRIS_NAME
#define IRIS_NAME clz
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_1)
IRIS_VECTORS_1(__impl::int_vec, clz)
#undef IRIS_NAME
#define IRIS_NAME ctz
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_1)
IRIS_VECTORS_1(__impl::int_vec, ctz)
#undef IRIS_NAME
#define IRIS_NAME reverse_bits
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_1)
IRIS_VECTORS_1(__impl::int_vec, reverse_bits)
#undef IRIS_NAME
#define IRIS_NAME addsat
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, addsat)
#undef IRIS_NAME
#define IRIS_NAME subsat
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, subsat)
#undef IRIS_NAME
#define IRIS_NAME hadd
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, hadd)
#undef IRIS_NAME
#define IRIS_NAME rhadd
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, rhadd)
#undef IRIS_NAME
#define IRIS_NAME rotate
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, rotate)
#undef IRIS_NAME
#define IRIS_NAME mulhi
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_2)
IRIS_VECTORS_2(__impl::int_vec, mulhi)
#undef IRIS_NAME
#define IRIS_NAME madhi
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_3)
IRIS_VECTORS_3(__impl::int_vec, madhi)
#undef IRIS_NAME
#define IRIS_NAME madsat
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER_3)
IRIS_VECTORS_3(__impl::int_vec, madsat)
#undef IRIS_NAME

// Of int and uint only.
#define IRIS_NAME mul24
IRIS_OF_INTEGER_2(int) IRIS_OF_INTEGER_2(uint)
IRIS_VECTORS_2(__impl::int_vec, mul24)
#undef IRIS_NAME
#define IRIS_NAME mad24
IRIS_OF_INTEGER_3(int) IRIS_OF_INTEGER_3(uint)
IRIS_VECTORS_3(__impl::int_vec, mad24)
#undef IRIS_NAME

// The result has no sign.
#define IRIS_OF_INTEGER(T) \
  IRIS_FN constexpr __impl::unsigned_of<T> absdiff(T x, T y) { return __impl::absdiff(x, y); }
IRIS_INTEGER_TYPES(IRIS_OF_INTEGER)
#undef IRIS_OF_INTEGER
template <typename T, int N>
IRIS_FN __impl::enable_if_t<__impl::is_integer<T>, vec<__impl::unsigned_of<T>, N>> absdiff(
    __impl::components<T, N> a, __impl::components<T, N> b) {
  using V = vec<__impl::unsigned_of<T>, N>;
  IRIS_MAP2(V, absdiff, a, b);
}

template <typename T>
IRIS_FN constexpr __impl::if_integer<T> extract_bits(T x, uint offset, uint count) {
  return __impl::extract_bits(x, offset, count);
}
template <typename T>
IRIS_FN constexpr __impl::if_integer<T> insert_bits(T base, T insert, uint offset, uint count) {
  return __impl::insert_bits(base, insert, offset, count);
}
template <typename T, int N>
IRIS_FN __impl::int_vec<T, N> extract_bits(vec<T, N> x, uint offset, uint count) {
#define IRIS_FIELD(a) __impl::extract_bits(a, offset, count)
  using V = vec<T, N>;
  IRIS_MAP1(V, IRIS_FIELD, x);
#undef IRIS_FIELD
}
template <typename T, int N>
IRIS_FN __impl::int_vec<T, N> insert_bits(vec<T, N> base, vec<T, N> insert, uint offset, uint count) {
#define IRIS_FIELD(a, b) __impl::insert_bits(a, b, offset, count)
  using V = vec<T, N>;
  IRIS_MAP2(V, IRIS_FIELD, base, insert);
#undef IRIS_FIELD
}

}  // namespace metal

// Scalar type names, the function attribute and the few traits that every other header needs.
//
// Everything of ours that is not Metal's stands in `metal::__impl` or has a reserved name, so that
// `using namespace metal;` brings in nothing that a Metal program does not expect.
#pragma once

#if !defined(__clang__) || __cplusplus < 201703L
#error "the metal_stdlib of iris needs clang in C++17 mode"
#endif
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "infinities must stay: add -fhonor-infinities -fhonor-nans to -ffast-math"
#endif

// Inlined always: a call would stop the loop over the threads from being vectorised. On x86-64 also
// regcall: the System V convention hands a float4 over as two halves, and these halves stay in the
// code after inlining and stop vectorisation; regcall hands it over as four floats.
#if defined(__x86_64__)
#define IRIS_CALL __attribute__((regcall))
#define IRIS_FN inline __attribute__((always_inline, regcall))
#else
#define IRIS_CALL
#define IRIS_FN inline __attribute__((always_inline))
#endif

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef _Float16 half;

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef char int8_t;
typedef uchar uint8_t;
typedef short int16_t;
typedef ushort uint16_t;
typedef int int32_t;
typedef uint uint32_t;
typedef long int64_t;
typedef ulong uint64_t;

static_assert(sizeof(long) == 8, "long has 64 bits in Metal");
static_assert(char(-1) < 0, "char is signed in Metal: compile with -fsigned-char");

struct bfloat;

namespace metal {

using ::half;
using ::bfloat;
using ::uchar;
using ::ushort;
using ::uint;
using ::ulong;
using ::size_t;
using ::ptrdiff_t;
using ::intptr_t;
using ::uintptr_t;
using ::int8_t;
using ::uint8_t;
using ::int16_t;
using ::uint16_t;
using ::int32_t;
using ::uint32_t;
using ::int64_t;
using ::uint64_t;

template <typename T, int N>
struct vec;
template <typename T, int N>
struct packed_vec;

namespace __impl {

template <bool B, typename T = void>
struct enable_if {};
template <typename T>
struct enable_if<true, T> {
  using type = T;
};
template <bool B, typename T = void>
using enable_if_t = typename enable_if<B, T>::type;

template <bool B, typename T, typename F>
struct conditional {
  using type = T;
};
template <typename T, typename F>
struct conditional<false, T, F> {
  using type = F;
};
template <bool B, typename T, typename F>
using conditional_t = typename conditional<B, T, F>::type;

// Takes a parameter out of deduction, so that a scalar may convert to the element type of a vector.
template <typename T>
struct same {
  using type = T;
};
template <typename T>
using same_t = typename same<T>::type;

template <typename T>
inline constexpr bool is_float = false;
template <>
inline constexpr bool is_float<float> = true;
template <>
inline constexpr bool is_float<half> = true;
template <>
inline constexpr bool is_float<bfloat> = true;

template <typename T>
inline constexpr bool is_integer = __is_integral(T) && !__is_same(T, bool);
template <typename T>
inline constexpr bool is_number = is_float<T> || is_integer<T>;
template <typename T>
inline constexpr bool is_scalar = is_float<T> || __is_integral(T);

template <typename T>
inline constexpr int bits_of = int(sizeof(T) * 8);

// The integer type of a width in bytes, to look at the bits of a floating-point number.
template <int Bytes>
struct integer_of;
template <>
struct integer_of<1> {
  using s = char;
  using u = uchar;
};
template <>
struct integer_of<2> {
  using s = short;
  using u = ushort;
};
template <>
struct integer_of<4> {
  using s = int;
  using u = uint;
};
template <>
struct integer_of<8> {
  using s = long;
  using u = ulong;
};
template <typename T>
using signed_of = typename integer_of<sizeof(T)>::s;
template <typename T>
using unsigned_of = typename integer_of<sizeof(T)>::u;

template <typename To, typename From>
IRIS_FN constexpr To bits(From from) {
  return __builtin_bit_cast(To, from);
}

}  // namespace __impl
}  // namespace metal

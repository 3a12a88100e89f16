// numeric_limits and the numeric macros of MSL 6.5 and C.
#pragma once
#include "base.h"
#include "bfloat.h"

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VALF __builtin_inff()
#define HUGE_VALH half(__builtin_inff())
#define HUGE_VALBF bfloat(__builtin_inff())

#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define UCHAR_MAX 255
#define CHAR_MAX SCHAR_MAX
#define CHAR_MIN SCHAR_MIN
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u
#define LONG_MAX 9223372036854775807l
#define LONG_MIN (-9223372036854775807l - 1l)
#define ULONG_MAX 18446744073709551615ul

#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define FLT_MAX_10_EXP 38
#define FLT_MAX_EXP 128
#define FLT_MIN_10_EXP (-37)
#define FLT_MIN_EXP (-125)
#define FLT_RADIX 2
#define FLT_MAX 0x1.fffffep127f
#define FLT_MIN 0x1.0p-126f
#define FLT_EPSILON 0x1.0p-23f
#define FP_ILOGB0 (-2147483647 - 1)
#define FP_ILOGBNAN (-2147483647 - 1)

#define HALF_DIG 3
#define HALF_MANT_DIG 11
#define HALF_MAX_10_EXP 4
#define HALF_MAX_EXP 16
#define HALF_MIN_10_EXP (-4)
#define HALF_MIN_EXP (-13)
#define HALF_RADIX 2
#define HALF_MAX half(0x1.ffcp15f)
#define HALF_MIN half(0x1.0p-14f)
#define HALF_EPSILON half(0x1.0p-10f)
#define MAXFLOAT FLT_MAX
#define MAXHALF HALF_MAX
#define MAXBFLOAT bfloat(0x1.fep127f)

#define M_E_F 2.71828182845904523536028747f
#define M_LOG2E_F 1.44269504088896340735992468f
#define M_LOG10E_F 0.434294481903251827651128919f
#define M_LN2_F 0.693147180559945309417232121f
#define M_LN10_F 2.30258509299404568401799145f
#define M_PI_F 3.14159265358979323846264338f
#define M_PI_2_F 1.57079632679489661923132169f
#define M_PI_4_F 0.785398163397448309615660846f
#define M_1_PI_F 0.318309886183790671537767527f
#define M_2_PI_F 0.636619772367581343075535053f
#define M_2_SQRTPI_F 1.12837916709551257389615890f
#define M_SQRT2_F 1.41421356237309504880168872f
#define M_SQRT1_2_F 0.707106781186547524400844362f
#define M_E_H half(M_E_F)
#define M_LOG2E_H half(M_LOG2E_F)
#define M_LOG10E_H half(M_LOG10E_F)
#define M_LN2_H half(M_LN2_F)
#define M_LN10_H half(M_LN10_F)
#define M_PI_H half(M_PI_F)
#define M_PI_2_H half(M_PI_2_F)
#define M_PI_4_H half(M_PI_4_F)
#define M_1_PI_H half(M_1_PI_F)
#define M_2_PI_H half(M_2_PI_F)
#define M_2_SQRTPI_H half(M_2_SQRTPI_F)
#define M_SQRT2_H half(M_SQRT2_F)
#define M_SQRT1_2_H half(M_SQRT1_2_F)
#define M_E_BF bfloat(M_E_F)
#define M_LOG2E_BF bfloat(M_LOG2E_F)
#define M_LOG10E_BF bfloat(M_LOG10E_F)
#define M_LN2_BF bfloat(M_LN2_F)
#define M_LN10_BF bfloat(M_LN10_F)
#define M_PI_BF bfloat(M_PI_F)
#define M_PI_2_BF bfloat(M_PI_2_F)
#define M_PI_4_BF bfloat(M_PI_4_F)
#define M_1_PI_BF bfloat(M_1_PI_F)
#define M_2_PI_BF bfloat(M_2_PI_F)
#define M_2_SQRTPI_BF bfloat(M_2_SQRTPI_F)
#define M_SQRT2_BF bfloat(M_SQRT2_F)
#define M_SQRT1_2_BF bfloat(M_SQRT1_2_F)

namespace metal {

enum float_round_style {
  round_indeterminate = -1,
  round_toward_zero = 0,
  round_to_nearest = 1,
  round_toward_infinity = 2,
  round_toward_neg_infinity = 3
};
enum float_denorm_style { denorm_indeterminate = -1, denorm_absent = 0, denorm_present = 1 };

// Apple's names beneath numeric_limits, which published kernels specialise for types of their own.
struct _fp_numeric_limits_impl_base {
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false;
  static constexpr bool has_infinity = true, has_quiet_NaN = true, has_signaling_NaN = true;
  static constexpr bool is_iec559 = true, is_bounded = true, is_modulo = false, traps = false;
  static constexpr bool has_denorm_loss = false, tinyness_before = false;
  static constexpr float_denorm_style has_denorm = denorm_present;
  static constexpr float_round_style round_style = round_to_nearest;
};

namespace __impl {

// A type without limits: every member is there, and is zero.
template <typename T>
struct no_limits {
  static constexpr bool is_specialized = false, is_signed = false, is_integer = false, is_exact = false;
  static constexpr bool has_infinity = false, has_quiet_NaN = false, has_signaling_NaN = false;
  static constexpr bool is_iec559 = false, is_bounded = false, is_modulo = false, traps = false;
  static constexpr bool has_denorm_loss = false, tinyness_before = false;
  static constexpr float_denorm_style has_denorm = denorm_absent;
  static constexpr float_round_style round_style = round_toward_zero;
  static constexpr int digits = 0, digits10 = 0, max_digits10 = 0, radix = 0;
  static constexpr int min_exponent = 0, max_exponent = 0, min_exponent10 = 0, max_exponent10 = 0;
  static constexpr T min() { return T(); }
  static constexpr T max() { return T(); }
  static constexpr T lowest() { return T(); }
  static constexpr T epsilon() { return T(); }
  static constexpr T round_error() { return T(); }
  static constexpr T infinity() { return T(); }
  static constexpr T quiet_NaN() { return T(); }
  static constexpr T signaling_NaN() { return T(); }
  static constexpr T denorm_min() { return T(); }
};

template <typename T>
struct integer_limits {
  static constexpr bool is_specialized = true, is_signed = T(-1) < T(0), is_integer = true, is_exact = true;
  static constexpr bool has_infinity = false, has_quiet_NaN = false, has_signaling_NaN = false;
  static constexpr bool is_iec559 = false, is_bounded = true, is_modulo = !is_signed, traps = false;
  static constexpr bool has_denorm_loss = false, tinyness_before = false;
  static constexpr float_denorm_style has_denorm = denorm_absent;
  static constexpr float_round_style round_style = round_toward_zero;
  static constexpr int digits = __is_same(T, bool) ? 1 : int(sizeof(T) * 8) - int(is_signed);
  static constexpr int digits10 = digits * 643 / 2136, radix = 2;  // log10(2) = 643/2136
  static constexpr int max_digits10 = 0, min_exponent = 0, max_exponent = 0, min_exponent10 = 0, max_exponent10 = 0;
  static constexpr T min() {
    if constexpr (is_signed) return T(-max() - 1);
    else return T(0);
  }
  static constexpr T max() {
    if constexpr (__is_same(T, bool)) return true;
    else if constexpr (is_signed) return T(unsigned_of<T>(~unsigned_of<T>(0)) >> 1);
    else return T(~T(0));
  }
  static constexpr T lowest() { return min(); }
  static constexpr T epsilon() { return T(0); }
  static constexpr T round_error() { return T(0); }
  static constexpr T infinity() { return T(0); }
  static constexpr T quiet_NaN() { return T(0); }
  static constexpr T signaling_NaN() { return T(0); }
  static constexpr T denorm_min() { return T(0); }
};

// One, the bit pattern of 1, is all that tells the formats apart beside the number of digits.
template <typename T, int Digits, int MinExponent, int MaxExponent, int MinTen, int MaxTen>
struct float_limits : _fp_numeric_limits_impl_base {
  using U = unsigned_of<T>;
  static constexpr int digits = Digits, digits10 = (Digits - 1) * 643 / 2136, max_digits10 = 2 + Digits * 643 / 2136;
  static constexpr int radix = 2, min_exponent = MinExponent, max_exponent = MaxExponent;
  static constexpr int min_exponent10 = MinTen, max_exponent10 = MaxTen;
  static constexpr U infinity_bits = U(U(2 * MaxExponent - 1) << (Digits - 1));
  static constexpr T min() { return bits<T>(U(U(1) << (Digits - 1))); }
  static constexpr T max() { return bits<T>(U(infinity_bits - 1)); }
  static constexpr T lowest() { return bits<T>(U(U(infinity_bits - 1) | U(U(1) << (bits_of<T> - 1)))); }
  static constexpr T epsilon() { return bits<T>(U(U(MaxExponent - Digits) << (Digits - 1))); }
  static constexpr T round_error() { return bits<T>(U(U(MaxExponent - 2) << (Digits - 1))); }
  static constexpr T infinity() { return bits<T>(infinity_bits); }
  static constexpr T quiet_NaN() { return bits<T>(U(infinity_bits | U(U(1) << (Digits - 2)))); }
  static constexpr T signaling_NaN() { return bits<T>(U(infinity_bits | U(1))); }
  static constexpr T denorm_min() { return bits<T>(U(1)); }
};

}  // namespace __impl

template <typename T>
struct _numeric_limits_impl : __impl::no_limits<T> {};
#define IRIS_INTEGER_LIMITS(T) \
  template <>                  \
  struct _numeric_limits_impl<T> : __impl::integer_limits<T> {};
IRIS_INTEGER_LIMITS(bool)
IRIS_INTEGER_LIMITS(char)
IRIS_INTEGER_LIMITS(signed char)
IRIS_INTEGER_LIMITS(uchar)
IRIS_INTEGER_LIMITS(short)
IRIS_INTEGER_LIMITS(ushort)
IRIS_INTEGER_LIMITS(int)
IRIS_INTEGER_LIMITS(uint)
IRIS_INTEGER_LIMITS(long)
IRIS_INTEGER_LIMITS(ulong)
#undef IRIS_INTEGER_LIMITS
template <>
struct _numeric_limits_impl<float> : __impl::float_limits<float, 24, -125, 128, -37, 38> {};
template <>
struct _numeric_limits_impl<half> : __impl::float_limits<half, 11, -13, 16, -4, 4> {};
template <>
struct _numeric_limits_impl<bfloat> : __impl::float_limits<bfloat, 8, -125, 128, -37, 38> {};

template <typename T>
struct numeric_limits : _numeric_limits_impl<__remove_cv(T)> {};

}  // namespace metal

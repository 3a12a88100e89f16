// Apple's names beneath the simdgroup functions, which published kernels call to give types of their own
// those functions. Macros, so that the place where lanes meet is the caller's.
#pragma once
#include "simdgroup.h"

namespace metal {
namespace __impl {
// Apple's takes a float too.
template <typename T>
IRIS_FN T xor_of_bits(T value, __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  if constexpr (__is_same(T, float)) {
    return __builtin_bit_cast(float, simd_xor(__builtin_bit_cast(uint, value), where));
  } else {
    return simd_xor(value, where);
  }
}
}  // namespace __impl
}  // namespace metal

#define __metal_simd_and(...) metal::simd_and(__VA_ARGS__)
#define __metal_simd_broadcast(...) metal::simd_broadcast(__VA_ARGS__)
#define __metal_simd_broadcast_first(...) metal::simd_broadcast_first(__VA_ARGS__)
#define __metal_simd_max(...) metal::simd_max(__VA_ARGS__)
#define __metal_simd_min(...) metal::simd_min(__VA_ARGS__)
#define __metal_simd_or(...) metal::simd_or(__VA_ARGS__)
#define __metal_simd_prefix_exclusive_product(...) metal::simd_prefix_exclusive_product(__VA_ARGS__)
#define __metal_simd_prefix_exclusive_sum(...) metal::simd_prefix_exclusive_sum(__VA_ARGS__)
#define __metal_simd_prefix_inclusive_product(...) metal::simd_prefix_inclusive_product(__VA_ARGS__)
#define __metal_simd_prefix_inclusive_sum(...) metal::simd_prefix_inclusive_sum(__VA_ARGS__)
#define __metal_simd_product(...) metal::simd_product(__VA_ARGS__)
#define __metal_simd_shuffle(...) metal::simd_shuffle(__VA_ARGS__)
#define __metal_simd_shuffle_and_fill_down(...) metal::simd_shuffle_and_fill_down(__VA_ARGS__)
#define __metal_simd_shuffle_and_fill_up(...) metal::simd_shuffle_and_fill_up(__VA_ARGS__)
#define __metal_simd_shuffle_down(...) metal::simd_shuffle_down(__VA_ARGS__)
#define __metal_simd_shuffle_rotate_down(...) metal::simd_shuffle_rotate_down(__VA_ARGS__)
#define __metal_simd_shuffle_rotate_up(...) metal::simd_shuffle_rotate_up(__VA_ARGS__)
#define __metal_simd_shuffle_up(...) metal::simd_shuffle_up(__VA_ARGS__)
#define __metal_simd_shuffle_xor(...) metal::simd_shuffle_xor(__VA_ARGS__)
#define __metal_simd_sum(...) metal::simd_sum(__VA_ARGS__)
#define __metal_simd_xor(...) metal::__impl::xor_of_bits(__VA_ARGS__)
#define __metal_get_simdgroup_size(...) ushort(32)

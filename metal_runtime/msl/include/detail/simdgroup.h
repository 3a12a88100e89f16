// The functions of simdgroups and quadgroups (MSL 6.9): reductions, prefix sums, shuffles, votes.
//
// Each is a meeting of lanes (fiber.h) and a computation over what they left. The computations stand
// apart in __lanes: they take the values of 32 lanes and the mask of those that take part, so that code
// that runs a whole simdgroup at once can use them without any meeting.
#pragma once
#include "barrier.h"
#include "base.h"
#include "common.h"
#include "fiber.h"
#include "integer.h"
#include "traits.h"
#include "vector.h"

namespace metal {
namespace __lanes {

inline constexpr uint width = __fiber::simd_width;

template <typename T>
inline constexpr bool is_lane_value = __impl::is_scalar<T>;
template <typename T, int N>
inline constexpr bool is_lane_value<vec<T, N>> = true;

// What the functions take: numbers of at most 32 bits and vectors of them (MSL 6.9.2). bfloat is ours beside Metal.
template <typename T>
inline constexpr bool is_argument = __impl::is_number<T> && sizeof(T) <= 4;
template <typename T, int N>
inline constexpr bool is_argument<vec<T, N>> = is_argument<T>;
template <typename T>
using if_argument = __impl::enable_if_t<is_argument<T>, int>;
template <typename T>
inline constexpr bool is_integer_argument = is_argument<T> && !__impl::is_float<T>;
template <typename T, int N>
inline constexpr bool is_integer_argument<vec<T, N>> = is_integer_argument<T>;
template <typename T>
using if_integer_argument = __impl::enable_if_t<is_integer_argument<T>, int>;

// --- operations: how two values combine, and the value that changes nothing -----------------------

struct sum {
  static constexpr bool is_operator = true;
  template <typename T>
  static constexpr T neutral = T(0);
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return T(a + b);
  }
};
struct product {
  static constexpr bool is_operator = true;
  template <typename T>
  static constexpr T neutral = T(1);
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return T(a * b);
  }
};
struct minimum {
  static constexpr bool is_operator = false;
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return metal::min(a, b);
  }
};
struct maximum {
  static constexpr bool is_operator = false;
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return metal::max(a, b);
  }
};
struct bit_and {
  static constexpr bool is_operator = true;
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return T(a & b);
  }
};
struct bit_or {
  static constexpr bool is_operator = true;
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return T(a | b);
  }
};
struct bit_xor {
  static constexpr bool is_operator = true;
  template <typename T>
  IRIS_FN static T combine(T a, T b) {
    return T(a ^ b);
  }
};

// --- computations over `Size` lanes, of which those in `active` take part ---------------------------

// A register of N numbers, whose halves combine at once: clang finds no vectors in a tree by itself.
template <typename T, uint N>
using number_register = T __attribute__((ext_vector_type(N)));

template <typename Operation, uint N, typename T>
IRIS_FN T fold(number_register<T, N> values) {
  if constexpr (N == 2) {
    return Operation::combine(T(values[0]), T(values[1]));
  } else {
    number_register<T, N / 2> low = values.lo, high = values.hi;
    return fold<Operation, N / 2, T>(Operation::combine(low, high));
  }
}

template <typename Operation, typename T>
inline constexpr bool folds_in_registers =
    Operation::is_operator && !__is_same(T, bool) && !__is_same(T, bfloat) && __impl::is_scalar<T>;

// All values combined, in the order of a tree when all lanes take part: lane i with lane i + half.
template <typename Operation, uint Size, typename T>
IRIS_FN T reduce(const T* values, uint active) {
  if (active == ~0u >> (width - Size)) {
    if constexpr (folds_in_registers<Operation, T>) {
      number_register<T, Size> all;
      __builtin_memcpy(&all, values, sizeof all);
      return fold<Operation, Size, T>(all);
    }
    T tree[Size];
    for (uint lane = 0; lane < Size; ++lane) tree[lane] = values[lane];
#pragma clang loop unroll(full)
    for (uint half = Size / 2; half > 0; half /= 2)
      for (uint lane = 0; lane < half; ++lane) tree[lane] = Operation::combine(tree[lane], tree[lane + half]);
    return tree[0];
  }
  T result = values[__builtin_ctz(active)];
  for (uint lane = uint(__builtin_ctz(active)) + 1; lane < Size; ++lane)
    if (active >> lane & 1) result = Operation::combine(result, values[lane]);
  return result;
}

// Each value becomes the combination of those before it, its own included when Inclusive.
template <typename Operation, bool Inclusive, uint Size, typename T>
IRIS_FN void scan(T* values, uint active) {
  T running = Operation::template neutral<T>;
  for (uint lane = 0; lane < Size; ++lane) {
    if (!(active >> lane & 1)) continue;
    T next = Operation::combine(running, values[lane]);
    values[lane] = Inclusive ? next : running;
    running = next;
  }
}

// The lane whose value a shuffle takes; the own lane where there is no such lane, or it takes no part.
IRIS_FN uint source(uint lane, uint from, bool exists, uint active) {
  return exists && (active >> (from & 31) & 1) ? from : lane;
}

// --- meetings: `Size` is 32 for a simdgroup, 4 for a quadgroup ----------------------------------------

// The meeting seen from one group of Size lanes: values, mask and lane count from the group's first.
template <uint Size, typename T>
IRIS_FN __fiber::met<T> meet(T value, __fiber::site where) {
  static_assert(is_lane_value<T>, "simdgroup functions take scalars and vectors");
  __fiber::met<T> lanes = __fiber::meet(value, where);
  if constexpr (Size == 4) {
    uint begin = lanes.lane & ~3u;
    lanes.values += begin;
    lanes.active = lanes.active >> begin & 15;
    lanes.lane &= 3;
  }
  return lanes;
}

template <typename Operation, uint Size, typename T>
IRIS_FN T reduce_all(T value, __fiber::site where) {
  __fiber::met<T> lanes = meet<Size>(value, where);
  // The first lane goes on before the others: what it leaves is there when they come.
  T* result = Size == 4 ? lanes.values + lanes.first() : lanes.result;
  if (lanes.is_first()) *result = reduce<Operation, Size>(lanes.values, lanes.active);
  return *result;
}

template <typename Operation, bool Inclusive, uint Size, typename T>
IRIS_FN T scan_all(T value, __fiber::site where) {
  __fiber::met<T> lanes = meet<Size>(value, where);
  if (lanes.is_first()) scan<Operation, Inclusive, Size>(lanes.values, lanes.active);
  return lanes.values[lanes.lane];
}

template <uint Size, typename T, typename From>
IRIS_FN T shuffle(T value, __fiber::site where, From from) {
  __fiber::met<T> lanes = meet<Size>(value, where);
  int wanted = from(int(lanes.lane));
  return lanes.values[source(lanes.lane, uint(wanted), wanted >= 0 && wanted < int(Size), lanes.active)];
}

template <typename T>
struct filled {
  T value, filling;
};
template <typename T>
inline constexpr bool is_lane_value<filled<T>> = is_lane_value<T>;

// A shift within each part of `modulo` lanes; what has no source there takes the filling of the lane
// at the part's opposite end.
template <uint Size, typename T>
IRIS_FN T shuffle_and_fill(T value, T filling, int shift, int modulo, __fiber::site where) {
  __fiber::met<filled<T>> lanes = meet<Size>(filled<T>{value, filling}, where);
  int lane = int(lanes.lane), begin = lane / modulo * modulo, from = lane + shift;
  bool inside = from >= begin && from < begin + modulo;
  int wrapped = inside ? from : from < begin ? from + modulo : from - modulo;
  bool exists = wrapped >= 0 && wrapped < int(Size);
  filled<T> taken = lanes.values[source(lanes.lane, uint(wrapped), exists, lanes.active)];
  return inside ? taken.value : taken.filling;
}

template <uint Size>
IRIS_FN uint ballot(bool value, __fiber::site where) {
  __fiber::met<bool> lanes = meet<Size>(value, where);
  uint mask = 0;
  for (uint lane = 0; lane < Size; ++lane) mask |= uint(lanes.values[lane]) << lane;
  return mask & lanes.active;
}

template <uint Size>
IRIS_FN uint active(__fiber::site where) {
  return meet<Size>(true, where).active;
}

// --- votes ------------------------------------------------------------------------------------------------

template <uint Size>
struct vote {
  typedef ulong vote_t;
  IRIS_FN explicit constexpr vote(vote_t bits = 0) : __bits(bits) {}
  IRIS_FN explicit constexpr operator vote_t() const { return __bits; }
  IRIS_FN constexpr bool all() const { return __bits == (Size == 32 ? 0xfffffffful : 15ul); }
  IRIS_FN constexpr bool any() const { return __bits != 0; }
  friend IRIS_FN constexpr bool operator==(vote a, vote b) { return a.__bits == b.__bits; }
  friend IRIS_FN constexpr bool operator!=(vote a, vote b) { return a.__bits != b.__bits; }

 private:
  vote_t __bits;
};

}  // namespace __lanes

using simd_vote = __lanes::vote<32>;
using quad_vote = __lanes::vote<4>;

// `where` is the place of the call; nobody passes it.
#define IRIS_WHERE __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())

#define IRIS_GROUP_FUNCTIONS(group, size)                                                                      \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_sum(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::sum, size>(data, where); }   \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_product(T data, IRIS_WHERE) {                                                              \
    return __lanes::reduce_all<__lanes::product, size>(data, where);                                           \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_min(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::minimum, size>(data, where); } \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_max(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::maximum, size>(data, where); } \
  template <typename T, __lanes::if_integer_argument<T> = 0>                                                   \
  IRIS_FN T group##_and(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::bit_and, size>(data, where); } \
  template <typename T, __lanes::if_integer_argument<T> = 0>                                                   \
  IRIS_FN T group##_or(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::bit_or, size>(data, where); } \
  template <typename T, __lanes::if_integer_argument<T> = 0>                                                   \
  IRIS_FN T group##_xor(T data, IRIS_WHERE) { return __lanes::reduce_all<__lanes::bit_xor, size>(data, where); } \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_prefix_inclusive_sum(T data, IRIS_WHERE) {                                                 \
    return __lanes::scan_all<__lanes::sum, true, size>(data, where);                                           \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_prefix_exclusive_sum(T data, IRIS_WHERE) {                                                 \
    return __lanes::scan_all<__lanes::sum, false, size>(data, where);                                          \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_prefix_inclusive_product(T data, IRIS_WHERE) {                                             \
    return __lanes::scan_all<__lanes::product, true, size>(data, where);                                       \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_prefix_exclusive_product(T data, IRIS_WHERE) {                                             \
    return __lanes::scan_all<__lanes::product, false, size>(data, where);                                      \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_broadcast(T data, ushort lane, IRIS_WHERE) {                                               \
    return __lanes::shuffle<size>(data, where, [lane](int) { return int(lane); });                             \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_broadcast_first(T data, IRIS_WHERE) {                                                      \
    __fiber::met<T> lanes = __lanes::meet<size>(data, where);                                                  \
    return lanes.values[lanes.first()];                                                                        \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle(T data, ushort lane, IRIS_WHERE) {                                                 \
    return __lanes::shuffle<size>(data, where, [lane](int) { return int(lane); });                             \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_xor(T data, ushort mask, IRIS_WHERE) {                                             \
    return __lanes::shuffle<size>(data, where, [mask](int lane) { return lane ^ int(mask); });                 \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_up(T data, ushort delta, IRIS_WHERE) {                                             \
    return __lanes::shuffle<size>(data, where, [delta](int lane) { return lane - int(delta); });               \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_down(T data, ushort delta, IRIS_WHERE) {                                           \
    return __lanes::shuffle<size>(data, where, [delta](int lane) { return lane + int(delta); });               \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_rotate_up(T data, ushort delta, IRIS_WHERE) {                                      \
    return __lanes::shuffle<size>(data, where, [delta](int lane) { return (lane - int(delta)) & (size - 1); }); \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_rotate_down(T data, ushort delta, IRIS_WHERE) {                                    \
    return __lanes::shuffle<size>(data, where, [delta](int lane) { return (lane + int(delta)) & (size - 1); }); \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_and_fill_up(T data, T filling_data, ushort delta, ushort modulo = size, IRIS_WHERE) { \
    return __lanes::shuffle_and_fill<size>(data, filling_data, -int(delta), int(modulo), where);        \
  }                                                                                                            \
  template <typename T, __lanes::if_argument<T> = 0>                                                           \
  IRIS_FN T group##_shuffle_and_fill_down(T data, T filling_data, ushort delta, ushort modulo = size, IRIS_WHERE) { \
    return __lanes::shuffle_and_fill<size>(data, filling_data, int(delta), int(modulo), where);         \
  }                                                                                                            \
  IRIS_FN group##_vote group##_ballot(bool expression, IRIS_WHERE) {                                           \
    return group##_vote(__lanes::ballot<size>(expression, where));                                             \
  }                                                                                                            \
  IRIS_FN group##_vote group##_active_threads_mask(IRIS_WHERE) { return group##_vote(__lanes::active<size>(where)); } \
  IRIS_FN bool group##_all(bool expression, IRIS_WHERE) {                                                      \
    return __lanes::reduce_all<__lanes::bit_and, size>(expression, where);                                     \
  }                                                                                                            \
  IRIS_FN bool group##_any(bool expression, IRIS_WHERE) {                                                      \
    return __lanes::reduce_all<__lanes::bit_or, size>(expression, where);                                      \
  }                                                                                                            \
  IRIS_FN bool group##_is_first(IRIS_WHERE) { return __lanes::meet<size>(true, where).is_first(); }            \
  IRIS_FN bool group##_is_helper_thread() { return false; }

IRIS_GROUP_FUNCTIONS(simd, 32)
IRIS_GROUP_FUNCTIONS(quad, 4)
#undef IRIS_GROUP_FUNCTIONS
#undef IRIS_WHERE

}  // namespace metal

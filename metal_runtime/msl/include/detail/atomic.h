// atomic<T> and its functions (MSL 6.15): int, uint, bool, float, ulong, in device and threadgroup memory.
#pragma once
#include "barrier.h"
#include "base.h"

namespace metal {
namespace __impl {

template <typename T>
inline constexpr bool is_atomic_type = false;
template <>
inline constexpr bool is_atomic_type<int> = true;
template <>
inline constexpr bool is_atomic_type<uint> = true;
template <>
inline constexpr bool is_atomic_type<bool> = true;
template <>
inline constexpr bool is_atomic_type<float> = true;
template <>
inline constexpr bool is_atomic_type<ulong> = true;

// Which read-modify-write functions a type has; ulong has min and max without a result only.
template <typename T>
inline constexpr bool is_atomic_number = is_atomic_type<T> && !__is_same(T, bool);
template <typename T>
inline constexpr bool is_atomic_integer = __is_same(T, int) || __is_same(T, uint) || __is_same(T, ulong);

}  // namespace __impl

// Plain data: a buffer of T read as atomic<T> is common practice.
template <typename T>
struct _atomic {
  static_assert(__impl::is_atomic_type<T>, "atomic<T> takes int, uint, bool, float and ulong");
  T __value;
};
template <typename T>
using atomic = _atomic<T>;

typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<bool> atomic_bool;
typedef atomic<float> atomic_float;
typedef atomic<ulong> atomic_ulong;

template <typename T>
IRIS_FN void atomic_store_explicit(volatile atomic<T>* object, __impl::same_t<T> desired, memory_order order) {
  __atomic_store(&object->__value, &desired, order);
}
template <typename T>
IRIS_FN T atomic_load_explicit(const volatile atomic<T>* object, memory_order order) {
  T value;
  __atomic_load(&object->__value, &value, order);
  return value;
}
template <typename T>
IRIS_FN T atomic_exchange_explicit(volatile atomic<T>* object, __impl::same_t<T> desired, memory_order order) {
  T before;
  __atomic_exchange(&object->__value, &desired, &before, order);
  return before;
}
// Compares bits, as C++ does. Never fails without a cause.
template <typename T>
IRIS_FN bool atomic_compare_exchange_weak_explicit(volatile atomic<T>* object, T* expected, __impl::same_t<T> desired,
                                                   memory_order success, memory_order failure) {
  return __atomic_compare_exchange(&object->__value, expected, &desired, false, success, failure);
}

namespace __impl {
template <typename T, typename F>
IRIS_FN T atomic_update(volatile atomic<T>* object, memory_order order, F change) {
  T before = atomic_load_explicit(object, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(object, &before, change(before), order, memory_order_relaxed)) {
  }
  return before;
}
}  // namespace __impl

#define IRIS_ATOMIC_FETCH(name, type_test, integer, other)                                                    \
  template <typename T, __impl::enable_if_t<__impl::type_test<T>, int> = 0>                                   \
  IRIS_FN T atomic_fetch_##name##_explicit(volatile atomic<T>* object, __impl::same_t<T> operand, memory_order order) { \
    if constexpr (__is_integral(T)) return integer(&object->__value, operand, order);                         \
    else return __impl::atomic_update(object, order, [operand](T before) { return T(other); });               \
  }
IRIS_ATOMIC_FETCH(add, is_atomic_number, __atomic_fetch_add, before + operand)
IRIS_ATOMIC_FETCH(sub, is_atomic_number, __atomic_fetch_sub, before - operand)
IRIS_ATOMIC_FETCH(min, is_atomic_integer, __atomic_fetch_min, before)
IRIS_ATOMIC_FETCH(max, is_atomic_integer, __atomic_fetch_max, before)
IRIS_ATOMIC_FETCH(and, is_atomic_integer, __atomic_fetch_and, before)
IRIS_ATOMIC_FETCH(or, is_atomic_integer, __atomic_fetch_or, before)
IRIS_ATOMIC_FETCH(xor, is_atomic_integer, __atomic_fetch_xor, before)
#undef IRIS_ATOMIC_FETCH

// Without a result: ulong alone (MSL 6.15.4.6).
IRIS_FN void atomic_min_explicit(volatile atomic<ulong>* object, ulong operand, memory_order order) {
  __atomic_fetch_min(&object->__value, operand, order);
}
IRIS_FN void atomic_max_explicit(volatile atomic<ulong>* object, ulong operand, memory_order order) {
  __atomic_fetch_max(&object->__value, operand, order);
}

}  // namespace metal

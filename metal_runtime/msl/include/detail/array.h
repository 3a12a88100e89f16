// array<T, N>: a fixed number of values as one value (MSL 2.12).
#pragma once
#include "base.h"

namespace metal {

template <typename T, size_t N>
struct array {
  using value_type = T;
  using size_type = size_t;

  T __elements[N == 0 ? 1 : N];

  IRIS_FN constexpr T& operator[](size_t i) { return __elements[i]; }
  IRIS_FN constexpr const T& operator[](size_t i) const { return __elements[i]; }
  IRIS_FN constexpr T* data() { return __elements; }
  IRIS_FN constexpr const T* data() const { return __elements; }
  IRIS_FN constexpr T* begin() { return __elements; }
  IRIS_FN constexpr const T* begin() const { return __elements; }
  IRIS_FN constexpr T* end() { return __elements + N; }
  IRIS_FN constexpr const T* end() const { return __elements + N; }
  IRIS_FN constexpr T& front() { return __elements[0]; }
  IRIS_FN constexpr const T& front() const { return __elements[0]; }
  IRIS_FN constexpr T& back() { return __elements[N - 1]; }
  IRIS_FN constexpr const T& back() const { return __elements[N - 1]; }
  IRIS_FN constexpr size_t size() const { return N; }
  IRIS_FN constexpr size_t max_size() const { return N; }
  IRIS_FN constexpr bool empty() const { return N == 0; }
  IRIS_FN constexpr void fill(const T& value) {
    for (size_t i = 0; i < N; ++i) __elements[i] = value;
  }
};

template <typename T, typename... U>
array(T, U...) -> array<T, 1 + sizeof...(U)>;

}  // namespace metal

// The geometric functions of MSL 6.8, on vectors of float, half and bfloat.
#pragma once
#include "common.h"
#include "math.h"
#include "publish.h"

namespace metal {
namespace __impl {

template <typename T, int N>
using float_of = enable_if_t<is_float<T>, T>;

// Not called dot: argument-dependent lookup would find it beside metal::dot.
template <typename T, int N>
IRIS_FN T inner_product(components<T, N> a, components<T, N> b) {
  T sum = T(T(a.x * b.x) + T(a.y * b.y));
  if constexpr (N > 2) sum = T(sum + T(a.z * b.z));
  if constexpr (N > 3) sum = T(sum + T(a.w * b.w));
  return sum;
}

}  // namespace __impl

template <typename T, int N>
IRIS_FN __impl::float_of<T, N> dot(__impl::components<T, N> a, __impl::components<T, N> b) {
  return __impl::inner_product<T, N>(a, b);
}
template <typename T>
IRIS_FN __impl::float_vec<T, 3> cross(__impl::components<T, 3> a, __impl::components<T, 3> b) {
  return vec<T, 3>(T(a.y * b.z - a.z * b.y), T(a.z * b.x - a.x * b.z), T(a.x * b.y - a.y * b.x));
}
template <typename T, int N>
IRIS_FN __impl::float_of<T, N> length_squared(__impl::components<T, N> a) {
  return __impl::inner_product<T, N>(a, a);
}
template <typename T, int N>
IRIS_FN __impl::float_of<T, N> length(__impl::components<T, N> a) {
  return sqrt(__impl::inner_product<T, N>(a, a));
}
template <typename T, int N>
IRIS_FN __impl::float_of<T, N> distance_squared(vec<T, N> a, vec<T, N> b) {
  return length_squared(a - b);
}
template <typename T, int N>
IRIS_FN __impl::float_of<T, N> distance(vec<T, N> a, vec<T, N> b) {
  return length(a - b);
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> normalize(vec<T, N> a) {
  return a * rsqrt(__impl::inner_product<T, N>(a, a));
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> faceforward(vec<T, N> n, vec<T, N> i, vec<T, N> reference) {
  return dot(reference, i) < T(0.0f) ? n : -n;
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> reflect(vec<T, N> i, vec<T, N> n) {
  return i - T(T(2.0f) * dot(n, i)) * n;
}
template <typename T, int N>
IRIS_FN __impl::float_vec<T, N> refract(vec<T, N> i, vec<T, N> n, __impl::same_t<T> eta) {
  T d = dot(n, i);
  T k = T(T(1.0f) - eta * eta * (T(1.0f) - d * d));
  vec<T, N> bent = eta * i - T(eta * d + sqrt(max(k, T(0.0f)))) * n;
  return k < T(0.0f) ? vec<T, N>(T(0.0f)) : bent;
}

namespace fast {
using metal::distance;
using metal::length;
using metal::normalize;
}  // namespace fast
namespace precise {
using metal::distance;
using metal::length;
using metal::normalize;
}  // namespace precise

}  // namespace metal

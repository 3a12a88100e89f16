// The components of a vector and their swizzles: members x, y, z, w; all else are properties.
//
// A property is read and written through a pair of members, so `v.xy` has the type vec<T, 2> and
// `v.zx += a` works; nothing of it has storage. One getter serves both namings (xyzw and rgba).
#pragma once
#include "base.h"

// IRIS_GET(names, arguments): a swizzle that can be read. Each letter comes as a pair of namings.
#define IRIS_GET2(a, A, b, B)                                            \
  IRIS_FN constexpr vec<T, 2> __get_##a##b() const { return vec<T, 2>(a, b); }   \
  __declspec(property(get = __get_##a##b)) vec<T, 2> a##b, A##B;
#define IRIS_GET3(a, A, b, B, c, C)                                                  \
  IRIS_FN constexpr vec<T, 3> __get_##a##b##c() const { return vec<T, 3>(a, b, c); }         \
  __declspec(property(get = __get_##a##b##c)) vec<T, 3> a##b##c, A##B##C;
#define IRIS_GET4(a, A, b, B, c, C, d, D)                                            \
  IRIS_FN constexpr vec<T, 4> __get_##a##b##c##d() const { return vec<T, 4>(a, b, c, d); }   \
  __declspec(property(get = __get_##a##b##c##d)) vec<T, 4> a##b##c##d, A##B##C##D;

// IRIS_PUT(names): the same, and it can be assigned to, because no component stands in it twice.
#define IRIS_PUT1(a, A)                                 \
  IRIS_FN constexpr T __get_##a() const { return a; }           \
  IRIS_FN constexpr void __put_##a(T v) { a = v; }              \
  __declspec(property(get = __get_##a, put = __put_##a)) T A;
#define IRIS_PUT2(a, A, b, B)                                            \
  IRIS_FN constexpr vec<T, 2> __get_##a##b() const { return vec<T, 2>(a, b); }   \
  IRIS_FN constexpr void __put_##a##b(vec<T, 2> v) { a = v.x, b = v.y; }         \
  __declspec(property(get = __get_##a##b, put = __put_##a##b)) vec<T, 2> a##b, A##B;
#define IRIS_PUT3(a, A, b, B, c, C)                                                  \
  IRIS_FN constexpr vec<T, 3> __get_##a##b##c() const { return vec<T, 3>(a, b, c); }         \
  IRIS_FN constexpr void __put_##a##b##c(vec<T, 3> v) { a = v.x, b = v.y, c = v.z; }         \
  __declspec(property(get = __get_##a##b##c, put = __put_##a##b##c)) vec<T, 3> a##b##c, A##B##C;
#define IRIS_PUT4(a, A, b, B, c, C, d, D)                                            \
  IRIS_FN constexpr vec<T, 4> __get_##a##b##c##d() const { return vec<T, 4>(a, b, c, d); }   \
  IRIS_FN constexpr void __put_##a##b##c##d(vec<T, 4> v) { a = v.x, b = v.y, c = v.z, d = v.w; } \
  __declspec(property(get = __get_##a##b##c##d, put = __put_##a##b##c##d)) vec<T, 4> a##b##c##d, A##B##C##D;

#include "swizzle_lists.h"

namespace metal {
// Not in __impl: argument-dependent lookup would find its functions for every vector.
namespace __storage {

template <typename T, int N>
struct components;

template <typename T>
struct components<T, 2> {
  T x, y;
  IRIS_SWIZZLES_OF_2
};

template <typename T>
struct components<T, 3> {
  T x, y, z;
  IRIS_SWIZZLES_OF_3
};

template <typename T>
struct components<T, 4> {
  T x, y, z, w;
  IRIS_SWIZZLES_OF_4
};

}  // namespace __storage

namespace __impl {
using __storage::components;
}  // namespace __impl
}  // namespace metal

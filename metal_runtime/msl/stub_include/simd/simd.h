// The names of Apple's <simd/simd.h>, which headers shared with the host use. It stands in the user's text, because
// only a text that includes it has these names.
#pragma once
#include <metal_stdlib>

#define IRIS_SIMD_VECTORS(T)                                             \
  typedef metal::vec<T, 2> vector_##T##2;                                \
  typedef metal::vec<T, 3> vector_##T##3;                                \
  typedef metal::vec<T, 4> vector_##T##4;                                \
  typedef metal::vec<T, 2> simd_##T##2;                                  \
  typedef metal::vec<T, 3> simd_##T##3;                                  \
  typedef metal::vec<T, 4> simd_##T##4;
IRIS_SIMD_VECTORS(char)
IRIS_SIMD_VECTORS(uchar)
IRIS_SIMD_VECTORS(short)
IRIS_SIMD_VECTORS(ushort)
IRIS_SIMD_VECTORS(int)
IRIS_SIMD_VECTORS(uint)
IRIS_SIMD_VECTORS(long)
IRIS_SIMD_VECTORS(ulong)
IRIS_SIMD_VECTORS(half)
IRIS_SIMD_VECTORS(float)
#undef IRIS_SIMD_VECTORS

#define IRIS_SIMD_MATRICES(T, C)                                         \
  typedef metal::matrix<T, C, 2> matrix_##T##C##x2;                      \
  typedef metal::matrix<T, C, 3> matrix_##T##C##x3;                      \
  typedef metal::matrix<T, C, 4> matrix_##T##C##x4;                      \
  typedef metal::matrix<T, C, 2> simd_##T##C##x2;                        \
  typedef metal::matrix<T, C, 3> simd_##T##C##x3;                        \
  typedef metal::matrix<T, C, 4> simd_##T##C##x4;
IRIS_SIMD_MATRICES(half, 2)
IRIS_SIMD_MATRICES(half, 3)
IRIS_SIMD_MATRICES(half, 4)
IRIS_SIMD_MATRICES(float, 2)
IRIS_SIMD_MATRICES(float, 3)
IRIS_SIMD_MATRICES(float, 4)
#undef IRIS_SIMD_MATRICES

namespace simd {
using namespace metal;
}

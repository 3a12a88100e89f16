// matrix<T, C, R>: C columns of R components each, column by column in memory (MSL 2.3).
#pragma once
#include "geometric.h"
#include "relational.h"
#include "vector.h"

namespace metal {

template <typename T, int C, int R>
struct matrix {
  using __column = vec<T, R>;
  __column columns[C];

  matrix() = default;

  // A scalar on the diagonal, one vector for each column, or one scalar for each component.
  IRIS_FN constexpr explicit matrix(T diagonal) : columns{} {
    for (int c = 0; c < C; ++c)
      for (int r = 0; r < R; ++r) columns[c][r] = c == r ? diagonal : T(0.0f);
  }
  template <typename... A, __impl::enable_if_t<sizeof...(A) + 2 == C, int> = 0>
  IRIS_FN constexpr matrix(__column first, __column second, A... rest)
      : columns{first, second, __column(rest)...} {}
  template <typename... A, __impl::enable_if_t<sizeof...(A) + 4 == C * R, int> = 0>
  IRIS_FN constexpr matrix(T a, T b, T c, T d, A... rest) : columns{} {
    const T all[C * R] = {a, b, c, d, T(rest)...};
    for (int i = 0; i < C * R; ++i) columns[i / R][i % R] = all[i];
  }
  template <typename U>
  IRIS_FN constexpr explicit matrix(const matrix<U, C, R>& m) : columns{} {
    for (int c = 0; c < C; ++c) columns[c] = __column(m.columns[c]);
  }

  IRIS_FN constexpr __column& operator[](int c) { return columns[c]; }
  IRIS_FN constexpr const __column& operator[](int c) const { return columns[c]; }

  IRIS_FN constexpr matrix& operator+=(const matrix& b) { return *this = *this + b; }
  IRIS_FN constexpr matrix& operator-=(const matrix& b) { return *this = *this - b; }
  IRIS_FN constexpr matrix& operator*=(T s) { return *this = *this * s; }
  IRIS_FN constexpr matrix& operator*=(const matrix<T, C, C>& b) { return *this = *this * b; }

  friend IRIS_FN constexpr matrix operator+(const matrix& a, const matrix& b) {
    matrix result{};
    for (int c = 0; c < C; ++c) result.columns[c] = a.columns[c] + b.columns[c];
    return result;
  }
  friend IRIS_FN constexpr matrix operator-(const matrix& a, const matrix& b) {
    matrix result{};
    for (int c = 0; c < C; ++c) result.columns[c] = a.columns[c] - b.columns[c];
    return result;
  }
  friend IRIS_FN constexpr matrix operator-(const matrix& a) {
    matrix result{};
    for (int c = 0; c < C; ++c) result.columns[c] = -a.columns[c];
    return result;
  }
  friend IRIS_FN constexpr matrix operator*(const matrix& a, T s) {
    matrix result{};
    for (int c = 0; c < C; ++c) result.columns[c] = a.columns[c] * s;
    return result;
  }
  friend IRIS_FN constexpr matrix operator*(T s, const matrix& a) { return a * s; }
  // A vector on the right is a column, on the left a row.
  friend IRIS_FN constexpr __column operator*(const matrix& a, vec<T, C> v) {
    __column sum = a.columns[0] * v[0];
    for (int c = 1; c < C; ++c) sum += a.columns[c] * v[c];
    return sum;
  }
  friend IRIS_FN constexpr vec<T, C> operator*(__column v, const matrix& a) {
    vec<T, C> result{};
    for (int c = 0; c < C; ++c) result[c] = dot(v, a.columns[c]);
    return result;
  }
  friend IRIS_FN constexpr bool operator==(const matrix& a, const matrix& b) {
    bool equal = true;
    for (int c = 0; c < C; ++c) equal = equal && all(a.columns[c] == b.columns[c]);
    return equal;
  }
  friend IRIS_FN constexpr bool operator!=(const matrix& a, const matrix& b) { return !(a == b); }
};

template <typename T, int K, int R, int C>
IRIS_FN constexpr matrix<T, C, R> operator*(const matrix<T, K, R>& a, const matrix<T, C, K>& b) {
  matrix<T, C, R> result{};
  for (int c = 0; c < C; ++c) result.columns[c] = a * b.columns[c];
  return result;
}

template <typename T, int C, int R>
IRIS_FN constexpr matrix<T, R, C> transpose(const matrix<T, C, R>& m) {
  matrix<T, R, C> result{};
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < R; ++r) result.columns[r][c] = m.columns[c][r];
  return result;
}

template <typename T>
IRIS_FN constexpr T determinant(const matrix<T, 2, 2>& m) {
  return T(m[0].x * m[1].y - m[1].x * m[0].y);
}
template <typename T>
IRIS_FN constexpr T determinant(const matrix<T, 3, 3>& m) {
  return dot(m[0], cross(m[1], m[2]));
}
template <typename T>
IRIS_FN constexpr T determinant(const matrix<T, 4, 4>& m) {
  // Expanded by pairs of rows: six minors of the upper two, six of the lower two.
  T a0 = T(m[0].x * m[1].y - m[1].x * m[0].y), a1 = T(m[0].x * m[2].y - m[2].x * m[0].y);
  T a2 = T(m[0].x * m[3].y - m[3].x * m[0].y), a3 = T(m[1].x * m[2].y - m[2].x * m[1].y);
  T a4 = T(m[1].x * m[3].y - m[3].x * m[1].y), a5 = T(m[2].x * m[3].y - m[3].x * m[2].y);
  T b0 = T(m[0].z * m[1].w - m[1].z * m[0].w), b1 = T(m[0].z * m[2].w - m[2].z * m[0].w);
  T b2 = T(m[0].z * m[3].w - m[3].z * m[0].w), b3 = T(m[1].z * m[2].w - m[2].z * m[1].w);
  T b4 = T(m[1].z * m[3].w - m[3].z * m[1].w), b5 = T(m[2].z * m[3].w - m[3].z * m[2].w);
  return T(a0 * b5 - a1 * b4 + a2 * b3 + a3 * b2 - a4 * b1 + a5 * b0);
}

}  // namespace metal

#define IRIS_MATRIX_NAMES(T, C)             \
  typedef metal::matrix<T, C, 2> T##C##x2;  \
  typedef metal::matrix<T, C, 3> T##C##x3;  \
  typedef metal::matrix<T, C, 4> T##C##x4;  \
  namespace metal {                         \
  using ::T##C##x2;                         \
  using ::T##C##x3;                         \
  using ::T##C##x4;                         \
  }
IRIS_MATRIX_NAMES(float, 2)
IRIS_MATRIX_NAMES(float, 3)
IRIS_MATRIX_NAMES(float, 4)
IRIS_MATRIX_NAMES(half, 2)
IRIS_MATRIX_NAMES(half, 3)
IRIS_MATRIX_NAMES(half, 4)
#undef IRIS_MATRIX_NAMES

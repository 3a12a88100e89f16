// simdgroup_matrix<T, 8, 8> for float, half and bfloat (MSL 6.7): 64 elements spread over the 32 lanes.
//
// Each lane holds two neighbours of a row, in the order that programs relying on Apple's GPUs assume:
// lane l holds row (l / 16) * 4 + l / 2 % 4, columns (l / 8 % 2) * 4 + l % 2 * 2 and the next one.
// Loading and storing need no meeting; a product is computed by the first lane for all.
#pragma once
#include "fiber.h"
#include "simdgroup.h"
#include "vector.h"

namespace metal {
namespace __lanes {

IRIS_FN constexpr uint matrix_row(uint lane) { return lane / 16 * 4 + lane / 2 % 4; }
IRIS_FN constexpr uint matrix_column(uint lane) { return lane / 8 % 2 * 4 + lane % 2 * 2; }

// What a lane hands over for a product, and what it gets back.
template <typename A, typename B>
struct operands {
  vec<A, 2> a;
  vec<B, 2> b;
};

// d = a * b in float, both spread over the lanes; d is row by row.
template <typename A, typename B>
IRIS_FN void multiply(float* d, const operands<A, B>* lanes) {
  float a[64], b[64];
  for (uint lane = 0; lane < width; ++lane) {
    uint at = matrix_row(lane) * 8 + matrix_column(lane);
    a[at] = float(lanes[lane].a.x), a[at + 1] = float(lanes[lane].a.y);
    b[at] = float(lanes[lane].b.x), b[at + 1] = float(lanes[lane].b.y);
  }
  for (uint row = 0; row < 8; ++row) {
    float sum[8] = {};
    for (uint k = 0; k < 8; ++k)
      for (uint column = 0; column < 8; ++column) sum[column] += a[row * 8 + k] * b[k * 8 + column];
    for (uint column = 0; column < 8; ++column) d[row * 8 + column] = sum[column];
  }
}

// The lane's own two elements of a * b.
template <typename A, typename B>
IRIS_FN vec<float, 2> product_of(vec<A, 2> a, vec<B, 2> b, __fiber::site where) {
  __fiber::met<operands<A, B>> lanes = __fiber::meet(operands<A, B>{a, b}, where);
  // The product takes the place of the operands: 8 bytes a lane, and they have 8 or more.
  static_assert(sizeof(operands<A, B>) >= 2 * sizeof(float), "the product has room among the operands");
  float* d = reinterpret_cast<float*>(lanes.values);
  if (lanes.is_first()) {
    float product[64];
    multiply(product, lanes.values);
    __builtin_memcpy(d, product, sizeof product);
  }
  uint at = matrix_row(lanes.lane) * 8 + matrix_column(lanes.lane);
  return vec<float, 2>(d[at], d[at + 1]);
}

}  // namespace __lanes

template <typename T, int Columns = 8, int Rows = Columns>
struct simdgroup_matrix {
  static_assert(Columns == 8 && Rows == 8, "a simdgroup_matrix has 8 columns and 8 rows");
  static_assert(__impl::is_float<T>, "a simdgroup_matrix holds float, half or bfloat");
  using storage_type = vec<T, 2>;

  simdgroup_matrix() = default;
  // A matrix with `diagonal` on the diagonal and zeros beside it.
  IRIS_FN explicit simdgroup_matrix(T diagonal) {
    uint lane = __fiber::current_thread() % __lanes::width;
    uint row = __lanes::matrix_row(lane), column = __lanes::matrix_column(lane);
    __elements = storage_type(row == column ? diagonal : T(0), row == column + 1 ? diagonal : T(0));
  }

  // The lane's own elements. MSL leaves open which they are; see above.
  IRIS_FN storage_type& thread_elements() { return __elements; }
  IRIS_FN const storage_type& thread_elements() const { return __elements; }

 private:
  storage_type __elements;
};

typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <typename T, int Columns = 8, int Rows = Columns>
IRIS_FN simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Columns, Rows> result;
  result.thread_elements() = vec<T, 2>(value);
  return result;
}
template <typename T, int Columns = 8, int Rows = Columns>
IRIS_FN simdgroup_matrix<T, Columns, Rows> make_diagonal_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, Columns, Rows>(value);
}

// The matrix at `source`, whose rows are `elements_per_row` apart; transposed when asked for.
template <typename T, typename U>
IRIS_FN void simdgroup_load(simdgroup_matrix<T, 8, 8>& d, const U* source, ulong elements_per_row = 8,
                            vec<ulong, 2> origin = vec<ulong, 2>(0ul), bool transpose = false) {
  static_assert(__is_same(T, __remove_cv(U)), "the matrix and the memory must hold the same type");
  uint lane = __fiber::current_thread() % __lanes::width;
  ulong row = __lanes::matrix_row(lane), column = __lanes::matrix_column(lane);
  if (transpose) {
    const U* at = source + (origin.y + column) * elements_per_row + origin.x + row;
    d.thread_elements() = vec<T, 2>(at[0], at[elements_per_row]);
  } else {
    const U* at = source + (origin.y + row) * elements_per_row + origin.x + column;
    d.thread_elements() = vec<T, 2>(at[0], at[1]);
  }
}

template <typename T, typename U>
IRIS_FN void simdgroup_store(simdgroup_matrix<T, 8, 8> a, U* destination, ulong elements_per_row = 8,
                             vec<ulong, 2> origin = vec<ulong, 2>(0ul), bool transpose = false) {
  static_assert(__is_same(T, __remove_cv(U)), "the matrix and the memory must hold the same type");
  uint lane = __fiber::current_thread() % __lanes::width;
  ulong row = __lanes::matrix_row(lane), column = __lanes::matrix_column(lane);
  vec<T, 2> own = a.thread_elements();
  if (transpose) {
    U* at = destination + (origin.y + column) * elements_per_row + origin.x + row;
    at[0] = own.x, at[elements_per_row] = own.y;
  } else {
    U* at = destination + (origin.y + row) * elements_per_row + origin.x + column;
    at[0] = own.x, at[1] = own.y;
  }
}

// d = a * b
template <typename D, typename A, typename B>
IRIS_FN void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d, simdgroup_matrix<A, 8, 8> a, simdgroup_matrix<B, 8, 8> b,
                                __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  d.thread_elements() = vec<D, 2>(__lanes::product_of(a.thread_elements(), b.thread_elements(), where));
}

// d = a * b + c
template <typename D, typename A, typename B, typename C>
IRIS_FN void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d, simdgroup_matrix<A, 8, 8> a,
                                           simdgroup_matrix<B, 8, 8> b, simdgroup_matrix<C, 8, 8> c,
                                           __fiber::site where = __fiber::place(__builtin_LINE(),
                                                                                __builtin_COLUMN())) {
  vec<float, 2> product = __lanes::product_of(a.thread_elements(), b.thread_elements(), where);
  d.thread_elements() = vec<D, 2>(product + vec<float, 2>(c.thread_elements()));
}

template <typename T>
IRIS_FN simdgroup_matrix<T, 8, 8> operator*(simdgroup_matrix<T, 8, 8> a, simdgroup_matrix<T, 8, 8> b) {
  simdgroup_matrix<T, 8, 8> result;
  simdgroup_multiply(result, a, b);
  return result;
}

}  // namespace metal

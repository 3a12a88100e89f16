// Kernels split at their meetings: the loops over the threads of a threadgroup, and what lives between them.
//
// Only code that the splitter generates uses this (msl/regions.py); `__group` is what the entry hands over.
#pragma once
#include "base.h"
#include "simdgroup.h"

namespace metal {
namespace __regions {

struct group {
  uint size[3];      // threads of this threadgroup along each axis
  uint threads;
  uint position[3];  // of the threadgroup
  char* rows;        // room for the variables that live across meetings
  char* rows_end;
  uint origin[3];    // place in the grid of its first thread

  // A row of one T a thread, for the rest of the threadgroup's run. Rows begin apart from each other
  // in the cache. Null, and a fault on the first use, when the room is exhausted.
  template <typename T>
  IRIS_FN T* row() {
    size_t bytes = (sizeof(T) * __fiber::max_threads + 127) / 64 * 64;
    char* begin = rows;
    rows += bytes;
    return reinterpret_cast<T*>(__builtin_assume_aligned(rows <= rows_end ? begin : nullptr, 64));
  }
};

// Gives the rows that a scope made back when it ends.
struct mark {
  IRIS_FN explicit mark(group& g) : __group(g), __rows(g.rows) {}
  IRIS_FN ~mark() { __group.rows = __rows; }
  mark(const mark&) = delete;

 private:
  group& __group;
  char* __rows;
};

// One value for each thread from `value`, combined over each simdgroup; every lane's place holds its
// simdgroup's result.
template <typename Operation, typename F>
IRIS_FN auto reduce(group& g, F value) {
  using T = decltype(value(0u, 0u, 0u, 0u));
  T* all = g.template row<T>();
  for (uint k = 0; k < g.size[2]; ++k)
    for (uint j = 0; j < g.size[1]; ++j)
      for (uint i = 0; i < g.size[0]; ++i) {
        uint thread = (k * g.size[1] + j) * g.size[0] + i;
        all[thread] = value(i, j, k, thread);
      }
  for (uint begin = 0; begin < g.threads; begin += __lanes::width) {
    uint left = g.threads - begin, lanes = left < __lanes::width ? left : __lanes::width;
    T result = __lanes::reduce<Operation, __lanes::width>(all + begin, ~0u >> (__lanes::width - lanes));
    for (uint lane = 0; lane < lanes; ++lane) all[begin + lane] = result;
  }
  return all;
}

}  // namespace __regions
}  // namespace metal

// No `#pragma clang loop vectorize(assume_safety)`: clang would let all iterations share what one keeps
// in the stack's memory, and vectorises these loops without it (docs/design/msl-engine.md).
#define IRIS_THREADS_BEGIN                                                  \
  for (uint __k = 0; __k < __group.size[2]; ++__k)                          \
    for (uint __j = 0; __j < __group.size[1]; ++__j) {                      \
      const uint __first = (__k * __group.size[1] + __j) * __group.size[0]; \
      for (uint __i = 0; __i < __group.size[0]; ++__i) {                    \
        const uint __index = __first + __i;
#define IRIS_THREADS_END \
  }                      \
  }

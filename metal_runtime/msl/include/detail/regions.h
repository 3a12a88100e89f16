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

template <typename F>
IRIS_FN void each(group& g, const F& f) {
  for (uint k = 0; k < g.size[2]; ++k)
    for (uint j = 0; j < g.size[1]; ++j)
      for (uint i = 0; i < g.size[0]; ++i) f(i, j, k, (k * g.size[1] + j) * g.size[0] + i);
}

// --- functions of simdgroups and quadgroups: a value of each thread in, a row of results out -------------

// Calls f(first thread, threads, a bit for each of them) for each simdgroup, or quadgroup.
template <uint Size, typename F>
IRIS_FN void each_part(group& g, const F& f) {
  constexpr uint full = ~0u >> (__lanes::width - Size);
  uint begin = 0;
  for (; begin + Size <= g.threads; begin += Size) f(begin, Size, full);  // constants: straight vector code
  if (begin < g.threads) f(begin, g.threads - begin, full >> (Size - (g.threads - begin)));
}

template <typename F>
IRIS_FN auto evaluate(group& g, const F& value) {
  using T = decltype(value(0u, 0u, 0u, 0u));
  static_assert(__lanes::is_lane_value<T>, "simdgroup functions take scalars and vectors");
  T* all = g.template row<T>();
  each(g, [&](uint i, uint j, uint k, uint thread) __attribute__((always_inline)) {
    all[thread] = value(i, j, k, thread);
  });
  return all;
}

template <typename Operation, uint Size, typename F>
IRIS_FN auto reduce(group& g, const F& value) {
  auto* all = evaluate(g, value);
  each_part<Size>(g, [&](uint begin, uint lanes, uint active) __attribute__((always_inline)) {
    auto result = __lanes::reduce<Operation, Size>(all + begin, active);
    for (uint lane = 0; lane < lanes; ++lane) all[begin + lane] = result;
  });
  return all;
}

template <typename Operation, bool Inclusive, uint Size, typename F>
IRIS_FN auto scan(group& g, const F& value) {
  auto* all = evaluate(g, value);
  each_part<Size>(g, [&](uint begin, uint, uint active) __attribute__((always_inline)) {
    __lanes::scan<Operation, Inclusive, Size>(all + begin, active);
  });
  return all;
}

// Which lane a shuffle reads, of a lane and the shuffle's second argument.
struct at_lane { IRIS_FN static int of(int, int by, int) { return by; } };
struct exchanged { IRIS_FN static int of(int lane, int by, int) { return lane ^ by; } };
struct below { IRIS_FN static int of(int lane, int by, int) { return lane - by; } };
struct above { IRIS_FN static int of(int lane, int by, int) { return lane + by; } };
struct rotated_up { IRIS_FN static int of(int lane, int by, int size) { return (lane - by) & (size - 1); } };
struct rotated_down { IRIS_FN static int of(int lane, int by, int size) { return (lane + by) & (size - 1); } };

template <typename From, uint Size, typename F, typename G>
IRIS_FN auto shuffle(group& g, const F& value, const G& argument) {
  auto* all = evaluate(g, value);
  ushort* by = evaluate(g, [&](uint i, uint j, uint k, uint thread) __attribute__((always_inline)) {
    return ushort(argument(i, j, k, thread));
  });
  auto* taken = g.template row<__remove_reference_t(decltype(*all))>();
  each_part<Size>(g, [&](uint begin, uint lanes, uint active) __attribute__((always_inline)) {
    for (uint lane = 0; lane < lanes; ++lane) {
      int wanted = From::of(int(lane), int(by[begin + lane]), int(Size));
      bool exists = wanted >= 0 && wanted < int(Size);
      taken[begin + lane] = all[begin + __lanes::source(lane, uint(wanted), exists, active)];
    }
  });
  return taken;
}

template <int Sign, uint Size, typename F, typename G, typename D, typename M>
IRIS_FN auto shuffle_and_fill(group& g, const F& value, const G& filling, const D& delta,
                              const M& modulo) {
  auto* all = evaluate(g, value);
  auto* fillings = evaluate(g, filling);
  static_assert(__is_same(decltype(all), decltype(fillings)), "value and filling are of one type");
  auto* taken = g.template row<__remove_reference_t(decltype(*all))>();
  int* shifts = g.template row<int>();
  int* parts = g.template row<int>();
  each(g, [&](uint i, uint j, uint k, uint thread) __attribute__((always_inline)) {
    shifts[thread] = Sign * int(ushort(delta(i, j, k, thread)));
    parts[thread] = int(ushort(modulo(i, j, k, thread)));
  });
  each_part<Size>(g, [&](uint begin, uint lanes, uint active) __attribute__((always_inline)) {
    for (uint lane = 0; lane < lanes; ++lane) {
      int part = parts[begin + lane], first = int(lane) / part * part, from = int(lane) + shifts[begin + lane];
      bool inside = from >= first && from < first + part;
      int wrapped = inside ? from : from < first ? from + part : from - part;
      bool exists = wrapped >= 0 && wrapped < int(Size);
      uint source = __lanes::source(lane, uint(wrapped), exists, active);
      taken[begin + lane] = inside ? all[begin + source] : fillings[begin + source];
    }
  });
  return taken;
}

template <uint Size, typename F>
IRIS_FN auto first(group& g, const F& value) {
  auto* all = evaluate(g, value);
  each_part<Size>(g, [&](uint begin, uint lanes, uint) __attribute__((always_inline)) {
    auto result = all[begin];
    for (uint lane = 0; lane < lanes; ++lane) all[begin + lane] = result;
  });
  return all;
}

template <uint Size, typename F>
IRIS_FN auto ballot(group& g, const F& value) {
  bool* all = evaluate(g, value);
  auto* votes = g.template row<__lanes::vote<Size>>();
  each_part<Size>(g, [&](uint begin, uint lanes, uint) __attribute__((always_inline)) {
    uint bits = 0;
    for (uint lane = 0; lane < lanes; ++lane) bits |= uint(all[begin + lane]) << lane;
    for (uint lane = 0; lane < lanes; ++lane) votes[begin + lane] = __lanes::vote<Size>(bits);
  });
  return votes;
}

template <uint Size>
IRIS_FN bool* is_first(group& g) {
  bool* all = g.template row<bool>();
  for (uint thread = 0; thread < g.threads; ++thread) all[thread] = thread % Size == 0;
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

// Threadgroup memory: where the variables that a kernel declares in it lie.
//
// A worker runs one threadgroup at a time and keeps one block of memory for it. Variable number n begins
// at n windows; behind them follow the [[threadgroup(n)]] arguments of the launch.
#pragma once
#include "base.h"
#include "fiber.h"

namespace metal {
namespace __threadgroup {

inline constexpr size_t limit = 32768;         // Metal's, for all variables of a kernel together
inline constexpr size_t window = limit + 256;  // neighbours do not begin in the same cache set

template <typename T>
IRIS_FN T& variable(char* memory, uint number) {
  static_assert(sizeof(T) <= limit, "a threadgroup variable is larger than 32 KB");
  return *reinterpret_cast<T*>(__builtin_assume_aligned(memory + number * window, 64));
}

}  // namespace __threadgroup
}  // namespace metal

// Where the code that runs finds the block: a fiber by its stack pointer, a region by its parameter.
#define IRIS_FIBER_MEMORY (metal::__fiber::current_group()->memory)

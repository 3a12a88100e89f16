// Barriers and fences: where threads wait for each other, and what orders their memory.
//
// One worker runs all threads of a threadgroup, so a barrier needs no processor fence of its own among
// them; device memory that other threadgroups read is ordered by atomics and atomic_thread_fence.
#pragma once
#include "base.h"
#include "fiber.h"

namespace metal {

enum class mem_flags : uint {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
  mem_object_data = 16,
};
IRIS_FN constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint(a) | uint(b)); }
IRIS_FN constexpr mem_flags operator&(mem_flags a, mem_flags b) { return mem_flags(uint(a) & uint(b)); }

// Metal has these two; seq_cst is for fences (MSL 6.15.1).
enum memory_order : int {
  memory_order_relaxed = __ATOMIC_RELAXED,
  memory_order_seq_cst = __ATOMIC_SEQ_CST,
};

enum thread_scope : int {
  thread_scope_thread = 0,
  thread_scope_threadgroup = 1,
  thread_scope_device = 2,
  thread_scope_simdgroup = 4,
};

// All threads of the threadgroup wait here for each other.
IRIS_FN void threadgroup_barrier(mem_flags,
                                 __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  __fiber::wait(where | __fiber::barrier_kind);
}
IRIS_FN void threadgroup_barrier(mem_flags, thread_scope,
                                 __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  __fiber::wait(where | __fiber::barrier_kind);
}

// The threads of the simdgroup wait here for each other.
IRIS_FN void simdgroup_barrier(mem_flags,
                               __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  __fiber::meet_empty(where);
}
IRIS_FN void simdgroup_barrier(mem_flags, thread_scope,
                               __fiber::site where = __fiber::place(__builtin_LINE(), __builtin_COLUMN())) {
  __fiber::meet_empty(where);
}

IRIS_FN void atomic_thread_fence(mem_flags, memory_order order, thread_scope = thread_scope_device) {
  if (order == memory_order_seq_cst) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace metal

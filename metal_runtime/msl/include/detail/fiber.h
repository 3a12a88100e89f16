// Threads of a threadgroup as fibers: where a thread finds its group, and how it waits for the others.
//
// One worker runs all threads of a threadgroup in turn, each on a stack of its own. A thread runs until
// it waits; then the next one goes on. The scheduler (backends/cpu/native/fibers.cpp) shares this
// layout; it is called once a simdgroup and round, all other switches go straight to the next thread.
//
// No thread-local storage: the stacks lie in one arena aligned to its size, so the stack pointer tells
// the group and the thread. These functions may be called on a fiber's stack only.
#pragma once
#include "base.h"

namespace metal {
namespace __fiber {

inline constexpr uint max_threads = 1024;
inline constexpr uint simd_width = 32;
inline constexpr uint max_simdgroups = max_threads / simd_width;
inline constexpr uint slot_shift = 18;   // 256 KiB of address space a stack
inline constexpr uint arena_shift = 29;  // slot 0 holds the group, slots 1 to 1024 the stacks
inline constexpr uint element_bytes = 32;  // the largest value that a lane can hand to another

// A place in the kernel's text where threads wait: the line of the generated text from bit 12 on, the
// column below, so that places are ordered as in the text; with one of these kinds above. 0: has ended.
using site = uint;
inline constexpr site ended = 0;
inline constexpr site barrier_kind = 0x80000000u;  // all threads of the threadgroup meet
inline constexpr site lanes_kind = 0x40000000u;    // the threads of a simdgroup meet
inline constexpr site place_mask = 0x3fffffffu;

inline constexpr site place(int line, int column) {
  return (uint(line) << 12 | uint(column < 4095 ? column : 4095)) & place_mask;
}

// What a thread leaves behind when it waits. The other registers are clobbered by the switch.
struct context {
  void* stack;
  void* resume;
  void* frame;
  void* base;
};

// What the lanes of a simdgroup hand to each other. A round ends when the lanes that met go on; the
// slots alternate, because a lane may write its next value before the last lane has read this one.
struct simdgroup {
  uint round;
  uint active;  // a bit for each lane that met
  uint whole;   // whether these are all lanes
  uchar size[simd_width];   // bytes of the value that a waiting lane left
  const void* left[simd_width];  // and the value itself, on the lane's own stack
  alignas(64) char slots[2][simd_width * element_bytes];
  alignas(64) char result[2][element_bytes];  // computed by the first lane for all
};

inline constexpr ushort ask_scheduler = 0xffff;
inline constexpr uint scheduler_index = max_threads;

struct group {
  context contexts[max_threads + 1];  // the last one is the scheduler's
  ushort next[max_threads];           // who goes on when a thread waits, or ask_scheduler
  site sites[max_threads];            // where each thread waits
  uint (*advance)(group*, uint thread);  // who goes on when all threads of a simdgroup wait
  void (*entry)(void* argument, uint thread);
  void* argument;
  char* memory;  // of the threadgroup: see threadgroup_memory.h
  uint threads;
  simdgroup simdgroups[max_simdgroups];
};

IRIS_FN size_t stack_pointer() {
  size_t value;
#if defined(__x86_64__)
  asm("mov %%rsp, %0" : "=r"(value));
#elif defined(__aarch64__)
  asm("mov %0, sp" : "=r"(value));
#else
#error "fibers run on x86-64 and aarch64"
#endif
  return value;
}

IRIS_FN group* current_group() { return (group*)(stack_pointer() >> arena_shift << arena_shift); }
IRIS_FN uint current_thread() {
  return uint(stack_pointer() >> slot_shift & ((1u << (arena_shift - slot_shift)) - 1)) - 1;
}

// Leaves `from` and goes on in `to`. The stack is not written: a red zone stays whole. The jump keeps
// the processor's return predictor in step, since it never sees a call or a return here.
IRIS_FN void switch_context(context* from, context* to) {
#if defined(__x86_64__)
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%%rdi)\n\t"
      "movq %%rax, 8(%%rdi)\n\t"
      "movq %%rbp, 16(%%rdi)\n\t"
      "movq %%rbx, 24(%%rdi)\n\t"
      "movq 0(%%rsi), %%rsp\n\t"
      "movq 16(%%rsi), %%rbp\n\t"
      "movq 24(%%rsi), %%rbx\n\t"
      "jmpq *8(%%rsi)\n"
      "1:\n\t"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",
        "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15",
#if defined(__AVX512F__)
        "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26",
        "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
        "cc", "memory");
#else
  register context* leave asm("x0") = from;
  register context* enter asm("x1") = to;
  asm volatile(
      "adr x9, 1f\n\t"
      "mov x10, sp\n\t"
      "stp x10, x9, [x0]\n\t"
      "stp x29, x19, [x0, #16]\n\t"
      "ldp x10, x9, [x1]\n\t"
      "ldp x29, x19, [x1, #16]\n\t"
      "mov sp, x10\n\t"
      "br x9\n"
      "1:\n\t"
      "hint #36\n\t"  // bti j
      : "+r"(leave), "+r"(enter)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
        "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4",
        "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
        "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory");
#endif
}

// Waits at `where` until those who have to meet there have come.
IRIS_FN void wait(site where) {
  group* g = current_group();
  uint thread = current_thread();
  g->sites[thread] = where;
  uint next = g->next[thread];
  if (__builtin_expect(next == ask_scheduler, 0)) next = g->advance(g, thread);
  switch_context(&g->contexts[thread], &g->contexts[next]);
}

// Waits for the lanes of the simdgroup, with nothing to hand over.
IRIS_FN void meet_empty(site where) {
  uint thread = current_thread();
  current_group()->simdgroups[thread / simd_width].size[thread % simd_width] = 0;
  wait(where | lanes_kind);
}

// The lanes that met: what each left, by its index in the simdgroup.
template <typename T>
struct met {
  T* values;   // may be changed by the first lane, before any other has gone on
  T* result;   // one more place, for all
  uint active;
  uint lane;

  IRIS_FN uint first() const { return uint(__builtin_ctz(active)); }
  IRIS_FN bool is_first() const { return lane == first(); }
};

// Leaves `value` for the other lanes, waits for them, and gives what they left.
template <typename T>
IRIS_FN met<T> meet(T value, site where) {
  static_assert(sizeof(T) <= element_bytes && alignof(T) <= 64, "a simdgroup function takes scalars and vectors");
  uint thread = current_thread(), lane = thread % simd_width;
  simdgroup* lanes = &current_group()->simdgroups[thread / simd_width];
  uint parity = lanes->round & 1;
  reinterpret_cast<T*>(lanes->slots[parity])[lane] = value;
  lanes->size[lane] = sizeof(T);
  lanes->left[lane] = &value;  // for lanes that wait elsewhere, with values of other sizes
  wait(where | lanes_kind);
  parity = (lanes->round & 1) ^ 1;  // the scheduler has begun the next round
  return met<T>{reinterpret_cast<T*>(lanes->slots[parity]), reinterpret_cast<T*>(lanes->result[parity]), lanes->active,
                lane};
}

}  // namespace __fiber
}  // namespace metal

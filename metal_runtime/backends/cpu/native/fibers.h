// The scheduler of fibers: runs the threads of one threadgroup after another on one worker.
//
// A worker makes one arena and keeps it; an arena serves one worker at a time. After a kernel was left by a
// jump (a fault), the arena is as good as new: the next run begins with fresh fibers.
#pragma once

#include "detail/fiber.h"

#define IRIS_EXPORT extern "C" __attribute__((visibility("default")))

struct iris_fiber_arena;

// What came out of running a threadgroup; the values are known to Python.
enum iris_fiber_outcome : int {
  iris_fibers_finished = 0,   // every thread ended
  iris_fibers_diverged = 1,   // a barrier that not all threads reached: see iris_fiber_report
  iris_fibers_stopped = 2,    // `*stop` became true
  iris_fibers_no_memory = 3,  // the system has no memory for the stacks
};

// A divergent barrier. Places are lines (from bit 12 on) and columns of the generated text.
struct iris_fiber_report {
  unsigned place;        // the barrier
  unsigned arrived;      // threads that wait there
  unsigned ended;        // threads that ended without it
  unsigned other_place;  // another barrier where threads wait; 0: none
  unsigned other_arrived;
  unsigned threads;      // in the threadgroup
};

using iris_fiber_entry = void (*)(void* argument, unsigned thread);

// An arena for one worker, without stacks yet; null when the system gives no address space.
IRIS_EXPORT iris_fiber_arena* iris_fibers_create();
IRIS_EXPORT void iris_fibers_destroy(iris_fiber_arena* arena);

// Calls entry(argument, 0) ... entry(argument, threads - 1), each on its own stack, until all have ended.
// 1 <= threads <= 1024. `stop` may be null; it is read each time all threads have met at a barrier.
IRIS_EXPORT int iris_fibers_run(iris_fiber_arena* arena, unsigned threads, iris_fiber_entry entry, void* argument,
                                const volatile int* stop, iris_fiber_report* report);

// The threadgroup's memory, which the fibers find in their group.
IRIS_EXPORT void iris_fibers_set_memory(iris_fiber_arena* arena, char* memory);

// Which thread's guard page holds `address`, or -1: a fault there means that its stack is exhausted.
IRIS_EXPORT int iris_fibers_overflowed_thread(const iris_fiber_arena* arena, const void* address);

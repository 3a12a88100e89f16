// Fibers: stacks with guard pages, rounds of waiting threads, divergent barriers.
#include "fibers.h"
#include "platform.h"

using metal::__fiber::context;
using metal::__fiber::group;
using metal::__fiber::simdgroup;
namespace fiber = metal::__fiber;

namespace {

constexpr size_t slot_bytes = size_t(1) << fiber::slot_shift;
constexpr size_t arena_alignment = size_t(1) << fiber::arena_shift;
constexpr size_t arena_bytes = slot_bytes * (fiber::max_threads + 1);
constexpr size_t guard_bytes = 16384;  // a whole page on every system, whatever its page size up to 16 KiB
// Stacks a power of two apart would begin in the same cache set; neighbours begin an odd number of
// cache lines apart instead, spread over this many bytes.
constexpr size_t stagger_bytes = 17 * 64;
constexpr size_t stagger_span = 65536;

#ifdef __linux__
constexpr int advice_guard_install = 102;  // MADV_GUARD_INSTALL, Linux 6.13: a guard without a mapping of its own
#endif

}  // namespace

struct iris_fiber_arena {
  group shared;  // at the arena's very beginning: kernels find it by the stack pointer
  unsigned stacks;
  unsigned linked;       // threads that `next` is set up for
  bool clean;            // every fiber stands at the beginning of its loop
  const volatile int* stop;
  iris_fiber_report* report;
  int outcome;
};
static_assert(sizeof(iris_fiber_arena) <= slot_bytes, "the group fills the first slot");
static_assert(sizeof(fiber::simdgroup) % 64 == 0 && sizeof(fiber::context) == 32, "one layout for all");

namespace {

iris_fiber_arena* arena_of(group* g) { return reinterpret_cast<iris_fiber_arena*>(g); }

char* slot_of(iris_fiber_arena* arena, unsigned thread) {
  return reinterpret_cast<char*>(arena) + slot_bytes * (thread + 1);
}

bool protect(char* guard) {
#ifdef __linux__
  if (madvise(guard, guard_bytes, advice_guard_install) == 0) return true;
#endif
  return mprotect(guard, guard_bytes, NO_ACCESS) == 0;
}

// Where every fiber begins, and what it does forever: one thread of each threadgroup that is run.
[[noreturn]] void fiber_main() {
  group* g = fiber::current_group();
  for (;;) {
    g->entry(g->argument, fiber::current_thread());
    fiber::wait(fiber::ended);
  }
}

void* stack_top(iris_fiber_arena* arena, unsigned thread) {
  size_t offset = thread * stagger_bytes % stagger_span;
  char* top = slot_of(arena, thread) + slot_bytes - 64 - offset;
#if defined(__x86_64__)
  top -= sizeof(void*);  // where a call would have left its return address
#endif
  return top;
}

void reset(iris_fiber_arena* arena, unsigned first, unsigned end) {
  for (unsigned thread = first; thread < end; thread++) {
    void* top = stack_top(arena, thread);
    arena->shared.contexts[thread] = context{top, reinterpret_cast<void*>(fiber_main), nullptr, nullptr};
  }
}

bool make_stacks(iris_fiber_arena* arena, unsigned threads) {
  if (threads <= arena->stacks) return true;
  // One mapping for all new stacks; the guards are cut out of it.
  char* begin = slot_of(arena, arena->stacks);
  if (mprotect(begin, slot_bytes * (threads - arena->stacks), READ_WRITE) != 0) return false;
  for (unsigned thread = arena->stacks; thread < threads; thread++)
    if (!protect(slot_of(arena, thread))) return false;
  reset(arena, arena->stacks, threads);
  arena->stacks = threads;
  return true;
}

unsigned simdgroup_begin(unsigned thread) { return thread & ~(fiber::simd_width - 1); }
unsigned simdgroup_end(const group* g, unsigned begin) {
  unsigned end = begin + fiber::simd_width;
  return end < g->threads ? end : g->threads;
}

uint whole_mask(unsigned lanes) { return ~0u >> (fiber::simd_width - lanes); }

// Lane i hands on to lane i + 1, the last one asks.
void link_all(group* g, unsigned begin, unsigned end) {
  for (unsigned thread = begin; thread < end; thread++) g->next[thread] = static_cast<unsigned short>(thread + 1);
  g->next[end - 1] = fiber::ask_scheduler;
  simdgroup* lanes = &g->simdgroups[begin / fiber::simd_width];
  lanes->active = whole_mask(end - begin);
  lanes->whole = 1;
}

void link(iris_fiber_arena* arena, unsigned threads) {
  group* g = &arena->shared;
  if (arena->linked == threads && arena->clean) return;
  g->threads = threads;
  for (unsigned begin = 0; begin < threads; begin += fiber::simd_width) {
    link_all(g, begin, simdgroup_end(g, begin));
    g->simdgroups[begin / fiber::simd_width].round = 0;
  }
  arena->linked = threads;
}

unsigned leave(iris_fiber_arena* arena, int outcome) {
  arena->outcome = outcome;
  arena->clean = outcome == iris_fibers_finished;
  return fiber::scheduler_index;
}

// Every thread waits at a barrier or has ended, but not all alike.
unsigned diverged(iris_fiber_arena* arena) {
  group* g = &arena->shared;
  iris_fiber_report* report = arena->report;
  *report = iris_fiber_report{0, 0, 0, 0, 0, g->threads};
  for (unsigned thread = 0; thread < g->threads; thread++) {
    fiber::site where = g->sites[thread];
    unsigned place = where & fiber::place_mask;
    if (where == fiber::ended) {
      report->ended++;
    } else if (report->place == 0 || report->place == place) {
      report->place = place;
      report->arrived++;
    } else if (report->other_place == 0 || report->other_place == place) {
      report->other_place = place;
      report->other_arrived++;
    }
  }
  return leave(arena, iris_fibers_diverged);
}

// All threads of all simdgroups wait at a barrier or have ended.
unsigned close_round(iris_fiber_arena* arena) {
  group* g = &arena->shared;
  fiber::site first = g->sites[0], different = 0;
  for (unsigned thread = 1; thread < g->threads; thread++) different |= g->sites[thread] ^ first;
  if (different) return diverged(arena);
  return first == fiber::ended ? leave(arena, iris_fibers_finished) : 0;
}

// All lanes of this simdgroup wait at barriers or have ended.
unsigned next_simdgroup(iris_fiber_arena* arena, unsigned begin, unsigned end) {
  group* g = &arena->shared;
  if (!g->simdgroups[begin / fiber::simd_width].whole) link_all(g, begin, end);
  return end < g->threads ? end : close_round(arena);
}

// Lets the lanes of `mask` go on with what they left for each other in this round's slots.
unsigned meet(group* g, unsigned begin, unsigned end, uint mask) {
  simdgroup* lanes = &g->simdgroups[begin / fiber::simd_width];
  if (lanes->whole && mask == whole_mask(end - begin)) {
    lanes->round++;
    return begin;
  }
  unsigned parity = lanes->round & 1;
  unsigned first = begin + unsigned(__builtin_ctz(mask)), previous = first;
  for (unsigned thread = begin; thread < end; thread++) {
    unsigned lane = thread - begin;
    if (!(mask >> lane & 1)) continue;
    // Lanes at other places may have left values of other sizes across these slots.
    size_t size = lanes->size[lane];
    __builtin_memcpy(lanes->slots[parity] + lane * size, lanes->left[lane], size);
    g->next[previous] = static_cast<unsigned short>(thread);
    previous = thread;
  }
  g->next[previous] = fiber::ask_scheduler;
  lanes->active = mask;
  lanes->whole = mask == whole_mask(end - begin);
  lanes->round++;
  return first;
}

// The lanes wait at different places. Those at the earliest place of the text meet first: the others
// have skipped it, or left the loop around it, and will be joined later.
unsigned advance_mixed(iris_fiber_arena* arena, unsigned begin, unsigned end) {
  group* g = &arena->shared;
  fiber::site earliest = 0;
  for (unsigned thread = begin; thread < end; thread++) {
    fiber::site where = g->sites[thread];
    if (where & fiber::lanes_kind && (earliest == 0 || where < earliest)) earliest = where;
  }
  if (earliest == 0) return next_simdgroup(arena, begin, end);  // only barriers and ends
  uint mask = 0;
  for (unsigned thread = begin; thread < end; thread++)
    mask |= uint(g->sites[thread] == earliest) << (thread - begin);
  return meet(g, begin, end, mask);
}

// All lanes of the simdgroup of `thread` wait: who goes on?
uint advance(group* g, uint thread) {
  unsigned begin = simdgroup_begin(thread), end = simdgroup_end(g, begin);
  fiber::site first = g->sites[begin];
  unsigned different = 0;
  for (unsigned other = begin; other < end; other++) different |= g->sites[other] ^ first;
  iris_fiber_arena* arena = arena_of(g);
  if (arena->stop && *arena->stop) return leave(arena, iris_fibers_stopped);
  if (different) return advance_mixed(arena, begin, end);
  if (first & fiber::lanes_kind) return meet(g, begin, end, whole_mask(end - begin));
  return next_simdgroup(arena, begin, end);
}

}  // namespace

IRIS_EXPORT iris_fiber_arena* iris_fibers_create() {
  char* reserved = static_cast<char*>(mmap(nullptr, 2 * arena_alignment, NO_ACCESS, PRIVATE_ANONYMOUS, -1, 0));
  if (reserved == reinterpret_cast<char*>(-1)) return nullptr;
  size_t address = reinterpret_cast<size_t>(reserved);
  size_t before = (arena_alignment - address % arena_alignment) % arena_alignment;
  char* arena = reserved + before;
  if (before) munmap(reserved, before);
  munmap(arena + arena_bytes, 2 * arena_alignment - before - arena_bytes);
  if (mprotect(arena, slot_bytes, READ_WRITE) != 0) {
    munmap(arena, arena_bytes);
    return nullptr;
  }
  auto* made = reinterpret_cast<iris_fiber_arena*>(arena);  // zeros, as the system gives them
  made->clean = true;
  made->shared.advance = advance;
  return made;
}

IRIS_EXPORT void iris_fibers_destroy(iris_fiber_arena* arena) {
  if (arena) munmap(arena, arena_bytes);
}

IRIS_EXPORT int iris_fibers_run(iris_fiber_arena* arena, unsigned threads, iris_fiber_entry entry, void* argument,
                                const volatile int* stop, iris_fiber_report* report) {
  if (!make_stacks(arena, threads)) return iris_fibers_no_memory;
  if (!arena->clean) reset(arena, 0, arena->stacks);
  group* g = &arena->shared;
  link(arena, threads);
  g->entry = entry;
  g->argument = argument;
  arena->stop = stop;
  arena->report = report;
  arena->clean = false;  // until all fibers have come back to their beginning
  fiber::switch_context(&g->contexts[fiber::scheduler_index], &g->contexts[0]);
  return arena->outcome;
}

IRIS_EXPORT void iris_fibers_set_memory(iris_fiber_arena* arena, char* memory) { arena->shared.memory = memory; }

IRIS_EXPORT int iris_fibers_overflowed_thread(const iris_fiber_arena* arena, const void* address) {
  size_t offset = reinterpret_cast<size_t>(address) - reinterpret_cast<size_t>(arena);
  size_t slot = offset >> fiber::slot_shift;
  bool in_guard = offset % slot_bytes < guard_bytes;
  return slot >= 1 && slot <= arena->stacks && in_guard ? int(slot - 1) : -1;
}

// Device memory: pages from the system, followed by some that nobody may touch.
#include "platform.h"

constexpr u64 HUGE_PAGE = u64(2) << 20;
constexpr u64 HUGE_FROM = 2 * HUGE_PAGE;  // below this, rounding would waste more than the larger pages win

constexpr u64 GUARD = u64(1) << 20;  // costs addresses only; an index that is off by a row or two still meets it
extern "C" int getpagesize();

static u64 rounded(u64 bytes, u64 unit) { return (bytes + unit - 1) / unit * unit; }

/// Zeroed memory of at least `bytes`, page aligned; 0 when the system has none.
extern "C" __attribute__((visibility("default"))) u64 iris_allocate(u64 bytes) {
    bool huge = ADVICE_HUGE_PAGES >= 0 && bytes >= HUGE_FROM;
    u64 usable = rounded(bytes ? bytes : 1, getpagesize()), slack = huge ? HUGE_PAGE : 0;
    void *mapped = mmap(nullptr, usable + GUARD + slack, NO_ACCESS, PRIVATE_ANONYMOUS, -1, 0);
    if (mapped == reinterpret_cast<void *>(-1)) return 0;
    u64 start = reinterpret_cast<u64>(mapped), base = huge ? rounded(start, HUGE_PAGE) : start;
    if (base > start) munmap(mapped, base - start);
    u64 end = start + usable + GUARD + slack, wanted_end = base + usable + GUARD;
    if (end > wanted_end) munmap(reinterpret_cast<void *>(wanted_end), end - wanted_end);
    if (mprotect(reinterpret_cast<void *>(base), usable, READ_WRITE) != 0) {
        munmap(reinterpret_cast<void *>(base), usable + GUARD);
        return 0;
    }
    if (huge) madvise(reinterpret_cast<void *>(base), usable, ADVICE_HUGE_PAGES);
    return base;
}

extern "C" __attribute__((visibility("default"))) void iris_free(u64 address, u64 bytes) {
    munmap(reinterpret_cast<void *>(address), rounded(bytes ? bytes : 1, getpagesize()) + GUARD);
}

// The system's interface, declared by hand: the embedded compiler comes without any system's headers.
// Linux (x86-64, AArch64; glibc and musl have the same layouts here) is run; the macOS branches never were.
#pragma once

#include "entry.h"

using __iris::u32;
using __iris::u64;

extern "C" {
typedef u64 pthread_t;
typedef u32 pthread_key_t;
int pthread_create(pthread_t *, const void *, void *(*)(void *), void *);
int pthread_join(pthread_t, void **);
pthread_t pthread_self();
int pthread_kill(pthread_t, int);
int pthread_sigmask(int, const void *, void *);
int pthread_key_create(pthread_key_t *, void (*)(void *));
int pthread_setspecific(pthread_key_t, const void *);
int sigaction(int, const struct SignalAction *, struct SignalAction *);
int sigaltstack(const struct AlternateStack *, struct AlternateStack *);
int sigfillset(void *);
int sigdelset(void *, int);
int raise(int);
void *mmap(void *, u64, int, int, int, long);
int munmap(void *, u64);
int mprotect(void *, u64, int);
int madvise(void *, u64, int);
int clock_gettime(int, struct TimeSpec *);
long syscall(long, ...);
int getpid();
void *malloc(u64);
void free(void *);
void *memcpy(void *, const void *, u64);
int _setjmp(void *) __attribute__((returns_twice));
[[noreturn]] void _longjmp(void *, int);
}

struct TimeSpec {
    long seconds, nanoseconds;
};

constexpr int READ_WRITE = 3, NO_ACCESS = 0;

#ifdef __linux__
constexpr int PRIVATE_ANONYMOUS = 0x22, ADVICE_HUGE_PAGES = 14, MONOTONIC = 1;
constexpr int SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11, SIG_INT = 2, SIG_URG = 23;
constexpr int ON_STACK = 0x08000000, RESTART = 0x10000000, NO_DEFER = 0x40000000, WITH_INFO = 4, STACK_DISABLED = 2, SET_MASK = 2;
struct SignalSet {
    u64 words[16];
};
struct SignalAction {
    void *handler;
    SignalSet mask;
    int flags;
    void (*restorer)();
};
struct AlternateStack {
    void *base;
    int flags;
    u64 size;
};
constexpr int INFO_ADDRESS_OFFSET = 16;
#if defined(__x86_64__)
constexpr long FUTEX_CALL = 202, THREAD_ID_CALL = 186;
#else
constexpr long FUTEX_CALL = 98, THREAD_ID_CALL = 178;
#endif
/// Sleeps while *address == expected, at most that long; may wake for no reason.
static void park(u32 *address, u32 expected, long nanoseconds = -1) {
    TimeSpec limit{nanoseconds / 1000000000, nanoseconds % 1000000000};
    syscall(FUTEX_CALL, address, 128 /* wait, private */, expected, nanoseconds < 0 ? nullptr : &limit, nullptr, 0);
}
static void unpark(u32 *address, u32 count) { syscall(FUTEX_CALL, address, 129 /* wake, private */, count, nullptr, nullptr, 0); }
static bool on_main_thread() { return syscall(THREAD_ID_CALL) == getpid(); }
#else
constexpr int PRIVATE_ANONYMOUS = 0x1002, ADVICE_HUGE_PAGES = -1, MONOTONIC = 6;
constexpr int SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 10, SIG_FPE = 8, SIG_SEGV = 11, SIG_INT = 2, SIG_URG = 16;
constexpr int ON_STACK = 1, RESTART = 2, NO_DEFER = 0x10, WITH_INFO = 0x40, STACK_DISABLED = 4, SET_MASK = 3;
struct SignalSet {
    u32 words[1];
};
struct SignalAction {
    void *handler;
    SignalSet mask;
    int flags;
};
struct AlternateStack {
    void *base;
    u64 size;
    int flags;
};
constexpr int INFO_ADDRESS_OFFSET = 24;
extern "C" int __ulock_wait(u32, void *, u64, u32);
extern "C" int __ulock_wake(u32, void *, u64);
extern "C" int pthread_main_np();
static void park(u32 *address, u32 expected, long nanoseconds = -1) {
    __ulock_wait(1, address, expected, nanoseconds < 0 ? 0 : u32(nanoseconds / 1000));
}
static void unpark(u32 *address, u32 count) { __ulock_wake(count > 1 ? 0x101 : 1, address, 0); }
static bool on_main_thread() { return pthread_main_np(); }
#endif

static u64 now() {  // nanoseconds
    TimeSpec time;
    clock_gettime(MONOTONIC, &time);
    return u64(time.seconds) * 1000000000u + u64(time.nanoseconds);
}

static void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/// While it lives, floating point rounds to nearest and keeps subnormals, whatever the thread had chosen.
struct StandardFloats {
#if defined(__x86_64__)
    u32 before = __builtin_ia32_stmxcsr();
    StandardFloats() { __builtin_ia32_ldmxcsr(0x1f80); }
    ~StandardFloats() { __builtin_ia32_ldmxcsr(before); }
#else
    u64 before;
    StandardFloats() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before));
        __asm__ volatile("msr fpcr, %0" : : "r"(0ul));
    }
    ~StandardFloats() { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#endif
};

template <class T> static T load(const T &place) { return __atomic_load_n(&place, __ATOMIC_SEQ_CST); }
template <class T> static void store(T &place, T value) { __atomic_store_n(&place, value, __ATOMIC_SEQ_CST); }
/// Nanoseconds of spinning before a thread sleeps.
constexpr u64 SPIN_NS = 20000;

template <class T> static T add(T &place, T value) { return __atomic_fetch_add(&place, value, __ATOMIC_SEQ_CST); }

/// A lock held for a few instructions; 0 free, 1 held, 2 held and waited for.
struct Lock {
    u32 state = 0;
    void lock() {
        u32 expected = 0;
        if (__atomic_compare_exchange_n(&state, &expected, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
        while (__atomic_exchange_n(&state, 2u, __ATOMIC_ACQUIRE) != 0) park(&state, 2);
    }
    void unlock() {
        if (__atomic_exchange_n(&state, 0u, __ATOMIC_RELEASE) == 2) unpark(&state, 1);
    }
};
struct Locked {
    Lock &lock;
    explicit Locked(Lock &lock) : lock(lock) { lock.lock(); }
    ~Locked() { lock.unlock(); }
};

// Every thread that runs kernels has a Thread: its guard against faults, and the call it made or serves.
#pragma once

#include "fibers.h"
#include "platform.h"

constexpr int MAX_ARGUMENTS = 62;  // 31 buffers, 31 pieces of threadgroup memory
constexpr u32 MAX_THREADS = 1024;   // of a threadgroup whose threads meet
constexpr u64 ROWS_BYTES = u64(64) << 20;  // address space; pages come when they are touched

enum Outcome : u32 { FINISHED = 0, DIVISION = 1, MEMORY = 2, TRAP = 3, TIME_LIMIT = 4, INTERRUPTED = 5, INVALID = 6, NO_THREADS = 7,
    DIVERGED = 8, STACK = 9, NO_MEMORY = 10 };

/// A compiled kernel as Python made it; `cost` is learned: nanoseconds of one work item.
struct Pipeline {
    __iris::Entry entry;
    u32 by_threadgroup;  // whether a work item is a threadgroup, else a thread
    u32 argument_count;
    u32 meets;           // whether threads of a threadgroup meet or share memory
    u32 reserved;
    double cost;
};

/// How a launch failed, as Python reads it (NativeFailure).
struct Failure {
    u32 outcome, reserved;
    Pipeline *pipeline;
    u64 address;               // the address that a MEMORY fault touched
    iris_fiber_report report;  // of a DIVERGED launch
};

struct Stream;

/// One launch in progress. It lives in its Stream, so that late looks at it stay harmless.
struct Call {
    __iris::Entry entry;
    const void *arguments[MAX_ARGUMENTS];
    __iris::Launch launch;
    Stream *stream;
    Pipeline *pipeline;
    u64 total, grain;
    u64 next;          // the first work item that nobody has taken
    u32 open, workers; // whether the pool's workers may join, and threads inside since then
    u32 state;         // the Outcome, whether a call is in progress, and which: one word, so that nobody ends a later call
    u64 address;       // the address that a MEMORY fault touched
    u64 *times;        // when it began and ended, for who wants to know
    u64 memory_bytes;  // of threadgroup memory; 0 when the kernel's threads work alone
    iris_fiber_report report;  // of a DIVERGED launch
    Call *following;   // in the list of open calls

    static constexpr u32 OUTCOME = 15, IN_PROGRESS = 16, SERIAL = 32;
    static u32 begun(u32 state) { return ((state & ~(SERIAL - 1)) + SERIAL) | IN_PROGRESS; }
    static u32 ended(u32 state) { return state & ~IN_PROGRESS; }
    bool running() const { return (load(state) & OUTCOME) == FINISHED; }
    bool has_work() const { return load(next) < total && running(); }
    /// Writes the outcome if the call still is the one whose state was `seen`, and has none yet.
    bool end(u32 seen, Outcome outcome) {
        u32 expected = (seen & ~OUTCOME) | FINISHED;
        return __atomic_compare_exchange_n(&state, &expected, expected | outcome, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
};

struct Thread {
    alignas(16) unsigned char resume[512];  // a jmp_buf: at most 312 bytes on the supported systems
    __iris::Worker worker;
    iris_fiber_arena *fibers;               // its stacks, made when a kernel first needs them
    u64 memory_bytes;                       // how much threadgroup memory it has
    Call *volatile serving;                 // the call whose kernel this thread runs now
    Failure failure;                        // what the last function that Python called here returned
    Stream *inside;                         // the stream that this thread launches on or waits for
    u32 visits;                             // odd while it does
    u32 interrupted;                        // whether a Ctrl-C came meanwhile
    pthread_t handle;
    bool is_main;
    u32 seen_visits;  // the watchdog's: what it saw last, and since when
    u64 seen_since;
    Thread *following;
    void *stack;      // the alternate signal stack, if it is ours
    u32 in_use;       // a Thread is never given back, only used again: a signal handler may look at any
};

extern Lock registry_lock;
extern Thread *registry;
Thread *this_thread();
/// Forgets every thread but the caller's: the others did not survive a fork.
void keep_only_this_thread();
/// Memory for the threadgroups of a call. False: the system has none.
bool equip(Thread *thread, const Call &call);
/// Gives back the stacks and memory of a thread that ends.
void strip(Thread *thread);
void install_fault_handlers();
/// Ends `call`, if its state still is `seen`, and what runs for it. The registry must be locked.
void stop_call(Call &call, u32 seen, Outcome outcome);

#define EXPORT extern "C" __attribute__((visibility("default")))

constexpr int FAULTS[] = {SIG_FPE, SIG_SEGV, SIG_BUS, SIG_ILL, SIG_TRAP};

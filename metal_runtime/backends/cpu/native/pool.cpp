// The pool: worker threads that stay, open calls in a list, work items taken in chunks until none is left.
#include "streams.h"

constexpr double CHUNK_NS = 100000;  // long beside the cost of taking a chunk, short beside a launch that is worth sharing
constexpr int MAX_WORKERS = 1023;

static Lock stop_lock;     // only one thread ends the workers
static Lock pool_lock;     // guards what follows
static Call *open_calls;   // the one opened first comes first
static pthread_t workers[MAX_WORKERS];
static u32 worker_count, stopping;
static u32 wanted_threads = 1;
static u32 active;         // threads inside open calls

static u32 epoch;          // counts reasons to look for work; idle workers sleep on it
static u32 idle_workers, spinning;

u32 thread_count() { return load(wanted_threads); }

bool has_workers() { return load(worker_count) != 0; }

u64 grain_of(const Call &call, u32 threads) {
    double cost = call.pipeline->cost;
    if (cost == 0) return call.total / 256 + 1;
    double items = CHUNK_NS / cost;
    u64 least = call.total / (u64(threads) * 64) + 1, most = call.total / (u64(threads) * 4) + 1;
    u64 grain = items < double(least) ? least : items > double(most) ? most : u64(items);
    return grain > 2048 ? grain & ~u64(1023) : grain;  // whole vectors, and no line of the cache shared
}

void learn(Pipeline &pipeline, u64 nanoseconds, u64 items) {
    if (items) pipeline.cost = double(nanoseconds) / double(items);  // racing writers each write a sensible value
}

/// Nothing when a fault ended it.
static u64 take_chunks(Thread *thread, Call &call, u64 until) {
    u64 done = 0;
    while (call.running()) {
        u64 grain = __atomic_load_n(&call.grain, __ATOMIC_RELAXED);
        u64 begin = add(call.next, grain);
        if (begin >= call.total) break;
        u64 end = call.total - begin < grain ? call.total : begin + grain;
        call.entry(call.arguments, call.launch, thread->worker, begin, end);
        done += end - begin;
        if (until && now() > until) break;
    }
    return done;
}

u64 serve(Thread *thread, Call &call, u64 until) {
    StandardFloats floats;
    volatile u64 done = 0;
    if (!equip(thread, call)) {
        call.end(load(call.state), NO_MEMORY);
        return 0;
    }
    if (_setjmp(thread->resume) == 0) {
        thread->serving = &call;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        done = take_chunks(thread, call, until);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->serving = nullptr;
    return done;
}

/// Counts the calling thread in with an open call that it may serve, or that is `only`; null when there is none.
static Call *join(Call *only) {
    Locked hold(pool_lock);
    for (Call *call = open_calls; call; call = call->following) {
        if (only && call != only) continue;
        bool nobody = load(call->workers) == 0;
        // A call that was ended before anybody came still needs one to leave it.
        if (call->has_work() ? active < wanted_threads || (only && nobody) : nobody) {
            ++active;
            add(call->workers, 1u);
            return call;
        }
    }
    return nullptr;
}

static void remove(Call &call) {
    for (Call **link = &open_calls; *link; link = &(*link)->following)
        if (*link == &call) {
            *link = call.following;
            return;
        }
}

/// Wakes idle workers, as many as can be useful.
static void rouse(u32 count) {
    add(epoch, 1u);
    if (count && load(idle_workers)) unpark(&epoch, count);
}

static bool any_work() {
    for (Call *call = open_calls; call; call = call->following)
        if (call->has_work()) return true;
    return false;
}

static void leave(Call &call) {
    bool last, others;
    {
        Locked hold(pool_lock);
        --active;
        last = add(call.workers, ~0u) == 1 && !call.has_work();
        if (last) {
            remove(call);
            store(call.open, 0u);
        }
        others = any_work();
    }
    if (others) rouse(1);  // this thread may have been one too many for another call
    if (last) end_call(call);
}

static void serve_and_leave(Thread *thread, Call &call) {
    Pipeline &pipeline = *call.pipeline;
    u64 start = now();
    u64 done = serve(thread, call, 0);
    learn(pipeline, now() - start, done);
    leave(call);
}

bool help(Thread *thread, Call &call) {
    if (!load(call.open) || !join(&call)) return false;
    serve_and_leave(thread, call);
    return true;
}

static bool spin_for_work(u32 seen) {
    for (u64 start = now(); now() - start < SPIN_NS;) {
        for (int i = 0; i < 32; ++i) pause_briefly();
        if (load(epoch) != seen) return true;
    }
    return false;
}

static void wait_for_work(u32 seen) {
    bool spins = add(spinning, 1u) < (thread_count() + 1) / 2;  // the others leave their processor to Python
    bool found = spins && spin_for_work(seen);
    add(spinning, ~0u);
    if (found) return;
    add(idle_workers, 1u);
    park(&epoch, seen);
    add(idle_workers, ~0u);
}

static void *work(void *) {
    SignalSet mask;  // the process's signals belong to Python's threads
    sigfillset(&mask);
    for (int signal : FAULTS) sigdelset(&mask, signal);
    sigdelset(&mask, SIG_URG);
    pthread_sigmask(SET_MASK, &mask, nullptr);
    Thread *thread = this_thread();
    while (thread && !load(stopping)) {
        u32 seen = load(epoch);
        if (Call *call = join(nullptr)) serve_and_leave(thread, *call);
        else wait_for_work(seen);
    }
    return nullptr;
}

/// With the lock held.
static void start_workers() {
    if (stopping) return;  // whoever stops them starts them again
    while (worker_count < wanted_threads && worker_count < MAX_WORKERS)
        if (pthread_create(&workers[worker_count], nullptr, work, nullptr) == 0)
            add(worker_count, 1u);
        else
            break;  // the system gives no more threads: those there are do the work
}

void open_call(Call &call) {
    call.grain = grain_of(call, thread_count());
    u64 chunks = (call.total - load(call.next)) / call.grain + 1;
    u32 helpers;
    {
        Locked hold(pool_lock);
        start_workers();
        helpers = worker_count;
        Call **end = &open_calls;
        while (*end) end = &(*end)->following;
        call.following = nullptr;
        store(call.open, 1u);
        *end = &call;
    }
    rouse(chunks < helpers ? u32(chunks) : helpers);
}

EXPORT void iris_set_threads(u32 count) { store(wanted_threads, count < 1 ? 1u : count); }

EXPORT void iris_install_fault_handlers() { install_fault_handlers(); }

/// Ends the worker threads, unless they are at work; the next launch that wants some starts them again.
EXPORT void iris_stop_workers() {
    Locked alone(stop_lock);
    Locked hold(pool_lock);
    if (open_calls) return;
    store(stopping, 1u);
    add(epoch, 1u);
    unpark(&epoch, MAX_WORKERS);
    pool_lock.unlock();
    for (u32 i = 0; i < worker_count; ++i) pthread_join(workers[i], nullptr);
    pool_lock.lock();
    store(worker_count, 0u);
    store(stopping, 0u);
    if (open_calls) start_workers();  // another thread has launched meanwhile
}

/// In a forked child no thread but the caller lives: forget the others.
EXPORT void iris_after_fork() {
    keep_only_this_thread();
    forget_streams();
    pool_lock = stop_lock = Lock{};
    open_calls = nullptr;
    worker_count = stopping = idle_workers = spinning = active = 0;
    reset_watchdog();
}

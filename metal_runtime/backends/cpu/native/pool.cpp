// The pool: worker threads that stay, open calls in a list, work items taken in chunks until none is left.
#include "threads.h"

constexpr double SOLO_NS = 20000;    // what is shorter is not worth waking anybody for
constexpr double CHUNK_NS = 100000;  // long beside the cost of taking a chunk, short beside a launch that is worth sharing
constexpr u64 SPIN_NS = 20000;       // how long to look for work, or for the last worker, before sleeping
constexpr int MAX_WORKERS = 1023;

static Lock stop_lock;     // only one thread ends the workers
static Lock pool_lock;     // guards what follows
static Call *open_calls;
static pthread_t workers[MAX_WORKERS];
static u32 worker_count, stopping;
static u32 wanted_threads = 1;

static u32 epoch;          // counts reasons to look for work; idle workers sleep on it
static u32 idle_workers;

void watch();
void reset_watchdog();

static u64 aligned_grain(double items, const Call &call, u32 threads) {
    u64 least = call.total / (u64(threads) * 64) + 1, most = call.total / (u64(threads) * 4) + 1;
    u64 grain = items < double(least) ? least : items > double(most) ? most : u64(items);
    return grain > 2048 ? grain & ~u64(1023) : grain;  // whole vectors, and no line of the cache shared
}

/// Takes chunks and runs them until none is left. Returns the work items done; nothing when a fault ended it.
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

static u64 serve(Thread *thread, Call &call, u64 until) {
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

static Call *join_open_call() {
    Locked hold(pool_lock);
    for (Call *call = open_calls; call; call = call->following)
        if (load(call->next) < call->total && call->running()) {
            add(call->workers, 1u);
            return call;
        }
    return nullptr;
}

static void wait_for_work(u32 seen) {
    for (u64 start = now(); now() - start < SPIN_NS;) {
        for (int i = 0; i < 32; ++i) pause_briefly();
        if (load(epoch) != seen) return;
    }
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
        if (Call *call = join_open_call()) {
            serve(thread, *call, 0);
            if (add(call->workers, ~0u) == 1) unpark(&call->workers, 1);
        } else {
            wait_for_work(seen);
        }
    }
    return nullptr;
}

static void open_call(Call &call) {
    u32 helpers;
    {
        Locked hold(pool_lock);
        while (worker_count + 1 < wanted_threads && worker_count < MAX_WORKERS)
            if (pthread_create(&workers[worker_count], nullptr, work, nullptr) == 0)
                ++worker_count;
            else
                break;  // the system gives no more threads: those there are do the work
        helpers = worker_count;
        call.following = open_calls;
        open_calls = &call;
    }
    add(epoch, 1u);
    u64 chunks = (call.total - load(call.next)) / call.grain;
    if (load(idle_workers)) unpark(&epoch, chunks < helpers ? u32(chunks) : helpers);
}

static void close_call(Call &call) {
    {
        Locked hold(pool_lock);
        for (Call **link = &open_calls; *link; link = &(*link)->following)
            if (*link == &call) {
                *link = call.following;
                break;
            }
    }
    u64 start = now();
    while (u32 inside = load(call.workers)) {
        for (int i = 0; i < 16; ++i) pause_briefly();
        if (now() - start > SPIN_NS) park(&call.workers, inside);
    }
}

static void learn(Pipeline &pipeline, double nanoseconds, u64 items) {
    if (items) pipeline.cost = nanoseconds / double(items);  // racing writers each write a sensible value
}

static void run(Thread *thread, Pipeline &pipeline) {
    Call &call = thread->call;
    u64 start = now();
    u32 threads = load(wanted_threads);
    bool alone = threads == 1 || (pipeline.cost != 0 && pipeline.cost * double(call.total) < SOLO_NS);
    bool known = pipeline.cost != 0;
    u64 done = 0;
    if (alone || !known) {  // until it turns out to be long
        call.grain = known ? aligned_grain(CHUNK_NS / pipeline.cost, call, 1) : call.total / 256 + 1;
        done = serve(thread, call, threads == 1 ? 0 : start + u64(SOLO_NS));
        u64 end = now();
        learn(pipeline, double(end - start), done);
        if (load(call.next) >= call.total || !call.running()) return;
        start = end;
    }
    call.grain = aligned_grain(CHUNK_NS / pipeline.cost, call, threads);
    open_call(call);
    done = serve(thread, call, 0);
    learn(pipeline, double(now() - start), done);
    close_call(call);
}

/// What Python packs for a launch; `arguments` follow, and the bytes of values after them.
struct Request {
    u32 grid[3], group[3];
    u32 memory_bytes, reserved;  // of threadgroup memory
};
constexpr u64 RELATIVE = u64(1) << 63;  // marks an argument that is an offset into the request itself

static bool prepare(Call &call, const Pipeline &pipeline, const char *bytes) {
    const Request &request = *reinterpret_cast<const Request *>(bytes);
    const u64 *arguments = reinterpret_cast<const u64 *>(bytes + sizeof(Request));
    unsigned __int128 total = 1;
    for (int axis = 0; axis < 3; ++axis) {
        u32 grid = request.grid[axis], group = request.group[axis];
        if (grid == 0 || group == 0) return false;
        call.launch.grid[axis] = grid;
        call.launch.group[axis] = group;
        call.launch.groups[axis] = u32((u64(grid) + group - 1) / group);
        total *= pipeline.by_threadgroup ? call.launch.groups[axis] : grid;
    }
    if (total >> 62) return false;
    u64 threads = u64(request.group[0]) * request.group[1];
    if (pipeline.meets && (threads > MAX_THREADS || threads * request.group[2] > MAX_THREADS)) return false;
    call.memory_bytes = pipeline.meets ? request.memory_bytes + 64 : 0;
    for (u32 i = 0; i < pipeline.argument_count; ++i)
        call.arguments[i] = arguments[i] & RELATIVE ? bytes + (arguments[i] & ~RELATIVE) : reinterpret_cast<const void *>(arguments[i]);
    call.entry = pipeline.entry;
    call.total = u64(total);
    call.address = 0;
    store(call.next, u64(0));
    return true;
}

#define EXPORT extern "C" __attribute__((visibility("default")))

/// Runs a kernel over its grid; returns an Outcome when all of it has ended.
EXPORT u32 iris_launch(Pipeline *pipeline, const char *request) {
    Thread *thread = this_thread();
    if (!thread) return NO_THREADS;
    Call &call = thread->call;
    if (!prepare(call, *pipeline, request)) return INVALID;
    store(call.state, Call::begun(load(call.state)));
    watch();
    run(thread, *pipeline);
    u32 state = load(call.state);
    store(call.state, Call::ended(state));
    return state & Call::OUTCOME;
}

/// The address that the last launch of this thread touched when it failed.
EXPORT u64 iris_fault_address() { return this_thread()->call.address; }

/// Where and how the last launch of this thread diverged.
EXPORT const iris_fiber_report *iris_divergence() { return &this_thread()->call.report; }

EXPORT void iris_set_threads(u32 count) { store(wanted_threads, count < 1 ? 1u : count); }

EXPORT void iris_install_fault_handlers() { install_fault_handlers(); }

/// Ends the worker threads; the next launch that wants some starts them again.
EXPORT void iris_stop_workers() {
    Locked alone(stop_lock);
    Locked hold(pool_lock);
    if (open_calls) return;  // another thread is at work
    store(stopping, 1u);
    add(epoch, 1u);
    unpark(&epoch, MAX_WORKERS);
    pool_lock.unlock();
    for (u32 i = 0; i < worker_count; ++i) pthread_join(workers[i], nullptr);
    pool_lock.lock();
    worker_count = 0;
    store(stopping, 0u);
}

/// In a forked child no thread but the caller lives: forget the others.
EXPORT void iris_after_fork() {
    keep_only_this_thread();
    pool_lock = stop_lock = Lock{};
    open_calls = nullptr;
    worker_count = stopping = idle_workers = 0;
    reset_watchdog();
}

// The watchdog: one thread that looks at running calls, ends those over the time limit, and those a Ctrl-C is meant for.
#include "streams.h"

constexpr long TICK_NS = 20000000;
constexpr u64 LONG_NS = 60000000;  // a call that lasts longer listens for Ctrl-C
constexpr u32 IDLE_TICKS = 50;     // ticks without a call before the watchdog sleeps for good

static u64 limit_ns = u64(60) * 1000000000;
static u32 running, asleep, alarm;  // `alarm` is what it sleeps on
static u32 interrupts;
static SignalAction interrupt_before;
static bool tapped;
static Lock starting;

// Python only notes a Ctrl-C until it runs again, and it does not while its thread is in a kernel. So the
// watchdog listens too, but only while the main thread is in a long call.
static void on_interrupt(int signal, void *info, void *context) {
    add(interrupts, 1u);
    if (interrupt_before.flags & WITH_INFO)
        reinterpret_cast<void (*)(int, void *, void *)>(interrupt_before.handler)(signal, info, context);
    else
        reinterpret_cast<void (*)(int)>(interrupt_before.handler)(signal);
}

static void listen(bool wanted) {
    SignalAction current{};
    sigaction(SIG_INT, nullptr, &current);
    bool ours = current.handler == reinterpret_cast<void *>(on_interrupt);
    if (wanted && !ours && reinterpret_cast<u64>(current.handler) > 1) {
        interrupt_before = current;
        SignalAction own = current;
        own.handler = reinterpret_cast<void *>(on_interrupt);
        own.flags |= WITH_INFO;
        sigaction(SIG_INT, &own, nullptr);
        tapped = true;
    } else if (!wanted && tapped) {
        if (ours) sigaction(SIG_INT, &interrupt_before, nullptr);
        tapped = false;
    }
}

/// Looks at the call of every stream. Returns whether any runs.
static bool look_at_calls(u64 time) {
    bool any = false;
    for (Stream *stream = load(streams); stream; stream = stream->following) {
        Call &call = stream->call;
        u32 state = load(call.state);
        if (!(state & Call::IN_PROGRESS)) continue;
        any = true;
        bool waits = load(call.next) == 0 && load(call.workers) == 0;  // for workers that others keep busy
        if (waits || (stream->seen_state ^ state) & ~Call::OUTCOME) {
            stream->seen_state = state;
            stream->seen_since = time;
        }
        if (time - stream->seen_since > load(limit_ns)) stop_call(call, state, TIME_LIMIT);
        else if (!call.running()) stop_call(call, state, FINISHED);  // it has failed: end the rest of it
    }
    return any;
}

/// Looks whether the main thread launches or waits, and passes a Ctrl-C on. Returns whether it does.
static bool look_at_main(u64 time, u32 &seen_interrupts) {
    bool inside = false, is_long = false;
    bool interrupted = load(interrupts) != seen_interrupts;
    seen_interrupts = load(interrupts);
    for (Thread *thread = registry; thread; thread = thread->following) {
        u32 visits = load(thread->visits);
        if (!thread->is_main || !thread->in_use || visits % 2 == 0) continue;
        inside = true;
        if (thread->seen_visits != visits) {
            thread->seen_visits = visits;
            thread->seen_since = time;
        }
        is_long |= time - thread->seen_since > LONG_NS;
        Call &call = thread->inside->call;
        u32 state = load(call.state);
        if (!interrupted) continue;
        store(thread->interrupted, 1u);
        if (state & Call::IN_PROGRESS) stop_call(call, state, INTERRUPTED);
    }
    listen(is_long);
    return inside;
}

static bool look(u64 time, u32 &seen_interrupts) {
    Locked hold(registry_lock);
    bool running = look_at_calls(time);
    return look_at_main(time, seen_interrupts) || running;
}

static void *watch_calls(void *) {
    SignalSet mask;
    sigfillset(&mask);
    pthread_sigmask(SET_MASK, &mask, nullptr);
    u32 idle = 0, seen_interrupts = load(interrupts);
    for (;;) {
        u32 seen = load(alarm);
        idle = look(now(), seen_interrupts) ? 0 : idle + 1;
        if (idle <= IDLE_TICKS) {
            park(&alarm, seen, TICK_NS);
            continue;
        }
        store(asleep, 1u);
        if (!look(now(), seen_interrupts)) park(&alarm, seen);
        store(asleep, 0u);
        idle = 0;
    }
}

/// Sees to it that somebody watches a launch, which has begun.
void watch() {
    if (!load(running)) {
        Locked hold(starting);
        pthread_t thread;
        if (!running) store(running, u32(pthread_create(&thread, nullptr, watch_calls, nullptr) == 0));
    }
    if (load(asleep)) {
        add(alarm, 1u);
        unpark(&alarm, 1);
    }
}

void reset_watchdog() {
    running = asleep = 0;
    starting = Lock{};
}

/// Nanoseconds after which a launch is ended.
EXPORT void iris_set_time_limit(u64 nanoseconds) { store(limit_ns, nanoseconds); }

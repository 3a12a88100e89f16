// Faults of kernels: a signal raised while a thread serves a call ends that call; any other goes where it went before.
#include "threads.h"

Lock registry_lock;
Thread *registry;
static thread_local Thread *self;
static pthread_key_t on_thread_end;
static u32 key_made;

constexpr u64 STACK_BYTES = 65536;
static SignalAction previous[32];
static u32 chained[32];

static void forget_thread(void *pointer) {
    Thread *thread = static_cast<Thread *>(pointer);
    strip(thread);
    if (thread->stack) {
        AlternateStack none{};
        none.flags = STACK_DISABLED;
        none.size = STACK_BYTES;
        sigaltstack(&none, nullptr);
        munmap(thread->stack, STACK_BYTES);
        thread->stack = nullptr;
    }
    self = nullptr;
    Locked hold(registry_lock);
    store(thread->in_use, 0u);
}

static void *new_pages(u64 bytes) {
    void *pages = mmap(nullptr, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    return pages == reinterpret_cast<void *>(-1) ? nullptr : pages;
}

static Thread *unused_thread() {
    Locked hold(registry_lock);
    if (!key_made) key_made = pthread_key_create(&on_thread_end, forget_thread) == 0;
    for (Thread *thread = registry; thread; thread = thread->following)
        if (!thread->in_use) {
            store(thread->in_use, 2u);  // taken; its handle is not known yet
            return thread;
        }
    Thread *thread = static_cast<Thread *>(new_pages(sizeof(Thread)));
    if (!thread) return nullptr;
    thread->in_use = 2;
    thread->following = registry;
    store(registry, thread);
    return thread;
}

static Thread *make_thread() {
    Thread *thread = unused_thread();
    if (!thread) return nullptr;
    thread->handle = pthread_self();
    thread->is_main = on_main_thread();
    AlternateStack current{};
    sigaltstack(nullptr, &current);
    if (current.flags & STACK_DISABLED) {  // a kernel that overflows its stack leaves none for the handler
        thread->stack = new_pages(STACK_BYTES);
        AlternateStack own{};
        own.base = thread->stack;
        own.size = STACK_BYTES;
        if (thread->stack) sigaltstack(&own, nullptr);
    }
    pthread_setspecific(on_thread_end, thread);
    store(thread->in_use, 1u);
    return self = thread;
}

Thread *this_thread() { return self ? self : make_thread(); }

/// The Thread of the thread that a signal handler runs in. Not by thread_local storage, which may be
/// allocated at its first use: a handler may have interrupted the allocator.
static Thread *interrupted_thread() {
    for (Thread *thread = load(registry); thread; thread = thread->following)
        if (load(thread->in_use) == 1 && thread->handle == pthread_self()) return thread;
    return nullptr;
}

void keep_only_this_thread() {
    registry_lock = Lock{};
    Thread *own = this_thread();
    for (Thread *thread = registry; thread; thread = thread->following) {
        thread->serving = nullptr;
        thread->visits = thread->interrupted = 0;
        if (thread != own) thread->in_use = 0;
    }
    if (own) {
        own->handle = pthread_self();
        own->is_main = true;
    }
}

[[noreturn]] static void leave_kernel(Thread *thread, Outcome outcome, u64 address) {
    Call *call = thread->serving;
    if (call->end(load(call->state), outcome)) call->address = address;
    _longjmp(thread->resume, 1);
}

static void as_before(int signal, void *info, void *context) {
    SignalAction &before = previous[signal];
    u64 handler = reinterpret_cast<u64>(before.handler);
    int code = static_cast<int *>(info)[2];
    // A second time round, a handler that was there before has already done what it could.
    if (handler <= 1 || __atomic_exchange_n(&chained[signal], 1u, __ATOMIC_SEQ_CST)) {
        SignalAction fallback{};  // the default: returning runs into the fault again, and the process ends by it
        sigaction(signal, &fallback, nullptr);
        if (code <= 0) raise(signal);  // sent by kill(): nothing would happen again by itself
        return;
    }
    if (before.flags & WITH_INFO)
        reinterpret_cast<void (*)(int, void *, void *)>(before.handler)(signal, info, context);
    else
        reinterpret_cast<void (*)(int)>(before.handler)(signal);
    store(chained[signal], 0u);
}

static void on_fault(int signal, void *info, void *context) {
    Thread *thread = interrupted_thread();
    int code = static_cast<int *>(info)[2];
    if (!thread || !thread->serving || code <= 0) return as_before(signal, info, context);
    u64 address = *reinterpret_cast<u64 *>(static_cast<char *>(info) + INFO_ADDRESS_OFFSET);
    Outcome outcome = signal == SIG_FPE ? DIVISION : signal == SIG_SEGV || signal == SIG_BUS ? MEMORY : TRAP;
    const void *touched = reinterpret_cast<const void *>(address);
    if (outcome == MEMORY && thread->fibers && iris_fibers_overflowed_thread(thread->fibers, touched) >= 0) outcome = STACK;
    leave_kernel(thread, outcome, address);
}

static void on_stop(int signal, void *info, void *context) {
    Thread *thread = interrupted_thread();
    if (thread && thread->serving && !thread->serving->running()) _longjmp(thread->resume, 1);
    u64 handler = reinterpret_cast<u64>(previous[signal].handler);
    if (handler > 1) as_before(signal, info, context);
}

static void install(int signal, void (*handler)(int, void *, void *)) {
    SignalAction current{};
    sigaction(signal, nullptr, &current);
    if (current.handler == reinterpret_cast<void *>(handler)) return;
    previous[signal] = current;
    SignalAction own{};
    own.handler = reinterpret_cast<void *>(handler);
    own.flags = ON_STACK | WITH_INFO | NO_DEFER | RESTART;  // the handler is left by a jump: it must change no mask
    sigaction(signal, &own, nullptr);
}

static Lock installing;

void install_fault_handlers() {
    Locked hold(installing);
    for (int signal : FAULTS) install(signal, on_fault);
    install(SIG_URG, on_stop);
}

void stop_call(Call &call, u32 seen, Outcome outcome) {
    call.end(seen, outcome);
    for (Thread *thread = registry; thread; thread = thread->following)
        if (thread->serving == &call) pthread_kill(thread->handle, SIG_URG);
}

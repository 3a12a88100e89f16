// The host's side: a launch in, run here at once when it is short, else queued; waiting for streams and marks.
#include "streams.h"

constexpr double SOLO_NS = 20000;    // what is shorter is not worth waking anybody for
constexpr long SLICE_NS = 20000000;  // of a sleep: a Ctrl-C is looked for in between

/// What Python packs for a launch; `arguments` follow, and the bytes of values after them.
struct Request {
    u32 grid[3], group[3];
    u32 memory_bytes;  // of threadgroup memory
    u32 nbytes;        // of all of it
    Stream *stream;
    Pipeline *pipeline;
    u64 *times;  // where it is written when the launch began and ended; null: nobody wants to know
};
constexpr u64 RELATIVE = u64(1) << 63;  // marks an argument that is an offset into the request itself

static const Request &request_of(const char *bytes) { return *reinterpret_cast<const Request *>(bytes); }

static u32 groups_of(const Request &request, int axis) {
    return u32((u64(request.grid[axis]) + request.group[axis] - 1) / request.group[axis]);
}

/// The work items of a launch; 0 when it cannot be launched.
static u64 work_items(const Pipeline &pipeline, const Request &request) {
    unsigned __int128 total = 1;
    for (int axis = 0; axis < 3; ++axis) {
        if (request.grid[axis] == 0 || request.group[axis] == 0) return 0;
        total *= pipeline.by_threadgroup ? groups_of(request, axis) : request.grid[axis];
    }
    if (total >> 62) return 0;
    u64 threads = u64(request.group[0]) * request.group[1];
    if (pipeline.meets && (threads > MAX_THREADS || threads * request.group[2] > MAX_THREADS)) return 0;
    return u64(total);
}

static void set_arguments(Call &call, const char *bytes) {
    const u64 *arguments = reinterpret_cast<const u64 *>(bytes + sizeof(Request));
    for (u32 i = 0; i < call.pipeline->argument_count; ++i)
        call.arguments[i] = arguments[i] & RELATIVE ? bytes + (arguments[i] & ~RELATIVE) : reinterpret_cast<const void *>(arguments[i]);
}

void begin_call(Stream &stream, Pipeline &pipeline, const char *bytes) {
    const Request &request = request_of(bytes);
    Call &call = stream.call;
    for (int axis = 0; axis < 3; ++axis) {
        call.launch.grid[axis] = request.grid[axis];
        call.launch.group[axis] = request.group[axis];
        call.launch.groups[axis] = groups_of(request, axis);
    }
    call.pipeline = &pipeline;
    call.entry = pipeline.entry;
    call.total = work_items(pipeline, request);
    call.memory_bytes = pipeline.meets ? request.memory_bytes + 64 : 0;
    call.address = 0;
    call.times = request.times;
    if (call.times) store(call.times[0], now());
    set_arguments(call, bytes);
    store(call.next, u64(0));
    store(call.state, Call::begun(load(call.state)));
    watch();
}

/// While it lives, the watchdog passes a Ctrl-C on to the main thread if that is the one.
struct Visit {
    Thread *thread;
    Visit(Thread *thread, Stream &stream) : thread(thread) {
        thread->interrupted = 0;
        thread->inside = &stream;
        store(thread->visits, thread->visits + 1);
    }
    ~Visit() { store(thread->visits, thread->visits + 1); }
};

static u32 fail_here(Thread *thread, const Failure &failure) {
    thread->failure = failure;
    return failure.outcome;
}

void drop_launch(const char *bytes) {
    u64 *times = request_of(bytes).times;
    if (times) times[0] = now(), store(times[1], times[0]);
}

/// Waits until a stream has come to rest, at work on its launches where there is room.
static void wait_for_rest(Thread *thread, Stream &stream) {
    if (load(stream.oldest) == NOTHING) return;
    Visit visit(thread, stream);
    watch();
    u64 idle_since = now();
    while (load(stream.oldest) != NOTHING) {
        if (help(thread, stream.call)) {
            idle_since = now();
        } else if (now() - idle_since < SPIN_NS) {
            for (int i = 0; i < 16; ++i) pause_briefly();
        } else {
            u32 seen = load(stream.progress);
            add(stream.sleepers, 1u);
            if (load(stream.oldest) != NOTHING) park(&stream.progress, seen, SLICE_NS);
            add(stream.sleepers, ~0u);
        }
        if (load(thread->interrupted)) {
            store(thread->interrupted, 0u);
            cancel(stream);
        }
    }
}

/// Waits, and takes the failure off the stream.
static u32 settle(Thread *thread, Stream &stream) {
    wait_for_rest(thread, stream);
    Locked hold(stream.lock);
    Failure failure = stream.failure;
    stream.failure = Failure{};
    if (!stream.busy) store(stream.unsettled, 0u);
    return fail_here(thread, failure);
}

/// A Ctrl-C is told once.
static void forgive(Stream &stream) {
    Locked hold(stream.lock);
    if (stream.failure.outcome == INTERRUPTED) stream.failure = Failure{};
    if (!stream.busy) store(stream.unsettled, u32(stream.failure.outcome != FINISHED));
}

/// Takes the stream's turn if nothing is queued there.
static bool claim(Stream &stream) {
    Locked hold(stream.lock);
    if (stream.busy) return false;
    take_place(stream);
    stream.busy = 1;
    return true;
}

static Command *new_launch(Pipeline &pipeline, const char *bytes) {
    u64 nbytes = request_of(bytes).nbytes;
    Command *command = new_command(Command::LAUNCH, nbytes);
    if (!command) return nullptr;
    command->pipeline = &pipeline;
    memcpy(command->request, bytes, nbytes);
    return command;
}

/// Runs a launch on the calling thread, whose turn it is; what proves to be long is left to the workers.
static u32 run_here(Thread *thread, Stream &stream, Pipeline &pipeline, const char *bytes) {
    Visit visit(thread, stream);
    begin_call(stream, pipeline, bytes);
    Call &call = stream.call;
    u64 start = now();
    call.grain = grain_of(call, 1);
    u64 done = serve(thread, call, start + u64(SOLO_NS));
    learn(pipeline, now() - start, done);
    if (call.has_work()) {
        stream.current = new_launch(pipeline, bytes);
        if (stream.current) {
            set_arguments(call, stream.current->request);
            open_call(call);
            return FINISHED;
        }
        serve(thread, call, 0);
    }
    if (call.times) store(call.times[1], now());
    u32 state = load(call.state);
    store(call.state, Call::ended(state));
    Failure failure{state & Call::OUTCOME, 0, &pipeline, call.address, {}};
    if (failure.outcome == DIVERGED) failure.report = call.report;
    advance(&stream);
    return failure.outcome ? fail_here(thread, failure) : u32(FINISHED);
}

/// Launches a kernel. Returns an Outcome: of this launch, as far as it is known now, or of an earlier one that failed.
EXPORT u32 iris_launch(const char *bytes) {
    Stream *stream = request_of(bytes).stream;
    Pipeline *pipeline = request_of(bytes).pipeline;
    if (u64 *times = request_of(bytes).times) times[0] = times[1] = 0;
    Thread *thread = this_thread();
    if (!thread) return NO_THREADS;
    u64 total = work_items(*pipeline, request_of(bytes));
    if (!total) return fail_here(thread, Failure{INVALID, 0, pipeline, 0, {}});
    if (load(stream->failure.outcome)) return settle(thread, *stream);
    if (pipeline->cost * double(total) < SOLO_NS && claim(*stream)) return run_here(thread, *stream, *pipeline, bytes);
    Command *command = new_launch(*pipeline, bytes);
    if (!command) return fail_here(thread, Failure{NO_MEMORY, 0, pipeline, 0, {}});
    submit(*stream, command);
    if (!has_workers() || load(stream->queued) > MOST_QUEUED) wait_for_rest(thread, *stream);
    return FINISHED;
}

/// Waits until all on the stream has ended. Returns the Outcome of the first launch that failed since the last time.
EXPORT u32 iris_synchronize(Stream *stream) {
    Thread *thread = this_thread();
    return thread ? settle(thread, *stream) : u32(NO_THREADS);
}

/// Waits until a mark is reached. Returns the Outcome of what came before it.
EXPORT u32 iris_wait_for_mark(Mark *mark) {
    Thread *thread = this_thread();
    if (!thread) return NO_THREADS;
    Visit visit(thread, *mark->stream);
    watch();
    for (u64 start = now(); !load(mark->reached);) {
        if (now() - start < SPIN_NS) pause_briefly();
        else park(&mark->reached, 0, SLICE_NS);
        if (load(thread->interrupted)) {
            store(thread->interrupted, 0u);
            cancel(*mark->stream);
        }
    }
    if (mark->failure.outcome == INTERRUPTED) forgive(*mark->stream);
    return fail_here(thread, mark->failure);
}

/// What the last function that returned an Outcome here has to say of it.
EXPORT const Failure *iris_failure() { return &this_thread()->failure; }

/// Waits for all streams, so that a child that is forked then sees what was launched before.
EXPORT void iris_before_fork() {
    Thread *thread = this_thread();
    if (!thread) return;
    for (Stream *stream = load(streams); stream; stream = stream->following) wait_for_rest(thread, *stream);
}

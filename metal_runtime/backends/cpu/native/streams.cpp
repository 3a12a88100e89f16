// The queues of streams: launches, records and waits in, each begun when its turn comes.
#include "streams.h"

Stream *streams;
static u64 last_place;  // counts the commands of all streams
static Lock marks_lock;  // guards the waiters of every mark

Command *new_command(Command::Kind kind, u64 bytes) {
    Command *command = static_cast<Command *>(malloc(sizeof(Command) + bytes));
    if (!command) return nullptr;
    __builtin_memset(command, 0, sizeof(Command));
    command->kind = kind;
    return command;
}

static void release(Mark *mark) {
    if (add(mark->references, ~0u) == 1) free(mark);
}

/// With the stream's lock held: counts a command that begins or waits from now on.
u64 take_place(Stream &stream) {
    // Whoever sees the new count must see that something is pending, too: so this comes first.
    if (stream.oldest == NOTHING) store(stream.oldest, load(last_place) + 1);
    store(stream.unsettled, 1u);
    return add(last_place, u64(1)) + 1;
}

/// With the stream's lock held.
static void come_to_rest(Stream &stream) {
    stream.busy = 0;
    store(stream.oldest, NOTHING);
    store(stream.unsettled, u32(stream.failure.outcome != FINISHED));
    add(stream.progress, 1u);
    if (load(stream.sleepers)) unpark(&stream.progress, 1u << 30);
}

static Command *next_command(Stream &stream) {
    Locked hold(stream.lock);
    Command *command = stream.first;
    if (!command) {
        come_to_rest(stream);
        return nullptr;
    }
    stream.first = command->following;
    if (!stream.first) stream.last = nullptr;
    --stream.queued;
    store(stream.oldest, command->place);
    return command;
}

/// Poisons a stream, unless an earlier failure has.
static void fail(Stream &stream, const Failure &failure) {
    Locked hold(stream.lock);
    if (!stream.failure.outcome) stream.failure = failure;
}

static Failure failure_of(Stream &stream) {
    Locked hold(stream.lock);
    return stream.failure;
}

/// The mark is reached. Returns the streams that waited for it, before `ready`.
static Stream *reach(Stream &stream, Mark &mark, Stream *ready) {
    Failure failure = failure_of(stream);
    Locked hold(marks_lock);
    mark.failure = failure;
    mark.time = now();
    store(mark.reached, 1u);
    unpark(&mark.reached, 1u << 30);
    while (Stream *waiter = mark.waiters) {
        mark.waiters = waiter->next_ready;
        waiter->awaited = nullptr;
        fail(*waiter, failure);
        waiter->next_ready = ready;
        ready = waiter;
    }
    return ready;
}

/// Whether a stream may go on, its mark being reached; else it is among the mark's waiters.
static bool passes(Stream &stream, Mark &mark) {
    Locked hold(marks_lock);
    if (load(mark.reached)) {
        fail(stream, mark.failure);
        return true;
    }
    if (failure_of(stream).outcome) return true;
    stream.awaited = &mark;
    stream.next_ready = mark.waiters;
    mark.waiters = &stream;
    return false;
}

/// Runs a stream's commands until one takes time. Returns `ready` with the streams that may go on, too.
static Stream *go_on(Stream &stream, Stream *ready) {
    while (Command *command = next_command(stream)) {
        Mark *mark = command->mark;
        if (command->kind == Command::LAUNCH) {
            if (!failure_of(stream).outcome) {
                stream.current = command;
                begin_call(stream, *command->pipeline, command->request);
                open_call(stream.call);
                return ready;
            }
            drop_launch(command->request);
            free(command);
            continue;
        }
        bool waits = command->kind == Command::WAIT && !passes(stream, *mark);
        if (command->kind == Command::RECORD) ready = reach(stream, *mark, ready);
        free(command);
        release(mark);  // who signals it has a reference of its own
        if (waits) return ready;
    }
    return ready;
}

void advance(Stream *ready) {
    while (Stream *stream = ready) {
        ready = stream->next_ready;
        stream->next_ready = nullptr;
        ready = go_on(*stream, ready);
    }
}

void end_call(Call &call) {
    Stream &stream = *call.stream;
    if (call.times) store(call.times[1], now());
    u32 state = load(call.state);
    store(call.state, Call::ended(state));
    u32 outcome = state & Call::OUTCOME;
    if (outcome) fail(stream, Failure{outcome, 0, call.pipeline, call.address, call.report});
    free(stream.current);
    stream.current = nullptr;
    advance(&stream);
}

/// Queues a command, and begins it if its turn has come.
void submit(Stream &stream, Command *command) {
    bool idle;
    {
        Locked hold(stream.lock);
        command->place = take_place(stream);
        (stream.last ? stream.last->following : stream.first) = command;
        stream.last = command;
        ++stream.queued;
        idle = !stream.busy;
        stream.busy = 1;
    }
    if (idle) advance(&stream);
}

/// Ctrl-C while the host waits for a stream: what is queued there is dropped; the watchdog stops what runs.
void cancel(Stream &stream) {
    bool waited = false;
    fail(stream, Failure{INTERRUPTED, 0, nullptr, 0, {}});
    {
        Locked hold(marks_lock);
        if (Mark *mark = stream.awaited) {
            for (Stream **link = &mark->waiters; *link; link = &(*link)->next_ready)
                if (*link == &stream) {
                    *link = stream.next_ready;
                    break;
                }
            stream.awaited = nullptr;
            stream.next_ready = nullptr;
            waited = true;
        }
    }
    if (waited) advance(&stream);
}

static Stream *unused_stream() {
    Locked hold(registry_lock);
    for (Stream *stream = streams; stream; stream = stream->following)
        if (!stream->in_use) {
            stream->in_use = 1;
            return stream;
        }
    void *pages = mmap(nullptr, sizeof(Stream), READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    if (pages == reinterpret_cast<void *>(-1)) return nullptr;
    Stream *stream = static_cast<Stream *>(pages);
    stream->in_use = 1;
    stream->oldest = NOTHING;
    stream->call.stream = stream;
    stream->following = streams;
    store(streams, stream);
    return stream;
}

/// 0 when the system has no memory.
EXPORT Stream *iris_new_stream() { return unused_stream(); }

/// The stream must be at rest.
EXPORT void iris_free_stream(Stream *stream) {
    Locked hold(registry_lock);
    stream->in_use = 0;
}

/// A new mark behind all that is queued; 0 when the system has no memory.
EXPORT Mark *iris_record(Stream *stream) {
    Mark *mark = static_cast<Mark *>(malloc(sizeof(Mark)));
    Command *command = new_command(Command::RECORD, 0);
    if (!mark || !command) {
        free(mark);
        free(command);
        return nullptr;
    }
    *mark = Mark{};
    mark->references = 2;
    mark->stream = stream;
    command->mark = mark;
    submit(*stream, command);
    return mark;
}

/// What follows on the stream begins when the mark is reached. False when the system has no memory.
EXPORT u32 iris_wait(Stream *stream, Mark *mark) {
    if (load(mark->reached) && !mark->failure.outcome) return 1;
    Command *command = new_command(Command::WAIT, 0);
    if (!command) return 0;
    add(mark->references, 1u);
    command->mark = mark;
    submit(*stream, command);
    return 1;
}

EXPORT void iris_release_mark(Mark *mark) { release(mark); }

EXPORT u64 iris_mark_time(const Mark *mark) { return mark->time; }

/// How many commands were queued on all streams so far.
EXPORT u64 iris_launched() { return load(last_place); }

/// So many commands, counted from the first, have ended.
EXPORT u64 iris_ended() {
    u64 ended = load(last_place);
    for (Stream *stream = load(streams); stream; stream = stream->following) {
        u64 oldest = load(stream->oldest);
        if (oldest <= ended) ended = oldest - 1;
    }
    return ended;
}

void forget_streams() {
    marks_lock = Lock{};
    for (Stream *stream = streams; stream; stream = stream->following) {
        Call &call = stream->call;
        call.state = Call::ended(call.state);
        call.workers = call.open = 0;
        stream->lock = Lock{};
        stream->first = stream->last = stream->current = nullptr;
        stream->busy = stream->queued = stream->sleepers = 0;
        stream->awaited = nullptr;
        stream->next_ready = nullptr;
        stream->failure = Failure{};
        stream->oldest = NOTHING;
        stream->unsettled = 0;
    }
}

// Streams: what each has queued, the marks that others wait for, and how a command that ends lets the next begin.
#pragma once

#include "threads.h"

constexpr u64 NOTHING = ~u64(0);
constexpr u32 MOST_QUEUED = 8192;  // commands; who queues more waits

/// A point in a stream: reached when all before it has ended. Python and the commands that name it each hold a reference.
struct Mark {
    u32 reached;  // Python reads it, and who waits sleeps on it
    u32 references;
    u64 time;     // when it was reached, in nanoseconds
    Stream *stream;
    Stream *waiters;
    Failure failure;  // of what came before it
};

struct Command {
    Command *following;
    enum Kind : u32 { LAUNCH, RECORD, WAIT } kind;
    u64 place;
    Pipeline *pipeline;
    Mark *mark;
    alignas(16) char request[];
};

/// Launches in order. Streams are never given back, only used again: the watchdog may look at any.
struct Stream {
    u32 unsettled;  // Python reads it: whether anything is queued, runs, or failed
    u32 progress;   // counts the times it came to rest; who waits sleeps on it
    u64 oldest;     // at most the place of the oldest command that has not ended; NOTHING when all have
    Lock lock;      // guards what follows
    u32 busy;       // whether a command runs, or waits for a mark: whoever ends it makes the next begin
    u32 queued, sleepers;
    Command *first, *last;
    Failure failure;  // of a queued launch, until it is taken; what comes behind it is dropped
    Command *current;  // the launch that runs, unless its caller's own thread began it
    Mark *awaited;
    Stream *next_ready;  // in a mark's list of waiters
    Call call;
    u32 seen_state;  // the watchdog's: what it saw last, and since when
    u64 seen_since;
    Stream *following;
    u32 in_use;
};

extern Stream *streams;

/// A command with room for the bytes of a request; null when the system has no memory.
Command *new_command(Command::Kind kind, u64 bytes);
/// Queues a command, and begins it if its turn has come.
void submit(Stream &stream, Command *command);
/// With the stream's lock held: counts a command that begins or waits from now on.
u64 take_place(Stream &stream);
/// Begins what comes next on streams whose commands have ended; the caller has their turn. Linked by `next_ready`.
void advance(Stream *ready);
/// Drops what is queued, for a Ctrl-C; the watchdog stops what runs.
void cancel(Stream &stream);
/// After a fork.
void forget_streams();

/// Fills in a stream's call and begins it.
void begin_call(Stream &stream, Pipeline &pipeline, const char *request);
/// Notes that a launch, of which these are the bytes, will not run.
void drop_launch(const char *request);
/// Opens the stream's call to the workers.
void open_call(Call &call);
/// Ends a call that the last thread has left, and begins what is next on its stream.
void end_call(Call &call);
/// Runs a call with the workers, if it is open and has room. False when there is nothing to do.
bool help(Thread *thread, Call &call);
/// Takes chunks and runs them until none is left, or until that time if not 0. Returns the work items done.
u64 serve(Thread *thread, Call &call, u64 until);
/// Notes how long a kernel takes.
void learn(Pipeline &pipeline, u64 nanoseconds, u64 items);
u64 grain_of(const Call &call, u32 threads);
u32 thread_count();
bool has_workers();
void watch();
void reset_watchdog();

// What a thread lends to kernels whose threads meet: fibers, threadgroup memory, rows. Made when first needed, kept until it ends.
#include "threads.h"

static void *fresh_pages(u64 bytes) {
    void *pages = mmap(nullptr, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    return pages == reinterpret_cast<void *>(-1) ? nullptr : pages;
}

static bool run_fibers(__iris::Worker &worker, u32 threads, void (*entry)(void *, u32), void *argument) {
    Thread *thread = reinterpret_cast<Thread *>(reinterpret_cast<char *>(&worker) - __builtin_offsetof(Thread, worker));
    Call *call = thread->serving;
    if (!thread->fibers) thread->fibers = iris_fibers_create();
    int outcome = iris_fibers_no_memory;
    iris_fiber_report report;
    if (thread->fibers) {
        iris_fibers_set_memory(thread->fibers, worker.memory);
        outcome = iris_fibers_run(thread->fibers, threads, entry, argument, nullptr, &report);
    }
    if (outcome == iris_fibers_finished) return true;
    if (call->end(load(call->state), outcome == iris_fibers_diverged ? DIVERGED : NO_MEMORY)) call->report = report;
    return false;
}

bool equip(Thread *thread, const Call &call) {
    __iris::Worker &worker = thread->worker;
    worker.run_fibers = run_fibers;
    if (!call.memory_bytes) return true;
    if (thread->memory_bytes < call.memory_bytes) {
        if (worker.memory) munmap(worker.memory, thread->memory_bytes);
        worker.memory = nullptr;
        thread->memory_bytes = 0;
        u64 bytes = (call.memory_bytes + 0xffff) & ~u64(0xffff);
        worker.memory = static_cast<char *>(fresh_pages(bytes));
        if (!worker.memory) return false;
        thread->memory_bytes = bytes;
        __builtin_memset(worker.memory, 0xff, bytes);  // MSL leaves it undefined: zeros would hide that
    }
    if (!worker.rows) {
        worker.rows = static_cast<char *>(fresh_pages(ROWS_BYTES));
        if (!worker.rows) return false;
        worker.rows_end = worker.rows + ROWS_BYTES;
    }
    return true;
}

void strip(Thread *thread) {
    __iris::Worker &worker = thread->worker;
    if (worker.memory) munmap(worker.memory, thread->memory_bytes);
    if (worker.rows) munmap(worker.rows, ROWS_BYTES);
    iris_fibers_destroy(thread->fibers);
    worker = __iris::Worker{};
    thread->fibers = nullptr;
    thread->memory_bytes = 0;
}

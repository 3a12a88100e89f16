// Outputs that bypass the caches: each thread's element goes to a block in the first-level cache, full blocks to memory.
#pragma once

namespace __iris {

constexpr unsigned stream_block = 1024;  ///< elements: 4 KB of floats, so that inputs keep their place in the cache

/// Stands for `device T*` in a kernel that stores `output[i] = value` once a thread; counts the stores.
template <class T> struct BlockOutput {
    T *origin;  ///< where element 0 of the whole output would stand
    unsigned *stored;

    struct Element {
        T *at;
        unsigned *stored;
        void operator=(T value) const {
            *at = value;
            ++*stored;
        }
    };
    Element operator[](unsigned index) const { return {origin + index, stored}; }
};

/// The output whose elements from ``from`` on lie in ``block``.
template <class T> inline BlockOutput<T> block_output(T *block, unsigned from, unsigned &stored) {
    return {(T *)((unsigned long)block - from * sizeof(T)), &stored};
}

typedef float StreamLine __attribute__((vector_size(64), may_alias));
typedef float LooseLine __attribute__((vector_size(64), may_alias, aligned(1)));

/// Copies without reading the destination's lines; what does not fill a line is stored as usual.
inline void stream_out(void *to, const void *from, unsigned long bytes) {
    auto *out = static_cast<unsigned char *>(to);
    auto *in = static_cast<const unsigned char *>(from);
    const unsigned long head = -reinterpret_cast<unsigned long>(out) % 64;
    if (bytes < head + 64) {
        __builtin_memcpy(out, in, bytes);
        return;
    }
    __builtin_memcpy(out, in, head);
    unsigned long done = head;
    for (; done + 64 <= bytes; done += 64)
        __builtin_nontemporal_store((StreamLine) * (const LooseLine *)(in + done), (StreamLine *)(out + done));
    __builtin_memcpy(out + done, in + done, bytes - done);
}

/// Streamed stores are not ordered with what follows; this orders them before the launch is reported as done.
inline void stream_end() {
#ifdef __x86_64__
    __builtin_ia32_sfence();
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

}  // namespace __iris

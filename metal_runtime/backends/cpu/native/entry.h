// What generated kernels and the native runtime agree on: the launch, the entry's type, and how arguments reach a kernel.
// All of it has a reserved name: the user's own names must not meet it.
#pragma once

namespace __iris {

using u32 = unsigned int;
using u64 = unsigned long;

/// One launch: all counts are of threads, but `groups`.
struct Launch {
    u32 grid[3];
    u32 group[3];   ///< the nominal threadgroup; those at the grid's end may be smaller
    u32 groups[3];  ///< threadgroups of each axis, partial ones included
};

/// What the thread that runs work items lends to the kernel.
struct Worker {
    char *memory;  ///< the threadgroup's
    char *rows;    ///< room for what lives across meetings in a kernel that runs by regions
    char *rows_end;
    /// Runs thread(argument, 0) to thread(argument, threads - 1) as fibers. False when the launch has come to its end.
    bool (*run_fibers)(Worker &worker, u32 threads, void (*thread)(void *argument, u32 index), void *argument);
};

/// Runs the work items [begin, end): threads of the grid in row order, or threadgroups in row order.
using Entry = void (*)(const void *const *arguments, const Launch &launch, Worker &worker, u64 begin, u64 end);

/// Runs a callable of a thread's index as the fibers of one threadgroup.
template <class F> inline bool run_fibers(Worker &worker, u32 threads, const F &thread) {
    return worker.run_fibers(worker, threads, [](void *f, u32 index) { (*static_cast<const F *>(f))(index); },
                             const_cast<F *>(&thread));
}

template <unsigned I, class F> struct parameter_of;
template <unsigned I, class R, class... T> struct parameter_of<I, R (*)(T...)> {
    using type = __type_pack_element<I, T...>;
};
#ifdef __x86_64__
template <unsigned I, class R, class... T> struct parameter_of<I, R(__attribute__((regcall)) *)(T...)> {
    using type = __type_pack_element<I, T...>;
};
#endif
/// The declared type of parameter I of the kernel whose pointer type is F.
template <class F, unsigned I> using parameter = typename parameter_of<I, F>::type;

template <class T> struct bare { using type = T; };
template <class T> struct bare<const T> { using type = T; };
template <class T> struct bare<T &> { using type = typename bare<T>::type; };

/// The value of a `constant T&`: copied out where it is small, so that no store of the kernel can be thought to change it.
template <class T, bool small = (sizeof(T) <= 4096)> struct uniform {
    T value;
    explicit uniform(const void *from) { __builtin_memcpy(&value, from, sizeof(T)); }
};
template <class T> struct uniform<T, false> {
    const T &value;
    explicit uniform(const void *from) : value(*static_cast<const T *>(from)) {}
};
template <class T> struct referred;
template <class T> struct referred<T &> { using type = T; };

/// Bytes of what a parameter points or refers to; 0 of `void`.
template <class T> inline constexpr u32 element_size = sizeof(T);
template <class T> inline constexpr u32 element_size<T &> = sizeof(T);
template <class T> inline constexpr u32 element_size<T *> = sizeof(T);
template <class T> inline constexpr u32 element_size<T *const> = sizeof(T);
template <> inline constexpr u32 element_size<void *> = 0;
template <> inline constexpr u32 element_size<const void *> = 0;

inline u32 smaller(u32 a, u32 b) { return a < b ? a : b; }

template <class F, unsigned I> using bare_parameter = typename bare<parameter<F, I>>::type;
template <class F, unsigned I> using uniform_parameter = uniform<typename bare<parameter<F, I>>::type>;

}  // namespace __iris

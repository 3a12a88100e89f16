#include <metal_stdlib>
#include "shared/numbers.h"
using namespace metal;

// --- function constants -----------------------------------------------------------------------------

constant bool doubled [[function_constant(0)]];
constant int offset [[function_constant(1)]];
constant float factor [[function_constant(2)]];
constant bool has_factor = is_function_constant_defined(factor);
constant int twice_offset = 2 * offset;
constant bool with_extra [[function_constant(3)]];

kernel void constants(device const int* x [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      device const int* extra [[buffer(2), function_constant(with_extra)]],
                      uint gid [[thread_position_in_grid]]) {
  float value = x[gid] + twice_offset;
  if (doubled) value *= 2;
  if (has_factor) value *= factor;
  if (with_extra) value += extra[gid];
  out[gid] = value;
}

// --- data of the program ----------------------------------------------------------------------------

enum class Kind : uchar { square, cube, negated = 7 };
enum Plain { first_plain = 3, second_plain };

struct Polynomial {
  float c[3];
  float at(float x) const { return c[0] + x * (c[1] + x * c[2]); }
  float at(float x) const constant { return c[0] + x * (c[1] + x * c[2]); }
};

constant Polynomial polynomials[2] = {{{1, 2, 3}}, {{-1, 0.5, 0.25}}};
constant int table[][3] = {{1, 2, 3}, {10, 20, 30}};
static constexpr constant float scales[] = {0.5f, 2.0f};

kernel void program_data(device const float* x [[buffer(0)]],
                         device float* out [[buffer(1)]],
                         uint gid [[thread_position_in_grid]]) {
  const Polynomial mine = {{x[gid], 1, 1}};
  out[gid] = polynomials[gid % 2].at(x[gid]) * scales[gid % 2] + table[gid % 2][gid % 3] +
             mine.at(2) + second_plain + shared_numbers::answer;
}

// --- values ------------------------------------------------------------------------------------------

union Bits {
  float number;
  uint bits;
  uchar4 bytes;
};

kernel void unions(device const float* x [[buffer(0)]],
                   device uint* out [[buffer(1)]],
                   uint gid [[thread_position_in_grid]]) {
  Bits bits;
  bits.number = x[gid];
  out[gid] = bits.bits ^ as_type<uint>(bits.bytes.wzyx);
}

struct Complex {
  float2 parts;
  Complex() = default;
  Complex(float re, float im) : parts(re, im) {}
  Complex operator+(Complex other) const { return {parts.x + other.parts.x, parts.y + other.parts.y}; }
  thread Complex& operator*=(Complex other) {
    parts = float2(parts.x * other.parts.x - parts.y * other.parts.y,
                   parts.x * other.parts.y + parts.y * other.parts.x);
    return *this;
  }
  float operator[](int i) const { return parts[i]; }
  explicit operator bool() const { return any(parts != 0); }
};
static bool operator==(Complex a, Complex b) { return all(a.parts == b.parts); }

kernel void operators(device const float2* x [[buffer(0)]],
                      device float2* out [[buffer(1)]],
                      uint gid [[thread_position_in_grid]]) {
  Complex value{x[gid].x, x[gid].y};
  const Complex before = value;
  value *= Complex(0, 1);
  if (value && !(value == before)) value = value + before;
  out[gid] = float2(value[0], value[1]);
}

kernel void lambdas(device const int* x [[buffer(0)]],
                    device int* out [[buffer(1)]],
                    constant int& shift [[buffer(2)]],
                    uint gid [[thread_position_in_grid]]) {
  int calls = 0;
  auto shifted = [&](int value) {
    calls++;
    return value + shift;
  };
  const auto twice = [](auto function, int value) { return function(function(value)); };
  const int result = twice(shifted, x[gid]);
  out[gid] = result * 10 + calls;
}

kernel void enums(device const int* x [[buffer(0)]],
                  device int* out [[buffer(1)]],
                  uint gid [[thread_position_in_grid]]) {
  const Kind kind = gid % 3 == 0 ? Kind::square : gid % 3 == 1 ? Kind::cube : Kind::negated;
  switch (kind) {
    case Kind::square: out[gid] = x[gid] * x[gid]; break;
    case Kind::cube: out[gid] = x[gid] * x[gid] * x[gid]; break;
    case Kind::negated: out[gid] = -x[gid] + int(kind); break;
  }
}

// --- address spaces ----------------------------------------------------------------------------------

struct Counter {
  int count;
  void add(int n) thread { count += n; }
  void add(int n) threadgroup { count += n; }
  int get() const thread { return count; }
  int get() const threadgroup { return count; }
};

// Overloads that differ only in the address space of what they are given.
static int doubled_of(device const int* p) { return *p * 2; }
static int doubled_of(threadgroup const int* p) { return *p * 2; }
static int doubled_of(thread const int* p) { return *p * 2; }
static int doubled_of(constant int* p) { return *p * 2; }

kernel void spaces(device const int* x [[buffer(0)]],
                   device int* out [[buffer(1)]],
                   constant int* c [[buffer(2)]],
                   threadgroup int* shared [[threadgroup(1)]],
                   threadgroup Counter* counters [[threadgroup(0)]],
                   uint gid [[thread_position_in_grid]],
                   uint tid [[thread_position_in_threadgroup]]) {
  Counter mine{0};
  mine.add(x[gid]);
  counters[tid].count = 5;
  counters[tid].add(mine.get());
  shared[tid] = counters[tid].get();
  int local = x[gid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[gid] = doubled_of(x + gid) + doubled_of(&shared[tid]) + doubled_of(&local) + doubled_of(c);
}

// --- templates ---------------------------------------------------------------------------------------

template <typename T, int n, typename = enable_if_t<(n > 0)>>
[[kernel]] void power(device const T* x [[buffer(0)]],
                      device T* out [[buffer(1)]],
                      uint gid [[thread_position_in_grid]]) {
  T result = 1;
  for (int i = 0; i < n; i++) result *= x[gid];
  if constexpr (is_same_v<T, int>) result += 1000;
  out[gid] = result;
}

template [[host_name("float-cubed")]] kernel void power<float, 3>(
    device const float* x [[buffer(0)]],
    device float* out [[buffer(1)]],
    uint gid [[thread_position_in_grid]]);
template [[host_name("int squared, and more")]] [[kernel]] decltype(power<int, 2>) power<int, 2>;

#define POWER(type, n) \
  template [[host_name("power_" #type "_" #n)]] kernel decltype(power<type, n>) power<type, n>;
POWER(half, 4)
POWER(long, 5)

// Functions as arguments of templates, and names for the types of kernels and functions.
static void halve(thread float2& pair) { pair /= 2; }
template <int n>
static void add(thread float2& pair) { pair += n; }

typedef void(change_t)(thread float2&);

template <typename T, void (*change)(thread float2&)>
kernel void changed(device const T* x [[buffer(0)]],
                    device T* out [[buffer(1)]],
                    uint gid [[thread_position_in_grid]]) {
  float2 pair = x[gid];
  change(pair);
  out[gid] = pair;
}
typedef decltype(changed<float2, halve>) changed_t;
template [[host_name("halved")]] kernel changed_t changed<float2, halve>;
template [[host_name("added")]] kernel changed_t changed<float2, add<3>>;

template <change_t change>
kernel void changed_twice(device const float2* x [[buffer(0)]],
                          device float2* out [[buffer(1)]],
                          uint gid [[thread_position_in_grid]]) {
  float2 pair = x[gid];
  change(pair);
  change(pair);
  out[gid] = pair;
}
template [[host_name("halved_twice")]] kernel
decltype(changed_twice<halve>) changed_twice<halve>;

// Another kernel divides by a constant that these do not need.
constant uint divisor [[function_constant(9)]];
kernel void divided(device const uint* x [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint gid [[thread_position_in_grid]]) {
  out[gid] = x[gid] / divisor + x[gid] % divisor;
}

// --- thread attributes -------------------------------------------------------------------------------

kernel void attributes(device uint* out [[buffer(0)]],
                       uint3 in_grid [[thread_position_in_grid]],
                       uint3 in_group [[thread_position_in_threadgroup]],
                       uint index [[thread_index_in_threadgroup]],
                       uint3 group [[threadgroup_position_in_grid]],
                       uint3 groups [[threadgroups_per_grid]],
                       uint3 grid [[threads_per_grid]],
                       uint3 size [[threads_per_threadgroup]],
                       uint3 dispatched [[dispatch_threads_per_threadgroup]],
                       uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]],
                       uint simdgroups [[simdgroups_per_threadgroup]],
                       uint width [[threads_per_simdgroup]],
                       uint quad_lane [[thread_index_in_quadgroup]],
                       uint quad [[quadgroup_index_in_threadgroup]]) {
  const uint at = in_grid.x + grid.x * (in_grid.y + grid.y * in_grid.z);
  device uint* mine = out + at * 24;
  for (int i = 0; i < 3; i++) {
    mine[i] = in_group[i];
    mine[3 + i] = group[i];
    mine[6 + i] = groups[i];
    mine[9 + i] = size[i];
    mine[12 + i] = dispatched[i];
  }
  mine[15] = index;
  mine[16] = lane;
  mine[17] = simdgroup;
  mine[18] = simdgroups;
  mine[19] = width;
  mine[20] = quad_lane;
  mine[21] = quad;
  mine[22] = in_grid.x;
  mine[23] = grid.z;
}

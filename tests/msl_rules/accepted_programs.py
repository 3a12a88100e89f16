"""Valid programs that a careless check would refuse, by what they try."""

from __future__ import annotations

ACCEPTED: dict[str, str] = {
    "overloads_by_space": """
float total(device const float* p, uint n) { float s = 0; for (uint j = 0; j < n; ++j) s += p[j]; return s; }
float total(thread const float* p, uint n) { return n ? p[0] : 0.0f; }
float total(constant float* q, uint n) { return q[n]; }
kernel void k(device float* a [[buffer(0)]], constant float* c [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  float own[4] = {1, 2, 3, 4};
  a[i] = total(a, 3) + total(own, 4) + total(c, 1);
}""",
    "methods_by_space": """
template <typename T, size_t N> struct Held {
  T items[N];
  Held() thread = default;
  Held() device = default;
  Held() threadgroup = default;
  constexpr const thread T& operator[](size_t at) const thread { return items[at]; }
  constexpr const device T& operator[](size_t at) const device { return items[at]; }
  constexpr const constant T& operator[](size_t at) const constant { return items[at]; }
  thread T& operator[](size_t at) thread { return items[at]; }
  device T& operator[](size_t at) device { return items[at]; }
};
constant Held<int, 2> fixed = {};
kernel void k(device Held<float, 4>* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  Held<float, 4> own;
  own[1] = a[i][2] + fixed[1];
  a[i][0] = own[1];
}""",
    "recursive_template": """
template <int n> struct Power { static float of(float x) { return x * Power<n - 1>::of(x); } };
template <> struct Power<0> { static float of(float x) { return 1; } };
template <int n> float sum(thread const float* p) { if constexpr (n == 0) return 0; else return p[n - 1] + sum<n - 1>(p); }
kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float x[3] = {1, 2, 3};
  a[i] = Power<3>::of(a[i]) + sum<3>(x);
}""",
    "calls_an_overload": """
float scale(float x) { return 2 * x; }
float2 scale(float2 v) { return float2(scale(v.x), scale(v.y)); }
struct Half { half v; };
Half exp(Half h) { return Half{half(metal::exp(float(h.v)))}; }
kernel void k(device float2* a [[buffer(0)]], uint i [[thread_position_in_grid]]) { a[i] = scale(a[i]) + float(exp(Half{1.0h}).v); }
""",
    "function_as_template_argument": """
float twice(float x) { return 2 * x; }
template <float (*f)(float)> kernel void map(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]]) { a[i] = f(a[i]); }
template [[host_name("map_twice")]] kernel void map<twice>(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]]);
""",
    "lambda": """
kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float own[2] = {1, 2};
  auto add = [&](thread float* p, float x) { p[0] += x; };
  add(own, a[i]);
  a[i] = own[0];
}""",
    "shadowed_names": """
constant float p[2] = {1, 2};
float read(thread const float* p) { return p[0]; }
kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float x = p[0];
  { device float* p = a; p[i] = x; }
  { thread float* p = &x; x = read(p); }
  for (device float* p = a; p < a + 1; ++p) { *p = x; }
  if (thread float* a = &x) { *a = 1; }
}""",
    "pointers_to_pointers": """
struct Node { device Node* next; float value; };
struct Args { device float* rows[4]; constant float* weights; };
kernel void k(device Node* head [[buffer(0)]], constant Args& args [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  device float* row = args.rows[i & 3];
  constant float* w = args.weights;
  thread device float** all = nullptr;
  device float* picked[2] = {row, row + 1};
  all = picked;
  for (device Node* n = head; n; n = n->next) n->value = row[0] * w[0] + picked[1][0] + all[0][0];
}""",
    "reinterpreted": """
kernel void k(device float* a [[buffer(0)]], device const char* bytes [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  device const float4* v = (device const float4*)(bytes + 16 * i);
  device const ushort* u = reinterpret_cast<device const ushort*>(bytes);
  float4 own = *v;
  thread const uint* bits = reinterpret_cast<thread const uint*>(&own);
  a[i] = as_type<float>(bits[0]) + u[1] + (float)bytes[i] * (own.x) + (i) * 2;
}""",
    "copies_for_const_references": """
float norm(const thread float4& v) { return dot(v, v); }
float norm3(thread const float& a, float b) { return a + b; }
kernel void k(device float4* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  a[i].x = norm(a[i]) + norm3(a[i].y, 1) + norm(a[i] + 1);
  const thread float4& copy = a[i] * 2;
  a[i].y = copy.x;
}""",
    "threadgroup_memory": """
template <typename T, int rows> struct Tile {
  threadgroup T* memory;
  threadgroup T* row(int r) const { return memory + r * rows; }
  void put(threadgroup T* to, T x) { *to = x; }
};
kernel void k(device float* a [[buffer(0)]], threadgroup float* shared [[threadgroup(0)]],
              uint i [[thread_position_in_grid]], ushort lane [[thread_index_in_simdgroup]]) {
  threadgroup float tile[8][9];
  threadgroup float* flat = &tile[0][0];
  threadgroup float* line = tile[1];
  threadgroup float (*block)[9] = tile;
  Tile<float, 8> view{shared};
  view.put(view.row(1), a[i]);
  flat[lane] = line[0] + block[1][0];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  a[i] = tile[lane & 7][0] + *view.row(0);
}""",
    "choices_and_offsets": """
device float* later(device float* p, int n) { return n < 0 ? p : n + p; }
kernel void k(device float* a [[buffer(0)]], device float* b [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  device float* from = i & 1 ? a : b;
  long apart = (a + 3) - b;
  from = later(from, 2) + apart * 0;
  from += i;
  *from++ = apart < 4 ? 1 : 2;
}""",
    "aliases": """
typedef device float* Out;
using In = const device float*;
template <typename P> void copy_one(P to, In from) { *to = *from; }
typedef struct { float x; } Plain;
kernel void k(device float* a [[buffer(0)]], const device float* b [[buffer(1)]], constant Plain& s [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  Out to = a + i;
  copy_one(to, b + i);
  *to += s.x;
}""",
    "attributes_of_all_kinds": """
constant bool wide [[function_constant(0)]];
constant int stride = wide ? 4 : 1;
[[kernel, max_total_threads_per_threadgroup(256)]] void k(
    device float* a [[buffer(0)]], device float* b [[buffer(1), function_constant(wide)]],
    uint3 g [[thread_position_in_grid]], ushort3 t [[thread_position_in_threadgroup]],
    uint3 n [[threads_per_grid]], uint lane [[thread_index_in_simdgroup]], uint sg [[simdgroup_index_in_threadgroup]],
    uint single [[thread_position_in_threadgroup]]) {
  a[g.x] = t.y + n.z + lane + sg + stride + single;
  if (wide) b[g.x] = 1;
}""",
    "members_named_like_what_is_missing": """
struct Words { int register_count, delete_mark; float operator()(float x) const { return x; } };
namespace own { struct typeid_ { int goto_; }; }
kernel void k(device int* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  Words w = {1, 2};
  a[i] = w.register_count + w.delete_mark + int(w(1.0)) + own::typeid_{3}.goto_;
}""",
    "atomics": """
kernel void k(device atomic_uint* bins [[buffer(0)]], device const uint* a [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  threadgroup atomic_int local[4];
  atomic_store_explicit(&local[i & 3], 0, memory_order_relaxed);
  atomic_fetch_add_explicit(bins + a[i], 1u, memory_order_relaxed);
  atomic_fetch_add_explicit((device atomic_uint*)&bins[1], 1u, memory_order_relaxed);
}""",
    "members_defined_outside": """
struct A { float f(float x) const; };
struct B { float f(float x) const; };
float A::f(float x) const { return x; }
float B::f(float x) const { return 2 * x; }
template <typename T> struct W { T v; void put(device T* to) const { to[0] = v; } };
template <> void W<float2>::put(device float2* to) const { to[0] = v.yx; }
template <> void W<half2>::put(device half2* to) const { to[1] = v.yx; }
kernel void k(device float* a [[buffer(0)]], device float2* b [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  a[i] = A().f(1) + B().f(2);
  W<float2>{float2(1, 2)}.put(b);
}""",
    "volatile_and_coherent": """
struct Block { float4 value; };
kernel void k(volatile device Block& b [[buffer(0)]], coherent(system) device uint* flag [[buffer(1)]]) {
  b.value = float4(20.0);
  flag[0] = 1;
}""",
    "function_constants_that_may_be_missing": """
constant int given [[function_constant(3)]];
constant int used = is_function_constant_defined(given) ? given : 7;
kernel void k(device int* a [[buffer(0)]]) { a[0] = used; }
""",
}

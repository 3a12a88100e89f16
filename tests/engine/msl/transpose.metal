#include <metal_stdlib>
using namespace metal;

// Transposes through a tile padded by a column; a threadgroup of 16 by 4 threads moves 16 by 16 elements.
template <typename T>
kernel void transpose_tiles(device const T* x [[buffer(0)]],
                            device T* out [[buffer(1)]],
                            constant uint2& size [[buffer(2)]],  // rows, columns of x
                            uint2 tid [[thread_position_in_threadgroup]],
                            uint2 group [[threadgroup_position_in_grid]],
                            uint2 threads [[threads_per_threadgroup]]) {
  constexpr uint tile = 16;
  threadgroup T values[tile][tile + 1];
  const uint2 corner = group * tile;
  for (uint y = tid.y; y < tile; y += threads.y) {
    const uint row = corner.y + y, column = corner.x + tid.x;
    if (row < size.x && column < size.y) values[y][tid.x] = x[row * size.y + column];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint y = tid.y; y < tile; y += threads.y) {
    const uint row = corner.x + y, column = corner.y + tid.x;
    if (row < size.y && column < size.x) out[row * size.x + column] = values[tid.x][y];
  }
}

template [[host_name("transpose_float")]] kernel
decltype(transpose_tiles<float>) transpose_tiles<float>;
template [[host_name("transpose_uchar")]] kernel
decltype(transpose_tiles<uchar>) transpose_tiles<uchar>;
template [[host_name("transpose_float4")]] kernel
decltype(transpose_tiles<float4>) transpose_tiles<float4>;
template [[host_name("transpose_long")]] kernel
decltype(transpose_tiles<long>) transpose_tiles<long>;

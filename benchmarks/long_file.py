"""A number of lines -> MSL of about that length as people write it: structs, helpers, kernels, named instances."""

from __future__ import annotations

BLOCK = """
struct Block{i} {{
  half scale;
  half least;
  uchar codes[{half_width}];
}};

// Decodes one of the {width} numbers of a block.
template <typename T>
inline T decoded{i}(device const Block{i}& block, uint at) {{
  const uchar pair = block.codes[at / 2];
  const uchar code = at % 2 == 0 ? pair & 0xf : pair >> 4;
  return T(block.scale) * T(code) + T(block.least);
}}

template <typename T, int rows>
kernel void product{i}(device const Block{i}* blocks [[buffer(0)]],
                       device const float* x [[buffer(1)]],
                       device float* out [[buffer(2)]],
                       constant uint& columns [[buffer(3)]],
                       constant uint& count [[buffer(4)]],
                       threadgroup float* shared [[threadgroup(0)]],
                       uint group [[threadgroup_position_in_grid]],
                       uint tid [[thread_position_in_threadgroup]],
                       uint size [[threads_per_threadgroup]],
                       uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {{
  for (int r = 0; r < rows; r++) {{
    const uint row = group * rows + r;
    if (row >= count) break;
    T sum = 0;
    for (uint j = tid; j < columns; j += size) {{
      device const Block{i}& block = blocks[(row * columns + j) / {width}];
      sum += decoded{i}<T>(block, j % {width}) * T(x[j]);
    }}
    sum = simd_sum(sum);
    if (lane == 0) shared[simdgroup] = float(sum);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid == 0) {{
      float total = 0;
      for (uint s = 0; s < (size + 31) / 32; s++) total += shared[s];
      out[row] = total;
    }}
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }}
}}

typedef decltype(product{i}<float, 1>) product{i}_t;
template [[host_name("product{i}_float_1")]] kernel product{i}_t product{i}<float, 1>;
template [[host_name("product{i}_float_4")]] kernel product{i}_t product{i}<float, 4>;
template [[host_name("product{i}_half_2")]] kernel product{i}_t product{i}<half, 2>;

kernel void elementwise{i}(device const float* x [[buffer(0)]],
                           device float* out [[buffer(1)]],
                           constant uint& n [[buffer(2)]],
                           uint gid [[thread_position_in_grid]]) {{
  if (gid >= n) return;
  const float v = x[gid];
  out[gid] = clamp(v * {i}.0f + 0.5f, -1.0f, 1.0f) + exp(-v * v) * tanh(v);
}}
"""

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def long_file(lines: int) -> str:
    """At least that many lines, and less than a block more."""
    parts, have, i = [HEAD], HEAD.count("\n"), 0
    while have < lines:
        width = 32 << (i % 4)
        part = BLOCK.format(i=i, width=width, half_width=width // 2)
        parts.append(part)
        have += part.count("\n")
        i += 1
    return "".join(parts)

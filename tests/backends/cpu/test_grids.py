"""Every thread of a grid runs once, with Metal's ids: 1 to 3 axes, odd sizes, partial threadgroups."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backends.cpu.device_runs import pipeline, run, three

POISON = 0xDEADBEEF

GRIDS = [
    ((1,), (1,)), ((1,), (256,)), ((7,), (3,)), ((1000,), (64,)), ((4099,), (33,)), ((70001,), (256,)),
    ((5, 3), (2, 2)), ((129, 31), (16, 16)), ((1, 1000), (8, 8)), ((3, 70001), (32, 1)),
    ((7, 5, 3), (2, 3, 2)), ((33, 17, 9), (8, 4, 2)), ((2, 3, 5), (64, 4, 4)), ((1, 1, 4099), (1, 1, 5)),
]  # fmt: skip


def ids(grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gx, gy, gz = three(grid)
    z, y, x = np.meshgrid(np.arange(gz), np.arange(gy), np.arange(gx), indexing="ij")
    return x.ravel(), y.ravel(), z.ravel()


@pytest.mark.parametrize(("grid", "group"), GRIDS)
def test_grid_positions(grid: tuple[int, ...], group: tuple[int, ...]) -> None:
    compiled = pipeline("""
        kernel void f(device uint4* out, uint3 p [[thread_position_in_grid]], uint3 n [[threads_per_grid]]) {
            device uint4& place = out[(p.z * n.y + p.y) * n.x + p.x];
            place = uint4(p, place.w + 1);
        }""")
    x, y, z = ids(grid)
    out = np.full((x.size, 4), POISON, np.uint32)
    run(compiled, grid, out, group=group)
    expected = np.stack([x, y, z, np.full_like(x, POISON + 1)], axis=1)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("grid", "group"), GRIDS)
def test_threadgroup_attributes(grid: tuple[int, ...], group: tuple[int, ...]) -> None:
    compiled = pipeline("""
        kernel void f(device ushort3* local, device uint3* groups, device uint3* sizes, device uint4* rest,
                      device uint4* quads, device uint4* nominal,
                      uint3 p [[thread_position_in_grid]], uint3 n [[threads_per_grid]],
                      ushort3 t [[thread_position_in_threadgroup]], uint index [[thread_index_in_threadgroup]],
                      uint3 g [[threadgroup_position_in_grid]], uint3 size [[threads_per_threadgroup]],
                      uint3 dispatched [[dispatch_threads_per_threadgroup]], uint3 count [[threadgroups_per_grid]],
                      ushort lane [[thread_index_in_simdgroup]], uint simd [[simdgroup_index_in_threadgroup]],
                      uint simds [[simdgroups_per_threadgroup]], uint width [[threads_per_simdgroup]],
                      uint quad_lane [[thread_index_in_quadgroup]], uint quad [[quadgroup_index_in_threadgroup]],
                      uint quads_there [[quadgroups_per_threadgroup]], uint width2 [[thread_execution_width]],
                      uint nominal_simds [[dispatch_simdgroups_per_threadgroup]]) {
            uint at = (p.z * n.y + p.y) * n.x + p.x;
            local[at] = t; groups[at] = g; sizes[at] = size;
            rest[at] = uint4(index, lane, simd, simds);
            quads[at] = uint4(quad_lane, quad, quads_there, width + width2);
            nominal[at] = uint4(dispatched.x * 10000 + dispatched.y * 100 + dispatched.z,
                                count.x, count.y * 1000 + count.z, nominal_simds);
        }""")
    x, y, z = ids(grid)
    outs = [np.full((x.size, 4), 0xDEAD, np.uint16)]
    outs += [np.full((x.size, 4), POISON, np.uint32) for _ in range(5)]
    run(compiled, grid, *outs, group=group)
    (gx, gy, gz), (tx, ty, tz) = three(grid), three(group)
    local = np.stack([x % tx, y % ty, z % tz], axis=1)
    groups = np.stack([x // tx, y // ty, z // tz], axis=1)
    size = np.minimum([tx, ty, tz], np.array([gx, gy, gz]) - groups * [tx, ty, tz])
    index = (local[:, 2] * size[:, 1] + local[:, 1]) * size[:, 0] + local[:, 0]
    threads = size.prod(axis=1)
    np.testing.assert_array_equal(outs[0][:, :3], local)
    np.testing.assert_array_equal(outs[1][:, :3], groups)
    np.testing.assert_array_equal(outs[2][:, :3], size)
    np.testing.assert_array_equal(
        outs[3], np.stack([index, index % 32, index // 32, -(-threads // 32)], axis=1)
    )
    np.testing.assert_array_equal(
        outs[4],
        np.stack([index % 4, index // 4, -(-threads // 4), np.full_like(index, 64)], axis=1),
    )
    shape = [
        tx * 10000 + ty * 100 + tz,
        -(-gx // tx),
        -(-gy // ty) * 1000 + -(-gz // tz),
        -(-tx * ty * tz // 32),
    ]
    np.testing.assert_array_equal(outs[5], np.broadcast_to(shape, outs[5].shape))


@pytest.mark.parametrize("scalar", ["ushort", "uint"])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_position_in_every_type(scalar: str, width: int) -> None:
    kind = f"{scalar}{width}" if width > 1 else scalar
    parts = ["p"] if width == 1 else [f"p.{c}" for c in "xyz"[:width]]
    compiled = pipeline(f"""
        kernel void f(device uint* out, constant uint2& n, const {kind} p [[thread_position_in_grid]]) {{
            uint xyz[3] = {{ {", ".join(parts)} }};
            out[(xyz[2] * n.y + xyz[1]) * n.x + xyz[0]] = xyz[0] + 100 * xyz[1] + 10000 * xyz[2];
        }}""")
    grid = (13, 11, 7)[:width]
    x, y, z = ids(grid)
    out = np.full(x.size, POISON, np.uint32)
    run(compiled, grid, out, np.array([three(grid)[0], three(grid)[1]], np.uint32))
    np.testing.assert_array_equal(out, x + 100 * y + 10000 * z)


def test_kernel_without_ids_runs_once_a_thread() -> None:
    compiled = pipeline("kernel void f(device int* out) { out[0] += 1; }")
    out = np.array([5], np.int32)
    run(compiled, (1,), out)
    assert out[0] == 6


def test_grid_size_attribute_only() -> None:
    compiled = pipeline(
        "kernel void f(device uint3* out, uint3 n [[threads_per_grid]]) { out[0] = n; }"
    )
    out = np.full(4, POISON, np.uint32)
    run(compiled, (9, 8, 7), out, group=(4, 4))
    np.testing.assert_array_equal(out[:3], [9, 8, 7])

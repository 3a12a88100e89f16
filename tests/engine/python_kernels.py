"""Kernels in Python whose threads work together. THREADS (a power of two) and T are set by the tests before a kernel is compiled."""
# mypy: ignore-errors

from __future__ import annotations

import math

from metal_runtime import metal

THREADS = 64
SIMDS = 2  # simdgroups in a threadgroup
T = metal.float
TILE = 16


def tree_reduction(x, partial, n):
    """One sum for each threadgroup; each thread adds elements one grid apart first."""
    tile = metal.threadgroup_array(metal.float, THREADS)
    t = metal.thread_index_in_threadgroup
    total = metal.float(0.0)
    for k in range(metal.thread_id(), n, metal.threads_per_grid.x):
        total += x[k]
    tile[t] = total
    metal.threadgroup_barrier()
    half = THREADS // 2
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]
        metal.threadgroup_barrier()
        half //= 2
    if t == 0:
        partial[metal.threadgroup_id()] = tile[0]


def simd_reduction(x, partial, n):
    """The same by way of simd_sum."""
    sums = metal.threadgroup_array(metal.float, SIMDS)
    total = metal.float(0.0)
    for k in range(metal.thread_id(), n, metal.threads_per_grid.x):
        total += x[k]
    total = metal.simd_sum(total)
    if metal.simd_is_first():
        sums[metal.simdgroup_index_in_threadgroup] = total
    metal.threadgroup_barrier()
    if metal.simdgroup_index_in_threadgroup == 0:
        lane = metal.thread_index_in_simdgroup
        whole = metal.simd_sum(sums[lane] if lane < SIMDS else 0.0)
        if lane == 0:
            partial[metal.threadgroup_id()] = whole


def inclusive_scan(x, out, sums, n):
    """Running sums within each threadgroup (Hillis and Steele), and each threadgroup's whole sum."""
    tile = metal.threadgroup_array(T, (2, THREADS))
    i, t = metal.thread_id(), metal.thread_index_in_threadgroup
    tile[0, t] = x[i] if i < n else T(0)
    metal.threadgroup_barrier()
    now = 0
    step = 1
    while step < THREADS:
        value = tile[now, t]
        if t >= step:
            value += tile[now, t - step]
        tile[1 - now][t] = value
        now = 1 - now
        step *= 2
        metal.threadgroup_barrier()
    if i < n:
        out[i] = tile[now, t]
    if t == THREADS - 1:
        sums[metal.threadgroup_id()] = tile[now, t]


def simd_scan(x, out, n):
    """Running sums within each simdgroup."""
    i = metal.thread_id()
    value = metal.simd_prefix_inclusive_sum(x[i] if i < n else T(0))
    before = metal.simd_prefix_exclusive_sum(x[i] if i < n else T(0))
    if i < n:
        out[2 * i] = value
        out[2 * i + 1] = before


def tiled_matmul(A, B, C, m, n, k):
    """C = A B, of any sizes, through tiles in threadgroup memory."""
    a = metal.threadgroup_array(T, (TILE, TILE))
    b = metal.threadgroup_array(T, (TILE, TILE + 1))
    column, row = metal.thread_id_2d()
    x, y, _ = metal.thread_position_in_threadgroup()
    total = metal.float(0.0)
    for start in range(0, k, TILE):
        a[y, x] = A[row * k + start + x] if row < m and start + x < k else T(0)
        b[y, x] = B[(start + y) * n + column] if start + y < k and column < n else T(0)
        metal.threadgroup_barrier()
        for t in range(TILE):
            total += float(a[y, t]) * b[t, x]
        metal.threadgroup_barrier()
    if row < m and column < n:
        C[row * n + column] = total


def simdgroup_matmul(A, B, C, n):
    """C = A B of n x n, n a multiple of 8: each simdgroup makes one block of 8 x 8."""
    block = (
        metal.threadgroup_id() * metal.simdgroups_per_threadgroup
        + metal.simdgroup_index_in_threadgroup
    )
    row, column = block // (n // 8) * 8, block % (n // 8) * 8
    if row >= n:
        return
    total = metal.simdgroup_float8x8(0.0)
    for k in range(0, n, 8):
        a = metal.simdgroup_load(A[row * n + k], n)
        b = metal.simdgroup_load(B[k * n + column], n)
        total = metal.simdgroup_multiply_accumulate(a, b, total)
    metal.simdgroup_store(total, C[row * n + column], n)


def histogram(x, bins, n):
    """Counts of values below 64: in threadgroup memory first."""
    local = metal.threadgroup_array(metal.atomic_uint, 64)
    t = metal.thread_index_in_threadgroup
    for k in range(t, 64, THREADS):
        local[k] = 0
    metal.threadgroup_barrier()
    i = metal.thread_id()
    if i < n:
        metal.atomic_fetch_add(local, x[i], 1)
    metal.threadgroup_barrier()
    for k in range(t, 64, THREADS):
        metal.atomic_fetch_add(bins[k], local[k])


def bitonic_sort(x, out, n):
    """Each threadgroup sorts its 2 * THREADS elements; a part of them beyond n counts as largest."""
    tile = metal.threadgroup_array(T, 2 * THREADS)
    t = metal.thread_index_in_threadgroup
    first = metal.threadgroup_id() * (2 * THREADS)
    for k in range(t, 2 * THREADS, THREADS):
        tile[k] = x[first + k] if first + k < n else T(math.inf)
    width = metal.uint(2)
    while width <= 2 * THREADS:
        step = width // 2
        while step > 0:
            metal.threadgroup_barrier()
            low = t // step * step * 2 + t % step
            a, b = tile[low], tile[low + step]
            if (a > b) == ((low & width) == 0):
                tile[low], tile[low + step] = b, a
            step //= 2
        width *= 2
    metal.threadgroup_barrier()
    for k in range(t, 2 * THREADS, THREADS):
        if first + k < n:
            out[first + k] = tile[k]


def whole_sum(tile, value):
    """The sum over the threadgroup, in every thread."""
    t = metal.thread_index_in_threadgroup
    metal.threadgroup_barrier()
    tile[t] = value
    metal.threadgroup_barrier()
    half = THREADS // 2
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]
        metal.threadgroup_barrier()
        half //= 2
    return tile[0]


def softmax(x, out, columns):
    """A threadgroup for each row."""
    tile = metal.threadgroup_array(metal.float, THREADS)
    t, row = metal.thread_index_in_threadgroup, metal.threadgroup_id()
    largest = metal.float(-math.inf)
    for k in range(t, columns, THREADS):
        largest = max(largest, float(x[row * columns + k]))
    tile[t] = largest
    metal.threadgroup_barrier()
    half = THREADS // 2
    while half > 0:
        if t < half:
            tile[t] = max(tile[t], tile[t + half])
        metal.threadgroup_barrier()
        half //= 2
    largest = tile[0]
    total = metal.float(0.0)
    for k in range(t, columns, THREADS):
        total += math.exp(float(x[row * columns + k]) - largest)
    total = whole_sum(tile, total)
    for k in range(t, columns, THREADS):
        out[row * columns + k] = math.exp(float(x[row * columns + k]) - largest) / total


def layer_norm(x, weight, bias, out, columns, eps):
    """A threadgroup for each row; the mean first, then the variance."""
    tile = metal.threadgroup_array(metal.float, THREADS)
    t, row = metal.thread_index_in_threadgroup, metal.threadgroup_id()
    total = metal.float(0.0)
    for k in range(t, columns, THREADS):
        total += x[row * columns + k]
    mean = whole_sum(tile, total) / columns
    square = metal.float(0.0)
    for k in range(t, columns, THREADS):
        difference = float(x[row * columns + k]) - mean
        square += difference * difference
    scale = metal.rsqrt(whole_sum(tile, square) / columns + eps)
    for k in range(t, columns, THREADS):
        value = (float(x[row * columns + k]) - mean) * scale
        out[row * columns + k] = value * weight[k] + bias[k]


def transpose(x, out, width, height):
    """Through a tile whose rows are one longer than they need, so that columns lie in different banks."""
    tile = metal.threadgroup_array(T, (TILE, TILE + 1))
    column, row = metal.thread_id_2d()
    t, s, _ = metal.thread_position_in_threadgroup()
    if row < height and column < width:
        tile[s, t] = x[row * width + column]
    metal.threadgroup_barrier()
    column = metal.threadgroup_id(1) * TILE + t
    row = metal.threadgroup_id(0) * TILE + s
    if row < width and column < height:
        out[row * height + column] = tile[t, s]


def largest_four(x, out, n):
    """The four largest elements that each thread sees, in memory of its own."""
    best = metal.thread_array(metal.float, 4)
    i, count = metal.thread_id(), metal.threads_per_grid.x
    for k in range(i, n, count):
        value = x[k]
        for place in range(4):
            if value > best[place]:
                value, best[place] = best[place], value
    for place in range(4):
        out[i * 4 + place] = best[place]


def simdgroup_matmul_half(A, B, C, n):
    """The same of half, transposed on the way: (Bᵀ Aᵀ)ᵀ."""
    block = (
        metal.threadgroup_id() * metal.simdgroups_per_threadgroup
        + metal.simdgroup_index_in_threadgroup
    )
    row, column = block // (n // 8) * 8, block % (n // 8) * 8
    if row >= n:
        return
    total = metal.make_filled_simdgroup_matrix(metal.half, 0.0)
    for k in range(0, n, 8):
        a = metal.simdgroup_load(A[row * n + k], n, True)
        b = metal.simdgroup_load(B[k * n + column], n, True)
        total = metal.simdgroup_multiply_accumulate(b, a, total)
    metal.simdgroup_store(total, C[row * n + column], n, True)


def simdgroup_matmul_bfloat(A, B, C, n):
    """The same of bfloat, by way of threadgroup memory."""
    tile = metal.threadgroup_array(metal.bfloat, (4, 8, 8))
    simd = metal.simdgroup_index_in_threadgroup
    block = metal.threadgroup_id() * metal.simdgroups_per_threadgroup + simd
    row, column = block // (n // 8) * 8, block % (n // 8) * 8
    if row >= n:
        return
    lane = metal.thread_index_in_simdgroup
    total = metal.simdgroup_bfloat8x8()
    for k in range(0, n, 8):
        for e in range(lane, 64, 32):
            tile[simd, e // 8][e % 8] = A[(row + e // 8) * n + k + e % 8]
        metal.simdgroup_barrier()
        a = metal.simdgroup_load(tile[simd, 0, 0])
        b = metal.simdgroup_load(B[k * n + column], n)
        total = metal.simdgroup_multiply_accumulate(a, b, total)
        metal.simdgroup_barrier()
    metal.simdgroup_store(total, C[row * n + column], n)

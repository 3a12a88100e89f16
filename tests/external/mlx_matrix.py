"""MLX: cases of matrix products, plain and quantized, of attention and of the Fourier transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.external.cases import (
    BFLOAT,
    FLOAT,
    HALF,
    Array,
    Case,
    Launch,
    Result,
    ints,
    longs,
    normal,
    rounded,
    structure,
    up,
    wide,
)

NAMES = {np.dtype(FLOAT): "float32", np.dtype(HALF): "float16", np.dtype(BFLOAT): "bfloat16"}
TYPES = {np.dtype(FLOAT): "float", np.dtype(HALF): "float16_t", np.dtype(BFLOAT): "bfloat16_t"}


# --- matrix by vector ------------------------------------------------------------------------------


def _gemv(dtype: Any, scaled: bool, roundings: float) -> Case:
    rows, columns = 133, 301

    def prepare(rng: np.random.Generator) -> Launch:
        mat = normal(rng, rows, columns, dtype=dtype)
        vec, bias = normal(rng, columns, dtype=dtype), normal(rng, rows, dtype=dtype)
        expected = wide(mat) @ wide(vec)
        if scaled:
            expected = 1.5 * expected + 0.5 * wide(bias)
        return Launch(
            _gemv_arguments(mat, vec, bias, rows, columns),
            {"out_vec": rounded(expected, dtype, roundings)},
            (32, 1, 4),
            threadgroups=(up(rows, 16), 1, 1),
        )

    name = f"gemv_{NAMES[np.dtype(dtype)]}_bm4_bn1_sm1_sn32_tm4_tn4_nc0_axpby{int(scaled)}"
    return Case("gemv", name, prepare, "gemv.metal")


def _gemv_transposed() -> Case:
    rows, columns = 301, 128  # whole threadgroups: in others threads end before a barrier

    def prepare(rng: np.random.Generator) -> Launch:
        mat, vec = normal(rng, rows, columns), normal(rng, rows)
        return Launch(
            _gemv_arguments(mat, vec, normal(rng, 1), columns, rows),
            {"out_vec": rounded(wide(vec) @ wide(mat), FLOAT, 64)},
            (32, 4, 1),
            threadgroups=(up(columns, 64), 1, 1),
        )

    name = "gemv_t_float32_bm1_bn4_sm8_sn4_tm4_tn4_nc0_axpby0"
    return Case("gemv", name, prepare, "gemv.metal")


def _gemv_arguments(mat: Array, vec: Array, bias: Array, out: int, inner: int) -> dict[str, Any]:
    return {
        "mat": mat,
        "in_vec": vec,
        "bias": bias,
        "in_vec_size": inner,
        "out_vec_size": out,
        "marix_ld": mat.shape[1],
        "alpha": 1.5,
        "beta": 0.5,
        "batch_ndim": 1,
        "batch_shape": ints(1),
        "vector_batch_stride": longs(0),
        "matrix_batch_stride": longs(0),
        "bias_batch_stride": longs(0),
        "bias_stride": 1,
    }


def _dot() -> Case:
    block = 512 * 32  # elements of one threadgroup

    def prepare(rng: np.random.Generator) -> Launch:
        a, b = normal(rng, 20_001), normal(rng, 20_001)
        products = wide(a) * wide(b)
        expected = np.array([products[:block].sum(), products[block:].sum()])
        return Launch(
            {"a": a, "b": b, "n": a.size},
            {"output": rounded(expected, FLOAT, 256)},
            (512,),
            threadgroups=(2,),
        )

    return Case("gemv", "dot_product_float32_it32_tg512_sg16", prepare, "dot.metal")


# --- matrix by matrix ------------------------------------------------------------------------------


def _gemm(
    dtype: Any, layout: str, shape: tuple[int, int, int], source: bool, roundings: float
) -> Case:
    m, n, k = shape
    block, depth = 32, 16
    aligned = {200: m % block == 0, 201: n % block == 0, 202: k % depth == 0}

    def prepare(rng: np.random.Generator) -> Launch:
        a, b = normal(rng, m, k, dtype=dtype), normal(rng, k, n, dtype=dtype)
        c = normal(rng, m, n, dtype=dtype)
        expected = wide(a) @ wide(b)
        if source:
            expected = 0.75 * expected + 2.0 * wide(c)
        stored_a = np.ascontiguousarray(a.T) if layout[0] == "t" else a
        stored_b = np.ascontiguousarray(b.T) if layout[1] == "t" else b
        tiles_n, tiles_m = up(n, block), up(m, block)
        params = structure(
            M=("i4", m), N=("i4", n), K=("i4", k),
            lda=("i4", stored_a.shape[1]), ldb=("i4", stored_b.shape[1]), ldd=("i4", n),
            tiles_n=("i4", tiles_n), tiles_m=("i4", tiles_m),
            batch_stride_a=("i8", 0), batch_stride_b=("i8", 0), batch_stride_d=("i8", 0),
            swizzle_log=("i4", 0), gemm_k_iterations_aligned=("i4", k // depth), batch_ndim=("i4", 1),
        )  # fmt: skip
        addmm = structure(
            ldc=("i4", n),
            fdc=("i4", 1),
            batch_stride_c=("i8", 0),
            alpha=("f4", 0.75),
            beta=("f4", 2.0),
        )
        return Launch(
            {"A": stored_a, "B": stored_b, "C": c, "params": params, "addmm_params": addmm}
            | {"batch_shape": ints(1), "batch_strides": longs(0, 0)},
            {"D": rounded(expected, dtype, roundings)},
            (32, 2, 2),
            threadgroups=(tiles_n, tiles_m, 1),
        )

    name = NAMES[np.dtype(dtype)]
    constants = {10: False, 100: source, 110: source, **aligned}
    return Case(
        "steel gemm",
        f"steel_gemm_fused_{layout}_{name}_{name}_bm32_bn32_bk16_wm2_wn2",
        prepare,
        "steel/gemm/kernels/steel_gemm_fused.metal",
        constants=constants,
    )


# --- quantized -------------------------------------------------------------------------------------

GROUP, BITS = 64, 4


def _codes(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> tuple[Array, ...]:
    """Random 4-bit codes packed eight to a word, scales, biases, and the matrix they stand for."""
    codes = rng.integers(0, 16, (rows, columns), dtype=np.uint32)
    shifts = np.arange(8, dtype=np.uint32) * BITS
    packed = np.bitwise_or.reduce(codes.reshape(rows, -1, 8) << shifts, axis=2).astype(np.uint32)
    scales = rng.uniform(0.01, 0.1, (rows, columns // GROUP)).astype(dtype)
    biases = normal(rng, rows, columns // GROUP, dtype=dtype, scale=0.5)
    spread = [np.repeat(wide(v), GROUP, axis=1) for v in (scales, biases)]
    return packed, scales, biases, codes * spread[0] + spread[1]


BATCH = {  # of one matrix: nothing is read from these
    "x_batch_ndims": 0, "x_shape": ints(0), "x_strides": longs(0),
    "w_batch_ndims": 0, "w_shape": ints(0), "w_strides": longs(0),
    "s_strides": longs(0), "b_strides": longs(0),
}  # fmt: skip


def _dequantize(dtype: Any) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        packed, scales, biases, matrix = _codes(rng, 9, 256, dtype)
        return Launch(
            {"w": packed.view(np.uint8), "scales": scales, "biases": biases},
            {"out": rounded(matrix, dtype, 4)},
            (128,),
            threads=(9 * 256 // 2,),
        )

    kernel = f"affine_dequantize_{TYPES[np.dtype(dtype)]}_gs_{GROUP}_b_{BITS}"
    return Case("quantized", kernel, prepare, "quantized.metal")


def _quantize() -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        rows, columns = 9, 256
        groups = rows * columns // GROUP
        codes = rng.integers(0, 16, (groups, GROUP), dtype=np.uint32)
        codes[:, 5], codes[:, 50] = 0, 15
        zero = rng.integers(9, 16, (groups, 1))
        # Powers of two, so that every quotient is exact.
        scales = 2.0 ** rng.integers(-6, 3, (groups, 1))
        w = (scales * (codes.astype(np.int64) - zero)).astype(FLOAT)
        nibbles = codes.reshape(-1, 2)
        packed = (nibbles[:, 0] | nibbles[:, 1] << 4).astype(np.uint8)
        return Launch(
            {"w": w.reshape(rows, columns)},
            {
                "out": Result(packed),
                "scales": rounded(scales, FLOAT, 4),
                "biases": rounded(-scales * zero, FLOAT, 4),
            },
            (256,),
            threads=(rows * columns // (GROUP // 32),),
        )

    return Case(
        "quantized", f"affine_quantize_float_gs_{GROUP}_b_{BITS}", prepare, "quantized.metal"
    )


def _quantized_vector(fast: bool, dtype: Any, roundings: float) -> Case:
    n, k = (24, 512) if fast else (19, 320)

    def prepare(rng: np.random.Generator) -> Launch:
        packed, scales, biases, matrix = _codes(rng, n, k, dtype)
        x = normal(rng, 3, k, dtype=dtype)
        return Launch(
            {"w": packed, "scales": scales, "biases": biases, "x": x}
            | {"in_vec_size": k, "out_vec_size": n, **BATCH},
            {"y": rounded(wide(x) @ matrix.T, dtype, roundings)},
            (32, 2, 1),
            threadgroups=(3, up(n, 8), 1),
        )

    name = "affine_qmv_fast" if fast else "affine_qmv"
    kernel = f"{name}_{TYPES[np.dtype(dtype)]}_gs_{GROUP}_b_{BITS}_batch_0"
    return Case("quantized", kernel, prepare, "quantized.metal")


def _quantized_matrix(dtype: Any, roundings: float) -> Case:
    m, n, k = 37, 64, 128

    def prepare(rng: np.random.Generator) -> Launch:
        packed, scales, biases, matrix = _codes(rng, n, k, dtype)
        x = normal(rng, m, k, dtype=dtype)
        return Launch(
            {"w": packed, "scales": scales, "biases": biases, "x": x}
            | {"K": k, "N": n, "M": m, **BATCH},
            {"y": rounded(wide(x) @ matrix.T, dtype, roundings)},
            (32, 2, 2),
            threadgroups=(up(n, 32), up(m, 32), 1),
        )

    kernel = f"affine_qmm_t_{TYPES[np.dtype(dtype)]}_gs_{GROUP}_b_{BITS}_alN_true_batch_0"
    return Case("quantized", kernel, prepare, "quantized.metal")


# --- attention -------------------------------------------------------------------------------------


def _attention(q: Array, k: Array, v: Array, scale: float, causal: bool) -> Array:
    """Softmax(q kᵀ scale) v over (batch, heads, length, width); key heads are shared by groups of heads."""
    repeat = q.shape[1] // k.shape[1]
    k, v = np.repeat(wide(k), repeat, axis=1), np.repeat(wide(v), repeat, axis=1)
    scores = scale * wide(q) @ k.swapaxes(-1, -2)
    if causal:
        length, keys = scores.shape[-2:]
        later = np.arange(keys) > np.arange(length)[:, None] + keys - length
        scores = np.where(later, -np.inf, scores)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Array = weights / weights.sum(axis=-1, keepdims=True) @ v
    return result


def _attention_vector(dtype: Any, causal: bool, roundings: float) -> Case:
    def prepare(rng: np.random.Generator) -> Launch:
        q = normal(rng, 1, 4, 3, 64, dtype=dtype)
        k, v = (normal(rng, 1, 2, 77, 64, dtype=dtype) for _ in range(2))
        return Launch(
            {
                "queries": q, "keys": k, "values": v, "gqa_factor": 2, "N": 77,
                "k_head_stride": 77 * 64, "k_seq_stride": 64,
                "v_head_stride": 77 * 64, "v_seq_stride": 64, "scale": 0.125,
            },
            {"out": rounded(_attention(q, k, v, 0.125, causal), dtype, roundings)},
            (1024, 1, 1),
            threadgroups=(4, 3, 1),
        )  # fmt: skip

    return Case(
        "scaled_dot_product_attention",
        f"sdpa_vector_{TYPES[np.dtype(dtype)]}_64_64",
        prepare,
        "scaled_dot_product_attention.metal",
        constants={20: False, 21: False, 22: causal, 23: False, 24: False, 25: False},
    )


def _attention_steel(dtype: Any, causal: bool, lengths: tuple[int, int], roundings: float) -> Case:
    heads, key_heads, width = 4, 2, 64
    queries, keys = lengths
    aligned_queries, aligned_keys = queries // 32, keys // 32

    def prepare(rng: np.random.Generator) -> Launch:
        q = normal(rng, 1, heads, queries, width, dtype=dtype)
        k, v = (normal(rng, 1, key_heads, keys, width, dtype=dtype) for _ in range(2))
        strides = [heads * queries * width, queries * width, width]
        key_strides = [key_heads * keys * width, keys * width, width]
        params = structure(
            B=("i4", 1), H=("i4", heads), D=("i4", width), qL=("i4", queries), kL=("i4", keys),
            gqa_factor=("i4", heads // key_heads), scale=("f4", 0.125),
            NQ=("i4", up(queries, 32)), NK=("i4", up(keys, 32)),
            NQ_aligned=("i4", aligned_queries), NK_aligned=("i4", aligned_keys),
            qL_rem=("i4", queries % 32), kL_rem=("i4", keys % 32), qL_off=("i4", keys - queries),
            Q=("i8*3", strides), K=("i8*3", key_strides), V=("i8*3", key_strides), O=("i8*3", strides),
        )  # fmt: skip
        return Launch(
            {"Q": q, "K": k, "V": v, "params": params},
            {"O": rounded(_attention(q, k, v, 0.125, causal), dtype, roundings)},
            (32, 4, 1),
            threadgroups=(up(queries, 32), heads, 1),
        )

    name = NAMES[np.dtype(dtype)]
    return Case(
        "scaled_dot_product_attention",
        f"steel_attention_{name}_bq32_bk32_bd64_wm4_wn1_mask{name}",
        prepare,
        "steel/attn/kernels/steel_attention.metal",
        constants={
            200: queries % 32 == 0, 201: keys % 32 == 0, 300: False, 301: causal, 302: False,
        },
    )  # fmt: skip


# --- Fourier transform -----------------------------------------------------------------------------

RADICES = (13, 11, 8, 7, 6, 5, 4, 3, 2)


def _stockham(n: int) -> dict[int, int]:
    """Steps of each radix: small powers of two use 4 and 2 only."""
    power_of_two = n & (n - 1) == 0
    steps = dict.fromkeys(RADICES, 0)
    for radix in RADICES:
        while not (power_of_two and n < 512 and radix > 4) and n % radix == 0 and n > 1:
            steps[radix] += 1
            n //= radix
    assert n == 1
    return steps


def _fft(n: int, per_thread: int, inverse: bool = False) -> Case:
    steps = _stockham(n)
    together, threads = max(256 // n, 1), up(n, per_thread)
    memory = 1 << (together * n - 1).bit_length()
    constants: dict[str | int, Any] = {0: inverse, 1: n & (n - 1) == 0, 2: per_thread, 3: n}
    constants |= {4 + i: steps[radix] for i, radix in enumerate(RADICES)}
    constants |= {13 + i: 0 for i in range(len(RADICES))}

    def prepare(rng: np.random.Generator) -> Launch:
        rows = 3 * together
        x = (normal(rng, rows, n) + 1j * normal(rng, rows, n)).astype(np.complex64)
        transform = np.fft.ifft if inverse else np.fft.fft
        expected = transform(x.astype(np.complex128), axis=1).astype(np.complex64)
        return Launch(
            {"in": x.view(np.float32).reshape(rows, n, 2), "n": n, "batch_size": rows},
            {"out": Result(expected.view(np.float32).reshape(rows, n, 2), 64 * 2.0**-24)},
            (1, together, threads),
            threads=(3, together, threads),
        )

    return Case("fft", f"fft_mem_{memory}_float2_float2", prepare, "fft.metal", constants=constants)


CASES = [
    _gemv(FLOAT, False, 64),
    _gemv(HALF, True, 4),
    _gemv_transposed(),
    _dot(),
    _gemm(FLOAT, "nn", (130, 71, 50), False, 64),
    _gemm(FLOAT, "tt", (64, 64, 32), True, 64),
    _gemm(HALF, "nt", (96, 64, 48), True, 4),
    _gemm(BFLOAT, "tn", (33, 65, 17), False, 4),
    _quantize(),
    _dequantize(FLOAT),
    _dequantize(HALF),
    _quantized_vector(False, FLOAT, 128),
    _quantized_vector(True, HALF, 6),
    _quantized_matrix(FLOAT, 128),
    _quantized_matrix(BFLOAT, 12),
    _attention_vector(FLOAT, False, 64),
    _attention_vector(HALF, True, 4),
    _attention_steel(FLOAT, False, (64, 96), 128),
    _attention_steel(HALF, True, (45, 77), 8),
    _fft(64, 4),
    _fft(64, 4, inverse=True),
    _fft(60, 5),
    _fft(1024, 8),
]

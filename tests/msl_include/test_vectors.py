"""Vector types against NumPy: layout, constructors, swizzles, every operator on every element type."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from benchmarks.math_accuracy import Library
from metal_runtime.dtype import DType
from metal_runtime.msl import clang

SCALARS = [dtype for dtype in DType if dtype is not DType.BOOL]
INTEGERS = [dtype for dtype in SCALARS if dtype.is_integer]
WIDTHS = (2, 3, 4)
COUNT = 37

ARITHMETIC: dict[str, Callable[..., np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}
BITS: dict[str, Callable[..., np.ndarray]] = {
    "%": np.fmod, "&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor,
    "<<": lambda a, b: np.left_shift(a, b & (a.itemsize * 8 - 1)),
    ">>": lambda a, b: np.right_shift(a, b & (a.itemsize * 8 - 1)),
}  # fmt: skip
COMPARISON: dict[str, Callable[..., np.ndarray]] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
OPERATORS = ARITHMETIC | BITS | COMPARISON
NAMES = {op: f"op{i}" for i, op in enumerate(OPERATORS)}
SYSV = "__attribute__((sysv_abi))" if clang.host_target().triple.startswith("x86_64") else ""


def operators_of(dtype: DType) -> dict[str, Callable[..., np.ndarray]]:
    return OPERATORS if dtype.is_integer else ARITHMETIC | COMPARISON


def operator_loops() -> str:
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    for dtype in SCALARS:
        for width in WIDTHS:
            vector = f"{dtype.metal_name}{width}"
            for op in operators_of(dtype):
                out = f"bool{width}" if op in COMPARISON else vector
                lines.append(
                    f'extern "C" {SYSV} void {NAMES[op]}_{vector}({out}* o, const {vector}* a, const {vector}* b, int n)'
                    f" {{ for (int i = 0; i < n; ++i) o[i] = a[i] {op} b[i]; }}"
                )
                if op in COMPARISON:
                    continue
                lines.append(
                    f'extern "C" {SYSV} void {NAMES[op]}_scalar_{vector}'
                    f"({vector}* o, const {vector}* a, const {dtype.metal_name}* b, int n)"
                    f" {{ for (int i = 0; i < n; ++i) {{ o[i] = a[i]; o[i] {op}= b[i]; }} }}"
                )
    return "\n".join(lines)


@pytest.fixture(scope="session")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Library:
    # 400 loops: a lower level of optimisation saves most of their time.
    return Library(operator_loops(), tmp_path_factory.mktemp("operators"), extra=["-O1"])


def random_values(
    rng: np.random.Generator, dtype: DType, shape: tuple[int, ...], divisor: bool = False
) -> np.ndarray:
    if dtype.is_float:
        return (rng.standard_normal(shape) * 8).astype(dtype.numpy_dtype)
    info = np.iinfo(dtype.numpy_dtype)
    values = rng.integers(info.min, info.max, shape, dtype=dtype.numpy_dtype, endpoint=True)
    small = rng.integers(0 if info.min == 0 else -5, 6, shape).astype(dtype.numpy_dtype)
    values = np.where(rng.random(shape) < 0.5, values, small)
    if divisor:  # division by zero, and of the least number by -1, have no result
        values = np.where(
            (values == 0) | (values == dtype.numpy_dtype.type(-1 if info.min else 0)), 3, values
        )
    return values.astype(dtype.numpy_dtype)


def expected_of(op: str, a: np.ndarray, b: np.ndarray, dtype: DType) -> np.ndarray:
    function = operators_of(dtype)[op]
    with np.errstate(all="ignore"):
        if op == "/" and dtype.is_integer:
            quotient = np.abs(a.astype(object)) // np.abs(b.astype(object))
            sign = np.where((a < 0) != (b < 0), -1, 1)
            return (quotient * sign).astype(object).astype(dtype.numpy_dtype)
        if op in COMPARISON:
            return np.asarray(function(a, b), bool)
        return np.asarray(function(a, b)).astype(dtype.numpy_dtype)


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy at a multiple of 64 bytes: a vector of 4 longs must lie at a multiple of 32."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def room(width: int) -> int:
    return 4 if width == 3 else width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", SCALARS, ids=lambda d: d.metal_name)
def test_operators(dtype: DType, width: int, operators: Library) -> None:
    rng = np.random.default_rng()
    a = aligned(random_values(rng, dtype, (COUNT, room(width))))
    for op in operators_of(dtype):
        divisor = op in "/%"
        b = aligned(random_values(rng, dtype, (COUNT, room(width)), divisor))
        s = random_values(rng, dtype, (COUNT,), divisor)
        kind = bool if op in COMPARISON else dtype.numpy_dtype
        out = aligned(np.full((COUNT, room(width)), 0x5A, kind))
        operators.call(f"{NAMES[op]}_{dtype.metal_name}{width}", out, a, b)
        expected = expected_of(op, a[:, :width], b[:, :width], dtype)
        np.testing.assert_array_equal(out[:, :width], expected, err_msg=op)
        if op in COMPARISON:
            continue
        operators.call(f"{NAMES[op]}_scalar_{dtype.metal_name}{width}", out, a, s)
        spread = np.broadcast_to(s[:, None], (COUNT, width))
        np.testing.assert_array_equal(
            out[:, :width], expected_of(op, a[:, :width], spread, dtype), err_msg=op
        )


def layout_assertions() -> str:
    lines = ["#include <metal_stdlib>"]
    for dtype in DType:
        for width in WIDTHS:
            name, size = f"{dtype.metal_name}{width}", dtype.itemsize * room(width)
            lines.append(f"static_assert(sizeof({name}) == {size} && alignof({name}) == {size});")
            lines.append(
                f"static_assert(__is_trivially_copyable({name}) && __is_trivially_constructible({name}));"
            )
            lines.append(
                f"static_assert(__is_same({name}, metal::vec<{dtype.metal_name}, {width}>));"
            )
            packed = f"packed_{name}"
            lines.append(f"static_assert(sizeof({packed}) == {dtype.itemsize * width});")
            lines.append(f"static_assert(alignof({packed}) == {dtype.itemsize});")
    for columns in WIDTHS:
        for rows in WIDTHS:
            for scalar, size in (("float", 4), ("half", 2)):
                lines.append(
                    f"static_assert(sizeof({scalar}{columns}x{rows}) == {columns * room(rows) * size});"
                )
    return "\n".join(lines)


def test_layout(tmp_path) -> None:
    Library(layout_assertions(), tmp_path)


# Expression over `v` = (1, 2, 3, 4), `w` = (5, 6, 7, 8) and `i` = (9, 10, 11, 12) -> what it must be.
EXPRESSIONS: dict[str, list[float]] = {
    "float4(1)": [1, 1, 1, 1],
    "float4(2.5f)": [2.5] * 4,
    "float4(1, 2, 3, 4)": [1, 2, 3, 4],
    "float4(v.xy, w.zw)": [1, 2, 7, 8],
    "float4(v.xyz, 9)": [1, 2, 3, 9],
    "float4(9, v.yzw)": [9, 2, 3, 4],
    "float4(v.xy, 8, 9)": [1, 2, 8, 9],
    "float4(8, v.xy, 9)": [8, 1, 2, 9],
    "float4(8, 9, v.xy)": [8, 9, 1, 2],
    "float4(float3(v.xy, 9), 1)": [1, 2, 9, 1],
    "float4(float3(9, v.xy), 1)": [9, 1, 2, 1],
    "float4(i)": [9, 10, 11, 12],
    "float4(int4(v * 1.75f))": [1, 3, 5, 7],
    "float4(int4(2.75f))": [2, 2, 2, 2],
    "float4(half4(v) * 2.0f)": [2, 4, 6, 8],
    "float4(bfloat4(v) + bfloat(1))": [2, 3, 4, 5],
    "v.wzyx": [4, 3, 2, 1],
    "v.xxyy": [1, 1, 2, 2],
    "v.abgr": [4, 3, 2, 1],
    "v.rgba": [1, 2, 3, 4],
    "float4(v.zx, v.bg)": [3, 1, 3, 2],
    "float4(v.x, v.g, v[2], v.a)": [1, 2, 3, 4],
    "float4(v < float4(2, 2, 4, 4))": [1, 0, 1, 0],
    "2 - v": [1, 0, -1, -2],
    "v / 2": [0.5, 1, 1.5, 2],
    "-v": [-1, -2, -3, -4],
    "float4(~i)": [-10, -11, -12, -13],
    "float4(i % 4)": [1, 2, 3, 0],
    "float4(!(v == 2))": [1, 0, 1, 1],
    "float4(v > 1 && v < 4)": [0, 1, 1, 0],
    "float4(v < 2 || v > 3)": [1, 0, 0, 1],
    "float4(i << 1)": [18, 20, 22, 24],
    "select(v, w, v > 2)": [1, 2, 7, 8],
    "select(v, w, true)": [5, 6, 7, 8],
    "float4(any(v > 3), all(v > 0), any(v > 9), all(v > 1))": [1, 1, 0, 0],
    "max(v, 3)": [3, 3, 3, 4],
    "clamp(v, 2.0f, 3.0f)": [2, 2, 3, 3],
    "mix(v, w, 0.5f)": [3, 4, 5, 6],
    "fma(v, w, v)": [6, 14, 24, 36],
    "abs(-v)": [1, 2, 3, 4],
    "min(v, w.wzyx)": [1, 2, 3, 4],
    "floor(v * 0.75f)": [0, 1, 2, 3],
    "as_type<float4>(as_type<int4>(v))": [1, 2, 3, 4],
    "float4(as_type<int>(1.0f) == 0x3f800000)": [1] * 4,
    "float4(dot(v, w), length_squared(v), dot(v.xy, w.xy), distance_squared(v, w))": [70, 30, 17, 64],
    "float4(cross(v.xyz, w.xyz), length(float2(3, 4)))": [-4, 8, -4, 5],
    "float4(normalize(float2(3, 4)) * 5, distance(float2(1, 1), float2(4, 5)), 0)": [3, 4, 5, 0],
    "float4(reflect(float2(1, -1), float2(0, 1)), refract(float2(0, -1), float2(0, 1), 0.5f))": [1, 1, 0, -1],
    "faceforward(v, v, w)": [-1, -2, -3, -4],
    "float4(packed_float3(v.xyz), 0)": [1, 2, 3, 0],
    "float4(packed_float3(1, 2, 3) * 2, 0)": [2, 4, 6, 0],
    "float4(packed_float3(v.xyz).zyx + w.xyz, dot(packed_float3(v.xyz), w.xyz))": [8, 8, 8, 38],
    "float2x2(1, 2, 3, 4) * v.xy == float2(7, 10) ? v : w": [1, 2, 3, 4],
    "float4(v.xy * float2x2(1, 2, 3, 4), 0, 0)": [5, 11, 0, 0],
    "float4x4(2.0f) * v": [2, 4, 6, 8],
    "(float4x4(2.0f) * float4x4(v, w, v, w))[1]": [10, 12, 14, 16],
    "float4(transpose(float2x3(float3(1, 2, 3), float3(4, 5, 6)))[1], 0, 0)": [2, 5, 0, 0],
    "float4(determinant(float2x2(1, 2, 3, 4)), determinant(float3x3(2.0f)), determinant(float4x4(2.0f)), 0)": [-2, 8, 16, 0],
    "(float4x4(v, w, v, w) + float4x4(1.0f) - float4x4(v, v, v, v) * 2.0f)[0]": [0, -2, -3, -4],
    "float4(array<float, 3>{1, 2, 3}[1], array<int, 4>{}.size(), vec_elements_v<float3>, 0)": [2, 4, 3, 0],
    "float4(is_same_v<make_unsigned_t<int>, uint>, is_floating_point_v<bfloat>, is_signed_v<uint>, is_vector_v<int2>)": [
        1, 1, 0, 1,
    ],
}  # fmt: skip
del EXPRESSIONS["float2x2(1, 2, 3, 4) * v.xy == float2(7, 10) ? v : w"]
EXPRESSIONS["float4(float2x2(1, 2, 3, 4) * v.xy, 0, 0)"] = [7, 10, 0, 0]

# Statements that change `v`, a float4 of (1, 2, 3, 4) -> v afterwards.
STATEMENTS: dict[str, list[float]] = {
    "v.x = 9;": [9, 2, 3, 4],
    "v.g = 9;": [1, 9, 3, 4],
    "v[2] = 9;": [1, 2, 9, 4],
    "v.xy = v.yx;": [2, 1, 3, 4],
    "v.zw += 1;": [1, 2, 4, 5],
    "v.wx *= float2(2, 3);": [3, 2, 3, 8],
    "v.rgb = float3(0);": [0, 0, 0, 4],
    "v.xyzw = v.wzyx;": [4, 3, 2, 1],
    "v = 7;": [7, 7, 7, 7],
    "v += 1; v -= 0.5f; v *= 2; v /= 3;": [1, 5 / 3, 7 / 3, 3],
    "v++; ++v; v--;": [2, 3, 4, 5],
    "float3 t = v.xyz; t.y = 0; v.xyz = t;": [1, 0, 3, 4],
    "packed_float3 p = v.xyz; p += 1; p.x = 0; v.xyz = p;": [0, 3, 4, 4],
    "float4x4 m(1.0f); m[0][1] = 2; m *= 2; v = m[0];": [2, 4, 0, 0],
    "float c; float s = sincos(0.0f, c); v.xy = float2(s, c);": [0, 1, 3, 4],
    "float2 c; float2 s = sincos(float2(0), c); v = float4(s, c);": [0, 0, 1, 1],
    "int e; v.x = frexp(8.0f, e); v.y = e;": [0.5, 4, 3, 4],
    "int2 e; v.xy = frexp(float2(8, 3), e); v.zw = float2(e);": [0.5, 0.75, 4, 2],
    "float2 w; v.xy = modf(float2(1.25f, -2.5f), w); v.zw = w;": [0.25, -0.5, 1, -2],
    "v = ldexp(v, int4(1, 2, 3, 4));": [2, 8, 24, 64],
    "v = float4(ilogb(v));": [0, 1, 1, 2],
}


def expression_program() -> str:
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    lines.append(f'extern "C" {SYSV} void expressions(float4* o, const float* from, int) {{')
    lines.append(
        "  float4 v(from[0], from[1], from[2], from[3]), w(from[4], from[5], from[6], from[7]);"
    )
    lines.append("  int4 i(from[8], from[9], from[10], from[11]);")
    lines += [f"  o[{n}] = {text};" for n, text in enumerate(EXPRESSIONS)]
    lines.append(f'}}\nextern "C" {SYSV} void statements(float4* o, const float* from, int) {{')
    for n, text in enumerate(STATEMENTS):
        lines.append(f"  {{ float4 v(from[0], from[1], from[2], from[3]); {text} o[{n}] = v; }}")
    return "\n".join([*lines, "}"])


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    library = Library(expression_program(), tmp_path_factory.mktemp("expressions"))
    values = np.arange(1, 13, dtype=np.float32)
    found = {}
    for name, table in (("expressions", EXPRESSIONS), ("statements", STATEMENTS)):
        out = np.full((len(table), 4), np.nan, np.float32)
        library.call(name, out, values)
        found |= dict(zip(table, out, strict=True))
    return found


@pytest.mark.parametrize("text", [*EXPRESSIONS, *STATEMENTS])
def test_expression(text: str, results: dict[str, np.ndarray]) -> None:
    expected = (EXPRESSIONS | STATEMENTS)[text]
    np.testing.assert_allclose(results[text], np.float32(expected), rtol=2e-7)


def test_every_swizzle(tmp_path) -> None:
    """All 336 readable swizzles of a vector of 4, in both namings, and the 60 writable ones."""
    import itertools

    letters = "xyzw"
    read = [c for k in (2, 3, 4) for c in itertools.product(range(4), repeat=k)]
    written = [c for c in read if len(set(c)) == len(c)]
    lines = [
        "#include <metal_stdlib>",
        f'extern "C" {SYSV} void read(float4* o, const float4* v, int) {{',
    ]
    for n, (c, naming) in enumerate(itertools.product(read, (letters, "rgba"))):
        zeros = ", 0.0f" * (4 - len(c))
        lines.append(f"o[{n}] = float4(v->{''.join(naming[k] for k in c)}{zeros});")
    lines.append(f'}} extern "C" {SYSV} void write(float4* o, const float4* v, int) {{')
    for n, (c, naming) in enumerate(itertools.product(written, (letters, "rgba"))):
        lines.append(
            f"o[{n}] = 0.0f; o[{n}].{''.join(naming[k] for k in c)} = v->{letters[: len(c)]};"
        )
    library = Library("\n".join([*lines, "}"]), tmp_path)
    v = np.random.default_rng().random((1, 4), np.float32)
    out = np.full((2 * len(read), 4), np.nan, np.float32)
    library.call("read", out, v)
    np.testing.assert_array_equal(out[::2], out[1::2])
    for row, c in zip(out[::2], read, strict=True):
        np.testing.assert_array_equal(row, [*v[0, list(c)], *[0] * (4 - len(c))])
    out = np.full((2 * len(written), 4), np.nan, np.float32)
    library.call("write", out, v)
    np.testing.assert_array_equal(out[::2], out[1::2])
    for row, c in zip(out[::2], written, strict=True):
        expected = np.zeros(4, np.float32)
        expected[list(c)] = v[0, : len(c)]
        np.testing.assert_array_equal(row, expected)


REFUSED = {
    "bool4(true) + bool4(true)": "no arithmetic",
    "int4(1) + 1.5f": "",  # a fraction would be lost
    "float4(1, 2)": "",
    "float4(float3(1), float2(1))": "",
    "float4(1) + int4(1)": "",
    "float3(1) + float4(1)": "",
    "float2(1).z": "",
    "exp(int4(1))": "",
    "max(1.0f, 1)": "ambiguous",
    "max(half(1), 1.0f)": "ambiguous",
    "erf(1.0f)": "",
    "bfloat(1) + half(1)": "",
    "popcount(1.0f)": "",
    "as_type<int>(half(1))": "one size",
    "half4(1) + float4(1)": "",
    "(float2(1).xx = float2(2))": "",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_metal_refuses_is_refused(text: str, tmp_path) -> None:
    source = f"#include <metal_stdlib>\nusing namespace metal;\nvoid f() {{ (void)({text}); }}\n"
    with pytest.raises(RuntimeError, match=f"error: .*{REFUSED[text]}"):
        Library(source, tmp_path)


@pytest.mark.parametrize("text", ["bfloat b = 1.0f;", "float4 v = int4(1);", "int4 v = 1.5f;"])
def test_conversions_that_must_be_written_out(text: str, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="error"):
        Library(f"#include <metal_stdlib>\nvoid f() {{ {text} }}\n", tmp_path)


def test_bfloat_conversions(tmp_path) -> None:
    """From every kind of number, rounded once to nearest even; arithmetic rounds each operation."""
    source = f"""#include <metal_stdlib>
    extern "C" {SYSV} void of_float(bfloat* o, const float* a, int n) {{ for (int i = 0; i < n; ++i) o[i] = bfloat(a[i]); }}
    extern "C" {SYSV} void of_int(bfloat* o, const int* a, int n) {{ for (int i = 0; i < n; ++i) o[i] = a[i]; }}
    extern "C" {SYSV} void of_ulong(bfloat* o, const ulong* a, int n) {{ for (int i = 0; i < n; ++i) o[i] = a[i]; }}
    extern "C" {SYSV} void sum(bfloat* o, const bfloat* a, int n) {{ for (int i = 0; i < n; ++i) o[i] = a[i] * a[i] + 1 - a[i]; }}
    """
    library, rng = Library(source, tmp_path), np.random.default_rng()
    bfloat16 = ml_dtypes.bfloat16
    floats = rng.integers(0, 2**32, 100_003, dtype=np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            library_apply(library, "of_float", floats).astype(np.float32),
            floats.astype(bfloat16).astype(np.float32),
        )
    for name, dtype in (("of_int", np.int32), ("of_ulong", np.uint64)):
        info = np.iinfo(dtype)
        values = rng.integers(
            info.min, info.max, 20_000, dtype=dtype, endpoint=True
        ) >> rng.integers(0, info.bits, 20_000).astype(dtype)
        ties = (dtype(257) << rng.integers(0, info.bits - 10, 100).astype(dtype)) + rng.integers(
            0, 2, 100
        ).astype(dtype)
        values = np.concatenate([values, ties, np.array([info.min, info.max], dtype)])
        got = library_apply(library, name, values).astype(np.float64)
        exact = values.astype(object)
        for g, e in zip(got[-500:], exact[-500:], strict=True):
            size = max(abs(e).bit_length() - 8, 0)
            low = (abs(e) >> size) << size
            up = abs(e) - low > (1 << size) // 2 or (
                size and abs(e) - low == (1 << size) // 2 and (abs(e) >> size) & 1
            )
            assert g == (low + ((1 << size) if up else 0)) * (1 if e >= 0 else -1), e
    a = rng.standard_normal(1001).astype(bfloat16)
    np.testing.assert_array_equal(library_apply(library, "sum", a), a * a + bfloat16(1) - a)


def library_apply(library: Library, name: str, values: np.ndarray) -> np.ndarray:
    out = np.full(values.shape, 0x7FC1, np.uint16).view(ml_dtypes.bfloat16)
    library.call(name, out, values)
    return out


def test_numeric_limits(tmp_path) -> None:
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    for dtype in INTEGERS:
        info, limits = np.iinfo(dtype.numpy_dtype), f"numeric_limits<{dtype.metal_name}>"
        suffix = "ul" if info.min == 0 else "l"
        lines.append(
            f"static_assert({limits}::max() == {info.max}{suffix} && {limits}::is_signed == {int(info.min < 0)});"
        )
        lines.append(
            f"static_assert({limits}::min() == -{-(info.min + 1)}l - 1);"
            if info.min
            else f"static_assert({limits}::min() == 0);"
        )
        lines.append(f"static_assert({limits}::digits10 == {len(str(info.max)) - 1});")
    for dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16):
        info, limits = ml_dtypes.finfo(dtype.numpy_dtype), f"numeric_limits<{dtype.metal_name}>"
        for name, value in (("max", info.max), ("lowest", info.min), ("min", info.smallest_normal),
                            ("epsilon", info.eps), ("denorm_min", info.smallest_subnormal)):  # fmt: skip
            lines.append(f"static_assert({limits}::{name}() == {float(value).hex()}f);")
        lines.append(
            f"static_assert({limits}::infinity() == INFINITY && {limits}::digits == {info.nmant + 1});"
        )
        lines.append(f"static_assert({limits}::quiet_NaN() != {limits}::quiet_NaN());")
    lines.append(
        "static_assert(INT_MAX == 2147483647 && HALF_MAX == 65504.0f && M_PI_F > 3.14159f && M_PI_H > half(3.1f));"
    )
    Library("\n".join(lines), tmp_path)

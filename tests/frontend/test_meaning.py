"""What kernels compute: the translated kernel, interpreted, against Python itself or NumPy."""

import enum
import math
from math import sqrt
from typing import Any

import numpy as np
import pytest

from metal_runtime import language as metal
from metal_runtime.ir.interpret import interpret
from tests.frontend.both_ways import assert_both_ways, run, translated

WEIGHTS = (0.25, 0.5, 0.25)
OFFSET = np.int32(7)
SCALE = np.float32(0.5)


class Mode(enum.IntEnum):
    ADD = 1
    SUB = 2


class Plain(enum.Enum):
    THREE = 3


def ints(rng: np.random.Generator, n: int = 33) -> np.ndarray[Any, Any]:
    return rng.integers(-50, 50, n).astype(np.int32)


def floats(rng: np.random.Generator, n: int = 33) -> np.ndarray[Any, Any]:
    return rng.integers(-64, 64, n).astype(np.float32) / np.float32(8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng()


# --- control flow ---


def collatz(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    n = abs(a[i]) + 1
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
        if steps > 40:
            break
    out[i] = steps


def loops(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    total = 0
    for k in range(5):
        total += k * a[i]
    for k in range(10, 0, -3):
        if k == 4:
            continue
        total -= k
    for k in range(-4, a[i] % 7, 2):
        total ^= k
    step = a[i] % 3 + 1
    for k in range(0, 9, step):
        total += k
    for k in range(9, 0, -step):
        total += 2 * k
    out[i] = total + k


def loop_variable(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    total = 0
    for k in range(6):
        total += k
        k = 100
        total += k
    out[i] = total * 1000 + k
    stop = a[i] % 5 + 1
    for k in range(stop):
        stop = 50
        if k > 2:
            break
    out[i] += k


def nested_same_variable(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    total = 0
    for k in range(3):
        for k in range(2):
            total += 10 * k + a[i]
        total += k
    out[i] = total


def early_return(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    out[i] = -1
    if a[i] < 0:
        return
    elif a[i] < 10:
        out[i] = 1
        return
    else:
        out[i] = 2
    out[i] += 5


def first_in_branch(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    if a[i] > 0:
        y = a[i]
        z = 1
    elif a[i] > -20:
        y = -a[i]
        z = 2
    else:
        z = y = 3
    out[i] = y * z


def kept_between_turns(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    total = 0
    for k in range(6):
        if k == 0:
            last = a[i]
        if k % 2 == 0:
            total += last
            last = k
    out[i] = total


def infinite_with_break(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    n = a[i]
    while True:
        n += 7
        if n > 60:
            found = n
            break
    out[i] = found


def conditional_expressions(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    v = a[i]
    out[i] = 1 if v > 10 else 2 if v > 0 else 3 if (not v == -1 and v < -5) or v == -3 else 4


def short_circuit(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    v = a[i] % 40
    # Out of range wherever `and` did not stop, or the range test did not.
    if (0 <= v < 33 and a[v] > 0) or v == 35:
        out[i] = 1
    while 0 < v < 33 and 0 < a[v] < 40:
        v -= 1
    out[i] += v


def chained(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    out[i] = (1 if -10 < a[i] <= 10 != 3 else 0) + (2 if a[i] == a[i] >= 0 else 0)


def integer_operators(out: "device int*", a: "device const int*", b: "device const int*"):
    i = metal.thread_id()
    d = b[i] % 9 + 1
    out[i] = a[i] // d + a[i] % -d * 3 - (a[i] << 3) + (a[i] >> 2) ^ (~b[i] | 5 & a[i])
    out[i] += a[i] ** 3 - a[i] ** 2 + d ** (d % 5) + -a[i] - +b[i]
    out[i] += max(a[i], b[i], 3) * min(a[i], -b[i]) + abs(b[i]) + round(a[i])
    out[i] += pow(d, 2) + OFFSET


def tuples(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    x, y = 1, a[i]
    x, y = y, x
    (x, y), z = (y, x + y), x * 2
    x, y, z = z, x, y
    p = q = a[i] + 1
    q += 1
    out[0 + i], x = x + y * z, p * q
    out[i] += x
    quotient, rest = divmod(a[i], 7)
    out[i] += quotient * 100 + rest


def float_operators(out: "device float*", a: "device const float*", b: "device const float*"):
    i = metal.thread_id()
    x = a[i]
    x += b[i] * 0.5 - 3
    x *= a[i] if a[i] > b[i] else b[i]
    x -= -a[i]
    x = max(x, b[i], 0.25) + min(a[i], 2) + abs(b[i]) + a[i] ** 2 + a[i] ** 3
    y = x // 1.5 + x % 1.5 + SCALE
    out[i] = y if y > -1.0 else x
    out[i] += WEIGHTS[0] + WEIGHTS[-1] * len(WEIGHTS)


def captured_enums(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    mode = Mode.ADD if a[i] > 0 else Mode.SUB
    if mode == Mode.ADD:
        out[i] = a[i] + Plain.THREE.value
    else:
        out[i] = a[i] - Mode.SUB.value


def reserved_names(out: "device int*", kernel: "device const int*"):
    device = metal.thread_id()
    half = kernel[device]
    float4 = half * 2
    constant, thread, main, uint2, double, template = 1, 2, 3, 4, 5, 6
    abs_, and_ = half, float4
    half_ = constant + thread * main - uint2 * double + template
    out[device] = float4 + half_ + abs_ - and_


def changed_parameter(out: "device int*", a: "device const int*", n: int):
    i = metal.thread_id()
    n = n + a[i]
    while n > 10:
        n -= 10
    out[i] = n


def square(x):
    return x * x


def clamped(x, low=-5, high=5):
    if x < low:
        return low
    if x > high:
        return high
    return x


def first_above(values, n: int, limit):
    """Reads memory; returns from inside a loop."""
    for k in range(n):
        if values[k] > limit:
            return k
    return -1


def store_twice(target, index, value):
    target[index] = value
    target[index] += value


def functions(out: "device int*", a: "device const int*"):
    i = metal.thread_id()
    total = square(a[i]) + square(square(3)) + clamped(a[i]) + clamped(a[i], high=20)
    store_twice(out, i, total)
    out[i] += first_above(a, 33, a[i])


INTEGER_KERNELS = [
    collatz,
    loops,
    loop_variable,
    nested_same_variable,
    early_return,
    first_in_branch,
    kept_between_turns,
    infinite_with_break,
    conditional_expressions,
    short_circuit,
    chained,
    tuples,
    captured_enums,
    functions,
]


@pytest.mark.parametrize("function", INTEGER_KERNELS, ids=lambda f: f.__name__)
def test_integers_as_in_python(function: Any, rng: np.random.Generator) -> None:
    out = rng.integers(-9, 9, 33).astype(np.int32)
    assert_both_ways(function, 33, out=out, a=ints(rng))


def test_operators_as_in_python(rng: np.random.Generator) -> None:
    out = rng.integers(-9, 9, 33).astype(np.int32)
    assert_both_ways(integer_operators, 33, out=out, a=ints(rng), b=ints(rng))
    assert_both_ways(
        float_operators, 33, out=np.full(33, np.nan, np.float32), a=floats(rng), b=floats(rng)
    )
    assert_both_ways(reserved_names, 33, out=out, kernel=ints(rng))


def test_changed_value_parameter(rng: np.random.Generator) -> None:
    out = rng.integers(-9, 9, 33).astype(np.int32)
    assert_both_ways(changed_parameter, 33, out=out, a=ints(rng), n=np.int32(55))


def test_zero_where_python_would_raise(rng: np.random.Generator) -> None:
    def kernel_(out: "device float*", a: "device const float*"):
        i = metal.thread_id()
        if a[i] > 0.0:
            y = a[i]
        out[i] = y

    a, out = floats(rng), np.full(33, np.nan, np.float32)
    run(kernel_, 33, out=out, a=a)
    np.testing.assert_array_equal(out, np.where(a > 0, a, 0))


def test_division_is_that_of_msl(rng: np.random.Generator) -> None:
    def kernel_(out: "device int*", a: "device const int*", b: "device const int*"):
        i = metal.thread_id()
        out[i] = a[i] / b[i]

    a, b, out = ints(rng), ints(rng), np.full(33, 99, np.int32)
    b[b == 0] = 1
    run(kernel_, 33, out=out, a=a, b=b)
    np.testing.assert_array_equal(out, np.trunc(a / b).astype(np.int32))


# --- the math library ---


def test_math_functions(rng: np.random.Generator) -> None:
    def kernel_(out: "device float*", a: "device const float*", whole: "device int*"):
        i = metal.thread_id()
        x = abs(a[i]) + 1
        out[i] = sqrt(x) + math.sin(x) * math.exp(-x) + math.log(x) + math.log(x, 2) + math.pi
        out[i] += math.atan2(x, 2) + math.hypot(x, 1.5) + math.degrees(x) + math.pow(x, 2)
        out[i] += np.float32(3) + np.maximum(x, 2.5) + metal.rsqrt(x) + math.fabs(-x)
        out[i] += np.where(x > 3, x, -x) + math.copysign(x, -1)
        whole[i] = math.floor(a[i]) + 10 * math.ceil(a[i]) + 100 * round(a[i]) + int(a[i])
        if math.isinf(math.inf * x) and not math.isnan(x):
            whole[i] += 1000

    a = floats(rng)
    out, whole = np.full(33, np.nan, np.float32), np.zeros(33, np.int32)
    run(kernel_, 33, out=out, a=a, whole=whole)
    x = np.abs(a.astype(np.float64)) + 1
    expected = np.sqrt(x) + np.sin(x) * np.exp(-x) + np.log(x) + np.log2(x) + np.pi
    expected += np.arctan2(x, 2) + np.hypot(x, 1.5) + np.degrees(x) + x**2
    expected += 3 + np.maximum(x, 2.5) + 1 / np.sqrt(x) + x + np.where(x > 3, x, -x) - x
    np.testing.assert_allclose(out, expected, rtol=2e-6)
    exact = np.floor(a) + 10 * np.ceil(a) + 100 * np.rint(a) + np.trunc(a) + 1000
    np.testing.assert_array_equal(whole, exact.astype(np.int32))


# --- vectors ---


def test_vectors(rng: np.random.Generator) -> None:
    def kernel_(out: "device float4*", p: "device const float4*", q: "device float2*", n: int):
        i = metal.thread_id()
        v = p[i]
        v.xy = v.yx
        v[2] += 1
        v.w = v[n] * 2
        v[n] = 0.5
        w = metal.float4(q[i], 1, v.x)
        a, b, c, d = w
        out[i] = v * w.wzyx + 2 - metal.float4(3.0) / metal.float4(a + 20, b + 20, c, d + 20)
        out[i].z = metal.dot(v, w)
        out[i].xw *= 2.0
        q[i] = metal.float2(1 if metal.any(v > w) else 0, 1 if metal.all(v == v) else 0)
        q[i].y += v.rgb.zyx.x + (-v).x + len(v)

    p, q = rng.uniform(-9, 9, (33, 4)).astype(np.float32), rng.uniform(-9, 9, (33, 2)).astype(np.float32)  # fmt: skip
    out, before = np.full((33, 4), np.nan, np.float32), q.copy()
    interpret(translated(kernel_), (33, 1, 1), {"out": out, "p": p, "q": q, "n": 1})
    v = p[:, [1, 0, 2, 3]].copy()
    v[:, 2] += 1
    v[:, 3] = v[:, 1] * 2
    v[:, 1] = 0.5
    w = np.column_stack([before, np.ones(33, np.float32), v[:, 0]])
    expected = v * w[:, ::-1] + 2 - 3 / (w + np.array([20, 20, 0, 20], np.float32))
    expected[:, 2] = np.sum(v * w, axis=1)
    expected[:, [0, 3]] *= 2
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(q[:, 0], np.any(v > w, axis=1))
    np.testing.assert_allclose(q[:, 1], 1 + v[:, 2] - v[:, 0] + 4, rtol=1e-4, atol=1e-5)


def test_vector_types_as_locals_and_parameters(rng: np.random.Generator) -> None:
    def weighted(v: "float3", by):
        return v * by

    def kernel_(out: "device int3*", shift: "int3", f: "device const half2*"):
        i = metal.thread_id()
        total: metal.int3 = 0
        total += shift
        total.x = total.y << 2
        scaled = weighted(metal.float3(total), 0.5)
        out[i] = metal.int3(scaled) + metal.int3(metal.int2(f[i]), 1)

    out = np.full((5, 4), -1, np.int32)
    f = rng.integers(-8, 8, (5, 2)).astype(np.float16)
    interpret(translated(kernel_), (5, 1, 1), {"out": out, "shift": (2, 4, 6), "f": f})
    expected = np.array([8, 2, 3]) + np.column_stack([f, np.ones(5)])
    np.testing.assert_array_equal(out[:, :3], expected)


# --- positions ---


def test_positions() -> None:
    def kernel_(out: "device uint*"):
        x, y = metal.thread_id_2d()
        p = metal.thread_id_3d()
        width = metal.threads_per_grid.x
        at = (p.z * metal.threads_per_grid().y + y) * width + x
        group = metal.program_id(0) + 10 * metal.threadgroup_id(axis=1) + 100 * metal.program_id(2)
        inside = metal.thread_position_in_threadgroup
        size = metal.threads_per_threadgroup
        linear = (inside.z * size.y + inside.y) * size.x + inside.x
        same = linear == metal.thread_index_in_threadgroup
        corner = metal.threadgroup_position_in_grid() * metal.dispatch_threads_per_threadgroup
        same = same and metal.all(corner + inside == metal.thread_position_in_grid)
        out[at] = group + (1000 if same and metal.thread_id() == metal.thread_id_x() else 0)
        out[at] += 10000 * metal.threadgroups_per_grid.y + 0 * metal.thread_id_y() * metal.thread_id_z()  # fmt: skip

    out = np.zeros(5 * 4 * 3, np.uint32)
    interpret(translated(kernel_), (5, 4, 3), {"out": out}, (2, 2, 2))
    z, y, x = np.indices((3, 4, 5))
    expected = x // 2 + 10 * (y // 2) + 100 * (z // 2) + 1000 + 10000 * 2
    np.testing.assert_array_equal(out, expected.ravel())


# --- types ---


@pytest.mark.parametrize(
    "name", ["char", "uchar", "short", "ushort", "int", "uint", "long", "ulong"]
)
def test_integer_types_wrap(name: str, rng: np.random.Generator) -> None:
    def kernel_(out, a, k):
        i = metal.thread_id()
        x = a[i]
        x *= 3
        x += k
        x <<= 1
        out[i] = x - 1

    dtype = getattr(metal, name).msl_type.numpy_dtype
    info = np.iinfo(dtype)
    a = rng.integers(info.min, info.max, 33, dtype, endpoint=True)
    out = np.zeros(33, dtype)
    kernel = translated(kernel_, out=f"device {name}*", a=f"device const {name}*", k=name)
    interpret(kernel, (33, 1, 1), {"out": out, "a": a, "k": 5})
    wide = (((a.astype(object) * 3 + 5) << 1) - 1) % (1 << info.bits)
    expected = np.array([w - (1 << info.bits) if w > info.max else w for w in wide], dtype)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", ["half", "bfloat", "float"])
def test_float_types(name: str, rng: np.random.Generator) -> None:
    def kernel_(out, a):
        i = metal.thread_id()
        total = 0
        for _ in range(3):
            total += a[i]
        out[i] = total * 0.5

    dtype = getattr(metal, name).msl_type.numpy_dtype
    a = rng.integers(-8, 8, 33).astype(dtype)
    out = np.zeros(33, dtype)
    kernel = translated(kernel_, out=f"device {name}*", a=f"device const {name}*")
    interpret(kernel, (33, 1, 1), {"out": out, "a": a})
    np.testing.assert_array_equal(out.astype(np.float32), a.astype(np.float32) * 1.5)


def test_bool_buffers(rng: np.random.Generator) -> None:
    def kernel_(out: "device bool*", a: "device const bool*", b: "device const float*"):
        i = metal.thread_id()
        out[i] = (a[i] ^ (b[i] > 0.0)) or (not a[i] and bool(b[i]))

    a, b = rng.integers(0, 2, 33).astype(bool), floats(rng)
    out = np.zeros(33, bool)
    run(kernel_, 33, out=out, a=a, b=b)
    np.testing.assert_array_equal(out, (a ^ (b > 0)) | (~a & (b != 0)))

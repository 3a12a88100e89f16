"""MSL's library in Python kernels: bit casts, select, bit fields, pairs and packing; interpreted and on the CPU device, against NumPy."""
# mypy: ignore-errors

from __future__ import annotations

import math
import random
import types
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from metal_runtime import metal
from metal_runtime.dtype import DType
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import translate
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.printer import print_kernel
from metal_runtime.msl_types import ValueType, Vector, element_of, parse_type, type_name
from metal_runtime.passes.pipeline import optimize
from tests.cpu_runs import differing, run_on_cpu
from tests.frontend.both_ways import copies
from tests.strategies import random_values

WAYS = ("interpreted", "optimised", "device")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def run(way: str, function: Callable[..., Any], types: str, threads: int, **arguments: Any) -> Any:
    """Runs the kernel on copies of the arrays and returns them."""
    names = function.__code__.co_varnames
    declared = {n: parse_type(t) for n, t in zip(names, types.split(", "), strict=False)}
    kernel = translate(function, declared)  # type: ignore[arg-type]
    given = copies(arguments)
    if way != "interpreted":
        kernel = optimize(kernel)
    if way == "device":
        run_on_cpu(kernel, (threads, 1, 1), given)
    else:
        interpret(kernel, (threads, 1, 1), given)
    return given


def random_array(dtype: Any, count: int) -> Any:
    return random_values(random.Random(), DType.from_numpy(np.dtype(dtype)), count)


# --- bit casts -----------------------------------------------------------------------------------

NUMBERS = [d for d in DType if d is not DType.BOOL]
TYPES: list[ValueType] = [*NUMBERS, *(Vector(d, w) for d in NUMBERS for w in (2, 4))]


def bits(type_: ValueType) -> int:
    return type_.itemsize * 8


PAIRS = [(a, b) for a in TYPES for b in TYPES if a != b and bits(a) == bits(b)]


def test_there_are_many_pairs() -> None:
    assert len(PAIRS) > 100


@pytest.mark.parametrize("way", ["optimised", "device"])
@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256])
def test_as_type_keeps_the_bits(size, way):
    """Through every type of the size and back, whatever the bits are."""
    first, *others = [t for t in TYPES if bits(t) == size]
    raw = np.random.default_rng().integers(0, 256, 37 * size // 8, np.uint8)
    source = type_name(first)
    x = raw.view(element_of(first).numpy_dtype)
    for other in others:
        target = type_name(other)
        scope = {"TARGET": getattr(metal, target), "SOURCE": getattr(metal, source)}
        function = _with_globals(there_and_back, scope)
        types = f"device const {source}*, device {target}*, device {source}*"
        there = np.zeros(raw.nbytes, np.uint8).view(element_of(other).numpy_dtype)
        got = run(way, function, types, 37, x=x, there=there, back=np.zeros_like(x))
        assert (got["there"].view(np.uint8) == raw).all(), target
        assert (got["back"].view(np.uint8) == raw).all(), target


def there_and_back(x, there, back):
    i = metal.thread_id()
    value = metal.as_type(TARGET, x[i])  # type: ignore[name-defined]
    there[i] = value
    back[i] = metal.as_type(SOURCE, value)  # type: ignore[name-defined]


def _with_globals(function: Any, names: dict[str, Any]) -> Any:
    return types.FunctionType(function.__code__, {**function.__globals__, **names})


def ordered_key(x, out, half_bits, halves):
    i = metal.thread_id()
    key = metal.as_type(metal.uint, x[i])
    out[i] = key ^ metal.select(0x80000000, 0xFFFFFFFF, (key >> 31) != 0)
    halves[i] = metal.as_type(metal.half, 0x3C00) + metal.as_type(metal.half2, key).x * 0.0
    half_bits[i] = metal.as_type(metal.ushort, metal.half(1.5))


def test_patterns_of_floats(way):
    x = np.sort(np.random.default_rng().normal(size=77).astype(np.float32))
    types = "device const float*, device uint*, device ushort*, device half*"
    empty = [np.zeros(77, d) for d in (np.uint32, np.uint16, np.float16)]
    given = dict(zip(("out", "half_bits", "halves"), empty, strict=True))
    got = run(way, ordered_key, types, 77, x=x, **given)
    assert (np.diff(got["out"].astype(np.int64)) > 0).all()  # in the order of the floats
    assert (got["half_bits"] == np.float16(1.5).view(np.uint16)).all()
    finite = np.isfinite(x.view(np.float16)[::2])
    assert (got["halves"][finite] == 1).all()


# --- select --------------------------------------------------------------------------------------


def selected(a, b, c, out, vectors):
    i = metal.thread_id()
    out[i] = metal.select(a[i], b[i], c[i] != 0)
    v = metal.select(VECTOR(a[i]), VECTOR(b[i]), metal.bool3(c[i] > 0, False, c[i] < 2))  # type: ignore[name-defined]
    w = metal.select(v, VECTOR(0), c[i] == 3)  # type: ignore[name-defined]
    vectors[i] = w


@pytest.mark.parametrize("dtype", NUMBERS, ids=type_name)
def test_select(way, dtype):
    name, n = dtype.metal_name, 131
    function = _with_globals(selected, {"VECTOR": getattr(metal, f"{name}3")})
    a, b = (random_array(dtype.numpy_dtype, n) for _ in "ab")
    c = np.random.default_rng().integers(0, 5, n).astype(np.int32)
    types = f"device const {name}*, device const {name}*, device const int*, device {name}*, device {name}3*"
    got = run(
        way,
        function,
        types,
        n,
        a=a,
        b=b,
        c=c,
        out=np.ones_like(a),
        vectors=np.ones((n, 4), a.dtype),
    )
    assert not differing(np.where(c != 0, b, a), got["out"]).any()
    v = np.stack([np.where(c > 0, b, a), a, np.where(c < 2, b, a)], axis=1)
    v[c == 3] = 0
    assert not differing(v, got["vectors"][:, :3].copy()).any()


# --- pairs, bit fields, packing ----------------------------------------------------------------------


def parts(x, part, whole, s, c, scaled, power):
    i = metal.thread_id()
    part[i], whole[i] = metal.modf(x[i])
    s[i], c[i] = metal.sincos(x[i])
    scaled[i] = math.ldexp(x[i], 3)
    power[i] = metal.ilogb(x[i])


@pytest.mark.parametrize("name", ["float", "half", "bfloat"])
def test_pairs(way, name):
    dtype = {"float": np.float32, "half": np.float16, "bfloat": ml_dtypes.bfloat16}[name]
    x = np.random.default_rng().normal(0, 100, 99).astype(dtype)
    x[:5] = [np.inf, -np.inf, np.nan, -0.0, -3.0]
    floats = {n: np.ones_like(x) for n in ("part", "whole", "s", "c", "scaled")}
    types = ", ".join(["device const " + name + "*", *[f"device {name}*"] * 5, "device int*"])
    got = run(way, parts, types, 99, x=x, **floats, power=np.ones(99, np.int32))
    part, whole = np.modf(x.astype(np.float64))
    assert not differing(part.astype(dtype), got["part"]).any()
    assert not differing(whole.astype(dtype), got["whole"]).any()
    assert (np.signbit(got["part"][[1, 3, 4]])).all()
    with np.errstate(invalid="ignore"):
        wide = x.astype(np.float64)
        for name_, function in (("s", np.sin), ("c", np.cos)):
            want = function(wide).astype(dtype).astype(np.float64)
            np.testing.assert_allclose(got[name_].astype(np.float64), want, atol=1e-2 if name != "float" else 1e-6)  # fmt: skip
    assert not differing((x.astype(np.float64) * 8).astype(dtype), got["scaled"]).any()
    normal = np.isfinite(wide) & (wide != 0)
    assert (got["power"][normal] == np.floor(np.log2(np.abs(wide[normal])))).all()


def fields(x, y, taken, put, turned, distance):
    i = metal.thread_id()
    taken[i] = metal.extract_bits(x[i], 3, i % 6)
    put[i] = metal.insert_bits(x[i], y[i], 2, 4)
    turned[i] = metal.rotate(x[i], 5)
    distance[i] = metal.absdiff(x[i], y[i])


@pytest.mark.parametrize("dtype", [d for d in DType if d.is_integer], ids=type_name)
def test_bit_fields(way, dtype):
    n, name, bits_ = 70, dtype.metal_name, dtype.bits
    unsigned = name if not dtype.is_signed else f"u{name}"
    x, y = (random_array(dtype.numpy_dtype, n) for _ in "xy")
    types = (
        f"device const {name}*, device const {name}*"
        + f", device {name}*" * 3
        + f", device {unsigned}*"
    )
    outs = {o: np.ones_like(x) for o in ("taken", "put", "turned")}
    got = run(way, fields, types, n, x=x, y=y, **outs, distance=np.ones(n, f"u{dtype.itemsize}"))
    for i in range(n):
        a, b = int(x[i]) & (1 << bits_) - 1, int(y[i])
        field = a >> 3 & (1 << i % 6) - 1
        if dtype.is_signed and i % 6 and field >> (i % 6 - 1):
            field -= 1 << i % 6
        assert int(got["taken"][i]) == field
        mask = (1 << bits_) - 1
        assert int(got["put"][i]) & mask == (a & ~0b111100 | (b << 2 & 0b111100)) & mask
        assert int(got["turned"][i]) & mask == (a << 5 | a >> bits_ - 5) & mask
        assert int(got["distance"][i]) == abs(int(x[i]) - b)


def packed(x, word, back):
    i = metal.thread_id()
    word[i] = metal.pack_float_to_unorm4x8(x[i])
    back[i] = metal.unpack_unorm4x8_to_float(word[i])


def test_packing(way):
    x = np.random.default_rng().normal(0.5, 0.5, (65, 4)).astype(np.float32)
    got = run(way, packed, "device const float4*, device uint*, device float4*", 65,
              x=x, word=np.zeros(65, np.uint32), back=np.ones_like(x))  # fmt: skip
    levels = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
    assert (got["word"].view(np.uint8).reshape(65, 4) == levels).all()
    assert not differing(levels.astype(np.float32) / np.float32(255), got["back"]).any()


def golden_functions(
    x: "device const float*", h: "device bfloat2*", k: "device int*", out: "device uint*"
):
    i = metal.thread_id()
    pattern = metal.as_type(metal.uint, x[i])
    out[i] = metal.select(pattern, ~pattern, x[i] < 0.0)
    k[i] = metal.extract_bits(metal.as_type(int, pattern), 4, 8)
    h[i] = metal.select(h[i], metal.as_type(metal.bfloat2, x[i]), metal.isnan(h[i]))
    s, c = metal.sincos(x[i])
    part, whole = metal.modf(s * c)
    out[i] += metal.pack_float_to_snorm4x8(metal.float4(s, c, part, whole))


def test_golden(golden):
    kernel = optimize(translate(golden_functions, {
        "x": parse_type("device const float*"), "h": parse_type("device bfloat2*"),
        "k": parse_type("device int*"), "out": parse_type("device uint*"),
    }))  # fmt: skip
    golden("ir/library_functions.ir", print_kernel(kernel))
    golden("msl/library_functions.metal", ir_to_msl(kernel).source)

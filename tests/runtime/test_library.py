"""The library object: kernels as attributes, launches and what is refused, specialisation, pickling, threads."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

import metal_runtime
from metal_runtime import LaunchError, MslError, api
from metal_runtime.errors import UnknownKernelError

TEXT = """#include <metal_stdlib>
using namespace metal;
struct Affine { float a; int b; };
constant bool has_w [[function_constant(1)]];
constant int shift [[function_constant(2)]];
constant int twice = shift * 2;

kernel void affine(device float* x [[buffer(0)]], constant Affine& p [[buffer(1)]],
                   uint i [[thread_position_in_grid]]) { x[i] = x[i] * p.a + p.b; }
template <typename T> kernel void add(device const T* a, device const T* b, device T* o,
                                      uint i [[thread_position_in_grid]]) { o[i] = a[i] + b[i]; }
template [[host_name("add_float")]] [[kernel]] decltype(add<float>) add<float>;
template [[host_name("add.int")]] kernel void add<int>(device const int*, device const int*, device int*, uint);
kernel void reverse(device float* x, threadgroup float* t [[threadgroup(0)]],
                    uint i [[thread_position_in_threadgroup]], uint g [[thread_position_in_grid]],
                    uint n [[threads_per_threadgroup]]) {
    t[i] = x[g];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    x[g] = t[n - 1 - i];
}
kernel void total(device const float* x, device float* out, uint i [[thread_position_in_threadgroup]]) {
    threadgroup float t[64];
    t[i] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (i == 0) { float s = 0; for (int k = 0; k < 64; ++k) s += t[k]; out[0] = s; }
}
kernel void weigh(device float* x [[buffer(0)]], device const float* w [[buffer(3), function_constant(has_w)]],
                  constant int& n [[buffer(4), function_constant(has_w)]], uint i [[thread_position_in_grid]]) {
    if (has_w) x[i] += w[i] * n; else x[i] = twice;
}
kernel void rows(device float* x, constant Affine* p, uint i [[thread_position_in_grid]]) { x[i] = p[i].a; }
kernel void maybe(device float* x, device const float* y, constant bool& has_y, uint i [[thread_position_in_grid]]) {
    x[i] = has_y ? y[i] : -1;
}
"""
AFFINE = np.dtype([("a", "f4"), ("b", "i4")])


@pytest.fixture
def rng() -> np.random.Generator:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def lib() -> metal_runtime.Library:
    return metal_runtime.compile(TEXT)


def refused(match: str, run: object) -> LaunchError:
    with pytest.raises(LaunchError, match=match) as caught:
        run()  # type: ignore[operator]
    assert caught.value.hint
    return caught.value


# --- kernels by name -----------------------------------------------------------------------------


def test_kernels(lib: metal_runtime.Library) -> None:
    names = ["affine", "add_float", "add.int", "reverse", "total", "weigh", "rows", "maybe"]
    assert list(lib.kernels) == list(lib) == names
    assert len(lib) == len(names)
    assert "add.int" in lib
    assert "add" not in lib
    assert lib["affine"] is lib.affine
    assert {"affine", "weigh", "kernels", "specialise"} <= set(dir(lib))
    assert [c.name for c in lib.kernels["weigh"].constants] == ["has_w", "shift"]
    assert lib.total.signature.threadgroup_bytes == 256


def test_unknown_kernel(lib: metal_runtime.Library) -> None:
    with pytest.raises(UnknownKernelError, match="did you mean `affine`"):
        _ = lib.afine
    with pytest.raises(KeyError):
        _ = lib["afine"]
    assert not hasattr(lib, "nothing_like_it")
    assert not hasattr(lib, "__deepcopy__")
    with pytest.raises(AttributeError, match=r"it has `affine`, .*`maybe`"):
        _ = lib.zzzzzzzz


def test_repr(lib: metal_runtime.Library) -> None:
    text = repr(lib)
    assert text.startswith(
        "<library <msl>: 8 kernels>\nkernel void affine(\n    device float* x [[buffer(0)]],\n"
    )
    assert repr(lib.weigh) == (
        "kernel void weigh(\n"
        "    device float* x [[buffer(0)]],\n"
        "    device const float* w [[buffer(3)]],  // only if has_w\n"
        "    constant int& n [[buffer(4)]]  // only if has_w\n"
        ")\n"
        "    // function constant bool has_w (1)\n"
        "    // function constant int shift (2)"
    )
    assert "threadgroup float* t [[threadgroup(0)]]" in repr(lib.reverse)
    assert "256 bytes of threadgroup memory in its body" in repr(lib.total)
    many = "".join(f"kernel void k{i}(device int* a) {{}}\n" for i in range(100))
    assert repr(metal_runtime.compile(many)).endswith("\nand 60 more")


# --- launches ------------------------------------------------------------------------------------


def test_values_arrays_and_structs(lib: metal_runtime.Library, rng: np.random.Generator) -> None:
    x = rng.standard_normal(77).astype(np.float32)
    p = np.zeros(3, AFFINE)
    p["a"], p["b"] = [2, 3, 4], [1, -2, 5]
    for value in (
        p[1],
        p[1].tobytes(),
        bytearray(p[1].tobytes()),
        memoryview(p[1].tobytes()),
    ):
        got = x.copy()
        lib.affine(got, value, threads=77)
        np.testing.assert_allclose(got, x * 3 - 2, rtol=1e-6, atol=1e-6)
    got = x[:3].copy()
    lib.rows(got, p.tobytes(), threads=3)
    np.testing.assert_array_equal(got, p["a"])
    lib.rows(got, p, threads=3)
    buffer = api.asarray(x)
    lib.affine(p=p[0], x=buffer, threads=(77,), threadgroup=(16,))
    np.testing.assert_allclose(buffer.numpy(), x * 2 + 1, rtol=1e-6, atol=1e-6)


def test_instances(lib: metal_runtime.Library, rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, 40)).astype(np.float32)
    out = np.full(40, np.nan, np.float32)
    lib.add_float(a, b, out, threadgroups=5, threadgroup=8)
    np.testing.assert_array_equal(out, a + b)
    i, j = rng.integers(-9, 9, (2, 40)).astype(np.int32)
    result = np.full(40, 99, np.int32)
    lib["add.int"](i, j, result, threads=40)
    np.testing.assert_array_equal(result, i + j)
    refused(
        "takes `device const float\\*`, but the array holds int",
        lambda: lib.add_float(i, b, out, threads=40),
    )


@pytest.mark.parametrize("group", [1, 16, 60])
def test_threadgroup_memory(
    lib: metal_runtime.Library, rng: np.random.Generator, group: int
) -> None:
    x = rng.standard_normal(group * 3).astype(np.float32)
    length = -(-4 * group // 16) * 16
    for memory in (length, (length,), [np.int64(length)], {"t": length}):
        got = x.copy()
        lib.reverse(got, threadgroups=3, threadgroup=group, threadgroup_memory=memory)
        np.testing.assert_array_equal(got, x.reshape(3, group)[:, ::-1].ravel())


def test_strategy_and_texts(lib: metal_runtime.Library) -> None:
    assert lib.affine.strategy == "loops"
    assert lib.reverse.strategy in ("regions", "fibers")
    assert "affine" in lib.affine.texts["cpp"]
    fibers = metal_runtime.compile(TEXT, strategy="fibers")
    assert fibers.reverse.strategy == "fibers"
    x = np.arange(8, dtype=np.float32)
    fibers.reverse(x, threads=8, threadgroup=8, threadgroup_memory=32)
    np.testing.assert_array_equal(x, np.arange(8)[::-1])


def test_unbound_buffer(lib: metal_runtime.Library) -> None:
    x = np.zeros(4, np.float32)
    lib.maybe(x, None, False, threads=4)
    np.testing.assert_array_equal(x, -1)
    with pytest.raises(metal_runtime.KernelFault):
        lib.maybe(x, None, True, threads=4)
    refused("takes one bool, not None", lambda: lib.maybe(x, None, None, threads=4))


def test_launches_that_say_too_little_or_too_much(lib: metal_runtime.Library) -> None:
    x, out = np.zeros(64, np.float32), np.zeros(1, np.float32)
    memory = {"threads": 64, "threadgroup": 64}
    refused("how many threads there are", lambda: lib.affine(x, bytes(8)))
    refused("two ways to say one thing", lambda: lib.affine(x, bytes(8), threads=1, threadgroups=1))
    refused("how many threads each has", lambda: lib.affine(x, bytes(8), threadgroups=1))
    refused("threads", lambda: lib.affine(x, bytes(8), threads=0))
    refused(
        "threadgroup=2000 has 2,000 threads",
        lambda: lib.affine(x, bytes(8), threads=9, threadgroup=2000),
    )
    refused("uses threadgroup memory", lambda: lib.total(x, out, threads=64))
    refused("uses threadgroup memory", lambda: lib.reverse(x, threads=64, threadgroup_memory=256))
    refused(r"gives 0 lengths, but it has 1 such argument: `threadgroup float\* t` \(4 bytes each\)",
            lambda: lib.reverse(x, **memory))  # fmt: skip
    refused("gives 2 lengths", lambda: lib.reverse(x, **memory, threadgroup_memory=(16, 16)))
    refused("no positive multiple of 16", lambda: lib.reverse(x, **memory, threadgroup_memory=250))
    refused("no positive multiple of 16", lambda: lib.reverse(x, **memory, threadgroup_memory=-16))
    refused("not a number of bytes", lambda: lib.reverse(x, **memory, threadgroup_memory=16.0))
    refused("names `s`", lambda: lib.reverse(x, **memory, threadgroup_memory={"s": 16}))
    refused("32,784 bytes of threadgroup memory are more than the 32,768",
            lambda: lib.reverse(x, **memory, threadgroup_memory=32_784))  # fmt: skip
    refused("no \\[\\[threadgroup", lambda: lib.total(x, out, **memory, threadgroup_memory=16))
    refused("missing 1 argument: p", lambda: lib.affine(x, threads=1))
    refused("no parameter `q`", lambda: lib.affine(x, q=1, threads=1))
    refused(
        "`constant Affine&` has 8 bytes, the value has 4",
        lambda: lib.affine(x, bytes(4), threads=1),
    )


def test_too_much_memory_in_the_body() -> None:
    text = """kernel void k(device float* x, uint i [[thread_position_in_threadgroup]]) {
        threadgroup float t[8193]; t[i] = 1; threadgroup_barrier(metal::mem_flags::mem_threadgroup); x[0] = t[0]; }"""
    lib = metal_runtime.compile("#include <metal_stdlib>\n" + text)
    refused(
        "declares 32,772 bytes of threadgroup memory, a threadgroup has 32,768",
        lambda: lib.k(np.zeros(1, np.float32), threads=1, threadgroup=1),
    )


# --- function constants --------------------------------------------------------------------------


def test_specialisation(lib: metal_runtime.Library, rng: np.random.Generator) -> None:
    error = refused("needs values of the function constants `has_w` .bool, index 1., `shift` .int, index 2.",
                    lambda: lib.weigh(np.zeros(3, np.float32), None, None, threads=3))  # fmt: skip
    assert error.hint == 'use lib.specialise({"has_w": True, "shift": 1})'
    x, w = rng.standard_normal((2, 9)).astype(np.float32)
    weighed = lib.specialise({"has_w": True, 2: 0})
    got = x.copy()
    weighed.weigh(got, w, 3, threads=9)
    np.testing.assert_allclose(got, x + 3 * w, rtol=1e-6, atol=1e-6)
    refused("missing", lambda: weighed.weigh(got, threads=9))
    plain = weighed.specialise({"has_w": np.False_, "shift": np.int8(21)})
    for call in (lambda: plain.weigh(got, threads=9), lambda: plain.weigh(got, None, None, threads=9),
                 lambda: plain.weigh(x=got, threads=9)):  # fmt: skip
        got[:] = np.nan
        call()
        np.testing.assert_array_equal(got, 42)
    assert [a.active for a in plain.weigh.signature.arguments] == [True, False, False]
    with pytest.raises(MslError, match="did you mean `has_w`"):
        lib.specialise({"has_v": True})
    assert (
        metal_runtime.compile(TEXT, constants={1: False, 2: 4}).weigh.signature
        == plain.weigh.signature
    )


# --- texts, files, headers -----------------------------------------------------------------------


def test_files_and_headers(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    header = tmp_path / "shared" / "width.h"
    header.write_text("#define WIDTH 3\n")
    file = tmp_path / "k.metal"
    file.write_text(
        '#include "width.h"\n#include <local.h>\nkernel void k(device int* a) { a[0] = WIDTH * HEIGHT + local; }\n'
    )
    (tmp_path / "local.h").write_text("constant int local = 1;\n")
    options = {
        "include_dirs": [tmp_path / "shared", str(tmp_path)],
        "defines": {"HEIGHT": 5, "EMPTY": None},
    }
    out = np.zeros(1, np.int32)
    metal_runtime.compile(file, **options).k(out, threads=1)
    assert out[0] == 16
    header.write_text("#define WIDTH 40\n")
    os.utime(header, ns=(1, 1))
    changed = metal_runtime.compile(file, **options)
    changed.k(out, threads=1)
    assert out[0] == 201
    stale = metal_runtime.compile(file, **options)
    assert str(file) in repr(changed)
    header.write_text("#define WIDTH 400\n")
    with pytest.raises(MslError, match="has changed since the library was made"):
        stale.k(out, threads=1)
    changed = metal_runtime.compile(file, **options)
    copy = pickle.loads(pickle.dumps(changed))
    copy.k(out, threads=1)
    assert out[0] == 2001


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("", {}, "the MSL text is empty"),
        (None, {}, "is no string"),
        ("kernels.metal", {}, "is no MSL text"),
        (Path("/nowhere/k.metal"), {}, "cannot read /nowhere/k.metal: No such file"),
        ("float f() { return 1; }", {}, "no kernel, only functions"),
        ("kernel void k(device int* a) {", {}, "never closed"),
        ('#include "missing.h"\nkernel void k() {}', {}, "'missing.h' file not found"),
        ("vertex float4 v() { return 0; }", {}, "only compute kernels run here"),
        ("kernel void k() {}", {"include_dirs": "/nowhere"}, "names `/nowhere`, which is no folder"),
        ("kernel void k() {}", {"defines": {"a b": 1}}, "'a b' is no name of a macro"),
        ("kernel void k() {}", {"math_mode": "quick"}, "is no math mode"),
        ("kernel void k() {}", {"constants": {"c": 1}}, "no function constant with the name `c`"),
    ],
)  # fmt: skip
def test_texts_that_are_refused(source: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(MslError, match=message):
        metal_runtime.compile(source, **options)  # type: ignore[arg-type]


def test_errors_stand_at_the_texts_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.metal"
    file.write_text(
        "kernel void good(device int* a) { a[0] = 1; }\nkernel void bad(device int* a) {\n    a[0] = missing;\n}\n"
    )
    lib = metal_runtime.compile(file)
    with pytest.raises(MslError) as caught:
        lib.bad(np.zeros(1, np.int32), threads=1)
    assert (caught.value.span.file, caught.value.span.line) == (str(file), 3)


def test_kernels_in_whose_way_something_stands(lib: metal_runtime.Library) -> None:
    mixed = metal_runtime.compile(
        "kernel void k(device int* a) {}\nkernel void t(texture2d<float> x) {}\n"
    )
    assert list(mixed.kernels) == ["k"]
    assert "t  // cannot be launched: `texture2d` is outside compute" in repr(mixed)
    with pytest.raises(MslError, match="outside compute"):
        mixed.t(threads=1)


# --- sharing -------------------------------------------------------------------------------------


def test_pickling(lib: metal_runtime.Library) -> None:
    special = lib.specialise({"has_w": False, "shift": 3})
    copy = pickle.loads(pickle.dumps(special))
    assert copy.kernels == special.kernels
    got = np.zeros(2, np.float32)
    pickle.loads(pickle.dumps(copy.weigh))(got, threads=2)
    np.testing.assert_array_equal(got, 6)


def test_many_threads_use_one_library() -> None:
    text = "kernel void twice(device int* a, uint i [[thread_position_in_grid]]) { a[i] *= 2; }"
    shared = metal_runtime.compile(f"// {os.urandom(8).hex()}\n{text}")
    results: list[bool] = []

    def work(seed: int) -> None:
        for k in range(20):
            a = np.arange(seed, seed + 50 + k, dtype=np.int32)
            want = a * 2
            shared.twice(a, threads=len(a))
            results.append(np.array_equal(a, want))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 120


def test_registered_kernels_share_the_librarys_ways() -> None:
    api.register_kernel("test_library_reverse", TEXT, "total")
    x, out = np.arange(64, dtype=np.float32), np.zeros(1, np.float32)
    api.launch_kernel("test_library_reverse", 64, 64, [x, out])
    assert out[0] == 2016
    refused(
        "uses threadgroup memory",
        lambda: api.launch_kernel("test_library_reverse", 64, None, [x, out]),
    )

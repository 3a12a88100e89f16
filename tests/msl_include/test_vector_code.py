"""Loops over the math functions are vector code on every processor, and each vector width computes the same."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.math_accuracy import FUNCTIONS, Library, loops, sample_pairs, samples
from metal_runtime.msl import clang
from metal_runtime.program import CompileOptions

PROCESSORS = {  # target and flags -> the packed registers that a loop body must use
    "avx512": ("x86_64-linux-gnu", ["-march=x86-64-v4", "-mprefer-vector-width=512"], r"%zmm\d"),
    "avx2": ("x86_64-linux-gnu", ["-march=x86-64-v3"], r"%ymm\d"),
    "sse2": ("x86_64-linux-gnu", ["-march=x86-64"], r"\b\w+(ps|dqa|dqu)\b.*%xmm\d"),
    "neon": ("aarch64-linux-gnu", ["-march=armv8-a"], r"\bv\d+\.(4s|8h|16b|2d)"),
}


def assembly_of(source: str, triple: str, processor: list[str]) -> dict[str, str]:
    """Function name -> its instructions, for another processor than this one."""
    own = clang.host_target()
    flags = [f for f in clang.compile_flags(own, CompileOptions()) if f not in own.flags]
    flags = [f"--target={triple}" if f.startswith("--target=") else f for f in flags]
    completed = clang.assembly(
        source, (*(f for f in flags if f != "-fvisibility=hidden"), *processor)
    )
    assert completed.succeeded, completed.diagnostics
    parts = re.split(r"^(\w+):", completed.output, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("type_name", ["float", "half", "bfloat"])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_loops_are_vector_code_without_calls(processor: str, type_name: str) -> None:
    triple, flags, register = PROCESSORS[processor]
    if type_name == "half" and processor == "sse2":
        pytest.skip("without F16C (x86 before 2012) clang converts half by calls")
    found = assembly_of(
        loops(FUNCTIONS, type_name).replace("__attribute__((sysv_abi))", ""), triple, flags
    )
    for function in FUNCTIONS:
        text = found[f"{function.name}_{type_name}"]
        called = re.findall(r"^\s+(?:callq?|jmpq?|bl|b)\s+([A-Za-z_]\w*)", text, flags=re.M)
        assert not called, (function.name, called)
        assert re.search(register, text), f"{function.name} is not vectorised"


def test_vectors_of_four_are_vector_code() -> None:
    source = """#include <metal_stdlib>
    extern "C" void saxpy(float4* y, const float4* x, float a, int n) { for (int i = 0; i < n; ++i) y[i] += a * x[i]; }
    extern "C" void copy(float4* y, const float4* x, int n) { for (int i = 0; i < n; ++i) y[i] = x[i]; }
    extern "C" void one(float4* y, const float4* x) { *y = *x * 2 + x[1]; }
    """
    found = assembly_of(source, *PROCESSORS["avx2"][:2])
    assert "%ymm" in found["saxpy"]
    for text in found.values():
        assert re.search(r"v\w+ps.*[xy]mm", text)
        assert not re.search(r"v(mov|mul|add)ss\s", text), "a component at a time"
    assert len(re.findall(r"movaps|movups", found["one"])) <= 3


EVERY_LOOP = "".join(loops(FUNCTIONS, type_name) for type_name in ("float", "half", "bfloat"))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(EVERY_LOOP, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("width", [2, 4, 8])
def test_each_vector_width_gives_the_same_bits(
    width: int, plain: Library, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """LLVM's code generation differs by width (its bug #157929 showed in some widths only)."""
    if not clang.host_target().triple.startswith("x86_64"):
        pytest.skip("the widths of x86")
    extra = ["-mllvm", f"-force-vector-width={width}", "-mllvm", "-force-vector-interleave=1"]
    narrow = Library(EVERY_LOOP, tmp_path_factory.mktemp("narrow"), extra=extra)
    seed = int(np.random.default_rng().integers(2**32))
    floats = {1: [samples(8000, seed)], 2: list(sample_pairs(8000, seed))}
    small = np.random.default_rng(seed).integers(0, 2**16, (2, 30_011), dtype=np.uint16)
    for function in FUNCTIONS:
        for type_name in ("float", "half", "bfloat"):
            inputs = (
                floats[function.arity] if type_name == "float" else list(small[: function.arity])
            )
            one, other = (
                library.apply(f"{function.name}_{type_name}", *inputs)
                for library in (narrow, plain)
            )
            # A NaN may have any payload.
            same = one.view(np.uint8).reshape(len(one), -1) == other.view(np.uint8).reshape(
                len(one), -1
            )
            differ = ~same.all(axis=1)
            if type_name == "float":
                differ &= ~(np.isnan(one) & np.isnan(other))
            else:
                least_nan = 0x7C00 if type_name == "half" else 0x7F80
                differ &= ~(((one & 0x7FFF) > least_nan) & ((other & 0x7FFF) > least_nan))
            zero = (
                (one.astype(np.float32) == 0) & (other.astype(np.float32) == 0)
                if type_name == "float"
                else (((one | other) & 0x7FFF) == 0)
            )  # fmin and fmax of two zeros may give either
            if function.name in ("fmin", "fmax"):
                differ &= ~zero
            assert not differ.any(), (
                function.name,
                type_name,
                width,
                [i[differ][:3] for i in inputs],
                seed,
            )

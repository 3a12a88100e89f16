"""The cache on disk: hits, incremental libraries, keys, damaged and truncated entries, listing and clearing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from metal_runtime.backends.cpu import compiler, object_cache
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.msl import clang
from metal_runtime.msl.signature import read_program
from metal_runtime.program import CompileOptions, MathMode
from tests.backends.cpu.device_runs import HEADER, device, run

ONE = (
    HEADER
    + """
static float helper(float x) { return x * 3; }
kernel void one(device float* a, uint i [[thread_position_in_grid]]) { a[i] = helper(a[i]); }
"""
)
TWO = (
    HEADER
    + """
static float helper(float x) { return x * 3; }

// The second kernel stands before the first.
kernel void two(device float* a, uint i [[thread_position_in_grid]]) {
    a[i] = helper(a[i]) + 1;
}
kernel void one(device float* a, uint i [[thread_position_in_grid]]) { a[i] = helper(a[i]); /* moved */ }
"""
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    header = compiler.standard_header(
        CompileOptions()
    )  # precompiled in the run's own cache: it takes long
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "standard_header", lambda options: header)
    return tmp_path / "cpu"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that reach the compiler."""
    texts: list[str] = []
    real = clang.compile_object

    def counting(text: str, flags: tuple[str, ...], output: str) -> clang.Completed:
        texts.append(text)
        return real(text, flags, output)

    monkeypatch.setattr(clang, "compile_object", counting)
    return texts


def load(source: str, name: str, **options: object) -> CpuPipeline:
    program = read_program(source, options=CompileOptions(**options))  # type: ignore[arg-type]
    return device().load(program).pipeline(name)  # type: ignore[return-value]


def check_one(pipeline: CpuPipeline) -> None:
    a = np.random.default_rng().standard_normal(37, np.float32)
    expected = a * 3
    run(pipeline, a.shape, a)
    np.testing.assert_array_equal(a, expected)


def test_second_load_compiles_nothing(cache: Path, compiled: list[str]) -> None:
    check_one(load(ONE, "one"))
    check_one(load(ONE, "one"))
    assert len(compiled) == 1
    assert [entry.kernel for entry in object_cache.entries()] == ["one"]


def test_library_with_one_kernel_more_compiles_that_kernel_alone(
    cache: Path, compiled: list[str]
) -> None:
    check_one(load(ONE, "one"))
    check_one(load(TWO, "one"))
    assert len(compiled) == 1
    load(TWO, "two")
    assert len(compiled) == 2
    assert "two" in compiled[1]
    assert "kernel void one" not in compiled[1]
    assert "IRIS_FN one" not in compiled[1]


def test_kernels_compile_when_asked_for(cache: Path, compiled: list[str]) -> None:
    device().load(read_program(TWO))
    assert compiled == []


def test_helper_and_options_are_part_of_the_key(cache: Path, compiled: list[str]) -> None:
    load(ONE, "one")
    load(ONE.replace("x * 3", "x * 4"), "one")
    load(ONE, "one", contract=False)
    load(ONE, "one", defines=(("x", "y"),))  # the text after preprocessing differs
    assert len(compiled) == 4
    load(ONE, "one", defines=(("UNUSED", "1"),))  # it does not
    assert len(compiled) == 4


def test_fast_math_is_part_of_the_key() -> None:
    keys = {compiler.object_key("text", CompileOptions(math_mode=mode)) for mode in MathMode}
    assert len(keys) == 2


def test_toolchain_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiler.object_key("text", CompileOptions())
    monkeypatch.setattr(clang, "toolchain", lambda: "another")
    assert compiler.object_key("text", CompileOptions()) != before


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "garbage", "append"])
def test_damaged_entry_is_rebuilt(
    damage: str, cache: Path, compiled: list[str], rng: np.random.Generator
) -> None:
    load(ONE, "one")
    [entry] = object_cache.entries()
    content = bytearray(entry.path.read_bytes())
    at = int(rng.integers(len(content)))
    if damage == "flip":
        content[at] ^= 1 << int(rng.integers(8))
    damaged = {
        "truncate": content[:at],
        "flip": content,
        "empty": b"",
        "garbage": rng.bytes(len(content)),
        "append": content + b"\0",
    }[damage]
    # A new file, as another process would leave it: the old one stays mapped.
    entry.path.unlink()
    entry.path.write_bytes(damaged)
    assert list(object_cache.entries()) == []
    check_one(load(ONE, "one"))
    assert len(compiled) == 2
    assert [entry.kernel for entry in object_cache.entries()] == ["one"]


def test_damaged_header_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    header = compiler.standard_header(CompileOptions())
    whole = header.read_bytes()
    header.unlink()
    header.write_bytes(whole[: len(whole) // 2])
    check_one(load(ONE, "one"))
    assert abs(header.stat().st_size - len(whole)) < 1000


def test_failed_build_leaves_nothing(cache: Path) -> None:
    def build(output: str) -> None:
        Path(output).write_bytes(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        object_cache.store("k", "key", "target", build)
    assert list(cache.iterdir()) == []


def test_list_and_clear(cache: Path) -> None:
    assert list(object_cache.entries()) == []
    assert object_cache.clear() == 0
    load(TWO, "one")
    load(TWO, "two")
    entries = list(object_cache.entries())
    assert [entry.kernel for entry in entries] == ["one", "two"]
    assert all(
        entry.size == os.path.getsize(entry.path) and 0 <= entry.age < 600 for entry in entries
    )
    assert {entry.target for entry in entries} == {clang.host_target().name}
    (cache / ".remains.tmp").write_bytes(b"x")
    assert object_cache.clear() == 3
    assert list(cache.iterdir()) == []
    check_one(load(ONE, "one"))

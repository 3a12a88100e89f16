"""The compiler: found without loading anything heavy, untouched by the environment, named in every key."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from metal_runtime.errors import DeviceError
from metal_runtime.msl import clang
from metal_runtime.program import CompileOptions, MathMode


def test_toolchain_names_wheel_target_and_processor() -> None:
    wheel, target, processor = clang.toolchain().split()
    assert wheel.startswith("ziglang-0.")
    assert target == clang.host_target().name
    assert processor.startswith("cpu-")
    assert clang.processor_features()


def test_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    clang.zig_binary.cache_clear()
    try:
        with pytest.raises(DeviceError, match="`ziglang` is not installed"):
            clang.zig_binary()
    finally:
        clang.zig_binary.cache_clear()


def test_include_paths_of_the_environment_do_not_reach_the_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign.h").write_text("int foreign;\n")
    monkeypatch.setenv("CPATH", str(tmp_path))
    monkeypatch.setenv("CPLUS_INCLUDE_PATH", str(tmp_path))
    flags = clang.compile_flags(clang.host_target(), CompileOptions())
    done = clang.compile_object('#include "foreign.h"\n', flags, str(tmp_path / "x.o"))
    assert not done.succeeded
    assert "'foreign.h' file not found" in done.diagnostics


def test_options_change_the_flags() -> None:
    variants = [
        CompileOptions(),
        CompileOptions(math_mode=MathMode.FAST),
        CompileOptions(contract=False),
    ]
    assert len({clang.compile_flags(clang.host_target(), options) for options in variants}) == 3


def test_nothing_heavy_loads_before_something_is_compiled() -> None:
    text = "import sys, metal_runtime.backends.cpu.device; print('subprocess' in sys.modules, 'ziglang' in sys.modules)"
    bare = "import sys, numpy; print('subprocess' in sys.modules, 'ziglang' in sys.modules)"
    outputs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        for code in (text, bare)
    ]
    assert outputs[0] == outputs[1]

"""The driver's programs over the double: one text for all devices, function constants, headers, archives, captures."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime import api, kernel, metal
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import DeviceError, MslError
from metal_runtime.msl.signature import read_program
from metal_runtime.program import CompileOptions, MathMode
from tests.metal.double import APPLE_M1, APPLE_M3, MACOS26, PARAVIRTUAL
from tests.metal.driving import SOURCE, N, driving
from tests.places import DOUBLE, current

CONSTANTS = """#include <metal_stdlib>
using namespace metal;
constant float factor [[function_constant(3)]];
constant bool negate [[function_constant(4)]];
constant uint2 shift [[function_constant(5)]];
kernel void f(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    x[i] = (negate ? -1 : 1) * factor * x[i] + float(shift.x + shift.y);
}
"""


def run(d, program, name: str, values: np.ndarray) -> np.ndarray:
    block = d.block(values)
    pipeline = d.device.load(program).pipeline(name)
    d.device.stream.launch(pipeline, LaunchConfig((N, 1, 1), (32, 1, 1)), [block.binding])
    d.device.stream.synchronize()
    return d.view(block).copy()


@kernel(param_types={"x": "device const float*", "y": "device float*", "n": "uint"})
def doubled(x, y, n):
    i = metal.thread_id()
    if i < n:
        y[i] = 2.0 * x[i]


def test_the_text_that_metal_gets_is_the_text_that_the_cpu_runs():
    with current(DOUBLE):
        import Metal

        device = Metal.MTLCreateSystemDefaultDevice()
        given = []
        send = type(device).newLibraryWithSource_options_error_

        def spy(self, source, options, error):
            given.append(source)
            return send(self, source, options, error)

        type(device).newLibraryWithSource_options_error_ = spy
        try:
            x = api.asarray(np.arange(5, dtype=np.float32))
            y = api.empty_like(x)
            doubled(x, y, 5, threads=5)
            assert y.tolist() == [0, 2, 4, 6, 8]
        finally:
            type(device).newLibraryWithSource_options_error_ = send
    assert given == [doubled.msl_source]
    here = np.zeros(5, np.float32)
    doubled(np.arange(5, dtype=np.float32), here, 5, threads=5)
    assert here.tolist() == [0, 2, 4, 6, 8]


def test_function_constants_by_name_and_index():
    x = np.arange(N, dtype=np.float32)
    with driving() as d:
        options = CompileOptions(constants=(("factor", 2.5), (4, True), ("shift", (3, 4))))
        got = run(d, read_program(CONSTANTS, options=options), "f", x)
        assert np.array_equal(got, -2.5 * x + 7)
        with pytest.raises(MslError, match="needs values for its function constants"):
            d.device.load(read_program(CONSTANTS)).pipeline("f")


def test_a_users_headers_are_in_the_text(tmp_path):
    (tmp_path / "twice.h").write_text(
        "#pragma once\ninline float twice(float x) { return 2 * x; }\n"
    )
    text = '#include <metal_stdlib>\n#include "twice.h"\nkernel void k(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = twice(x[i]) * SCALE; }\n'
    options = CompileOptions(include_dirs=(str(tmp_path),), defines=(("SCALE", "3"),))
    with driving() as d:
        got = run(d, read_program(text, options=options), "k", np.arange(N))
        assert np.array_equal(got, 6 * np.arange(N))
        wrong = text.replace("twice(x[i])", "thrice(x[i])")
        with pytest.raises(MslError, match="thrice") as caught:
            d.device.load(read_program(wrong, "k.metal", options)).pipeline("k")
        assert (caught.value.span.file, caught.value.span.line) == ("k.metal", 3)


@pytest.mark.parametrize("mode", MathMode)
@pytest.mark.parametrize("profile", [APPLE_M1, APPLE_M3, MACOS26], ids=lambda p: p.build)
def test_every_system_is_asked_in_its_way(profile, mode):
    with driving(profile) as d:
        program = read_program(SOURCE, options=CompileOptions(math_mode=mode))
        d.device.load(program).pipeline("add")
        fast = d.world.messages["MTLCompileOptions.setFastMathEnabled:"]
        modes = d.world.messages["MTLCompileOptions.setMathMode:"]
        assert (fast, modes) == ((1, 0) if profile is APPLE_M1 else (0, 1))


# --- archives --------------------------------------------------------------------------------------


def test_what_was_compiled_is_not_compiled_again(monkeypatch, tmp_path):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    with driving() as d:
        d.pipeline("add"), d.pipeline("reverse")
        assert sorted(d.world.compiled) == ["add", "reverse"]
    (archive,) = (tmp_path / "metal").iterdir()
    assert archive.name == "apple-m3-24B83.binarchive"
    with driving() as d:
        d.pipeline("add")
        assert d.world.compiled == []
        d.pipeline("combine")
        assert d.world.compiled == ["combine"]
    with driving() as d:
        d.pipeline("add"), d.pipeline("combine"), d.pipeline("reverse")
        assert d.world.compiled == []


def test_a_spoilt_archive_is_made_anew(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    (tmp_path / "metal").mkdir()
    (tmp_path / "metal" / "apple-m3-24B83.binarchive").write_bytes(b"no archive")
    with driving() as d:
        d.pipeline("add")
        assert d.world.compiled == ["add"]
    with driving() as d:
        d.pipeline("add")
        assert d.world.compiled == []


def test_a_virtual_device_keeps_no_archive(monkeypatch, tmp_path):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    with driving(PARAVIRTUAL) as d:
        d.pipeline("add")
    assert not (tmp_path / "metal").exists()


# --- capture ---------------------------------------------------------------------------------------


def test_a_capture_holds_what_runs_within_it(monkeypatch, tmp_path):
    monkeypatch.setenv("MTL_CAPTURE_ENABLED", "1")
    path = tmp_path / "frames.gputrace"
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        d.add(add, block, 1)
        with d.device.capture(str(path)):
            d.add(add, block, 2)
        assert np.array_equal(d.view(block), np.full(N, 3))
        assert path.exists()
        with pytest.raises(DeviceError, match="does not exist yet"), d.device.capture(str(path)):
            pass


def test_a_process_that_may_not_capture_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("MTL_CAPTURE_ENABLED", raising=False)
    with driving() as d, pytest.raises(DeviceError, match="does not write captures") as caught:
        with d.device.capture(str(tmp_path / "frames.gputrace")):
            pass
    assert "MTL_CAPTURE_ENABLED=1" in caught.value.hint


def test_the_cpu_device_does_not_capture(tmp_path):
    with (
        pytest.raises(DeviceError, match="writes no capture"),
        api.capture(tmp_path / "x.gputrace"),
    ):
        pass

"""A text whose own headers are in it means what it meant before, and diagnostics still find the places."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.backends.cpu.device import open_device
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import Pool
from metal_runtime.errors import MslError
from metal_runtime.msl.signature import read_program
from metal_runtime.msl.standalone import standalone_text
from metal_runtime.program import CompileOptions

KERNEL = """#include <metal_stdlib>
#include "scale.h"
#include "scale.h"
using namespace metal;
kernel void scale(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = scaled(x[i]); }
"""
HEADER = """#pragma once
#include <metal_math>
#include <inner/factor.h>
inline float scaled(float x) { return metal::fabs(x) * FACTOR; }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "include" / "inner").mkdir(parents=True)
    (tmp_path / "scale.h").write_text(HEADER)
    (tmp_path / "include" / "inner" / "factor.h").write_text(
        "#ifndef FACTOR\n#define FACTOR 3\n#endif\n"
    )
    (tmp_path / "scale.metal").write_text(KERNEL)
    return tmp_path


def options(folder, **defines: str) -> CompileOptions:
    return CompileOptions(include_dirs=(str(folder / "include"),), defines=tuple(defines.items()))


def run(source: str) -> np.ndarray:
    device = open_device()
    pool = Pool(device.allocator)
    block = pool.take(16)
    view = np.asarray(block)[:16].view(np.float32)
    view[:] = [-1, 2, -3, 4]
    pipeline = device.load(read_program(source)).pipeline("scale")
    device.stream.launch(pipeline, LaunchConfig((4, 1, 1), (4, 1, 1)), [block.binding])
    device.stream.synchronize()
    return view.copy()


def test_a_text_with_metals_headers_only_is_left_as_it_is():
    source = "#include <metal_stdlib>\n#define N 3\nusing namespace metal;\n// text\n"
    assert standalone_text(source, "<msl>", CompileOptions()) is source


def test_headers_are_in_the_text_once_and_it_runs_without_them(folder):
    text = standalone_text(KERNEL, str(folder / "scale.metal"), options(folder))
    assert '"scale.h"' not in text.replace(f'"{folder}', "")
    assert text.count("inline float scaled") == 1
    assert "#include <metal_stdlib>" in text
    assert "#include <metal_math>" in text
    assert "expanded by" not in text
    assert run(text).tolist() == [3, 6, 9, 12]


def test_macros_reach_the_headers(folder):
    text = standalone_text(KERNEL, str(folder / "scale.metal"), options(folder, FACTOR="5"))
    assert run("#define FACTOR 5\n" + text).tolist() == [5, 10, 15, 20]


def test_line_directives_name_the_users_files(folder):
    text = standalone_text(KERNEL, str(folder / "scale.metal"), options(folder))
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if "inline float scaled" in line)
    marker = next(line for line in reversed(lines[:at]) if line.startswith("#line"))
    assert marker.endswith('scale.h"')
    at = next(i for i, line in enumerate(lines) if "using namespace" in line)
    marker = next(line for line in reversed(lines[:at]) if line.startswith("#line"))
    assert marker == '#line 4 "program_source"'


def test_a_missing_header_is_an_error_at_its_line(folder):
    with pytest.raises(MslError, match=r"'nowhere\.h' file not found") as caught:
        standalone_text(
            '#include <metal_stdlib>\n#include "nowhere.h"\n', "<msl>", CompileOptions()
        )
    assert caught.value.span.line == 2

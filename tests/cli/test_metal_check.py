"""`iris check --metal`: Apple's compiler is asked, and where there is none the check fails in so many words."""

from __future__ import annotations

import json
import sys

import pytest

from tests.metal.double import Faults, installed

GOOD = """#include <metal_stdlib>
using namespace metal;
constant int factor [[function_constant(0)]];
kernel void k(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] += 1; }
kernel void scaled(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] *= factor; }
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="Metal is there")
def test_without_a_mac_it_fails_and_says_that_nobody_was_asked(iris, tmp_path) -> None:
    path = tmp_path / "k.metal"
    path.write_text(GOOD)
    assert iris("check", str(path)).status == 0
    result = iris("check", str(path), "--metal")
    assert result.status == 1
    assert "Apple's compiler was not asked: Metal runs on macOS only" in result.out
    assert "Metal would take it" in result.out  # iris's own judgement stands


def test_apples_compiler_is_asked_for_every_kernel(iris, tmp_path) -> None:
    path = tmp_path / "k.metal"
    path.write_text(GOOD)
    with installed():
        result = iris("check", str(path), "--metal")
        report = json.loads(iris("check", str(path), "--metal", "--json").out)
    assert result.status == 0
    assert "on Apple M3 compiled 1 kernels; 1 wait for function constants" in result.out
    assert report["metal"]["accepted"] is True
    assert report["metal"]["waiting_for_constants"] == ["scaled"]


def test_what_it_refuses_is_told(iris, tmp_path) -> None:
    path = tmp_path / "k.metal"
    path.write_text(GOOD)
    nil = {"newComputePipelineStateWithDescriptor:options:reflection:error:": frozenset()}
    with installed(faults=Faults(nil=nil)):
        result = iris("check", str(path), "--metal")
    assert result.status == 1
    assert "makes no pipeline of kernel `k`: injected" in result.out

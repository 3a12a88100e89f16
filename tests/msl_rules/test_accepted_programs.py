"""Valid programs have no finding: a check that refuses what Metal takes is worse than none."""

from __future__ import annotations

import pytest

from metal_runtime.msl.rules.check import first_error
from tests.msl_rules.accepted_programs import ACCEPTED
from tests.msl_rules.checks import check


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_valid_program_has_no_finding(name: str) -> None:
    text = "#include <metal_stdlib>\nusing namespace metal;\n" + ACCEPTED[name]
    report = check(text)
    assert not report.findings, "\n".join(f.render() for f in report.findings)
    assert report.kernels
    assert first_error(text) is None


def test_a_pointer_by_another_name_is_accepted() -> None:
    text = "typedef device float* Out;\nkernel void k(Out a [[buffer(0)]]) { a[0] = 1; }\n"
    report = check(text)
    assert report.accepted, "\n".join(f.render() for f in report.findings)


def test_textures_are_outside_compute_and_no_reason_to_complain_of_the_rest() -> None:
    text = """#include <metal_stdlib>
using namespace metal;
float4 sample(texture2d<float> t, float2 at) { constexpr sampler s(filter::linear); return t.sample(s, at); }
kernel void with(texture2d<float> t [[texture(0)]], device float* a [[buffer(0)]]) { a[0] = sample(t, 0).x; }
kernel void without(device float* a [[buffer(0)]]) { a[0] = 1; }
"""
    report = check(text)
    assert [f.span.line for f in report.findings if f.span] == [4]
    assert "outside compute" in report.findings[0].message
    assert [kernel.name for kernel in report.kernels] == ["without"]

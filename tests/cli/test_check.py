"""`iris check`: what it prints, its exit status, its JSON and its cache."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOD = """\
#include <metal_stdlib>
#include "scale.h"
using namespace metal;
kernel void saxpy(device const float* x [[buffer(0)]], device float* y [[buffer(1)]], constant float& a [[buffer(2)]],
                  uint i [[thread_position_in_grid]]) {
  y[i] += SCALE * a * x[i];
}
kernel void total(device const float* x [[buffer(0)]], device atomic_float* sum [[buffer(1)]],
                  threadgroup float* scratch [[threadgroup(0)]], uint i [[thread_position_in_grid]]) {
  threadgroup float held[64];
  held[i % 64] = scratch[0];
  atomic_fetch_add_explicit(sum, simd_sum(x[i]) + held[0], memory_order_relaxed);
}
"""
BAD = GOOD.replace("y[i] +=", "double d = 1; thread float* p = y; y[i] += d * p[0] *")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "scale.h").write_text(
        "#pragma once\n#ifndef SCALE\n#define SCALE 2\n#endif\n"
    )
    (tmp_path / "good.metal").write_text(GOOD)
    (tmp_path / "bad.metal").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRIS_CACHE_DIR", os.environ["IRIS_CACHE_DIR"])
    return tmp_path


def test_a_good_file(iris: Any, folder: Path, golden: Callable[[str, str], None]) -> None:
    result = iris("check", "good.metal", "-I", "headers")
    assert result.status == 0
    assert max(map(len, result.out.split("\n"))) <= 90
    golden("check_command/good.txt", result.out)


def test_a_bad_file(iris: Any, folder: Path, golden: Callable[[str, str], None]) -> None:
    result = iris("check", "bad.metal", "-I", "headers")
    assert result.status == 1
    golden("check_command/bad.txt", result.out)


def test_json_says_all_of_it(iris: Any, folder: Path) -> None:
    report = json.loads(iris("check", "--json", "-I", "headers", "good.metal").out)
    assert report["accepted"] is True
    assert report["errors"] == report["warnings"] == 0
    saxpy, total = report["kernels"]
    assert [a["name"] for a in saxpy["arguments"]] == ["x", "y", "a"]
    assert [a["space"] for a in saxpy["arguments"]] == ["device", "device", "constant"]
    assert saxpy["attributes"] == ["thread_position_in_grid"]
    assert total["threadgroup_arguments"] == [
        {"name": "scratch", "index": 0, "type": "threadgroup float*", "itemsize": 4}
    ]
    assert total["threadgroup_bytes"] == 256
    assert [Path(f).name for f in report["files"]] == ["scale.h"]
    result = iris("check", "--json", "-I", "headers", "bad.metal")
    assert result.status == 1
    findings = json.loads(result.out)["findings"]
    assert {(f["rule"], f["line"]) for f in findings} == {("double", 6), ("address-space", 6)}
    assert all(f["hint"] and f["text"] for f in findings)


def test_a_missing_header_and_a_macro(iris: Any, folder: Path) -> None:
    result = iris("check", "good.metal")
    assert result.status == 1
    assert "good.metal:2:10: error: 'scale.h' file not found" in result.out
    assert iris("check", "good.metal", "-I", "headers", "-D", "SCALE=nothing").status == 1
    assert iris("check", "good.metal", "-I", "headers", "-D", "SCALE").status == 0


def test_families(iris: Any, folder: Path) -> None:
    result = iris("check", "good.metal", "-I", "headers", "--family", "apple5")
    assert result.status == 1
    assert "apple5 has no reductions" in result.out
    assert iris("check", "good.metal", "-I", "headers", "--family", "metal3").status == 0


def test_rules_may_be_left_out(iris: Any, folder: Path) -> None:
    (folder / "r.metal").write_text(
        "int f(int n) { return n < 2 ? 1 : n * f(n - 1); }\nkernel void k(device int* a) { a[0] = f(3); }\n"
    )
    assert iris("check", "r.metal").status == 1
    assert iris("check", "r.metal", "--allow", "recursion").status == 0


@pytest.mark.parametrize(
    "arguments",
    [["missing.metal"], ["good.metal", "--family", "apple99"], ["good.metal", "--allow", "nothing"],
     ["good.metal", "-D", "1x=2"], ["good.metal", "-I", "nowhere"], []],
)  # fmt: skip
def test_wrong_usage(iris: Any, folder: Path, arguments: list[str]) -> None:
    assert iris("check", *arguments).status == 2


def test_the_cache_forgets_when_a_file_changes(
    iris: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metal_runtime.msl.rules import check

    assert iris("check", "good.metal", "-I", "headers").status == 0
    with monkeypatch.context() as patch:  # now it comes from the cache

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("checked again")

        patch.setattr(check, "check_text", refuse)
        assert iris("check", "good.metal", "-I", "headers").status == 0
    (folder / "headers" / "scale.h").write_text("#pragma once\n#define SCALE nothing\n")
    assert iris("check", "good.metal", "-I", "headers").status == 1
    (folder / "headers" / "scale.h").write_text("#pragma once\n#define SCALE 3\n")
    assert iris("check", "good.metal", "-I", "headers").status == 0


def test_clearing_the_cache_clears_reports(
    iris: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metal_runtime.msl.rules import report_store

    iris("check", "good.metal", "-I", "headers")
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path / "cache"))
    report_store.store("key", {"files": [], "accepted": True})
    assert report_store.find("key") == {"files": [], "accepted": True}
    assert iris("cache", "clear").status == 0
    assert report_store.find("key") is None


def test_a_file_without_kernels(iris: Any, folder: Path) -> None:
    (folder / "empty.metal").write_text("// nothing\n")
    result = iris("check", "empty.metal")
    assert result.status == 0
    assert "0 kernels" in result.out


def test_a_damaged_entry_is_made_anew(iris: Any, folder: Path) -> None:
    from metal_runtime.msl.rules import report_store

    iris("check", "good.metal", "-I", "headers")
    for path in report_store.directory().glob("*.json"):
        path.write_text("{")
    assert iris("check", "good.metal", "-I", "headers").status == 0

"""`iris cache`: what a launch leaves on disk, and its removal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metal_runtime.cli.cache import age_text, size_text

KERNEL = """
from metal_runtime import kernel, metal

@kernel
def twice(x: "device float*"):
    x[metal.thread_id()] *= 2.0
"""


def test_an_empty_cache_is_said_to_be_empty(iris, own_cache: Path) -> None:
    assert iris("cache", "ls").out.startswith("0 entries, 0 bytes, in ")
    assert json.loads(iris("cache", "ls", "--json").out)["entries"] == []
    assert iris("cache", "clear").out.startswith("removed 0 files")


def test_entries_are_listed_and_cleared(iris, own_cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "kernels.py"
    file.write_text(KERNEL)
    assert iris("emit", f"{file}:twice", "--to", "asm").status == 0
    listed = json.loads(iris("cache", "ls", "--json").out)
    assert listed["directory"].startswith(str(own_cache))
    entries = {entry["kernel"]: entry for entry in listed["entries"]}
    assert Path(entries["twice"]["path"]).stat().st_size == entries["twice"]["bytes"]
    assert "twice" in iris("cache", "ls").out

    damaged = Path(entries["twice"]["path"])
    damaged.write_bytes(damaged.read_bytes()[:100])
    after = json.loads(iris("cache", "ls", "--json").out)["entries"]
    assert "twice" not in {entry["kernel"] for entry in after}

    assert f"removed {len(entries)} file" in iris("cache", "clear").out
    assert not list(own_cache.rglob("*.so"))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (3277, "3.2 KiB"),
        (5 << 20, "5 MiB"),
        (3 << 30, "3 GiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age_text(seconds) == text

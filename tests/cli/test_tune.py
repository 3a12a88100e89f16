"""`iris tune`: what was measured is listed, as text and as JSON, and removed."""

from __future__ import annotations

import json
from pathlib import Path

from metal_runtime.tune import store


def test_nothing_was_measured(iris, own_cache: Path) -> None:
    assert iris("tune", "ls").out.startswith("0 entries, in ")
    assert json.loads(iris("tune", "ls", "--json").out)["entries"] == []
    assert iris("tune", "clear").out.startswith("removed 0 files")


def test_winners_are_listed_and_cleared(iris, own_cache: Path) -> None:
    for name in ("blur", "scan"):
        key = store.Key(name, "cpu", "a machine", "1024", "abc")
        timings = (
            store.Timing({"TILE": 8}, 2e-3),
            store.Timing({"TILE": 99}, None),
            store.Timing({"TILE": 16}, 1e-3),
        )
        store.put(key, {"TILE": 16}, timings)
    text = iris("tune", "ls").out
    assert "TILE=16" in text
    assert "2.00x" in text
    assert "2 entries" in text
    race = iris("tune", "ls", "blur").out
    assert "blur, sizes up to 1024" in race
    rows = [line.split() for line in race.splitlines() if "TILE" in line]
    assert rows == [
        ["TILE=16", "1", "ms", "2.00x", "chosen"],
        ["TILE=8", "2", "ms", "1.00x", "default"],
        ["TILE=99", "cannot", "run"],
    ]
    assert "1 entry of blur" in race
    assert "0 entries of none" in iris("tune", "ls", "none").out
    listed = json.loads(iris("tune", "ls", "--json").out)
    assert listed["directory"].startswith(str(own_cache))
    assert [e["key"]["kernel"] for e in listed["entries"]] == ["blur", "scan"]
    assert listed["entries"][0]["gain"] == 2
    assert listed["entries"][0]["timings"][2] == {"configuration": {"TILE": 16}, "seconds": 0.001}
    assert iris("tune", "clear", "blur").out.startswith("removed 1 file ")
    assert [e.key.kernel for e in store.entries()] == ["scan"]
    assert iris("tune", "clear").out.startswith("removed 1 file ")

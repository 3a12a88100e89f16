"""Trace files obey the rules of Chrome's format, and hold the recording."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict

import pytest

from metal_runtime.errors import IrisError
from metal_runtime.profile import Profile, load
from metal_runtime.profile.trace import trace
from metal_runtime.recording.events import ErrorEvent
from tests.profile.recordings import MS, everything, recording

NEEDED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "M": {"name", "pid", "tid", "args"},
    "C": {"name", "ts", "pid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
    "i": {"name", "ts", "pid", "tid", "s"},
}


def check_rules(content: dict) -> list[dict]:
    """Those of the trace-event format: keys of each phase, order, names, nesting, flows in pairs."""
    entries = json.loads(json.dumps(content))["traceEvents"]
    named = {(e["pid"], e["tid"]) for e in entries if e["name"] == "thread_name"}
    processes = {e["pid"] for e in entries if e["name"] == "process_name"}
    for entry in entries:
        assert NEEDED[entry["ph"]] <= entry.keys()
        assert isinstance(entry["pid"], int)
        assert entry["pid"] in processes
        if entry["ph"] in "Xsf":
            assert (entry["pid"], entry["tid"]) in named
    timed = [entry for entry in entries if entry["ph"] != "M"]
    assert all(a["ts"] <= b["ts"] for a, b in itertools.pairwise(timed))
    assert all(entry["ts"] >= 0 and entry.get("dur", 0) >= 0 for entry in timed)
    flows = defaultdict(list)
    for entry in timed:
        if entry["ph"] in "sf":
            flows[entry["id"]].append(entry["ph"])
    assert all(phases == ["s", "f"] for phases in flows.values())
    return entries


def test_rules_tracks_counters_and_flows():
    entries = check_rules(trace(everything()))
    phases = Counter(entry["ph"] for entry in entries)
    assert phases["s"] == phases["f"] == 4
    assert phases["C"] == 4
    spans = [e for e in entries if e["ph"] == "X" and e["cat"] == "device"]
    assert [(e["name"], e["ts"], e["dur"], e["tid"]) for e in spans][:2] == [
        ("scale", 8000.0, 2000.0, 0),
        ("scale", 12000.0, 4000.0, 0),
    ]
    assert {e["tid"] for e in spans} == {0, 1}
    names = {e["args"]["name"] for e in entries if e["name"].endswith("_name")}
    assert names == {"host: python app.py", "device: cpu", "cpu · default", "cpu · stream 1", "MainThread"}  # fmt: skip
    used = [e["args"] for e in entries if e["ph"] == "C" and e["name"] == "memory"]
    assert used == [{"used": 4096, "cached": 4096}, {"used": 0, "cached": 8192}]


def test_errors_are_instants_and_an_empty_recording_is_a_trace():
    found = recording(ErrorEvent(0, MS, MS, 99, "cpu", "KernelFault", "out of bounds", None))
    (error,) = [e for e in check_rules(trace(found)) if e["ph"] == "i"]
    assert error["args"] == {"message": "out of bounds"}
    check_rules(trace(recording()))


def test_a_saved_trace_gives_the_recording_back(tmp_path):
    Profile(everything()).save(tmp_path / "x.json")
    assert load(tmp_path / "x.json").recording == everything()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"metadata": {"iris_recording": {"events": 3}}}', '{"traceEvents": []}']
)  # fmt: skip
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(IrisError, match="no trace of iris"):
        load(tmp_path / "x.json")
    with pytest.raises(IrisError, match="cannot be read"):
        load(tmp_path / "none.json")
    with pytest.raises(IrisError, match="not saved as"):
        Profile(everything()).save(tmp_path / "x.txt")

"""Recorded values go to JSON and back, and nothing else comes back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.recording import events
from metal_runtime.recording.codec import event_from_json, from_json, to_json
from metal_runtime.recording.recording import DeviceFacts, ProcessFacts, Recording
from metal_runtime.recording.rows import event_of, row_of

every_event = st.one_of(*(st.from_type(kind) for kind in events.Event.__args__))


@given(every_event)
def test_an_event_comes_back_as_it_was(event):
    assert event_from_json(json.loads(json.dumps(to_json(event)))) == event


@given(st.lists(every_event, max_size=5), st.builds(events.KernelFacts), st.builds(DeviceFacts))
def test_a_recording_comes_back_as_it_was(found, facts, device):
    process = ProcessFacts(1, ("python", "x.py"), "3.11", "0", "here", {3: "main"}, 5)
    block = events.LiveBlock("cpu", 4096, 8, 1, events.Place("a.py", 3))
    recording = Recording(tuple(found), {facts.key: facts}, (block,), (device,), process, 1, 2, 3)
    assert from_json(Recording, json.loads(json.dumps(to_json(recording)))) == recording


@pytest.mark.parametrize(
    "data",
    [None, 3, [], {}, {"kind": "Event"}, {"kind": "SyncEvent"}, {"kind": "SyncEvent", "number": "1"},
     {"kind": "SyncEvent", "number": 1, "begin": 1, "end": 1, "thread": 1, "device": "cpu", "place": 3},
     {"kind": "SyncEvent", "number": 1, "begin": 1, "end": 1, "thread": 1, "device": "cpu", "place": None, "x": 1}],
)  # fmt: skip
def test_what_is_no_event_is_refused(data):
    with pytest.raises(ValueError):
        event_from_json(data)


@given(every_event)
def test_an_event_comes_back_from_its_row(event):
    assert event_of(json.loads(row_of(event))) == event


@pytest.mark.parametrize(
    "row",
    [None, 3, {}, [], ["Event"], [3], ["SyncEvent"], ["SyncEvent", 1, 2, 3, 4, "cpu", None, 5],
     ["SyncEvent", 1, 2, 3, True, "cpu", None], ["SyncEvent", 1, 2, 3, 4, "cpu", 3],
     ["SyncEvent", 1, 2, 3, 4, "cpu", ["a.py"]], ["SyncEvent", 1, 2, 3, 4, "cpu", [1, 2]],
     ["SyncEvent", 1, 2, 3, 4, 5, None]],
)  # fmt: skip
def test_what_is_no_row_is_refused(row):
    with pytest.raises(ValueError):
        event_of(row)

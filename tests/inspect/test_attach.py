"""Attaching to a program that four threads launch in: what is seen, what it costs, how it ends."""

import os
import signal
import socket
import stat
import time
from contextlib import closing

import pytest

from metal_runtime.inspect.attachment import attach
from metal_runtime.inspect.caller import AttachError
from metal_runtime.inspect.processes import processes
from metal_runtime.inspect.source import SavedTrace
from metal_runtime.recording.events import LaunchEvent
from tests.inspect.conftest import Target

HELLO = b'{"ask": "hello", "version": 1}'


def framed(data):
    return len(data).to_bytes(4, "big") + data


def connected(folder, pid):
    found = socket.socket(socket.AF_UNIX)
    found.settimeout(10)
    found.connect(str(folder / f"{pid}.sock"))
    return found


def answer_of(connection):
    """The answer's bytes; None where the connection was ended."""
    data = b""
    try:
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            more = connection.recv(1 << 16)
            if not more:
                return data[4:] or None
            data += more
    except ConnectionError:
        return None
    return data[4:]


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_recording(target):
    return target.ask("recording") == [1]


def launches(recording):
    return [e for e in recording.events if isinstance(e, LaunchEvent)]


def test_the_socket_is_the_users_alone(folder, target):
    assert stat.S_IMODE(os.lstat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.lstat(folder / f"{target.pid}.sock").st_mode) == 0o600


def test_listing_names_the_process_and_removes_sockets_of_dead_ones(folder, target):
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "999999.sock"))
    dead.close()
    (folder / "1.sock").write_text("no socket")
    (found,) = processes()
    assert (found.pid, found.name) == (target.pid, "workload.py")
    assert found.command[-1].endswith("workload.py")
    assert 0 < time.time() - found.since < 600
    assert not (folder / "999999.sock").exists()
    assert (folder / "1.sock").exists()
    (folder / "1.sock").unlink()
    assert not is_recording(target)  # listing is not attaching


def test_launches_arrive_with_all_that_explains_them(target):
    attachment = attach(target.pid)
    assert is_recording(target)
    begin = time.monotonic_ns()
    target.ask("log")
    until(lambda: len({e.thread for e in launches(attachment.poll())}) == 4)
    recording = attachment.poll()
    numbers = [e.number for e in recording.events]
    assert numbers == sorted(set(numbers))
    names = {recording.process.threads[e.thread] for e in launches(recording)}
    assert names == {f"worker {i}" for i in range(4)}
    for event in launches(recording):
        kernel = recording.kernels[event.kernel]
        assert kernel.name == "increment"
        assert "kernel void increment" in kernel.msl
        assert event.place.file.endswith("workload.py")
        assert event.work.read_bytes == event.work.written_bytes * 2 == 7992
    ended = [e for e in launches(recording) if e.device_end]
    assert len(ended) >= 0.9 * len(launches(recording))
    assert all(e.begin <= e.device_begin <= e.device_end for e in ended)
    assert recording.begin <= begin <= recording.end
    assert [d.name for d in recording.devices] == ["cpu"]
    assert attachment.status.pools["cpu"].used_blocks >= 8
    assert attachment.status.programs == {"cpu": 1}
    assert [line.message for line in attachment.status.log] == ["a line of the log"]
    assert {"cpp", "asm"} <= attachment.texts(ended[0].kernel).keys()
    attachment.close()
    assert attachment.ended
    assert attachment.poll().events == recording.events
    until(lambda: not is_recording(target))


def test_the_model_keeps_the_last_events_only(target):
    attachment = attach(target.pid, kept=100)
    until(lambda: attachment.poll().events and attachment._next > 0)
    until(lambda: len(attachment.poll().events) == 100)
    first = attachment.poll().events[0].number
    until(lambda: attachment.poll().events[0].number > first + 100)
    attachment.close()


def test_two_inspectors_see_the_same(target):
    one, two = attach(target.pid), attach(target.pid)
    until(lambda: launches(one.poll()) and launches(two.poll()))
    seen = [{e.number: e.begin for e in launches(a.poll())} for a in (one, two)]
    both = seen[0].keys() & seen[1].keys()
    assert both
    assert all(seen[0][n] == seen[1][n] for n in both)
    one.close()
    until(lambda: launches(two.poll()))
    assert is_recording(target)
    assert not two.ended
    two.close()
    until(lambda: not is_recording(target))


def rate(target, seconds=0.4):
    before, began = target.ask("count")
    time.sleep(seconds)
    after, ended = target.ask("count")
    return (after - before) / (ended - began)


def slowed(folder, target):
    """The target's rate while a client asks much and reads nothing, by its rate without it."""
    with closing(connected(folder, target.pid)) as slow, closing(attach(target.pid)) as watching:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(framed(HELLO))
        answer_of(slow)
        slow.sendall(framed(b'{"ask": "events", "since": 0, "most": 2000}') * 50)
        slow_rate = rate(target)
        assert watching.poll().events  # others are served meanwhile
        slow.close()
        return slow_rate / rate(target)  # recording is paid for in both


def test_a_client_that_stops_reading_never_slows_the_target(folder, target):
    target.ask("pause 0.002")
    try:
        ratios = (slowed(folder, target) for _ in range(6))
        assert any(ratio > 0.6 for ratio in ratios)  # one quiet moment of the machine will do
    finally:
        target.ask("pause 0.1")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        framed(b"no JSON"),
        framed(b"[" * 60_000),
        framed(b"[1]"),
        framed(b'{"ask": 1}'),
        framed(b'{"ask": "events", "since": 0, "most": 1}'),  # before hello
        framed(b'{"ask": "hello", "version": 99}'),
        framed(HELLO) + framed(b'{"ask": "exec"}'),
        framed(HELLO) + framed(b'{"ask": "events", "since": -1, "most": 1}'),
        framed(HELLO) + framed(b'{"ask": "events", "since": 0, "most": 1000000000}'),
        framed(HELLO) + framed(b'{"ask": "events", "since": true, "most": 1}'),
        framed(HELLO) + framed(b'{"ask": "kernels", "keys": {"a": 1}}'),
        framed(HELLO) + framed(b'{"ask": "texts", "kernel": "../../etc/passwd"}'),
    ],
)
def test_hostile_requests_end_their_own_connection_only(folder, target, request_):
    hostile = connected(folder, target.pid)
    hostile.sendall(request_)
    if HELLO in request_:
        assert b'"version"' in answer_of(hostile)
    said = answer_of(hostile)
    assert said is None or said.startswith(b'{"error"')
    assert not hostile.recv(1) if said else True
    hostile.close()
    until(lambda: not is_recording(target))
    assert [p.pid for p in processes()] == [target.pid]


def test_half_a_message_is_dropped_with_its_client(folder, target):
    half = connected(folder, target.pid)
    half.sendall(framed(HELLO)[:10])
    assert not is_recording(target)
    half.close()
    assert [p.pid for p in processes()] == [target.pid]


def test_more_than_eight_clients_are_turned_away(folder, target):
    clients = [connected(folder, target.pid) for _ in range(9)]
    for client in clients[:8]:
        client.sendall(framed(HELLO))
        assert b"version" in answer_of(client)
    assert answer_of(clients[8]) is None
    for client in clients:
        client.close()
    until(lambda: not is_recording(target))


def test_a_forked_child_has_its_own_socket_and_the_parents_stays(folder, target):
    watching = attach(target.pid)
    (child,) = target.ask("fork")
    assert {p.pid for p in processes()} == {target.pid, child}
    inner = attach(child)
    assert inner.poll().process.pid == child
    os.kill(child, signal.SIGKILL)
    until(lambda: inner.poll() and inner.ended)
    before = len(watching.poll().events)
    until(lambda: len(watching.poll().events) > before)
    assert not watching.ended
    watching.close()
    assert {p.pid for p in processes()} == {target.pid}


def test_a_target_that_is_killed_ends_the_attachment(folder):
    victim = Target()
    attachment = attach(victim.pid)
    until(lambda: launches(attachment.poll()))
    victim.end()
    kept = attachment.poll()
    assert attachment.ended == "the process has ended"
    assert launches(kept)
    assert attachment.poll() == kept
    assert attachment.texts(launches(kept)[0].kernel) == {}
    assert victim.pid not in {p.pid for p in processes()}
    trace = SavedTrace(kept, "x.json")
    assert trace.poll() is kept
    assert trace.ended
    with pytest.raises(AttachError, match="cannot be looked into"):
        attach(victim.pid)


def test_a_program_with_an_inspector_ends_at_once_and_removes_its_socket(folder):
    leaving = Target()
    attachment = attach(leaving.pid)
    attachment.poll()
    begin = time.monotonic()
    leaving.process.stdin.write("exit\n")
    leaving.process.stdin.flush()
    assert leaving.process.wait(10) == 0
    assert (
        time.monotonic() - begin < 5
    )  # of a busy machine; what it waits for is a fifth of a second
    attachment.poll()
    assert attachment.ended
    assert not (folder / f"{leaving.pid}.sock").exists()
    leaving.end()


def test_ctrl_c_goes_to_the_program(folder):
    target = Target()
    attachment = attach(target.pid)
    target.process.send_signal(signal.SIGINT)
    assert target.process.stdout.readline() == "interrupted 1\n"
    assert target.process.wait(10) == 0
    attachment.poll()
    assert attachment.ended
    target.end()

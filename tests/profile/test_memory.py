"""Memory over time, and the line that leaks."""

from metal_runtime.profile.memory import leak_suspects, live_lines, memory_histories
from metal_runtime.recording.events import LiveBlock, Place
from tests.profile.recordings import MS, everything, recording


def block(line: int, since: int, nbytes: int) -> LiveBlock:
    return LiveBlock("cpu", line * 10**9 + since, nbytes, since, Place("app.py", line))


def test_a_growing_line_comes_before_a_bigger_one_that_does_not_grow():
    weights = [block(1, 0, 1 << 30), block(1, 1, 1 << 30), block(1, 2, 1 << 30)]
    queue = [block(2, time * MS, 1 << 20) for time in range(76, 80)]
    leak = [block(3, time * MS, 1 << 10) for time in range(0, 80, 4)]
    lines = live_lines(recording(live=(*weights, *queue, *leak)))
    assert [line.place.line for line in lines] == [3, 1, 2]
    assert [line.is_suspect for line in lines] == [True, False, False]
    assert (lines[0].count, lines[0].nbytes) == (20, 20 << 10)
    assert lines[0].oldest_ns == 80 * MS
    assert lines[0].newest_ns == 4 * MS


def test_of_two_growing_lines_the_faster_one_comes_first():
    slow = [block(1, time * MS, 10) for time in range(0, 80, 2)]
    fast = [block(2, time * MS, 100) for time in range(1, 80, 4)]
    suspects = leak_suspects(recording(live=(*slow, *fast)))
    assert [line.place.line for line in suspects] == [2, 1]


def test_bytes_over_time():
    (history,) = memory_histories(everything())
    assert history.points == ((6 * MS, 4096, 8192, 1), (18 * MS, 0, 8192, 0))
    assert history.peak.used_bytes == 4096

"""A rich recording of 100 ms, every figure of which is known: two streams, three kernels, a leak, errors, a log."""

from __future__ import annotations

from dataclasses import replace

from metal_runtime.inspect.log_lines import LogLine
from metal_runtime.inspect.source import Status
from metal_runtime.recording.events import (
    Cache,
    CompileEvent,
    ErrorEvent,
    Event,
    FlushEvent,
    FusionEvent,
    KernelFacts,
    LaunchEvent,
    LiveBlock,
    Place,
    PoolAction,
    PoolEvent,
    SyncEvent,
    Work,
)
from metal_runtime.recording.recording import DeviceFacts, ProcessFacts, Recording

MS = 1_000_000
MIB = 1 << 20
MAIN, WORKER = 7, 8
PROCESS = ProcessFacts(
    4711, ("python", "train.py"), "3.12.1", "0.9", "host", {MAIN: "MainThread", WORKER: "loader"},
    1_700_000_000_000_000_000,
)  # fmt: skip
CPU = DeviceFacts("cpu", "Some CPU @ 3 GHz", 8, 16 << 30, "by its worker threads", 4e10, 4e11)
PYTHON = "@kernel\ndef saxpy(x, y, out, a):\n    i = metal.thread_position_in_grid()\n    out[i] = a * x[i] + y[i]\n"
MSL = """kernel void saxpy(device const float* x [[buffer(0)]],
                  device const float* y [[buffer(1)]],
                  device float* out [[buffer(2)]],
                  constant float& a [[buffer(3)]],
                  uint i [[thread_position_in_grid]]) {
    out[i] = a * x[i] + y[i];
}
"""
KERNELS = {
    1: KernelFacts(1, "saxpy", "cpu", "loops", MSL, Place("/app/train.py", 12), PYTHON, 0),
    2: KernelFacts(2, "fused_add_mul", "cpu", "loops", MSL.replace("saxpy", "fused_add_mul"), None, "", 0),
    3: KernelFacts(3, "block_sum", "cpu", "regions", MSL.replace("saxpy", "block_sum"), Place("/app/sum.metal", 3), "", 4096),
}  # fmt: skip
REPORT = """2 kernels for 5 operators
  kernel 1  fused_add_mul: add, multiply, exp
  kernel 2  block_sum: sum
apart because: a sum reads all of what kernel 1 writes
"""


def launch(number: int, key: int, at: float, took: float, stream: int = 0) -> LaunchEvent:
    """A launch at a time that takes the device so long, both in ms; the host calls 0.5 ms before."""
    begin = int(at * MS)
    work = Work(8 * MIB, 4 * MIB, 2 * MIB) if key != 3 else Work(4 * MIB, 4, None)
    return LaunchEvent(
        number, begin - MS // 2, begin - MS // 2 + 20_000, MAIN, key, "cpu", stream,
        (MIB, 1, 1), (256, 1, 1), work, Place("/app/train.py", 30 + key), begin, begin + int(took * MS),
    )  # fmt: skip


def _compiling() -> list[Event]:
    return [
        CompileEvent(0, 0, MS, MAIN, "saxpy", "python", Cache.NONE, ""),
        CompileEvent(1, MS, 2 * MS, MAIN, "saxpy", "translate", Cache.HIT, "the text was translated before"),
        CompileEvent(2, 2 * MS, 12 * MS, MAIN, "saxpy", "clang", Cache.MISS, "no file of this text and these flags"),
        CompileEvent(3, 12 * MS, 13 * MS, MAIN, "fused_add_mul", "load", Cache.HIT, "on disk"),
    ]  # fmt: skip


def _graph() -> list[Event]:
    place = Place("/app/train.py", 40)
    return [
        FlushEvent(4, 13 * MS, 16 * MS, MAIN, "cpu", 5, 2, True, place),
        FusionEvent(5, 13 * MS, 15 * MS, MAIN, "cpu", 5, ("fused_add_mul", "block_sum"), 16 * MIB, 64 * MIB, REPORT, "<svg/>", place),
        FlushEvent(6, 60 * MS, 60 * MS + 40_000, MAIN, "cpu", 5, 2, False, place),
    ]  # fmt: skip


def recording() -> Recording:
    """saxpy: 20 calls of 2 ms; fused_add_mul: 5 of 4 ms; block_sum: 10 of 1 ms on stream 1."""
    events = [*_compiling(), *_graph()]
    events += [launch(10 + n, 1, 17 + 3 * n, 2) for n in range(20)]
    events += [launch(40 + n, 2, 77 + 4 * n, 4) for n in range(5)]
    events += [launch(50 + n, 3, 20 + 6 * n, 1, stream=1) for n in range(10)]
    for n in range(16):
        used = (n + 1) * MIB
        events.append(
            PoolEvent(
                60 + n, (5 + 6 * n) * MS, (5 + 6 * n) * MS, MAIN, "cpu", PoolAction.ALLOCATE,
                MIB, used, 32 * MIB, n + 1, Place("/app/train.py", 50),
            )
        )  # fmt: skip
    events.append(SyncEvent(80, 90 * MS, 97 * MS, WORKER, "cpu", Place("/app/train.py", 60)))
    events.append(
        ErrorEvent(81, 98 * MS, 98 * MS, MAIN, "cpu", "KernelFault", "kernel `saxpy`: division by zero", Place("/app/train.py", 70))
    )  # fmt: skip
    return Recording(tuple(events), KERNELS, tuple(_live()), (CPU,), PROCESS, 0, 100 * MS)


def _live() -> list[LiveBlock]:
    """One MiB from line 50 every 6 ms, which nothing gives back; 2 MiB from line 20 at the beginning."""
    kept = [
        LiveBlock("cpu", 0x10000000 + n * MIB, MIB, (5 + 6 * n) * MS, Place("/app/train.py", 50))
        for n in range(14)
    ]
    return [LiveBlock("cpu", 0x8000000, 2 * MIB, 1 * MS, Place("/app/train.py", 20)), *kept]


def nothing() -> Recording:
    """What is known of a process before it does anything."""
    return replace(recording(), events=(), kernels={}, live=(), devices=())


STATUS = Status(
    programs={"cpu": 3},
    disk={"programs": (12, 3 * MIB)},
    log=(
        LogLine(
            0, 1_700_000_000.05, "WARNING", "metal_runtime.tune", "a measurement was disturbed"
        ),
    ),
)


class HandMade:
    """A Source whose recording a test replaces, and that a test ends."""

    title = "train.py (process 4711)"

    def __init__(self, recording: Recording, status: Status = STATUS) -> None:
        self.recording = recording
        self.status = status
        self.ended = ""
        self.polls = 0
        self.is_closed = False

    def poll(self) -> Recording:
        """The recording of the moment."""
        self.polls += 1
        return self.recording

    def texts(self, kernel: int) -> dict[str, str]:
        """An assembly that names the kernel."""
        return (
            {}
            if self.ended
            else {"asm": f"kernel_{kernel}:\n    vmulps ymm0, ymm1, ymm2\n    ret\n"}
        )

    def close(self) -> None:
        """Notes it."""
        self.is_closed = True

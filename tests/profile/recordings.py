"""Recordings made by hand, of which every figure is known."""

from __future__ import annotations

from metal_runtime.recording.events import (
    Cache,
    CompileEvent,
    Event,
    FlushEvent,
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
NOTHING = Work(0, 0)
PROCESS = ProcessFacts(41, ("python", "app.py"), "3.12.1", "0.9", "host", {7: "MainThread"}, 10**18)
CPU = DeviceFacts("cpu", "Some CPU", 8, 1 << 34, "measured by worker threads", 1e10, 1e11)


def kernel(key: int, name: str) -> KernelFacts:
    """Facts of a kernel of app.py."""
    msl = f"kernel void {name}(device float* out [[buffer(0)]]) {{}}\n"
    return KernelFacts(
        key, name, "cpu", "loops", msl, Place("app.py", key), f"def {name}(out): ...\n", 0
    )


def launch(
    number: int,
    begin: int,
    device: tuple[int, int],
    *,
    key: int = 1,
    stream: int = 0,
    work: Work = NOTHING,
) -> LaunchEvent:
    """A launch that takes the host 1,000 ns."""
    return LaunchEvent(
        number, begin, begin + 1000, 7, key, "cpu", stream, (64, 1, 1), (64, 1, 1), work,
        Place("app.py", 20), *device,
    )  # fmt: skip


def pool(number: int, time: int, used: int, blocks: int, action: PoolAction) -> PoolEvent:
    """Memory that changed hands at a time."""
    return PoolEvent(
        number, time, time, 7, "cpu", action, 4096, used, 8192, blocks, Place("app.py", 3)
    )


def recording(*events: Event, live: tuple[LiveBlock, ...] = (), dropped: int = 0) -> Recording:
    """A recording of 80 ms that knows the kernels ``scale`` (1) and ``add`` (2)."""
    kernels = {1: kernel(1, "scale"), 2: kernel(2, "add")}
    return Recording(events, kernels, live, (CPU,), PROCESS, 0, 80 * MS, dropped)


def everything() -> Recording:
    """Two streams, a compilation, a flush, a wait and memory, with figures that can be counted by hand."""
    work, unknown = Work(4 * MS, 4 * MS, 10 * MS), Work(2 * MS, MS)
    return recording(
        CompileEvent(0, 0, 5 * MS, 7, "scale", "clang", Cache.MISS, "new text"),
        CompileEvent(1, 5 * MS, 6 * MS, 7, "add", "load", Cache.HIT, "on disk"),
        pool(2, 6 * MS, 4096, 1, PoolAction.ALLOCATE),
        FlushEvent(3, 6 * MS, 8 * MS, 7, "cpu", 5, 2, True, Place("app.py", 12)),
        launch(4, 7 * MS, (8 * MS, 10 * MS), work=work),
        launch(5, 9 * MS, (12 * MS, 16 * MS), work=work),
        launch(6, 10 * MS, (16 * MS, 17 * MS), key=2, work=unknown),
        launch(7, 11 * MS, (12 * MS, 15 * MS), key=2, stream=1, work=unknown),
        SyncEvent(8, 12 * MS, 17 * MS, 7, "cpu", Place("app.py", 30)),
        pool(9, 18 * MS, 0, 0, PoolAction.RELEASE),
        live=(LiveBlock("cpu", 4096, 4096, 6 * MS, Place("app.py", 3)),),
    )  # fmt: skip

"""A Recording in; what each kernel took, moved and reached, the costliest first, out."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metal_runtime.recording.events import (
    Cache,
    CompileEvent,
    KernelFacts,
    LaunchEvent,
    Place,
    Work,
)
from metal_runtime.recording.recording import DeviceFacts, Recording


@dataclass(frozen=True, slots=True)
class KernelStatistics:
    """All launches of one kernel. Times are nanoseconds."""

    facts: KernelFacts
    place: Place | None
    """The line that wrote it; of iris' own and of MSL texts, the line that launched it most often."""

    calls: int
    timed_calls: int
    """Those that the times are of: all, but for launches that had not ended."""

    is_device_time: bool
    """Whether the times are the device's; otherwise they are those of the calls on the host."""

    total_ns: int
    mean_ns: float
    p50_ns: int
    p95_ns: int
    host_ns: int
    """What the calls took on the host, all together."""

    work: Work
    """Of the timed calls, all together."""

    bandwidth: float | None
    """Bytes a second, read and written together; None where the device did not say how long it took."""

    rate: float | None
    """Operations a second; None also where nobody counted them."""

    roofline_share: float | None
    """The least time that the device could need, by what it was measured to reach, in parts of the time it took.

    Above 1 where data came from caches. None where the device was not measured or does not say times.
    """

    cache: str
    """Where its program came from; empty where it was there before the recording."""


def kernel_statistics(recording: Recording) -> list[KernelStatistics]:
    """One row for each kernel that was launched, by falling total time."""
    launches: dict[int, list[LaunchEvent]] = defaultdict(list)
    for event in recording.events:
        if isinstance(event, LaunchEvent):
            launches[event.kernel].append(event)
    devices = {facts.name: facts for facts in recording.devices}
    caches = cache_states(recording)
    rows = [
        _statistics(facts_of(recording.kernels, found[0]), found, devices, caches)
        for found in launches.values()
    ]
    return sorted(rows, key=lambda row: (-row.total_ns, row.facts.name))


def _python_line(facts: KernelFacts, launches: Sequence[LaunchEvent]) -> Place | None:
    if facts.place is not None and not facts.place.file.startswith("<"):  # <msl>: a text, no file
        return facts.place
    places = Counter(launch.place for launch in launches if launch.place is not None)
    return places.most_common(1)[0][0] if places else facts.place


def facts_of(kernels: Mapping[int, KernelFacts], launch: LaunchEvent) -> KernelFacts:
    """The facts of a launch's kernel, as far as the recording has them."""
    known = kernels.get(launch.kernel)
    return known or KernelFacts(
        launch.kernel, f"kernel {launch.kernel:#x}", launch.device, "", "", None, "", 0
    )


def cache_states(recording: Recording) -> dict[str, str]:
    """By kernel name: what its compiling says, the costliest stage that missed a cache first."""
    stages: dict[str, list[CompileEvent]] = defaultdict(list)
    for event in recording.events:
        if isinstance(event, CompileEvent):
            stages[event.kernel].append(event)
    return {kernel: _cache_state(found) for kernel, found in stages.items()}


def _cache_state(stages: Sequence[CompileEvent]) -> str:
    missed = [stage for stage in stages if stage.cache is Cache.MISS]
    if missed:
        worst = max(missed, key=lambda stage: stage.end - stage.begin)
        return f"miss: {worst.stage}"
    hit = [stage for stage in stages if stage.cache is Cache.HIT]
    return f"hit: {hit[-1].stage}" if hit else "compiled"


def percentile(ordered: Sequence[int], part: float) -> int:
    """The smallest of the ascending values that is no less than that part of them (nearest rank)."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _statistics(
    facts: KernelFacts,
    launches: Sequence[LaunchEvent],
    devices: Mapping[str, DeviceFacts],
    caches: Mapping[str, str],
) -> KernelStatistics:
    ended = [launch for launch in launches if launch.device_end]
    timed = ended or launches
    times = sorted(_time(launch) for launch in timed)
    total = sum(times)
    work = total_work(launch.work for launch in timed)
    seconds = total * 1e-9 if ended and total else None
    bytes_moved = work.read_bytes + work.written_bytes
    operations = work.operations
    return KernelStatistics(
        facts=facts,
        place=_python_line(facts, launches),
        calls=len(launches),
        timed_calls=len(timed),
        is_device_time=bool(ended),
        total_ns=total,
        mean_ns=total / len(times),
        p50_ns=percentile(times, 0.5),
        p95_ns=percentile(times, 0.95),
        host_ns=sum(launch.end - launch.begin for launch in launches),
        work=work,
        bandwidth=bytes_moved / seconds if seconds else None,
        rate=operations / seconds if seconds and operations is not None else None,
        roofline_share=roofline_share(work, seconds, devices.get(launches[0].device)),
        cache=caches.get(facts.name, ""),
    )


def _time(launch: LaunchEvent) -> int:
    if launch.device_end:
        return launch.device_end - launch.device_begin
    return launch.end - launch.begin


def total_work(works: Iterable[Work]) -> Work:
    """The sum; of unknown operations where those of one are unknown."""
    read = written = operations = 0
    is_counted = True
    for work in works:
        read += work.read_bytes
        written += work.written_bytes
        operations += work.operations or 0
        is_counted = is_counted and work.operations is not None
    return Work(read, written, operations if is_counted else None)


def roofline_share(work: Work, seconds: float | None, device: DeviceFacts | None) -> float | None:
    """Seconds that the device needs at its best for this work, in parts of those it took."""
    if not seconds or device is None or not device.copy_bandwidth:
        return None
    least = (work.read_bytes + work.written_bytes) / device.copy_bandwidth
    if work.operations and device.multiply_add_rate:
        least = max(least, work.operations / device.multiply_add_rate)
    return least / seconds

"""A Recording in; what a reader of any report of it must know out."""

from __future__ import annotations

from metal_runtime.profile.units import time_text
from metal_runtime.recording.events import ErrorEvent, LaunchEvent
from metal_runtime.recording.recording import Recording


def headline(recording: Recording) -> str:
    """Which process it was, how long, and on what."""
    launches = sum(isinstance(event, LaunchEvent) for event in recording.events)
    devices = ", ".join(f"{facts.name} ({facts.processor})" for facts in recording.devices)
    length = time_text(recording.end - recording.begin)
    count = f"{launches:,} launch{'' if launches == 1 else 'es'}"
    return f"{count} in {length} on {devices or 'no device'}"


def notes(recording: Recording) -> list[str]:
    """What was lost, failed or has not ended, how times were taken, and what the device was compared with."""
    found = []
    if recording.dropped:
        found.append(
            f"{recording.dropped:,} events were lost: more happened than the recorder keeps, figures are of the rest"
        )
    errors = sum(isinstance(event, ErrorEvent) for event in recording.events)
    if errors:
        found.append(f"{errors:,} error{'' if errors == 1 else 's'}: see the timeline")
    launches = [event for event in recording.events if isinstance(event, LaunchEvent)]
    for facts in recording.devices:
        own = [launch for launch in launches if launch.device == facts.name]
        if not own:
            continue
        if not facts.timing:
            found.append(
                f"{facts.name} does not say when launches begin and end: times (marked ~) are the host's"
            )
        elif unended := sum(not launch.device_end for launch in own):
            found.append(f"{facts.name}: {unended:,} launches failed or had not ended")
        if facts.timing:
            found.append(f"{facts.name} times: {facts.timing}")
        if facts.copy_bandwidth and facts.multiply_add_rate:
            found.append(
                f"{facts.name} roofline: {facts.copy_bandwidth / 1e9:.1f} GB/s, "
                f"{facts.multiply_add_rate / 1e9:.0f} GFLOP/s (float32)"
            )
    return found

"""What devices were measured to reach in, on disk; the same out, in any process of this user."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from metal_runtime import settings
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.logging import get_logger
from metal_runtime.recording.recording import DeviceFacts

_VERSION = 1

Rates = tuple[float, float]
"""Bytes a second of a copy, operations a second of multiply-adds."""


def kept_facts(facts: DeviceFacts, traits: DeviceTraits) -> DeviceFacts:
    """The facts with the device's rates, where they have been measured."""
    known = kept_rates(traits)
    if known is None:
        return facts
    return replace(facts, copy_bandwidth=known[0], multiply_add_rate=known[1])


def kept_rates(traits: DeviceTraits) -> Rates | None:
    """Those on disk; None where the device was not measured yet, or the file is damaged."""
    try:
        bandwidth, rate = json.loads(_path(traits).read_text())
        return (float(bandwidth), float(rate)) if bandwidth > 0 and rate > 0 else None
    except (OSError, ValueError, TypeError):
        return None


def keep_rates(traits: DeviceTraits, rates: Rates) -> None:
    """Writes them; where that fails, the log says so."""
    path = _path(traits)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(rates))
        os.replace(temporary, path)
    except OSError as error:
        get_logger("profile").warning("cannot keep what was measured: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def _path(traits: DeviceTraits) -> Path:
    key = (_VERSION, traits.backend, traits.name, traits.compute_units, traits.toolchain)
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).hexdigest()
    return settings.cache_dir() / "roofline" / f"{traits.backend}-{digest}.json"

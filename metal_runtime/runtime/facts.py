"""This process in; what reports and the inspector say of it and of its devices out."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time

from metal_runtime._version import __version__
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.recording.recorder import now
from metal_runtime.recording.recording import DeviceFacts, ProcessFacts


def process_facts() -> ProcessFacts:
    """Those of this process, with the threads that it has now."""
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    return ProcessFacts(
        pid=os.getpid(),
        command=tuple(sys.orig_argv) or (sys.executable,),
        python=platform.python_version(),
        iris=__version__,
        host=platform.node(),
        threads={ident: name for ident, name in threads.items() if ident is not None},
        wall_offset=time.time_ns() - now(),
    )


def device_facts(name: str, traits: DeviceTraits) -> DeviceFacts:
    """Those of a device that is open; what it reaches is not measured here."""
    return DeviceFacts(
        name=name,
        processor=traits.name,
        compute_units=traits.compute_units,
        memory_bytes=traits.memory_bytes,
        timing=traits.timing,
    )

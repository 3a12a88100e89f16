"""This process in; what reports say of it and of its devices out."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time

from metal_runtime._version import __version__
from metal_runtime.recording.recorder import now
from metal_runtime.recording.recording import DeviceFacts, ProcessFacts
from metal_runtime.runtime.session import Session


def process_facts() -> ProcessFacts:
    """Those of this process, with the threads that it has now."""
    return ProcessFacts(
        pid=os.getpid(),
        command=tuple(sys.argv) or (sys.executable,),
        python=platform.python_version(),
        iris=__version__,
        host=platform.node(),
        threads={
            thread.ident: thread.name
            for thread in threading.enumerate()
            if thread.ident is not None
        },
        wall_offset=time.time_ns() - now(),
    )


def device_facts(session: Session) -> DeviceFacts:
    """Those of an open session's device; what it reaches is not measured here."""
    traits = session.device.traits
    return DeviceFacts(
        name=session.device_name,
        processor=traits.name,
        compute_units=traits.compute_units,
        memory_bytes=traits.memory_bytes,
        timing=traits.timing,
    )

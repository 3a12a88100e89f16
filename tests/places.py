"""Where tests run: the name of a device of the suite in, that device in place out, Metal's double included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metal_runtime import api
from metal_runtime.device.registry import backend_names
from tests.metal.double import installed

DOUBLE = "metal-double"
"""The Metal driver over the double of Metal: the driver's code, with kernels that run on the CPU device."""

PLACES = (*backend_names(), DOUBLE)
"""Each backend that can run here, and the double. A device that does not open fails its tests: a skip would report green."""


@contextmanager
def place(name: str) -> Iterator[str]:
    """The name of the backend, with the double in place where it is needed."""
    if name == DOUBLE:
        with installed():
            yield "metal"
    else:
        yield name


@contextmanager
def current(name: str) -> Iterator[str]:
    """The same, with the device current in this thread; sessions of the double end with it."""
    with place(name) as backend:
        device = api.device(backend)
        try:
            with device:
                yield backend
        finally:
            if name == DOUBLE:
                device.close()

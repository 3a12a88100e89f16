"""Programmatic capture: a device and a path in, a context within which Metal writes a .gputrace for Xcode out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from metal_runtime.backends.metal.constants import MTLCaptureDestinationGPUTraceDocument
from metal_runtime.backends.metal.protocols import Framework, MTLDevice
from metal_runtime.errors import DeviceError

_ENABLED = "MTL_CAPTURE_ENABLED"


@contextmanager
def capture(
    path: str, device: MTLDevice, framework: Framework, synchronize: Callable[[], None]
) -> Iterator[None]:
    """Everything that is launched within the block is in the file.

    Raises:
        DeviceError: the process was not started with MTL_CAPTURE_ENABLED=1, or Metal does not capture.
    """
    manager = framework.capture_manager()
    if not manager.supportsDestination_(MTLCaptureDestinationGPUTraceDocument):
        enabled = os.environ.get(_ENABLED) == "1"
        raise DeviceError(
            "Metal does not write captures here",
            hint=None if enabled else f"start the process with {_ENABLED}=1 in its environment",
        )
    if not path.endswith(".gputrace") or os.path.exists(path):
        raise DeviceError(
            f"a capture cannot be written to {path!r}",
            hint="give a path that ends in .gputrace and does not exist yet",
        )
    if manager.isCapturing():
        raise DeviceError("a capture is under way already")
    synchronize()  # what came before is no part of it
    descriptor = framework.capture_descriptor()
    descriptor.setCaptureObject_(device)
    descriptor.setDestination_(MTLCaptureDestinationGPUTraceDocument)
    descriptor.setOutputURL_(framework.file_url(path))
    started, error = manager.startCaptureWithDescriptor_error_(descriptor, None)
    if not started:
        reason = "it gives no reason" if error is None else error.localizedDescription()
        raise DeviceError(f"Metal does not capture: {reason}")
    try:
        yield
        synchronize()
    finally:
        manager.stopCapture()

"""Captures: what is committed between start and stop in, a .gputrace folder with a list of it out."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.metal.double.commands import CommandQueue
from tests.metal.double.device import Device
from tests.metal.double.foundation import NSURL, NSError
from tests.metal.double.objects import Descriptor, ObjCObject
from tests.metal.double.records import Dispatch, EncoderRecord
from tests.metal.double.world import World, current

_DEVELOPER_TOOLS, _DOCUMENT = 1, 2
_NOT_SUPPORTED, _ALREADY_CAPTURING, _INVALID_DESCRIPTOR = 1, 2, 3


class CaptureDescriptor(Descriptor, objc_name="MTLCaptureDescriptor"):
    objc_properties = {
        "captureObject": (Device | CommandQueue | None, None),
        "destination": (int, _DEVELOPER_TOOLS),
        "outputURL": (NSURL | None, None),
    }


class CaptureManager(ObjCObject, objc_name="MTLCaptureManager"):
    """It writes documents when the process was started with MTL_CAPTURE_ENABLED=1, and has no Xcode attached."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._path: str | None = None
        self._kernels: list[list[str]] = []

    @classmethod
    def sharedCaptureManager(cls) -> CaptureManager:
        world = current()
        if "capture manager" not in world.singletons:
            world.singletons["capture manager"] = cls(world)
        manager: CaptureManager = world.singletons["capture manager"]
        return manager

    def supportsDestination_(self, destination: int) -> bool:
        return destination == _DOCUMENT and os.environ.get("MTL_CAPTURE_ENABLED") == "1"

    def isCapturing(self) -> bool:
        return self._path is not None

    def startCaptureWithDescriptor_error_(
        self, descriptor: CaptureDescriptor, error: None
    ) -> tuple[bool, NSError | None]:
        code, trouble = self._trouble(descriptor._values)
        if trouble:
            return False, NSError(self._world, "MTLCaptureError", code, trouble)
        self._path, self._kernels = descriptor._values["outputURL"]._path, []
        self._world.singletons["capture"] = self
        return True, None

    def stopCapture(self) -> None:
        if self._path is None:
            self._world.violation("stopCapture without a capture")
        del self._world.singletons["capture"]
        os.mkdir(self._path)
        with open(os.path.join(self._path, "command buffers.json"), "w") as file:
            json.dump(self._kernels, file)
        self._path = None

    def _trouble(self, values: dict[str, Any]) -> tuple[int, str]:
        url = values["outputURL"]
        if self._path is not None:
            return _ALREADY_CAPTURING, "a capture is under way"
        if values["destination"] != _DOCUMENT or os.environ.get("MTL_CAPTURE_ENABLED") != "1":
            return _NOT_SUPPORTED, "Capturing is not supported"
        if values["captureObject"] is None:
            return _INVALID_DESCRIPTOR, "there is nothing to capture"
        if url is None or not url._path.endswith(".gputrace") or os.path.exists(url._path):
            return _INVALID_DESCRIPTOR, "outputURL must be a .gputrace that does not exist yet"
        return 0, ""

    def _commit(self, buffer: Any) -> None:
        records = [item for item in buffer._items if isinstance(item, EncoderRecord)]
        self._kernels.append(
            [c.kernel for r in records for c in r.commands if isinstance(c, Dispatch)]
        )

"""Events: values that queues and the host signal and wait for."""

from __future__ import annotations

import time

from tests.metal.double.engine import reach
from tests.metal.double.objects import ObjCObject
from tests.metal.double.records import EventCell


class Event(ObjCObject, objc_name="MTLEvent"):
    """An event that only queues of its device see."""

    def __init__(self, device: ObjCObject) -> None:
        super().__init__(device._world)
        self._device, self._cell, self._polls = device, EventCell(), 0
        self._label: str | None = None

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label


class SharedEvent(Event, objc_name="MTLSharedEvent"):
    """An event that the host sees too. Asking again and again lets the GPU get on, as waiting does."""

    def signaledValue(self) -> int:
        self._polls += 1
        if self._polls >= self._world.profile.status_polls:
            reach(self._world, self._cell, self._cell.value + 1)
            self._polls = 0
        return self._cell.value

    def setSignaledValue_(self, value: int) -> None:
        self._world.check(
            value >= self._cell.value,
            f"an event's value goes back from {self._cell.value} to {value}",
        )
        self._cell.value = value

    def waitUntilSignaledValue_timeoutMS_(self, value: int, milliseconds: int) -> bool:
        end = time.monotonic() + milliseconds / 1000
        while not reach(self._world, self._cell, value):
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._world.lock.release()  # another thread may be the one that signals
            try:
                time.sleep(min(left, 0.002))
            finally:
                self._world.lock.acquire()
        return True

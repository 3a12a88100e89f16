"""The double as a whole: the Mac that it is, what was sent to it, what was wrong in that, and what lives."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from tests.metal.double.faults import Faults
from tests.metal.double.profile import Profile


class ValidationFailure(AssertionError):
    """The driver did what Apple's validation layer stops a process for, or what loses memory or results."""


class WouldHang(ValidationFailure):
    """On a Mac the call would not return."""


class WrongCall(ValidationFailure, TypeError):
    """A message with arguments that its selector does not take."""


class NotInDouble(ValidationFailure, NotImplementedError):
    """Metal has the selector and the double does not: it must learn it before a driver uses it."""


class World:
    """One Mac. All messages go through its lock, one at a time."""

    def __init__(self, profile: Profile, faults: Faults) -> None:
        self.profile, self.faults = profile, faults
        self.lock = threading.RLock()
        self.violations: list[ValidationFailure] = []
        self.messages: Counter[str] = Counter()
        """How often each selector was sent, as ``MTLCommandBuffer.commit``. ``clear()`` begins anew."""

        self.calls: Counter[str] = Counter()
        """The same by selector alone and never reset: what faults count by."""

        self.committed = 0
        """Command buffers that were committed."""

        self.compiled: list[str] = []
        """Kernels that the compiler compiled because no archive had them."""

        self.described: set[tuple[str, str]] = set()
        """(class, selector) whose arguments the driver described to pyobjc, which knows nothing of them."""

        self.used_bytes = 0
        self.singletons: dict[str, Any] = {}
        self.pools = threading.local()
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def violation(
        self, message: str, kind: type[ValidationFailure] = ValidationFailure
    ) -> NoReturn:
        """Fails the call, and at the end the test, should somebody swallow it."""
        raise self.note(message, kind)

    def note(
        self, message: str, kind: type[ValidationFailure] = ValidationFailure
    ) -> ValidationFailure:
        """Fails the test at its end: for where nothing can be raised."""
        failure = kind(message)
        self.violations.append(failure)
        return failure

    def check(self, holds: bool, message: str) -> None:
        if not holds:
            self.violation(message)

    def reports(self, text: str) -> int:
        """How many violations say ``text``."""
        return sum(text in str(failure) for failure in self.violations)

    # --- what lives ------------------------------------------------------------------------------

    def born(self, made: Any) -> None:
        self._alive.add(made)

    def living(self, name: str) -> list[Any]:
        """The objects of a class or protocol that somebody still holds: what a test for leaks counts."""
        return [found for found in self._alive if found.objc_name == name]

    # --- autorelease pools -----------------------------------------------------------------------

    @contextmanager
    def autorelease_pool(self) -> Iterator[None]:
        stack = self._pool_stack()
        stack.append([])
        try:
            yield
        finally:
            stack.pop()  # what it held goes, unless somebody else holds it

    def autorelease(self, made: Any) -> None:
        """An object that its maker does not own: it lives as long as the pool."""
        stack = self._pool_stack()
        if not stack:
            self.violation(f"{made.objc_name} made with no autorelease pool in place: just leaking")
        stack[-1].append(made)

    def _pool_stack(self) -> list[list[Any]]:
        if not hasattr(self.pools, "stack"):
            self.pools.stack = []
        stack: list[list[Any]] = self.pools.stack
        return stack


_current: list[World] = []


def current() -> World:
    """The world that is installed."""
    assert _current, "the double is not installed"
    return _current[-1]


@contextmanager
def entered(world: World) -> Iterator[World]:
    assert not _current, "the double is installed already"
    _current.append(world)
    try:
        yield world
    finally:
        _current.pop()

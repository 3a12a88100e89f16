"""A session over the fake device, in place of the process's own for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import set_session
from tests.runtime.fake_device import fake_session


@pytest.fixture
def fake() -> Iterator[Session]:
    """The current session for one test, with a device that launches nothing."""
    session = fake_session()
    before = set_session(session)
    yield session
    set_session(before)

"""What the tests of the Metal device share: a Mac of the double's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.metal.double import World, installed


@pytest.fixture
def mac() -> Iterator[World]:
    """An Apple M3 with macOS 15. The test fails at its end for every rule that was broken, whoever swallowed it."""
    with installed() as world:
        yield world

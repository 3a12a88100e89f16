"""Mistakes that a driver can make, one each: every one is caught, and by the right rule."""

from __future__ import annotations

import pytest

from tests.metal.double import Faults, Profile, ValidationFailure, World, installed
from tests.metal.mistakes import PLANTED, Mistake
from tests.metal.sequences import Driver


@pytest.mark.parametrize(("mistake", "message", "kind", "profile", "faults"), PLANTED)
def test_a_planted_mistake_is_caught(
    mistake: Mistake, message: str, kind: type[Exception], profile: Profile, faults: Faults | None
) -> None:
    with pytest.raises(kind, match=message), installed(profile, faults) as world:
        mistake(Driver(world))


def test_there_are_enough_mistakes() -> None:
    assert len(PLANTED) >= 90


def test_a_driver_that_swallows_a_violation_fails_all_the_same() -> None:
    def swallowing(world: World) -> None:
        try:
            Driver(world).queue.commandBuffer()
        except Exception:
            pass

    with pytest.raises(ValidationFailure, match="autorelease"), installed() as world:
        swallowing(world)

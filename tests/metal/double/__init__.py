"""A Mac on any machine: a strict stand-in for pyobjc's Metal that runs kernels on the CPU device.

``with installed(profile, faults) as world:`` makes ``import Metal`` find it. docs/design/metal-double.md says what it
enforces, and what it cannot know.
"""

from tests.metal.double.faults import ALWAYS, CommandBufferFault, Faults
from tests.metal.double.modules import installed
from tests.metal.double.profile import (
    APPLE_M1,
    APPLE_M3,
    MACOS26,
    PARAVIRTUAL,
    TOO_OLD,
    TWO_GPUS,
    Gpu,
    Profile,
)
from tests.metal.double.world import (
    NotInDouble,
    ValidationFailure,
    World,
    WouldHang,
    WrongCall,
)

__all__ = [
    "ALWAYS",
    "APPLE_M1",
    "APPLE_M3",
    "MACOS26",
    "PARAVIRTUAL",
    "TOO_OLD",
    "TWO_GPUS",
    "CommandBufferFault",
    "Faults",
    "Gpu",
    "NotInDouble",
    "Profile",
    "ValidationFailure",
    "World",
    "WouldHang",
    "WrongCall",
    "installed",
]

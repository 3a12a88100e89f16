"""The modules ``Metal``, ``Foundation`` and ``objc`` as a driver imports them: a world in, modules out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from metal_runtime.backends.metal import binding
from tests.metal.double.capture import CaptureDescriptor, CaptureManager
from tests.metal.double.commands import CommandBufferDescriptor
from tests.metal.double.device import Device
from tests.metal.double.faults import Faults
from tests.metal.double.foundation import NSURL, MTLSize, NSError, NSProcessInfo
from tests.metal.double.memory import HeapDescriptor, ResidencySetDescriptor
from tests.metal.double.objects import ObjCObject
from tests.metal.double.profile import APPLE_M3, Profile
from tests.metal.double.programs import (
    ArchiveDescriptor,
    FunctionConstantValues,
    MTLCompileOptions,
    PipelineDescriptor,
)
from tests.metal.double.storage import quarantine
from tests.metal.double.table import SINCE, names, table
from tests.metal.double.world import NotInDouble, World, entered

_CLASSES: dict[str, type[ObjCObject]] = {
    made.objc_name: made
    for made in (
        MTLCompileOptions, FunctionConstantValues, PipelineDescriptor, ArchiveDescriptor, CommandBufferDescriptor,
        HeapDescriptor, ResidencySetDescriptor, CaptureDescriptor, CaptureManager,
    )
}  # fmt: skip


class MetalModule(ModuleType):
    """Every name that pyobjc's Metal has; those that the double does not know fail the test."""

    def __init__(self, world: World) -> None:
        super().__init__("Metal")
        self._world = world
        self._devices = [Device(world, gpu, i) for i, gpu in enumerate(world.profile.gpus)]
        self.MTLSize = MTLSize

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        world, data = self._world, table()
        if name in data["enums"]:
            return data["enums"][name]
        if name not in names() or world.profile.macos[:2] < SINCE.get(name, (0, 0)):
            raise AttributeError(f"module 'Metal' has no attribute '{name}'")
        if name in data["constants"]:
            return name
        if name in _CLASSES:
            return _CLASSES[name]
        return world.violation(f"the double does not know Metal.{name}", NotInDouble)

    def MTLCreateSystemDefaultDevice(self) -> Device | None:
        return self._devices[0] if self._asked("MTLCreateSystemDefaultDevice") else None

    def MTLCopyAllDevices(self) -> tuple[Device, ...]:
        return tuple(self._devices) if self._asked("MTLCopyAllDevices") else ()

    def MTLSizeMake(self, width: int, height: int, depth: int) -> MTLSize:
        return MTLSize(width, height, depth)

    def _asked(self, function: str) -> bool:
        world = self._world
        world.messages[function] += 1
        world.calls[function] += 1
        return not world.faults.is_nil(function, world.calls[function])


def _foundation() -> ModuleType:
    module = ModuleType("Foundation")
    module.__dict__.update(NSURL=NSURL, NSError=NSError, NSProcessInfo=NSProcessInfo)
    return module


def _objc(world: World) -> ModuleType:
    module = ModuleType("objc")
    module.__dict__.update(
        autorelease_pool=world.autorelease_pool,
        NULL=None,
        registerMetaDataForSelector=lambda class_, selector, _: world.described.add(
            (class_.decode(), selector.decode())
        ),
    )
    return module


@contextmanager
def installed(profile: Profile = APPLE_M3, faults: Faults | None = None) -> Iterator[World]:
    """A Mac for the time of a block: ``import Metal`` finds the double, and the driver's binding opens it anew.

    Raises at the end the first violation that the driver swallowed, or that could not be raised where it was found.
    """
    world = World(profile, faults or Faults())
    modules = {"Metal": MetalModule(world), "Foundation": _foundation(), "objc": _objc(world)}
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    binding.framework.cache_clear()
    try:
        with entered(world):
            yield world
            quarantine(world).empty()
    finally:
        binding.framework.cache_clear()
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
    if world.violations:
        raise world.violations[0]

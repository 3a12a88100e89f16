"""The little of Foundation that a Metal driver meets: errors, URLs, the process and its system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.metal.double.objects import ObjCObject
from tests.metal.double.world import World, current


class MTLSize(NamedTuple):
    width: int
    height: int
    depth: int


class MTLSizeAndAlign(NamedTuple):
    size: int
    align: int


class NSOperatingSystemVersion(NamedTuple):
    majorVersion: int
    minorVersion: int
    patchVersion: int


class NSError(ObjCObject, objc_name="NSError"):
    def __init__(
        self, world: World, domain: str, code: int, text: str, info: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(world)
        self._domain, self._code, self._text = domain, code, text
        self._info = {"NSLocalizedDescription": text, **(info or {})}

    def code(self) -> int:
        return self._code

    def domain(self) -> str:
        return self._domain

    def localizedDescription(self) -> str:
        return self._text

    def userInfo(self) -> dict[str, Any]:
        return self._info


class NSURL(ObjCObject, objc_name="NSURL"):
    def __init__(self, world: World, path: str) -> None:
        super().__init__(world)
        self._path = path

    @classmethod
    def fileURLWithPath_(cls, path: str) -> NSURL:
        world = current()
        world.messages["NSURL.fileURLWithPath:"] += 1
        world.check(isinstance(path, str) and path != "", f"no path: {path!r}")
        return cls(world, path)

    def path(self) -> str:
        return self._path

    def isFileURL(self) -> bool:
        return True


class NSProcessInfo(ObjCObject, objc_name="NSProcessInfo"):
    @classmethod
    def processInfo(cls) -> NSProcessInfo:
        return cls(current())

    def operatingSystemVersion(self) -> NSOperatingSystemVersion:
        return NSOperatingSystemVersion(*self._world.profile.macos)

    def operatingSystemVersionString(self) -> str:
        major, minor, patch = self._world.profile.macos
        patched = f".{patch}" if patch else ""
        return f"Version {major}.{minor}{patched} (Build {self._world.profile.build})"

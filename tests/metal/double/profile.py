"""The Macs that the double can be: what their GPUs report and what their systems cannot do."""

from __future__ import annotations

from dataclasses import dataclass

_APPLE = 1000
_COMMON3, _MAC2, _METAL3, _METAL4 = 3003, 2002, 5001, 5002


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as its MTLDevice describes it."""

    name: str
    families: frozenset[int]
    family: str
    """The Apple family that iris's own check of MSL features goes by."""

    max_buffer: int
    working_set: int
    max_threads: int = 1024
    threadgroup_memory: int = 32_768
    simd_width: int = 32
    unified: bool = True
    heap_alignment: int = 256
    residency_sets: bool = True
    archives: bool = True

    def supports(self, family: int) -> bool:
        return family in self.families

    @property
    def nonuniform_threadgroups(self) -> bool:
        """Whether dispatchThreads works: Apple4 and newer, and every Mac of today."""
        return bool(self.families & {_MAC2, *(_APPLE + n for n in range(4, 11))})


@dataclass(frozen=True, slots=True)
class Profile:
    """A Mac: its system and its GPUs, the default one first."""

    gpus: tuple[Gpu, ...]
    macos: tuple[int, int, int]
    build: str
    status_polls: int = 3
    """So often a host must ask for a status (or an event's value) before the GPU has done what it was given."""

    queue_capacity: int = 64

    @property
    def newest_language(self) -> int:
        """The newest language version that the system's compiler takes (MTLLanguageVersion)."""
        major = self.macos[0]
        return 0x40000 if major >= 26 else {14: 0x30001, 15: 0x30002}.get(major, 0x30000)


def _apple(newest: int, *others: int) -> frozenset[int]:
    return frozenset([*(_APPLE + n for n in range(1, newest + 1)), 3001, 3002, _COMMON3, *others])


_M3 = Gpu("Apple M3", _apple(9, _MAC2, _METAL3), "apple9", 9 << 30, 16 << 30)
_M1 = Gpu("Apple M1", _apple(7, _MAC2, _METAL3), "apple7", 8 << 30, 10 << 30)
_M5 = Gpu("Apple M5", _apple(10, _MAC2, _METAL3, _METAL4), "apple10", 16 << 30, 20 << 30)
_VIRTUAL = Gpu("Apple Paravirtual device", _apple(5), "apple5", 3584 << 20, 5 << 30,
               residency_sets=False, archives=False)  # fmt: skip
_OLD = Gpu("Apple A10", _apple(3), "apple4", 1 << 30, 1 << 30, max_threads=512, residency_sets=False)  # fmt: skip
_RADEON = Gpu("AMD Radeon Pro 5500M", frozenset([_MAC2, _METAL3, 3001, 3002, _COMMON3]), "mac2", 3 << 30, 4 << 30,
              unified=False)  # fmt: skip

APPLE_M3 = Profile((_M3,), (15, 1, 0), "24B83")
APPLE_M1 = Profile((_M1,), (14, 6, 1), "23G93")
PARAVIRTUAL = Profile((_VIRTUAL,), (15, 5, 0), "24F74")
"""What hosted continuous integration has."""

MACOS26 = Profile((_M5,), (26, 0, 0), "25A354")
TOO_OLD = Profile((_OLD,), (15, 1, 0), "24B83")
TWO_GPUS = Profile((_M3, _RADEON), (15, 1, 0), "24B83")

"""The bytes behind buffers: sizes in, page-aligned poisoned memory out, which is watched after it was released."""

from __future__ import annotations

import ctypes
import mmap
import zlib
from collections import deque
from typing import Any

import numpy as np

from metal_runtime.backends.cpu.native_runtime import native_runtime
from tests.metal.double.world import World

_PATTERN = np.random.default_rng(20_260_101).integers(1, 256, 4099, dtype=np.uint8)
"""A prime number of bytes: poison looks like no value of any type, repeated."""

_WATCHED = 1 << 16
"""So many bytes of released memory are poisoned again and looked at in the end."""

_QUARANTINE = 32 << 20


class Block:
    """Pages of the system with one behind them that nobody may touch; they go when nothing refers to them."""

    def __init__(self, nbytes: int, owner: Any = None) -> None:
        """``owner``: somebody else's memory, which is only looked at."""
        self.nbytes = nbytes
        self._owner = owner
        if owner is None:
            self.address = native_runtime().allocate(nbytes)
            if not self.address:
                raise MemoryError(nbytes)
        else:
            self.address = np.frombuffer(owner, np.uint8).ctypes.data

    def __del__(self) -> None:
        if self._owner is None and getattr(self, "address", 0):
            native_runtime().free(self.address, self.nbytes)


class Memory:
    """A range of a block: what a buffer is on the GPU."""

    def __init__(self, block: Block, start: int, nbytes: int, *, untracked: bool) -> None:
        self.block, self.nbytes, self.untracked = block, nbytes, untracked
        self.address = block.address + start
        self.pending_writes = 0
        """Commands in flight that write to it."""

        self.gpu_writes = 0

    def view(self) -> np.ndarray[Any, Any]:
        array = (ctypes.c_ubyte * self.nbytes).from_address(self.address)
        array.block = self.block  # the pages stay as long as somebody looks at them
        return np.frombuffer(array, np.uint8)

    def lend(self, nbytes: int) -> memoryview:
        """What pyobjc's ``as_buffer`` gives."""
        array = (ctypes.c_ubyte * nbytes).from_address(self.address)
        array.block = self.block
        return memoryview(array).cast("B")

    def poison(self, most: int | None = None) -> None:
        count = self.nbytes if most is None else min(most, self.nbytes)
        self.view()[:count] = np.resize(_PATTERN, count)

    def is_poison(self) -> bool:
        count = min(_WATCHED, self.nbytes)
        return bool((self.view()[:count] == np.resize(_PATTERN, count)).all())

    def checksum(self) -> int:
        return zlib.crc32(self.view())

    def overlaps(self, other: Memory) -> bool:
        return self.address < other.address + other.nbytes and other.address < self.address + self.nbytes  # fmt: skip


class Quarantine:
    """Released memory, kept poisoned for a while: whoever still writes to it is found out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: deque[tuple[Memory, str]] = deque()

    def take(self, memory: Memory, name: str) -> None:
        memory.poison(_WATCHED)
        self._kept.append((memory, name))
        while sum(kept.nbytes for kept, _ in self._kept) > _QUARANTINE:
            self._look_at(*self._kept.popleft())

    def reuse(self, memory: Memory) -> None:
        """A heap gives the place to another buffer."""
        for kept in [k for k in self._kept if k[0].overlaps(memory)]:
            self._look_at(*kept)
            self._kept.remove(kept)

    def empty(self) -> None:
        while self._kept:
            self._look_at(*self._kept.popleft())

    def _look_at(self, memory: Memory, name: str) -> None:
        if not memory.is_poison():
            self._world.note(f"{name} was written to after it was released")


def quarantine(world: World) -> Quarantine:
    found: Quarantine = world.singletons.setdefault("quarantine", Quarantine(world))
    return found


def is_page_aligned(number: int) -> bool:
    return number % mmap.PAGESIZE == 0

"""The pool: device memory is made here and nowhere else, reused best-fit, limited and counted.

Each Block that ``Pool.take`` gives out owns its memory alone. The memory comes back when the Block
is closed or collected, never before: a NumPy view holds its Block, so it outlives the buffer it was
made from. ``Pool.adopt`` makes a Block of memory that is not the pool's. What has come back waits in the pool for the next request of about its size.

A launch that was queued before its memory came back may still use it. On one stream the next owner's
launches are behind it; with several streams, memory is given out again only when every launch that was
queued on any stream, up to the moment at which it came back, has ended.
"""

from __future__ import annotations

import bisect
import gc
import mmap
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from metal_runtime.device.block import Block, block_of
from metal_runtime.device.protocol import Allocation, Allocator, HostBytes
from metal_runtime.errors import DeviceMemoryError
from metal_runtime.logging import get_logger
from metal_runtime.recording.events import PoolAction
from metal_runtime.recording.recorder import RECORDER

_log = get_logger("pool")

PAGE = mmap.PAGESIZE
"""Requests are rounded up to whole pages of this many bytes."""

MOST_PENDING = 256 << 20
"""Bytes that may wait for launches of several streams to end before a request waits for them, too."""

Free = tuple[Allocation, int, bool, int]
"""Memory that came back: its bytes, whether it is persistent, and when (see ``Device.launched``)."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """The pool at one moment. ``allocated_bytes == used_bytes + cached_bytes``, all in whole pages."""

    allocated_bytes: int
    """What the pool holds of the device's memory."""

    used_bytes: int
    """Of it, what live buffers and views own."""

    cached_bytes: int
    """Of it, what waits for reuse."""

    used_blocks: int
    cached_blocks: int
    hits: int
    """Requests that were served from memory in the pool."""

    misses: int
    """Requests for which the device had to make memory."""

    peak_bytes: int
    """The most that ``used_bytes`` has been."""

    limit: int | None
    """The most that ``allocated_bytes`` may be; None: what the device has."""


class Pool:
    """Best-fit reuse over a device's allocator; safe to use from many threads.

    ``synchronize`` is called before memory goes back to the system, for a launch may still use it.
    Memory that waits for reuse is dropped, least recently used first, while there is more of it
    than ``max_cached_bytes``; blocks taken with ``persistent=True`` stay until ``trim``.
    """

    def __init__(
        self,
        allocator: Allocator,
        *,
        limit: int | None = None,
        max_cached_bytes: int | None = None,
        synchronize: Callable[[], None] = lambda: None,
        moments: tuple[Callable[[], int], Callable[[], int]] | None = None,
        name: str = "",
    ) -> None:
        """``name`` is the device's. ``moments``: how many launches the device was given, and how many of the first of them have ended."""
        self._allocator = allocator
        self._name = name
        self._synchronize = synchronize
        self._limit = limit
        self._max_cached = max_cached_bytes
        # Reentrant: a finalizer that the collector runs inside `take` may itself close a pool.
        self._lock = threading.RLock()
        self._launched: Callable[[], int] | None = None
        self._ended: Callable[[], int] = lambda: 0
        self._moments = moments
        self._let_go: deque[tuple[Allocation, int]] = deque()
        self._returned: deque[Free] = deque()
        # Free memory twice: by size for the best fit, by age for what to drop first.
        self._free_sizes: list[tuple[int, int]] = []
        self._free: OrderedDict[int, Free] = OrderedDict()
        self._serial = 0
        self._allocated = self._cached = self._used_blocks = self._hits = self._misses = 0
        self._peak = 0
        self._closed = False

    def share(self, launched: Callable[[], int], ended: Callable[[], int]) -> None:
        """From now on several streams use this memory; ``launched`` and ``ended`` are the device's."""
        self._launched, self._ended = launched, ended

    def adopt(self, memory: HostBytes) -> Block:
        """A writable array's own memory as a block: kept alive, never reused, no part of the figures.

        Raises:
            SharingError: the device cannot use memory of this place or size.
        """
        block = block_of(self, self._allocator.adopt(memory), memory.nbytes, False)
        block.is_adopted = True
        return block

    def let_go(self, allocation: Allocation) -> None:
        """Keeps adopted memory, of which the owner needs no more, until no launch uses it; never waits."""
        if self._moments is None:
            return
        launched, _ = self._moments
        self._let_go.append((allocation, launched()))
        if self._lock.acquire(blocking=False):
            try:
                self._forget_ended()
            finally:
                self._lock.release()

    def _forget_ended(self) -> None:
        """Adopted memory that no launch uses any more is its owner's again."""
        if self._let_go and self._moments is not None:
            done = self._moments[1]()
            while self._let_go and self._let_go[0][1] <= done:
                self._let_go.popleft()

    def take(self, nbytes: int, *, persistent: bool = False) -> Block:
        """A block of at least ``nbytes`` (a page when 0); its content is whatever was there.

        Raises:
            DeviceMemoryError: the limit or the device has no room, even after trimming.
        """
        size = max(-(-nbytes // PAGE), 1) * PAGE
        with self._lock:
            if self._let_go:
                self._forget_ended()
            if self._returned and self._launched is None:
                latest = self._returned.pop()
                if latest[1] == size and latest[2] is persistent:
                    # Of this size, and the warmest in the caches: it need not be filed before it is used again.
                    self._hits += 1
                    if RECORDER.on:
                        self._note(PoolAction.REUSE, size, latest[0].address)
                    return block_of(self, latest[0], size, persistent)
                self._returned.append(latest)
            self._collect()
            found = self._best_fit(size)
            if found is None:
                self._misses += 1
                allocation = self._allocate(size)
            else:
                self._hits += 1
                allocation, size = found
            self._used_blocks += 1
            self._peak = max(self._peak, self._allocated - self._cached)
            if RECORDER.on:
                action = PoolAction.ALLOCATE if found is None else PoolAction.REUSE
                self._note(action, size, allocation.address)
        return block_of(self, allocation, size, persistent)

    def give_back(self, allocation: Allocation, nbytes: int, persistent: bool) -> None:
        """What Block.close calls, perhaps from the garbage collector in the middle of ``take``: it never waits."""
        launched = self._launched
        at = 0 if launched is None else launched()
        self._returned.append((allocation, nbytes, persistent, at))
        if RECORDER.on:
            self._note(PoolAction.RELEASE, nbytes, allocation.address)
        if self._closed and self._lock.acquire(blocking=False):
            try:
                self._drop_all()
            finally:
                self._lock.release()

    def trim(self) -> int:
        """Gives all memory that waits for reuse back to the system; the bytes that it was."""
        with self._lock:
            return self._drop_all()

    def set_limit(self, limit: int | None) -> None:
        """The most bytes to hold from now on (None: no limit); trims what is cached beyond it.

        Raises:
            DeviceMemoryError: live buffers hold more than that already.
        """
        with self._lock:
            self._collect()
            used = self._allocated - self._cached
            if limit is not None and used > limit:
                raise DeviceMemoryError(
                    f"a limit of {_bytes(limit)} is less than the {_bytes(used)} that live buffers hold",
                    hint="close buffers first, or set a higher limit",
                )
            self._limit = limit
            if limit is not None:
                self._drop(lambda: self._allocated - limit)

    def statistics(self) -> PoolStatistics:
        """The figures of this moment."""
        with self._lock:
            self._collect()
            return PoolStatistics(
                allocated_bytes=self._allocated,
                used_bytes=self._allocated - self._cached,
                cached_bytes=self._cached,
                used_blocks=self._used_blocks,
                cached_blocks=len(self._free),
                hits=self._hits,
                misses=self._misses,
                peak_bytes=self._peak,
                limit=self._limit,
            )

    def close(self) -> None:
        """Trims; memory still on loan goes back to the system as its owners let go. May be called twice."""
        with self._lock:
            self._closed = True
            self._drop_all()

    def _note(self, action: PoolAction, nbytes: int, address: int) -> None:
        """An event, with the figures that are true after it; it takes no lock, as finalizers come here."""
        returned = tuple(self._returned)
        used = self._allocated - self._cached - sum(free[1] for free in returned)
        RECORDER.note_memory(
            action,
            self._name,
            address,
            nbytes,
            used,
            self._allocated,
            self._used_blocks - len(returned),
        )

    # --- with the lock held ----------------------------------------------------------------------

    def _collect(self) -> None:
        """Files what came back since the last time."""
        while self._returned:
            free = self._returned.popleft()
            self._serial += 1
            self._free[self._serial] = free
            bisect.insort(self._free_sizes, (free[1], self._serial))
            self._cached += free[1]
            self._used_blocks -= 1
        if self._max_cached is not None and self._cached > self._max_cached:
            self._drop(lambda: self._cached - (self._max_cached or 0), keep_persistent=True)

    def _best_fit(self, size: int) -> tuple[Allocation, int] | None:
        """The smallest free block of at least ``size``, unless more than a quarter of it would be waste."""
        at = bisect.bisect_left(self._free_sizes, (size, 0))
        if at == len(self._free_sizes):
            return None
        found, _ = self._free_sizes[at]
        largest = size + max(size // 3, PAGE)
        if found > largest:
            return None
        if self._launched is not None:
            return self._ended_fit(at, largest)
        # Of equal sizes the youngest is warmest in the caches.
        return self._take_free(bisect.bisect_left(self._free_sizes, (found, self._serial + 1)) - 1)

    def _ended_fit(self, begin: int, largest: int) -> tuple[Allocation, int] | None:
        """The smallest fit that no launch uses any more; waits where too much memory is still in use."""
        end = bisect.bisect_right(self._free_sizes, (largest, self._serial))
        ended = self._ended()
        for at in range(begin, end):
            if self._free[self._free_sizes[at][1]][3] <= ended:
                return self._take_free(at)
        pending = sum(nbytes for _, nbytes, _, launched in self._free.values() if launched > ended)
        if pending < MOST_PENDING:
            return None
        self._synchronize()
        return self._take_free(begin) if begin < len(self._free_sizes) else None

    def _take_free(self, at: int) -> tuple[Allocation, int]:
        _, serial = self._free_sizes.pop(at)
        allocation, nbytes, _, _ = self._free.pop(serial)
        self._cached -= nbytes
        return allocation, nbytes

    def _allocate(self, size: int) -> Allocation:
        self._make_room(size)
        try:
            allocation = self._allocator.allocate(size)
        except DeviceMemoryError:
            self._drop_all()
            gc.collect()
            self._drop_all()
            try:
                allocation = self._allocator.allocate(size)
            except DeviceMemoryError as error:
                raise self._no_room(size, "the device has no room") from error
        self._allocated += size
        return allocation

    def _make_room(self, size: int) -> None:
        """Brings ``allocated + size`` below the limit, or raises."""
        limit = self._limit
        if limit is None or self._allocated + size <= limit:
            return
        self._drop(lambda: self._allocated + size - limit)
        if self._allocated + size > limit:
            gc.collect()  # buffers in reference cycles
            self._collect()
            self._drop(lambda: self._allocated + size - limit)
        if self._allocated + size > limit:
            raise self._no_room(size, f"the limit of {_bytes(limit)} leaves no room")

    def _drop_all(self) -> int:
        self._collect()
        before = self._allocated
        self._drop(lambda: self._cached)
        dropped = before - self._allocated
        if dropped:
            _log.debug("%s: %s went back to the system", self._name, _bytes(dropped))
            if RECORDER.on:
                self._note(PoolAction.TRIM, dropped, 0)
        return dropped

    def _drop(self, excess: Callable[[], int], *, keep_persistent: bool = False) -> None:
        """Frees cached blocks, oldest first, until ``excess`` is no longer positive."""
        serials = [s for s, (_, _, kept, _) in self._free.items() if not (keep_persistent and kept)]
        if serials and excess() > 0:
            self._synchronize()
        for serial in serials:
            if excess() <= 0:
                return
            allocation, nbytes, _, _ = self._free.pop(serial)
            del self._free_sizes[bisect.bisect_left(self._free_sizes, (nbytes, serial))]
            self._cached -= nbytes
            self._allocated -= nbytes
            self._allocator.free(allocation)

    def _no_room(self, size: int, why: str) -> DeviceMemoryError:
        used = self._allocated - self._cached
        return DeviceMemoryError(
            f"{why} for {_bytes(size)}: live buffers hold {_bytes(used)}, "
            f"{_bytes(self._cached)} wait for reuse",
            hint="close buffers that are no longer needed, work in smaller parts, or raise the limit",
        )


def _bytes(count: int) -> str:
    """``1536`` -> ``1.5 KiB (1,536 bytes)``."""
    if count < 1024:
        return f"{count} bytes"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.4g} {unit} ({count:,} bytes)"
    return f"{value / 1024:.4g} TiB ({count:,} bytes)"

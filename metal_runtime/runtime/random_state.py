"""A seed in, the keys of one call after another out: what random numbers depend on beside their place."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class RandomState:
    """Counts calls; without a seed it begins anywhere. Safe to use from many threads."""

    seed: int = field(default_factory=lambda: secrets.randbits(64))
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def restart(self, seed: int) -> None:
        """Begins anew: 64 bits of seed give the same numbers again."""
        with self._lock:
            self.seed, self.calls = seed % (1 << 64), 0

    def next_call(self) -> tuple[int, int, int, int]:
        """The seed and the number of this call, each as its low and high 32 bits."""
        with self._lock:
            call, self.calls = self.calls, self.calls + 1
            seed = self.seed
        return seed & 0xFFFF_FFFF, seed >> 32, call & 0xFFFF_FFFF, call >> 32

    def copy(self) -> RandomState:
        """The same numbers from here on, with a lock of its own."""
        return RandomState(self.seed, self.calls)

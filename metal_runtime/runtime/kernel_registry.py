"""Kernels by the name that ``api.launch_kernel`` takes, whether written in Python or in MSL."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from metal_runtime.errors import LaunchError


class Launchable(Protocol):
    """A kernel that can be launched by position."""

    @property
    def name(self) -> str: ...

    def launch(self, args: Sequence[Any], grid: Any, block: Any = None) -> None: ...


class KernelRegistry:
    """Names to kernels; a name that is registered again stands for the newer kernel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kernels: dict[str, Launchable] = {}

    def register(self, kernel: Launchable) -> None:
        """Enters a kernel under its name."""
        with self._lock:
            self._kernels[kernel.name] = kernel

    def get(self, name: str) -> Launchable:
        """The kernel of that name.

        Raises:
            LaunchError: none has been registered; names that look like it are in the hint.
        """
        found = self._kernels.get(name)
        if found is None:
            close = difflib.get_close_matches(str(name), list(self._kernels), n=3)
            hint = (
                f"did you mean {' or '.join(f'`{c}`' for c in close)}?"
                if close
                else "decorate a function with @kernel, or call api.register_kernel first"
            )
            raise LaunchError(
                "no kernel is registered under this name", kernel=str(name), hint=hint
            )
        return found

    def copy(self) -> KernelRegistry:
        """Another registry with the same kernels; takes no lock, for it is made after a fork."""
        other = KernelRegistry()
        other._kernels.update(self._kernels)
        return other

    def names(self) -> tuple[str, ...]:
        """Every registered name, in order of registration."""
        with self._lock:
            return tuple(self._kernels)

    def __contains__(self, name: object) -> bool:
        return name in self._kernels

    def __len__(self) -> int:
        return len(self._kernels)

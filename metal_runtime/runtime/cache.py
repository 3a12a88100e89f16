"""MslProgram -> Pipeline, each program loaded once on its device however many threads ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from metal_runtime.device.protocol import LoadedProgram, Pipeline
from metal_runtime.errors import LaunchError
from metal_runtime.program import MslProgram


@dataclass(slots=True)
class _Entry:
    """One program: the lock lets one thread load it while others wait for that program only."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: LoadedProgram | None = None
    pipelines: dict[str, Pipeline] = field(default_factory=dict)


class ProgramCache:
    """Loaded programs of one device, by text, signatures and options. Nothing of it goes to disk."""

    def __init__(self, load: Callable[[MslProgram], LoadedProgram]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._entries: dict[MslProgram, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def pipeline(self, program: MslProgram, name: str) -> Pipeline:
        """The kernel called ``name`` of the program, compiled if it was not yet.

        Raises:
            MslError: the text is refused. The next call tries again.
            LaunchError: the program has no such kernel.
        """
        if all(signature.name != name for signature in program.entry_points):
            raise _no_such_kernel(program, name)
        with self._lock:
            entry = self._entries.setdefault(program, _Entry())
        with entry.lock:
            pipeline = entry.pipelines.get(name)
            if pipeline is None:
                if entry.loaded is None:
                    entry.loaded = self._load(program)
                pipeline = entry.pipelines[name] = entry.loaded.pipeline(name)
        return pipeline


def _no_such_kernel(program: MslProgram, name: str) -> LaunchError:
    names = [signature.name for signature in program.entry_points]
    hint = f"its kernels are: {', '.join(names)}" if names else "mark the function `kernel void`"
    return LaunchError("the MSL text has no kernel of this name", kernel=name, hint=hint)

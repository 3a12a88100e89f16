"""A block of the user's program in; its Recording out, as tables, drawings and files."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from metal_runtime.errors import IrisError
from metal_runtime.notebook import plain_html
from metal_runtime.profile import trace
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.recording.recording import Recording

if TYPE_CHECKING:
    from rich.console import RenderableType

    from metal_runtime.profile.capture import Capture


class Profile:
    """What happened within ``with api.profile() as p:``, or what a trace file holds."""

    def __init__(self, recording: Recording | None = None, capture: Capture | None = None) -> None:
        self._recording = recording
        self._capture = capture

    def __enter__(self) -> Profile:
        if self._capture is None:
            raise IrisError(
                "this profile has been recorded", hint="begin with `with api.profile() as p:`"
            )
        self._capture.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._capture is not None:
            self._recording, fault = self._capture.stop()
            if fault is not None and error is None:
                raise fault

    @property
    def recording(self) -> Recording:
        """All that was recorded. Raises IrisError before the block has ended."""
        if self._recording is None:
            raise IrisError("the profile has not ended", hint="ask for it behind the `with` block")
        return self._recording

    @property
    def kernels(self) -> list[KernelStatistics]:
        """What each kernel took, moved and reached, the costliest first."""
        return kernel_statistics(self.recording)

    def table(self) -> RenderableType:
        """The kernels, for rich to print; ``print(p)`` prints the same without colours."""
        from metal_runtime.profile.table import summary

        return summary(self.recording)

    def timeline(self) -> RenderableType:
        """What streams and threads did when, for rich to print."""
        from metal_runtime.profile.drawing import drawn_timeline

        return drawn_timeline(self.recording)

    def memory(self) -> RenderableType:
        """Memory over time, and the lines that hold it, for rich to print."""
        from metal_runtime.profile.drawing import drawn_memory

        return drawn_memory(self.recording)

    def html(self) -> str:
        """One page that needs nothing else: timeline, kernels with their texts, memory."""
        from metal_runtime.profile.html import page

        return page(self.recording)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a trace that Perfetto and ``iris top`` open (``.json``), or the page (``.html``).

        Raises IrisError for another kind of file, and OSError where none can be written.
        """
        match Path(path).suffix.lower():
            case ".json":
                trace.write(self.recording, path)
            case ".html" | ".htm":
                Path(path).write_text(self.html(), "utf-8")
            case other:
                raise IrisError(
                    f"a profile is not saved as {other or 'a file without a suffix'}",
                    hint="end the name in .json (a trace) or .html (a page)",
                )

    def __str__(self) -> str:
        from metal_runtime.profile.table import plain

        return "a profile that has not ended" if self._recording is None else plain(self.table())

    def _repr_html_(self) -> str:
        """For notebooks: the kernels, then memory."""
        if self._recording is None:
            return plain_html(str(self))
        from metal_runtime.profile.table import plain

        return plain_html(f"{self}\n\n{plain(self.memory())}")

    def __repr__(self) -> str:
        if self._recording is None:
            return "Profile(not ended)"
        return f"Profile({len(self._recording.events)} events)"


def profile(*, roofline: bool = True) -> Profile:
    """A profile of the block that it is the context manager of (see ``api.profile``)."""
    from metal_runtime.profile.capture import Capture

    return Profile(capture=Capture(roofline=roofline))


def load(path: str | os.PathLike[str]) -> Profile:
    """The profile that ``save`` wrote as a trace. Raises IrisError for any other file."""
    return Profile(trace.read(path))

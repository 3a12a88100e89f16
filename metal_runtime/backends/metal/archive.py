"""Machine code that Apple's compiler made before: functions in, pipeline states out, kept on disk for the next process.

One file a device and build of the system, since the code is for both. It is off on virtual devices, where archives
do not work. A file that Metal does not take is made anew.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from metal_runtime import settings
from metal_runtime.backends.metal.constants import (
    MTLPipelineOptionFailOnBinaryArchiveMiss,
    MTLPipelineOptionNone,
)
from metal_runtime.backends.metal.families import is_virtual
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLBinaryArchive,
    MTLComputePipelineDescriptor,
    MTLComputePipelineState,
    MTLDevice,
    MTLFunction,
    NSError,
)
from metal_runtime.logging import get_logger


class PipelineArchive:
    """Makes pipeline states of functions, by the archive where it holds them."""

    def __init__(self, device: MTLDevice, framework: Framework) -> None:
        self._device, self._framework = device, framework
        self._path = archive_path(device, framework)
        self._archive = None if is_virtual(device) else self._open()
        self._new: list[MTLComputePipelineDescriptor] = []
        self._lock = threading.Lock()

    def pipeline_state(
        self, function: MTLFunction
    ) -> tuple[MTLComputePipelineState | None, NSError | None]:
        """The pipeline state of a function, or None and why."""
        if self._archive is None:
            return self._device.newComputePipelineStateWithFunction_error_(function, None)
        descriptor = self._framework.compute_pipeline_descriptor()
        descriptor.setComputeFunction_(function)
        descriptor.setBinaryArchives_([self._archive])
        state, _ = self._make(descriptor, MTLPipelineOptionFailOnBinaryArchiveMiss)
        if state is not None:
            return state, None
        state, error = self._make(descriptor, MTLPipelineOptionNone)
        if state is not None:
            with self._lock:
                self._new.append(descriptor)
        return state, error

    def save(self) -> None:
        """Writes what is new to a file of its own, which then takes the place of the old one."""
        with self._lock:
            descriptors, self._new = self._new, []
        if self._archive is None or not descriptors:
            return
        for descriptor in descriptors:
            done, error = self._archive.addComputePipelineFunctionsWithDescriptor_error_(
                descriptor, None
            )
            if not done:
                _log("does not take a function", error)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(f".{os.getpid()}.tmp")
        url = self._framework.file_url(str(scratch))
        done, error = self._archive.serializeToURL_error_(url, None)
        if done:
            os.replace(scratch, self._path)
        else:
            _log("was not written", error)

    def _make(
        self, descriptor: MTLComputePipelineDescriptor, options: int
    ) -> tuple[MTLComputePipelineState | None, NSError | None]:
        return self._device.newComputePipelineStateWithDescriptor_options_reflection_error_(
            descriptor, options, None, None
        )

    def _open(self) -> MTLBinaryArchive | None:
        if self._path.exists():
            descriptor = self._framework.binary_archive_descriptor()
            descriptor.setUrl_(self._framework.file_url(str(self._path)))
            found, error = self._device.newBinaryArchiveWithDescriptor_error_(descriptor, None)
            if found is not None:
                return found
            _log("is not taken and made anew", error)
        descriptor = self._framework.binary_archive_descriptor()
        made, error = self._device.newBinaryArchiveWithDescriptor_error_(descriptor, None)
        if made is None:
            _log("cannot be made", error)
        return made


def archive_path(device: MTLDevice, framework: Framework) -> Path:
    """The file for a device and a build of the system."""
    name = re.sub(r"\W+", "-", device.name()).strip("-").lower()
    return settings.cache_dir() / "metal" / f"{name}-{framework.os_build}.binarchive"


def _log(what: str, error: NSError | None) -> None:
    reason = "no reason given" if error is None else error.localizedDescription()
    get_logger().warning("the archive of Metal's machine code %s: %s", what, reason)

"""The native half of the CPU device, as Python calls it: one shared object, loaded once in a process."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

from metal_runtime.backends.cpu.compiler import native_runtime_object


class NativePipeline(ctypes.Structure):
    """``Pipeline`` of native/threads.h."""

    _fields_ = (
        ("entry", ctypes.c_void_p),
        ("by_threadgroup", ctypes.c_uint32),
        ("argument_count", ctypes.c_uint32),
        ("meets", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("cost", ctypes.c_double),
    )


class Divergence(ctypes.Structure):
    """``iris_fiber_report`` of native/fibers.h; places are lines from bit 12 on, columns below."""

    _fields_ = (
        ("place", ctypes.c_uint32),
        ("arrived", ctypes.c_uint32),
        ("ended", ctypes.c_uint32),
        ("other_place", ctypes.c_uint32),
        ("other_arrived", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
    )


class NativeFailure(ctypes.Structure):
    """``Failure`` of native/threads.h: how a launch ended, and which."""

    _fields_ = (
        ("outcome", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("pipeline", ctypes.c_void_p),
        ("address", ctypes.c_uint64),
        ("report", Divergence),
    )


class NativeRuntime:
    """The functions of the native half."""

    def __init__(self) -> None:
        library = load_object(str(native_runtime_object()))
        self._declare_streams(library)
        self.allocate = library.iris_allocate
        self.allocate.argtypes = (ctypes.c_uint64,)
        self.allocate.restype = ctypes.c_uint64
        self.free = library.iris_free
        self.free.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
        self.free.restype = None
        self.set_threads = library.iris_set_threads
        self.set_threads.argtypes = (ctypes.c_uint32,)
        self.set_threads.restype = None
        self._set_time_limit = library.iris_set_time_limit
        self._set_time_limit.argtypes = (ctypes.c_uint64,)
        self._set_time_limit.restype = None
        self.time_limit = 0.0
        self.install_fault_handlers = library.iris_install_fault_handlers
        self.install_fault_handlers.restype = None
        self.stop_workers = library.iris_stop_workers
        self.stop_workers.restype = None
        library.iris_after_fork.restype = None
        library.iris_before_fork.restype = None
        os.register_at_fork(before=library.iris_before_fork, after_in_child=library.iris_after_fork)

    def _declare_streams(self, library: ctypes.CDLL) -> None:
        """Streams and marks are addresses; what is declared as c_uint32 without a comment is an Outcome."""
        pointer, number, place = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
        self.launch = _function(library.iris_launch, number, ctypes.c_char_p)
        self.synchronize = _function(library.iris_synchronize, number, pointer)
        self.failure = _function(library.iris_failure, ctypes.POINTER(NativeFailure))
        self.new_stream = _function(library.iris_new_stream, pointer)
        self.free_stream = _function(library.iris_free_stream, None, pointer)
        self.record = _function(library.iris_record, pointer, pointer)
        self.wait = _function(
            library.iris_wait, number, pointer, pointer
        )  # whether there was memory
        self.wait_for_mark = _function(library.iris_wait_for_mark, number, pointer)
        self.mark_time = _function(library.iris_mark_time, place, pointer)
        self.release_mark = _function(library.iris_release_mark, None, pointer)
        self.launched = _function(library.iris_launched, place)
        self.ended = _function(library.iris_ended, place)

    def limit_time(self, seconds: float) -> None:
        """Ends kernels that run longer than this."""
        self.time_limit = seconds
        self._set_time_limit(int(min(seconds * 1e9, 2.0**62)))


def _function(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


@functools.cache
def native_runtime() -> NativeRuntime:
    """The one native runtime of this process."""
    return NativeRuntime()


def load_object(path: str) -> ctypes.CDLL:
    """Loads a shared object that object_cache has verified."""
    return ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)


def function_address(library: ctypes.CDLL, symbol: str) -> int:
    """The address of an exported function."""
    address = ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value
    assert address is not None  # getattr has raised otherwise
    return address

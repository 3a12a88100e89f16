"""Builds C++ threads together with the scheduler of fibers, and runs them for tests."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from metal_runtime.msl import clang
from metal_runtime.program import CompileOptions

NATIVE = Path(clang.__file__).parent.parent / "backends/cpu/native"
PRELUDE = """
#include "fibers.cpp"
#include <metal_stdlib>
#include "detail/atomic.h"
#include "detail/simdgroup_matrix.h"
using namespace metal;
struct Buffers { void* at[8]; };
#define THREAD(name) extern "C" __attribute__((visibility("default"))) void name(Buffers* buffers, uint t)
#define BUFFER(T, name, index) T* name = (T*)buffers->at[index]
"""


class FiberProgram:
    """A shared object of C++ threads. ``run`` runs one threadgroup of one of them over NumPy arrays."""

    def __init__(self, text: str, folder: Path) -> None:
        target = clang.host_target()
        flags = (*clang.compile_flags(target, CompileOptions()), f"-I{NATIVE}")
        done = clang.compile_object(PRELUDE + text, flags, str(folder / "program.o"))
        assert done.succeeded, done.diagnostics
        clang.link_shared([str(folder / "program.o")], str(folder / "program.so"), target)
        self.library = ctypes.CDLL(str(folder / "program.so"))
        self.library.iris_fibers_create.restype = ctypes.c_void_p
        self.library.iris_fibers_run.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint,
            *[ctypes.c_void_p] * 4,
        ]
        self.arena = self.library.iris_fibers_create()
        assert self.arena

    def run(self, name: str, threads: int, *arrays: np.ndarray) -> None:
        buffers = (ctypes.c_void_p * 8)(*(array.ctypes.data for array in arrays))
        report = (ctypes.c_uint * 6)()
        entry = ctypes.cast(getattr(self.library, name), ctypes.c_void_p)
        outcome = self.library.iris_fibers_run(self.arena, threads, entry, buffers, None, report)
        assert outcome == 0, (outcome, list(report))

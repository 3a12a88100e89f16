"""Compiles one kernel for this processor: a translation unit in, the path of a cached shared object out."""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import os
from pathlib import Path

from metal_runtime.backends.cpu import object_cache
from metal_runtime.backends.cpu.entry import NATIVE_DIR, entry_text
from metal_runtime.device.launch_config import Extent
from metal_runtime.errors import InternalError
from metal_runtime.msl import clang
from metal_runtime.msl.diagnostics import compile_error
from metal_runtime.msl.msl_to_cpp import TranslationUnit
from metal_runtime.program import CompileOptions, MslProgram
from metal_runtime.recording.noting import compile_stage


def kernel_object(unit: TranslationUnit, program: MslProgram, size: Extent | None = None) -> Path:
    """The shared object of a kernel, from the cache or compiled now; ``size`` is that of its threadgroups, if known.

    Raises MslError at the user's line when the compiler refuses the text.
    """
    name = unit.kernel.function.name  # a host name may hold any character
    with compile_stage(unit.kernel.signature.name, "clang") as stage:
        entry = entry_text(unit, size)
        key = object_key(unit.key_text + "\0" + entry, program.options)
        found = object_cache.find(name, key)
        if found is not None:
            stage.hit(found.name)
            return found
        stage.miss("no entry for this text, these options, this compiler and this processor")
        return _compiled(unit, program, name, entry, key)


def _compiled(unit: TranslationUnit, program: MslProgram, name: str, entry: str, key: str) -> Path:
    target = clang.host_target()

    def build(output: str) -> None:
        objects = object_cache.scratch_path(f"{name}.o")
        try:
            flags = (
                *kernel_flags(program.options),
                "-include-pch",
                str(standard_header(program.options)),
            )
            completed = clang.compile_object(unit.cpp_text(entry), flags, objects)
            if not completed.succeeded:
                raise compile_error(completed.diagnostics, unit, program)
            clang.link_shared([objects], output, target)
        finally:
            Path(objects).unlink(missing_ok=True)

    return object_cache.store(name, key, target.name, build)


def standard_header(options: CompileOptions) -> Path:
    """Our metal_stdlib precompiled with the flags of a kernel: reading it takes a tenth of the time."""
    flags = kernel_flags(options)
    header = clang.INCLUDE_DIR / "metal_stdlib"
    key = _digest(clang.toolchain(), headers_digest(clang.INCLUDE_DIR), *flags)
    found = object_cache.find(header.name, key, object_cache.PRECOMPILED_HEADER)
    if found is not None:
        return found

    def build(output: str) -> None:
        completed = clang.precompile_header(str(header), flags, output)
        if not completed.succeeded:
            raise InternalError(f"metal_stdlib does not compile: {completed.diagnostics.strip()}")

    target = clang.host_target().name
    return object_cache.store(header.name, key, target, build, object_cache.PRECOMPILED_HEADER)


def kernel_flags(options: CompileOptions) -> tuple[str, ...]:
    """The flags of a kernel's translation unit on the CPU device."""
    return (*clang.compile_flags(clang.host_target(), options), f"-I{NATIVE_DIR}")


def kernel_assembly(unit: TranslationUnit, options: CompileOptions) -> str:
    """The assembly text of a kernel."""
    completed = clang.assembly(unit.cpp_text(entry_text(unit)), kernel_flags(options))
    if not completed.succeeded:
        raise InternalError(
            f"a kernel that compiled before does not now: {completed.diagnostics.strip()}"
        )
    return completed.output


def native_runtime_object() -> Path:
    """The shared object of the device's own native half, from the cache or compiled now."""
    target = clang.host_target()
    flags = (f"--target={target.triple}", *target.flags, "-O2", "-x", "c++", "-std=c++17", "-fno-exceptions",
             "-fno-rtti", "-nostdinc", "-fPIC", "-fvisibility=hidden", "-fno-threadsafe-statics",
             "-fno-stack-protector", "-fsigned-char", f"-I{NATIVE_DIR}", f"-I{clang.INCLUDE_DIR}")  # fmt: skip
    key = _digest(clang.toolchain(), _standard_headers(), headers_digest(NATIVE_DIR), *flags)
    found = object_cache.find("iris-runtime", key)
    if found is not None:
        return found

    def build(output: str) -> None:
        objects = object_cache.scratch_path("iris-runtime.o")
        try:
            completed = clang.compile_object('#include "runtime.cpp"\n', flags, objects)
            if not completed.succeeded:
                raise InternalError(
                    f"the native runtime does not compile: {completed.diagnostics.strip()}"
                )
            clang.link_shared([objects], output, target)
        finally:
            Path(objects).unlink(missing_ok=True)

    return object_cache.store("iris-runtime", key, target.name, build)


def object_key(text: str, options: CompileOptions) -> str:
    """What an entry of the cache depends on: text, options, toolchain, processor, our headers, our flags."""
    # Defines and include folders have done their work: the text is preprocessed.
    flags = [flag for flag in kernel_flags(options) if not flag.startswith("-I")]
    return _digest(text, clang.toolchain(), _standard_headers(), *flags)


def _standard_headers() -> str:
    return headers_digest(clang.INCLUDE_DIR) + headers_digest(NATIVE_DIR, "entry.h")


@functools.cache
def headers_digest(folder: Path, pattern: str = "*") -> str:
    """A digest of the files in ``folder``, by names and contents; read once in a process."""
    digest = hashlib.blake2b(digest_size=16)
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in fnmatch.filter(sorted(names), pattern):
            path = os.path.join(parent, name)
            digest.update(f"{os.path.relpath(path, folder)}\0".encode())
            with open(path, "rb", buffering=0) as file:
                digest.update(file.read())
    return digest.hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

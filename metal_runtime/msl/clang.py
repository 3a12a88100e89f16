"""The clang of the ziglang wheel: C++ text and flags go in, objects, assembly or diagnostics come out."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from metal_runtime.errors import DeviceError, InternalError
from metal_runtime.program import CompileOptions, MathMode

INCLUDE_DIR = Path(__file__).parent / "include"
"""Our metal_stdlib."""

STUB_DIR = Path(__file__).parent / "stub_include"
"""Empty files with the names of Metal's headers, so that ``-E`` yields the user's own text alone."""

METAL_MACROS = (
    "-D__METAL__=1", "-D__METAL_VERSION__=320", "-D__METAL_MACOS__=1",
    "-D__HAVE_BFLOAT__=1", "-D__HAVE_SIMDGROUP_MATRIX__=1",
)  # fmt: skip
"""What Metal's compiler and its headers define, as far as programs ask for it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A processor that clang writes code for."""

    name: str
    triple: str
    flags: tuple[str, ...]
    features: str
    """What tells one processor of this architecture from another; a part of every cache key."""


_TRIPLES = {
    ("linux", "x86_64"): "x86_64-linux-gnu",
    ("linux", "aarch64"): "aarch64-linux-gnu",
    # Written from the documentation, never run:
    ("darwin", "arm64"): "aarch64-macos-none",
    ("darwin", "x86_64"): "x86_64-macos-none",
}


@functools.cache
def host_target() -> Target:
    """The processor iris runs on. Raises DeviceError when there is no code generator for it."""
    system, machine = sys.platform, os.uname().machine
    triple = _TRIPLES.get((system, machine))
    if triple is None:
        supported = ", ".join("-".join(key) for key in _TRIPLES)
        raise DeviceError(
            f"the CPU device does not run on {system}-{machine}", hint=f"supported: {supported}"
        )
    # 512 bits where there are: left alone, clang keeps server processors at 256.
    flags = ["-march=native", "-mprefer-vector-width=512"]
    if machine != "x86_64":
        # Other processors give a result where x86 traps; the check makes them trap too.
        flags = ["-mcpu=native", "-fsanitize=integer-divide-by-zero", "-fsanitize-trap=all"]
    return Target(f"{machine}-{system}", triple, tuple(flags), processor_features())


def processor_features() -> str:
    """Model and feature flags of the first processor, as the system tells them."""
    if sys.platform == "darwin":
        return os.uname().version  # names the chip generation, e.g. RELEASE_ARM64_T6000
    # One page holds the first processor; the whole file takes milliseconds on machines with many.
    with open("/proc/cpuinfo", "rb", buffering=0) as file:
        first = file.read(8192).split(b"\n\n")[0].decode(errors="replace")
    fields = dict(line.split(":", 1) for line in first.splitlines() if ":" in line)
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part", "CPU variant")
    return "|".join(value.strip() for name, value in fields.items() if name.strip() in wanted)


@functools.cache
def zig_binary() -> str:
    """The path of the wheel's one executable. Raises DeviceError when the wheel is not installed."""
    found = importlib.util.find_spec("ziglang")
    if found is None or not found.submodule_search_locations:
        raise DeviceError(
            "the compiler is missing: the package `ziglang` is not installed",
            hint="pip install ziglang==0.17.1",
        )
    binary = Path(found.submodule_search_locations[0]) / "zig"
    if not os.access(binary, os.X_OK):
        raise DeviceError(
            f"the compiler {binary} cannot be executed", hint="reinstall the package `ziglang`"
        )
    return str(binary)


@functools.cache
def wheel_version() -> str:
    """The version of the installed ziglang wheel, from the name of its metadata folder."""
    packages = Path(zig_binary()).parents[1]
    names = [name for name in os.listdir(packages) if name.startswith("ziglang-")]
    if len(names) == 1:
        return names[0].removesuffix(".dist-info")
    status = os.stat(zig_binary())  # an unusual installation: the binary itself is the version
    return f"ziglang-{status.st_size}-{status.st_mtime_ns}"


@functools.cache
def toolchain() -> str:
    """Compiler version, target and a checksum of the processor's features: a part of every cache key."""
    target = host_target()
    return f"{wheel_version()} {target.name} cpu-{zlib.crc32(target.features.encode()):08x}"


_LANGUAGE = (
    "-x", "c++", "-std=c++17", "-fdeclspec", "-nostdinc", "-fno-exceptions", "-fno-rtti",
    # Bitwise reinterpretation through pointer casts is common in MSL, and signed overflow wraps.
    "-fno-strict-aliasing", "-fwrapv", "-fsigned-char",
    # Each operation on half rounds to half, also where the processor has no half arithmetic.
    "-Xclang", "-ffloat16-excess-precision=none",
    "-Wno-everything", "-Werror=division-by-zero", "-Werror=return-type",
    "-fno-color-diagnostics", "-fno-caret-diagnostics", "-fno-elide-type", "-ferror-limit=20",
)  # fmt: skip
_CODE = (
    "-O3", "-fPIC", "-fvisibility=hidden", "-fstack-clash-protection", "-fno-math-errno", "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables", "-fno-ident", "-fomit-frame-pointer",
    "-fno-finite-loops",  # an endless loop in a kernel must run until the time limit, not vanish
    # Kernels are loops over threads: a call that stays would keep them from vectorising.
    "-mllvm", "-inline-threshold=4000",
)  # fmt: skip

# Fast math reorders and approximates, but infinities stay: `max = -INFINITY` begins many a reduction.
_FAST_MATH = ("-ffast-math", "-fhonor-infinities", "-fhonor-nans", "-DIRIS_FAST_MATH=1")


def compile_flags(target: Target, options: CompileOptions) -> tuple[str, ...]:
    """The flags of a kernel's translation unit; also those of the precompiled header that it uses."""
    math = list(_FAST_MATH) if options.math_mode is MathMode.FAST else []
    contract = "-ffp-contract=on" if options.contract else "-ffp-contract=off"
    return (
        f"--target={target.triple}", *target.flags, *_LANGUAGE, *_CODE, *METAL_MACROS, *math, contract,
        f"-I{INCLUDE_DIR}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Completed:
    """How a run of the compiler ended."""

    succeeded: bool
    output: str
    diagnostics: str


def run(*arguments: str, text: str | None = None) -> Completed:
    """Runs ``zig`` with these arguments; ``text`` is its standard input."""
    import subprocess  # takes 4 ms to load, and what is in the cache needs none

    process = subprocess.Popen(
        [zig_binary(), *arguments],
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        close_fds=False,  # lets the system start the process without copying this one
    )
    output, diagnostics = process.communicate(None if text is None else text.encode())
    return Completed(
        process.returncode == 0,
        output.decode(errors="replace"),
        diagnostics.decode(errors="replace"),
    )


def _environment() -> dict[str, str]:
    # Include paths of the environment (CPATH and its like) must not reach the compiler.
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def compile_object(text: str, flags: tuple[str, ...], output: str) -> Completed:
    """Compiles C++ text to an object file."""
    return run("clang", *flags, "-c", "-o", output, "-", text=text)


def precompile_header(header: str, flags: tuple[str, ...], output: str) -> Completed:
    """Precompiles a header of ours; whoever keeps the result answers for its being up to date."""
    own = [flag for flag in flags if flag not in ("-x", "c++")]
    return run("clang", *own, "-Xclang", "-fno-pch-timestamp", "-fpch-instantiate-templates",
               "-x", "c++-header", "-o", output, header)  # fmt: skip


def assembly(text: str, flags: tuple[str, ...]) -> Completed:
    """The assembly text of C++ text."""
    return run("clang", *flags, "-S", "-o", "-", "-", text=text)


def link_shared(objects: list[str], output: str, target: Target) -> None:
    """Links objects to a shared object; what they leave undefined is found in the process at load time."""
    if "macos" in target.triple:  # never run
        arguments = ["ld64.lld", "-dylib", "-undefined", "dynamic_lookup", "-platform_version", "macos", "13.0",
                     "13.0", "-arch", "arm64" if "aarch64" in target.triple else "x86_64"]  # fmt: skip
    else:
        arguments = [
            "ld.lld",
            "-shared",
            "--gc-sections",
            "--build-id=none",
            "-z",
            "noseparate-code",
        ]
    completed = run(*arguments, "-o", output, *objects)
    if not completed.succeeded:
        raise InternalError(f"linking failed: {completed.diagnostics.strip()}")

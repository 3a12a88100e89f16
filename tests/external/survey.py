"""A tree of .metal files -> for each: is it accepted by `iris check`, and which of its kernels compile to an object."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import metal_runtime
from metal_runtime.errors import IrisError

IRIS = "from metal_runtime.cli.main import main; main()"


@dataclass
class FileReport:
    """What came of one file."""

    name: str
    findings: list[str] = field(default_factory=list)
    accepted: bool = False
    check_seconds: float = 0.0
    kernels: int = 0
    tried: int = 0
    compiled: int = 0
    compile_seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    """The first line of the error, by kernel; under "" that of the file."""

    strategies: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.accepted and self.compiled == self.tried and not self.failures


def examine(
    path: Path,
    name: str,
    include_dirs: Sequence[Path],
    sample: int | None,
    constants: dict[str | int, Any] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> FileReport:
    """Checks the file in a process of its own, then compiles its kernels (``sample`` of them, spread evenly)."""
    report = FileReport(name)
    tell(f"{name}: check")
    started = time.perf_counter()
    report.accepted, report.findings, has_kernels = check(path, include_dirs)
    report.check_seconds = time.perf_counter() - started
    if report.accepted and not has_kernels:  # a header by another name
        return report
    started = time.perf_counter()
    try:
        library = metal_runtime.compile(path, include_dirs=[str(d) for d in include_dirs])
    except IrisError as error:
        report.failures[""] = first_line(error)
        return report
    names = list(library.kernels)
    report.kernels = len(names)
    if sample is not None and len(names) > sample:
        names = [names[i * len(names) // sample] for i in range(sample)]
    for kernel_name in names:
        tell(f"{name}: {kernel_name}")
        report.tried += 1
        try:
            wanted = needed_constants(library.kernels[kernel_name]) | (constants or {})
            chosen = library.specialise(constants=wanted) if wanted else library
            strategy = chosen[kernel_name].strategy
        except IrisError as error:
            report.failures[kernel_name] = first_line(error)
            continue
        report.compiled += 1
        report.strategies[strategy] = report.strategies.get(strategy, 0) + 1
    report.compile_seconds = time.perf_counter() - started
    return report


def check(path: Path, include_dirs: Sequence[Path]) -> tuple[bool, list[str], bool]:
    """What ``iris check`` says of the file: whether it exits with 0, its findings, whether it has kernels."""
    command = [sys.executable, "-c", IRIS, "check", str(path), "--json"]
    for directory in include_dirs:
        command += ["-I", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        text = (done.stderr or done.stdout).strip()
        return False, [text.splitlines()[-1] if text else "iris check says nothing"], False
    assert told["accepted"] == (done.returncode == 0), "the status is not what the report says"
    findings = [
        f"{finding.get('file', '')}:{finding.get('line', '')}: {finding['message']}"
        for finding in told["findings"]
    ]
    return told["accepted"], findings, bool(told["kernels"])


def needed_constants(signature: Any) -> dict[str | int, Any]:
    """A value for every function constant that the kernel must have: false or 1."""
    return {
        constant.index: False if str(constant.type) == "bool" else 1
        for constant in signature.constants
        if constant.required
    }


def first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

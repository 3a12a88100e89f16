"""What Apple's own compiler says of a text: MSL and options in, a report of the device's compiler and of Xcode's tools out.

There is no check of Metal's intermediate representation off a Mac: its format is Apple's own. So this asks the compiler that
runs kernels (a library, then a pipeline of every kernel), and Xcode's command-line compiler where it is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from metal_runtime.device.protocol import Device
from metal_runtime.errors import IrisError
from metal_runtime.program import CompileOptions

_XCRUN = ("xcrun", "--sdk", "macosx")
_SECONDS = 300


def metal_report(source: str, file: Path, options: CompileOptions) -> dict[str, Any]:
    """The answers as JSON's values; ``asked`` is False where there is no Metal to ask, with the reason."""
    from metal_runtime.device.registry import open_device

    try:
        device = open_device("metal")
    except IrisError as reason:
        return {"asked": False, "reason": reason.message, "accepted": False, "findings": []}
    try:
        report = ask_device(device, source, file, options)
    finally:
        device.close()
    report["findings"] += _ask_xcode(file, options)
    report["accepted"] = not report["findings"]
    return report


def ask_device(device: Device, source: str, file: Path, options: CompileOptions) -> dict[str, Any]:
    """Compiles the text and each of its kernels that needs no value of a function constant."""
    from metal_runtime.msl.signature import read_program

    findings, compiled, waiting = [], 0, []
    try:
        program = read_program(source, str(file), options)
        loaded = device.load(program)
    except IrisError as error:
        findings.append(str(error))
    else:
        for signature in program.entry_points:
            if any(constant.required for constant in signature.constants):
                waiting.append(signature.name)
                continue
            try:
                loaded.pipeline(signature.name)
            except IrisError as error:
                findings.append(str(error))
            else:
                compiled += 1
    traits = device.traits
    return {"asked": True, "device": traits.name, "compiler": traits.toolchain, "families": list(traits.families),
            "compiled": compiled, "waiting_for_constants": waiting, "findings": findings}  # fmt: skip


def _ask_xcode(file: Path, options: CompileOptions) -> list[str]:
    """The complaint of `xcrun metal`, where Xcode's Metal toolchain is installed."""
    if sys.platform != "darwin" or shutil.which("xcrun") is None:
        return []
    if subprocess.run(
        [*_XCRUN, "--find", "metal"], capture_output=True, timeout=_SECONDS
    ).returncode:
        return []
    command = [*_XCRUN, "metal", "-fsyntax-only", str(file)]
    command += [part for folder in options.include_dirs for part in ("-I", folder)]
    command += [f"-D{name}={value}" for name, value in options.defines]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    return [f"xcrun metal: {done.stderr.strip()}"] if done.returncode else []

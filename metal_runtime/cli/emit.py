"""`iris emit`: a kernel in a file and the name of a stage enter, that stage's text leaves."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import highlighted, progress, stdout
from metal_runtime.cli.json_report import AsJson, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from metal_runtime.kernel import KernelFunction
    from metal_runtime.program import MslProgram


class Stage(enum.StrEnum):
    """What the compiler has after each of its steps."""

    IR = "ir"
    MSL = "msl"
    CPP = "cpp"
    ASM = "asm"


_LANGUAGE = {Stage.IR: "python", Stage.MSL: "msl", Stage.CPP: "c++", Stage.ASM: "nasm"}


def emit(
    target: Annotated[
        str, typer.Argument(metavar="FILE.py:KERNEL", help="A Python file, or a .metal file.")
    ],
    to: Annotated[Stage, typer.Option(help="The stage whose text is wanted.")] = Stage.MSL,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="NAME=TYPE",
            help="The MSL type of a parameter that the kernel leaves open; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a kernel is compiled to."""
    from metal_runtime.cli.user_file import choose, split_target

    path, name = split_target(target)
    if path.suffix == ".metal":
        if to is Stage.IR or types:
            raise typer.BadParameter(
                "MSL text has no ir, and its types are its own; use --to cpp|asm"
            )
        text = _of_msl(path, name, to)
    else:
        from metal_runtime.cli.user_file import kernels_of

        kernels = kernels_of(path)
        text = _of_kernel(_typed(kernels[choose(list(kernels), name, path)], types or []), to)
    if as_json:
        write_json({"file": str(path), "kernel": name, "stage": to, "text": text})
    else:
        _print(text, _LANGUAGE[to])


def _typed(kernel: KernelFunction, types: list[str]) -> KernelFunction:
    if not types:
        return kernel
    pairs = [text.partition("=") for text in types]
    for name, equals, _ in pairs:
        if not equals:
            raise typer.BadParameter(f"--type takes NAME=TYPE, not '{name}'")
    return kernel.specialise(**{name.strip(): type_.strip() for name, _, type_ in pairs})


def _of_kernel(kernel: KernelFunction, to: Stage) -> str:
    if to is Stage.IR:
        from metal_runtime.ir.printer import print_kernel

        return print_kernel(kernel.ir)
    if to is Stage.MSL:
        return kernel.msl_source
    return _of_program(kernel.program, kernel.name, to)


def _of_msl(path: Path, name: str | None, to: Stage) -> str:
    from metal_runtime.cli.user_file import choose
    from metal_runtime.msl.signature import read_program

    source = path.read_text()
    program = read_program(source, file=str(path))
    chosen = choose([entry.name for entry in program.entry_points], name, path)
    return source if to is Stage.MSL else _of_program(program, chosen, to)


def _of_program(program: MslProgram, name: str, to: Stage) -> str:
    """The texts of the CPU device, which are the same whatever device the session uses."""
    from metal_runtime.backends.cpu.device import open_device

    with progress(f"compiling {name}"):
        return open_device().load(program).pipeline(name).texts[to.value]


def _print(text: str, language: str) -> None:
    """Highlighted on a terminal; the bare text into a pipe or a file."""
    console = stdout()
    if not console.is_terminal:
        typer.echo(text.rstrip("\n"))
        return
    console.print(highlighted(text, language))

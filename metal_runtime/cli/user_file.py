"""A user's file enters, the kernels in it leave; an exception of the file's own keeps its traceback."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType, TracebackType

import typer

from metal_runtime.errors import IrisError
from metal_runtime.kernel import KernelFunction


def split_target(target: str) -> tuple[Path, str | None]:
    """``dir/file.py:kernel`` -> the existing file and the kernel's name (None when not given)."""
    file, colon, name = target.rpartition(":")
    path = Path(file if colon else target)
    if path.suffix not in (".py", ".metal"):
        raise typer.BadParameter(f"'{path}' is neither a .py nor a .metal file")
    if not path.is_file():
        raise typer.BadParameter(f"there is no file '{path}'")
    return path, (name or None) if colon else None


def choose(names: list[str], wanted: str | None, path: Path) -> str:
    """The wanted name, or the only one; else a usage error that lists what there is."""
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return wanted
    listed = ", ".join(names) if names else "none"
    problem = "name one kernel" if wanted is None else f"it has no kernel '{wanted}'"
    raise typer.BadParameter(f"{path}: {problem}; its kernels are: {listed}")


def kernels_of(path: Path) -> dict[str, KernelFunction]:
    """Runs the file as a module (its ``__name__`` is not ``__main__``) and finds its kernels by name."""
    module = _load(path)
    return {
        name: value for name, value in vars(module).items() if isinstance(value, KernelFunction)
    }


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"iris_user_{path.stem}", path)
    assert spec is not None  # true of every path that ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # as `python FILE.py` does
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except IrisError:
        raise
    except Exception as fault:
        _show_from(fault, path)
        raise typer.Exit(1) from None
    return module


def _show_from(fault: Exception, path: Path) -> None:
    """The traceback from the user's first line on, without the frames that loaded the file."""
    frame: TracebackType | None = fault.__traceback__
    while frame is not None and Path(frame.tb_frame.f_code.co_filename) != path:
        frame = frame.tb_next
    traceback.print_exception(type(fault), fault, frame)

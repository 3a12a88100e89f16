"""What a caller gives to make a library -> text, file name and options, or an MslError that says what is wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from metal_runtime.errors import MslError
from metal_runtime.program import MathMode


def text_and_file(source: Any) -> tuple[str, str]:
    """The text and what diagnostics call it, of a text (``str``) or a path."""
    if isinstance(source, os.PathLike):
        path = Path(source)
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except OSError as error:
            raise MslError(
                f"cannot read {path}: {error.strerror}", hint="pass the path of a .metal file"
            ) from None
        except UnicodeDecodeError:
            raise MslError(f"{path} is no text in UTF-8", hint="pass MSL source") from None
    if not isinstance(source, str) or not source.strip():
        raise MslError(
            f"the MSL text is {'empty' if isinstance(source, str) else 'no string'}",
            hint="pass the text itself, or pathlib.Path('kernels.metal') for a file",
        )
    if source.endswith(".metal") and "\n" not in source and "{" not in source:
        raise MslError(
            f"`{source}` is no MSL text",
            hint=f"for a file, pass a path object: pathlib.Path({source!r})",
        )
    return source, "<msl>"


def math_mode_of(mode: Any) -> MathMode:
    """The mode that a member or its value names."""
    try:
        return MathMode(mode)
    except ValueError:
        raise MslError(
            f"math_mode is {mode!r}, which is no math mode", hint='use "safe" or "fast"'
        ) from None


def macro_text(name: Any, value: Any) -> str:
    """What a macro is defined as."""
    head = str(name).split("(")[0]
    if not isinstance(name, str) or not head.isidentifier():
        raise MslError(f"{name!r} is no name of a macro", hint='write defines={"WIDTH": 32}')
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)


def folders(given: Any) -> tuple[str, ...]:
    """Folders as texts, in order; each must be there."""
    parts = [given] if isinstance(given, str | os.PathLike) else list(given)
    found = tuple(os.fspath(part) for part in parts)
    for folder in found:
        if not os.path.isdir(folder):
            raise MslError(
                f"include_dirs names `{folder}`, which is no folder",
                hint="give folders that hold headers",
            )
    return found


def plain_value(value: Any) -> Any:
    """A constant's value as something that can be compared and pickled."""
    if isinstance(value, np.ndarray | list):
        return tuple(np.asarray(value).tolist())
    return value.item() if isinstance(value, np.generic) else value


def headers_digest(headers: Iterable[tuple[str, int, int]]) -> str:
    """A digest of headers with their times and sizes; empty without headers."""
    text = repr(tuple(headers))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest() if headers else ""

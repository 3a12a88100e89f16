"""A Python function enters; its syntax tree, with every node's place in the user's own file, leaves."""

from __future__ import annotations

import ast
import functools
import linecache
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metal_runtime.errors import KernelTypeError, Note, UnsupportedPythonError
from metal_runtime.source import SourceSpan


@dataclass(frozen=True, eq=False, slots=True)
class FunctionSource:
    """A function, its syntax tree, and the lines of the file that it stands in."""

    function: types.FunctionType
    node: ast.FunctionDef
    file: str
    lines: tuple[str, ...]

    def span(self, node: ast.AST) -> SourceSpan:
        """Where ``node`` stands. Of a function only its ``def name``, of a loop or branch its first line."""
        line, column, end_line, end_column = _extent(node)
        text = self.lines[line - 1]
        return SourceSpan(
            self.file,
            line,
            _characters(text, column) + 1,
            end_line,
            _characters(self.lines[end_line - 1], end_column) + 1,
            text,
        )

    def text(self, node: ast.AST) -> str:
        """What the user wrote for ``node``, if it is one short line; else ``...``."""
        return written(self.span(node))

    def error(
        self, message: str, node: ast.AST, hint: str | None = None, notes: tuple[Note, ...] = ()
    ) -> KernelTypeError:
        """An error of types at ``node``."""
        return KernelTypeError(message, self.span(node), hint=hint, notes=notes)

    def unsupported(
        self, message: str, node: ast.AST, hint: str | None = None
    ) -> UnsupportedPythonError:
        """An error for Python at ``node`` that has no meaning in a kernel."""
        return UnsupportedPythonError(message, self.span(node), hint=hint)


def read_source(function: Callable[..., Any]) -> FunctionSource:
    """The source of a function written with ``def``, wherever it is nested.

    Raises:
        UnsupportedPythonError: it is no such function, or Python does not know its source.
    """
    if not isinstance(function, types.FunctionType):
        raise UnsupportedPythonError(
            f"{function!r} is not a Python function", hint="give a function written with `def`"
        )
    code = function.__code__
    if code.co_name == "<lambda>":
        raise UnsupportedPythonError(
            f"the lambda at {code.co_filename}:{code.co_firstlineno} cannot be a kernel",
            hint="write it with `def`",
        )
    lines = _file_lines(function)
    node = _find(function, "".join(lines))
    source = FunctionSource(function, node, code.co_filename, _without_newlines(lines))
    _refuse_stale(source)
    return source


def written(span: SourceSpan | None, limit: int = 40) -> str:
    """The text under a span, if it is one line of at most ``limit`` characters; else ``...``."""
    if span is None or span.line != span.end_line:
        return "..."
    text = span.text[span.column - 1 : span.end_column - 1]
    return text if 0 < len(text) <= limit else "..."


def _file_lines(function: types.FunctionType) -> list[str]:
    file = function.__code__.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    if not lines:
        raise UnsupportedPythonError(
            f"the source of `{function.__name__}` ({file}) cannot be read",
            hint="define the kernel in a file or a notebook cell; "
            "Python keeps no source of text given to exec() or `python -c`",
        )
    return lines


def _without_newlines(lines: list[str]) -> tuple[str, ...]:
    return tuple(line.rstrip("\r\n") for line in lines)


@functools.lru_cache(maxsize=32)
def _functions_by_place(text: str) -> dict[tuple[int, str], list[ast.AST]]:
    """All functions of a file by (first line, name); the first line is that of the first decorator."""
    found: dict[tuple[int, str], list[ast.AST]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found.setdefault((line, node.name), []).append(node)
    return found


def _find(function: types.FunctionType, text: str) -> ast.FunctionDef:
    code = function.__code__
    try:
        places = _functions_by_place(text)
    except SyntaxError:
        places = {}
    match places.get((code.co_firstlineno, code.co_name), []):
        case [ast.FunctionDef() as node]:
            return node
        case [ast.AsyncFunctionDef()]:
            raise UnsupportedPythonError(
                f"`{function.__name__}` is an `async def`, which a kernel cannot be",
                hint="write it with `def`; launches are asynchronous anyway",
            )
        case [_, _, *_]:
            raise UnsupportedPythonError(
                f"{code.co_filename}:{code.co_firstlineno} defines `{code.co_name}` more than once",
                hint="put each function on a line of its own",
            )
    raise _stale(function)


def _refuse_stale(source: FunctionSource) -> None:
    arguments = source.node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    code = source.function.__code__
    if names != list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
        raise _stale(source.function)


def _stale(function: types.FunctionType) -> UnsupportedPythonError:
    code = function.__code__
    return UnsupportedPythonError(
        f"{code.co_filename}:{code.co_firstlineno} does not define `{code.co_name}` any more",
        hint="the file has changed since it was imported; start Python again",
    )


def _extent(node: ast.AST) -> tuple[int, int, int, int]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        start = node.col_offset
        keyword = {ast.FunctionDef: "def ", ast.ClassDef: "class "}.get(type(node), "async def ")
        return node.lineno, start, node.lineno, start + len(keyword) + len(node.name.encode())
    if isinstance(node, ast.If | ast.While):
        assert node.test.end_lineno is not None
        assert node.test.end_col_offset is not None
        return node.lineno, node.col_offset, node.test.end_lineno, node.test.end_col_offset
    if isinstance(node, ast.For):
        assert node.iter.end_lineno is not None
        assert node.iter.end_col_offset is not None
        return node.lineno, node.col_offset, node.iter.end_lineno, node.iter.end_col_offset
    line: int = node.lineno  # type: ignore[attr-defined]
    column: int = node.col_offset  # type: ignore[attr-defined]
    end_line: int = node.end_lineno  # type: ignore[attr-defined]
    return line, column, end_line, node.end_col_offset  # type: ignore[attr-defined]


def _characters(line: str, utf8_bytes: int) -> int:
    """How many characters the first ``utf8_bytes`` bytes of ``line`` are: ast counts bytes."""
    if line.isascii():
        return utf8_bytes
    return len(line.encode()[:utf8_bytes].decode(errors="ignore"))

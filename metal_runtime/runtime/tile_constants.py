"""What ``tile=`` says of a function -> its space of configurations, and the function that reads other constants."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from metal_runtime.errors import CompileError, UnsupportedPythonError
from metal_runtime.source import SourceSpan
from metal_runtime.tune.space import THREADGROUP, Complaint, Configuration, Space, read_space


def checked_space(function: Callable[..., Any], tile: Any) -> Space:
    """The space of a kernel's configurations.

    Raises:
        UnsupportedPythonError: the ``tile=`` is none, or names something that is no constant of the function.
    """
    found = read_space(tile)
    if isinstance(found, Space):
        for name in found.constants:
            complaint = _unread(function, name)
            if complaint is not None:
                found = complaint
                break
    if isinstance(found, Complaint):
        raise UnsupportedPythonError(
            found.message, _place(function, found.name), hint=found.hint
        ) from None
    return found


def default_configuration(function: Callable[..., Any], space: Space) -> Configuration:
    """The constants' values at this moment, and the threadgroup that is chosen for the device."""
    values: Configuration = {}
    for name, _ in space.choices:
        values[name] = None if name == THREADGROUP else _current(function, name)
    return values


def with_constants(function: Callable[..., Any], values: Mapping[str, Any]) -> Callable[..., Any]:
    """The function as it would be if these globals and closure variables had these values.

    Functions of its module that it calls see the values too.
    """
    return _Variants(_plain(function), values).of(_plain(function))


class _Variants:
    """Functions with other values in the variables of one of them."""

    def __init__(self, function: types.FunctionType, values: Mapping[str, Any]) -> None:
        cells = _cells(function)
        self._globals = function.__globals__
        self._cells = {id(cells[name]): value for name, value in values.items() if name in cells}
        self._values = {name: value for name, value in values.items() if name not in cells}
        self._made: dict[int, types.FunctionType] = {}

    def of(self, function: types.FunctionType) -> types.FunctionType:
        if function.__globals__ is not self._globals:
            return function  # of another module: its globals are others
        if id(function) in self._made:
            return self._made[id(function)]
        self._made[id(function)] = function  # for one that calls itself, which the compiler refuses
        made = types.FunctionType(
            function.__code__,
            {**function.__globals__, **self._values, **dict(self._called(function))},
            function.__name__,
            function.__defaults__,
            tuple(map(self._cell, function.__closure__ or ())),
        )
        for attribute in ("__kwdefaults__", "__annotations__", "__qualname__", "__module__"):
            setattr(made, attribute, getattr(function, attribute))
        self._made[id(function)] = made
        return made

    def _called(self, function: types.FunctionType) -> Iterator[tuple[str, types.FunctionType]]:
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, types.FunctionType) and name not in self._values:
                yield name, self.of(value)

    def _cell(self, cell: types.CellType) -> types.CellType:
        if id(cell) in self._cells:
            return types.CellType(self._cells[id(cell)])
        try:
            content = cell.cell_contents
        except ValueError:  # not assigned yet
            return cell
        return types.CellType(self.of(content)) if isinstance(content, types.FunctionType) else cell


def _unread(function: Callable[..., Any], name: str) -> Complaint | None:
    plain = _plain(function)
    if name in plain.__code__.co_varnames:
        return Complaint(
            f"`{name}` is a variable of `{plain.__name__}`, not a constant from outside",
            f"assign `{name} = ...` above the kernel, not in it",
            name,
        )
    if not _is_read(plain, name, set()):
        return Complaint(
            f"`{plain.__name__}` reads no constant `{name}`",
            f"assign `{name} = ...` above the kernel, with the value for IRIS_TUNE=0, and use it in the kernel",
            name,
        )
    try:
        value = _current(function, name)
    except (KeyError, ValueError):
        return Complaint(
            f"`{name}` has no value yet",
            f"assign `{name} = ...` above the kernel, with the value for IRIS_TUNE=0",
            name,
        )
    if type(value) not in (bool, int, float):
        return Complaint(
            f"`{name}` is a {type(value).__name__}, not a number",
            f"assign a number to `{name}` above the kernel",
            name,
        )
    return None


def _is_read(function: types.FunctionType, name: str, seen: set[int]) -> bool:
    if name in function.__code__.co_freevars or name in _names(function.__code__):
        return True
    seen.add(id(function))
    reached = [function.__globals__.get(n) for n in _names(function.__code__)]
    return any(
        isinstance(f, types.FunctionType)
        and id(f) not in seen
        and f.__globals__ is function.__globals__
        and _is_read(f, name, seen)
        for f in reached
    )


def _current(function: Callable[..., Any], name: str) -> Any:
    plain = _plain(function)
    cells = _cells(plain)
    return cells[name].cell_contents if name in cells else plain.__globals__[name]


def _cells(function: types.FunctionType) -> dict[str, types.CellType]:
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def _names(code: types.CodeType) -> set[str]:
    nested = (_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*nested)


def _plain(function: Callable[..., Any]) -> types.FunctionType:
    if not isinstance(function, types.FunctionType):
        raise UnsupportedPythonError(
            f"tile= is for a function written with `def`, not a {type(function).__name__}",
            hint="write @kernel(tile={...}) above a `def`",
        )
    return function


def _place(function: Callable[..., Any], name: str | None) -> SourceSpan | None:
    """Where the decorator has the name, or ``tile=``; else the function. None where there is no source."""
    import ast

    from metal_runtime.frontend.read_source import read_source  # loads the compiler, once

    try:
        source = read_source(function)
    except CompileError:
        return None
    for decorator in source.node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "tile":
                keys = keyword.value.keys if isinstance(keyword.value, ast.Dict) else []
                named = (k for k in keys if isinstance(k, ast.Constant) and k.value == name)
                return source.span(next(named, keyword.value))
    return source.span(source.node)

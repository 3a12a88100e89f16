"""The driver's source and the table of Apple's API in, what does not agree out: one finding a line, with its place.

``protocols.py`` is compared with the table, selector by selector and type by type; mypy then proves, with no receiver of an
unknown type allowed (pyproject.toml), that the driver sends what protocols.py declares, and nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.metal.double.table import Method, enum, methods, names

DRIVER = Path(__file__).parents[2] / "metal_runtime" / "backends" / "metal"

# Encoding -> the Python types that a declaration may use for it.
_TYPES = {
    "Q": {"int"}, "q": {"int"}, "I": {"int"}, "B": {"bool"}, "d": {"float"}, "v": {"None"},
    "{MTLSize=QQQ}": {"MTLSize"}, "{?=QQQ}": {"MTLSize"}, "{MTLSizeAndAlign=QQ}": {"MTLSizeAndAlign"},
    "^v": {"Bytes", "Pointer"}, "@?": {"None"},  # no block is passed
}  # fmt: skip
_OBJECTS = ("str", "dict[", "list[", "Mapping[", "Sequence[", "MTL", "NS")
_NOT_OBJECTS = {"MTLSize", "MTLSizeAndAlign"}
_OWN = {"Framework", "Pointer", "NSObject"}
"""Classes of protocols.py that are not Apple's."""

_MODULES = frozenset(["Metal", "Foundation", "objc"])


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the driver that Apple's API is not, at a line."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {self.text}"


# --- protocols.py ----------------------------------------------------------------------------------


def declared_selectors(source: str) -> dict[str, list[ast.FunctionDef]]:
    """The methods of each of Apple's protocols and classes as the text declares them."""
    return {
        node.name: [m for m in node.body if isinstance(m, ast.FunctionDef)]
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name not in _OWN
    }


def wrong_declarations(source: str) -> Iterator[Finding]:
    """Where the text declares what the table does not have, or has otherwise."""
    for class_ in ast.parse(source).body:
        if not isinstance(class_, ast.ClassDef) or class_.name in _OWN:
            continue
        try:
            known = methods(class_.name)
        except KeyError:
            yield Finding(class_.lineno, f"Apple has no {class_.name}")
            continue
        for node in class_.body:
            if isinstance(node, ast.FunctionDef):
                yield from _wrong_method(class_.name, node, known.get(node.name))


def _wrong_method(owner: str, node: ast.FunctionDef, method: Method | None) -> Iterator[Finding]:
    if method is None:
        yield Finding(node.lineno, f"{owner} has no {node.name.replace('_', ':')}")
        return
    given = [ast.unparse(a.annotation) for a in (*node.args.posonlyargs, *node.args.args)[1:] if a.annotation]  # fmt: skip
    if len(given) != len(method.arguments):
        yield Finding(node.lineno, f"{owner} {method.selector} takes {len(method.arguments)} arguments, not {len(given)}")  # fmt: skip
        return
    for place, (type_, encoding) in enumerate(zip(given, method.arguments, strict=True)):
        if encoding == "^@":
            fits = type_ == "None"
        else:
            fits = _fits(type_, encoding)
        if not fits:
            yield Finding(node.lineno, f"argument {place + 1} of {owner} {method.selector} is {encoding}, not {type_}")  # fmt: skip
    result = "None" if node.returns is None else ast.unparse(node.returns)
    yield from _wrong_result(owner, node, method, result)


def _wrong_result(
    owner: str, node: ast.FunctionDef, method: Method, result: str
) -> Iterator[Finding]:
    if not method.outs:
        if not _fits(result, method.result):
            yield Finding(
                node.lineno, f"{owner} {method.selector} gives {method.result}, not {result}"
            )
        return
    parts = node.returns.slice.elts if _is_tuple(node.returns) else []
    if len(parts) != 1 + len(method.outs):
        yield Finding(node.lineno, f"{owner} {method.selector} gives a result and {len(method.outs)} out-parameter, not {result}")  # fmt: skip
    elif (
        not _fits(ast.unparse(parts[0]), method.result)
        or ast.unparse(parts[-1]) != "NSError | None"
    ):
        yield Finding(
            node.lineno,
            f"{owner} {method.selector} gives ({method.result}, an error), not {result}",
        )


def _is_tuple(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) == "tuple" and isinstance(node.slice, ast.Tuple)  # fmt: skip


def _fits(type_: str, encoding: str) -> bool:
    plain = type_.removesuffix(" | None")
    if encoding == "@":
        return plain.startswith(_OBJECTS) and plain not in _NOT_OBJECTS
    return plain in _TYPES.get(encoding, ())


# --- constants.py, binding.py, imports -------------------------------------------------------------


def constants(source: str) -> dict[str, tuple[int, int]]:
    """Name -> line and value."""
    return {
        node.target.id: (node.lineno, ast.literal_eval(node.value))
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def wrong_constants(source: str) -> Iterator[Finding]:
    for name, (line, value) in constants(source).items():
        try:
            known = enum(name)
        except KeyError:
            yield Finding(line, f"Metal has no {name}")
            continue
        if known != value:
            yield Finding(line, f"{name} is {known}, not {value}")


def names_of_the_module(source: str) -> dict[str, int]:
    """What the binding takes from the module Metal -> the line."""
    return {
        node.attr: node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("metal", "self._metal")
        and not node.attr.startswith("_")
    }


def wrong_names(source: str) -> Iterator[Finding]:
    for name, line in names_of_the_module(source).items():
        if name not in names():
            yield Finding(line, f"the module Metal has no {name}")


def foreign_imports(source: str) -> Iterator[Finding]:
    """Imports of Apple's bindings, by statement or by name; only binding.py may have them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found = {a.value for a in node.args if isinstance(a, ast.Constant)}
        else:
            continue
        if found & _MODULES:
            yield Finding(node.lineno, "only binding.py imports Apple's bindings")


# --- the driver ------------------------------------------------------------------------------------


def sent(source: str) -> dict[str, list[int]]:
    """Selectors that a text sends, by pyobjc's names -> lines: attributes that are called and that some class declares."""
    declared = {
        m.name
        for found in declared_selectors((DRIVER / "protocols.py").read_text()).values()
        for m in found
    }
    found: dict[str, list[int]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in declared or (name.endswith("_") and not name.startswith("_")):
                found.setdefault(name, []).append(node.lineno)
    return found


def undeclared(source: str) -> Iterator[Finding]:
    """Messages with the look of a selector that protocols.py does not declare for anything."""
    declared = {
        m.name
        for found in declared_selectors((DRIVER / "protocols.py").read_text()).values()
        for m in found
    }
    for name, lines in sent(source).items():
        if name not in declared:
            yield from (Finding(line, f"{name} is not declared") for line in lines)

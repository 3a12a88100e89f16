"""Traversal of the IR: any node in; its children, a visit of them, or a rewritten node out.

Children are found through the dataclass fields, so a new node needs no change here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from metal_runtime.ir.nodes import Block, Component, Load, Node, Place, Read, Swizzle

_FIELDS: dict[type[Node], tuple[str, ...]] = {}


def _field_names(node_type: type[Node]) -> tuple[str, ...]:
    names = _FIELDS.get(node_type)
    if names is None:
        names = tuple(f.name for f in dataclasses.fields(node_type) if f.name != "span")
        _FIELDS[node_type] = names
    return names


def children(node: Node) -> Iterator[Node]:
    """The direct children, in the order of the fields."""
    for name in _field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Node):
                    yield item


def walk(*nodes: Node) -> Iterator[Node]:
    """The nodes and all their descendants, each before its children."""
    pending = list(reversed(nodes))
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(list(children(node))))


def replace(node: Any, **changes: Any) -> Any:
    """``dataclasses.replace``, but the same object when nothing changes."""
    if all(getattr(node, name) is value for name, value in changes.items()):
        return node
    return dataclasses.replace(node, **changes)


def root_of(place: Place) -> Read | Load:
    """The variable or the buffer element that a place is, or is a part of."""
    while isinstance(place, Swizzle | Component):
        place = place.value  # type: ignore[assignment]  # verified: a place's value is a place
    assert isinstance(place, Read | Load)
    return place


class Visitor:
    """Calls ``visit_Apply(node)`` … where a subclass has it; goes on to the children elsewhere."""

    def visit(self, node: Node) -> None:
        method: Callable[[Any], None] | None = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            self.visit_children(node)
        else:
            method(node)

    def visit_children(self, node: Node) -> None:
        self.visit_all(children(node))

    def visit_all(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self.visit(node)


class Rewriter:
    """Rebuilds a tree from the leaves up; what does not change stays the same object.

    A subclass's ``rewrite_Apply(node)`` … gets a node whose children are rewritten already and returns
    its replacement; for a statement also a tuple of statements. A place that is assigned to is no
    value: only the indices in it are rewritten.
    """

    def rewrite(self, node: Any) -> Any:
        """The replacement of ``node``: one node, or (for a statement) a tuple of statements."""
        changes: dict[str, Any] = {}
        for name in _field_names(type(node)):
            value = getattr(node, name)
            if isinstance(value, Node):
                new = self.rewrite_place(value) if name == "place" else self.rewrite(value)
            elif isinstance(value, tuple):
                new = self.rewrite_tuple(value)
            else:
                continue
            if new is not value:
                changes[name] = new
        if changes:
            node = dataclasses.replace(node, **changes)
        method: Callable[[Any], Any] | None = getattr(self, f"rewrite_{type(node).__name__}", None)
        return node if method is None else method(node)

    def rewrite_tuple(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """The replacements of the items, in a row."""
        result: list[Any] = []
        for item in items:
            new = self.rewrite(item) if isinstance(item, Node) else item
            if isinstance(new, tuple):
                result.extend(new)
            else:
                result.append(new)
        same = len(result) == len(items) and all(a is b for a, b in zip(result, items, strict=True))
        return items if same else tuple(result)

    def rewrite_block(self, block: Block) -> Block:
        return self.rewrite_tuple(block)

    def rewrite_place(self, place: Any) -> Any:
        """The place with its indices rewritten."""
        if isinstance(place, Load):
            return replace(place, index=self.rewrite(place.index))
        if isinstance(place, Swizzle):
            return replace(place, value=self.rewrite_place(place.value))
        if isinstance(place, Component):
            value, index = self.rewrite_place(place.value), self.rewrite(place.index)
            return replace(place, value=value, index=index)
        return place

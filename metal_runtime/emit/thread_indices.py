"""Thread and grid indices as parameters: a kernel in; which attributes it needs, how wide, under what names."""

from __future__ import annotations

from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.emit.names import LocalNames
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.effects import assigned_names, owner_functions
from metal_runtime.ir.nodes import (
    Assign,
    Builtin,
    Call,
    Declare,
    Expr,
    Function,
    Kernel,
    Node,
    Swizzle,
)
from metal_runtime.ir.walk import children, walk
from metal_runtime.msl_types import ValueType, Vector, type_name

_DEFAULT_NAMES = {
    "thread_position_in_grid": "gid",
    "thread_position_in_threadgroup": "tid",
    "threadgroup_position_in_grid": "group_id",
    "threads_per_grid": "grid_size",
    "threads_per_threadgroup": "group_size",
    "threadgroups_per_grid": "group_count",
    "dispatch_threads_per_threadgroup": "full_group_size",
    "thread_index_in_threadgroup": "thread_index",
    "thread_index_in_simdgroup": "lane",
    "simdgroup_index_in_threadgroup": "simd_id",
    "threads_per_simdgroup": "simd_size",
    "simdgroups_per_threadgroup": "simd_count",
    "dispatch_simdgroups_per_threadgroup": "full_simd_count",
    "thread_index_in_quadgroup": "quad_lane",
    "quadgroup_index_in_threadgroup": "quad_id",
    "quadgroups_per_threadgroup": "quad_count",
}


@dataclass(frozen=True, slots=True)
class ThreadIndices:
    """What one kernel program reads of the grid."""

    used: dict[str, tuple[str, ...]]
    """By function: the attributes that it or its callees read, in the table's order."""

    dimensions: int
    """Components of every position attribute: Metal wants them alike within a kernel."""

    def type_of(self, attribute: str) -> ValueType:
        whole = BUILTINS[attribute]
        if not isinstance(whole, Vector):
            return whole
        return DType.UINT32 if self.dimensions == 1 else Vector(whole.element, self.dimensions)

    def parameter(self, attribute: str, name: str) -> str:
        """The parameter of a function that is handed the index on."""
        return f"{type_name(self.type_of(attribute))} {name}"


def find_thread_indices(kernel: Kernel) -> ThreadIndices:
    """What a kernel and its functions read of the grid, as narrow as it can be."""
    used: dict[str, tuple[str, ...]] = {}
    dimensions = 1
    for owner in owner_functions(kernel):
        found: set[str] = set()
        for statement in owner.body:
            dimensions = max(dimensions, _components(statement))
        for node in walk(*owner.body):
            if isinstance(node, Builtin):
                found.add(node.name)
            elif isinstance(node, Call):
                found.update(used[node.function])
        used[owner.name] = tuple(name for name in BUILTINS if name in found)
    return ThreadIndices(used, dimensions)


def _components(node: Node) -> int:
    """The highest component of a vector index that is read below ``node``: 1 for x … 3 for z or all."""
    if isinstance(node, Swizzle) and isinstance(node.value, Builtin):
        return max("xyz".index(c) + 1 for c in node.components)
    if isinstance(node, Builtin):
        return node.type.width if isinstance(node.type, Vector) else 1
    return max((_components(c) for c in children(node)), default=1)


def parameter_names(
    owner: Kernel | Function, indices: ThreadIndices, names: LocalNames
) -> tuple[dict[str, str], dict[str, Declare]]:
    """The name of each attribute's parameter, and the declarations that became parameters.

    A variable of the kernel that is set to an index once and never again gives the parameter its name.
    """
    adopted: dict[str, Declare] = {}
    if isinstance(owner, Kernel):
        assigned = assigned_names(*(n for n in walk(*owner.body) if isinstance(n, Assign)))
        for statement in owner.body:
            if isinstance(statement, Declare) and statement.name not in assigned:
                attribute = _whole_attribute(statement.value, indices)
                if attribute is not None:
                    adopted.setdefault(attribute, statement)
    chosen = {
        attribute: names[adopted[attribute].name]
        if attribute in adopted
        else names.fresh(_DEFAULT_NAMES[attribute])
        for attribute in indices.used[owner.name]
    }
    return chosen, adopted


def _whole_attribute(value: Expr | None, indices: ThreadIndices) -> str | None:
    """The attribute that ``value`` is, in the width that the parameter has."""
    if isinstance(value, Swizzle) and isinstance(value.value, Builtin):
        width = len(value.components)
        whole = width == indices.dimensions and value.components == "xyz"[:width]
        return value.value.name if whole else None
    if isinstance(value, Builtin) and value.type == indices.type_of(value.name):
        return value.name
    return None

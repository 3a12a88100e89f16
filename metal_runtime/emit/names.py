"""Names in MSL: the user's names in, names that are legal, unique and mean nothing else in MSL out."""

from __future__ import annotations

from collections.abc import Iterable

from metal_runtime.emit.spelling import (
    COMPARE_EXCHANGE,
    INTEGER_SPELLINGS,
    KEYWORDS,
    LIBRARY,
    SPELLINGS,
    HelperFunction,
    MslFunction,
)
from metal_runtime.ir.effects import owner_functions
from metal_runtime.ir.nodes import (
    Apply,
    Atomic,
    Barrier,
    Collective,
    Declare,
    Fence,
    For,
    Function,
    Kernel,
    MatrixLoad,
    MatrixStore,
    MultiplyAccumulate,
)
from metal_runtime.ir.walk import walk


def unique(name: str, taken: Iterable[str]) -> str:
    """``name``, or ``name_``, ``name_2`` … so that it is none of ``taken``."""
    candidate, number = name, 1
    while candidate in taken:
        candidate = f"{name}_" if number == 1 else f"{name}_{number}"
        number += 1
    return candidate


def function_names(kernel: Kernel) -> dict[str, str]:
    """The MSL names of the kernel and its functions, by their IR names."""
    names: dict[str, str] = {}
    helpers = {s.name for s in _spellings() if isinstance(s, HelperFunction)}
    for owner in reversed(owner_functions(kernel)):
        forbidden = KEYWORDS | helpers | set(names.values())
        if owner is not kernel:  # nobody calls a kernel, so its name is ambiguous to nobody
            forbidden |= LIBRARY
        names[owner.name] = unique(owner.name, forbidden)
    return names


def _spellings() -> list[object]:
    return [*SPELLINGS.values(), *INTEGER_SPELLINGS.values(), COMPARE_EXCHANGE]


def called_names(kernel: Kernel) -> frozenset[str]:
    """What the program calls by name: a variable of such a name would hide it."""
    found = set(function_names(kernel).values())
    for node in walk(*owner_functions(kernel)):
        if isinstance(node, Apply):
            name = node.operator.name
            both = (SPELLINGS[name], INTEGER_SPELLINGS.get(name), SPELLINGS["floor"])
            found.update(s.name for s in both if isinstance(s, MslFunction | HelperFunction))
        elif isinstance(node, Collective):
            found.add(node.operation.name)
        elif isinstance(node, Atomic):
            found |= {f"{node.operation.value}_explicit", "memory_order_relaxed"}
            found.add(COMPARE_EXCHANGE.name)
        elif isinstance(node, Barrier):
            found |= {node.scope.value, "mem_flags"}
        elif isinstance(node, Fence):
            found |= {"atomic_thread_fence", "memory_order_seq_cst", "mem_flags"}
        elif isinstance(node, MatrixLoad | MatrixStore | MultiplyAccumulate):
            found |= {"simdgroup_load", "simdgroup_store", "simdgroup_multiply_accumulate"}
    return frozenset(found)


class LocalNames:
    """The MSL names of one function's parameters and variables."""

    def __init__(self, owner: Kernel | Function, called: frozenset[str]) -> None:
        self._taken = set(KEYWORDS | called)
        self._names: dict[str, str] = {}
        declared = [p.name for p in owner.params] + [a.name for a in owner.arrays]
        declared += [n.name for n in walk(*owner.body) if isinstance(n, Declare | For)]
        # Names that can stay as they are go first, so that no renamed one takes them.
        for name in sorted(dict.fromkeys(declared), key=lambda n: n in self._taken):
            self._names[name] = self.fresh(name)

    def __getitem__(self, name: str) -> str:
        return self._names[name]

    def add(self, name: str) -> None:
        """Gives a new variable a name."""
        self._names[name] = self.fresh(name)

    def fresh(self, name: str) -> str:
        """A new name like ``name``."""
        chosen = unique(name, self._taken)
        self._taken.add(chosen)
        return chosen

"""The atomic functions of MSL: for each how many operands it takes, what it gives, and the types and memory it is for."""

from __future__ import annotations

import enum

from metal_runtime.dtype import DType
from metal_runtime.msl_types import ATOMIC_TYPES, AddressSpace, ValueType


class AtomicOperation(enum.Enum):
    """MSL section 6.15.4, all in relaxed order. The values are the names of the functions."""

    LOAD = "atomic_load"
    STORE = "atomic_store"
    EXCHANGE = "atomic_exchange"
    ADD = "atomic_fetch_add"
    SUB = "atomic_fetch_sub"
    MIN = "atomic_fetch_min"
    MAX = "atomic_fetch_max"
    AND = "atomic_fetch_and"
    OR = "atomic_fetch_or"
    XOR = "atomic_fetch_xor"
    COMPARE_EXCHANGE = "atomic_compare_exchange"
    """Stores the second operand if the first one's bits stand there; never fails without a cause."""

    MIN_ALONE = "atomic_min"
    MAX_ALONE = "atomic_max"
    """Of ulong, which gives no result."""

    @property
    def operands(self) -> int:
        """How many values it takes."""
        if self is AtomicOperation.COMPARE_EXCHANGE:
            return 2
        return 0 if self is AtomicOperation.LOAD else 1

    @property
    def has_result(self) -> bool:
        """Whether it gives what stood there before."""
        alone = (AtomicOperation.STORE, AtomicOperation.MIN_ALONE, AtomicOperation.MAX_ALONE)
        return self not in alone


_ULONG = (AtomicOperation.MIN_ALONE, AtomicOperation.MAX_ALONE)


def atomic_takes(operation: AtomicOperation, element: ValueType) -> bool:
    """Whether Metal has the operation for the type: of float only what needs no order or bits."""
    if operation in _ULONG:
        return element is DType.UINT64
    whole = ("LOAD", "STORE", "EXCHANGE", "COMPARE_EXCHANGE", "ADD", "SUB")
    return element in ATOMIC_TYPES and (operation.name in whole or element is not DType.FLOAT32)


def atomic_reaches(operation: AtomicOperation, space: AddressSpace) -> bool:
    """Whether Metal has the operation in the memory: of ulong in device memory alone."""
    return operation not in _ULONG or space is AddressSpace.DEVICE

"""Memory on loan: an allocation in, a block out that gives it back when nobody needs it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from metal_runtime.device.protocol import Allocation, BufferBinding


class Owner(Protocol):
    """What lends memory: the pool."""

    def give_back(self, allocation: Allocation, nbytes: int, persistent: bool) -> None:
        """Memory of the owner's comes back, perhaps from the garbage collector: it never waits."""
        ...

    def let_go(self, allocation: Allocation) -> None:
        """Memory that is someone else's is not needed any more."""
        ...


class Block:
    """Memory on loan from a pool: exactly one owner, at least the bytes asked for, page aligned.

    An adopted block's memory is someone else's: it stays where it is when the block is closed.
    """

    __slots__ = (
        "__weakref__", "_allocation", "_pool", "binding", "export", "is_adopted", "nbytes", "persistent",
    )  # fmt: skip

    _pool: Owner
    _allocation: Allocation | None
    nbytes: int
    persistent: bool
    is_adopted: bool
    binding: BufferBinding
    export: Callable[[], Any] | None
    """While it gives something, a user's NumPy view may write to the memory at any time."""

    @property
    def is_exported(self) -> bool:
        return self.export is not None and self.export() is not None

    @property
    def address(self) -> int:
        """Where the host sees the memory."""
        return self.binding[0].address

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # NumPy keeps this object as the base of the array that it makes: the memory outlives the array.
        return {
            "data": (self.address, False),
            "shape": (self.nbytes,),
            "typestr": "|u1",
            "version": 3,
        }

    def close(self) -> None:
        """Gives the memory back to the pool; may be called twice. Nothing may point into it any more."""
        allocation = self._allocation
        if allocation is None:
            return
        self._allocation = None
        if self.is_adopted:
            self._pool.let_go(allocation)
        else:
            self._pool.give_back(allocation, self.nbytes, self.persistent)

    def __del__(self) -> None:
        self.close()


def block_of(pool: Owner, allocation: Allocation, nbytes: int, persistent: bool) -> Block:
    """A block that owns the allocation."""
    block = Block()  # no __init__: this is on the way of every launch, and takes half the time
    block._pool = pool
    block._allocation = allocation
    block.nbytes = nbytes
    block.persistent = persistent
    block.is_adopted = False
    block.binding = (allocation, 0)
    block.export = None
    return block

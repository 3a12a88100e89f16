"""Cells in, in the order in which they were recorded on a stream; which of their values are pending, and what they may read, out."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable

from metal_runtime.value import Cell, Value


class Waiting(list["weakref.ref[Cell]"]):
    """The cells of one stream that were recorded and have not run, with those that nobody holds any more.

    Any thread may append; all else is done with a lock held.
    """

    __slots__ = ("_adopted", "_blocks", "_moment", "_seen", "_serials")

    def __init__(self) -> None:
        super().__init__()
        self._moment = 0
        self._seen = 0
        """So many of the first cells were looked at."""

        self._serials: set[int] = set()
        """Of the values that were looked at."""

        self._blocks: set[int] = set()
        """Of the blocks that they read, and perhaps of some that are gone."""

        self._adopted = False
        """Whether one of the blocks is adopted memory, which other blocks may overlap."""

    def cells(self, count: int | None = None) -> list[Cell]:
        """The first cells, as far as they are held, each as often as it was recorded."""
        return [cell for ref in self[:count] if (cell := ref()) is not None]

    def held(self, count: int | None = None) -> list[Value]:
        """The pending values of the first cells, each once."""
        values = dict.fromkeys(cell.value for cell in self.cells(count))
        return [value for value in values if value.operation is not None]

    def remove_first(self, count: int) -> None:
        """Removes the first cells."""
        del self[:count]
        if self._seen:
            self._forget(self._moment)

    def remove_values(self, count: int, values: Collection[Value]) -> None:
        """Removes those of the first cells that have one of these values.

        Cells that nobody holds stay: what was recorded for them is counted until all runs.
        """
        kept = []
        for ref in self[:count]:
            cell = ref()
            if cell is None or cell.value not in values:
                kept.append(ref)
        self[:count] = kept
        self._forget(self._moment)

    # --- what they read --------------------------------------------------------------------------

    def may_read(self, written: Iterable[Value], moment: int) -> bool:
        """Whether pending values may read memory that is written; False where they surely do not.

        ``moment`` is another one when pending values have got into memory: then others read that memory.
        """
        # Launches that concern nothing pending are many: each value is looked at once, not at every launch.
        if moment != self._moment:
            self._forget(moment)
        count = len(self)
        if count != self._seen:
            cells = (ref() for ref in self[self._seen : count])
            self._note([cell.value for cell in cells if cell is not None])
            self._seen = count
        for value in written:
            block = value.block
            if block is None or block.is_adopted or self._adopted or id(block) in self._blocks:
                return True
        return False

    def _forget(self, moment: int) -> None:
        self._moment = moment
        self._seen = 0
        self._serials.clear()
        self._blocks.clear()
        self._adopted = False

    def _note(self, values: list[Value]) -> None:
        while values:
            value = values.pop()
            if value.serial in self._serials:
                continue
            self._serials.add(value.serial)
            for operand in value.inputs:
                if operand.__class__ is not Value:
                    continue
                block = operand.block
                if block is None:
                    values.append(operand)
                else:
                    self._blocks.add(id(block))
                    self._adopted = self._adopted or block.is_adopted

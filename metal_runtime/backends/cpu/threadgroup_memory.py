"""Threadgroup memory of a launch: the lengths that the caller gives in, its total and the offsets of the arguments out."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.errors import LaunchError
from metal_runtime.msl.msl_to_cpp import TranslationUnit
from metal_runtime.msl.spelling import threadgroup_variable_count
from metal_runtime.msl.strategy import LOOPS
from metal_runtime.program import Signature

LIMIT = 32_768
"""Bytes, as on every GPU family of Apple's."""

_WINDOW = LIMIT + 256  # detail/threadgroup_memory.h
_ALIGNMENT = 256


class ThreadgroupMemory:
    """How one kernel's threadgroup memory is laid out: a window for each variable, then the arguments."""

    def __init__(self, unit: TranslationUnit, signature: Signature) -> None:
        self._kernel = signature.name
        self._arguments = signature.threadgroup_arguments
        self._declared = signature.threadgroup_bytes or 0
        alone = unit.strategy == LOOPS
        self._begin = 0 if alone else threadgroup_variable_count(unit.library) * _WINDOW
        self._known: dict[tuple[int, ...], tuple[int, list[int]]] = {}
        if not self._arguments:
            self._known[()] = (self._begin, [])

    def of_launch(self, lengths: tuple[int, ...]) -> tuple[int, list[int]]:
        """Bytes of memory, and where each threadgroup argument begins.

        Raises:
            LaunchError: not one length for each argument, or more than the device has.
        """
        found = self._known.get(lengths)
        if found is None:
            found = self._known[lengths] = self._laid_out(lengths)
        return found

    def _laid_out(self, lengths: Sequence[int]) -> tuple[int, list[int]]:
        names = [argument.name for argument in self._arguments]
        if len(lengths) != len(names):
            listed = f" ({', '.join(names)})" if names else ""
            raise LaunchError(
                f"{len(lengths)} lengths of threadgroup memory are given, it has {len(names)} "
                f"threadgroup arguments{listed}",
                kernel=self._kernel,
                hint="give threadgroup_memory= a length in bytes for each",
            )
        for name, length in zip(names, lengths, strict=True):
            if length < 1:
                raise LaunchError(
                    f"threadgroup memory of {length} bytes",
                    kernel=self._kernel,
                    parameter=name,
                    hint="give a length in bytes above 0",
                )
        total = self._declared + sum(lengths)
        if total > LIMIT:
            raise LaunchError(
                f"it would use {total:,} bytes of threadgroup memory, the device has {LIMIT:,}",
                kernel=self._kernel,
                hint="use smaller tiles",
            )
        offsets, end = [], self._begin
        for length in lengths:
            offsets.append(end)
            end += -(-length // _ALIGNMENT) * _ALIGNMENT
        return end, offsets

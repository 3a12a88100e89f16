"""A Mach-O file -> its 64-bit x86 slice, read by virtual address.

Only that slice: its pointers stand in the file as they are, while those of arm64 are chained for the loader.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FAT, _MACH_O_64 = 0xCAFEBABE, 0xFEEDFACF
_X86_64 = 0x01000007
_SEGMENT_64 = 0x19


class NotReadableError(Exception):
    """The file is not what this reader knows."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the file with its place in memory."""

    name: str
    address: int
    data: bytes


class MachO:
    """The sections of one slice."""

    def __init__(self, file: bytes) -> None:
        """Raises NotReadableError."""
        self._sections = _sections(_slice(file))

    def section(self, name: str) -> Section:
        for section in self._sections:
            if section.name == name:
                return section
        raise NotReadableError(f"there is no section {name}")

    def bytes_at(self, address: int, count: int) -> bytes:
        section = self._at(address)
        start = address - section.address
        return section.data[start : start + count]

    def words_at(self, address: int, count: int) -> tuple[int, ...]:
        """64-bit words, pointers for example."""
        return struct.unpack(f"<{count}Q", self.bytes_at(address, 8 * count))

    def text_at(self, address: int) -> str:
        section = self._at(address)
        start = address - section.address
        return section.data[start : section.data.index(b"\0", start)].decode()

    def _at(self, address: int) -> Section:
        for section in self._sections:
            if section.address <= address < section.address + len(section.data):
                return section
        raise NotReadableError(f"no section holds the address {address:#x}")


def _slice(file: bytes) -> bytes:
    (magic,) = struct.unpack_from(">I", file)
    if magic != _FAT:
        return file
    (count,) = struct.unpack_from(">I", file, 4)
    for i in range(count):
        kind, _, offset, size, _ = struct.unpack_from(">5I", file, 8 + 20 * i)
        if kind == _X86_64:
            return file[offset : offset + size]
    raise NotReadableError("there is no x86_64 slice")


def _sections(slice_: bytes) -> list[Section]:
    magic, _, _, _, commands, _, _, _ = struct.unpack_from("<8I", slice_)
    if magic != _MACH_O_64:
        raise NotReadableError("this is no 64-bit Mach-O file")
    found, at = [], 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", slice_, at)
        if command == _SEGMENT_64:
            (count,) = struct.unpack_from("<I", slice_, at + 64)
            for i in range(count):
                head = at + 72 + 80 * i
                name = slice_[head : head + 16].rstrip(b"\0").decode()
                address, length, offset = struct.unpack_from("<2QI", slice_, head + 32)
                found.append(Section(name, address, slice_[offset : offset + length]))
        at += size
    return found

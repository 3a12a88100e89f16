"""A user's name enters; an identifier that no other variable of the function bears leaves.

Words that mean something else in MSL are no concern here: emit/names.py knows them.
"""

from __future__ import annotations

import re


class Namer:
    """Gives out identifiers, each once."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """``wanted`` itself if it is free, else with ``_2``, ``_3`` … at its end."""
        stem = name = spelled(wanted)
        number = 2
        while name in self._taken:
            name = f"{stem}_{number}"
            number += 1
        self._taken.add(name)
        return name


def spelled(name: str) -> str:
    """``name`` with the letters that MSL lacks, and with what C++ reserves, written otherwise."""
    ascii_name = "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
    single = re.sub(r"__+", "_", ascii_name)
    return "v" + single if re.match(r"_[A-Z0-9]|_$", single) else single

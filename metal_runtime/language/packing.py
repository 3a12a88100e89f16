"""Normalised vectors packed into a ``uint`` and back: ``metal.pack_float_to_unorm4x8(v)``, the first component lowest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

_DESCRIPTIONS = {
    "unorm4x8": "four numbers of 0 … 1, of 8 bits each",
    "snorm4x8": "four numbers of -1 … 1, of 8 bits each",
    "unorm2x16": "two numbers of 0 … 1, of 16 bits each",
    "snorm2x16": "two numbers of -1 … 1, of 16 bits each",
    "unorm10a2": "three numbers of 0 … 1 of 10 bits each, and one of 2 bits",
}


def _packing(name: str, text: str) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        only_in_a_kernel(f"{name}(x)")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


PACKING: dict[str, Callable[[Any], Any]] = {}
"""The functions by their names."""

for _format, _what in _DESCRIPTIONS.items():
    for _element in ("float", "half"):
        _name = f"pack_{_element}_to_{_format}"
        PACKING[_name] = _packing(_name, f"A vector of {_element} as {_what}; clamped, NaN is 0.")
        _name = f"unpack_{_format}_to_{_element}"
        PACKING[_name] = _packing(_name, f"The vector of {_element} of {_what}.")
globals().update(PACKING)

__all__ = sorted(PACKING)

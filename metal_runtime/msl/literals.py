"""Number literals: MSL's spelling in, the C++ spelling with the same type and value out."""

from __future__ import annotations

import re

_FLOAT = re.compile(
    r"(?:\d[\d']*\.?[\d']*|\.\d[\d']*)(?:[eE][+-]?\d+)?|0[xX][\da-fA-F']*\.?[\da-fA-F']*[pP][+-]?\d+"
)


def cpp_number(text: str) -> str:
    """The C++ spelling of an MSL number: a float literal without suffix is a float, ``h`` half, ``bf`` bfloat.

    A text that is no number MSL knows comes back unchanged, for the compiler to complain of.
    """
    lowered = text.lower()
    is_hex = lowered.startswith("0x")
    is_float = (
        "p" in lowered
        if is_hex
        else ("." in text or "e" in lowered or lowered.endswith(("h", "f")))
    )
    if not is_float:
        return text
    for suffix, spelling in (("bf", "bfloat({}f)"), ("h", "{}f16"), ("f", "{}f"), ("", "{}f")):
        if is_hex and suffix and not lowered[lowered.index("p") :].endswith(suffix):
            continue
        if lowered.endswith(suffix):
            digits = text[: len(text) - len(suffix)]
            if not _FLOAT.fullmatch(digits):
                return text
            whole = "." not in digits and not re.search(r"[eEpP]", digits)
            return spelling.format(digits + ".0" if whole else digits)
    return text

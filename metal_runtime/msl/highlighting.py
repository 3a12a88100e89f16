"""MSL for the highlighter: text enters, C++ tokens with MSL's own words leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pygments.lexers.c_cpp import CppLexer
from pygments.token import Keyword, Name

_QUALIFIERS = frozenset(
    ["kernel", "device", "constant", "threadgroup", "thread", "vertex", "fragment"]
)
_TYPES = re.compile(r"(bool|u?char|u?short|u?int|u?long|half|bfloat|float)([234](x[234])?)?")


class MslLexer(CppLexer):  # type: ignore[misc]  # pygments has no types
    """C++, and the address spaces, scalars, vectors and matrices of MSL."""

    name = "Metal Shading Language"

    def get_tokens_unprocessed(self, text: str, stack: Any = ("root",)) -> Iterator[Any]:
        for index, token, value in super().get_tokens_unprocessed(text, stack):
            if token in Name:
                if value in _QUALIFIERS:
                    token = Keyword
                elif _TYPES.fullmatch(value):
                    token = Keyword.Type
            yield index, token, value

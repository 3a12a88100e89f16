"""Number literals keep MSL's type and value."""

from __future__ import annotations

import pytest

from metal_runtime.msl.literals import cpp_number


@pytest.mark.parametrize(
    ("msl", "cpp"),
    [
        ("1.0", "1.0f"), ("1.", "1.f"), (".5", ".5f"), ("1e5", "1e5f"), ("1E-5", "1E-5f"), ("1.5f", "1.5f"),
        ("1.5F", "1.5f"), ("1.5h", "1.5f16"), ("2.H", "2.f16"), ("1e3h", "1e3f16"), ("1.5bf", "bfloat(1.5f)"),
        ("2BF", "bfloat(2.0f)"), ("0x1p3", "0x1p3f"), ("0x1.8p-3f", "0x1.8p-3f"), ("0x1p3h", "0x1p3f16"),
        ("1'000.5", "1'000.5f"), ("0", "0"), ("10u", "10u"), ("0xffu", "0xffu"), ("0xbf", "0xbf"), ("0x1e5", "0x1e5"),
        ("07", "07"), ("10ul", "10ul"), ("0b101", "0b101"), ("3L", "3L"), ("1.0q", "1.0q"), ("1.0.0", "1.0.0"),
    ],
)  # fmt: skip
def test_spelling(msl: str, cpp: str) -> None:
    assert cpp_number(msl) == cpp

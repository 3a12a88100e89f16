"""Constant expressions against Python's arithmetic, with C++'s division."""

from __future__ import annotations

import pytest

from metal_runtime.msl.constant_expressions import enumerators, evaluate
from metal_runtime.msl.tokens import tokenize

NAMES = {"N": 3, "half_size": 2.5, "on": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("0x1Fu", 31), ("010", 8), ("00", 0), ("1'000ul", 1000), ("2.5f", 2.5), ("1e3", 1000.0), (".5h", 0.5),
        ("3 + 4 * 2", 11), ("(3 + 4) * 2", 14), ("-7 / 2", -3), ("-7 % 2", -1), ("7 / -2", -3), ("7.0 / 2", 3.5),
        ("1 << 4 >> 2", 4), ("~5 & 0xF", 10), ("6 ^ 3 | 8", 13), ("!0", True), ("+3", 3), ("- -3", 3),
        ("1 < 2 && 2 >= 2", True), ("0 || 1 != 1", False), ("N > 2 ? 10 : 20", 10), ("N == 4 ? 1 : N == 3 ? 2 : 3", 2),
        ("true", True), ("on ? 1 : 0", 1), ("int(half_size)", 2), ("(float)N / 2", 1.5), ("(unsigned int)N", 3),
        ("static_cast<short>(half_size) + 1", 3), ("bool(N)", True), ("a::b::N", 3), ("::N", None), ("N N", None),
        ("unknown", None), ("f(3)", None), ("1 / 0", None), ("1 %", None), ("(1", None), ("", None), ("sizeof(int)", None),
        ("1.0e", None),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    found = evaluate(tokenize(text), NAMES.get)
    assert found == value
    assert type(found) is type(value)


def test_names_that_are_false_or_unknown_decide_nothing() -> None:
    assert evaluate(tokenize("unknown ? 1 : 2"), NAMES.get) is None
    assert evaluate(tokenize("on && unknown"), NAMES.get) is None
    assert evaluate(tokenize("unknown && !on"), NAMES.get) is False
    assert evaluate(tokenize("on || unknown"), NAMES.get) is True
    assert evaluate(tokenize("on ? 4 : unknown"), NAMES.get) == 4
    assert evaluate(tokenize("on ? 4 : 1 / 0"), NAMES.get) == 4


def test_enumerators() -> None:
    tokens = tokenize("a, b, c = 10, d, e = c * 2, f = unknown, g")
    assert enumerators(tokens, [range(len(tokens))]) == {"a": 0, "b": 1, "c": 10, "d": 11, "e": 20}

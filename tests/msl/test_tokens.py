"""The tokenizer: nothing is lost, nothing in a comment or a string is a token, positions are the text's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.msl.tokens import LineTable, TokenKind, tokenize


def texts(source: str) -> list[str]:
    return [token.text for token in tokenize(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a+b", ["a", "+", "b"]),
        ("x /* kernel */ = // kernel\n 3;", ["x", "=", "3", ";"]),
        ("// a \\\n still a comment\nb", ["b"]),
        ('"a // b" "\\"" \'"\'', ['"a // b"', '"\\""', "'\"'"]),
        ('R"x(a " ) b)x" c', ['R"x(a " ) b)x"', "c"]),
        (
            "1.0f+.5h 1e-5 0x1.8p-3f 10ul 1'000",
            ["1.0f", "+", ".5h", "1e-5", "0x1.8p-3f", "10ul", "1'000"],
        ),
        ("vec<vec<T>>", ["vec", "<", "vec", "<", "T", ">", ">"]),
        ("a>>=b<=c->d::e", ["a", ">", ">", "=", "b", "<", "=", "c", "->", "d", "::", "e"]),
        ("  #define X \\\n 1\n#pragma once\ny", ["  #define X \\\n 1", "#pragma once", "y"]),
        ("a # b", ["a", "#", "b"]),
        ("größe = 1", ["größe", "=", "1"]),
        ("/* open", []),
        ("@$`", ["@", "$", "`"]),
    ],
)
def test_tokens(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


def test_directives_are_one_token() -> None:
    kinds = [token.kind for token in tokenize("#include <a>\n #  if X /* \n */ && Y\nz")]
    assert kinds == [TokenKind.DIRECTIVE, TokenKind.DIRECTIVE, TokenKind.IDENTIFIER]


@given(st.text(alphabet="ab1.\"'/*\\#\n<>=-+(){}[] \tRé;:", max_size=60))
def test_tokens_lie_in_the_text_in_order(source: str) -> None:
    end = 0
    for token in tokenize(source):
        assert source[token.start : token.end] == token.text != ""
        assert token.start >= end
        end = token.end


@given(st.text(alphabet="ab\n\r", max_size=40), st.data())
def test_line_table_inverts(source: str, data: st.DataObject) -> None:
    table = LineTable(source, "f")
    offset = data.draw(st.integers(0, len(source)))
    line, column = table.position(offset)
    assert line == source[:offset].count("\n") + 1
    assert table.offset(line, column) == offset


def test_span_shows_its_line() -> None:
    table = LineTable("one\ntwo three\n", "f.metal")
    assert str(table.span(8, 13)) == "f.metal:2:5"
    assert table.span(8, 13).excerpt() == "    2 | two three\n      |     ^~~~~"

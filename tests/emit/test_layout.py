"""Long lines break before operators or after commas, outermost first."""

from __future__ import annotations

from metal_runtime.emit.layout import WIDTH, Line, wrap


def wrapped(text):
    return [line.text for line in wrap(Line(text))]


def test_a_short_line_stays():
    assert wrapped("    int a = b;") == ["    int a = b;"]


def test_a_long_condition_breaks_before_its_operators():
    part = "first_condition < second_condition"
    lines = wrapped(f"    if ({part} && {part} && {part}) {{")
    assert lines == [f"    if ({part} && {part}", f"            && {part}) {{"]


def test_a_long_sum_is_not_broken_within_a_call():
    text = f"    float a = {' + '.join(['some_function(alpha, beta)'] * 6)};"
    lines = wrapped(text)
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.count("(") == line.count(")") for line in lines)
    assert "".join(line.strip() + " " for line in lines).strip() == text.strip()


def test_arguments_break_after_commas():
    lines = wrapped(f"    float a = function({', '.join(['argument_of_some_length'] * 5)});")
    assert lines[0].endswith(",")


def test_what_cannot_be_broken_stays():
    text = "    " + "x" * 150 + ";"
    assert wrapped(text) == [text]
    comment = "    // " + "word " * 30
    assert wrapped(comment) == [comment]

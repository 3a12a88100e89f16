"""What Metal refuses is refused at the right line and by the right rule; its nearest valid twin is accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metal_runtime.backends.cpu.compiler import kernel_flags, standard_header
from metal_runtime.msl.limits import Family
from metal_runtime.msl.rules.check import Report, check_text, syntax_check
from metal_runtime.msl.rules.finding import Severity
from metal_runtime.program import CompileOptions
from tests.msl_rules.refused_programs import CASES, Case

OPTIONS = CompileOptions()


def _check(text: str, family: str) -> Report:
    flags = (*kernel_flags(OPTIONS), "-include-pch", str(standard_header(OPTIONS)))
    return check_text(text, "k.metal", OPTIONS, Family(family), syntax=syntax_check(flags))


@pytest.mark.parametrize("name", CASES)
def test_the_wrong_line_is_found(name: str, golden: Callable[[str, str], None]) -> None:
    case = CASES[name]
    report = _check(case.program(case.wrong), case.family)
    assert not report.accepted
    errors = [f for f in report.findings if f.severity is Severity.ERROR]
    assert {f.span.line for f in errors if f.span} == {case.line}
    assert case.rule in {f.rule for f in errors}
    golden(f"check/{name}.txt", "\n".join(f.render() for f in report.findings))


@pytest.mark.parametrize("name", CASES)
def test_the_valid_twin_is_accepted(name: str) -> None:
    case = CASES[name]
    report = _check(case.program(case.right), case.family)
    assert not report.findings, "\n".join(f.render() for f in report.findings)


def test_there_are_enough_programs() -> None:
    assert len(CASES) >= 60


def test_every_rule_has_a_program() -> None:
    from metal_runtime.msl.rules.table import RULES

    assert {rule.name for rule in RULES} <= {case.rule for case in CASES.values()}


def test_the_marked_line_is_the_one_that_differs() -> None:
    case = Case("double", "\n@\n", "double x;", "float x;")
    wrong, right = case.program(case.wrong).split("\n"), case.program(case.right).split("\n")
    assert [n for n, (a, b) in enumerate(zip(wrong, right, strict=True), 1) if a != b] == [
        case.line
    ]

"""What Metal refuses is refused at the right line and by the right rule; its nearest valid twin is accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metal_runtime.msl.limits import Family
from metal_runtime.msl.spaces.finding import Severity
from tests.msl_rules.checks import check
from tests.msl_rules.refused_programs import CASES, Case


@pytest.mark.parametrize("name", CASES)
def test_the_wrong_line_is_found(name: str, golden: Callable[[str, str], None]) -> None:
    case = CASES[name]
    report = check(case.program(case.wrong), family=Family(case.family))
    assert not report.accepted
    errors = [f for f in report.findings if f.severity is Severity.ERROR]
    assert {f.span.line for f in errors if f.span} == {case.line}
    assert case.rule in {f.rule for f in errors}
    golden(f"check/{name}.txt", "\n".join(f.render() for f in report.findings))


@pytest.mark.parametrize("name", CASES)
def test_the_valid_twin_is_accepted(name: str) -> None:
    case = CASES[name]
    report = check(case.program(case.right), family=Family(case.family))
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

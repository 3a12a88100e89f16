"""Broken text is refused with a finding, or accepted; the rules never fail on it, and never take long."""

from __future__ import annotations

import random

import pytest

from metal_runtime.errors import MslError
from metal_runtime.msl.rules.check import check_text
from metal_runtime.msl.rules.space_flow import find_wrong_spaces
from metal_runtime.msl.tokens import tokenize
from tests.msl_rules.accepted_programs import ACCEPTED
from tests.msl_rules.refused_programs import CASES

TEXTS = [*ACCEPTED.values(), *(case.program(case.wrong) for case in CASES.values())]
PIECES = ["(", ")", "<", ">", "[", "]", "*", "&", "::", ",", ";", "template", "struct", "kernel", "typedef", "=", "operator",
          "[[", "threadgroup", "float", "return", "x", "(", "{", "}", "->", "...", "auto", "0", ":", "?", "using", "enum"]  # fmt: skip


def _mutated(text: str, random_: random.Random) -> str:
    tokens = [token.text for token in tokenize(text)]
    for _ in range(random_.randrange(1, 6)):
        at = random_.randrange(len(tokens) + 1)
        choice = random_.randrange(4)
        if choice == 0:
            del tokens[at : at + random_.randrange(1, 4)]
        elif choice == 1:
            tokens.insert(at, random_.choice(PIECES))
        elif choice == 2:
            tokens = tokens[:at]
        else:
            other = random_.choice(tokens) if tokens else ";"
            tokens[at : at + 1] = [other, random_.choice(PIECES)]
        tokens = tokens or [";"]
    return " ".join(token for token in tokens if not token.startswith("#"))


@pytest.mark.parametrize("seed", range(20))
def test_rules_do_not_fail_on_broken_text(seed: int) -> None:
    random_ = random.Random(seed)
    for _ in range(40):
        text = _mutated(random_.choice(TEXTS), random_)
        try:
            report = check_text(text)
        except (
            MslError,
            RecursionError,
            IndexError,
            KeyError,
            ValueError,
            AttributeError,
        ) as fault:
            pytest.fail(f"{type(fault).__name__}: {fault}\n{text}")
        for finding in report.findings:
            assert finding.message
            finding.render()


def test_the_rule_of_address_spaces_is_a_rule_of_the_table() -> None:
    from metal_runtime.msl.rules.table import RULES

    assert find_wrong_spaces in {rule.find for rule in RULES}
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.explanation.endswith(".") and rule.source for rule in RULES)

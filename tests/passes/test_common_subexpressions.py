"""Common subexpressions: what gets a name, and where it must not be used."""

from __future__ import annotations

from metal_runtime.ir.nodes import (
    Assign,
    Declare,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Select,
    While,
)
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.verify import verify
from metal_runtime.passes.common_subexpressions import common_subexpressions
from tests.hand_made_kernels import BOOL, FLOAT, INT, ap, device, f, i

X, P, N = Read("x", FLOAT), Read("p", BOOL), Read("n", INT)
EXP = ap("exp", X)
FIRST = Load("a", i(0), FLOAT)
PARAMS = (
    Param("a", device(FLOAT, const=True)),
    Param("out", device(FLOAT)),
    Param("s", FLOAT),
    Param("p", BOOL),
    Param("n", INT),
)


def out(number, value):
    return Assign(Load("out", i(number), FLOAT), value)


def shared(*body):
    kernel = Kernel("k", PARAMS, (Declare("x", FLOAT, Read("s", FLOAT)), *body))
    verify(kernel)
    result = common_subexpressions(kernel)
    verify(result)
    lines = print_kernel(result).splitlines()[2:]
    return [line[4:] for line in lines]


def test_within_one_statement():
    assert shared(out(0, ap("add", EXP, ap("mul", EXP, f(2))))) == [
        "exp_value: float = exp(x)",
        "out[0] = exp_value + (exp_value * 2.0f)",
    ]


def test_across_statements_and_into_branches():
    assert shared(out(0, EXP), If(P, (out(1, EXP),))) == [
        "exp_value: float = exp(x)",
        "out[0] = exp_value",
        "if p",
        "    out[1] = exp_value",
    ]


def test_a_variable_that_holds_it_is_used():
    assert shared(Declare("y", FLOAT, EXP), out(0, EXP)) == ["y: float = exp(x)", "out[0] = y"]


def test_not_out_of_a_branch():
    body = (If(P, (out(0, EXP),), (out(1, EXP),)),)
    assert shared(*body) == ["if p", "    out[0] = exp(x)", "else", "    out[1] = exp(x)"]


def test_not_out_of_what_is_evaluated_at_times():
    value = Select(P, EXP, ap("mul", EXP, f(2)), FLOAT)
    assert shared(out(0, value)) == ["out[0] = exp(x) if p else (exp(x) * 2.0f)"]
    guarded = ap("logical_and", P, ap("lt", FIRST, ap("add", FIRST, f(1))))
    assert shared(If(guarded, (out(0, f(1)),)))[0] == "if p and (a[0] < (a[0] + 1.0f))"


def test_an_assignment_ends_it():
    assert shared(out(0, EXP), Assign(X, f(1)), out(1, EXP)) == [
        "out[0] = exp(x)",
        "x = 1.0f",
        "out[1] = exp(x)",
    ]


def test_a_store_ends_what_depends_on_memory():
    assert shared(out(0, FIRST), out(1, FIRST)) == ["out[0] = a[0]", "out[1] = a[0]"]
    both = ap("add", FIRST, FIRST)
    assert shared(out(0, both)) == ["a_value: float = a[0]", "out[0] = a_value + a_value"]


def test_a_condition_and_its_branch_up_to_the_store():
    body = If(ap("lt", FIRST, f(1)), (out(0, FIRST), out(1, FIRST)))
    assert shared(body) == [
        "a_value: float = a[0]",
        "if a_value < 1.0f",
        "    out[0] = a_value",
        "    out[1] = a[0]",
    ]


def test_not_into_a_loop_that_changes_it():
    loop = For("j", INT, i(0), N, i(1), (out(1, EXP), Assign(X, f(1))))
    assert shared(out(0, EXP), loop)[0] == "out[0] = exp(x)"


def test_the_condition_of_a_while_loop_is_evaluated_anew():
    loop = While(ap("lt", EXP, f(1)), (Assign(X, ap("add", X, EXP)),))
    assert shared(loop)[0] == "while exp(x) < 1.0f"


def test_cheap_expressions_keep_their_place():
    total = ap("add", X, f(1))
    assert shared(out(0, ap("mul", total, total))) == ["out[0] = (x + 1.0f) * (x + 1.0f)"]


def test_zeros_of_different_sign_are_different():
    plus, minus = ap("exp", f(0.0)), ap("exp", f(-0.0))
    assert shared(out(0, ap("add", plus, minus))) == ["out[0] = exp(0.0f) + exp(-0.0f)"]

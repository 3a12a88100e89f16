"""Dead code: what goes, and what stays."""

from __future__ import annotations

import pytest

from metal_runtime.ir.nodes import (
    Address,
    Assign,
    Break,
    Call,
    Continue,
    Declare,
    Evaluate,
    For,
    Function,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Return,
    While,
)
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.verify import verify
from metal_runtime.passes.remove_dead_code import remove_dead_code
from tests.hand_made_kernels import BOOL, INT, ap, device, i

A, P, X, Y = Read("a", INT), Read("p", BOOL), Read("x", INT), Read("y", INT)
OUT = Load("out", i(0), INT)
PARAMS = (Param("a", INT), Param("p", BOOL), Param("out", device(INT)))
STORE = Assign(OUT, i(1))
SETS = Function(
    "sets", (Param("q", device(INT)),), INT, (Assign(Load("q", i(0), INT), i(1)), Return(i(2)))
)
PURE = Function("pure", (), INT, (Return(i(2)),))
CALL_SETS = Call("sets", (Address("out", device(INT)),), INT)


def left(*body):
    kernel = Kernel("k", PARAMS, body, (SETS, PURE))
    verify(kernel)
    result = remove_dead_code(kernel)
    verify(result)
    return result.body


def loop(*body):
    return For("j", INT, i(0), A, i(1), body)


GOES = {
    "an unused variable": (Declare("x", INT, OUT), STORE),
    "a variable that only feeds itself": (
        Declare("x", INT, i(0)),
        loop(Assign(X, ap("add", X, i(1)))),
        STORE,
    ),
    "a chain of unused variables": (Declare("x", INT, A), Declare("y", INT, X), STORE),
    "an empty branch": (If(ap("lt", A, OUT), ()), STORE),
    "an empty loop": (loop(), STORE),
    "an unused pure call": (Evaluate(Call("pure", (), INT)), STORE),
    "what follows a return": (STORE, Return(), Assign(OUT, i(2))),
    "what follows two branches that return": (
        STORE,
        If(P, (Return(),), (Return(),)),
        Assign(OUT, i(2)),
    ),
    "a last return": (STORE, If(P, (Return(),))),
}


@pytest.mark.parametrize("body", GOES.values(), ids=GOES)
def test_goes(body):
    assert left(*body) == (STORE,)


STAYS = {
    "a store": (STORE,),
    "a call that stores, for an unused variable": (Declare("x", INT, CALL_SETS),),
    "a condition that stores": (If(ap("eq", CALL_SETS, i(1)), ()),),
    "a variable that decides": (Declare("x", INT, OUT), If(ap("eq", X, i(0)), (STORE,))),
    "a variable read in an index": (
        Declare("x", INT, A),
        Assign(Load("out", X, INT), i(1)),
    ),
    "an early return": (If(P, (Return(),)), STORE),
    "a break": (loop(If(P, (Break(),)), STORE),),
    "an endless loop": (While(P, ()),),
}


@pytest.mark.parametrize("body", STAYS.values(), ids=STAYS)
def test_stays(body):
    assert left(*body) == body


def test_a_last_continue_goes():
    assert left(loop(STORE, Continue())) == (loop(STORE),)


def test_an_empty_branch_before_an_else_is_turned_round():
    assert left(If(ap("lt", A, i(1)), (), (STORE,))) == (If(ap("ge", A, i(1)), (STORE,)),)


def test_unused_functions_go():
    middle = Function("middle", (), INT, (Return(Call("pure", (), INT)),))
    kernel = Kernel("k", PARAMS, (STORE,), (SETS, PURE, middle))
    assert remove_dead_code(kernel).functions == ()
    used = Kernel("k", PARAMS, (Assign(OUT, Call("middle", (), INT)),), (SETS, PURE, middle))
    assert remove_dead_code(used).functions == (PURE, middle)


def test_functions_are_cleaned_too():
    body = (Declare("x", INT, i(1)), Return(i(2)), Return(i(3)))
    function = Function("g", (), INT, body)
    kernel = Kernel("k", PARAMS, (Assign(OUT, Call("g", (), INT)),), (function,))
    assert "function g() -> int\n    return 2\n\n" in print_kernel(remove_dead_code(kernel))

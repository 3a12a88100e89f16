"""Loop invariants: what moves before the loop, and what must stay in it."""

from __future__ import annotations

from metal_runtime.ir.nodes import (
    Assign,
    Break,
    Declare,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    While,
)
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.verify import verify
from metal_runtime.passes.hoist_invariants import hoist_invariants
from tests.hand_made_kernels import BOOL, FLOAT, INT, ap, device, f, i

X, P, N, T = Read("x", FLOAT), Read("p", BOOL), Read("n", INT), Read("t", FLOAT)
EXP = ap("exp", X)
FIRST = Load("a", i(0), FLOAT)
PARAMS = (
    Param("a", device(FLOAT, const=True)),
    Param("out", device(FLOAT)),
    Param("x", FLOAT),
    Param("p", BOOL),
    Param("n", INT),
)
ADD_EXP = Assign(T, ap("add", T, EXP))
ADD_FIRST = Assign(T, ap("add", T, FIRST))
STORE = Assign(Load("out", i(0), FLOAT), T)


def loop(*body, stop=N):
    return For("j", INT, i(0), stop, i(1), body)


def hoisted(*body):
    kernel = Kernel("k", PARAMS, (Declare("t", FLOAT, f(0)), *body, STORE))
    verify(kernel)
    result = hoist_invariants(kernel)
    verify(result)
    return [line[4:] for line in print_kernel(result).splitlines()[2:-1]]


def test_a_costly_value_moves():
    assert hoisted(loop(ADD_EXP)) == [
        "exp_value: float = exp(x)",
        "for j: int in range(0, n, 1)",
        "    t = t + exp_value",
    ]


def test_a_variable_moves_whole():
    body = (Declare("e", FLOAT, EXP), Assign(T, ap("add", T, Read("e", FLOAT))))
    assert hoisted(loop(*body))[0] == "e: float = exp(x)"


def test_a_variable_that_changes_does_not_move_but_its_value_does():
    body = (Declare("e", FLOAT, EXP), Assign(Read("e", FLOAT), f(1)))
    assert hoisted(loop(*body))[::2] == ["exp_value: float = exp(x)", "    e: float = exp_value"]


def test_it_moves_out_of_both_loops():
    inner = For("k", INT, i(0), N, i(1), (ADD_EXP,))
    assert hoisted(loop(inner))[:2] == ["exp_value: float = exp(x)", "for j: int in range(0, n, 1)"]


def test_what_the_loop_changes_stays():
    unchanged = [
        loop(Assign(T, ap("exp", T))),
        loop(Assign(T, ap("div", T, ap("exp", ap("mul", T, X))))),
        loop(ADD_FIRST),  # may make no turn
        loop(If(P, (ADD_EXP,))),  # may not be reached
    ]
    for node in unchanged:
        assert hoisted(node)[0] == "for j: int in range(0, n, 1)"


def test_integer_divisions_that_may_trap_stay():
    divide = Declare("d", INT, ap("div", i(7), N))
    assert hoisted(loop(divide))[0].startswith("for ")
    by_two = Declare("d", INT, ap("div", N, i(2)))
    assert hoisted(loop(by_two))[0] == "d: int = n / 2"


def test_loads_move_out_of_loops_that_surely_turn():
    assert hoisted(loop(ADD_FIRST, stop=i(4)))[0] == "a_value: float = a[0]"


def test_loads_stay_behind_a_break_and_beside_a_store():
    assert hoisted(loop(If(P, (Break(),)), ADD_FIRST, stop=i(4)))[0].startswith("for ")
    assert hoisted(loop(ADD_FIRST, STORE, stop=i(4)))[0].startswith("for ")


def test_the_condition_of_a_while_loop():
    node = While(ap("lt", T, EXP), (Assign(T, ap("add", T, f(1))),))
    assert hoisted(node)[:2] == ["exp_value: float = exp(x)", "while t < exp_value"]

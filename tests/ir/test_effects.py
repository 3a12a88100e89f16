"""What code stores, loads, and may trap."""

from __future__ import annotations

import pytest

from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.effects import Effects, assigned_names
from metal_runtime.ir.nodes import (
    Address,
    Assign,
    Atomic,
    Call,
    Component,
    Evaluate,
    For,
    Function,
    Kernel,
    Load,
    Param,
    Read,
    Return,
)
from metal_runtime.msl_types import VOID
from tests.hand_made_kernels import FLOAT, FLOAT4, INT, ap, device, f, i, part, saxpy

SETS = Function(
    "sets", (Param("q", device(INT)),), INT, (Assign(Load("q", i(0), INT), i(1)), Return(i(2)))
)
READS = Function("reads", (Param("q", device(INT)),), INT, (Return(Load("q", i(0), INT)),))
EFFECTS = Effects(Kernel("k", (), (), (SETS, READS)))
ADDRESS = Address("p", device(INT))
CALL_SETS, CALL_READS = Call("sets", (ADDRESS,), INT), Call("reads", (ADDRESS,), INT)


def test_stores():
    assert EFFECTS.stores(Evaluate(CALL_SETS)) == {"p"}
    assert EFFECTS.stores(Evaluate(CALL_READS)) == set()
    kernel = saxpy()
    assert Effects(kernel).stores(*kernel.body) == {"y"}


def test_pointers_that_are_read():
    assert EFFECTS.loads_from(Evaluate(CALL_READS)) == {"p"}
    assert EFFECTS.loads_from(Evaluate(CALL_SETS)) == set()
    inner = Load("k", i(0), INT)
    assert EFFECTS.loads_from(Assign(Load("p", inner, INT), i(1))) == {"k"}
    assert EFFECTS.loads_from(Assign(Load("p", i(0), INT), Load("p", i(0), INT))) == {"p"}
    assert EFFECTS.loads_from(Assign(part(Load("v", inner, FLOAT4), "x"), f(1))) == {"k"}
    counter = Load("c", inner, INT)
    store = Atomic(AtomicOperation.STORE, counter, (i(1),), VOID)
    assert EFFECTS.loads_from(Evaluate(store)) == {"k"}
    add = Atomic(AtomicOperation.ADD, counter, (i(1),), INT)
    assert EFFECTS.loads_from(Evaluate(add)) == {"c", "k"}


def test_purity_and_loads():
    assert not EFFECTS.is_pure(ap("add", i(1), CALL_SETS))
    assert EFFECTS.is_pure(CALL_READS)
    assert EFFECTS.loads(CALL_READS)
    assert not EFFECTS.loads(ap("add", i(1), i(2)))


V = Read("v", FLOAT4)


@pytest.mark.parametrize(
    ("node", "traps"),
    [
        (ap("div", i(1), Read("n", INT)), True),
        (ap("div", i(1), i(3)), False),
        (ap("div", i(1), i(-1)), True),
        (ap("mod", i(1), i(0)), True),
        (ap("div", f(1), Read("x", FLOAT)), False),
        (Load("p", i(0), INT), True),
        (Component(V, Read("n", INT), FLOAT), True),
        (Component(V, i(1), FLOAT), False),
        (CALL_READS, True),
        (ap("exp", ap("add", f(1), f(2))), False),
    ],
    ids=str,
)
def test_traps(node, traps):

    assert EFFECTS.may_trap(node) is traps


def test_assigned_names():
    loop = For(
        "j", INT, i(0), i(2), i(1), (Assign(part(V, "x"), f(1)), Assign(Load("p", i(0), INT), i(1)))
    )
    assert assigned_names(loop) == {"j", "v"}

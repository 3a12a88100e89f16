"""The verifier: kernels that hold, and one broken kernel for every rule, with the rule that must catch it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Assign,
    Break,
    Builtin,
    Call,
    Cast,
    Component,
    Constant,
    Construct,
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
    Select,
    Swizzle,
    While,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import VOID, Vector
from metal_runtime.source import SourceSpan
from tests.hand_made_kernels import ALL, BOOL, FLOAT, FLOAT4, INT, UINT, device, f, i, u
from tests.strategies import kernels

X, N, V = Load("x", u(0), FLOAT), Read("n", UINT), Read("v", FLOAT4)
YES = Constant(True, BOOL)
STORE = Assign(Load("y", u(0), FLOAT), f(1))


def kernel(*body, functions=(), params=()):
    given = (Param("x", device(FLOAT, const=True)), Param("y", device(FLOAT)), Param("n", UINT))
    return Kernel(
        "k", (*given, *params), (Declare("v", FLOAT4, Construct((f(0),), FLOAT4)), *body), functions
    )


PARAM, BACK = (Param("a", FLOAT),), (Return(Read("a", FLOAT)),)


def function(name="g", result=FLOAT, body=BACK, params=PARAM):
    return Function(name, params, result, body)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_hand_made_kernels_hold(make):
    verify(make())


@given(kernels())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_kernels_hold(made):
    verify(made.kernel)


def store(value):
    return Assign(Load("y", u(0), FLOAT), value)


CALL = Call("g", (f(1),), FLOAT)
BROKEN = {
    "two functions have one name": kernel(functions=(function(), function())),
    "two parameters have one name": kernel(params=(Param("n", UINT),)),
    "reaches the end without a return": kernel(functions=(function(body=()),)),
    "the name is taken": kernel(Declare("n", UINT, u(1))),
    "the value is int": kernel(Declare("z", FLOAT, i(1))),
    "assigns int to float": kernel(store(i(1))),
    "assigns to a parameter": kernel(Assign(N, u(1))),
    "or to the variable of a for loop": kernel(For("j", INT, i(0), i(2), i(1), (Assign(Read("j", INT), i(1)),))),
    "stores through a const pointer": kernel(Assign(X, f(1))),
    "assigns to what is no place": kernel(Assign(f(1), f(1))),
    "assigns twice to one component": kernel(Assign(Swizzle(V, "xx", Vector(FLOAT, 2)), Construct((f(1),), Vector(FLOAT, 2)))),
    "the condition is no bool": kernel(If(u(1), ())),
    "loop's variable is no integer": kernel(For("j", FLOAT, f(0), f(2), f(1), ())),
    "bounds have another type": kernel(For("j", INT, i(0), N, i(1), ())),
    "stands in no loop": kernel(If(YES, (Break(),))),
    "stands in no loop in": kernel(Continue()),
    "the result is void": kernel(Return(f(1))),
    "the result is float": kernel(functions=(function(body=(Return(i(1)),)),)),
    "no call": kernel(Evaluate(f(1))),
    "no value of uint": kernel(Declare("z", UINT, u(-1))),
    "no value of float": kernel(Declare("z", FLOAT, Constant(1, FLOAT))),
    "no value of int": kernel(Declare("z", INT, Constant(True, INT))),
    "not representable in half": kernel(Declare("z", DType.FLOAT16, Constant(0.1, DType.FLOAT16))),
    "is not declared": kernel(store(Read("z", FLOAT))),
    "has another type": kernel(Declare("z", INT, Read("n", INT))),
    "no thread or grid index": kernel(Declare("z", UINT, Builtin("thread_position", UINT))),
    "add takes numbers, not bool": kernel(Declare("z", BOOL, Apply(OPERATORS["add"], (YES, YES), BOOL))),
    "add gives float": kernel(Declare("z", INT, Apply(OPERATORS["add"], (X, X), INT))),
    "operands differ: float and uint": kernel(store(Apply(OPERATORS["add"], (X, N), FLOAT))),
    "takes 2 arguments, not 1": kernel(store(Apply(OPERATORS["add"], (X,), FLOAT))),
    "between different widths": kernel(Declare("z", FLOAT4, Cast(X, FLOAT4))),
    "components of another type": kernel(Declare("z", FLOAT4, Construct((i(1),), FLOAT4))),
    "the number of components differs": kernel(Declare("z", FLOAT4, Construct((V, X), FLOAT4))),
    "no such component": kernel(store(Swizzle(X, "x", FLOAT))),
    "no such component in": kernel(store(Swizzle(Swizzle(V, "xy", Vector(FLOAT, 2)), "z", FLOAT))),
    "has another type in": kernel(Declare("z", FLOAT4, Swizzle(V, "xy", FLOAT4))),
    "no component of a vector": kernel(store(Component(X, u(0), FLOAT))),
    "the index is no integer": kernel(store(Component(V, f(0), FLOAT))),
    "no pointer to that type": kernel(store(Load("n", u(0), FLOAT))),
    "index is no integer": kernel(store(Load("x", f(0), FLOAT))),
    "the branches have other types": kernel(store(Select(YES, X, i(1), FLOAT))),
    "the condition is no bool in": kernel(store(Select(N, X, X, FLOAT))),
    "no function of that name before": kernel(store(CALL)),
    "the function gives float": kernel(Evaluate(Call("g", (f(1),), VOID)), functions=(function(),)),
    "the function takes 1 arguments": kernel(store(Call("g", (), FLOAT)), functions=(function(),)),
    "is no float": kernel(store(Call("g", (i(1),), FLOAT)), functions=(function(),)),
    "no such pointer": kernel(store(Call("g", (Address("x", device(FLOAT)),), FLOAT)), functions=(function(params=(Param("a", device(FLOAT)),), body=(Return(f(1)),)),)),
    "no function of that name before this one in `g`": kernel(functions=(function(body=(Return(CALL),)),)),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "broken"), BROKEN.items(), ids=BROKEN)
def test_every_rule_catches_its_fault(rule, broken):
    with pytest.raises(InternalError) as caught:
        verify(broken)
    assert rule in str(caught.value)


def test_a_variable_of_a_block_is_not_seen_outside():
    inside = If(YES, (Declare("z", FLOAT, f(1)),))
    verify(kernel(inside))
    with pytest.raises(InternalError, match="is not declared"):
        verify(kernel(inside, store(Read("z", FLOAT))))
    with pytest.raises(InternalError, match="the name is taken"):
        verify(kernel(inside, Declare("z", FLOAT, f(1))))


def test_loops_one_after_the_other_may_share_a_variable():
    loop = For("j", INT, i(0), i(2), i(1), ())
    verify(kernel(loop, loop))
    with pytest.raises(InternalError, match="the name is taken"):
        verify(kernel(dataclasses.replace(loop, body=(loop,))))
    with pytest.raises(InternalError, match="the name is taken"):
        verify(kernel(loop, For("j", UINT, u(0), u(2), u(1), ())))


def test_const_pointers_may_be_passed_only_as_const():
    reads = function(
        params=(Param("a", device(FLOAT, const=True)),), body=(Return(Load("a", u(0), FLOAT)),)
    )
    for name, const in (("x", True), ("y", False)):
        verify(
            kernel(
                store(Call("g", (Address(name, device(FLOAT, const)),), FLOAT)), functions=(reads,)
            )
        )
    writes = function(params=(Param("a", device(FLOAT)),), body=(Return(f(1)),))
    with pytest.raises(InternalError, match="is no device float"):
        verify(
            kernel(
                store(Call("g", (Address("x", device(FLOAT, True)),), FLOAT)), functions=(writes,)
            )
        )


def test_an_endless_loop_needs_no_return_behind_it():
    turning = While(YES, (If(YES, (Return(f(1)),)),))
    verify(kernel(functions=(function(body=(turning,)),)))
    leaving = While(YES, (Break(),))
    with pytest.raises(InternalError, match="without a return"):
        verify(kernel(functions=(function(body=(leaving,)),)))


def test_the_message_names_the_place_in_python():
    span = SourceSpan("k.py", 7, 3, 7, 9, "    y[0] = 1")
    broken = kernel(Assign(STORE.place, i(1), span=span))
    with pytest.raises(InternalError, match=r"in `k` \(from k.py:7:3\):\ny\[0u\] = 1"):
        verify(broken)


def test_constants_of_equal_value_and_different_bits_differ():
    assert f(0.0) != f(-0.0)
    assert f(float("nan")) == f(float("nan"))
    assert i(1) != u(1)

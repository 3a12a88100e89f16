"""The interpreter against NumPy and against Python, statement by statement; and its faults."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelFault, LaunchError
from metal_runtime.ir import interpret as interpreter
from metal_runtime.ir.interpret import convert, interpret
from metal_runtime.ir.nodes import (
    Address,
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
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import VOID, Vector
from tests.hand_made_kernels import (
    BOOL,
    FLOAT,
    FLOAT4,
    INT,
    POSITION,
    UINT,
    add_3d,
    ap,
    device,
    f,
    i,
    mandelbrot,
    n_body,
    saxpy,
    thread,
    u,
)

T, TOTAL = Read("t", UINT), Read("total", INT)
OUT = Param("out", device(INT))
YES = Constant(True, BOOL)


def run(*body, count=6, params=(), functions=(), **arguments):
    """Runs ``body`` in threads t = 0, 1, …, with an int variable ``total``; returns total of each thread."""
    store = Assign(Load("out", T, INT), TOTAL)
    head = (Declare("t", UINT, thread()), Declare("total", INT, i(0)))
    kernel = Kernel("k", (OUT, *params), (*head, *body, store), functions)
    verify(kernel)
    out = np.full(count, -99, np.int32)
    interpret(kernel, (count, 1, 1), {"out": out, **arguments})
    return out.tolist()


def add(value):
    return Assign(TOTAL, ap("add", TOTAL, value))


def as_int(value):
    return Cast(value, INT)


# --- whole kernels -------------------------------------------------------------------------------


def test_saxpy():
    rng = np.random.default_rng()
    x, y = rng.normal(size=(2, 1001)).astype(np.float32)
    expected = np.float32(1.5) * x + y
    interpret(saxpy(), (1024, 1, 1), {"x": x, "y": y, "a": 1.5, "n": 1001})
    assert np.array_equal(y, expected)


def test_add_3d():
    a, b = np.random.default_rng().normal(size=(2, 3, 5, 7)).astype(np.float32)
    c = np.full_like(a, np.nan)
    interpret(add_3d(), (8, 8, 8), {"A": a, "B": b, "C": c, "D": 3, "H": 5, "W": 7})
    assert np.array_equal(c, a + b)


def test_mandelbrot():
    width, height, limit = 13, 9, 40
    out = np.full((height, width), -1, np.int32)
    interpret(
        mandelbrot(), (16, 16, 1), {"out": out, "width": width, "height": height, "limit": limit}
    )
    one, two, three = np.float32(1.5), np.float32(2), np.float32(3)
    for y in range(height):
        for x in range(width):
            cr = -two + three * np.float32(x) / np.float32(width)
            ci = -one + three * np.float32(y) / np.float32(height)
            zr = zi = np.float32(0)
            count = 0
            while zr * zr + zi * zi <= 4 and count < limit:
                zr, zi = zr * zr - zi * zi + cr, two * zr * zi + ci
                count += 1
            assert out[y, x] == count


def test_n_body():
    bodies = np.random.default_rng().normal(size=(9, 4)).astype(np.float32)
    forces = np.full_like(bodies, np.nan)
    interpret(n_body(), (16, 1, 1), {"bodies": bodies, "forces": forces, "n": 9, "softening": 0.01})
    delta = bodies[None, :, :3].astype(np.float64) - bodies[:, None, :3]
    weight = bodies[None, :, 3] / ((delta**2).sum(axis=2) + 0.01) ** 1.5
    assert np.allclose(
        forces[:, :3], (delta * weight[:, :, None]).sum(axis=1), rtol=1e-4, atol=1e-4
    )
    assert not forces[:, 3].any()


# --- control flow --------------------------------------------------------------------------------


def test_branches():
    body = If(ap("lt", T, u(2)), (add(i(1)),), (If(ap("lt", T, u(4)), (add(i(2)),)), add(i(10))))
    assert run(body) == [1, 1, 12, 12, 10, 10]


def test_a_range_is_pythons():
    for start, stop, step in [(0, 5, 1), (5, 0, -2), (3, 3, 1), (7, 2, 3), (-4, 5, 4)]:
        body = For("j", INT, i(start), i(stop), i(step), (add(Read("j", INT)), add(i(100))))
        expected = sum(j + 100 for j in range(start, stop, step))
        assert run(body, count=2) == [expected] * 2


def test_a_range_differs_by_thread():
    body = For("j", UINT, u(0), T, u(1), (add(as_int(Read("j", UINT))),))
    assert run(body) == [0, 0, 1, 3, 6, 10]


def test_a_range_near_the_limits_of_its_type():
    char = DType.INT8
    bounds = (Constant(100, char), Constant(127, char), Constant(20, char))
    assert run(For("j", char, *bounds, (add(Cast(Read("j", char), INT)),)), count=1) == [220]
    big = DType.UINT64
    bounds = (Constant(2**64 - 3, big), Constant(2**64 - 1, big), Constant(1, big))
    assert run(For("j", big, *bounds, (add(i(1)),)), count=1) == [2]


def test_break_and_continue_leave_the_innermost_loop():
    j = Read("j", INT)
    inner = For(
        "k", INT, i(0), i(9), i(1), (If(ap("eq", Read("k", INT), j), (Break(),)), add(i(1)))
    )
    odd = If(ap("eq", ap("rem", j, i(2)), i(1)), (Continue(),))
    body = For("j", INT, i(0), Cast(T, INT), i(1), (odd, inner))
    expected = [sum(j for j in range(t) if j % 2 == 0) for t in range(6)]
    assert run(body) == expected


def test_a_while_loop_and_an_early_return():
    leave = If(ap("eq", TOTAL, i(3)), (Return(),))
    loop = While(ap("lt", TOTAL, as_int(T)), (add(i(1)), leave))
    assert run(loop) == [0, 1, 2, -99, -99, -99]


def test_a_choice_evaluates_only_what_it_takes():
    table = Load("table", ap("sub", T, u(3)), INT)
    params, values = (Param("table", device(INT)),), {"table": np.arange(10, 13, dtype=np.int32)}
    chosen = Select(ap("ge", T, u(3)), table, i(-1), INT)
    assert run(add(chosen), params=params, **values) == [-1, -1, -1, 10, 11, 12]
    both = ap("logical_and", ap("ge", T, u(3)), ap("gt", table, i(10)))
    assert run(If(both, (add(i(1)),)), params=params, **values) == [0, 0, 0, 0, 1, 1]
    either = ap("logical_or", ap("lt", T, u(3)), ap("gt", table, i(10)))
    assert run(If(either, (add(i(1)),)), params=params, **values) == [1, 1, 1, 0, 1, 1]


def test_calls_return_at_different_places_and_store():
    early = If(ap("lt", Read("a", INT), i(3)), (Return(Read("a", INT)),))
    store = Assign(Load("p", Cast(Read("a", INT), UINT), INT), ap("neg", Read("a", INT)))
    result = Return(ap("mul", Read("a", INT), i(10)))
    params = (Param("a", INT), Param("p", device(INT)))
    function = Function("g", params, INT, (early, store, result))
    side = np.zeros(6, np.int32)
    call = Call("g", (as_int(T), Address("side", device(INT))), INT)
    extra = (Param("side", device(INT)),)
    assert run(add(call), functions=(function,), params=extra, side=side) == [0, 1, 2, 30, 40, 50]
    assert side.tolist() == [0, 0, 0, -3, -4, -5]


def test_a_call_for_its_effect():
    function = Function(
        "g", (Param("p", device(INT)),), VOID, (Assign(Load("p", u(0), INT), i(7)),)
    )
    side = np.zeros(1, np.int32)
    call = Evaluate(Call("g", (Address("side", device(INT)),), VOID))
    run(call, functions=(function,), params=(Param("side", device(INT)),), side=side)
    assert side[0] == 7


# --- values --------------------------------------------------------------------------------------


def test_places():
    v = Read("v", FLOAT4)
    two = Vector(FLOAT, 2)
    body = (
        Declare("t", UINT, thread()),
        Declare("v", FLOAT4, Load("a", T, FLOAT4)),
        Assign(Swizzle(v, "wy", two), Construct((f(10), f(20)), two)),
        Assign(Swizzle(Swizzle(v, "zx", two), "y", FLOAT), f(30)),
        Assign(Component(Load("a", T, FLOAT4), T, FLOAT), f(99)),
        Assign(Load("b", T, FLOAT4), v),
    )
    kernel = Kernel("k", (Param("a", device(FLOAT4)), Param("b", device(FLOAT4))), body)
    verify(kernel)
    a = np.arange(16, dtype=np.float32).reshape(4, 4)
    expected = a.copy()
    np.fill_diagonal(expected, 99)
    b = np.zeros_like(a)
    interpret(kernel, (4, 1, 1), {"a": a, "b": b})
    assert np.array_equal(a, expected)
    assert b[:, 1].tolist() == [20] * 4
    assert b[:, 3].tolist() == [10] * 4
    assert b[:, 0].tolist() == [30] * 4
    assert b[:, 2].tolist() == [2, 6, 10, 14]


def test_a_vector_of_three_keeps_the_padding():
    three = Vector(FLOAT, 3)
    body = (Assign(Load("a", thread(), three), Construct((f(1),), three)),)
    a = np.full((2, 4), 5, np.float32)
    interpret(Kernel("k", (Param("a", device(three)),), body), (2, 1, 1), {"a": a})
    assert a.tolist() == [[1, 1, 1, 5]] * 2


def test_arithmetic_stays_in_its_type():
    char, half = DType.INT8, DType.FLOAT16
    value = Cast(ap("add", Constant(100, char), Constant(100, char)), INT)
    assert run(add(value), count=1) == [-56]
    total = ap("add", Constant(2048.0, half), Constant(1.0, half))
    assert run(add(as_int(total)), count=1) == [2048]
    brain = ap("add", Constant(256.0, DType.BFLOAT16), Constant(1.0, DType.BFLOAT16))
    assert run(add(as_int(brain)), count=1) == [256]


def test_conversions():
    values = np.array([2.9, -2.9, np.nan, np.inf, -np.inf, 3e9, 200.0], np.float32)
    assert convert(values, INT).tolist() == [2, -2, 0, 2**31 - 1, -(2**31), 2**31 - 1, 200]
    assert convert(values, DType.INT8).tolist() == [2, -2, 0, 127, -128, 127, 127]
    assert convert(values, DType.UINT64).tolist() == [2, 0, 0, 2**64 - 1, 0, 3_000_000_000, 200]
    assert convert(values, BOOL).all()
    assert convert(np.array([300, -1]), DType.UINT8).tolist() == [44, 255]


def test_thread_indices():
    names = {
        "thread_position_in_threadgroup": lambda x, y: (x % 4, y % 2, 0),
        "threadgroup_position_in_grid": lambda x, y: (x // 4, y // 2, 0),
        "threads_per_threadgroup": lambda x, y: (4 if x < 4 else 1, 2 if y < 2 else 1, 1),
        "dispatch_threads_per_threadgroup": lambda x, y: (4, 2, 1),
        "threads_per_grid": lambda x, y: (5, 3, 1),
        "threadgroups_per_grid": lambda x, y: (2, 2, 1),
    }
    flat = ap("add", ap("mul", thread("y"), u(5)), thread("x"))
    three = Vector(UINT, 3)
    for name, expected in names.items():
        body = (Assign(Load("out", flat, three), Builtin(name, POSITION.type)),)
        out = np.zeros((15, 4), np.uint32)
        kernel = Kernel("k", (Param("out", device(three)),), body)
        interpret(kernel, (5, 3, 1), {"out": out}, (4, 2, 1))
        for y in range(3):
            for x in range(5):
                assert tuple(out[y * 5 + x, :3]) == expected(x, y), name


def test_the_index_in_a_threadgroup_counts_its_threads():
    flat = ap("add", ap("mul", thread("y"), u(5)), thread("x"))
    body = (Assign(Load("out", flat, UINT), Builtin("thread_index_in_threadgroup", UINT)),)
    out = np.zeros(15, np.uint32)
    interpret(Kernel("k", (Param("out", device(UINT)),), body), (5, 3, 1), {"out": out}, (4, 2, 1))
    assert out.reshape(3, 5).tolist() == [[0, 1, 2, 3, 0], [4, 5, 6, 7, 1], [0, 1, 2, 3, 0]]


def test_the_last_thread_to_store_wins():
    out = np.zeros(1, np.uint32)
    body = (Assign(Load("out", u(0), UINT), thread()),)
    interpret(Kernel("k", (Param("out", device(UINT)),), body), (7, 1, 1), {"out": out})
    assert out[0] == 6


def test_an_empty_grid_does_nothing():
    assert run(add(i(1)), count=0) == []


# --- faults --------------------------------------------------------------------------------------


def test_an_index_out_of_range_names_pointer_index_and_thread():
    with pytest.raises(
        KernelFault, match=r"`out`: index 6 is out of range for 6 elements in thread \(5, 0, 0\)"
    ):
        run(Assign(Load("out", ap("add", T, u(1)), INT), i(0)))
    with pytest.raises(KernelFault, match=r"index -1 is out of range"):
        run(add(Load("out", ap("sub", as_int(T), i(1)), INT)))


def test_an_index_out_of_range_that_is_guarded_is_none():
    inside = If(ap("lt", T, u(5)), (add(Load("out", ap("add", T, u(1)), INT)),))
    assert run(inside) == [-99] * 5 + [0]


@pytest.mark.parametrize("name", ["div", "rem", "floordiv", "mod"])
def test_an_integer_division_by_zero(name):
    divide = add(ap(name, i(7), as_int(T)))
    with pytest.raises(
        KernelFault, match=r"kernel `k`: integer division by zero in thread \(0, 0, 0\)"
    ):
        run(divide)
    run(If(ap("gt", T, u(0)), (divide,)))


def test_an_endless_loop(monkeypatch):
    monkeypatch.setattr(interpreter, "MAX_TURNS", 100)
    with pytest.raises(KernelFault, match="more than 100 turns"):
        run(While(YES, (add(i(1)),)))


def test_a_component_out_of_range():
    wide = Component(Construct((i(1),), Vector(INT, 4)), T, INT)
    with pytest.raises(KernelFault, match="component 4 of int4"):
        run(add(wide))


def test_a_step_of_zero_makes_no_turns():
    assert run(For("j", INT, i(0), i(3), i(0), (add(i(1)),))) == [0] * 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "`out`: is missing"),
        ({"out": [1, 2]}, "`out`: expected a contiguous array of int32 for device int\\*"),
        ({"out": np.zeros(4)}, "contiguous array of int32"),
        ({"out": np.zeros((4, 4), np.int32)[:, ::2]}, "contiguous array"),
    ],
)
def test_arguments_that_do_not_fit(given, message):
    with pytest.raises(LaunchError, match=message):
        interpret(Kernel("k", (OUT,), ()), (1, 1, 1), given)

"""Whole programs: golden MSL, signatures, thread indices, line spans."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.ir.nodes import (
    Address,
    Assign,
    Builtin,
    Call,
    Cast,
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
    Swizzle,
)
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import VOID, AddressSpace, Pointer, Vector
from metal_runtime.program import ArgumentKind
from metal_runtime.source import SourceSpan
from tests.cpu_runs import run_on_cpu
from tests.hand_made_kernels import (
    ALL,
    FLOAT,
    INT,
    POSITION,
    UINT,
    ap,
    device,
    f,
    i,
    saxpy,
    thread,
    u,
)

UINT3 = Vector(UINT, 3)
OUT = Param("out", device(UINT))


@pytest.mark.parametrize("name", ALL)
def test_golden(name, golden):
    golden(f"msl/{name}.metal", ir_to_msl(ALL[name]()).source)


def body_of(*statements, params=(OUT,), functions=()):
    kernel = Kernel("k", params, statements, functions)
    verify(kernel)
    return ir_to_msl(kernel).source.split("using namespace metal;\n\n", 1)[1]


def store(value, at=None):
    return Assign(Load("out", at or u(0), UINT), value)


def test_the_signature_has_the_python_names():
    signature = ir_to_msl(saxpy()).entry_point("saxpy")
    x, y, a, n = signature.arguments
    assert (x.name, x.index, x.kind, x.type_text, x.itemsize) == (
        "x",
        0,
        ArgumentKind.BUFFER,
        "device const float*",
        4,
    )
    assert (x.written, y.written, a.written) == (False, True, False)
    assert (n.kind, n.type_text, n.type, n.space) == (
        ArgumentKind.VALUE,
        "constant uint&",
        UINT,
        AddressSpace.CONSTANT,
    )
    assert signature.builtins == ("thread_position_in_grid",)


def test_written_looks_into_called_functions():
    pointers = (Param("p", device(UINT)), Param("q", device(UINT)))
    inner = Function("inner", pointers, VOID, (Assign(Load("q", u(0), UINT), u(1)),))
    middle = Function("middle", (Param("r", device(UINT)), Param("s", device(UINT))), VOID, (
        Evaluate(Call("inner", (Address("s", device(UINT)), Address("r", device(UINT))), VOID)),
    ))  # fmt: skip
    params = tuple(Param(n, device(UINT)) for n in ("a", "b", "c"))
    call = Call("middle", (Address("a", device(UINT)), Address("b", device(UINT))), VOID)
    kernel = Kernel("k", params, (Evaluate(call),), (inner, middle))
    verify(kernel)
    assert [a.written for a in ir_to_msl(kernel).entry_points[0].arguments] == [True, False, False]


def test_a_variable_that_is_the_index_becomes_the_parameter():
    assert "    uint row [[thread_position_in_grid]])\n{\n    out[row] = row;\n}" in body_of(
        Declare("row", UINT, thread()), store(Read("row", UINT), Read("row", UINT))
    )


def test_a_variable_that_changes_stays_a_variable():
    text = body_of(
        Declare("j", UINT, thread()), Assign(Read("j", UINT), u(1)), store(Read("j", UINT))
    )
    assert "uint gid [[thread_position_in_grid]]" in text
    assert "    uint j = gid;\n    j = 1u;\n" in text


def test_a_converted_index_is_converted():
    text = body_of(Declare("j", INT, Cast(thread(), INT)), store(Cast(Read("j", INT), UINT)))
    assert "int j = gid;" in text or "int j = int(gid);" in text


def test_all_positions_have_the_same_width():
    group = Builtin("threadgroup_position_in_grid", UINT3)
    text = body_of(store(ap("add", thread("y"), Swizzle(group, "x", UINT))))
    assert "uint2 gid [[thread_position_in_grid]]" in text
    assert "uint2 group_id [[threadgroup_position_in_grid]]" in text
    assert "gid.y + group_id.x" in text


def test_a_whole_index_is_three_wide():
    text = body_of(Declare("p", UINT3, POSITION), store(Swizzle(Read("p", UINT3), "x", UINT)))
    assert "uint3 p [[thread_position_in_grid]]" in text


def test_functions_are_handed_the_indices_that_they_read():
    inner = Function("row", (), UINT, (Return(thread()),))
    outer = Function("twice", (Param("a", UINT),), UINT, (
        Return(ap("mul", Read("a", UINT), Call("row", (), UINT))),
    ))  # fmt: skip
    text = body_of(store(Call("twice", (u(2),), UINT)), functions=(inner, outer))
    assert "inline uint row(uint gid)" in text
    assert "inline uint twice(uint a, uint gid)" in text
    assert "return a * row(gid);" in text
    assert "out[0u] = twice(2u, gid);" in text


def test_names_that_mean_something_in_msl_are_changed():
    params = (Param("half", device(FLOAT)), Param("thread", UINT))
    text = body_of(
        Declare("sqrt", FLOAT, ap("sqrt", Load("half", Read("thread", UINT), FLOAT))),
        Declare("floor", FLOAT, f(1)),
        Assign(Load("half", u(0), FLOAT), ap("add", Read("sqrt", FLOAT), Read("floor", FLOAT))),
        params=params,
    )
    assert "device float* half_ [[buffer(0)]]" in text
    assert "float sqrt_ = sqrt(half_[thread_]);" in text
    arguments = ir_to_msl(Kernel("k", params, ())).entry_points[0].arguments
    assert [a.name for a in arguments] == ["half", "thread"]


def test_functions_do_not_overload_those_of_metal():
    clamp = Function("clamp", (Param("x", FLOAT),), FLOAT, (Return(Read("x", FLOAT)),))
    params = (Param("out", device(FLOAT)),)
    text = body_of(
        Assign(Load("out", u(0), FLOAT), Call("clamp", (f(1),), FLOAT)),
        params=params,
        functions=(clamp,),
    )
    assert "inline float clamp_(float x)" in text
    assert "= clamp_(1.0f);" in text


def test_a_kernel_may_be_called_as_a_function_of_metal():
    kernel = Kernel(
        "exp", (Param("out", device(FLOAT)),), (Assign(Load("out", u(0), FLOAT), ap("exp", f(1))),)
    )
    program = ir_to_msl(kernel)
    assert program.entry_points[0].name == "exp"
    assert "kernel void exp(" in program.source
    out = np.zeros(1, np.float32)
    run_on_cpu(kernel, (1, 1, 1), {"out": out})
    assert abs(out[0] - np.e) < 1e-6
    assert ir_to_msl(Kernel("kernel", (), ())).entry_points[0].name == "kernel_"


def test_a_kernel_without_parameters():
    assert body_of(params=()) == "kernel void k()\n{\n}\n"


def test_every_line_knows_its_python():
    span = SourceSpan("k.py", 3, 5, 3, 9, "    out[0] = 1")
    program = ir_to_msl(
        Kernel(
            "k",
            (OUT,),
            (If(ap("lt", u(1), u(2)), (Assign(Load("out", u(0), UINT), u(1), span=span),)),),
        )
    )
    lines = program.source.splitlines()
    assert len(program.line_spans) == len(lines)
    assert program.line_spans[lines.index("        out[0u] = 1u;")] is span


def test_python_stands_above_what_does_not_look_like_it():
    span = SourceSpan("k.py", 3, 5, 3, 9, "    q = a // b\n")
    a, b = Read("a", INT), Read("b", INT)
    params = (Param("a", INT), Param("b", INT), Param("out", device(INT)))
    text = body_of(
        Declare("q", INT, ap("floordiv", a, b), span=span),
        Assign(Load("out", u(0), INT), Read("q", INT)),
        params=params,
    )
    assert "    // q = a // b\n    int q = floor_div(a, b);\n" in text
    assert text.count("inline T floor_div(T a, T b)") == 1


def test_bounds_that_the_loop_changes_are_kept():
    n = Read("m", INT)
    loop = For("j", INT, i(0), n, i(1), (Assign(n, ap("sub", n, i(1))),))
    text = body_of(Declare("m", INT, i(9)), loop, store(Cast(n, UINT)))
    assert "    const int j_stop = m;\n    for (int j = 0; j < j_stop; j++) {\n" in text


LOOPS = [
    ((i(0), Read("n", INT), i(1)), "for (int j = 0; j < n; j++)"),
    ((i(0), Read("n", INT), i(3)), "for (int j = 0; j < n; j += 3)"),
    ((Read("n", INT), i(-1), i(-1)), "for (int j = n; j > -1; j--)"),
    ((Read("n", INT), i(0), i(-4)), "for (int j = n; j > 0; j -= 4)"),
    (
        (i(0), i(9), Read("n", INT)),
        "for (int j = 0; (n > 0 && j < 9) || (n < 0 && j > 9); j += n)",
    ),
    ((i(0), ap("mul", Read("n", INT), i(2)), i(1)), "for (int j = 0; j < n * 2; j++)"),
]


@pytest.mark.parametrize(("bounds", "head"), LOOPS, ids=[head for _, head in LOOPS])
def test_loops(bounds, head):
    params = (OUT, Param("n", INT))
    assert head in body_of(For("j", INT, *bounds, (store(u(1)),)), params=params)


def test_a_grid_stride_loop_needs_no_test_of_its_step():
    size = Swizzle(Builtin("threads_per_grid", UINT3), "x", UINT)
    loop = For("j", UINT, thread(), Read("n", UINT), size, (store(u(1)),))
    text = body_of(loop, params=(OUT, Param("n", UINT)))
    assert "for (uint j = gid; j < n; j += grid_size) {" in text


def test_a_step_that_may_be_0_is_tested():
    loop = For("j", UINT, u(0), Read("n", UINT), thread(), (store(u(1)),))
    assert "gid > 0u && j < n" in body_of(loop, params=(OUT, Param("n", UINT)))


def test_narrow_counters_with_a_step_are_int():
    char = DType.INT8
    bounds = [Read("a", char), Read("b", char)]
    from metal_runtime.ir.nodes import Constant

    loop = For("j", char, *bounds, Constant(2, char), (store(Cast(Read("j", char), UINT)),))
    text = body_of(loop, params=(OUT, Param("a", char), Param("b", char)))
    assert "for (int j = a; j < b; j += 2) {\n        out[0u] = j;" in text


def test_constant_pointers():
    params = (OUT, Param("t", Pointer(AddressSpace.CONSTANT, UINT, True)))
    assert "constant uint* t [[buffer(1)]]" in body_of(store(Load("t", u(0), UINT)), params=params)

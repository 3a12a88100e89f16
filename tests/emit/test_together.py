"""The MSL of what threads do together: golden texts, and on the CPU device the interpreter's bits."""

from __future__ import annotations

import random

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import translate
from metal_runtime.ir.atomics import AtomicOperation, atomic_takes
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.collectives import COLLECTIVES, LANE
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.nodes import (
    Assign,
    Atomic,
    Builtin,
    Collective,
    Declare,
    Evaluate,
    If,
    Kernel,
    Load,
    Param,
    Read,
)
from metal_runtime.ir.printer import print_kernel
from metal_runtime.msl_types import VOID, Pointer, Vector, element_of, parse_type
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import CompileOptions
from tests.cpu_runs import differing, run_on_cpu
from tests.engine import python_kernels
from tests.hand_made_kernels import FLOAT, INT, UINT, ap, device, i, thread, u
from tests.strategies import random_values

IN, OUT = "device const float*", "device float*"
GOLDEN = {
    "tree_reduction": (IN, OUT, "uint"),
    "simd_reduction": (IN, OUT, "uint"),
    "tiled_matmul": (IN, IN, OUT, "uint", "uint", "uint"),
    "simdgroup_matmul": (IN, IN, OUT, "uint"),
    "simdgroup_matmul_bfloat": ("device const bfloat*", "device const bfloat*", "device bfloat*", "uint"),
    "histogram": ("device const uint*", "device uint*", "uint"),
    "layer_norm": (IN, IN, IN, OUT, "uint", "float"),
    "transpose": (IN, OUT, "uint", "uint"),
    "largest_four": (IN, OUT, "uint"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name, golden):
    function = getattr(python_kernels, name)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    types = {n: parse_type(t) for n, t in zip(names, GOLDEN[name], strict=True)}
    kernel = optimize(translate(function, types))
    golden(f"ir/together_{name}.ir", print_kernel(kernel))
    golden(f"msl/together_{name}.metal", ir_to_msl(kernel).source)


def expression(operation, element):
    """The function of x[i], and of a lane between 0 and 3 that differs from thread to thread."""
    x = Load("x", thread(), element)
    lane = ap("bit_and", Load("lanes", thread(), LANE), i_as(LANE, 3))
    twice = ap("add", x, x)
    if operation.name.endswith(("all", "any", "ballot")):
        x = ap("gt", Load("lanes", thread(), LANE), i_as(LANE, 20000))
    if operation.name.endswith("broadcast"):
        lane = i_as(LANE, 1)
    args = {0: (), 1: (x,), 2: (x, lane), 3: (x, twice, i_as(LANE, 3))}[operation.arity]
    return Collective(operation, args, operation.result_type([a.type for a in args]))


def i_as(dtype, value):
    return type(i(0))(value, dtype)


@pytest.mark.parametrize(
    ("element", "strategy"),
    [
        (INT, None), (FLOAT, None), (DType.FLOAT16, None), (Vector(INT, 3), None), (INT, "fibers"), (Vector(FLOAT, 4), "fibers"),
        *(  # two seconds each
            pytest.param(element, strategy, marks=pytest.mark.soak)
            for element in (UINT, DType.INT8, DType.UINT16, Vector(FLOAT, 4), FLOAT, DType.FLOAT16)
            for strategy in (None, "fibers")
        ),
    ],
    ids=str,
)  # fmt: skip
def test_functions_of_lanes_on_the_device(element, strategy):
    """Each in all threads, and in some of them."""
    bits = (COLLECTIVES[f"{g}_{n}"] for g in ("simd", "quad") for n in ("and", "or", "xor"))
    skipped = set(bits) if element_of(element).is_float else set()
    operations = [o for o in COLLECTIVES.values() if o not in skipped]
    params, body, outputs = [], [], {}
    n = 77
    some = ap("ne", ap("rem", thread(), u(3)), u(1))
    for operation in operations:
        value = expression(operation, element)
        pointer = device(value.type)
        for when in ("all", "some"):
            name = f"{operation.name}_{when}"
            place = Load(name, thread(), value.type)
            params.append(Param(name, pointer))
            store = Assign(place, value)
            body.append(store if when == "all" else If(some, (store,)))
            outputs[name] = (value.type, operation)
    source = random.Random()
    width = element.width if isinstance(element, Vector) else 1
    stored = 4 if width == 3 else width
    x = random_values(source, element_of(element), n * stored)
    if element_of(element).is_float:
        x = np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0).clip(-4, 4)
    inputs = {"x": x, "lanes": np.random.default_rng().integers(0, 65536, n).astype(np.uint16)}
    for first in range(0, len(params), 24):  # Metal has 31 buffers
        own = params[first : first + 24]
        kernel = Kernel(
            "lanes_of",
            (Param("x", device(element, const=True)), Param("lanes", device(LANE, const=True)), *own),
            tuple(body[first : first + 24]),
        )  # fmt: skip
        given = {p.name: empty(p.type, n) for p in own}
        want, have = ({k: v.copy() for k, v in {**inputs, **given}.items()} for _ in range(2))
        interpret(kernel, (n, 1, 1), want, (42, 1, 1))
        program = ir_to_msl(kernel, CompileOptions(strategy=strategy))
        run_on_cpu(kernel, (n, 1, 1), have, (42, 1, 1), program)
        for param in own:
            type_, operation = outputs[param.name]
            compare(want[param.name], have[param.name], type_, operation, param.name)


def empty(pointer: Pointer, n: int) -> np.ndarray:
    element = pointer.element
    count = n * (element.itemsize // element_of(element).itemsize)
    return np.zeros(count, element_of(element).numpy_dtype)


def compare(want, have, type_, operation, name):
    if element_of(type_).is_float and not operation.exact:
        tolerance = 0.05 if want.dtype.itemsize == 2 else 1e-4
        np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance, err_msg=name)
    elif element_of(type_).is_float and operation.name.endswith(("min", "max")):
        np.testing.assert_array_equal(have, want, name)  # the sign of a zero is open
    else:
        assert not differing(want, have).any(), name


LAST_WINS = (AtomicOperation.STORE, AtomicOperation.EXCHANGE, AtomicOperation.COMPARE_EXCHANGE)


@pytest.mark.parametrize(
    ("operation", "element"),
    [
        (o, e)
        for o in AtomicOperation
        for e in (INT, UINT, FLOAT, DType.UINT64)
        if atomic_takes(o, e)
    ],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_atomics_on_the_device(operation, element):
    """One thread, so that the order is known; then many."""
    place = Load("x", u(1), element)
    operand = Load("y", thread(), element)
    args = (operand,) * operation.operands
    if operation is AtomicOperation.COMPARE_EXCHANGE:
        args = (i_as(element, 7), ap("add", operand, i_as(element, 1)))
    type_ = element if operation.has_result else VOID
    atomic = Atomic(operation, place, args, type_)
    body = [Evaluate(atomic)]
    if type_ is not VOID:
        body = [Declare("before", element, atomic)]
        body.append(Assign(Load("out", thread(), element), Read("before", element)))
    params = (
        Param("x", device(element)),
        Param("y", device(element)),
        Param("out", device(element)),
    )
    kernel = Kernel("atomics", params, tuple(body))
    for threads in (1, 200):
        rng = np.random.default_rng()
        x, y, out = (
            rng.integers(0, 50, k).astype(element.numpy_dtype) for k in (3, threads, threads)
        )
        x[1] = rng.choice([7, x[1]])
        want, have = ({"x": x.copy(), "y": y, "out": out.copy()} for _ in range(2))
        interpret(kernel, (threads, 1, 1), want, (32, 1, 1))
        run_on_cpu(kernel, (threads, 1, 1), have, (32, 1, 1))
        if threads == 1 or operation not in LAST_WINS:
            np.testing.assert_array_equal(have["x"], want["x"])
        if threads == 1:
            np.testing.assert_array_equal(have["out"], want["out"])


def test_indices_on_the_device():
    names = [n for n in BUILTINS if "simd" in n or "quad" in n]
    body = tuple(Assign(Load(n, thread(), UINT), Builtin(n, UINT)) for n in names)
    kernel = Kernel("indices", tuple(Param(n, device(UINT)) for n in names), body)
    want, have = ({n: np.full(99, 7, np.uint32) for n in names} for _ in range(2))
    interpret(kernel, (99, 1, 1), want, (70, 1, 1))
    run_on_cpu(kernel, (99, 1, 1), have, (70, 1, 1))
    for name in names:
        np.testing.assert_array_equal(have[name], want[name], name)
    assert ir_to_msl(kernel).entry_points[0].builtins == ("thread_position_in_grid", *names)

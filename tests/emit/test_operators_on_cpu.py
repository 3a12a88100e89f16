"""Every operator on every dtype and width: it has a spelling, compiles on the CPU device and equals its NumPy row."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.emit.spelling import SPELLINGS, HelperFunction
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.nodes import (
    Apply,
    Assign,
    Builtin,
    Cast,
    Constant,
    Construct,
    Declare,
    Expr,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Return,
    Stmt,
    Swizzle,
)
from metal_runtime.ir.operators import OPERATORS, Operator, OperatorTypeError
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import (
    AddressSpace,
    Pointer,
    ValueType,
    Vector,
    element_of,
    numpy_storage,
    type_name,
    with_element,
)
from tests.cpu_runs import differing, run_on_cpu, ulps
from tests.strategies import apply, random_values

UINT = DType.UINT32
COUNT = 257
TYPES: list[ValueType] = list(DType)
TYPES += [Vector(d, w) for d in DType for w in (2, 3, 4)]

# Largest distance from the rounded float64 value, in ulp: the MSL specification's tables for the library,
# what emit/helpers.py says for the functions that MSL lacks.
_OF_SUMS = {"mix", "smoothstep", "dot", "cross", "length", "distance", "normalize"}
_OF_SUMS |= {"length_squared", "distance_squared", "faceforward", "reflect", "refract"}
FLOAT_ULPS = defaultdict(lambda: 4, {"pow": 16, "tan": 6, "atan2": 6, "atan": 5, "asinh": 5, "acosh": 5, "atanh": 5, "tanh": 5})  # fmt: skip


# Where arguments differ from the first one's type: the type of each, and how it is made of a value of that type.
_OTHER_TYPES: dict[str, Callable[[ValueType], list[ValueType]]] = {
    "select": lambda t: [t, t, with_element(t, DType.BOOL)],
    "ldexp": lambda t: [t, with_element(t, DType.INT32)],
    "extract_bits": lambda t: [t, UINT, UINT],
    "insert_bits": lambda t: [t, t, UINT, UINT],
    "refract": lambda t: [t, t, element_of(t)],
}


def _types(operator: Operator, type_: ValueType) -> list[ValueType]:
    return _OTHER_TYPES.get(operator.name, lambda t: [t] * operator.arity)(type_)


def _arguments(operator: Operator, type_: ValueType) -> list[Expr]:
    """The values a, b, c, or what is made of them and of the thread's number."""
    index, bits = Read("i", UINT), element_of(type_).bits
    values: list[Expr] = [Read(f"v{n}", type_) for n in "abc"[: operator.arity]]
    offset = apply("rem", index, _uint(bits))
    count = apply("rem", apply("div", index, _uint(3)), apply("sub", _uint(bits + 1), offset))
    match operator.name:
        case "select":
            values[2] = apply("ne", values[2], values[0])
        case "ldexp":
            small = apply(
                "sub", Cast(apply("rem", index, _uint(80)), DType.INT32), Constant(40, DType.INT32)
            )
            values[1] = (
                Construct((small,), Vector(DType.INT32, type_.width))
                if isinstance(type_, Vector)
                else small
            )
        case "extract_bits":
            values[1:] = [offset, count]
        case "insert_bits":
            values[2:] = [offset, count]
        case "refract":
            values[2] = Swizzle(values[2], "x", element_of(type_))
    return values


def _is_taken(operator: Operator, type_: ValueType) -> bool:
    try:
        operator.result_type(_types(operator, type_))
    except OperatorTypeError:
        return False
    return True


def _kernel(type_: ValueType) -> tuple[Kernel, dict[str, tuple[str, int]]]:
    """out_T[i * K + k] = operator k (a[i], b[i], c[i]), for all operators that give T; and where each went."""
    device = AddressSpace.DEVICE
    names = ("a", "b", "c")
    params = [Param(n, Pointer(device, type_, True)) for n in names]
    index = Read("i", UINT)
    position = Builtin("thread_position_in_grid", Vector(UINT, 3))
    body: list[Stmt] = [
        Declare("i", UINT, Swizzle(position, "x", UINT)),
        If(apply("ge", index, Read("n", UINT)), (Return(),)),
        *(Declare(f"v{n}", type_, Load(n, index, type_)) for n in names),
    ]
    taken = [op for op in OPERATORS.values() if _is_taken(op, type_)]
    results: dict[ValueType, list[Operator]] = {}
    for operator in taken:
        results.setdefault(operator.result_type(_types(operator, type_)), []).append(operator)
    places = {}
    for result, operators in results.items():
        out = f"out_{type_name(result)}"
        params.append(Param(out, Pointer(device, result)))
        params.append(Param(f"{out}_rows", UINT))
        for row, operator in enumerate(operators):
            args = _arguments(operator, type_)
            at = apply("add", apply("mul", index, Read(f"{out}_rows", UINT)), _uint(row))
            body.append(Assign(Load(out, at, result), Apply(operator, tuple(args), result)))
            places[operator.name] = (out, row)
    params.append(Param("n", UINT))
    return Kernel(f"all_{type_name(type_)}", tuple(params), tuple(body)), places


def _uint(value: int) -> Constant:
    return Constant(value, UINT)


def _inputs(type_: ValueType, seed: int) -> dict[str, Any]:
    """Random values; divisors are not 0 (nor -1, which traps for the least integer on some processors)."""
    source = random.Random(seed)
    dtype = type_.element if isinstance(type_, Vector) else type_
    shape = (COUNT, *numpy_storage(type_)[1])
    arrays = {n: random_values(source, dtype, int(np.prod(shape))).reshape(shape) for n in "abc"}
    if dtype.is_integer:
        b = arrays["b"]
        forbidden = (b == 0) | ((b == -1) if dtype.is_signed else False)
        arrays["b"] = np.where(forbidden, 3, b).astype(b.dtype)
        arrays["c"] = np.maximum(arrays["b"], arrays["c"])
    return arrays


def _run(type_: ValueType) -> tuple[dict[str, Any], dict[str, Any], dict[str, tuple[str, int]]]:
    kernel, places = _kernel(type_)
    verify(kernel)
    arguments: dict[str, Any] = {**_inputs(type_, 7), "n": COUNT}
    rows: dict[str, int] = defaultdict(int)
    for out, row in places.values():
        rows[out] = max(rows[out], row + 1)
    for param in kernel.params:
        if param.name in rows and isinstance(param.type, Pointer):
            dtype, shape = numpy_storage(param.type.element)
            arguments[param.name] = np.zeros((COUNT * rows[param.name], *shape), dtype)
            arguments[f"{param.name}_rows"] = rows[param.name]
    expected = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    interpret(kernel, (COUNT, 1, 1), expected)
    run_on_cpu(kernel, (COUNT, 1, 1), arguments)

    def split(values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: np.ascontiguousarray(values[out].reshape(COUNT, rows[out], -1)[:, row])
            for name, (out, row) in places.items()
        }

    return split(expected), split(arguments), places


@pytest.mark.parametrize("type_", TYPES, ids=type_name)
def test_every_operator_equals_its_reference(type_):
    expected, got, _ = _run(type_)
    inputs = _inputs(type_, 7)
    components = type_.width if isinstance(type_, Vector) else 1
    columns = {k: v.reshape(COUNT, -1)[:, :components] for k, v in inputs.items()}
    wrong = []
    for name, want in expected.items():
        have = got[name]
        width = type_.width if isinstance(type_, Vector) and want.shape[1] > 1 else want.shape[1]
        want, have = np.ascontiguousarray(want[:, :width]), np.ascontiguousarray(have[:, :width])
        bad = _is_wrong(name, type_, want, have, columns)
        if bad.any():
            row = int(np.nonzero(bad.any(axis=1))[0][0])
            args = [inputs[n][row] for n in "abc"[: OPERATORS[name].arity]]
            wrong.append(
                f"{name}{tuple(args)}: expected {want[row]}, got {have[row]} ({bad.sum()} values)"
            )
    assert not wrong, "\n".join(wrong)


def _is_wrong(name: str, type_: ValueType, want: Any, have: Any, inputs: Any) -> Any:
    dtype = type_.element if isinstance(type_, Vector) else type_
    operator = OPERATORS[name]
    # By way of float: rounded twice (fma), or up to 1 (fract).
    twice = name in ("fma", "fract") and dtype is DType.BFLOAT16
    if operator.exact and not twice:
        bad = differing(want, have)
        if (
            name in ("min", "max", "clamp", "saturate", "min3", "max3", "median3")
            and dtype.is_float
        ):
            bad &= ~((want == 0) & (have == 0))  # the sign of min(-0.0, 0.0) is open
        if name == "ilogb":  # else open
            first = inputs["a"].astype(np.float64)
            bad &= np.isfinite(first) & (first != 0)
        if name == "clamp":  # else open
            low, high = (inputs[k][:, : want.shape[1]].astype(np.float64) for k in "bc")
            with np.errstate(invalid="ignore"):
                bad &= low <= high
        return bad
    if name in _OF_SUMS:
        return _is_far(name, want, have, inputs)
    limit = FLOAT_ULPS[name] if dtype is DType.FLOAT32 else 2
    return ulps(want, have) > limit


def _is_far(name: str, want: Any, have: Any, inputs: Any) -> Any:
    """Sums cancel: the error is measured against their terms, and where nothing overflows."""
    with np.errstate(all="ignore"):
        wide = {
            k: np.nan_to_num(np.abs(v.astype(np.float64)), posinf=np.inf) for k, v in inputs.items()
        }
        args = [wide[k].max(axis=1)[:, None] for k in "abc"[: OPERATORS[name].arity]]
        size = np.maximum.reduce(args)
        largest = 4 if name == "refract" else 100  # whose fourth power is computed
        tame = (size < largest) & (size > 0.05) & np.isfinite(want.astype(np.float64))
        eps = (
            2.0 ** -{2: 10, 4: 23}[want.itemsize]
            if want.dtype == np.float16 or want.itemsize == 4
            else 2.0**-7
        )
        scale = 1 if name in ("normalize", "smoothstep") else np.maximum(size * size, size)
        if name in ("reflect", "refract"):
            scale = scale * np.maximum(size, 1)
        far = np.abs(want.astype(np.float64) - have.astype(np.float64)) > 16 * eps * np.maximum(
            scale, 1
        )
        if name == "smoothstep":
            far &= np.abs(wide["a"] - wide["b"])[:, : want.shape[1]] > 1
        return far & tame


def test_every_operator_has_a_spelling():
    assert SPELLINGS.keys() == OPERATORS.keys()


def test_every_helper_has_a_text():
    from metal_runtime.emit.helpers import HELPERS
    from metal_runtime.emit.spelling import COMPARE_EXCHANGE, INTEGER_SPELLINGS

    spelled = [
        *SPELLINGS.values(),
        *INTEGER_SPELLINGS.values(),
        COMPARE_EXCHANGE,
        HelperFunction("floor_fmod"),
    ]
    assert {s.name for s in spelled if isinstance(s, HelperFunction)} == HELPERS.keys()

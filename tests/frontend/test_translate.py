"""declared_types and translate as the runtime calls them; the IR's names; the MSL of a whole kernel."""

import numpy as np
import pytest

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.errors import CompileError, KernelTypeError, UnsupportedPythonError
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.nodes import Declare, For
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from tests.frontend.both_ways import function_of, translated

POINTER = Pointer(AddressSpace.DEVICE, DType.FLOAT32)


def ignore(**options):
    return lambda function: function


@ignore(param_types={"x": "device float*", "wrong": "int"})
def misnamed(x, n):
    pass


@ignore(param_types={"x": "device flot*"})
def mistyped(x):
    pass


def test_types_come_from_texts_and_annotations() -> None:
    def function(a, b: "device const half4*", c: metal.float2, d: int, e: np.uint8, f, g: float):
        pass

    assert declared_types(function, {"a": "constant uint&", "d": "long"}) == {
        "a": DType.UINT32,
        "b": Pointer(AddressSpace.DEVICE, Vector(DType.FLOAT16, 4), const=True),
        "c": Vector(DType.FLOAT32, 2),
        "d": DType.INT64,
        "e": DType.UINT8,
        "f": None,
        "g": DType.FLOAT32,
    }


def test_annotations_as_texts() -> None:
    text = (
        "from __future__ import annotations\n\n"
        "def kernel(x: 'device float*', v: metal.float4, n: int):\n    pass\n"
    )
    types = declared_types(function_of(text, metal=metal))
    assert list(map(str, types.values())) == ["device float*", "float4", "DType.INT32"]


def test_wrong_texts_are_pointed_at_in_the_decorator() -> None:
    with pytest.raises(UnsupportedPythonError) as caught:
        declared_types(misnamed, {"x": "device float*", "wrong": "int"})
    assert caught.value.span.text[caught.value.span.column - 1 :].startswith('"wrong"')
    with pytest.raises(KernelTypeError) as caught:
        declared_types(mistyped, {"x": "device flot*"})
    assert caught.value.span.text[caught.value.span.column - 1 :].startswith('"device flot*"')
    with pytest.raises(KernelTypeError, match="no type"):
        declared_types(mistyped, {"x": 3})


def test_missing_type() -> None:
    def function(x, n):
        x[n] = 0.0

    with pytest.raises(KernelTypeError, match="the type of parameter `n` is not known"):
        translate(function, {"x": POINTER})


def test_names() -> None:
    def function(x):
        x[0] = 1.0

    assert translate(function, {"x": POINTER}).name == "function"
    assert translate(function, {"x": POINTER}, "other").name == "other"
    with pytest.raises(UnsupportedPythonError, match="cannot be the name"):
        translate(function, {"x": POINTER}, "größe")


def test_every_node_has_a_place() -> None:
    def double(v):
        return v * 2

    def function(x: "device float*", n: "int"):
        """Does much."""
        n += 1
        total = 0
        for k in range(n):
            if 0 < x[k] < 3 or k == 5:
                total += double(x[k]) ** 2
            else:
                total, y = -total, metal.float2(1, total)
                y.x = 3 if n else total
                x[k] //= y[1]
        while total > 10:
            total /= 2
        x[0] = total

    kernel = translated(function)
    for node in walk(kernel):
        assert node.span is not None, print_kernel(kernel)


def test_one_function_for_each_combination_of_types() -> None:
    def square(v):
        return v * v

    def cubed(v):
        return square(v) * v

    def function(x: "device float*", k: "device int*"):
        x[0] = square(x[1]) + square(x[2])
        k[0] = cubed(k[1]) + square(3)
        x[1] = cubed(x[3])

    kernel = translated(function)
    names = [(f.name, f.params[0].type) for f in kernel.functions]
    assert names == [
        ("square", DType.FLOAT32),
        ("square_2", DType.INT32),
        ("cubed", DType.INT32),
        ("cubed_2", DType.FLOAT32),
    ]


def test_variables_have_names_of_their_own() -> None:
    def square(v):
        return v * v

    def function(square_: "device float*", i: "int"):
        for k in range(i):
            for k in range(3):
                square_[k] = square(i)
            i = i + k
        v = 2 if i else 3
        square_[v] = v

    kernel = translated(function)
    names = [p.name for p in kernel.params]
    names += [n.name for n in walk(*kernel.body) if isinstance(n, Declare | For)]
    assert len(set(names)) == len(names)
    assert {"square_", "i", "i_local", "k", "v"} <= set(names)


def test_declarations_stand_where_they_are_needed() -> None:
    def function(x: "device float*", n: "int"):
        if n > 0:
            inner = x[0]
            x[1] = inner * inner
        if n > 1:
            chosen = 1.0
        else:
            chosen = x[2]
        for k in range(n):
            turn = x[k] * chosen
            if k == 3:
                kept = turn
            x[k] = turn + kept

    assert print_kernel(translated(function)) == (
        "kernel function(x: device float*, n: int)\n"
        "    if n > 0\n"
        "        inner: float = x[0]\n"
        "        x[1] = inner * inner\n"
        "    chosen: float\n"
        "    if n > 1\n"
        "        chosen = 1.0f\n"
        "    else\n"
        "        chosen = x[2]\n"
        "    kept: float = 0.0f\n"
        "    for k: int in range(0, n, 1)\n"
        "        turn: float = x[k] * chosen\n"
        "        if k == 3\n"
        "            kept = turn\n"
        "        x[k] = turn + kept\n"
    )


def test_reserved_words_of_msl_as_names() -> None:
    def main(device: "device float*", half: "int", min: "int"):
        kernel = half + abs(half)
        float4 = max(kernel, min)
        device[0] = float4

    kernel = translated(main)
    assert [p.name for p in kernel.params] == ["device", "half", "min"]
    text = ir_to_msl(kernel).source
    assert "device_" in text
    assert "float4_" in text


def test_an_error_in_a_called_function_names_the_call() -> None:
    def inner(v):
        return v.nothing

    def outer(v):
        return inner(v)

    def function(x: "device float*"):
        x[0] = outer(x[1])

    with pytest.raises(CompileError) as caught:
        translated(function)
    assert [note.message for note in caught.value.notes] == [
        "`inner` is called here",
        "`outer` is called here",
    ]


def test_unused_loop_variables_stay_in_their_loops() -> None:
    def function(x: "device float*"):
        for _ in range(2):
            for _ in range(3):
                x[0] += 1.0

    text = print_kernel(translated(function))
    assert text.count("for ") == 2
    assert text.count("=") == 1


def test_nesting_without_end() -> None:
    text = "def kernel(x):\n    x[0] = " + " + ".join(["x[1]"] * 700) + "\n"
    with pytest.raises(UnsupportedPythonError, match="nested too deeply"):
        translated(function_of(text), x="device float*")


def test_a_kernel_that_calls_itself() -> None:
    function = function_of("def kernel(x):\n    kernel(x)\n")
    with pytest.raises(KernelTypeError, match="calls itself"):
        translated(function, x="device float*")
    del function.__globals__["kernel"]  # as while a decorator runs
    with pytest.raises(KernelTypeError, match="cannot name itself"):
        translated(function, x="device float*")

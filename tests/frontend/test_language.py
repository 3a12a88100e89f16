"""The metal namespace: complete, documented, and an error outside a kernel."""

import inspect

import pytest

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.errors import IrisError
from metal_runtime.frontend.intrinsics import INTRINSICS
from metal_runtime.frontend.mixed_types import MIXED_TYPES
from metal_runtime.frontend.together import TOGETHER
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.operators import OPERATORS

PYTHON_OPERATORS = {
    "add", "sub", "mul", "div", "rem", "floordiv", "mod", "neg", "ipow", "bit_and", "bit_or",
    "bit_xor", "bit_not", "shl", "shr", "eq", "ne", "lt", "le", "gt", "ge", "logical_and",
    "logical_or", "logical_not",
}  # fmt: skip


def test_every_operator_has_a_name() -> None:
    assert set(OPERATORS) - PYTHON_OPERATORS <= set(metal.__all__)


def test_every_type_and_position_is_there() -> None:
    for dtype in DType:
        assert getattr(metal, dtype.metal_name).msl_type is dtype
        for width in (2, 3, 4):
            vector = getattr(metal, f"{dtype.metal_name}{width}").msl_type
            assert (vector.element, vector.width) == (dtype, width)
    assert set(BUILTINS) <= set(metal.__all__)


def test_every_name_has_a_translation_and_a_docstring() -> None:
    for name in metal.__all__:
        thing = getattr(metal, name)
        translated = thing in INTRINSICS or thing in TOGETHER or thing in MIXED_TYPES
        assert name == "mem_flags" or translated, name
        assert inspect.getdoc(thing), name


@pytest.mark.parametrize("name", [n for n in metal.__all__ if n != "mem_flags"])
def test_outside_a_kernel(name: str) -> None:
    thing = getattr(metal, name)
    arguments = [] if name in BUILTINS else [1] * len(_required(thing))
    with pytest.raises(IrisError, match="only in a kernel"):
        thing(*arguments)


def _required(thing: object) -> list[str]:
    if isinstance(thing, type):
        return []
    parameters = inspect.signature(thing).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]


def test_positions_outside_a_kernel() -> None:
    with pytest.raises(IrisError, match=r"thread_position_in_grid\.x"):
        metal.thread_position_in_grid.x

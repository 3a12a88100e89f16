"""Every refused MSL text says what is wrong at the user's own line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metal_runtime.backends.cpu.device import open_device
from metal_runtime.errors import MslError
from metal_runtime.msl.signature import read_program
from metal_runtime.program import MslProgram
from metal_runtime.source import SourceSpan
from tests.msl.wrong_programs import WRONG_PROGRAMS


def refusal(source: str) -> MslError:
    with pytest.raises(MslError) as caught:
        program = read_program(source, "wrong.metal")
        open_device().load(program).pipeline(program.entry_points[0].name)
    return caught.value


@pytest.mark.parametrize("name", WRONG_PROGRAMS)
def test_refused_text(name: str, golden: Callable[[str, str], None]) -> None:
    error = str(refusal(WRONG_PROGRAMS[name]))
    for internal in ("iris", "__impl", "unsigned int", "_Float16", "metal::", "/msl/include"):
        assert internal not in error
    golden(f"msl_errors/{name}.txt", error)


def test_unknown_kernel_lists_those_there_are() -> None:
    program = read_program(
        "kernel void first(device int* a) {} kernel void second(device int* a) {}"
    )
    with pytest.raises(MslError, match="there is no kernel `third` in this text") as caught:
        open_device().load(program).pipeline("third")
    assert caught.value.hint == "it has `first`, `second`"


def test_error_in_a_text_made_from_python_points_at_the_python() -> None:
    lines = ["kernel void k(device float* a) {", "    float x = 1.0;", "    a[0] = wrong + x;", "}"]
    python = SourceSpan("model.py", 12, 5, 12, 21, "    out[0] = wrong + x")
    source = "\n".join(lines)
    signatures = read_program(source.replace("wrong", "x")).entry_points
    program = MslProgram(source, signatures, line_spans=(None, None, python, None))
    with pytest.raises(MslError) as caught:
        open_device().load(program).pipeline("k")
    assert str(caught.value) == "\n".join(
        [
            "model.py:12:5: error: use of undeclared identifier 'wrong'",
            "   12 |     out[0] = wrong + x",
            "      |     ^~~~~~~~~~~~~~~~",
            "<msl>:3:12: note: in the MSL made from it",
            "    3 |     a[0] = wrong + x;",
            "      |            ^~~~~",
        ]
    )

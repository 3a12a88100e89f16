"""Which type each variable gets: literals adapt, assignments decide."""

import pytest

from metal_runtime import language as metal
from metal_runtime.errors import KernelTypeError
from metal_runtime.ir.nodes import Declare, For
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import type_name
from tests.frontend.both_ways import function_of, translated

PARAMETERS = {
    "f": "device float*", "h": "device half*", "c": "device const char*", "s": "device const short*",
    "v": "device float4*", "b": "device const bool*", "l": "device const long*",
    "n": "int", "u": "uint", "out": "device float*",
}  # fmt: skip


def types_in(body: str) -> dict[str, str]:
    """The type of each variable, of loops too, in a kernel of these lines."""
    lines = "\n".join("    " + line for line in body.splitlines())
    function = function_of(f"def k({', '.join(PARAMETERS)}):\n{lines}\n", "k", metal=metal)
    kernel = translated(function, **PARAMETERS)
    return {x.name: type_name(x.type) for x in walk(*kernel.body) if isinstance(x, Declare | For)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 0\nx += f[0]", "float"),
        ("x = 0\nx += h[0]", "half"),
        ("x = 0\nx += v[0]", "float4"),
        ("x = 0\nx = u", "uint"),
        ("x = 0\nfor i in range(n):\n    x += 1", "int"),
        ("x = 0\nfor i in range(n):\n    x = x + u", "uint"),
        ("x = 0.0\nx = h[0]", "half"),
        ("x = 0.0\nx += h[0]", "float"),
        ("x = 1\ny = x\nx = y * 0.5", "float"),
        ("x = c[0]\nx += 1000", "char"),
        ("x = c[0] + c[1]", "int"),
        ("x = c[0] * l[0]", "long"),
        ("x = n + u", "uint"),
        ("x = l[0] + u", "long"),
        ("x = h[0] * 2", "half"),
        ("x = h[0] * 2.0", "float"),
        ("x = h[0] * n", "half"),
        ("x = v[0] * 2", "float4"),
        ("x = v[0] > 0.0", "bool4"),
        ("x = 5000000000", "long"),
        ("x = 0xFFFFFFFF", "uint"),
        ("x = 18446744073709551615", "ulong"),
        ("x = min(c[0], c[1])", "char"),
        ("x = min(c[0], 5)", "char"),
        ("x = max(c[0], 300)", "int"),
        ("x = 1 if n > 0 else h[0]", "half"),
        ("x = b[0] and n > 0", "bool"),
        ("x = b[0] & b[1]", "bool"),
        ("x = b[0] + b[1]", "int"),
        ("x = s[0] << u", "int"),
        ("x = 1 << u", "int"),
        ("x: 'half' = 1", "half"),
        ("x: float = n", "float"),
        ("x: metal.uint3 = 0", "uint3"),
        ("x = round(f[0])", "int"),
        ("x = metal.thread_id()", "uint"),
        ("x = metal.thread_id_3d()", "uint3"),
        ("x = n ** 2", "int"),
        ("x = 2 ** -1", "float"),
        ("for x in range(u):\n    out[x] = 0", "uint"),
        ("for x in range(3):\n    out[x] = 0", "int"),
        ("for x in range(c[0]):\n    out[x] = 0", "int"),
        ("for x in range(0, l[0], 2):\n    out[x] = 0", "long"),
        ("for i in range(3):\n    if i > 0:\n        x = y\n    y = h[i]", "half"),
        ("y = 0\nfor i in range(3):\n    x = u + y\n    y += 0.5", "float"),
    ],
)
def test_type(body: str, expected: str) -> None:
    assert types_in(body)["x"] == expected


@pytest.mark.parametrize(
    "body",
    [
        "x = n\nx = u", "x = f[0]\nx = h[0]", "x = v[0]\nx = f[0]", "x = n\nx = 0.5",
        "x = n > 0\nx = n", "x: 'int' = 0.5", "x = u\nx = u + 0.5", "x = n\nx *= 0.5",
    ],
)  # fmt: skip
def test_two_types(body: str) -> None:
    with pytest.raises(KernelTypeError):
        types_in(body)


def test_loops_over_one_name_count_in_types_of_their_own() -> None:
    body = "for i in range(u):\n    out[i] = 0\nfor i in range(3):\n    out[i] = 1\nfor i in range(u):\n    out[i] = 2"
    assert types_in(body) == {"i": "uint", "i_2": "int"}

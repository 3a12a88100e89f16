"""Every node of Python's grammar is either refused by name or supported."""

import ast

import pytest

from metal_runtime.errors import UnsupportedPythonError
from metal_runtime.frontend.check_subset import _REFUSED, SUPPORTED, check_subset
from metal_runtime.frontend.read_source import read_source
from tests.frontend.both_ways import function_of

# Nodes that only stand inside others that are refused, or that hold the function itself.
INSIDE = {
    "Module", "Interactive", "Expression", "FunctionType", "Suite", "arguments", "arg", "alias",
    "withitem", "match_case", "comprehension", "ExceptHandler", "FormattedValue", "Interpolation",
    "Del", "Param", "AugLoad", "AugStore", "Index", "ExtSlice", "TypeIgnore",
    "Num", "Str", "Bytes", "NameConstant", "Ellipsis",
}  # fmt: skip


def test_every_node_is_classified() -> None:
    abstract = {"AST", "mod", "stmt", "expr", "expr_context", "boolop", "operator", "unaryop", "cmpop", "excepthandler", "pattern", "type_ignore", "slice", "type_param"}  # fmt: skip
    nodes = {
        name
        for name, node in vars(ast).items()
        if isinstance(node, type) and issubclass(node, ast.AST)
    }
    patterns = {n for n in nodes if n.startswith("Match") and n != "Match"}
    type_params = {"TypeVar", "ParamSpec", "TypeVarTuple"}
    left = nodes - abstract - patterns - type_params - INSIDE - SUPPORTED - set(_REFUSED)
    assert left == set()
    assert not SUPPORTED & set(_REFUSED)


@pytest.mark.parametrize(
    "statement",
    [
        "x[0] = 1 if x is y else 2", "y = not (x in y)", "x[(lambda: 0)()] = 1", "y = {1, 2}",
        "y = {k: k for k in x}", "y = {k for k in x}", "y = [k for k in x]", "y = b'1'", "y = f'{x}'",
        "x[1:2][0] = 1", "y, *z = x", "f(**x)", "f(*x)", "(y): int = 3", "x[0]: int = 3", "y = 1\n    'text'",
        "x", "-x", "x @= y", "import math as m", "nonlocal_ = None",
        "for a, b in range(3): pass", "for x[0] in range(3): pass", "for a in x: pass",
        "for a in zip(x, x): pass", "while x: pass\n    else: y = 1", "async_ = (yield)",
    ],
)  # fmt: skip
def test_refused(statement: str) -> None:
    function = function_of(f"def kernel(x, y):\n    {statement}\n")
    with pytest.raises(UnsupportedPythonError) as caught:
        check_subset(read_source(function), is_kernel=True)
    assert caught.value.span is not None
    assert caught.value.span.line >= 2
    assert caught.value.hint


@pytest.mark.parametrize("statement", ["'docstring'", "pass", "...", "return", "y = x[0]"])
def test_accepted(statement: str) -> None:
    function = function_of(f"def kernel(x, y):\n    {statement}\n")
    check_subset(read_source(function), is_kernel=True)

# ruff: noqa: SIM905 -- lists of words read better as words
"""A function's syntax tree enters; an UnsupportedPythonError at the first thing a kernel cannot have leaves, or nothing.

What is not refused here has a meaning in ast_to_ir.py and expressions.py: nothing is dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from metal_runtime.frontend.read_source import FunctionSource

_ONE_VALUE = "use separate variables, or a vector such as metal.float4(...)"
_NO_TEXT = "kernels compute numbers; format and print on the host"
_ENDS = "let the kernel write an error code to a buffer and look at it on the host"

_REFUSED: dict[str, tuple[str, str]] = {
    "FunctionDef": ("a function cannot be defined in a kernel", "define it outside and call it"),
    "AsyncFunctionDef": (
        "a function cannot be defined in a kernel",
        "define it outside with `def` and call it",
    ),
    "ClassDef": (
        "a class cannot be defined in a kernel",
        "use separate variables or vectors instead of an object",
    ),
    "Delete": ("`del` has no meaning in a kernel", "remove it: variables end with their block"),
    "AsyncFor": ("`async for` has no meaning in a kernel", "write `for i in range(n):`"),
    "AsyncWith": ("`async with` has no meaning in a kernel", "write its body alone"),
    "With": ("`with` has no meaning in a kernel", "write its body alone"),
    "Match": ("`match` is not supported in kernels", "write `if ... elif ... else`"),
    "Raise": ("a kernel cannot raise an exception", _ENDS),
    "Try": ("a kernel has no exceptions, so no `try`", "test for the error with `if`"),
    "TryStar": ("a kernel has no exceptions, so no `try`", "test for the error with `if`"),
    "Assert": ("`assert` is not supported in kernels yet", _ENDS),
    "Import": ("a kernel cannot import", "import at the top of the file"),
    "ImportFrom": ("a kernel cannot import", "import at the top of the file"),
    "Global": (
        "`global` has no meaning in a kernel: globals are constants there",
        "write the result to a buffer",
    ),
    "Nonlocal": (
        "`nonlocal` has no meaning in a kernel: outer variables are constants there",
        "write the result to a buffer",
    ),
    "TypeAlias": ("a type cannot be defined in a kernel", "define it outside"),
    "NamedExpr": ("`:=` is not supported in kernels", "assign on a line of its own before"),
    "Lambda": ("a lambda cannot be made in a kernel", "define a function outside and call it"),
    "Dict": ("a dict cannot be made in a kernel", "write `if`s, or pass a buffer"),
    "Set": ("a set cannot be made in a kernel", "write comparisons joined by `or`"),
    "List": ("a list cannot be made in a kernel", _ONE_VALUE),
    "ListComp": ("a comprehension cannot stand in a kernel", "write a `for` loop over range()"),
    "SetComp": ("a comprehension cannot stand in a kernel", "write a `for` loop over range()"),
    "DictComp": ("a comprehension cannot stand in a kernel", "write a `for` loop over range()"),
    "GeneratorExp": (
        "a generator expression cannot stand in a kernel",
        "write a `for` loop over range()",
    ),
    "Await": ("`await` has no meaning in a kernel", "write the call alone"),
    "Yield": ("a kernel cannot be a generator", "write results to a buffer"),
    "YieldFrom": ("a kernel cannot be a generator", "write results to a buffer"),
    "JoinedStr": ("an f-string cannot be made in a kernel", _NO_TEXT),
    "TemplateStr": ("a t-string cannot be made in a kernel", _NO_TEXT),
    "Starred": ("`*` cannot unpack in a kernel", "write the elements one by one"),
    "Slice": (
        "a slice has no meaning in a kernel: each thread works on elements",
        "index one element, in a `for` loop if there are more",
    ),
    "MatMult": (
        "`@` is not supported in kernels",
        "write the sum as a `for` loop, or metal.dot(a, b) for vectors",
    ),
    "Is": ("`is` has no meaning in a kernel: values have no identity", "compare with `==`"),
    "IsNot": ("`is not` has no meaning in a kernel: values have no identity", "compare with `!=`"),
    "In": ("`in` is not supported in kernels", "write comparisons joined by `or`"),
    "NotIn": ("`not in` is not supported in kernels", "write comparisons joined by `and`"),
}
"""AST node -> what is wrong, and what to write instead."""

SUPPORTED = frozenset(
    "Assign AugAssign AnnAssign For While If Expr Pass Break Continue Return "
    "BoolOp BinOp UnaryOp IfExp Compare Call Constant Attribute Subscript Name Tuple "
    "And Or Add Sub Mult Div Mod Pow LShift RShift BitOr BitXor BitAnd FloorDiv "
    "Invert Not UAdd USub Eq NotEq Lt LtE Gt GtE Load Store keyword".split()
)
"""AST nodes that have a meaning in a kernel, some of them in certain places only."""


def check_subset(source: FunctionSource, *, is_kernel: bool) -> None:
    """Raises UnsupportedPythonError at the first place, in reading order, that has no meaning in a kernel."""
    _check_parameters(source, is_kernel)
    body = source.node.body
    for position, statement in enumerate(body):
        if position == 0 and is_text(statement):
            continue  # the docstring
        for node in _in_reading_order(statement):
            _check_node(source, node)


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string alone, as a docstring is."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _check_node(source: FunctionSource, node: ast.AST) -> None:
    kind = type(node).__name__
    if kind in _REFUSED:
        message, hint = _REFUSED[kind]
        raise source.unsupported(message, node, hint)
    if kind not in SUPPORTED:
        raise source.unsupported(f"Python's `{kind}` is not supported in kernels", node)
    special = _SPECIAL.get(type(node))
    if special is not None:
        special(source, node)


def _in_reading_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.AnnAssign) and child is node.annotation:
            continue  # a type, read by annotations.py
        if isinstance(child, ast.operator | ast.cmpop):
            continue  # has no place of its own; looked at with its expression
        yield from _in_reading_order(child)


# --- nodes that are supported in certain forms ---------------------------------------------------


def _check_parameters(source: FunctionSource, is_kernel: bool) -> None:
    arguments = source.node.args
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            sign = "*" if star is arguments.vararg else "**"
            raise source.unsupported(
                f"`{sign}{star.arg}` is not supported: the number of arguments is fixed",
                star,
                "name each parameter",
            )
    for argument in arguments.kwonlyargs:
        raise source.unsupported(
            f"the keyword-only parameter `{argument.arg}` is not supported",
            argument,
            "write it before the `*`, and drop the `*`",
        )
    if is_kernel and arguments.defaults:
        raise source.unsupported(
            "a parameter of a kernel cannot have a default value",
            arguments.defaults[0],
            "pass the value at each launch, or use a constant defined outside the kernel",
        )


def _check_operator(source: FunctionSource, node: ast.AST) -> None:
    operators: list[ast.AST] = node.ops if isinstance(node, ast.Compare) else [node.op]  # type: ignore[attr-defined, assignment]
    for operator in operators:
        kind = type(operator).__name__
        if kind in _REFUSED:
            message, hint = _REFUSED[kind]
            raise source.unsupported(message, node, hint)


def _check_for(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.For)
    if node.orelse:
        raise source.unsupported(
            "a loop cannot have an `else` in a kernel", node.orelse[0], "use a flag, and an `if` after the loop"
        )  # fmt: skip
    if not isinstance(node.target, ast.Name):
        raise source.unsupported(
            "a loop counts one variable", node.target, "write `for i in range(n):`"
        )
    match node.iter:
        case ast.Call(func=ast.Name(id="range")):
            return
        case ast.Call(func=ast.Name(id="enumerate" | "zip" | "reversed" as name)):
            hint = {
                "enumerate": "write `for i in range(n):` and index with `i`",
                "zip": "write `for i in range(n):` and index both with `i`",
                "reversed": "write `for i in range(n - 1, -1, -1):`",
            }[name]
            raise source.unsupported(f"a loop cannot go over {name}()", node.iter, hint)
    raise source.unsupported(
        "a loop can go over range() only",
        node.iter,
        "write `for i in range(n):` and index with `i`",
    )


def _check_while(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.While)
    if node.orelse:
        raise source.unsupported(
            "a loop cannot have an `else` in a kernel",
            node.orelse[0],
            "use a flag, and an `if` after the loop",
        )


def _check_constant(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    match node.value:
        case str():
            raise source.unsupported("a string has no meaning in a kernel", node, _NO_TEXT)
        case bytes():
            raise source.unsupported("bytes have no meaning in a kernel", node, "pass a buffer")
        case complex():
            raise source.unsupported(
                "a kernel has no complex numbers",
                node,
                "keep the real and the imaginary part in a metal.float2",
            )
        case None:
            raise source.unsupported("`None` has no meaning in a kernel", node, "use a number")


def _check_expression_statement(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.Expr)
    if isinstance(node.value, ast.Constant) and node.value.value is ...:
        return
    if is_text(node):
        raise source.unsupported(
            "a string is no statement of a kernel",
            node,
            "write a comment with `#`; only the first statement can be a docstring",
        )
    refused = type(node.value).__name__ in _REFUSED
    if not isinstance(node.value, ast.Call) and not refused:
        raise source.unsupported(
            "this expression has no effect",
            node,
            "assign it with `=`"
            if not isinstance(node.value, ast.Compare)
            else "`==` compares; assign with `=`",
        )


def _check_call(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise source.unsupported(
                "`**` cannot pass arguments in a kernel", keyword, "write the arguments one by one"
            )


def _check_annotated(source: FunctionSource, node: ast.AST) -> None:
    assert isinstance(node, ast.AnnAssign)
    if not node.simple:
        raise source.unsupported(
            "only a variable can have a type", node.target, "assign without a type"
        )


_SPECIAL: dict[type[ast.AST], Callable[[FunctionSource, ast.AST], None]] = {
    ast.BinOp: _check_operator,
    ast.AugAssign: _check_operator,
    ast.Compare: _check_operator,
    ast.For: _check_for,
    ast.While: _check_while,
    ast.Constant: _check_constant,
    ast.Expr: _check_expression_statement,
    ast.Call: _check_call,
    ast.AnnAssign: _check_annotated,
}

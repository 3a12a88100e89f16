"""The front end: a Python function and the types of its parameters enter; a verified ir.Kernel leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from metal_runtime.errors import KernelTypeError, UnsupportedPythonError
from metal_runtime.frontend.annotations import parameter_types
from metal_runtime.frontend.divergence import refuse_divergent_barriers
from metal_runtime.frontend.functions import Translated, Translator
from metal_runtime.frontend.names import Namer, spelled
from metal_runtime.frontend.read_source import FunctionSource, read_source
from metal_runtime.ir.nodes import Block, Call, Declare, For, Function, Kernel
from metal_runtime.ir.verify import verify
from metal_runtime.ir.walk import Rewriter, walk
from metal_runtime.msl_types import Matrix, Pointer, ValueType


def translate(
    function: Callable[..., Any],
    param_types: Mapping[str, Pointer | ValueType],
    name: str | None = None,
) -> Kernel:
    """The kernel that a Python function describes.

    Args:
        function: written with ``def``; its source must be known.
        param_types: the type of each parameter.
        name: of the kernel in MSL; the function's own if None.

    Raises:
        UnsupportedPythonError: Python that has no meaning in a kernel.
        KernelTypeError: ill-typed, or a type that cannot be inferred.
    """
    source = read_source(function)
    name = name if name is not None else source.node.name
    _check_name(name, source)
    _check_types(source, param_types)
    translator = Translator()
    try:
        kernel = translator.translate(source, param_types, is_kernel=True)
        result = _assemble(name, kernel, translator.functions)
        verify(result)
        refuse_divergent_barriers(result)
    except RecursionError:
        raise UnsupportedPythonError(
            f"`{source.node.name}` has an expression, or blocks, nested too deeply",
            source.span(source.node),
            hint="split long expressions: assign their parts to variables",
        ) from None
    return result


def translate_function(
    function: Callable[..., Any], types: Mapping[str, ValueType]
) -> tuple[Function, ...]:
    """The function of values that a Python function describes, last, after those that it calls.

    Raises:
        UnsupportedPythonError: Python that has no meaning in a kernel.
        KernelTypeError: ill-typed, or without a result.
    """
    source = read_source(function)
    translator = Translator()
    translated = translator.translate(source, types, is_kernel=False)
    if not isinstance(translated.result, ValueType):
        raise KernelTypeError(
            f"`{source.node.name}` gives no value for an element of the result",
            source.span(source.node),
            hint="write `return` and the value",
        )
    name = source.node.name
    kernel = _assemble(name, translated, translator.functions)
    whole = Function(name, kernel.params, translated.result, kernel.body, kernel.arrays)
    return (*kernel.functions, whole)


def declared_types(
    function: Callable[..., Any], param_types: Mapping[str, str] | None = None
) -> dict[str, Pointer | ValueType | None]:
    """The types that ``param_types`` and annotations give the parameters, in order; None where neither does.

    Raises:
        KernelTypeError: a text is no type; the place is that of the text where it can be found.
        UnsupportedPythonError: the function has no such parameter, or cannot be read.
    """
    found = parameter_types(read_source(function), param_types, is_kernel=True)
    return {name: type_ for name, type_ in found.items() if not isinstance(type_, Matrix)}


def _check_name(name: str, source: FunctionSource) -> None:
    if spelled(name) != name or not name.isidentifier():
        raise UnsupportedPythonError(
            f"`{name}` cannot be the name of a kernel: MSL names are ASCII, without `__`",
            source.span(source.node),
            hint="rename the function, or give @kernel(name=...) another name",
        )


def _check_types(source: FunctionSource, types: Mapping[str, Pointer | ValueType]) -> None:
    arguments = [*source.node.args.posonlyargs, *source.node.args.args]
    for argument in arguments:
        if argument.arg not in types:
            raise KernelTypeError(
                f"the type of parameter `{argument.arg}` is not known",
                source.span(argument),
                hint=f'write `{argument.arg}: "uint"`, `{argument.arg}: "device float*"` …, '
                "or name it in @kernel(param_types={...})",
            )


# --- functions in order, with their final names --------------------------------------------------


def _assemble(name: str, kernel: Translated, functions: Mapping[str, Translated]) -> Kernel:
    order: list[str] = []
    _add_called(kernel, functions, order)
    used = [functions[n] for n in order]
    namer = Namer(frozenset([name, *(v for f in (kernel, *used) for v in _variables(f))]))
    names = {n: namer.fresh(f.source.node.name) for n, f in zip(order, used, strict=True)}
    rename = _Rename(names)
    return Kernel(
        name,
        kernel.params,
        _renamed(rename, kernel.body),
        tuple(
            Function(
                names[n], f.params, f.result, _renamed(rename, f.body), f.arrays, span=f.source.span(f.source.node)
            )
            for n, f in zip(order, used, strict=True)
        ),
        kernel.arrays,
        span=kernel.source.span(kernel.source.node),
    )  # fmt: skip


def _add_called(
    translated: Translated, functions: Mapping[str, Translated], order: list[str]
) -> None:
    for name in translated.called:
        if name not in order:
            _add_called(functions[name], functions, order)
            order.append(name)


def _variables(translated: Translated) -> Iterable[str]:
    yield from (p.name for p in translated.params)
    yield from (a.name for a in translated.arrays)
    for node in walk(*translated.body):
        if isinstance(node, Declare | For):
            yield node.name


class _Rename(Rewriter):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def rewrite_Call(self, node: Call) -> Call:
        return Call(self.names[node.function], node.args, node.type, span=node.span)


def _renamed(rename: _Rename, block: Block) -> Block:
    return rename.rewrite_block(block)

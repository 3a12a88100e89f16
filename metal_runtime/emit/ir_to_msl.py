"""The last step of the compiler: a verified ir.Kernel in, MSL text with its signature out."""

from __future__ import annotations

import math

from metal_runtime.emit.expressions import ExpressionWriter, Used
from metal_runtime.emit.helpers import helper_texts
from metal_runtime.emit.layout import INDENT, Line, indent, wrap
from metal_runtime.emit.names import LocalNames, called_names, function_names
from metal_runtime.emit.statements import StatementWriter
from metal_runtime.emit.thread_indices import find_thread_indices, parameter_names
from metal_runtime.ir.effects import Effects, bound_params, sized_params
from metal_runtime.ir.nodes import Array, Function, Kernel, Param
from metal_runtime.msl_types import AddressSpace, Matrix, Pointer, ValueType, type_name
from metal_runtime.program import (
    Argument,
    ArgumentKind,
    CompileOptions,
    MslProgram,
    Signature,
    ThreadgroupArgument,
)

_HEADER = [Line("#include <metal_stdlib>"), Line(""), Line("using namespace metal;"), Line("")]


def ir_to_msl(kernel: Kernel, options: CompileOptions = CompileOptions()) -> MslProgram:  # noqa: B008
    """The MSL text of a kernel and of the functions it calls.

    The signature's arguments have the names of the kernel's parameters, and its name is that of the
    kernel, changed only where MSL does not allow it.
    """
    writer = _ProgramWriter(kernel)
    parts = [writer.function(f) for f in kernel.functions]
    parts.append(writer.kernel())
    lines = [*_HEADER]
    for text in helper_texts(writer.used.helpers):
        lines += [*(Line(t) for t in text.splitlines()), Line("")]
    for number, part in enumerate(parts):
        lines += [Line("")] if number else []
        lines += [piece for line in part for piece in wrap(line)]
    return MslProgram(
        source="\n".join(line.text for line in lines) + "\n",
        entry_points=(writer.signature(),),
        options=options,
        line_spans=tuple(line.span for line in lines),
    )


class _ProgramWriter:
    """What the functions of one program share."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._effects = Effects(kernel)
        self._functions = function_names(kernel)
        self._called = called_names(kernel)
        self._indices = find_thread_indices(kernel)
        self.used = Used()

    def kernel(self) -> list[Line]:
        owner = self._kernel
        names = LocalNames(owner, self._called)
        chosen, adopted = parameter_names(owner, self._indices, names)
        places = _places(owner)
        params = [
            Line(f"{_parameter(p, names[p.name])} [[{places[p.name]}]]", p.span or owner.span)
            for p in owner.params
        ]
        for attribute, name in chosen.items():
            declared = adopted.get(attribute)
            span = owner.span if declared is None else declared.span
            params.append(Line(f"{self._indices.parameter(attribute, name)} [[{attribute}]]", span))
        skipped = frozenset(d.name for d in adopted.values())
        head = [Line(f"kernel void {self._functions[owner.name]}(", owner.span)]
        if not params:
            head = [Line(f"kernel void {self._functions[owner.name]}()", owner.span)]
        for number, line in enumerate(params):
            end = ")" if number == len(params) - 1 else ","
            head.append(Line(INDENT + line.text + end, line.span))
        return head + self._body(owner, names, chosen, skipped)

    def function(self, owner: Function) -> list[Line]:
        names = LocalNames(owner, self._called)
        chosen, _ = parameter_names(owner, self._indices, names)
        params = [_passed(p, names[p.name]) for p in owner.params]
        params += [self._indices.parameter(a, name) for a, name in chosen.items()]
        head = (
            f"inline {type_name(owner.result)} {self._functions[owner.name]}({', '.join(params)})"
        )
        return [Line(head, owner.span), *self._body(owner, names, chosen, frozenset())]

    def _body(
        self,
        owner: Kernel | Function,
        names: LocalNames,
        chosen: dict[str, str],
        skipped: frozenset[str],
    ) -> list[Line]:
        indices = {a: (name, self._indices.type_of(a)) for a, name in chosen.items()}
        pointers = {p.name: p.type for p in owner.params if isinstance(p.type, Pointer)}
        pointers |= {a.name: a.pointer for a in owner.arrays}
        expressions = ExpressionWriter(
            names, self._functions, indices, self._indices.used, self.used, pointers
        )
        statements = StatementWriter(expressions, names, skipped)
        body = [Line(_allocation(a, names[a.name]), a.span) for a in owner.arrays]
        body += statements.block(owner.body)
        return [Line("{", owner.span), *indent(body), Line("}", owner.span)]

    def signature(self) -> Signature:
        kernel = self._kernel
        stored = self._effects.stores(*kernel.body)
        loaded = self._effects.loads_from(*kernel.body)
        return Signature(
            name=self._functions[kernel.name],
            arguments=tuple(
                _argument(p, i, p.name in stored, p.name in loaded)
                for i, p in enumerate(bound_params(kernel))
            ),
            builtins=self._indices.used[kernel.name],
            threadgroup_arguments=tuple(
                ThreadgroupArgument(p.name, i, type_name(p.type), _element_size(p.type))
                for i, p in enumerate(sized_params(kernel))
            ),
            threadgroup_bytes=threadgroup_bytes(kernel),
            span=kernel.span,
        )


def _places(kernel: Kernel) -> dict[str, str]:
    """The attribute of each parameter: buffers and threadgroup memory are counted apart."""
    places = {p.name: f"buffer({i})" for i, p in enumerate(bound_params(kernel))}
    return places | {p.name: f"threadgroup({i})" for i, p in enumerate(sized_params(kernel))}


def _element_size(type_: Pointer | ValueType | Matrix) -> int:
    return type_.element.itemsize if isinstance(type_, Pointer) else type_.itemsize


def threadgroup_bytes(kernel: Kernel) -> int:
    """What the arrays in threadgroup memory take together."""
    shared = (a for a in kernel.arrays if a.pointer.space is AddressSpace.THREADGROUP)
    return sum(math.prod(a.shape) * a.pointer.element.itemsize for a in shared)


def _allocation(array: Array, name: str) -> str:
    """The declaration of an array. Only threads' own memory has a value at first."""
    extents = "".join(f"[{extent}]" for extent in array.shape)
    text = f"{array.pointer.element_text} {name}{extents}"
    shared = array.pointer.space is AddressSpace.THREADGROUP
    return f"threadgroup {text};" if shared else f"{text} = {{}};"


def _passed(param: Param, name: str) -> str:
    """A parameter of a function."""
    if isinstance(param.type, Pointer):
        return param.type.declare(name)
    return f"{type_name(param.type)} {name}"


def _parameter(param: Param, name: str) -> str:
    if isinstance(param.type, Pointer):
        return param.type.declare(name)
    return f"constant {type_name(param.type)}& {name}"


def _argument(param: Param, index: int, stored: bool, loaded: bool) -> Argument:
    type_ = param.type
    if isinstance(type_, Pointer):
        return Argument(
            name=param.name,
            index=index,
            kind=ArgumentKind.BUFFER,
            type_text=type_name(type_),
            type=type_,
            itemsize=type_.element.itemsize,
            written=stored,
            space=type_.space,
            read=loaded,
        )
    assert not isinstance(type_, Matrix)  # verified: of functions only
    return Argument(
        name=param.name,
        index=index,
        kind=ArgumentKind.VALUE,
        type_text=f"constant {type_name(type_)}&",
        type=type_,
        itemsize=type_.itemsize,
        written=False,
        space=AddressSpace.CONSTANT,
    )

"""What a text holds: MSL text in, its functions and kernels out, and what stands in the way of each kernel."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from metal_runtime.errors import MslError
from metal_runtime.msl.declarations import DeclarationScanner, Function
from metal_runtime.msl.engine_constructs import find_attribute_construct, find_construct
from metal_runtime.msl.parameters import Parameter, attributes_of, read_parameters
from metal_runtime.msl.preprocess import PreparedText, prepare
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.program import CompileOptions, Signature

_STAGES = ("kernel", "vertex", "fragment")
_ATTRIBUTE_STAGES = (
    *_STAGES,
    "mesh",
    "object",
    "intersection",
)  # these may be ordinary names elsewhere


@dataclass(frozen=True, slots=True)
class KernelModel:
    """One kernel: its place among the tokens, its parameters in declaration order, its signature.

    ``reached`` are the functions it may call, by index into ``Library.functions``.
    """

    function: Function
    parameters: tuple[Parameter, ...]
    signature: Signature
    reached: frozenset[int]


@dataclass(frozen=True, slots=True)
class Library:
    """A text with its functions; ``problems`` says why a kernel cannot run, by its name."""

    prepared: PreparedText
    functions: tuple[Function, ...]
    entries: tuple[int, ...]
    """The indices of the kernels (and graphics entry points) among the functions."""

    kernels: Mapping[str, KernelModel]
    problems: Mapping[str, MslError]

    def kernel(self, name: str) -> KernelModel:
        """The kernel called ``name``. Raises MslError: there is none, or it needs what is not supported yet."""
        if name in self.problems:
            raise self.problems[name]
        if name not in self.kernels:
            raise MslError(
                f"there is no kernel `{name}` in this text", hint=_names_hint(self.kernels)
            )
        return self.kernels[name]

    def unsupported(self, index: int) -> bool:
        """Whether the function at ``index`` uses what cannot be compiled; such a one must be left out."""
        return _construct_error(self.prepared, self.functions[index], self.functions) is not None


def _names_hint(names: Iterable[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"it has {listed}" if listed else "mark a function with `kernel void name(...)`"


@functools.lru_cache(maxsize=256)
def read_library(source: str, file: str, options: CompileOptions) -> Library:
    """The functions and kernels of a text. Raises MslError for a text that holds no kernel at all."""
    prepared = prepare(source, file, options)
    scanner = DeclarationScanner(prepared.tokens)
    if scanner.unmatched is not None:
        token = prepared.tokens[scanner.unmatched]
        trouble = "never closed" if token.text in "([{" else "never opened"
        raise MslError(f"this `{token.text}` is {trouble}", prepared.span(token))
    functions = tuple(scanner.functions)
    entries = tuple(
        i for i, f in enumerate(functions) if stage_of(prepared, f) is not None and f.defined
    )
    kernels: dict[str, KernelModel] = {}
    problems: dict[str, MslError] = {}
    calls = _CallGraph(prepared, functions)
    for index in entries:
        function = functions[index]
        try:
            if function.name in kernels:
                token = prepared.tokens[function.name_index]
                raise MslError(f"kernel `{function.name}` is defined twice", prepared.span(token))
            kernels[function.name] = _kernel_model(prepared, functions, index, calls)
        except MslError as error:
            problems[function.name] = error
    return Library(prepared, functions, entries, kernels, problems)


def stage_of(prepared: PreparedText, function: Function) -> str | None:
    """``kernel``, ``vertex``, ... for an entry point, None for an ordinary function."""
    for index in function.head:
        text = prepared.tokens[index].text
        if text in _STAGES or (
            text in _ATTRIBUTE_STAGES and prepared.tokens[index - 1].text == "["
        ):
            return text
    return None


def _kernel_model(
    prepared: PreparedText, functions: tuple[Function, ...], index: int, calls: _CallGraph
) -> KernelModel:
    function = functions[index]
    head, attributes = attributes_of([prepared.tokens[i] for i in function.head])
    name_token = prepared.tokens[function.name_index]
    stage = stage_of(prepared, function)
    if stage != "kernel":
        raise MslError(f"`{function.name}` is a {stage} function: only compute kernels run here",
                       prepared.span(name_token), hint="write `kernel void`")  # fmt: skip
    for name, (token, _) in attributes.items():
        construct = find_attribute_construct(name, token)
        if construct is not None:
            raise MslError(construct.message, prepared.span(construct.token), hint=construct.hint)
    _check_result(prepared, function, head)
    parameters = read_parameters([prepared.tokens[i] for i in function.parameters], prepared.span)
    reached = calls.reached_from(index)
    _check_function_constants(prepared, [functions[i] for i in (index, *reached)])
    for reachable in (index, *sorted(reached)):
        error = _construct_error(prepared, functions[reachable], functions)
        if error is not None:
            raise error
    arguments = sorted(
        (p.argument for p in parameters if p.argument is not None), key=lambda a: a.index
    )
    builtins = tuple(dict.fromkeys(p.builtin for p in parameters if p.builtin is not None))
    limit = attributes.get("max_total_threads_per_threadgroup")
    most = int(limit[1][0].text) if limit and limit[1] and limit[1][0].text.isdecimal() else None
    signature = Signature(
        function.name, tuple(arguments), builtins, most, span=prepared.span(name_token)
    )
    return KernelModel(function, parameters, signature, reached)


def _check_result(prepared: PreparedText, function: Function, head: list[Token]) -> None:
    if function.template_names:
        raise MslError(f"kernel `{function.name}` is a template: it has no instance to run",
                       prepared.span(prepared.tokens[function.name_index]),
                       hint="instantiated templates (`host_name`) come with the MSL engine")  # fmt: skip
    result = [
        t
        for t in head
        if t.kind is TokenKind.IDENTIFIER and t.text not in (*_STAGES, "static", "inline")
    ]
    if "void" not in [t.text for t in result] or any(t.text == "*" for t in head):
        token = result[-1] if result else prepared.tokens[function.name_index]
        raise MslError(f"kernel `{function.name}` must return void", prepared.span(token),
                       hint="write results through a `device` pointer")  # fmt: skip


def function_constants(prepared: PreparedText) -> dict[str, Token]:
    """The variables declared with ``[[function_constant(n)]]``: name -> the attribute's token."""
    tokens = prepared.tokens
    return {
        tokens[i - 3].text: tokens[i]
        for i in range(3, len(tokens))
        if tokens[i].text == "function_constant" and tokens[i - 1].text == tokens[i - 2].text == "["
    }


def _check_function_constants(prepared: PreparedText, functions: list[Function]) -> None:
    constants = function_constants(prepared)
    if not constants:
        return
    for function in functions:
        for index in (*function.parameters, *function.body):
            token = constants.get(prepared.tokens[index].text)
            construct = find_attribute_construct("function_constant", token) if token else None
            if construct is not None:
                raise MslError(
                    construct.message, prepared.span(construct.token), hint=construct.hint
                )


def _construct_error(
    prepared: PreparedText, function: Function, functions: tuple[Function, ...]
) -> MslError | None:
    own_names = {f.name for f in functions}
    parts = (*function.head, *function.parameters, *function.body)
    found = find_construct(t for i in parts if (t := prepared.tokens[i]).text not in own_names)
    return (
        None
        if found is None
        else MslError(found.message, prepared.span(found.token), hint=found.hint)
    )


class _CallGraph:
    """Which functions a function may reach: by the names it mentions, so never too few."""

    def __init__(self, prepared: PreparedText, functions: tuple[Function, ...]) -> None:
        by_name: dict[str, list[int]] = {}
        for index, function in enumerate(functions):
            by_name.setdefault(function.name, []).append(index)
            for (
                enclosing
            ) in function.scope:  # naming a class reaches its constructors and operators
                if function.name == enclosing or function.name.startswith("operator"):
                    by_name.setdefault(enclosing, []).append(index)
        self._mentioned = [
            {i for t in self._tokens(prepared, f) for i in by_name.get(t.text, ())}
            for f in functions
        ]

    @staticmethod
    def _tokens(prepared: PreparedText, function: Function) -> Iterable[Token]:
        return (prepared.tokens[i] for i in (*function.parameters, *function.body))

    def reached_from(self, index: int) -> frozenset[int]:
        reached: set[int] = set()
        waiting = [index]
        while waiting:
            for following in self._mentioned[waiting.pop()]:
                if following not in reached and following != index:
                    reached.add(following)
                    waiting.append(following)
        return frozenset(reached)

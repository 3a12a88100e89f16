"""What a text holds: MSL text in, its functions, kernels and function constants out, and what stands in the way of each kernel."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metal_runtime.errors import MslError
from metal_runtime.msl.call_graph import CallGraph
from metal_runtime.msl.constant_expressions import Lookup, Number, enumerators, evaluate
from metal_runtime.msl.declarations import DeclarationScanner, Function
from metal_runtime.msl.engine_constructs import find_construct
from metal_runtime.msl.entries import (
    STAGES,
    Entries,
    head_attributes,
    stage_of,
    template_prefix,
)
from metal_runtime.msl.function_constants import FunctionConstants
from metal_runtime.msl.meetings import Meeting, find_meetings
from metal_runtime.msl.parameters import (
    DeclaredParameter,
    Parameter,
    Surroundings,
    attributes_of,
    declared_parameters,
    read_parameters,
)
from metal_runtime.msl.preprocess import PreparedText, prepare
from metal_runtime.msl.templates import (
    Instantiation,
    instance_parameters,
    read_instantiation,
    template_bindings,
    template_parameters,
)
from metal_runtime.msl.threadgroup_memory import (
    ThreadgroupVariable,
    threadgroup_variables,
    total_bytes,
)
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.msl.type_texts import TypeReader, aliases_of
from metal_runtime.program import CompileOptions, FunctionConstant, Signature


@dataclass(frozen=True, slots=True)
class KernelModel:
    """One kernel: its place among the tokens, its parameters in declaration order, its signature.

    ``signature.name`` is the name under which it is launched (the host name); ``function`` is its
    definition, a template's when ``instance`` says with which arguments. ``reached`` are the functions it
    may call, by index into ``Library.functions``.
    """

    function: Function
    parameters: tuple[Parameter, ...]
    signature: Signature
    reached: frozenset[int]
    instance: Instantiation | None = None
    meetings: tuple[Meeting, ...] = ()
    """Barriers and simdgroup functions in its body and in what it may call."""

    threadgroup_variables: tuple[ThreadgroupVariable, ...] = ()
    """The threadgroup memory that its body declares."""

    missing_constants: tuple[FunctionConstant, ...] = ()
    """The function constants that it needs and that the options give no value."""


class Library:
    """A text with its functions. Kernels are read when they are asked for, each once."""

    def __init__(self, prepared: PreparedText, options: CompileOptions) -> None:
        """Raises MslError for a bracket without its partner, and for values that fit no function constant."""
        scanner = DeclarationScanner(prepared.tokens)
        if scanner.unmatched is not None:
            token = prepared.tokens[scanner.unmatched]
            trouble = "never closed" if token.text in "([{" else "never opened"
            raise MslError(f"this `{token.text}` is {trouble}", prepared.span(token))
        self.prepared = prepared
        self.functions: tuple[Function, ...] = tuple(scanner.functions)
        self.entries: tuple[int, ...] = tuple(
            i for i, f in enumerate(self.functions) if f.defined and stage_of(prepared, f)
        )
        """The indices of the kernels, their templates (and graphics entry points) among the functions."""

        found = (read_instantiation(prepared.tokens, *place) for place in scanner.instantiations)
        self.instantiations: tuple[Instantiation, ...] = tuple(i for i in found if i is not None)
        self.constants = FunctionConstants(
            prepared,
            scanner.variables,
            enumerators(prepared.tokens, scanner.enumerations),
            options.constants,
        )
        self.typedefs: tuple[range, ...] = tuple(scanner.typedefs)
        self.aliases: Mapping[str, str] = aliases_of(prepared.tokens, scanner.typedefs)
        """The text's own names of scalar and vector types."""

        self._types = TypeReader(self.aliases)
        self._declared: dict[range, tuple[DeclaredParameter, ...]] = {}
        self._templates: dict[tuple[object, ...], int] = {}
        self._calls = CallGraph(prepared, self.functions)
        self._own_names = frozenset(f.name for f in self.functions)
        self._meetings: dict[int, tuple[Meeting, ...]] = {}
        self._construct_errors: dict[int, MslError | None] = {}
        self._names_of_constants: dict[int, frozenset[str]] = {}
        self._models: dict[str, KernelModel | MslError] = {}
        self._entries = Entries(prepared, self.functions, self.entries, self.instantiations)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all kernels (and graphics entry points), in the order of the text."""
        return tuple(self._entries.by_name)

    @property
    def kernels(self) -> Mapping[str, KernelModel]:
        """All kernels in which nothing stands in the way; reads every one."""
        models = {name: self._model(name) for name in self._entries.by_name}
        return {name: m for name, m in models.items() if isinstance(m, KernelModel)}

    @property
    def problems(self) -> Mapping[str, MslError]:
        """Why the other kernels cannot run; a template without an instance is among them."""
        models = {name: self._model(name) for name in self._entries.by_name}
        return {name: m for name, m in models.items() if isinstance(m, MslError)}

    def is_kernel(self, name: str) -> bool:
        """Whether ``name`` is a compute kernel that there is an instance of; it may still have a problem."""
        return self._entries.is_kernel(name)

    def kernel(self, name: str) -> KernelModel:
        """The kernel called ``name``. Raises MslError: there is none, or something stands in its way."""
        if name not in self._entries.by_name:
            raise self._entries.no_such_kernel(name)
        model = self._model(name)
        if isinstance(model, MslError):
            raise model.with_traceback(None)
        return model

    def unsupported(self, index: int) -> bool:
        """Whether the function at ``index`` uses what cannot be compiled; such a one must be left out."""
        return self._construct_error(index) is not None

    def meetings_of(self, index: int) -> tuple[Meeting, ...]:
        """The barriers and simdgroup functions in the body of the function at ``index``."""
        found = self._meetings.get(index)
        if found is None:
            body = self.functions[index].body
            found = find_meetings(self.prepared.tokens, index, body, self._own_names)
            self._meetings[index] = found
        return found

    # --- models ----------------------------------------------------------------------------------

    def _model(self, name: str) -> KernelModel | MslError:
        found = self._models.get(name)
        if found is None:
            try:
                found = self._read(name)
            except MslError as error:
                found = error
            self._models[name] = found
        return found

    def _read(self, name: str) -> KernelModel:
        entry = self._entries.by_name[name]
        if name in self._entries.twice:
            token = self.prepared.tokens[entry.place]
            raise MslError(f"kernel `{name}` is defined twice", self.prepared.span(token))
        if entry.instance is not None:
            index = self._template(entry.instance)
            return self._kernel_model(name, index, entry.instance)
        assert entry.function is not None
        return self._kernel_model(name, entry.function, None)

    def _template(self, instance: Instantiation) -> int:
        """The definition that an instantiation speaks of: by name, scope and number of parameters."""
        tokens = self.prepared.tokens
        listed = instance.parameters
        count = None if listed is None else len(self._declared_in(listed))
        spaces = frozenset(tokens[i].text for i in instance.qualified)
        key = (instance.name, instance.scope, spaces, count)
        if key not in self._templates:
            self._templates[key] = self._find_template(instance, spaces, count)
        return self._templates[key]

    def _find_template(
        self, instance: Instantiation, spaces: frozenset[str], count: int | None
    ) -> int:
        best: list[tuple[bool, bool, int]] = []
        for index, function in enumerate(self.functions):
            if function.name != instance.name or not function.defined:
                continue
            if count in (None, len(self._declared_in(function.parameters))):
                in_scope = spaces.issuperset(function.scope) or function.scope == instance.scope
                best.append((in_scope, bool(function.template_names), -index))
        if not best:
            token = self.prepared.tokens[instance.qualified.stop - 1]
            raise MslError(f"there is no kernel template `{instance.name}` to instantiate",
                           self.prepared.span(token),
                           hint=f"define `template <typename T> kernel void {instance.name}(...)` first")  # fmt: skip
        return -max(best)[2]

    def _kernel_model(self, name: str, index: int, instance: Instantiation | None) -> KernelModel:
        function = self.functions[index]
        attributes = head_attributes(self.prepared, function)
        self._check_head(function, instance)
        bindings = self._bindings(function, instance)
        lookup = self._lookup(bindings)
        reached = self._calls.reached_from(index, self._instance_names(instance))
        parameters = self._parameters(function, instance, bindings, lookup)
        for reachable in (index, *sorted(reached)):
            error = self._construct_error(reachable)
            if error is not None:
                raise error
        constants = self.constants.reached(self._constant_names(index, reached))
        variables = threadgroup_variables(
            self.prepared.tokens, function.body, lookup, self._types, bindings
        )
        limit = attributes.get("max_total_threads_per_threadgroup")
        most = evaluate(limit[1], lookup) if limit else None
        place = function.name_index if instance is None else instance.qualified.stop - 1
        arguments = [p.argument for p in parameters if p.argument is not None]
        memory = [p.threadgroup for p in parameters if p.threadgroup is not None]
        signature = Signature(
            name,
            tuple(sorted(arguments, key=lambda a: a.index)),
            tuple(dict.fromkeys(p.builtin for p in parameters if p.builtin is not None)),
            int(most) if most is not None else None,
            tuple(sorted(memory, key=lambda m: m.index)),
            total_bytes(variables),
            constants,
            span=self.prepared.span(self.prepared.tokens[place]),
        )
        meetings = tuple(m for i in (index, *sorted(reached)) for m in self.meetings_of(i))
        missing = self.constants.missing(constants)
        return KernelModel(
            function, parameters, signature, reached, instance, meetings, variables, missing
        )

    def _parameters(
        self,
        function: Function,
        instance: Instantiation | None,
        bindings: Mapping[str, tuple[Token, ...]],
        lookup: Lookup,
    ) -> tuple[Parameter, ...]:
        declared: Sequence[DeclaredParameter] = self._declared_in(function.parameters)
        if instance is not None:
            listed = None if instance.parameters is None else self._declared_in(instance.parameters)
            declared = instance_parameters(declared, bindings, listed)
        return read_parameters(declared, Surroundings(self.prepared.span, self._types, lookup))

    def _declared_in(self, where: range) -> tuple[DeclaredParameter, ...]:
        found = self._declared.get(where)
        if found is None:
            found = declared_parameters([self.prepared.tokens[i] for i in where])
            self._declared[where] = found
        return found

    def _bindings(
        self, function: Function, instance: Instantiation | None
    ) -> dict[str, tuple[Token, ...]]:
        if instance is None:
            return {}
        tokens = self.prepared.tokens
        arguments = [tokens[i] for i in instance.arguments or ()]
        return template_bindings(template_parameters(tokens, function), arguments)

    def _lookup(self, bindings: Mapping[str, tuple[Token, ...]]) -> Lookup:
        def find(name: str) -> Number | None:
            argument = bindings.get(name)
            if argument is None:
                return self.constants.value_of(name)
            others = {other: bound for other, bound in bindings.items() if other != name}
            return evaluate(argument, self._lookup(others))

        return find

    def _check_head(self, function: Function, instance: Instantiation | None) -> None:
        prepared = self.prepared
        name_token = prepared.tokens[function.name_index]
        stage = stage_of(prepared, function) or ("kernel" if instance else None)
        if stage != "kernel":
            raise MslError(f"`{function.name}` is a {stage} function: only compute kernels run here",
                           prepared.span(name_token), hint="write `kernel void`")  # fmt: skip
        if instance is None and function.template_names:
            raise MslError(f"kernel `{function.name}` is a template: it has no instance to run",
                           prepared.span(name_token),
                           hint=f'instantiate it: template [[host_name("{function.name}_float")]] kernel void '
                           f"{function.name}<float>(...);")  # fmt: skip
        start = len(template_prefix(prepared.tokens, function))
        head, _ = attributes_of([prepared.tokens[i] for i in function.head][start:])
        result = [
            t
            for t in head
            if t.kind is TokenKind.IDENTIFIER
            and t.text not in (*STAGES, "static", "inline", "METAL_FUNC")
        ]
        if "void" not in [t.text for t in result] or any(t.text == "*" for t in head):
            token = result[-1] if result else name_token
            raise MslError(f"kernel `{function.name}` must return void", prepared.span(token),
                           hint="write results through a `device` pointer")  # fmt: skip

    # --- what functions use ----------------------------------------------------------------------

    def _instance_names(self, instance: Instantiation | None) -> set[str]:
        """The names on which an instance depends besides its template."""
        if instance is None:
            return set()
        parts = (
            *(instance.arguments or ()),
            *(instance.parameters or ()),
            instance.qualified.stop - 1,
        )
        return {self.prepared.tokens[i].text for i in parts}

    def _constant_names(self, index: int, reached: Iterable[int]) -> set[str]:
        """The function constants, and what is computed from them, that the functions mention."""
        if not self.constants.names:
            return set()
        names: set[str] = set()
        for i in (index, *reached):
            found = self._names_of_constants.get(i)
            if found is None:
                function, tokens = self.functions[i], self.prepared.tokens
                where = (*function.parameters, *function.body)
                found = self.constants.names.intersection(tokens[j].text for j in where)
                self._names_of_constants[i] = found
            names |= found
        return names

    def _construct_error(self, index: int) -> MslError | None:
        if index not in self._construct_errors:
            function = self.functions[index]
            parts = (*function.head, *function.parameters, *function.body)
            tokens = self.prepared.tokens
            found = find_construct(t for i in parts if (t := tokens[i]).text not in self._own_names)
            self._construct_errors[index] = (
                None
                if found is None
                else MslError(found.message, self.prepared.span(found.token), hint=found.hint)
            )
        return self._construct_errors[index]


def read_library(source: str, file: str, options: CompileOptions) -> Library:
    """The functions and kernels of a text. Raises MslError for a text that cannot be read at all."""
    return _library(prepare(source, file, options), options)


@functools.lru_cache(maxsize=256)
def _library(prepared: PreparedText, options: CompileOptions) -> Library:
    return Library(prepared, options)

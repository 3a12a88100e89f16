"""``@kernel``: a Python function becomes a KernelFunction, which is called with arguments and a number of threads."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from metal_runtime.errors import KernelTypeError, LaunchError, UnsupportedPythonError
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, type_name
from metal_runtime.notebook import kernel_html
from metal_runtime.runtime.argument_types import TypeKey, argument_type, type_key
from metal_runtime.runtime.launch import arguments_by_name
from metal_runtime.runtime.sessions import get_session, session_of
from metal_runtime.runtime.specialise import Specialisation, declared_types, specialise
from metal_runtime.runtime.threadgroups import memory_lengths, require_threadgroup
from metal_runtime.runtime.tile_constants import checked_space
from metal_runtime.runtime.tuned_launch import Tuner
from metal_runtime.runtime.tuning_trial import Variant

if TYPE_CHECKING:
    from metal_runtime.ir.nodes import Kernel
    from metal_runtime.program import MslProgram, Signature
    from metal_runtime.runtime.session import Session
    from metal_runtime.tune.space import Space

_CALL_NAMES = ("threads", "threadgroup")  # how errors call grid and threadgroup


class KernelFunction:
    """A kernel written in Python.

    With a type for every parameter it is compiled to MSL when it is made; otherwise the missing types
    come from the arguments of each call, one compilation for each combination of types.

    Attributes:
        func: the Python function.
        param_types: the MSL type text of every parameter whose type is declared.
        name: what ``api.launch_kernel`` knows it by; ``function_name`` is the same.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        param_types: Mapping[str, str] | None = None,
        name: str | None = None,
        tile: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        if not callable(func) or not hasattr(func, "__code__"):
            raise UnsupportedPythonError(
                f"@kernel takes a Python function, not a {type(func).__name__}",
                hint="write @kernel or @kernel(param_types={...}) above a `def`",
            )
        functools.update_wrapper(self, func)
        self.func = func
        self.name = _checked_name(func, name)
        self._declared = declared_types(func, param_types)
        self._passed = tuple(n for n, t in self._declared.items() if not _is_sized(t))
        self._lock = threading.RLock()
        self._by_types: dict[TypeKey, Specialisation] = {}
        self._latest: Specialisation | None = None
        self._typed: Specialisation | None = None
        known = {n: t for n, t in self._declared.items() if t is not None}
        if len(known) == len(self._declared):
            self._typed = self._latest = specialise(func, self.name, known)
        self.param_types = {n: _type_text(t) for n, t in known.items()}
        self._tuner = None if tile is None else self._tuner_over(checked_space(func, tile))

    # --- what it was compiled to -----------------------------------------------------------------

    @property
    def function_name(self) -> str:
        return self.name

    @property
    def msl_source(self) -> str:
        """The MSL text; without declared types, that of the latest types it was compiled for."""
        return self._compiled("msl_source").program.source

    @property
    def program(self) -> MslProgram:
        """All that a device gets of it: ``msl_source`` with the signature and the options."""
        return self._compiled("program").program

    @property
    def ir(self) -> Kernel:
        """The optimised IR, of the same types as ``msl_source``."""
        return self._compiled("ir").ir

    @property
    def signature(self) -> Signature:
        """The parameters as the device sees them."""
        (signature,) = self._compiled("signature").program.entry_points
        return signature

    def _compiled(self, what: str) -> Specialisation:
        if self._latest is None:
            missing = [n for n, t in self._declared.items() if t is None]
            raise KernelTypeError(
                f"kernel `{self.name}` has no `{what}` yet: the type of "
                f"{', '.join(f'`{n}`' for n in missing)} is not known before the first launch",
                hint="declare it with @kernel(param_types={...}) or an annotation, "
                "call .specialise(...), or launch it first",
            )
        return self._latest

    def specialise(self, *types: str, **named: str) -> KernelFunction:
        """The kernel with MSL type texts for the parameters that have none, by position or by name.

        The result is a kernel of its own; it is not registered. Raises CompileError.
        """
        undeclared = [n for n, t in self._declared.items() if t is None]
        if len(types) > len(undeclared):
            raise KernelTypeError(
                f"kernel `{self.name}` has {len(undeclared)} parameters without a type, "
                f"{len(types)} types were given",
                hint=f"they are: {', '.join(undeclared)}" if undeclared else None,
            )
        given = dict(zip(undeclared, types, strict=False))
        tile = None if self._tuner is None else dict(self._tuner.space.choices)
        return KernelFunction(self.func, {**self.param_types, **given, **named}, self.name, tile)

    # --- launching -------------------------------------------------------------------------------

    def __call__(
        self,
        *args: Any,
        threads: Any = None,
        threadgroup: Any = None,
        threadgroup_memory: Any = None,
        **named: Any,
    ) -> None:
        """Launches ``threads`` threads: an integer, or 1 to 3 of them (x, y, z).

        Arguments are buffers, NumPy arrays (uploaded; what the kernel writes comes back into them),
        numbers, and tuples for vectors. ``threadgroup`` is chosen for the device when left out.
        ``threadgroup_memory`` is the bytes of each ``threadgroup`` parameter, in order or by name; none is
        passed among the arguments. It runs on the device of its buffers; without one among the arguments, on
        the current device.

        Raises:
            LaunchError: something does not fit; names the kernel and the parameter.
            CompileError: types were inferred from the arguments, and the function is wrong for them.
        """
        if named:
            args = arguments_by_name(self.name, self._passed, args, named)
        if threads is None:
            raise LaunchError(
                "the number of threads is missing",
                kernel=self.name,
                hint=f"call {self.name}({', '.join(self._passed)}, threads=n), "
                "or threads=(width, height)",
            )
        self._launch(args, threads, threadgroup, threadgroup_memory)

    def launch(self, args: Sequence[Any], grid: Any, block: Any = None) -> None:
        """The same with the arguments in a sequence, as ``api.launch_kernel`` does it."""
        if self._tuner is not None or len(self._passed) < len(self._declared):
            self._launch(args, grid, block)
        else:
            self._specialisation(args).plan(session_of(args)).launch(args, grid, block)

    def _launch(
        self, args: Sequence[Any], threads: Any, threadgroup: Any = None, lengths: Any = None
    ) -> None:
        if self._tuner is None:
            self._launch_as_it_is(args, threads, threadgroup, lengths)
        else:
            self._tuner.launch(args, threads, threadgroup, lengths, session_of(args))

    def _launch_as_it_is(
        self,
        args: Sequence[Any],
        threads: Any,
        threadgroup: Any,
        lengths: Any,
        session: Session | None = None,
    ) -> None:
        plan = self._specialisation(args).plan(session or session_of(args))
        memory: tuple[int, ...] = ()
        if lengths is not None or len(self._passed) < len(self._declared):
            signature = plan.pipeline.signature
            if signature.threadgroup_arguments:
                require_threadgroup(self.name, signature, threadgroup)
            traits = plan.session.device.traits
            memory = memory_lengths(self.name, signature, lengths, traits)
        plan.launch(args, threads, threadgroup, _CALL_NAMES, memory)

    def _tuner_over(self, space: Space) -> Tuner:
        def variant(function: Callable[..., Any]) -> Variant:
            return KernelFunction(function, self.param_types, self.name)._as_it_is()

        return Tuner(self.name, self.func, space, self._as_it_is(), variant)

    def _as_it_is(self) -> Variant:
        return Variant(
            launch=self._launch_as_it_is,
            plan=lambda args, session: self._specialisation(args).plan(session),
        )

    def _specialisation(self, args: Sequence[Any]) -> Specialisation:
        if self._typed is not None:
            return self._typed
        key = type_key(args)
        found = self._by_types.get(key)
        if found is None:
            with self._lock:
                found = self._by_types.get(key)
                if found is None:
                    found = self._latest = self._infer(args)
                    self._by_types[key] = found
        return found

    def _infer(self, args: Sequence[Any]) -> Specialisation:
        args = arguments_by_name(self.name, self._passed, args, {})
        values = dict(zip(self._passed, args, strict=True))
        types = {
            n: argument_type(self.name, n, values[n]) if declared is None else declared
            for n, declared in self._declared.items()
        }
        inferred = {n for n, t in self._declared.items() if t is None}
        pointers = frozenset(n for n in inferred if isinstance(types[n], Pointer))
        return specialise(self.func, self.name, types, pointers)

    # --- as an object ----------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        """For notebooks: the parameters, the MSL as far as it is known, and the Python."""
        texts = [] if self._latest is None else [("MSL", "msl", self.msl_source)]
        note = (
            "" if texts else "Its MSL is made at the first launch, for the types of the arguments."
        )
        with contextlib.suppress(OSError, TypeError):  # the file is gone
            texts.append(("Python", "python", textwrap.dedent(inspect.getsource(self.func))))
        return kernel_html(repr(self), texts, note)

    def __repr__(self) -> str:
        parameters = ", ".join(
            n if t is None else f"{n}: {_type_text(t)}" for n, t in self._declared.items()
        )
        return f"<kernel {self.name}({parameters})>"

    def __reduce__(self) -> str:
        # By reference, as functions are pickled: the other process imports the module that defines it.
        return self.func.__qualname__


@overload
def kernel(func: Callable[..., Any], /) -> KernelFunction: ...
@overload
def kernel(
    func: None = None,
    /,
    *,
    param_types: Mapping[str, str] | None = None,
    name: str | None = None,
    tile: Mapping[str, Sequence[Any]] | None = None,
) -> Callable[[Callable[..., Any]], KernelFunction]: ...
def kernel(
    func: Callable[..., Any] | None = None,
    /,
    *,
    param_types: Mapping[str, str] | None = None,
    name: str | None = None,
    tile: Mapping[str, Sequence[Any]] | None = None,
) -> KernelFunction | Callable[[Callable[..., Any]], KernelFunction]:
    """Makes a kernel of a function and registers it under its name; bare, or with types and a name.

    ``param_types`` maps parameters to MSL types, ``{"x": "device const float*", "n": "uint"}``; the same
    texts can be annotations. Scalars are passed as ``constant T&``.
    ``tile`` maps constants that the function reads, and ``"threadgroup"``, to candidates: the first call for each
    class of sizes measures them on copies, and the fastest is kept on disk (``IRIS_TUNE=0``: the constants as they
    are). ``threads=`` may then be a function of the configuration: ``threads=lambda tile: n // tile["TILE"]``.

    Raises:
        CompileError: the function is no kernel; the error shows the place in it.
    """

    def decorate(function: Callable[..., Any]) -> KernelFunction:
        made = KernelFunction(function, param_types, name, tile)
        get_session().kernels.register(made)
        return made

    return decorate if func is None else decorate(func)


def _type_text(type_: Pointer | ValueType) -> str:
    return type_name(type_)


def _is_sized(type_: Pointer | ValueType | None) -> bool:
    """Whether a parameter is threadgroup memory, whose length the launch gives."""
    return isinstance(type_, Pointer) and type_.space is AddressSpace.THREADGROUP


def _checked_name(func: Callable[..., Any], name: str | None) -> str:
    chosen = func.__name__ if name is None else name
    if not isinstance(chosen, str) or not re.fullmatch(r"[A-Za-z_]\w*", chosen, re.ASCII):
        raise UnsupportedPythonError(
            f"{chosen!r} cannot be the name of an MSL function",
            hint='use letters, digits and underscores: @kernel(name="saxpy")',
        )
    return chosen

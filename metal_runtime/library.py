"""Libraries: MSL text, or a .metal file, in; an object whose attributes are its kernels, ready to be launched, out."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from metal_runtime.errors import LaunchError, MslError, UnknownKernelError
from metal_runtime.msl_types import type_name
from metal_runtime.notebook import kernel_html
from metal_runtime.program import CompileOptions, MathMode, MslProgram, Signature
from metal_runtime.runtime.launch import LaunchPlan, arguments_by_name, open_plans
from metal_runtime.runtime.msl_source import (
    folders,
    headers_digest,
    macro_text,
    math_mode_of,
    plain_value,
    text_and_file,
)
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import get_session, session_of
from metal_runtime.runtime.signature_text import signature_text
from metal_runtime.runtime.threadgroups import (
    check_static_memory,
    grid_of,
    memory_lengths,
    require_threadgroup,
)

if TYPE_CHECKING:
    from metal_runtime.msl.library import KernelModel
    from metal_runtime.msl.library import Library as TextModel

_SHOWN = 40  # kernels in a repr; a library may have thousands


def compile(
    source: str | os.PathLike[str],
    *,
    defines: Mapping[str, Any] | None = None,
    include_dirs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    constants: Mapping[str | int, Any] | None = None,
    math_mode: MathMode | str = MathMode.SAFE,
    contract: bool = True,
    strategy: str | None = None,
) -> Library:
    """The library of an MSL text (``str``) or of a file (a path object).

    The text is read now; each kernel is compiled for the device when it is first launched or prepared.

    Args:
        defines: macros, as ``-D`` gives them: ``{"WIDTH": 32, "FAST": True}``; None stands for nothing.
        include_dirs: folders in which headers are looked for; a file's own folder is among them.
        constants: values of function constants, by name or by index.
        math_mode: ``"safe"`` keeps NaN, infinities and the order of operations; ``"fast"`` need not.
        contract: whether ``a * b + c`` may become one fused multiply-add.
        strategy: how a CPU shall run threadgroups; the fastest way that can when None.

    Raises:
        MslError: the text cannot be read, has no kernel, or a value fits no function constant.
    """
    text, file = text_and_file(source)
    options = CompileOptions(
        math_mode_of(math_mode),
        contract,
        tuple((name, macro_text(name, value)) for name, value in (defines or {}).items()),
        folders(include_dirs),
        tuple((key, plain_value(value)) for key, value in (constants or {}).items()),
        strategy,
    )
    return Library(text, file, options)


class Library:
    """The kernels of one MSL text: ``lib.reduce_sum(x, out, n, threads=(n,), threadgroup=(256,))``.

    ``lib["name"]`` reaches kernels whose names are no Python attributes, or are those of this class.
    Libraries may be shared by threads, and pickled: the text goes along, its headers do not.
    """

    def __init__(self, text: str, file: str, options: CompileOptions) -> None:
        """Made by ``metal_runtime.compile``. Raises MslError for a text without kernels."""
        self._text = text
        self._file = file
        self._options = options
        self._kernels: dict[str, LibraryKernel] = {}
        self._lock = threading.Lock()
        self._headers = ""
        model = self._model()
        self._headers = headers_digest(model.prepared.headers)
        self._names = model.names
        self._check()
        if not any(model.is_kernel(name) for name in model.names):
            from metal_runtime.msl.signature import no_kernel

            raise no_kernel(model, text, file)

    @property
    def kernels(self) -> Mapping[str, Signature]:
        """The signatures of the kernels that can be launched, by name, in the order of the text."""
        return {name: model.signature for name, model in self._model().kernels.items()}

    @property
    def options(self) -> CompileOptions:
        """What, besides the text, decides the compiled code."""
        return self._options

    def specialise(
        self, constants: Mapping[str | int, Any], strategy: str | None = None
    ) -> Library:
        """The same text with these values of function constants besides those that it has.

        Raises:
            MslError: no function constant has this name or index, or it cannot have this value.
        """
        values = dict(self._options.constants)
        values.update((key, plain_value(value)) for key, value in constants.items())
        options = replace(
            self._options,
            constants=tuple(values.items()),
            strategy=strategy or self._options.strategy,
        )
        return Library(self._text, self._file, options)

    def __getitem__(self, name: str) -> LibraryKernel:
        found = self._kernels.get(name)
        if found is None:
            if name not in self._names:
                raise self._unknown(name)
            with self._lock:
                found = self._kernels.setdefault(name, LibraryKernel(self, name))
        return found

    def __getattr__(self, name: str) -> LibraryKernel:
        if name.startswith("_"):  # Python asks for such names itself, also before there is a text
            names = self.__dict__.get("_names", ())
            if name not in names:
                raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n in self._names if n.isidentifier())})

    def __reduce__(self) -> tuple[Any, ...]:
        return Library, (self._text, self._file, self._options)

    def _repr_html_(self) -> str:
        """For notebooks: the kernels, and the text."""
        return kernel_html(repr(self), [("MSL", "msl", self._text)])

    def __repr__(self) -> str:
        count = len(self._names)
        lines = [f"<library {self._file}: {count} kernel{'' if count == 1 else 's'}>"]
        for name in self._names[:_SHOWN]:
            try:
                lines.append(signature_text(self._model().kernel(name).signature))
            except MslError as error:
                lines.append(f"{name}  // cannot be launched: {error.message}")
        if count > _SHOWN:
            lines.append(f"and {count - _SHOWN:,} more")
        return "\n".join(lines)

    # --- what its kernels ask --------------------------------------------------------------------

    def _model(self) -> TextModel:
        from metal_runtime.msl.library import read_library  # the compiler loads when needed

        return read_library(self._text, self._file, self._options)

    def _check_headers(self) -> None:
        """The device reads the headers itself: it must find what this library was made of."""
        if headers_digest(self._model().prepared.headers) != self._headers:
            raise MslError(
                f"a header that {self._file} includes has changed since the library was made",
                hint="call metal_runtime.compile again",
            )

    def _check(self) -> None:
        """Raises MslError where the text breaks a rule of Metal that C++ has not: address spaces above all."""
        from metal_runtime.msl.rules.check import require_valid

        require_valid(self._text, self._file, self._options)

    def _program(self, signature: Signature) -> MslProgram:
        return MslProgram(
            self._text, (signature,), self._options, self._file, headers=self._headers
        )

    def _unknown(self, name: str) -> UnknownKernelError:
        close = difflib.get_close_matches(name, self._names, n=3)
        shown = close or self._names[:8]
        listed = ", ".join(f"`{n}`" for n in shown)
        more = f" and {len(self._names) - 8} more" if not close and len(self._names) > 8 else ""
        hint = f"did you mean {' or '.join(f'`{n}`' for n in close)}?" if close else None
        return UnknownKernelError(
            f"{self._file} has no kernel of this name",
            kernel=name,
            hint=hint or f"it has {listed}{more}",
        )


class LibraryKernel:
    """One kernel of a library. Calling it launches it."""

    def __init__(self, library: Library, name: str, shown: str | None = None) -> None:
        """``shown`` is what errors call it, if not by its own name."""
        self.library = library
        self.name = shown or name
        self._function = name
        self._plans: dict[Session, LaunchPlan] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        *args: Any,
        threads: Any = None,
        threadgroups: Any = None,
        threadgroup: Any = None,
        threadgroup_memory: Any = None,
        **named: Any,
    ) -> None:
        """Launches the kernel, on the device of its buffers or else the current one; waits for arrays that it writes.

        Args:
            args, named: in the order of buffer indices, or by name: buffers, NumPy arrays (written ones come
                back), numbers, tuples for vectors, bytes or NumPy structured scalars for structs; None binds
                nothing, for a buffer that the kernel will not touch.
            threads: how many threads, 1 to 3 integers.
            threadgroups: how many threadgroups, instead of ``threads``.
            threadgroup: threads in a threadgroup; it may be left out where threads have nothing to share.
            threadgroup_memory: bytes for each ``[[threadgroup(n)]]`` argument, in order or by name.

        Raises:
            LaunchError: something does not fit; names the kernel and the parameter.
            MslError: the compiler refuses the kernel, at its line.
            KernelFault: it failed while it ran.
        """
        plan = self._plan(session_of((*args, *named.values()) if named else args))
        arguments = plan.pipeline.signature.arguments
        if named or len(args) != len(arguments):
            optional = [a.name for a in arguments if not a.active]
            names = [argument.name for argument in arguments]
            args = arguments_by_name(self.name, names, args, named, optional)
        grid = grid_of(self.name, threads, threadgroups, threadgroup)
        if plan.needs_threadgroup:
            require_threadgroup(self.name, plan.pipeline.signature, threadgroup)
        memory: tuple[int, ...] = ()
        if threadgroup_memory is not None or plan.pipeline.signature.threadgroup_arguments:
            memory = memory_lengths(
                self.name,
                plan.pipeline.signature,
                threadgroup_memory,
                plan.session.device.traits,
            )
        plan.launch(args, grid, threadgroup, ("threads", "threadgroup"), memory)

    def launch(self, args: Sequence[Any], grid: Any, block: Any = None) -> None:
        """Launches ``grid`` threads in threadgroups of ``block``. Raises MslError, LaunchError, KernelFault."""
        plan = self._plan(session_of(args))
        if plan.needs_threadgroup or plan.pipeline.signature.threadgroup_arguments:
            self(*args, threads=grid, threadgroup=block)
        else:
            plan.launch(args, grid, block)

    def prepare(self) -> LaunchPlan:
        """Compiles for the current device, unless that is done.

        Raises:
            MslError: the compiler refuses it, at the text's line.
            LaunchError: a function constant that it needs has no value.
        """
        return self._plan(get_session())

    def _plan(self, session: Session) -> LaunchPlan:
        plan = self._plans.get(session)
        if plan is None:
            with self._lock:
                plan = self._plans.get(session)
                if plan is None:
                    plan = self._prepared(session)
                    self._plans = {**open_plans(self._plans), session: plan}
        return plan

    def _prepared(self, session: Session) -> LaunchPlan:
        self.library._check_headers()
        model = self._model
        if model.missing_constants:
            raise self._missing_constants()
        check_static_memory(self.name, model.signature, session.device.traits)
        program = self.library._program(model.signature)
        pipeline = session.programs.pipeline(program, self._function)
        plan = LaunchPlan(self.name, program, pipeline, session, optional_buffers=True)
        shares = model.signature.threadgroup_arguments or model.threadgroup_variables
        plan.needs_threadgroup = bool(shares) or any(
            meeting.kind.value == "threadgroup" for meeting in model.meetings
        )
        return plan

    @property
    def signature(self) -> Signature:
        """Its parameters, threadgroup memory and function constants. Raises MslError when it cannot be launched."""
        return self._model.signature

    @property
    def strategy(self) -> str:
        """How the device runs a threadgroup: ``loops``, ``regions`` or ``fibers`` on a CPU. Compiles the kernel."""
        return self.prepare().pipeline.strategy

    @property
    def texts(self) -> Mapping[str, str]:
        """What the device's own compiler made of it, by stage. Compiles the kernel."""
        return self.prepare().pipeline.texts

    @property
    def _model(self) -> KernelModel:
        return self.library._model().kernel(self._function)

    def _missing_constants(self) -> LaunchError:
        missing = self._model.missing_constants
        listed = ", ".join(f"`{c.name}` ({type_name(c.type)}, index {c.index})" for c in missing)
        example = ", ".join(
            f'"{c.name}": {"True" if type_name(c.type) == "bool" else "1"}' for c in missing
        )
        return LaunchError(
            f"it needs values of the function constant{'' if len(missing) == 1 else 's'} {listed}",
            kernel=self.name,
            hint=f"use lib.specialise({{{example}}})",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return LibraryKernel, (self.library, self._function, self.name)

    def _repr_html_(self) -> str:
        """For notebooks: the signature, and the text of the library."""
        return kernel_html(repr(self), [("MSL", "msl", self.library._text)])

    def __repr__(self) -> str:
        return signature_text(self.signature)

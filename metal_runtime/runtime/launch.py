"""A compiled kernel and the values of a call -> one checked launch on the session's stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.buffer_host import ArrayGraph, Launch
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.errors import LaunchError
from metal_runtime.msl_types import Pointer
from metal_runtime.program import Argument, ArgumentKind, MslProgram
from metal_runtime.recording.recorder import RECORDER
from metal_runtime.runtime.buffer_arguments import Uploads, fast_binding
from metal_runtime.runtime.launch_shape import launch_config
from metal_runtime.runtime.recorded_launch import argument_work, recorded_launch
from metal_runtime.runtime.size_check import SizeCheck
from metal_runtime.runtime.told_memory import tells_its_memory
from metal_runtime.runtime.value_arguments import fast_pack

if TYPE_CHECKING:
    from metal_runtime.runtime.accesses import AccessBounds
    from metal_runtime.runtime.session import Session

_NBYTES = attrgetter("_nbytes")
_CONFIGS_KEPT = 4096  # launch shapes remembered a kernel


class LaunchPlan:
    """One kernel, ready to launch on one session: a packer for each parameter, launch shapes that were checked.

    A call with open buffers of the right type and Python numbers takes the quick way; whatever it does
    not recognise goes through the full checks, which either find it good or say what is wrong.
    """

    __slots__ = (
        "_arguments", "_buffers", "_busy_graph", "_configs", "_optional_buffers", "_packers", "_program", "_sizes", "_tells", "_traits", "_written",
        "name", "needs_threadgroup", "pipeline", "session",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        program: MslProgram,
        pipeline: Pipeline,
        session: Session,
        bounds: AccessBounds | None = None,
        optional_buffers: bool = False,
    ) -> None:
        """``optional_buffers``: None may be passed for a buffer, and binds nothing."""
        self.name = name
        self.needs_threadgroup = False
        self._optional_buffers = optional_buffers
        self._program = program
        self._tells = tells_its_memory(program, pipeline.signature)
        self.pipeline = pipeline
        self.session = session
        self._traits = session.device.traits
        self._busy_graph = session.busy_graph
        self._arguments = pipeline.signature.arguments
        self._packers = [_packer(argument, session) for argument in self._arguments]
        self._buffers = tuple(a.kind is ArgumentKind.BUFFER for a in self._arguments)
        self._written = tuple(a.written for a in compress(self._arguments, self._buffers))
        self._configs: dict[Any, LaunchConfig] = {}
        self._sizes = None if bounds is None else SizeCheck(name, self._arguments, bounds)

    def launch(
        self,
        args: Sequence[Any],
        grid: Any,
        threadgroup: Any = None,
        names: tuple[str, str] = ("grid", "block"),
        memory: tuple[int, ...] = (),
    ) -> None:
        """Checks and launches; ``args`` by position. ``names`` is what the caller calls grid and threadgroup.

        ``memory`` is the bytes of each threadgroup argument.

        Raises:
            LaunchError: something does not fit; names the kernel and the parameter.
            KernelFault: the kernel failed while it ran, or one before it did.
        """
        if len(args) != len(self._packers):
            raise wrong_count(self.name, self._arguments, len(args))
        graph = self._busy_graph()
        if graph is not None:
            self._start_before(graph, args)
        config = self._configs.get(grid) if threadgroup is None and grid.__class__ is int else None
        if config is None:
            config = self._config(grid, threadgroup, names)
        if memory:
            config = self._with_memory(config, memory)
        # No `strict`: the lengths are equal, and a keyword costs as much as an argument's packing.
        bindings = [pack(value) for pack, value in zip(self._packers, args)]  # noqa: B905
        if None in bindings:
            self._launch_checked(config, args)
            return
        if self._sizes is not None:
            self._sizes.check(config.grid, args)
        if RECORDER.on:
            session = self.session
            work = self._written, [*map(_NBYTES, compress(args, self._buffers))]
            recorded_launch(
                session.stream, session.device_name, session.times_launches,
                self.pipeline, config, bindings, work,  # type: ignore[arg-type]
            )  # fmt: skip
        else:
            self.session.stream.launch(self.pipeline, config, bindings)  # type: ignore[arg-type]
        if graph is not None and graph.is_observed():
            self._tell(graph, config, args)

    def _start_before(self, graph: ArrayGraph[MetalBuffer], args: Sequence[Any]) -> None:
        """Starts what is pending and has to run before this launch: what it reads, and what reads what it writes."""
        if not self._tells:
            graph.flush()
            return
        reads, writes = [], []
        for argument, value in zip(self._arguments, args):  # noqa: B905  # of equal length, as above
            # Other buffers are refused when they are bound.
            if isinstance(value, MetalBuffer) and value._host is self.session and not value.closed:
                reads.append(value)
                if argument.written:
                    writes.append(value)
        graph.start_before(reads, writes)

    def _tell(
        self, graph: ArrayGraph[MetalBuffer], config: LaunchConfig, args: Sequence[Any]
    ) -> None:
        signature, text = self.pipeline.signature, self._program.source
        graph.launched(Launch(self.name, text, signature, config.grid, by_program=True), args)

    def _launch_checked(self, config: LaunchConfig, args: Sequence[Any]) -> None:
        uploads = Uploads(self.name, self.session, self._optional_buffers)
        bindings: list[Binding] = []
        for argument, pack, value in zip(self._arguments, self._packers, args, strict=True):
            binding = pack(value)
            bindings.append(uploads.bind(argument, value) if binding is None else binding)
        if self._sizes is not None:
            self._sizes.check(config.grid, args)
        work = partial(argument_work, self._arguments, args)
        self.session.launch(self.pipeline, config, bindings, work)
        graph = self._busy_graph()
        if graph is not None and graph.is_observed():
            self._tell(graph, config, args)
        uploads.copy_back()

    def _config(self, grid: Any, threadgroup: Any, names: tuple[str, str]) -> LaunchConfig:
        key = _config_key(grid, threadgroup)
        config = None if key is None else self._configs.get(key)
        if config is None:
            config = launch_config(
                self.name,
                grid,
                threadgroup,
                traits=self._traits,
                max_threads=self.pipeline.max_threads_per_threadgroup,
                grid_name=names[0],
                threadgroup_name=names[1],
            )
            if key is not None:
                if len(self._configs) >= _CONFIGS_KEPT:
                    self._configs.clear()
                self._configs[key] = config
        return config

    def _with_memory(self, config: LaunchConfig, memory: tuple[int, ...]) -> LaunchConfig:
        found = self._configs.get((config, memory))
        if found is None:
            found = self._configs[config, memory] = replace(config, threadgroup_memory=memory)
        return found


def open_plans(plans: Mapping[Session, LaunchPlan]) -> dict[Session, LaunchPlan]:
    """The plans without those of closed sessions, whose devices they would keep alive."""
    return {session: plan for session, plan in plans.items() if not session.closed}


def _config_key(grid: Any, threadgroup: Any) -> Any:
    """What to remember a launch shape under: integers and tuples of them only, since 4.0 == 4 == True + 3."""
    if grid.__class__ is int and threadgroup is None:
        return grid
    for shape in (grid, threadgroup):
        if shape.__class__ is tuple:
            for part in shape:
                if part.__class__ is not int:
                    return None
        elif shape is not None and shape.__class__ is not int:
            return None
    return grid, threadgroup


def _packer(argument: Argument, session: Session) -> Callable[[Any], Binding | None]:
    if argument.kind is ArgumentKind.VALUE:
        return fast_pack(None if isinstance(argument.type, Pointer) else argument.type)
    return fast_binding(argument, session)


def arguments_by_name(
    kernel: str,
    parameters: Sequence[str],
    args: Sequence[Any],
    named: Mapping[str, Any],
    optional: Sequence[str] = (),
) -> tuple[Any, ...]:
    """Positional and keyword arguments in parameter order, None for ``optional`` ones that are not given.

    Raises LaunchError as a call would raise TypeError.
    """
    if len(args) > len(parameters):
        raise _too_many(kernel, parameters, len(args))
    values = dict(zip(parameters, args, strict=False))
    for name, value in named.items():
        if name not in parameters:
            raise LaunchError(
                f"there is no parameter `{name}`",
                kernel=kernel,
                hint=f"its parameters are: {', '.join(parameters)}; the grid is given as threads=",
            )
        if name in values:
            raise LaunchError(
                "is given twice, by position and by name", kernel=kernel, parameter=name
            )
        values[name] = value
    missing = [name for name in parameters if name not in values and name not in optional]
    if missing:
        raise _missing(kernel, parameters, missing)
    return tuple(values.get(name) for name in parameters)


def wrong_count(kernel: str, arguments: Sequence[Argument], given: int) -> LaunchError:
    """The error for a call with too few or too many values."""
    names = [argument.name for argument in arguments]
    if given < len(names):
        return _missing(kernel, names, names[given:])
    return _too_many(kernel, names, given)


def _too_many(kernel: str, parameters: Sequence[str], given: int) -> LaunchError:
    return LaunchError(
        f"takes {_arguments(len(parameters))} ({', '.join(parameters)}), not {given}", kernel=kernel
    )


def _missing(kernel: str, parameters: Sequence[str], missing: Sequence[str]) -> LaunchError:
    return LaunchError(
        f"missing {_arguments(len(missing))}: {', '.join(missing)}",
        kernel=kernel,
        hint=f"its parameters are: {', '.join(parameters)}",
    )


def _arguments(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"

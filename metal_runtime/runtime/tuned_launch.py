"""A call of a kernel with ``tile=`` -> one launch in the configuration that was fastest for calls of its shape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import LaunchError
from metal_runtime.program import ArgumentKind
from metal_runtime.runtime.argument_types import type_key
from metal_runtime.runtime.launch import LaunchPlan
from metal_runtime.runtime.launch_shape import extent
from metal_runtime.runtime.program_key import program_key
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.tile_constants import default_configuration, with_constants
from metal_runtime.tune import store
from metal_runtime.tune.measure import best_of, device_seconds
from metal_runtime.tune.space import (
    THREADGROUP,
    Configuration,
    Space,
    shape_class,
    shape_text,
    text_of,
)

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller passes; threads, threadgroup and memory may be functions of the configuration."""

    args: Sequence[Any]
    threads: Any
    threadgroup: Any = None
    memory: Any = None

    def in_configuration(self, configuration: Configuration) -> Call:
        """The call with everything known."""
        threadgroup = _value(self.threadgroup, configuration)
        if threadgroup is None:
            threadgroup = configuration.get(THREADGROUP)
        threads, memory = _value(self.threads, configuration), _value(self.memory, configuration)
        return Call(self.args, threads, threadgroup, memory)


def _value(given: Any, configuration: Configuration) -> Any:
    return given(dict(configuration)) if callable(given) else given


@dataclass(frozen=True, slots=True)
class Variant:
    """The kernel with some values of its constants: how to launch it, and its plan for the arguments of a call."""

    launch: Callable[[Call], None]
    plan: Callable[[Sequence[Any], Session], LaunchPlan]


class Tuner:
    """Chooses a kernel's configuration, call by call; measures at the first call of a shape class.

    ``own`` is the kernel with the constants as they are, ``make`` makes a variant of a function with others.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        space: Space,
        own: Variant,
        make: Callable[[Callable[..., Any]], Variant],
    ) -> None:
        self.space = space
        self._name, self._function, self._make = name, function, make
        self._default = default_configuration(function, space)
        self._variants = {_constants_text(self._default): own}
        self._winners: dict[Any, Configuration] = {}
        self._lock = threading.RLock()

    def launch(self, call: Call, session: Session) -> None:
        """One launch, whatever was measured before it. Raises what a launch without ``tile=`` raises."""
        if not settings.tuning():
            self._launch_as(self._default, call)
            return
        shapes = _shapes(self._name, call, self._default)
        threadgroup = _given(call.threadgroup)
        key = session.device_name, type_key(call.args), shapes, threadgroup
        chosen = self._winners.get(key)
        if chosen is None:
            with self._lock:
                chosen = self._winners.get(key) or self._measured(call, session, shapes)
                self._launch_as(chosen, call)  # a call that cannot run is no reason to remember
                self._winners[key] = chosen
            return
        self._launch_as(chosen, call)

    def _launch_as(self, configuration: Configuration, call: Call) -> None:
        self._variant(configuration).launch(call.in_configuration(configuration))

    def _measured(self, call: Call, session: Session, shapes: Shapes) -> Configuration:
        space = self.space if call.threadgroup is None else self.space.without(THREADGROUP)
        default = {name: self._default[name] for name, _ in space.choices}
        session.synchronize()  # a fault of an earlier launch is that one's, not a configuration's
        trial = _Trial(call, session)

        def measure(configuration: Configuration) -> float:
            variant = self._variant(configuration)
            run = trial.call(variant.plan(call.args, session)).in_configuration(configuration)
            return device_seconds(session.device, lambda: variant.launch(run))

        key = self._key(call, session, shapes)
        return {**self._default, **best_of(key, space.configurations(default), measure)}

    def _key(self, call: Call, session: Session, shapes: Shapes) -> store.Key | None:
        """None where something that the kernel depends on cannot be pinned down: then nothing is kept on disk."""
        parts = self.space.choices, _types_text(call.args), _given(call.threadgroup)
        code = program_key(self._function, "tile", parts)
        if code is None:
            return None
        traits = session.device.traits
        text = f"{shape_text(shapes[:-1])} · {shape_text(shapes[-1:])} threads"
        return store.Key(self._name, traits.backend, store.machine_of(traits), text, code)

    def _variant(self, configuration: Configuration) -> Variant:
        key = _constants_text(configuration)
        found = self._variants.get(key)
        if found is None:
            with self._lock:
                found = self._variants.get(key)
                if found is None:
                    made = with_constants(self._function, _constants(configuration))
                    found = self._variants[key] = self._make(made)
        return found


def _constants(configuration: Configuration) -> Configuration:
    return {name: value for name, value in configuration.items() if name != THREADGROUP}


def _constants_text(configuration: Configuration) -> str:
    return text_of(_constants(configuration))


def _shapes(kernel: str, call: Call, default: Configuration) -> Shapes:
    """The shape class of a call: of its arrays, then of its threads in the default configuration."""
    shapes = [a.shape for a in call.args if isinstance(a, MetalBuffer | np.ndarray)]
    try:
        threads = extent(kernel, "threads", _value(call.threads, default))
    except LaunchError:
        threads = 0, 0, 0  # the launch says why
    return shape_class([*shapes, threads])


def _given(threadgroup: Any) -> str | None:
    return None if threadgroup is None else "of a function" if callable(threadgroup) else repr(threadgroup)  # fmt: skip


def _types_text(args: Sequence[Any]) -> str:
    """The types of a call's arguments, the same in every process."""
    return ", ".join(
        f"{a.dtype}" if isinstance(a, MetalBuffer | np.ndarray) else type(a).__name__ for a in args
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """A call whose runs leave its arguments as they are: what a kernel writes, it writes to copies."""

    original: Call
    session: Session
    copies: dict[Any, MetalBuffer] = field(default_factory=dict)

    def call(self, plan: LaunchPlan) -> Call:
        """The call with the copies as they were at the beginning. Raises IrisError where there can be none."""
        pairs = list(zip(plan.pipeline.signature.arguments, self.original.args, strict=False))
        written = {_memory(value) for argument, value in pairs if argument.written}
        given = list(self.original.args)
        for position, (argument, value) in enumerate(pairs):
            if argument.kind is ArgumentKind.BUFFER and isinstance(value, MetalBuffer | np.ndarray):
                given[position] = self._argument(value, _memory(value) in written)
        return replace(self.original, args=given)

    def _argument(self, value: MetalBuffer | np.ndarray[Any, Any], written: bool) -> MetalBuffer:
        if isinstance(value, MetalBuffer) and not written:
            return value
        found = self.copies.get(_memory(value))
        if found is None:
            dtype = value.dtype if isinstance(value, MetalBuffer) else DType.from_numpy(value.dtype)
            found = self.copies[_memory(value)] = self.session.empty(value.shape, dtype)
            return found.copy_from(value)
        return found.copy_from(value) if written else found


def _memory(value: Any) -> Any:
    """Equal for arguments that are one memory."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data, value.shape, value.strides, value.dtype
    return id(value)

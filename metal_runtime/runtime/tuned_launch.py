"""A call of a kernel with ``tile=`` -> one launch in the configuration that was fastest for calls of its shape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import LaunchError
from metal_runtime.runtime.argument_types import type_key
from metal_runtime.runtime.launch_shape import extent
from metal_runtime.runtime.program_key import program_key
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.tile_constants import default_configuration, with_constants
from metal_runtime.runtime.tuning_trial import Call, Trial, Variant, value_in
from metal_runtime.tune import store
from metal_runtime.tune.measure import best_of
from metal_runtime.tune.space import (
    THREADGROUP,
    Configuration,
    Space,
    shape_class,
    shape_text,
    text_of,
)

Shapes = tuple[tuple[int, ...], ...]

_CALLS_KEPT = 4096  # of a kernel, for which nothing is rounded or looked up any more


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What calls like one before are launched as."""

    launch: Callable[..., None]
    """Of the variant."""

    configuration: Configuration
    threadgroup: Any
    is_default: bool


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
        self._calls: dict[Any, _Chosen] = {}
        self._lock = threading.RLock()

    def launch(
        self, args: Sequence[Any], threads: Any, threadgroup: Any, memory: Any, session: Session
    ) -> None:
        """One launch, whatever was measured before it. Raises what a launch without ``tile=`` raises."""
        size = threads(dict(self._default)) if callable(threads) else threads
        group = "of a function" if callable(threadgroup) else threadgroup
        described = [  # measurably faster than a call for each
            (a._shape, a._dtype) if a.__class__ is MetalBuffer else _described(a) for a in args
        ]
        try:
            key = session.device_name, size, group, *described
            chosen = self._calls.get(key)
        except TypeError:  # something cannot be hashed
            key, chosen = None, None
        if chosen is None:
            self._launch_first(key, Call(args, threads, threadgroup, memory), session)
            return
        configuration = chosen.configuration
        if callable(threads) and not chosen.is_default:
            size = threads(dict(configuration))
        if threadgroup is not None:
            threadgroup = value_in(configuration, threadgroup)
        if threadgroup is None:
            threadgroup = chosen.threadgroup
        if memory is not None:
            memory = value_in(configuration, memory)
        chosen.launch(args, size, threadgroup, memory, session)

    def _launch_first(self, key: Any, call: Call, session: Session) -> None:
        """The launch of a call that is like none before, which is remembered when it could run."""
        configuration = self._launch_chosen(call, session)
        if key is not None:
            if len(self._calls) >= _CALLS_KEPT:
                self._calls.clear()
            is_default = configuration == self._default
            group = configuration.get(THREADGROUP)
            launch = self._variant(configuration).launch
            self._calls[key] = _Chosen(launch, configuration, group, is_default)

    def _launch_chosen(self, call: Call, session: Session) -> Configuration:
        """Launches in the configuration of the call's class, and gives it."""
        if not settings.tuning():
            return self._launch_as(self._default, call)
        shapes = _shapes(self._name, call, self._default)
        key = session.device_name, type_key(call.args), shapes, _given(call.threadgroup)
        chosen = self._winners.get(key)
        if chosen is not None:
            return self._launch_as(chosen, call)
        with self._lock:
            chosen = self._winners.get(key) or self._measured(call, session, shapes)
            self._launch_as(chosen, call)  # a call that cannot run is no reason to remember
            self._winners[key] = chosen
        return chosen

    def _launch_as(self, configuration: Configuration, call: Call) -> Configuration:
        self._variant(configuration).run(call.in_configuration(configuration))
        return configuration

    def _measured(self, call: Call, session: Session, shapes: Shapes) -> Configuration:
        space = self.space if call.threadgroup is None else self.space.without(THREADGROUP)
        default = {name: self._default[name] for name, _ in space.choices}
        session.synchronize()  # a fault of an earlier launch is that one's, not a configuration's
        trial = Trial(call, session)

        def measure(configuration: Configuration, runs: int) -> float:
            return trial.seconds(self._variant(configuration), configuration, runs)

        key = self._key(call, session, shapes)
        return {**self._default, **best_of(key, space.configurations(default), measure)}

    def _key(self, call: Call, session: Session, shapes: Shapes) -> store.Key | None:
        """None where something that the kernel depends on cannot be pinned down: then nothing is kept on disk."""
        parts = self.space.choices, _types_text(call.args), _given(call.threadgroup)
        code = program_key(self._function, "tile", parts)
        if code is None:
            return None
        traits = session.device.traits
        *arrays, threads = shapes
        while len(threads) > 1 and threads[-1] == 1:
            threads = threads[:-1]
        text = f"{shape_text(arrays)} · {shape_text([threads])} threads"
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
        threads = extent(kernel, "threads", value_in(default, call.threads))
    except LaunchError:
        threads = 0, 0, 0  # the launch says why
    return shape_class([*shapes, threads])


def _given(threadgroup: Any) -> str | None:
    return None if threadgroup is None else "of a function" if callable(threadgroup) else repr(threadgroup)  # fmt: skip


def _types_text(args: Sequence[Any]) -> str:
    """The types of a call's arguments, the same in every process, and for a buffer as for an array."""
    return ", ".join(
        f"{a.dtype.numpy_dtype}"
        if isinstance(a, MetalBuffer)
        else f"{a.dtype}"
        if isinstance(a, np.ndarray)
        else type(a).__name__
        for a in args
    )


def _described(value: Any) -> Any:
    """What of an argument decides the configuration; equal more seldom than its class of shapes."""
    if isinstance(value, MetalBuffer | np.ndarray):
        return value.shape, value.dtype
    if isinstance(value, tuple | list):
        return tuple, len(value), *(part.__class__ for part in value)
    return value.__class__

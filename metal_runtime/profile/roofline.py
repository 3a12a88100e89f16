"""A device in; what it reaches at best out: bytes a second of a copy, operations a second of multiply-adds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import IrisError
from metal_runtime.library import compile as compile_library
from metal_runtime.logging import get_logger
from metal_runtime.profile.kept_roofline import keep_rates, kept_rates
from metal_runtime.recording.recording import DeviceFacts
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_on

_COPY_BYTES = 256 << 20  # of each of two arrays: more than the caches hold
_LEAST_BYTES = 16 << 20  # where memory is limited
_CHAINS = 64  # multiply-adds of a thread that do not wait for each other
_STEPS = 4096
_THREADS_PER_UNIT = 1024
_RUNS = 6
_TIME_LIMIT = 3.0  # seconds for each of the two

_MSL = f"""
#include <metal_stdlib>
using namespace metal;

kernel void roofline_copy(device const float4* from [[buffer(0)]],
                          device float4* to [[buffer(1)]],
                          uint i [[thread_position_in_grid]]) {{
    to[i] = from[i];
}}

kernel void roofline_multiply_add(device float* out [[buffer(0)]],
                                  constant float& factor [[buffer(1)]],
                                  constant float& term [[buffer(2)]],
                                  uint i [[thread_position_in_grid]]) {{
    float value[{_CHAINS}];
    for (int j = 0; j < {_CHAINS}; ++j) value[j] = float(i + j);
    for (int step = 0; step < {_STEPS}; ++step)
        for (int j = 0; j < {_CHAINS}; ++j) value[j] = fma(value[j], factor, term);
    float sum = 0;
    for (int j = 0; j < {_CHAINS}; ++j) sum += value[j];
    out[i] = sum;
}}
"""


def measured_facts(facts: DeviceFacts) -> DeviceFacts:
    """The facts with the device's rates: those on disk, or measured now, which takes about a second, and kept there.

    A device that cannot be measured stays without; the log says why.
    """
    session = session_on(facts.name)
    known = kept_rates(session.device.traits)
    if known is None:
        try:
            known = measure(session)
        except IrisError as error:
            get_logger("profile").warning("the roofline of %s is not known: %s", facts.name, error)
            return facts
        keep_rates(session.device.traits, known)
    return replace(facts, copy_bandwidth=known[0], multiply_add_rate=known[1])


def measure(session: Session) -> tuple[float, float]:
    """Bytes a second of a copy, and operations a second of float32 multiply-adds, each of the best of several runs.

    Raises DeviceMemoryError where there is no room.
    """
    return _copy_bandwidth(session), _multiply_add_rate(session)


def _copy_bandwidth(session: Session) -> float:
    kernel = compile_library(_MSL).roofline_copy
    memory = session.device.traits.memory_bytes
    nbytes = max(_LEAST_BYTES, min(_COPY_BYTES, memory // 16)) if memory else _LEAST_BYTES
    source, target = _floats(session, nbytes // 4), _floats(session, nbytes // 4)
    count = nbytes // 16
    seconds = _best(session, lambda: kernel(source, target, threads=count))
    source.close()
    target.close()
    return 2 * nbytes / seconds


def _multiply_add_rate(session: Session) -> float:
    kernel = compile_library(_MSL).roofline_multiply_add
    count = _THREADS_PER_UNIT * session.device.traits.compute_units
    out = _floats(session, count)
    seconds = _best(session, lambda: kernel(out, 0.5, 1.0, threads=count))
    out.close()
    return 2 * count * _CHAINS * _STEPS / seconds


def _floats(session: Session, count: int) -> MetalBuffer:
    from metal_runtime.compute_device import ComputeDevice

    return ComputeDevice(session.device_name).full((count,), 1.0)


def _best(session: Session, launch: Callable[[], None]) -> float:
    """Seconds of the fastest run, the first of which compiles and touches the memory."""
    times: list[float] = []
    give_up = time.monotonic() + _TIME_LIMIT
    while len(times) <= _RUNS and (len(times) < 2 or time.monotonic() < give_up):
        session.wait()
        begin = time.perf_counter()
        launch()
        session.wait()
        times.append(time.perf_counter() - begin)
    return min(times[1:])

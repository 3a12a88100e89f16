"""Random kernels with barriers and simdgroup functions: regions, fibers and a model in NumPy give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import metal_runtime

VARIABLES = ("a", "b", "c")
Group = dict[str, Any]
"""The variables of one threadgroup: an array of uint32 each, ``tid`` among them."""

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": np.add.reduce, "product": np.multiply.reduce, "min": np.minimum.reduce, "max": np.maximum.reduce,
    "and": np.bitwise_and.reduce, "or": np.bitwise_or.reduce, "xor": np.bitwise_xor.reduce,
}  # fmt: skip
SOURCES: dict[str, Callable[[Any, int, int], Any]] = {
    "shuffle": lambda lane, by, size: by + 0 * lane,
    "broadcast": lambda lane, by, size: by + 0 * lane,
    "shuffle_xor": lambda lane, by, size: lane ^ by,
    "shuffle_up": lambda lane, by, size: lane - by,
    "shuffle_down": lambda lane, by, size: lane + by,
    "shuffle_rotate_up": lambda lane, by, size: (lane - by) % size,
    "shuffle_rotate_down": lambda lane, by, size: (lane + by) % size,
}


@dataclass
class Program:
    """The text of a kernel's body and what it does to a threadgroup."""

    lines: list[str] = field(default_factory=list)
    steps: list[Callable[[Group], None]] = field(default_factory=list)

    def run(self, group: Group) -> None:
        for step in self.steps:
            step(group)


def over_lanes(size: int, values: Any, function: Callable[[Any], Any]) -> Any:
    parts = [values[i : i + size] for i in range(0, len(values), size)]
    return np.concatenate([np.broadcast_to(function(p), p.shape) for p in parts]).astype(np.uint32)


def shuffled(part: Any, source: Callable[[Any, int, int], Any], by: int, size: int) -> Any:
    lane = np.arange(len(part))
    wanted = source(lane, by, size)
    return part[np.where((wanted >= 0) & (wanted < len(part)), wanted, lane)]


@st.composite
def lane_call(draw: st.DrawFn, of: str, value: Callable[[Group], Any]) -> Any:
    """A call whose first argument is ``of``, with what it gives."""
    prefix, size = draw(st.sampled_from([("simd", 32), ("quad", 4)]))
    kind = draw(st.sampled_from(["reduce", "scan", "shuffle", "vote", "first"]))
    if kind == "reduce":
        name = draw(st.sampled_from(sorted(REDUCTIONS)))
        function: Callable[[Any], Any] = REDUCTIONS[name]
        text = f"{prefix}_{name}({of})"
    elif kind == "scan":
        inclusive = draw(st.booleans())
        text = f"{prefix}_prefix_{'inclusive' if inclusive else 'exclusive'}_sum({of})"
        function = lambda p: np.cumsum(p, dtype=np.uint32) - (0 if inclusive else p)  # noqa: E731
    elif kind == "shuffle":
        name = draw(st.sampled_from(sorted(SOURCES)))
        by = draw(st.integers(0, size - 1))
        text = f"{prefix}_{name}({of}, {by})"
        function = lambda p: shuffled(p, SOURCES[name], by, size)  # noqa: E731
    elif kind == "vote":
        name = draw(st.sampled_from(["all", "any"]))
        text = f"uint({prefix}_{name}(({of}) % 8u != 0u))"
        function = lambda p: np.uint32((np.all if name == "all" else np.any)(p % 8 != 0))  # noqa: E731
    else:
        text = f"{prefix}_broadcast_first({of})"
        function = lambda p: p[0]  # noqa: E731
    return text, lambda group: over_lanes(size, value(group), function)


@st.composite
def expression(draw: st.DrawFn, depth: int = 0) -> Any:
    """The text of an expression, and its value in a threadgroup."""
    kind = draw(st.sampled_from(["variable", "variable", "sum", "lanes", "lanes"]))
    if depth > 2 or kind == "variable":
        name = draw(st.sampled_from([*VARIABLES, "tid"]))
        return name, lambda group: group[name]
    if kind == "lanes":
        text, value = draw(expression(depth + 1))
        return draw(lane_call(text, value))
    (left, left_value), (right, right_value) = (
        draw(expression(depth + 1)),
        draw(expression(depth + 1)),
    )
    factor = draw(st.integers(1, 9))
    return f"({left} + {factor}u * {right})", lambda g: left_value(g) + np.uint32(factor) * right_value(g)  # fmt: skip


@st.composite
def program(draw: st.DrawFn, depth: int = 0) -> Program:
    made = Program()
    for _ in range(draw(st.integers(1, 4))):
        kinds = ["assign", "assign", "exchange", "move", *([] if depth > 1 else ["loop", "branch"])]
        kind = draw(st.sampled_from(kinds))
        target = draw(st.sampled_from(VARIABLES))
        text, value = draw(expression())
        if kind == "assign":
            made.lines.append(f"{target} = {text};")
            made.steps.append(lambda g, t=target, v=value: g.__setitem__(t, v(g)))
        elif kind == "move":
            made.lines.append(f"tid ^= {target} & 3u; a += tid;")
            made.steps.append(_moved(target))
        elif kind == "exchange":
            distance = draw(st.integers(1, 40))
            made.lines.append(
                f"{{ uint {target}_ = {text}, own = own_tid; shared[own] = {target}_; "
                "threadgroup_barrier(mem_flags::mem_threadgroup); "
                f"{target} = shared[(own + {distance}u) % size]; threadgroup_barrier(mem_flags::mem_threadgroup); }}"
            )
            made.steps.append(
                lambda g, t=target, v=value, d=distance: g.__setitem__(
                    t, np.roll(v(g), -(d % len(g["tid"])))
                )
            )
        else:
            inner = draw(program(depth + 1))
            _nest(made, inner, kind, draw(st.integers(1, 3)))
    return made


def _moved(target: str) -> Callable[[Group], None]:
    def step(group: Group) -> None:
        group["tid"] = group["tid"] ^ (group[target] & 3)
        group["a"] = group["a"] + group["tid"]

    return step


def _nest(made: Program, inner: Program, kind: str, times: int) -> None:
    if kind == "loop":
        made.lines += [f"for (uint i = 0; i < {times}u; i++) {{", *inner.lines, "}"]
        made.steps += [inner.run] * times
    else:
        made.lines += [f"if (size > {times * 20}u) {{", *inner.lines, "}"]
        made.steps.append(lambda g: inner.run(g) if len(g["tid"]) > times * 20 else None)


def source_of(body: Program) -> str:
    lines = "\n  ".join(body.lines)
    return f"""
#include <metal_stdlib>
using namespace metal;
kernel void random_one(device const uint* x, device uint* out, uint gid [[thread_position_in_grid]],
                       uint tid [[thread_index_in_threadgroup]], uint size [[threads_per_threadgroup]]) {{
  threadgroup uint shared[1024];
  const uint own_tid = tid;
  uint a = x[gid];
  uint b = a * 3u;
  uint c = gid;
  {lines}
  threadgroup_barrier(mem_flags::mem_none);
  out[gid] = a ^ (b * 5u) ^ (c * 7u) ^ tid;
}}
"""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program(), st.sampled_from([1, 5, 32, 33, 64, 100]), st.integers(1, 230), st.data())
def test_three_ways_agree(body: Program, group: int, threads: int, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    x = np.random.default_rng(seed).integers(0, 2**32, threads, np.uint32)
    expected = []
    with np.errstate(over="ignore"):
        for begin in range(0, threads, group):
            own = x[begin : begin + group]
            ids = np.arange(begin, begin + len(own), dtype=np.uint32)
            state: Group = {
                "a": own,
                "b": own * np.uint32(3),
                "c": ids,
                "tid": ids - np.uint32(begin),
            }
            body.run(state)
            a, b, c, tid = (state[name] for name in (*VARIABLES, "tid"))
            expected.append(a ^ (b * np.uint32(5)) ^ (c * np.uint32(7)) ^ tid)
    for strategy in ("regions", "fibers"):
        out = np.full(threads, 0xA5A5A5A5, np.uint32)
        library = metal_runtime.compile(source_of(body), strategy=strategy)
        library.random_one(x, out, threads=threads, threadgroup=group)
        assert library.random_one.strategy == strategy
        np.testing.assert_array_equal(out, np.concatenate(expected), err_msg=strategy)

"""Random array programs: each step runs on buffers that are fused, on buffers that are not, and in NumPy.

Values are small integers in float32 and int32, which every operator here keeps exact, so that all three
must agree to the last bit whatever is computed together and in which order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from metal_runtime import MetalBuffer, kernel, metal, ops
from metal_runtime.dtype import DType
from metal_runtime.graph.recorder import Recorder
from metal_runtime.runtime.session import Session

LARGEST = 8
SHAPES = [
    (),
    (1,),
    (5,),
    (3, 4),
    (4, 1),
    (1, 5),
    (2, 3, 4),
    (3, 40),
    (70, 3),
    (2, 0),
    (9000,),
    (2, 9001),
]

_EAGER: list[Session] = []


def eager_session() -> Session:
    """A session on the CPU whose operators run one by one."""
    if not _EAGER:
        session = Session("cpu")
        graph = session.graph
        assert isinstance(graph, Recorder)
        graph._eager = True
        _EAGER.append(session)
    return _EAGER[0]


@dataclass
class Places:
    """The same arrays three times."""

    sessions: tuple[Session, Session]
    buffers: list[tuple[MetalBuffer, MetalBuffer]] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def enter(self, array: np.ndarray) -> None:
        pair = []
        for session in self.sessions:
            buffer = session.empty(array.shape, DType.from_numpy(array.dtype))
            buffer.copy_from(array)
            pair.append(buffer)
        self.buffers.append((pair[0], pair[1]))
        self.arrays.append(array.copy())

    def keep(self, buffers: list[MetalBuffer], array: Any, what: str) -> None:
        self.buffers.append((buffers[0], buffers[1]))
        self.arrays.append(np.asarray(array))
        self.log.append(f"v{len(self.arrays) - 1} = {what}")

    def check(self, index: int) -> None:
        fused, eager = self.buffers[index]
        expected = self.arrays[index]
        for how, buffer in (("eager", eager), ("fused", fused)):
            assert buffer.shape == expected.shape, (how, self.log)
            actual = buffer.to_numpy()
            assert actual.dtype == expected.dtype, (how, self.log)
            np.testing.assert_array_equal(
                actual, expected, err_msg=f"{how} v{index}\n" + "\n".join(self.log)
            )


def small(array: Any) -> Any:
    """Of a buffer or an array: limited to -LARGEST … LARGEST, so that products stay exact."""
    if isinstance(array, np.ndarray | np.generic):
        return np.clip(array, np.asarray(-LARGEST, array.dtype), np.asarray(LARGEST, array.dtype))
    return ops.clamp(array, -LARGEST, LARGEST)


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "minimum": np.minimum, "maximum": np.maximum,
    "lt": np.less, "eq": np.equal,
}  # fmt: skip
UNARY = {
    "neg": np.negative,
    "abs": np.abs,
    "square": np.square,
    "relu": lambda a: np.maximum(a, a.dtype.type(0)),
}
REDUCTIONS = {"sum": np.sum, "amax": np.max, "amin": np.min, "any": np.any, "all": np.all,
              "argmax": np.argmax, "argmin": np.argmin}  # fmt: skip


def as_number(buffer_or_array: Any) -> Any:
    """Comparisons and 64-bit sums as float32, so that every value meets every other."""
    if isinstance(buffer_or_array, MetalBuffer):
        return ops.cast(buffer_or_array, "float32")
    return np.asarray(buffer_or_array).astype(np.float32)


@kernel(param_types={"x": "device const float*", "y": "device float*", "n": "uint"})
def gathered(x, y, n):
    i = metal.thread_id()
    if i < n:
        y[i] = metal.clamp(x[i] + y[i], -8.0, 8.0)


@kernel(param_types={"x": "device const float*", "y": "device float*"})
def mirrored(x, y):
    i = metal.thread_id()
    y[i] = -x[i]


class Program:
    """Draws steps of a program and takes them in all three places."""

    def __init__(self, data: st.DataObject, places: Places) -> None:
        self.data, self.places = data, places

    def pick(self, what: str = "value") -> int:
        return self.data.draw(st.integers(0, len(self.places.arrays) - 1), label=what)

    def step(self) -> None:
        names = ["binary", "binary", "unary", "scalar", "reduce", "view", "view", "where", "in_place",
                 "set", "out", "drop", "look", "cast", "row", "launch", "launch", "write_only", "take"]  # fmt: skip
        getattr(self, self.data.draw(st.sampled_from(names), label="step"))()

    def binary(self) -> None:
        a, b = self.pick(), self.pick()
        left, right = self.places.arrays[a], self.places.arrays[b]
        try:
            np.broadcast_shapes(left.shape, right.shape)
        except ValueError:
            return
        name = self.data.draw(st.sampled_from(sorted(BINARY)))
        results = [
            small(as_number(getattr(ops, name)(x, y)))
            for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True)
        ]
        expected = small(as_number(BINARY[name](left, right)))
        self.places.keep(results, expected, f"{name}(v{a}, v{b})")

    def unary(self) -> None:
        a = self.pick()
        name = self.data.draw(st.sampled_from(sorted(UNARY)))
        results = [small(getattr(ops, name)(x)) for x in self.places.buffers[a]]
        self.places.keep(results, small(UNARY[name](self.places.arrays[a])), f"{name}(v{a})")

    def scalar(self) -> None:
        a, k = self.pick(), self.data.draw(st.integers(-3, 3))
        results = [small(x * k + 1) for x in self.places.buffers[a]]
        array = self.places.arrays[a]
        self.places.keep(
            results, small(array * array.dtype.type(k) + array.dtype.type(1)), f"v{a} * {k} + 1"
        )

    def reduce(self) -> None:
        a = self.pick()
        array = self.places.arrays[a]
        name = self.data.draw(st.sampled_from(sorted(REDUCTIONS)))
        axes: Any = self.data.draw(
            st.sets(st.integers(0, max(array.ndim - 1, 0)), max_size=array.ndim)
        )
        axis: Any = tuple(sorted(axes)) if axes and array.ndim else None
        if name.startswith("arg") and axis is not None:
            axis = axis[0]
        keep = self.data.draw(st.booleans())
        if 0 in array.shape and name not in ("sum", "any", "all"):
            return
        results = [
            small(as_number(getattr(ops, name)(x, axis, keepdims=keep)))
            for x in self.places.buffers[a]
        ]
        expected = small(as_number(REDUCTIONS[name](array, axis=axis, keepdims=keep)))
        self.places.keep(results, expected, f"{name}(v{a}, {axis}, {keep})")

    def row(self) -> None:
        """Distances from a row's extreme: what softmax is made of."""
        a = self.pick()
        array = self.places.arrays[a]
        if not array.ndim or 0 in array.shape:
            return
        axis = self.data.draw(st.integers(0, array.ndim - 1))
        results = []
        for x in self.places.buffers[a]:
            distance = small(x - ops.amax(x, axis, keepdims=True))
            results.append(
                small(as_number(distance + as_number(ops.sum(distance, axis, keepdims=True))))
            )
        distance = small(array - array.max(axis, keepdims=True))
        total = distance.sum(axis, keepdims=True).astype(np.float32)
        self.places.keep(results, small(as_number(distance + total)), f"row(v{a}, {axis})")

    def view(self) -> None:
        a = self.pick()
        array = self.places.arrays[a]
        kind = self.data.draw(
            st.sampled_from(["slice", "transpose", "reshape", "flip", "new", "broadcast"])
        )
        if kind == "slice":
            index = tuple(self.data.draw(st.slices(max(n, 1))) for n in array.shape)
            made = [x[index] for x in self.places.buffers[a]]
            # Of no axes, NumPy gives a scalar: a copy.
            self.places.keep(made, array[(*index, ...)], f"v{a}[{index}]")
        elif kind == "transpose":
            order = self.data.draw(st.permutations(range(array.ndim)))
            made = [x.transpose(tuple(order)) for x in self.places.buffers[a]]
            self.places.keep(made, array.transpose(order), f"v{a}.transpose({order})")
        elif kind == "reshape" and array.size:
            factor = self.data.draw(
                st.sampled_from([d for d in (1, 2, 3, 4, 5) if array.size % d == 0])
            )
            shape = self.data.draw(st.sampled_from([(factor, -1), (-1,), (-1, 1, factor)]))
            made = [x.reshape(shape) for x in self.places.buffers[a]]
            self.places.keep(made, array.reshape(shape), f"v{a}.reshape({shape})")
        elif kind == "flip":
            made = [x.flip() for x in self.places.buffers[a]]
            backwards = (*(slice(None, None, -1),) * array.ndim, ...)
            self.places.keep(made, array[backwards], f"v{a}.flip()")
        elif kind == "new":
            made = [x[None] for x in self.places.buffers[a]]
            self.places.keep(made, array[None], f"v{a}[None]")
        elif kind == "broadcast":
            shape = (2, *array.shape)
            made = [x.broadcast_to(shape).copy() for x in self.places.buffers[a]]
            self.places.keep(
                made, np.broadcast_to(array, shape).copy(), f"v{a}.broadcast_to({shape}).copy()"
            )

    def where(self) -> None:
        a, b = self.pick(), self.pick()
        left, right = self.places.arrays[a], self.places.arrays[b]
        if left.shape != right.shape or left.dtype != right.dtype:
            return
        results = [
            ops.where(x > 0, x, y)
            for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True)
        ]
        self.places.keep(results, np.where(left > 0, left, right), f"where(v{a} > 0, v{a}, v{b})")

    def cast(self) -> None:
        a = self.pick()
        dtype = self.data.draw(st.sampled_from(["int32", "float32", "float16", "int8"]))
        results = [ops.cast(x, dtype) for x in self.places.buffers[a]]
        self.places.keep(results, self.places.arrays[a].astype(dtype), f"cast(v{a}, {dtype})")

    def in_place(self) -> None:
        a, b = self.pick(), self.pick()
        left, right = self.places.arrays[a], self.places.arrays[b]
        if left.dtype != right.dtype or not _fits(right.shape, left.shape):
            return
        for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True):
            x += y
            ops.clamp(x, -LARGEST, LARGEST, out=x)
        left += right.copy()
        left[...] = small(left)
        self.places.log.append(f"v{a} += v{b}; clamp")

    def set(self) -> None:
        a = self.pick()
        array = self.places.arrays[a]
        index = tuple(self.data.draw(st.slices(max(n, 1))) for n in array.shape)
        b = self.pick("source")
        source = self.places.arrays[b]
        if source.dtype == array.dtype and _fits(source.shape, array[index].shape):
            for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True):
                x[index] = y
            array[index] = source.copy()
            self.places.log.append(f"v{a}[{index}] = v{b}")
        else:
            for x in self.places.buffers[a]:
                x[index] = 3
            array[index] = 3
            self.places.log.append(f"v{a}[{index}] = 3")

    def out(self) -> None:
        a, b = self.pick(), self.pick()
        target, source = self.places.arrays[a], self.places.arrays[b]
        if target.shape != source.shape or target.dtype != source.dtype:
            return
        for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True):
            ops.minimum(y.abs() if hasattr(y, "abs") else ops.abs(y), 3, out=x)
        target[...] = np.minimum(np.abs(source), target.dtype.type(3))
        self.places.log.append(f"minimum(abs(v{b}), 3, out=v{a})")

    def launch(self) -> None:
        """A kernel of the program's own that updates a value, a view or a pending result in place."""
        a, b = self.pick(), self.pick("source")
        target, source = self.places.arrays[a], self.places.arrays[b]
        if not _suit(target, source):
            return
        for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True):
            gathered(y, x, target.size, threads=target.size)
        target[...] = small(target + source)
        self.places.log.append(f"gathered(v{b}, v{a})")

    def write_only(self) -> None:
        """The same, where all that stood there is overwritten."""
        a, b = self.pick(), self.pick("source")
        target, source = self.places.arrays[a], self.places.arrays[b]
        if not _suit(target, source):
            return
        for x, y in zip(self.places.buffers[a], self.places.buffers[b], strict=True):
            mirrored(y, x, threads=target.size)
        target[...] = -source
        self.places.log.append(f"mirrored(v{b}, v{a})")

    def take(self) -> None:
        """An operator with a kernel of its own."""
        a = self.pick()
        array = self.places.arrays[a]
        if not array.ndim or array.dtype != np.float32 or not array.shape[0]:
            return
        chosen = np.array(
            self.data.draw(st.lists(st.integers(0, array.shape[0] - 1), max_size=5)), np.int32
        )
        results = [ops.take(x, chosen, 0) for x in self.places.buffers[a]]
        self.places.keep(results, array[chosen], f"take(v{a}, {chosen.tolist()})")

    def drop(self) -> None:
        if len(self.places.arrays) > 3:
            a = self.pick()
            del self.places.arrays[a], self.places.buffers[a]
            self.places.log.append(f"del v{a}")

    def look(self) -> None:
        """A NumPy view that is written to while the buffer goes on being used."""
        a = self.pick()
        array = self.places.arrays[a]
        doubled = [small(x * 2) for x in self.places.buffers[a]]
        expected = small(array * array.dtype.type(2))
        for x in self.places.buffers[a]:
            view = x.numpy()
            view[...] = 1
        array[...] = 1
        self.places.keep(doubled, expected, f"v{a} * 2; v{a}.numpy()[...] = 1")


def _suit(target: np.ndarray, source: np.ndarray) -> bool:
    """Whether the kernels take them: threads must not read what others write."""
    return (
        target.dtype == source.dtype == np.float32
        and target.shape == source.shape
        and target.size > 0
        and (target is source or not np.shares_memory(target, source))
    )


def _fits(source: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(source, target) == target
    except ValueError:
        return False

"""The meaning of the IR in NumPy: a kernel, a grid and arguments in; the arrays written in place.

All threads of the grid run side by side, as lanes of arrays; a mask says which lanes execute. This
is the oracle that every backend and every pass is compared with: it is simple above all.

What MSL leaves open is settled here: signed integers wrap; a float out of an integer's range
converts to the nearest value of that integer, NaN to 0 (on a device it is any value); of two lanes
that store to one element the later lane wins. Vectors of 3 leave the padding of an element as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metal_runtime.device.launch_config import Extent
from metal_runtime.dtype import DType
from metal_runtime.errors import LaunchError
from metal_runtime.ir.effects import sized_params
from metal_runtime.ir.interpret_memory import Array, Frame, Machine, Mask, first_value, trailing
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Assign,
    Atomic,
    Barrier,
    Bitcast,
    Block,
    Break,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Construct,
    Continue,
    Declare,
    Evaluate,
    Expr,
    Fence,
    For,
    If,
    Kernel,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MultiplyAccumulate,
    Param,
    Place,
    Read,
    Return,
    Select,
    Stmt,
    Swizzle,
    While,
)
from metal_runtime.ir.nodes import Array as ArrayNode
from metal_runtime.ir.threadgroups import (
    Memory,
    Threadgroups,
    filled,
    multiply_accumulate,
)
from metal_runtime.msl_types import (
    Matrix,
    Pointer,
    ValueType,
    Vector,
    element_of,
    numpy_storage,
    type_name,
)

MAX_TURNS = 1_000_000
"""After so many turns a loop is taken to be endless."""


def interpret(
    kernel: Kernel,
    grid: Extent,
    arguments: Mapping[str, Any],
    threadgroup: Extent | None = None,
) -> None:
    """Runs ``kernel`` on every thread of ``grid``; writes into the arrays of ``arguments``.

    Args:
        arguments: by parameter name: a C-contiguous array of the element's dtype for a pointer (a
            vector element takes a last axis, or its components in a row; 4 for a vector of 3), a
            scalar or a sequence of components for a value, a number of bytes for threadgroup memory.
        threadgroup: threads per threadgroup; all of a row of the grid, up to 256, by default.

    Raises:
        KernelFault: a division of an integer by zero, an index out of range, an endless loop.
        LaunchError: arguments that do not fit the parameters.
    """
    groups = Threadgroups(grid, threadgroup or (max(1, min(grid[0], 256)), 1, 1))
    machine = _Machine(kernel, groups)
    frame = machine.frame(kernel)
    for param in kernel.params:
        if param.name not in arguments:
            raise LaunchError("is missing", kernel=kernel.name, parameter=param.name)
        given = arguments[param.name]
        if param in sized_params(kernel):
            frame.pointers[param.name] = groups.allocate(_sized(param, given))
        elif isinstance(param.type, Pointer):
            elements = _storage(kernel, param.name, param.type, given)
            frame.pointers[param.name] = Memory(elements, len(elements), 0)
        else:
            dtype, width = _element(param.type).numpy_dtype, trailing(param.type)
            value = np.asarray(given, dtype)
            frame.variables[param.name] = np.broadcast_to(value, (machine.count, *width))
    with np.errstate(all="ignore"):
        machine.execute(kernel.body, np.ones(machine.count, bool), frame)


def _sized(param: Param, nbytes: int) -> ArrayNode:
    """Threadgroup memory as an array of what goes into so many bytes."""
    assert isinstance(param.type, Pointer)
    return ArrayNode(param.name, param.type, (nbytes // param.type.element.itemsize,))


def _storage(kernel: Kernel, name: str, pointer: Pointer, given: Any) -> Array:
    """The elements of a pointer as rows, sharing memory with what was given."""
    dtype, shape = numpy_storage(pointer.element)
    ok = isinstance(given, np.ndarray) and given.flags.c_contiguous and given.dtype == dtype
    if not ok or given.size % (shape[0] if shape else 1):
        message = f"expected a contiguous array of {dtype} for {type_name(pointer)}"
        raise LaunchError(message, kernel=kernel.name, parameter=name)
    return given.reshape(-1, *shape)


def _element(type_: ValueType | Matrix) -> DType:
    return type_.element if isinstance(type_, Matrix) else element_of(type_)


class _Machine(Machine):
    # --- statements ---

    def execute(self, block: Block, mask: Mask, frame: Frame) -> Mask:
        """Runs a block in the lanes of ``mask``; returns the lanes that reach its end."""
        for statement in block:
            if not mask.any():
                break
            mask = self.step(statement, mask, frame)
        return mask

    def step(self, node: Stmt, mask: Mask, frame: Frame) -> Mask:
        nobody = np.zeros_like(mask)
        match node:
            case Declare(name, type_, value):
                empty = np.zeros((self.count, *trailing(type_)), _element(type_).numpy_dtype)
                frame.variables[name] = empty
                if value is not None:
                    frame.variables[name] = self.evaluate(value, mask, frame)
            case Assign(place, value):
                self.assign(place, self.evaluate(value, mask, frame), mask, frame)
            case If():
                chosen = self.evaluate(node.condition, mask, frame)
                then = self.execute(node.then, mask & chosen, frame)
                return then | self.execute(node.orelse, mask & ~chosen, frame)
            case While() | For():
                return self.loop(node, mask, frame)
            case Break():
                frame.broken[-1] |= mask
                return nobody
            case Continue():
                return nobody
            case Return(value):
                if value is not None:
                    frame.result = _blend(mask, self.evaluate(value, mask, frame), frame.result)
                frame.returned |= mask
                return nobody
            case Evaluate(call):
                self.evaluate(call, mask, frame)
            case Barrier():
                self.barrier(node, mask)
            case Fence():
                pass  # all lanes see each store at once
            case MatrixStore(value, place):
                matrix = self.evaluate(value, mask, frame)
                rows = self.matrix_rows(place, node.stride, node.transpose, mask, frame)
                frame.pointers[place.pointer].elements[rows[mask]] = matrix[mask]
        return mask

    def loop(self, node: While | For, mask: Mask, frame: Frame) -> Mask:
        frame.broken.append(np.zeros_like(mask))
        running = mask
        if isinstance(node, For):
            start, step, turns = self.range(node, mask, frame)
        turn = 0
        while True:
            running = running & ~frame.broken[-1] & ~frame.returned
            if isinstance(node, For):
                running = running & (turn < turns)
                frame.variables[node.name] = (start + turn * step).astype(node.type.numpy_dtype)
            elif running.any():
                running = running & self.evaluate(node.condition, running, frame)
            if not running.any():
                break
            turn += 1
            if turn > MAX_TURNS:
                self.fault(f"a loop went on for more than {MAX_TURNS} turns", running)
            self.execute(node.body, running, frame)
        frame.broken.pop()
        return mask & ~frame.returned

    def range(self, node: For, mask: Mask, frame: Frame) -> tuple[Array, Array, Array]:
        """Start, step and number of turns of Python's range, in every lane."""
        exact = np.int64 if node.type.bits < 64 else object
        bounds = (node.start, node.stop, node.step)
        start, stop, step = (self.evaluate(e, mask, frame).astype(exact) for e in bounds)
        moving = mask & (step != 0)  # a step of 0 makes no turns, as the emitted loop does
        turns = -((start - stop) // np.where(moving, step, 1))
        return start, step, np.where(moving, turns, 0)

    def assign(self, place: Place, value: Array, mask: Mask, frame: Frame) -> None:
        """Stores the active lanes of ``value``, to chosen components where the place says so."""
        chosen: Array = None  # (lanes, k): which components of the root
        while isinstance(place, Swizzle | Component):
            here = self.components(place, mask, frame)
            chosen = here if chosen is None else np.take_along_axis(here, chosen, axis=1)
            place = place.value  # type: ignore[assignment]
        if isinstance(place, Read):
            target, rows = frame.variables[place.name].copy(), np.arange(self.count)
            frame.variables[place.name] = target
        else:
            assert isinstance(place, Load)
            target, rows = frame.pointers[place.pointer].elements, self.index(place, mask, frame)
        rows, value = rows[mask], value[mask]
        if chosen is not None:
            target[rows[:, None], chosen[mask]] = value.reshape(len(rows), -1)
        elif isinstance(place.type, Vector):
            target[rows, : place.type.width] = value
        else:
            target[rows] = value

    def components(self, place: Swizzle | Component, mask: Mask, frame: Frame) -> Array:
        """The component numbers that a place names, for every lane: (lanes, k)."""
        if isinstance(place, Swizzle):
            numbers = ["xyzw".index(c) for c in place.components]
            return np.broadcast_to(np.array(numbers), (self.count, len(numbers)))
        assert isinstance(place.value.type, Vector)
        index = self.evaluate(place.index, mask, frame).astype(np.int64)
        wrong = mask & ((index < 0) | (index >= place.value.type.width))
        self.fault(f"component {first_value(index, wrong)} of {type_name(place.value.type)}", wrong)
        return np.where(mask, index, 0)[:, None]

    # --- expressions ---

    def evaluate(self, node: Expr, mask: Mask, frame: Frame) -> Array:
        """The value in every lane; meaningless in lanes outside ``mask``."""
        match node:
            case Constant(value, type_):
                return np.full(self.count, value, type_.numpy_dtype)
            case Read(name):
                return frame.variables[name]
            case Builtin(name):
                return self.builtins[name]
            case Apply():
                return self.apply(node, mask, frame)
            case Cast(value, type_):
                return convert(self.evaluate(value, mask, frame), element_of(type_))
            case Bitcast(value, type_):
                bits = np.ascontiguousarray(self.evaluate(value, mask, frame))
                whole = bits.view(element_of(type_).numpy_dtype)
                return whole.reshape(self.count, *trailing(type_))
            case Construct(args, type_):
                parts = [self.evaluate(a, mask, frame) for a in args]
                parts = [p[:, None] if p.ndim == 1 else p for p in parts]
                whole = np.concatenate(parts, axis=1)
                return np.broadcast_to(whole, (self.count, type_.width))
            case Swizzle(value, components):
                numbers = ["xyzw".index(c) for c in components]
                vector = self.evaluate(value, mask, frame)
                return vector[:, numbers[0] if len(numbers) == 1 else numbers]
            case Component(value):
                vector = self.evaluate(value, mask, frame)
                return np.take_along_axis(vector, self.components(node, mask, frame), axis=1)[:, 0]
            case Load():
                return self.load(node, mask, frame)
            case Select():
                chosen = self.evaluate(node.condition, mask, frame)
                then = self.evaluate(node.then, mask & chosen, frame)
                return _blend(chosen, then, self.evaluate(node.orelse, mask & ~chosen, frame))
            case Call():
                return self.call(node, mask, frame)
            case Collective(operation, args):
                values = [self.evaluate(a, mask, frame) for a in args]
                return self.groups.collective(operation, values, mask)
            case Atomic():
                return self.atomic(node, mask, frame)
            case MatrixFill(value, diagonal):
                self.whole_simdgroups(mask)
                return filled(self.evaluate(value, mask, frame), diagonal)
            case MatrixLoad(place, stride, transpose):
                rows = self.matrix_rows(place, stride, transpose, mask, frame)
                return frame.pointers[place.pointer].elements[rows]
            case MultiplyAccumulate(a, b, c):
                self.whole_simdgroups(mask)
                return multiply_accumulate(*(self.evaluate(m, mask, frame) for m in (a, b, c)))
        raise AssertionError(node)  # Subscripts: the index of a Load

    def apply(self, node: Apply, mask: Mask, frame: Frame) -> Array:
        operator = node.operator
        if operator.lazy:
            first = self.evaluate(node.args[0], mask, frame)
            undecided = first if operator.name == "logical_and" else ~first
            second = self.evaluate(node.args[1], mask & undecided, frame)
            return np.where(undecided, second, first)
        args = [self.evaluate(a, mask, frame) for a in node.args]
        if operator.may_trap and not element_of(node.type).is_float:
            zero = args[1] == 0
            self.fault("integer division by zero", mask & _any_component(zero))
            args[1] = np.where(zero, 1, args[1]).astype(args[1].dtype)
        return np.asarray(operator.numpy(*args)).astype(element_of(node.type).numpy_dtype)

    def call(self, node: Call, mask: Mask, frame: Frame) -> Array:
        function = self.functions[node.function]
        inner = self.frame(function)
        for param, argument in zip(function.params, node.args, strict=True):
            if isinstance(argument, Address):
                inner.pointers[param.name] = frame.pointers[argument.pointer]
            else:
                inner.variables[param.name] = self.evaluate(argument, mask, frame)
        if isinstance(function.result, DType | Vector | Matrix):
            dtype = _element(function.result).numpy_dtype
            inner.result = np.zeros((self.count, *trailing(function.result)), dtype)
        if mask.any():
            self.execute(function.body, mask, inner)
        return inner.result


def convert(value: Array, dtype: DType) -> Array:
    """MSL's conversion of scalars or vectors, component by component."""
    to = dtype.numpy_dtype
    from_float = value.dtype.kind not in "biu"
    if dtype is DType.BOOL:
        return value != 0
    if not from_float or dtype.is_float:
        # By way of float, as C++ does for bfloat; exact for half, whose largest value is 65504.
        return value.astype(np.float32).astype(to) if dtype is DType.BFLOAT16 else value.astype(to)
    wide = np.trunc(value.astype(np.float64))
    low, high = float(np.iinfo(to).min), float(np.iinfo(to).max)  # the latter may round up
    inside = (wide > low) & (wide < high)
    result = np.where(inside, wide, 0).astype(to)
    result = np.where(wide <= low, np.iinfo(to).min, result)
    return np.where(wide >= high, np.iinfo(to).max, result).astype(to)


def _blend(mask: Mask, then: Array, orelse: Array) -> Array:
    return np.where(mask[:, None] if then.ndim > 1 else mask, then, orelse)


def _any_component(flags: Array) -> Mask:
    result: Mask = flags.any(axis=1) if flags.ndim > 1 else flags
    return result

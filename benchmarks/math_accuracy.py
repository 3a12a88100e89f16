"""Every math function of our metal_stdlib enters; a table of its largest error, bound and time leaves.

Run it as ``python -m benchmarks.math_accuracy``. The tests take their functions, bounds and error
measure from here too. Bounds in ulp: Metal Shading Language Specification, "Numerical Compliance",
single precision with fast math off.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from metal_runtime.msl import clang
from metal_runtime.program import CompileOptions

Array = Any
Wide = np.longdouble  # 64 bits of mantissa on x86, 113 on aarch64 Linux


@dataclass(frozen=True, slots=True)
class MathFunction:
    """A function of one or two floats, how far it may be off, and its exact value in ``Wide``."""

    name: str
    arity: int
    bound: float
    reference: Callable[..., Array]


def _round_half_away(x: Array) -> Array:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(1, x), whole)


def _fract(x: Array) -> Array:
    return np.where(np.isinf(x), 0, np.minimum(x - np.floor(x), 1 - Wide(2) ** -24))


def _of_half_turns(select: Callable[[Array, Array, Array], Array]) -> Callable[[Array], Array]:
    pi = Wide("3.14159265358979323846264338327950288")

    def function(x: Array) -> Array:
        y = x - 2 * np.rint(x / 2)
        quarter = np.rint(2 * y)
        rest = (y - quarter / 2) * pi
        count = np.where(np.isfinite(quarter), quarter, 0).astype(int) & 3
        return select(count, np.sin(rest), np.cos(rest))

    return function


def _sine(q: Array, s: Array, c: Array) -> Array:
    return np.choose(q, [s, c, -s, -c])


def _cosine(q: Array, s: Array, c: Array) -> Array:
    return np.choose(q, [c, -s, -c, s])


def _powr(x: Array, y: Array) -> Array:
    """Unlike pow, NaN for every negative base; an exponent of NaN gives NaN."""
    power = np.power(np.abs(x), y)
    return np.where((x < 0) | ((np.abs(x) == 1) & np.isnan(y)), np.nan, power)


def _fdim(x: Array, y: Array) -> Array:
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(x > y, x - y, 0))


UNARY = (
    MathFunction("acos", 1, 4, np.arccos),
    MathFunction("acosh", 1, 4, np.arccosh),
    MathFunction("asin", 1, 4, np.arcsin),
    MathFunction("asinh", 1, 4, np.arcsinh),
    MathFunction("atan", 1, 5, np.arctan),
    MathFunction("atanh", 1, 5, np.arctanh),
    MathFunction("ceil", 1, 0, np.ceil),
    MathFunction("cos", 1, 4, np.cos),
    MathFunction("cosh", 1, 4, np.cosh),
    MathFunction("cospi", 1, 4, _of_half_turns(_cosine)),
    MathFunction("exp", 1, 4, np.exp),
    MathFunction("exp10", 1, 4, lambda x: np.power(Wide(10), x)),
    MathFunction("exp2", 1, 4, np.exp2),
    MathFunction("fabs", 1, 0, np.abs),
    MathFunction("floor", 1, 0, np.floor),
    MathFunction("fract", 1, 0.5, _fract),
    MathFunction("log", 1, 4, np.log),
    MathFunction("log10", 1, 4, np.log10),
    MathFunction("log2", 1, 4, np.log2),
    MathFunction("rint", 1, 0, np.rint),
    MathFunction("round", 1, 0, _round_half_away),
    MathFunction("rsqrt", 1, 2, lambda x: 1 / np.sqrt(x)),
    MathFunction("sin", 1, 4, np.sin),
    MathFunction("sinh", 1, 4, np.sinh),
    MathFunction("sinpi", 1, 4, _of_half_turns(_sine)),
    MathFunction("sqrt", 1, 0.5, np.sqrt),
    MathFunction("tan", 1, 6, np.tan),
    MathFunction("tanh", 1, 5, np.tanh),
    MathFunction("tanpi", 1, 6, _of_half_turns(lambda q, s, c: _sine(q, s, c) / _cosine(q, s, c))),
    MathFunction("trunc", 1, 0, np.trunc),
)
BINARY = (
    MathFunction("atan2", 2, 6, np.arctan2),
    MathFunction("copysign", 2, 0, np.copysign),
    MathFunction("divide", 2, 0.5, np.divide),
    MathFunction("fdim", 2, 0.5, _fdim),
    MathFunction("fmax", 2, 0, np.fmax),
    MathFunction("fmin", 2, 0, np.fmin),
    MathFunction("fmod", 2, 0, np.fmod),
    MathFunction("pow", 2, 16, np.power),
    MathFunction("powr", 2, 16, _powr),
)
FUNCTIONS = UNARY + BINARY


def ulp_errors(got: Array, exact: Array, digits: int = 24, least: int = -126) -> Array:
    """|got - exact| in ulps of a format with ``digits`` bits of mantissa and least normal 2**least.

    A result that rounds to infinity must be infinite; NaN must be NaN; both else count as infinitely wrong.
    """
    exact = np.asarray(exact, Wide)
    wide = np.asarray(got, Wide)
    largest = Wide(2) ** (2 - least) * (1 - Wide(2) ** -digits)
    threshold = largest + Wide(2) ** (
        1 - least - digits
    )  # from here on the format rounds to infinity
    finite = np.abs(exact) < threshold
    _, exponent = np.frexp(np.where(finite, exact, 1))
    exponent = np.where(exact == 0, least, np.maximum(exponent - 1, least))
    error = np.abs(wide - exact) / np.ldexp(Wide(1), exponent - (digits - 1))
    # A result one step beyond the largest number is infinity: it counts as if it were 2**128.
    overshoot = (np.ldexp(Wide(1), 2 - least) - np.abs(exact)) / np.ldexp(
        Wide(1), 2 - least - digits
    )
    same_side = np.signbit(wide) == np.signbit(exact)
    error = np.where(np.isinf(wide) & finite, np.where(same_side, overshoot, np.inf), error)
    beyond = np.where(same_side & (np.abs(wide) >= largest), np.where(np.isinf(wide), 0, 1), np.inf)
    error = np.where(finite, error, beyond)
    error = np.where(np.isinf(exact), np.where(wide == exact, 0, np.inf), error)
    return np.where(
        np.isnan(exact),
        np.where(np.isnan(wide), 0, np.inf),
        np.where(np.isnan(wide), np.inf, error),
    )


def samples(count: int, seed: int) -> Array:
    """Floats for unary functions: random bit patterns, plausible values, neighbours of special ones."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    plain = rng.standard_normal(count) * np.exp(rng.uniform(-6, 5, count))
    near_one = 1 + rng.uniform(-0.6, 0.6, count)
    quarters = rng.integers(1, 2**20, count) * (np.pi / 2)
    powers = np.ldexp(1.0, np.arange(-149, 128))
    special = [
        0,
        1,
        0.5,
        2,
        3,
        np.inf,
        1.1754944e-38,
        3.4028235e38,
        88.72284,
        87.33654,
        103.97,
        104.1,
        89.416,
    ]
    special += [
        9.01,
        126,
        128,
        149,
        150,
        38.53184,
        44.85,
        45.2,
        16777216,
        8388608,
        8388607.5,
        0.9999999,
    ]
    edges = np.float32(np.concatenate([special, powers]))
    with np.errstate(over="ignore"):
        above = np.nextafter(edges, np.float32(np.inf))
    edges = np.concatenate([edges, above, np.nextafter(edges, np.float32(0))])
    parts = [patterns, np.float32(plain), np.float32(near_one), np.float32(quarters), edges, -edges]
    return np.concatenate([*parts, np.float32([np.nan])])


def sample_pairs(count: int, seed: int) -> tuple[Array, Array]:
    """Floats for binary functions: all pairs of special values, random patterns, results within range."""
    rng = np.random.default_rng(seed)
    special = np.float32(
        [0, 1, 0.5, 2, 3, 1.5, 2.5, np.inf, np.nan, 1e-45, 1e-38, 3.4028235e38, 16777216, 16777215]
    )
    special = np.concatenate([special, -special, np.nextafter(special[:6], np.float32(9))])
    grid_x, grid_y = (g.ravel() for g in np.meshgrid(special, special))
    x, y = samples(count, seed), samples(count, seed + 1)
    rng.shuffle(y)
    base = np.exp(rng.uniform(-80, 80, count)).astype(np.float32)
    reach = 126 / np.maximum(np.abs(np.log2(base)), 1e-3)
    exponent = (rng.uniform(-1, 1, count) * reach).astype(np.float32)
    near_one = np.float32(1 + rng.uniform(-1e-3, 1e-3, count))
    large = np.float32(rng.uniform(-90000, 90000, count))
    whole = np.float32(rng.integers(-30, 30, count))
    return np.concatenate([grid_x, x, base, near_one, -base]), np.concatenate(
        [grid_y, y, exponent, large, whole]
    )


class Library:
    """Loops over arrays, one for each function, compiled with the flags of kernels."""

    def __init__(
        self,
        source: str,
        folder: Path,
        options: CompileOptions | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        target = clang.host_target()
        flags = [
            flag
            for flag in clang.compile_flags(target, options or CompileOptions())
            if flag != "-fvisibility=hidden"
        ]
        compiled = clang.compile_object(source, (*flags, *extra), str(folder / "math.o"))
        if not compiled.succeeded:
            raise RuntimeError(compiled.diagnostics)
        clang.link_shared([str(folder / "math.o")], str(folder / "math.so"), target)
        self._loaded = ctypes.CDLL(str(folder / "math.so"))

    def call(self, name: str, *arrays: Array) -> None:
        """Calls ``name(pointers..., count)``; the count is the length of the first array."""
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        getattr(self._loaded, name)(*pointers, ctypes.c_int(len(arrays[0])))

    def apply(self, name: str, *inputs: Array) -> Array:
        """The function of the inputs, written over a poisoned array of the first input's dtype."""
        out = (
            np.frombuffer(b"\xa5" * inputs[0].nbytes, inputs[0].dtype)
            .reshape(inputs[0].shape)
            .copy()
        )
        self.call(name, out, *inputs)
        return out


def loops(
    functions: Sequence[MathFunction], type_name: str = "float", qualifier: str = "metal::"
) -> str:
    """The C++ text of one loop ``f_type`` for each function."""
    convention = (
        "__attribute__((sysv_abi))" if clang.host_target().triple.startswith("x86_64") else ""
    )
    lines = ["#include <metal_stdlib>"]
    for function in functions:
        names = [f"a{i}" for i in range(function.arity)]
        parameters = ", ".join(f"const {type_name}* {n}" for n in names)
        call = f"{qualifier}{function.name}({', '.join(f'{n}[i]' for n in names)})"
        lines.append(
            f'extern "C" {convention} void {function.name}_{type_name}({type_name}* out, {parameters}, int n) '
            f"{{ for (int i = 0; i < n; ++i) out[i] = {call}; }}"
        )
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A function's largest error over the samples, and where it is."""

    ulp: float
    at: tuple[float, ...]
    signs_wrong: int
    """Zeros of the wrong sign."""


def accuracy(library: Library, function: MathFunction, inputs: Sequence[Array]) -> Accuracy:
    """Compares the compiled float function with its reference."""
    got = library.apply(f"{function.name}_float", *inputs)
    with np.errstate(all="ignore"):
        exact = function.reference(*(np.asarray(x, Wide) for x in inputs))
        errors = ulp_errors(got, exact)
    worst = int(np.argmax(errors))
    zeros = (got == 0) & (exact == 0) & (np.signbit(got) != np.signbit(exact))
    return Accuracy(float(errors[worst]), tuple(float(x[worst]) for x in inputs), int(zeros.sum()))


def nanoseconds(library: Library, function: MathFunction) -> float:
    """The best time of one element in a loop over 64k elements in (0, 1)."""
    inputs = [np.linspace(0.1, 0.9, 1 << 16, dtype=np.float32) for _ in range(function.arity)]
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        library.apply(f"{function.name}_float", *inputs)
        best = min(best, time.perf_counter() - start)
    empty = min(_copy_seconds(inputs[0]) for _ in range(20))  # what `apply` itself costs
    return max(best - empty, 0.0) / len(inputs[0]) * 1e9


def _copy_seconds(array: Array) -> float:
    start = time.perf_counter()
    np.frombuffer(b"\xa5" * array.nbytes, array.dtype).reshape(array.shape).copy()
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; ``--samples`` random inputs of each kind for each function."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.math_accuracy")
    parser.add_argument("--samples", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args(arguments)
    table = Table(
        title=f"float32 against {np.finfo(Wide).nmant + 1}-bit arithmetic, seed {options.seed}"
    )
    for column, justify in (
        ("function", "left"),
        ("max ulp", "right"),
        ("bound", "right"),
        ("at", "left"),
        ("ns", "right"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        library = Library(loops(FUNCTIONS), Path(folder))
        unary = [samples(options.samples, options.seed)]
        binary = sample_pairs(options.samples, options.seed)
        for function in FUNCTIONS:
            found = accuracy(library, function, unary if function.arity == 1 else binary)
            colour = "green" if found.ulp <= function.bound else "red"
            where = ", ".join(f"{x:.9g}" for x in found.at)
            figures = (f"[{colour}]{found.ulp:.3f}", f"{function.bound:g}", where)
            table.add_row(function.name, *figures, f"{nanoseconds(library, function):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

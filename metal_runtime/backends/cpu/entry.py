"""The entry of a kernel: its translation unit in, the C++ loops that call it for a range of work items out."""

from __future__ import annotations

import functools
from pathlib import Path

from metal_runtime.device.launch_config import Extent
from metal_runtime.msl.msl_to_cpp import TranslationUnit
from metal_runtime.msl.parameters import Parameter
from metal_runtime.msl.region_plan import VARYING
from metal_runtime.msl.strategy import FIBERS, LOOPS, REGIONS
from metal_runtime.msl.type_texts import Passing
from metal_runtime.program import ArgumentKind

NATIVE_DIR = Path(__file__).parent / "native"

ENTRY_SYMBOL = "iris_kernel"
SIZES_SYMBOL = "iris_argument_sizes"
"""Bytes of each argument's element or value as the compiler laid it out: user structs have no other source."""

SIMD_WIDTH = 32
"""Threads of a simdgroup, as on Apple's GPUs."""

# These a loop over rows of the grid can give; all others need the threadgroup.
_GRID_LEVEL = frozenset(["thread_position_in_grid", "threads_per_grid", "grid_size", "grid_origin"])

# Attribute -> C++ expression, one per component. `x y z` is the thread's place in the grid, `i j k` its place
# in the threadgroup, `gx..` the threadgroup's place, `nx..` the size of this (perhaps partial) threadgroup.
_EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "thread_position_in_grid": ("x", "y", "z"),
    "threads_per_grid": ("launch.grid[0]", "launch.grid[1]", "launch.grid[2]"),
    "grid_size": ("launch.grid[0]", "launch.grid[1]", "launch.grid[2]"),
    "grid_origin": ("0", "0", "0"),
    "thread_position_in_threadgroup": ("i", "j", "k"),
    "threadgroup_position_in_grid": ("gx", "gy", "gz"),
    "threads_per_threadgroup": ("nx", "ny", "nz"),
    "dispatch_threads_per_threadgroup": ("launch.group[0]", "launch.group[1]", "launch.group[2]"),
    "threadgroups_per_grid": ("launch.groups[0]", "launch.groups[1]", "launch.groups[2]"),
    "thread_index_in_threadgroup": ("index",),
    "thread_index_in_simdgroup": (f"index % {SIMD_WIDTH}",),
    "simdgroup_index_in_threadgroup": (f"index / {SIMD_WIDTH}",),
    "simdgroups_per_threadgroup": (f"(nx * ny * nz + {SIMD_WIDTH - 1}) / {SIMD_WIDTH}",),
    "dispatch_simdgroups_per_threadgroup": (
        f"(launch.group[0] * launch.group[1] * launch.group[2] + {SIMD_WIDTH - 1}) / {SIMD_WIDTH}",
    ),
    "threads_per_simdgroup": (str(SIMD_WIDTH),),
    "thread_execution_width": (str(SIMD_WIDTH),),
    "thread_index_in_quadgroup": ("index % 4",),
    "quadgroup_index_in_threadgroup": ("index / 4",),
    "quadgroups_per_threadgroup": ("(nx * ny * nz + 3) / 4",),
    "dispatch_quadgroups_per_threadgroup": (
        "(launch.group[0] * launch.group[1] * launch.group[2] + 3) / 4",
    ),
}

_BY_ROW = """\
    for (__iris::u64 item = begin; item < end;) {{
        const __iris::u64 row = item / launch.grid[0];
        const __iris::u32 first = item % launch.grid[0], y = row % launch.grid[1], z = row / launch.grid[1];
        const __iris::u64 room = launch.grid[0] - first, left = end - item;
        const __iris::u32 count = room < left ? room : left;
        for (__iris::u32 x = first; x < first + count; ++x) {call};
        item += count;
    }}
"""
# The same for kernels whose every output is streamed (see msl/streamed_outputs.py): launches that exceed the last
# cache gather a block of each output and copy it past the caches; a block with a gap runs again as usual.
_BY_STREAMED_ROW = """\
    const bool streams = (__iris::u64)launch.grid[0] * launch.grid[1] * launch.grid[2] * ({thread_bytes}) > {threshold}ul;
    for (__iris::u64 item = begin; item < end;) {{
        const __iris::u64 row = item / launch.grid[0];
        const __iris::u32 first = item % launch.grid[0], y = row % launch.grid[1], z = row / launch.grid[1];
        const __iris::u64 room = launch.grid[0] - first, left = end - item;
        const __iris::u32 count = room < left ? room : left;
        if (!streams) {{
            for (__iris::u32 x = first; x < first + count; ++x) {call};
        }} else for (__iris::u32 done = 0, size; done < count; done += size) {{
            const __iris::u32 from = first + done;
            size = __iris::smaller(__iris::stream_block, count - done);
            {blocks}
            for (__iris::u32 x = from; x < from + size; ++x) {streamed_call};
            if ({complete}) {{ {copies} }}
            else for (__iris::u32 x = from; x < from + size; ++x) {call};
        }}
        item += count;
    }}
    __iris::stream_end();
"""
_EACH_THREADGROUP = """\
    for (__iris::u64 item = begin; item < end; ++item) {{
        const __iris::u64 plane = item / launch.groups[0];
        const __iris::u32 gx = item % launch.groups[0], gy = plane % launch.groups[1], gz = plane / launch.groups[1];
        const __iris::u32 x0 = gx * launch.group[0], y0 = gy * launch.group[1], z0 = gz * launch.group[2];
        const __iris::u32 nx = __iris::smaller(launch.group[0], launch.grid[0] - x0);
        const __iris::u32 ny = __iris::smaller(launch.group[1], launch.grid[1] - y0);
        const __iris::u32 nz = __iris::smaller(launch.group[2], launch.grid[2] - z0);
"""
_BY_THREADGROUP = (
    _EACH_THREADGROUP
    + """\
        for (__iris::u32 k = 0; k < nz; ++k)
            for (__iris::u32 j = 0; j < ny; ++j) {{
                const __iris::u32 y = y0 + j, z = z0 + k, row = (k * ny + j) * nx;
                for (__iris::u32 i = 0; i < nx; ++i) {{
                    const __iris::u32 x = x0 + i, index = row + i;
                    {call};
                }}
            }}
    }}
"""
)
_BY_FIBERS = (
    _EACH_THREADGROUP
    + """\
        const auto thread = [&](__iris::u32 index) {{
            const __iris::u32 line = index / nx, i = index % nx, j = line % ny, k = line / ny;
            const __iris::u32 x = x0 + i, y = y0 + j, z = z0 + k;
            {call};
        }};
        if (!__iris::run_fibers(worker, nx * ny * nz, thread)) return;
    }}
"""
)
_BY_REGIONS = (
    _EACH_THREADGROUP
    + """\
        {sized}{{
            metal::__regions::group group{{
                {{nx, ny, nz}}, nx * ny * nz, {{gx, gy, gz}}, worker.rows, worker.rows_end, {{x0, y0, z0}}}};
            {call};
        }}
    }}
"""
)
# A threadgroup of the size that the code is made for: constants let loops over the threads become straight code.
_OF_KNOWN_SIZE = """\
if (nx == {0} && ny == {1} && nz == {2}) {{
            constexpr __iris::u32 nx = {0}, ny = {1}, nz = {2};
            metal::__regions::group group{{
                {{nx, ny, nz}}, nx * ny * nz, {{gx, gy, gz}}, worker.rows, worker.rows_end, {{x0, y0, z0}}}};
            {call};
        }} else """
_LOOPS = {
    (LOOPS, False): _BY_ROW,
    (LOOPS, True): _BY_THREADGROUP,
    (REGIONS, True): _BY_REGIONS,
    (FIBERS, True): _BY_FIBERS,
}


def runs_by_threadgroup(unit: TranslationUnit) -> bool:
    """Whether a work item of the kernel is a threadgroup; else it is a thread of the grid."""
    return unit.strategy != LOOPS or not _GRID_LEVEL.issuperset(unit.kernel.signature.builtins)


def entry_text(unit: TranslationUnit, size: Extent | None = None) -> str:
    """The C++ function ``iris_kernel``: arguments unpacked once, then loops whose innermost runs along x.

    Regions run threadgroups of ``size`` faster.
    """
    kernel = unit.kernel
    signature = kernel.signature
    buffers = {argument.index: place for place, argument in enumerate(signature.arguments)}
    memory = {
        argument.index: place
        for place, argument in enumerate(signature.threadgroup_arguments, len(buffers))
    }
    declarations, operands = [], []
    for number, parameter in enumerate(kernel.parameters):
        if parameter.argument is not None:
            declarations.append(_declaration(number, parameter, buffers[parameter.argument.index]))
            is_value = parameter.argument.kind is ArgumentKind.VALUE
            operands.append(
                f"a{number}.value" if is_value else f"{_dereference(parameter)}a{number}"
            )
        elif parameter.threadgroup is not None:
            declarations.append(_in_memory(number, parameter, memory[parameter.threadgroup.index]))
            operands.append(f"{_dereference(parameter)}a{number}")
        elif parameter.builtin is not None:
            varies = unit.strategy == REGIONS and parameter.builtin in VARYING
            operands.append(_builtin_operand(number, parameter, parameter.builtin, varies))
    if unit.strategy == REGIONS:
        operands += ["group", "worker.memory"]
    call = f"function({', '.join(operands)})"
    sized = _OF_KNOWN_SIZE.format(*size, call=call) if size else ""
    if unit.streamed:
        loops = _streamed_loops(unit, call, operands)
    else:
        loops = _LOOPS[unit.strategy, runs_by_threadgroup(unit)].format(call=call, sized=sized)
    unpacking = "".join(f"    {line}\n" for line in declarations)
    return (
        '#include "entry.h"\n#include "streaming.h"\n'
        f"{_sizes_text(unit)}"
        f'extern "C" __attribute__((visibility("default"))) void {ENTRY_SYMBOL}(\n'
        "    const void *const *arguments, const __iris::Launch &launch_of_caller, __iris::Worker &worker,\n"
        "    __iris::u64 begin, __iris::u64 end) {\n"
        f"    constexpr auto function = {unit.symbol};\n"
        "    using F = __iris::bare<decltype(function)>::type;\n"
        "    const __iris::Launch launch = launch_of_caller;\n"
        f"{unpacking}{loops}}}\n"
    )


def _streamed_loops(unit: TranslationUnit, call: str, operands: list[str]) -> str:
    signature = unit.kernel.signature
    streamed_operands = list(operands)
    blocks, complete, copies = [], [], []
    for output in unit.streamed:
        n, element = output.number, output.element
        blocks.append(
            f"alignas(64) {element} block{n}[__iris::stream_block]; __iris::u32 stored{n} = 0; const auto output{n} "
            f"= __iris::block_output(block{n}, from, stored{n});"
        )
        complete.append(f"stored{n} == size")
        copies.append(f"__iris::stream_out(a{n} + from, block{n}, size * sizeof({element}));")
        streamed_operands[n] = f"output{n}"
    sizes = [a.itemsize or 0 for a in signature.arguments if a.kind is ArgumentKind.BUFFER]
    name = unit.symbol[: unit.symbol.index("<")].removeprefix("&")
    return _BY_STREAMED_ROW.format(
        call=call,
        streamed_call=f"{name}({', '.join(streamed_operands)})",
        thread_bytes=sum(sizes),
        threshold=last_level_cache_bytes() * 3 // 5,
        blocks="\n            ".join(blocks),
        complete=" && ".join(complete),
        copies=" ".join(copies),
    )


@functools.cache
def last_level_cache_bytes() -> int:
    """The size of the largest cache of the first processor; 32 MiB where the system does not say."""
    sizes = []
    for entry in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = entry.read_text().strip()
        unit = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:], 0)
        sizes.append(int(text[:-1]) * unit if text[:-1].isdecimal() else 0)
    return max(sizes, default=0) or 32 * 2**20


def _sizes_text(unit: TranslationUnit) -> str:
    numbers = {
        parameter.argument.index: number
        for number, parameter in enumerate(unit.kernel.parameters)
        if parameter.argument is not None
    }
    sizes = ", ".join(
        f"__iris::element_size<__iris::parameter<__iris::bare<decltype({unit.symbol})>::type, "
        f"{numbers[argument.index]}>>"
        for argument in unit.kernel.signature.arguments
    )
    if not sizes:
        return ""
    symbol = f'extern "C" __attribute__((visibility("default"))) const __iris::u32 {SIZES_SYMBOL}[]'
    return f"{symbol} = {{{sizes}}};\n"


def _in_memory(number: int, parameter: Parameter, place: int) -> str:
    """A threadgroup argument: its offset in the threadgroup's memory comes with the arguments."""
    address = f"(worker.memory + (__iris::u64)arguments[{place}])"
    if parameter.passing is Passing.REFERENCE:
        pointee = f"typename __iris::referred<__iris::parameter<F, {number}>>::type"
        return f"{pointee} *const a{number} = ({pointee} *){address};"
    return f"const auto a{number} = (__iris::bare_parameter<F, {number}>){address};"


def _declaration(number: int, parameter: Parameter, place: int) -> str:
    if parameter.argument is not None and parameter.argument.kind is ArgumentKind.VALUE:
        return f"const __iris::uniform_parameter<F, {number}> a{number}(arguments[{place}]);"
    if parameter.passing is Passing.REFERENCE:
        pointee = f"typename __iris::referred<__iris::parameter<F, {number}>>::type"
        return f"{pointee} *const a{number} = ({pointee} *)arguments[{place}];"
    return f"const auto a{number} = (__iris::parameter<F, {number}>)arguments[{place}];"


def _dereference(parameter: Parameter) -> str:
    return "*" if parameter.passing is Passing.REFERENCE else ""


def _builtin_operand(number: int, parameter: Parameter, builtin: str, varies: bool) -> str:
    """The value of an attribute; what varies is defined anew in each region."""
    type_ = f"__iris::bare_parameter<F, {number}>"
    parts = _EXPRESSIONS[builtin][: parameter.components]
    if varies:
        parts = ("0",) * len(parts)
    return f"{type_}({', '.join(f'{parameter.scalar}({part})' for part in parts)})"

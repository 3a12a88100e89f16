"""Hand-written MSL at the compiler's door: text in, an MslProgram with the signatures of its kernels out."""

from __future__ import annotations

from metal_runtime.errors import MslError
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.tokens import LineTable
from metal_runtime.program import CompileOptions, MslProgram

_DEFAULTS = CompileOptions()


def read_program(
    source: str, file: str = "<msl>", options: CompileOptions = _DEFAULTS
) -> MslProgram:
    """The program of an MSL text: every kernel in it that the devices of today can run is an entry point.

    ``file`` is what diagnostics call the text, and where its quoted includes are looked for.

    Raises:
        MslError: the text holds no kernel, or none that can run; the place is the user's own line.
    """
    library = read_library(source, file, options)
    if not library.kernels:
        raise no_kernel(library, source, file)
    signatures = tuple(kernel.signature for kernel in library.kernels.values())
    return MslProgram(source, signatures, options, file)


def no_kernel(library: Library, source: str, file: str) -> MslError:
    """Why a text has no kernel that could be launched."""
    if library.problems:
        return next(iter(library.problems.values()))
    names = [f"`{function.name}`" for function in library.functions]
    if not names:
        return MslError(
            f"{file}: the text has no kernel", hint="write `kernel void name(...) { ... }`"
        )
    function = library.functions[-1]
    token = library.prepared.tokens[function.name_index]
    place = library.prepared.span(token) if source else LineTable(source, file).span(0, 0)
    return MslError(f"the text has no kernel, only functions: {', '.join(names)}", place,
                    hint="mark the one to launch with `kernel void`")  # fmt: skip

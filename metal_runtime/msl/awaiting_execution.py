"""What the CPU device cannot run yet of what a kernel's model holds: a model in, the error that says so out, or None."""

from __future__ import annotations

import re

from metal_runtime.errors import MslError
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.tokens import Token

_HINT = "it comes with the MSL engine; a kernel whose threads work alone runs today"
_ATOMIC = re.compile(r"_?atomic(?:_\w+)?")


def not_yet(library: Library, kernel: KernelModel) -> MslError | None:
    """Why the kernel cannot be launched although it can be read."""
    token, what = _found(library, kernel)
    if token is None:
        return None
    return MslError(f"{what} not supported yet", library.prepared.span(token), hint=_HINT)


def _found(library: Library, kernel: KernelModel) -> tuple[Token | None, str]:
    tokens = library.prepared.tokens
    for meeting in kernel.meetings:
        return tokens[meeting.index], f"`{meeting.name}` is"
    if kernel.threadgroup_variables:
        return tokens[kernel.threadgroup_variables[0].index], "threadgroup memory is"
    functions = (kernel.function, *(library.functions[i] for i in sorted(kernel.reached)))
    for function in functions:
        for index in (*function.parameters, *function.body):
            if tokens[index].text == "threadgroup":
                return tokens[index], "threadgroup memory is"
            if _ATOMIC.fullmatch(tokens[index].text):
                return tokens[index], f"the atomic `{tokens[index].text}` is"
    if kernel.signature.constants:
        return tokens[kernel.function.name_index], "function constants are"
    if kernel.instance is not None:
        return tokens[kernel.instance.tokens.start], "instantiated templates (`host_name`) are"
    return None, ""

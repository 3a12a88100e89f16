"""What every device asks of a kernel before it compiles it: its model and the program that names it in, or an error."""

from __future__ import annotations

from metal_runtime.errors import InternalError, MslError
from metal_runtime.msl.library import KernelModel
from metal_runtime.program import MslProgram, Signature


def check_kernel(kernel: KernelModel, program: MslProgram) -> None:
    """The program's signature fits the text, and no function constant that the kernel needs is missing.

    Raises:
        MslError: a function constant has no value.
    """
    for signature in program.entry_points:
        if signature.name == kernel.signature.name:
            _check_agreement(signature, kernel.signature)
    if kernel.missing_constants:
        raise _missing_constants(kernel)


def _missing_constants(kernel: KernelModel) -> MslError:
    names = ", ".join(f"`{c.name}` ({c.index})" for c in kernel.missing_constants)
    first = kernel.missing_constants[0]
    return MslError(
        f"kernel `{kernel.signature.name}` needs values for its function constants: {names}",
        kernel.signature.span,
        hint=f"give them when it is compiled: constants={{{first.name!r}: ...}}",
    )


def _check_agreement(declared: Signature, read: Signature) -> None:
    """A signature that does not fit its text would bind memory wrongly."""
    shapes = [[(a.index, a.kind) for a in signature.arguments] for signature in (declared, read)]
    if shapes[0] != shapes[1]:
        raise InternalError(
            f"the signature of `{declared.name}` does not fit its text: {declared} / {read}"
        )

"""Every error that iris raises, with what is wrong, where, and what to write instead.

IrisError
├── CompileError                  a kernel's text is wrong; carries its place
│   ├── UnsupportedPythonError    Python that has no meaning in a kernel
│   ├── KernelTypeError           ill-typed, or a type that cannot be inferred
│   └── MslError                  MSL text that Metal or clang refuses
├── LaunchError                   a launch that cannot be made; names kernel and parameter
│   ├── UnknownKernelError        a library has no kernel of this name
│   └── KernelFault               a kernel that failed while it ran
├── DTypeError                    a dtype that Metal has not, or that an operator does not take
├── ShapeError                    shapes that do not fit each other
├── SharingError                  memory that cannot be shared without a copy, or not at all
├── ClosedBufferError             use after close
├── DeviceMemoryError             out of memory, or over the pool's limit
├── DeviceError                   a device that is missing, or that cannot do what was asked
└── InternalError                 a fault of iris itself; says how to report it
"""

from __future__ import annotations

from dataclasses import dataclass

from metal_runtime.source import SourceSpan


class IrisError(Exception):
    """Base of every error that iris raises. ``hint`` says what to write instead."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(self.render())

    def render(self) -> str:
        """The whole text that a user sees."""
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that an error speaks of, such as the first assignment of a variable."""

    message: str
    span: SourceSpan


class CompileError(IrisError):
    """A kernel's text is wrong. ``span`` is the place in the user's own file.

    ``str(error)`` reads ``file:line:column: error: message``, the line, a caret, the hint, the notes.
    """

    def __init__(
        self,
        message: str,
        span: SourceSpan | None = None,
        *,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
    ) -> None:
        self.span = span
        self.notes = notes
        super().__init__(message, hint=hint)

    def render(self) -> str:
        lines = _placed("error", self.message, self.span)
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        for note in self.notes:
            lines.extend(_placed("note", note.message, note.span))
        return "\n".join(lines)


def _placed(severity: str, message: str, span: SourceSpan | None) -> list[str]:
    if span is None:
        return [f"{severity}: {message}"]
    excerpt = span.excerpt()
    return [f"{span}: {severity}: {message}", *([excerpt] if excerpt else [])]


class UnsupportedPythonError(CompileError):
    """Python that has no meaning in a kernel."""


class KernelTypeError(CompileError):
    """An ill-typed expression, or a variable whose one type cannot be inferred."""


class MslError(CompileError):
    """MSL text that breaks a rule of Metal, or that the compiler refuses."""


class LaunchError(IrisError):
    """A launch that cannot be made. ``kernel`` and ``parameter`` name what it is about."""

    def __init__(
        self,
        message: str,
        *,
        kernel: str,
        parameter: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.kernel = kernel
        self.parameter = parameter
        where = f"kernel `{kernel}`" + (f", parameter `{parameter}`" if parameter else "")
        super().__init__(f"{where}: {message}", hint=hint)


class UnknownKernelError(LaunchError, AttributeError, KeyError):
    """A library was asked for a kernel that it does not have."""

    def __str__(self) -> str:  # KeyError would show the text in quotation marks
        return self.render()


class KernelFault(LaunchError):
    """A kernel failed while it ran: a division of an integer by zero, or memory that is not its own."""


class DTypeError(IrisError, TypeError):
    """A dtype that Metal has not, or that an operator does not take."""


class ShapeError(IrisError, ValueError):
    """Shapes that do not fit each other."""


class SharingError(IrisError, ValueError, BufferError):
    """Memory that cannot be shared without a copy, or not at all."""


class ClosedBufferError(IrisError):
    """A buffer was used after ``close()``."""


class DeviceMemoryError(IrisError, MemoryError):
    """The device, or the pool's limit, has no room for an allocation."""


class DeviceError(IrisError):
    """A device is missing, or cannot do what was asked."""


class InternalError(IrisError):
    """A fault of iris itself, never of the user's program."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"internal error of iris: {message}",
            hint="please report this with the kernel and the output of `iris --version`",
        )

"""What happens when a name of the ``metal`` namespace is used outside a kernel: an error that says so."""

from __future__ import annotations

from typing import NoReturn

from metal_runtime.errors import IrisError


def only_in_a_kernel(what: str) -> NoReturn:
    """Raises IrisError: ``metal.<what>`` was evaluated by Python itself."""
    raise IrisError(
        f"metal.{what} has a meaning only in a kernel",
        hint="call it in a function decorated with @kernel, or in a function that a kernel calls",
    )

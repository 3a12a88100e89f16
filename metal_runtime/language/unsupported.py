"""Names of Metal that kernels in Python cannot use yet. The compiler refuses them with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

NOT_YET: dict[str, str] = {
    "as_type": "is not part of the kernel language yet",
    "select": "is not part of the kernel language yet",
}
"""Name in the ``metal`` namespace -> why it is refused, as the end of a sentence."""


def _refused(name: str) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        only_in_a_kernel(f"{name}(...)")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Metal's ``{name}``: not supported yet, it {NOT_YET[name]}."
    return function


as_type = _refused("as_type")
select = _refused("select")

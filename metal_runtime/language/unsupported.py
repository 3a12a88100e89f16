"""Names of Metal that kernels in Python cannot use yet. The compiler refuses them with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

_ENGINE = "comes with the MSL engine, which runs threadgroups with barriers"

NOT_YET: dict[str, str] = {
    "threadgroup_barrier": _ENGINE,
    "simdgroup_barrier": _ENGINE,
    "threadgroup_array": _ENGINE,
    "simd_sum": _ENGINE,
    "simd_min": _ENGINE,
    "simd_max": _ENGINE,
    "simd_shuffle": _ENGINE,
    "simd_shuffle_down": _ENGINE,
    "simd_shuffle_xor": _ENGINE,
    "atomic_fetch_add": _ENGINE,
    "atomic_fetch_min": _ENGINE,
    "atomic_fetch_max": _ENGINE,
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


threadgroup_barrier = _refused("threadgroup_barrier")
simdgroup_barrier = _refused("simdgroup_barrier")
threadgroup_array = _refused("threadgroup_array")
simd_sum = _refused("simd_sum")
simd_min = _refused("simd_min")
simd_max = _refused("simd_max")
simd_shuffle = _refused("simd_shuffle")
simd_shuffle_down = _refused("simd_shuffle_down")
simd_shuffle_xor = _refused("simd_shuffle_xor")
atomic_fetch_add = _refused("atomic_fetch_add")
atomic_fetch_min = _refused("atomic_fetch_min")
atomic_fetch_max = _refused("atomic_fetch_max")
as_type = _refused("as_type")
select = _refused("select")

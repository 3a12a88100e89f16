"""What the namespace can do: its devices and dtypes, and what it promises, out."""

from __future__ import annotations

from typing import Any

from metal_runtime.array_api.dtypes import DEFAULT_FLOAT, DEFAULT_INTEGER, KINDS, STANDARD
from metal_runtime.device.registry import backend_names
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError, DTypeError
from metal_runtime.runtime.sessions import get_session, session_on


class Info:
    """What ``__array_namespace_info__()`` gives."""

    def capabilities(self) -> dict[str, Any]:
        """Indices of bool and shapes that elements decide are there; axes are not limited."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": None,
        }

    def default_device(self) -> str:
        """The name of the current device."""
        return get_session().device_name

    def devices(self) -> list[str]:
        """The names of the devices that open here."""
        return [name for name in backend_names() if _opens(name)]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """The dtypes that Python's numbers become. There is no complex dtype, so none by default."""
        return {
            "real floating": DEFAULT_FLOAT,
            "integral": DEFAULT_INTEGER,
            "indexing": DEFAULT_INTEGER,
        }

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """The standard's dtypes that Metal has, all or those of a kind: no float64, nothing complex."""
        kinds = tuple(KINDS) if kind is None else kind if isinstance(kind, tuple) else (kind,)
        unknown = [one for one in kinds if one not in KINDS]
        if unknown:
            raise DTypeError(
                f"dtypes: there is no kind {unknown[0]!r}", hint=f"use one of: {', '.join(KINDS)}"
            )
        wanted = {dtype for one in kinds for dtype in KINDS[one]}
        return {name: dtype for name, dtype in STANDARD.items() if dtype in wanted}


def __array_namespace_info__() -> Info:  # noqa: N807 - the standard's name
    """Devices, dtypes and capabilities of this namespace."""
    return Info()


def _opens(name: str) -> bool:
    try:
        session_on(name).device  # noqa: B018 - it opens at the first access
    except DeviceError:
        return False
    return True

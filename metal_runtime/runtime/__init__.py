"""What runs kernels: the session with its device, pool and caches. Names here load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metal_runtime.buffer import MetalBuffer as MetalBuffer
    from metal_runtime.runtime.session import Session as Session
    from metal_runtime.runtime.sessions import get_session as get_runtime
    from metal_runtime.runtime.sessions import get_session as get_session

__all__ = ["MetalBuffer", "Session", "get_runtime", "get_session"]


def __getattr__(name: str) -> Any:
    if name == "MetalBuffer":
        from metal_runtime.buffer import MetalBuffer

        return MetalBuffer
    if name in ("get_runtime", "get_session"):
        from metal_runtime.runtime.sessions import get_session

        return get_session
    if name == "Session":
        from metal_runtime.runtime.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Backend name -> open Device, each backend imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

from metal_runtime.device.protocol import Device
from metal_runtime.errors import DeviceError

_BACKENDS = "metal_runtime.backends"


def known_backends() -> tuple[str, ...]:
    """All backends of this installation, sorted, those of other systems included."""
    package = importlib.import_module(_BACKENDS)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg))


def backend_names() -> tuple[str, ...]:
    """The backends that can run on this system, sorted, whether their devices open or not.

    A backend is a package with a ``device`` module; its ``can_run_here()`` says whether its bindings can exist here.
    """
    modules = {n: importlib.import_module(f"{_BACKENDS}.{n}") for n in known_backends()}
    return tuple(name for name, module in modules.items() if module.can_run_here())


def open_device(name: str) -> Device:
    """The device that the backend called ``name`` opens.

    Raises:
        DeviceError: there is no such backend, or it finds no device on this machine.
    """
    if not name.isidentifier() or not _has_backend(name):
        known = ", ".join(backend_names())
        raise DeviceError(f"there is no device `{name}`", hint=f"use one of: {known}")
    module = importlib.import_module(f"{_BACKENDS}.{name}.device")
    device: Device = module.open_device()
    return device


def _has_backend(name: str) -> bool:
    package = f"{_BACKENDS}.{name}"
    if importlib.util.find_spec(package) is None:
        return False
    return importlib.util.find_spec(f"{package}.device") is not None

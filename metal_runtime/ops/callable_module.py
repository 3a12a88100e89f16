"""A module and a function of its own name: called, the module runs the function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(module_name: str, function: Callable[..., Any]) -> None:
    """Lets ``module(...)`` mean ``module.function(...)``, so that ``ops.gather`` serves as both."""

    class CallableModule(ModuleType):
        __slots__ = ()
        __doc__ = function.__doc__

        def __call__(self, *args: Any, **named: Any) -> Any:
            return function(*args, **named)

    sys.modules[module_name].__class__ = CallableModule

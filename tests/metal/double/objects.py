"""The strict object: an implementation in Python and Apple's table in, objects that answer what the table declares out.

A subclass names its protocol or class (``objc_name``). Its public methods must be selectors of it, under pyobjc's
names; every call is counted and its arguments are checked against the type encodings, objects against the method's
annotations. What the table has and the subclass has not fails the test; what the table has not is an AttributeError.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tests.metal.double.encodings import Check, check_of
from tests.metal.double.table import SINCE, Method, methods
from tests.metal.double.world import NotInDouble, World, WrongCall, current

Implementation = Callable[..., Any]


class ObjCObject:
    """Any object of Objective-C. What begins with ``_`` is the double's own, and no driver's."""

    objc_name: ClassVar[str] = ""
    _implementations: ClassVar[dict[str, Implementation]] = {}

    def __init_subclass__(cls, objc_name: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not objc_name:
            return
        cls.objc_name = objc_name
        declared = methods(objc_name)
        cls._implementations = _implementations_of(cls)
        unknown = [name for name in cls._implementations if name not in declared]
        if unknown:
            raise TypeError(f"{objc_name} has no {', '.join(unknown)}")
        for name, method in declared.items():
            if not method.of_class and name != "init":
                setattr(cls, name, _message(objc_name, method, cls._implementations.get(name)))

    def __init__(self, world: World) -> None:
        self._world = world
        world.born(self)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'{self.objc_name}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"'{self.objc_name}' object has no attribute '{name}' to set")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<{self.objc_name} of the double at {id(self):#x}>"


def _implementations_of(cls: type) -> dict[str, Implementation]:
    """The public methods of a class and of its parents, as they were written."""
    found: dict[str, Implementation] = {}
    for parent in reversed(cls.__mro__):
        if parent in (ObjCObject, object):
            continue
        found.update(parent.__dict__.get("_implementations", {}))
        written = {n: v for n, v in vars(parent).items() if inspect.isfunction(v) and n[0] != "_"}
        found.update({n: v for n, v in written.items() if not hasattr(v, "is_message")})
    return found


class _Dated:
    """A message that older systems do not know."""

    def __init__(self, send: Callable[..., Any], method: Method) -> None:
        self._send, self._method = send, method

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        since = SINCE[self._method.selector]
        if instance._world.profile.macos[:2] < since:
            raise AttributeError(
                f"'{instance.objc_name}' object has no attribute '{self._method.python_name}' "
                f"before macOS {since[0]}.{since[1]}"
            )
        return self._send.__get__(instance)


def _message(objc_name: str, method: Method, implementation: Implementation | None) -> Any:
    key = f"{objc_name}.{method.selector}"

    @functools.wraps(implementation or _message)
    def send(self: ObjCObject, *arguments: Any) -> Any:
        world = self._world
        with world.lock:
            world.messages[key] += 1
            world.calls[method.selector] += 1
            if implementation is None:
                world.violation(f"the double does not know {key}", NotInDouble)
            _check(world, key, method, implementation, arguments)
            if world.faults.is_nil(method.selector, world.calls[method.selector]):
                return _nil(world, method)
            return implementation(self, *arguments)

    send.is_message = True  # type: ignore[attr-defined]
    return _Dated(send, method) if method.selector in SINCE else send


def _check(
    world: World,
    key: str,
    method: Method,
    implementation: Implementation,
    arguments: tuple[Any, ...],
) -> None:
    count = len(method.arguments)
    if len(arguments) != count:
        world.violation(f"{key} takes {count} arguments, not {len(arguments)}", WrongCall)
    for place, check in enumerate(_checks(method, implementation)):
        if check is None:
            world.violation(f"the double knows no {method.arguments[place]} of {key}", NotInDouble)
        trouble = check(arguments[place], arguments)
        if trouble is not None:
            world.violation(f"argument {place + 1} of {key}: {trouble}", WrongCall)


_checks_of: dict[tuple[Implementation, str], list[Check | None]] = {}


def _checks(method: Method, implementation: Implementation) -> list[Check | None]:
    """The checks of a method's arguments; made when it is first sent, so that annotations can name later classes."""
    key = (implementation, method.selector)
    found = _checks_of.get(key)
    if found is None:
        hints = getattr(implementation, "accepts", None)
        if hints is None:
            named = typing.get_type_hints(implementation)
            hints = [named.get(p) for p in list(inspect.signature(implementation).parameters)[1:]]
        found = _checks_of[key] = [
            check_of(
                encoding,
                out=i in method.outs,
                length_at=method.lengths.get(i),
                accepted=hints[i] if i < len(hints) else None,
            )
            for i, encoding in enumerate(method.arguments)
        ]
    return found


def _nil(world: World, method: Method) -> Any:
    from tests.metal.double.foundation import NSError

    result = False if method.result == "B" else None
    if not method.outs:
        return result
    text = f"injected: {method.selector} gives nothing"
    return result, *(NSError(world, "MTLDeviceError", 1, text) for _ in method.outs)


# --- objects of Apple's classes ------------------------------------------------------------------


class Allocated:
    """What ``alloc`` gives: nothing that can be used before ``init``."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def init(self) -> Any:
        return self._make()


class ObjCClass(ObjCObject):
    """An object of a class that a driver itself makes, by ``alloc().init()`` or ``new()``."""

    @classmethod
    def alloc(cls) -> Allocated:
        current().messages[f"{cls.objc_name}.alloc"] += 1
        return Allocated(cls.new)

    @classmethod
    def new(cls) -> Any:
        world = current()
        world.messages[f"{cls.objc_name}.init"] += 1
        return cls(world)


class Descriptor(ObjCClass):
    """An object that holds properties, each with the type it takes and its value at first."""

    objc_properties: ClassVar[Mapping[str, tuple[Any, Any]]] = {}

    def __init_subclass__(cls, objc_name: str = "", **rest: Any) -> None:
        for name, (accepted, _) in cls.objc_properties.items():
            setter = f"set{name[0].upper()}{name[1:]}_"
            declared = methods(objc_name)
            if setter in declared:
                setattr(cls, setter, _setter(name, setter, accepted))
            if name in declared:
                setattr(cls, name, _getter(name))
        super().__init_subclass__(objc_name=objc_name, **rest)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._values = {name: default for name, (_, default) in self.objc_properties.items()}


def _setter(name: str, setter: str, accepted: Any) -> Implementation:
    def store(self: Descriptor, value: Any) -> None:
        self._values[name] = value

    store.accepts = [accepted]  # type: ignore[attr-defined]
    store.__name__ = setter
    return store


def _getter(name: str) -> Implementation:
    def load(self: Descriptor) -> Any:
        return self._values[name]

    load.__name__ = name
    return load

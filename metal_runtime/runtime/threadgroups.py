"""What a caller wrote of threadgroups -> threads, threadgroup sizes and bytes of threadgroup memory, or a LaunchError."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import LaunchError
from metal_runtime.program import Signature
from metal_runtime.runtime.value_arguments import described

_GRANULE = 16  # bytes; setThreadgroupMemoryLength:atIndex: takes multiples of it


def grid_of(kernel: str, threads: Any, threadgroups: Any, threadgroup: Any) -> Any:
    """The threads of a launch that gives either them or the number of threadgroups.

    Raises LaunchError when it gives both or none, or threadgroups of no size.
    """
    if threads is not None and threadgroups is not None:
        raise LaunchError(
            "threads= and threadgroups= are two ways to say one thing",
            kernel=kernel,
            hint="give threads=, the number of threads, or threadgroups=, the number of threadgroups",
        )
    if threadgroups is None:
        if threads is None:
            raise LaunchError(
                "the launch says not how many threads there are",
                kernel=kernel,
                hint="add threads=(n,), or threadgroups= with threadgroup=",
            )
        return threads
    if threadgroup is None:
        raise LaunchError(
            "threadgroups= counts threadgroups, but nothing says how many threads each has",
            kernel=kernel,
            hint="add threadgroup=(256,)",
        )
    counts, sizes = (_axes(value) for value in (threadgroups, threadgroup))
    if counts is None or sizes is None:
        return threadgroups  # whatever is wrong with it is said where it is checked
    axes = max(len(counts), len(sizes))
    filled = [(*axis, *(1,) * (axes - len(axis))) for axis in (counts, sizes)]
    return tuple(count * size for count, size in zip(*filled, strict=True))


def _axes(value: Any) -> tuple[int, ...] | None:
    parts = tuple(value) if isinstance(value, tuple | list) else (value,)
    try:
        axes = tuple(operator.index(part) for part in parts)
    except TypeError:
        return None
    return axes if all(axis > 0 for axis in axes) else None


def require_threadgroup(kernel: str, signature: Signature, threadgroup: Any) -> None:
    """A kernel whose threads share memory or meet was written for threadgroups of some size: the caller knows it."""
    shares = bool(signature.threadgroup_arguments) or signature.threadgroup_bytes != 0
    if threadgroup is None:
        why = "uses threadgroup memory" if shares else "has barriers"
        raise LaunchError(
            f"it {why}, so the launch must say how many threads a threadgroup has",
            kernel=kernel,
            hint="add threadgroup=(256,), or what the kernel was written for",
        )


def memory_lengths(
    kernel: str, signature: Signature, given: Any, traits: DeviceTraits
) -> tuple[int, ...]:
    """Bytes for each ``[[threadgroup(i)]]`` argument, from one integer, a sequence, or a mapping by name.

    Raises LaunchError: a length is missing, no multiple of 16 bytes, or more than the device has.
    """
    wanted = signature.threadgroup_arguments
    names = [argument.name for argument in wanted]
    lengths = _by_position(kernel, names, given)
    if len(lengths) != len(names):
        raise _wrong_count(kernel, signature, lengths)
    sizes = []
    for name, length in zip(names, lengths, strict=True):
        try:
            size = operator.index(length)
        except TypeError:
            raise LaunchError(
                f"threadgroup_memory gives {described(length)}, not a number of bytes",
                kernel=kernel, parameter=name, hint="give bytes: elements times the size of one",
            ) from None  # fmt: skip
        if size <= 0 or size % _GRANULE:
            nearest = max(-(-size // _GRANULE), 1) * _GRANULE
            raise LaunchError(
                f"{size} bytes of threadgroup memory are no positive multiple of {_GRANULE}",
                kernel=kernel,
                parameter=name,
                hint=f"give {nearest}",
            )
        sizes.append(size)
    _check_total(kernel, signature, sum(sizes), traits)
    return tuple(sizes)


def check_static_memory(kernel: str, signature: Signature, traits: DeviceTraits) -> None:
    """Refuses a kernel whose body declares more threadgroup memory than a threadgroup has."""
    static, most = signature.threadgroup_bytes or 0, traits.max_threadgroup_memory
    if static > most:
        raise LaunchError(
            f"its body declares {static:,} bytes of threadgroup memory, a threadgroup has {most:,}",
            kernel=kernel,
            hint="use a smaller tile",
        )


def _by_position(kernel: str, names: list[str], given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise LaunchError(
                f"threadgroup_memory names `{unknown[0]}`, which is no threadgroup argument",
                kernel=kernel,
                hint=f"it has {', '.join(f'`{n}`' for n in names)}" if names else "leave it out",
            )
        return tuple(given[name] for name in names if name in given)
    return tuple(given) if isinstance(given, tuple | list) else (given,)


def _wrong_count(kernel: str, signature: Signature, lengths: tuple[Any, ...]) -> LaunchError:
    wanted = signature.threadgroup_arguments
    listed = ", ".join(
        f"`{a.type_text} {a.name}`" + (f" ({a.itemsize} bytes each)" if a.itemsize else "")
        for a in wanted
    )
    if not wanted:
        return LaunchError(
            "it has no [[threadgroup(n)]] argument to give memory to",
            kernel=kernel,
            hint="leave threadgroup_memory out",
        )
    example = ", ".join(["4096"] * len(wanted)) + ("," if len(wanted) == 1 else "")
    return LaunchError(
        f"threadgroup_memory gives {len(lengths)} length{'' if len(lengths) == 1 else 's'}, "
        f"but it has {len(wanted)} such argument{'' if len(wanted) == 1 else 's'}: {listed}",
        kernel=kernel,
        hint=f"give bytes for each, such as threadgroup_memory=({example})",
    )


def _check_total(kernel: str, signature: Signature, dynamic: int, traits: DeviceTraits) -> None:
    static = signature.threadgroup_bytes or 0
    most = traits.max_threadgroup_memory
    if static + dynamic > most:
        own = f" and {static:,} in its body" if static else ""
        raise LaunchError(
            f"{dynamic:,} bytes of threadgroup memory{own} are more than the {most:,} of a threadgroup",
            kernel=kernel,
            hint="use a smaller tile, or fewer threads in a threadgroup",
        )

"""Metal's limits and features as tables: a GPU family's name enters, what it has and how much of it leaves.

The source of every row is Apple's Metal Feature Set Tables
(https://developer.apple.com/metal/Metal-Feature-Set-Tables.pdf); ``row`` is the name of the row there.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

FEATURE_SET_TABLES = "https://developer.apple.com/metal/Metal-Feature-Set-Tables.pdf"


class Family(enum.Enum):
    """A GPU family (MTLGPUFamily), from the least to the most able of its kind."""

    APPLE4 = "apple4"  # A11
    APPLE5 = "apple5"  # A12
    APPLE6 = "apple6"  # A13
    APPLE7 = "apple7"  # A14, M1
    APPLE8 = "apple8"  # A15, A16, M2
    APPLE9 = "apple9"  # A17 Pro, M3, M4
    APPLE10 = "apple10"  # A19, M5
    MAC2 = "mac2"  # Intel Macs' GPUs, and every Mac with Apple silicon beside its Apple family
    METAL3 = "metal3"  # what every GPU that runs Metal 3 has
    METAL4 = "metal4"  # what every GPU that runs Metal 4 has


DEFAULT_FAMILY = Family.APPLE7
"""The first family with Apple silicon Macs (M1): the least that is common today."""

_APPLE = (Family.APPLE4, Family.APPLE5, Family.APPLE6, Family.APPLE7, Family.APPLE8, Family.APPLE9, Family.APPLE10)  # fmt: skip
_ALL = frozenset(Family)


def _from(first: Family, *others: Family) -> frozenset[Family]:
    """The Apple families from ``first`` on, and ``others``."""
    return frozenset(_APPLE[_APPLE.index(first) :]) | frozenset(others)


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that no program may exceed; ``by_family`` holds the families that differ from ``value``."""

    name: str
    value: int
    unit: str
    row: str
    by_family: Mapping[Family, int] | None = None

    def of(self, family: Family) -> int:
        """The limit of one family."""
        return (self.by_family or {}).get(family, self.value)


BUFFERS = Limit("buffers", 31, "buffers a kernel",
                "Maximum number of entries in the buffer argument table, per graphics or kernel function")  # fmt: skip
TEXTURES = Limit("textures", 128, "textures a kernel",
                 "Maximum number of entries in the texture argument table, per graphics or kernel function",
                 {Family.APPLE4: 96, Family.APPLE5: 96})  # fmt: skip
SAMPLERS = Limit("samplers", 16, "samplers a kernel",
                 "Maximum number of entries in the sampler state argument table, per graphics or kernel function")  # fmt: skip
THREADGROUP_ARGUMENTS = Limit("threadgroup_arguments", 31, "threadgroup memory arguments a kernel",
                              "Maximum number of entries in the threadgroup memory argument table, per kernel function")  # fmt: skip
INLINE_BYTES = Limit("inline_bytes", 4096, "bytes",
                     "Maximum length of a constant data block (setBytes), per graphics or kernel function")  # fmt: skip
THREADS = Limit("threads", 1024, "threads a threadgroup", "Maximum threads per threadgroup")
THREADGROUP_MEMORY = Limit("threadgroup_memory", 32 * 1024, "bytes a threadgroup",
                           "Maximum total threadgroup memory allocation")  # fmt: skip
THREADGROUP_ALIGNMENT = Limit(
    "threadgroup_alignment", 16, "bytes", "Threadgroup memory length alignment"
)

LIMITS: tuple[Limit, ...] = (
    BUFFERS, TEXTURES, SAMPLERS, THREADGROUP_ARGUMENTS, INLINE_BYTES, THREADS, THREADGROUP_MEMORY,
    THREADGROUP_ALIGNMENT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that not every family has, and by which names a text shows that it uses it."""

    name: str
    what: str
    families: frozenset[Family]
    row: str
    names: re.Pattern[str]

    @property
    def least(self) -> str:
        """The families that have it, for people: ``apple7 and later, metal3``."""
        apple = [f for f in _APPLE if f in self.families]
        others = [f.value for f in Family if f in self.families and f not in _APPLE]
        first = [f"{apple[0].value} and later"] if apple else []
        return ", ".join([*first, *others])


def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_M2, _M3, _M4 = Family.MAC2, Family.METAL3, Family.METAL4

FEATURES: tuple[Feature, ...] = (
    Feature("nonuniform-threadgroups", "threadgroups of nonuniform size", _ALL, "Nonuniform threadgroup size",
            _names(r"dispatch_threads_per_threadgroup")),
    Feature("quad-permute", "shuffles within a quadgroup", _ALL, "Quad-scoped permute operations",
            _names(r"quad_(?:shuffle(?:_xor|_up|_down|_rotate_up|_rotate_down)?|broadcast)")),
    Feature("simd-permute", "shuffles within a simdgroup", _from(Family.APPLE6, _M2, _M3, _M4),
            "SIMD-scoped permute operations",
            _names(r"simd_(?:shuffle(?:_xor|_up|_down|_rotate_up|_rotate_down)?|broadcast(?:_first)?|ballot|all|any|is_first)")),
    Feature("simd-reduction", "reductions and prefix sums over a simdgroup", _from(Family.APPLE7, _M2, _M3, _M4),
            "SIMD-scoped reduction operations",
            _names(r"simd_(?:sum|product|min|max|and|or|xor|prefix_(?:in|ex)clusive_(?:sum|product))")),
    Feature("quad-reduction", "reductions and prefix sums over a quadgroup", _from(Family.APPLE7, _M2, _M3, _M4),
            "Quad-scoped reduction operations",
            _names(r"quad_(?:sum|product|min|max|and|or|xor|prefix_(?:in|ex)clusive_(?:sum|product))")),
    Feature("simd-shuffle-and-fill", "shuffles that fill", _from(Family.APPLE8), "SIMD shift and fill",
            _names(r"(?:simd|quad)_shuffle_and_fill_(?:up|down)")),
    Feature("simdgroup-matrix", "matrices held by a simdgroup", _from(Family.APPLE7, _M4),
            "SIMD-scoped matrix multiply operations",
            _names(r"simdgroup_(?:matrix|(?:float|half|bfloat)8x8|load|store|multiply(?:_accumulate)?)")),
    Feature("float-atomics", "atomic arithmetic on float", _from(Family.APPLE7, _M2, _M3, _M4), "Floating-point atomics",
            _names(r"atomic_float")),
    Feature("64-bit-atomics", "64-bit atomics", _from(Family.APPLE9), "64-bit atomics", _names(r"atomic_ulong")),
    Feature("bfloat", "bfloat", _from(Family.APPLE6, _M2, _M3, _M4), "MTLDataType.bfloat (brain float) scalar and vector cases",
            _names(r"(?:packed_)?bfloat[234]?|simdgroup_bfloat8x8")),
    Feature("function-pointers", "function pointers and visible functions", _from(Family.APPLE6, _M3, _M4),
            "Function pointers in compute pipelines", _names(r"visible_function_table")),
    Feature("tensors", "tensors", frozenset([_M4]) | _from(Family.APPLE7), "Tensors",
            _names(r"tensor_(?:handle|inline|offset)|cooperative_tensor")),
)  # fmt: skip
"""The features that a text's own words show. The columns are Metal3 and Metal4, the
Apple families and Mac. Where the table says that some GPUs of a family have a feature (64-bit minimum and maximum
on the M2, function pointers on mac2), the family does not count as having it."""

"""The tables of limits and features: complete for every family, each row with its source, and growing with the family."""

from __future__ import annotations

import itertools

import pytest

from metal_runtime.msl import limits
from metal_runtime.msl.limits import FEATURES, LIMITS, Family, Feature, Limit

APPLE = [family for family in Family if family.value.startswith("apple")]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_every_family_has_every_limit(limit: Limit) -> None:
    assert limit.row
    assert limit.unit
    assert all(limit.of(family) > 0 for family in Family)
    values = [limit.of(family) for family in APPLE]
    assert values == sorted(values)


def test_the_figures_of_the_feature_set_tables() -> None:
    assert limits.BUFFERS.of(Family.APPLE7) == 31
    assert limits.INLINE_BYTES.of(Family.MAC2) == 4096
    assert limits.THREADGROUP_MEMORY.of(Family.APPLE4) == 32768
    assert limits.THREADS.of(Family.METAL3) == 1024
    assert limits.THREADGROUP_ALIGNMENT.of(Family.APPLE9) == 16


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_later_apple_family_has_what_an_earlier_one_has(feature: Feature) -> None:
    assert feature.families
    assert feature.row
    for earlier, later in itertools.pairwise(APPLE):
        assert earlier not in feature.families or later in feature.families


@pytest.mark.parametrize(
    ("name", "feature", "first"),
    [
        ("simd_sum", "simd-reduction", Family.APPLE7),
        ("simd_prefix_exclusive_sum", "simd-reduction", Family.APPLE7),
        ("simd_shuffle_down", "simd-permute", Family.APPLE6),
        ("quad_broadcast", "quad-permute", Family.APPLE4),
        ("simd_shuffle_and_fill_up", "simd-shuffle-and-fill", Family.APPLE8),
        ("simdgroup_half8x8", "simdgroup-matrix", Family.APPLE7),
        ("simdgroup_multiply_accumulate", "simdgroup-matrix", Family.APPLE7),
        ("atomic_float", "float-atomics", Family.APPLE7),
        ("atomic_ulong", "64-bit-atomics", Family.APPLE9),
        ("bfloat4", "bfloat", Family.APPLE6),
    ],
)
def test_which_family_brings_a_function(name: str, feature: str, first: Family) -> None:
    found = [f for f in FEATURES if f.names.fullmatch(name)]
    assert [f.name for f in found] == [feature]
    assert min((f for f in APPLE if f in found[0].families), key=APPLE.index) is first

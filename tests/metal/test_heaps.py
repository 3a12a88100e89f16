"""A slab's free ranges: whatever is taken and given back, no two places overlap and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.backends.metal.heaps import SLAB_BYTES, Slab

PAGE = 16_384


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 64)), max_size=200), st.randoms())
def test_places_never_overlap_and_all_of_it_comes_back(steps, random):
    slab = Slab(heap=None)  # type: ignore[arg-type]
    taken: list[tuple[int, int]] = []
    for take, pages in steps:
        if take or not taken:
            nbytes = pages * PAGE
            start = slab.take(nbytes)
            if start is None:
                assert all(end - begin < nbytes for begin, end in slab.free)
                continue
            assert start % PAGE == 0
            assert start + nbytes <= SLAB_BYTES
            assert all(start + nbytes <= s or s + n <= start for s, n in taken)
            taken.append((start, nbytes))
        else:
            slab.give_back(*taken.pop(random.randrange(len(taken))))
        free = sum(end - start for start, end in slab.free)
        assert free + sum(n for _, n in taken) == SLAB_BYTES
        assert all(a[1] < b[0] for a, b in zip(slab.free, slab.free[1:], strict=False))
    for place in taken:
        slab.give_back(*place)
    assert slab.is_empty

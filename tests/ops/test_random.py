"""Random arrays: Philox's published answers, NumPy's integers as an oracle of every word, moments, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from metal_runtime import api, ops
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops import random
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.ops.random import Generator, bits
from metal_runtime.runtime.random_state import RandomState
from tests.ops.poison import poison, same

MASK = 0xFFFF_FFFF
SEED = 0x1234_5678_9ABC_DEF0
INTEGERS = [d for d in DType if d.is_integer]


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


def philox(counter: tuple[Any, ...], seed: int) -> list[np.ndarray]:
    """Philox 4x32-10 in NumPy's 64-bit integers."""
    words = [np.asarray(c, np.uint64) for c in counter]
    mask, half = np.uint64(MASK), np.uint64(32)
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        p0, p1 = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        words = [
            (p1 >> half) ^ words[1] ^ np.uint64(k0),
            p1 & mask,
            (p0 >> half) ^ words[3] ^ np.uint64(k1),
            p0 & mask,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return words


def words(seed: int, call: int, n: int) -> np.ndarray:
    block = np.arange(-(-n // 4), dtype=np.uint64)
    zero = np.zeros_like(block)
    counter = (block, zero, zero + np.uint64(call & MASK), zero + np.uint64(call >> 32))
    return np.stack(philox(counter, seed), 1).reshape(-1)[:n].astype(np.uint32)


def test_known_answers() -> None:
    # Random123's kat_vectors, philox4x32 of 10 rounds.
    zero = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert bits(4, Generator(0)).to_numpy().tolist() == zero
    ones = [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert [
        int(w) for w in philox((MASK,) * 4, 2**64 - 1)
    ] == ones  # the oracle's, whose counter is free
    pi = [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    counter = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert [int(w) for w in philox(counter, 0x299F31D0_A4093822)] == pi


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 1027, 40_001])
def test_every_word_depends_on_seed_call_and_place_alone(n: int) -> None:
    generator = Generator(SEED)
    for call in range(3):
        same(bits(n, generator), words(SEED, call, n))
    late = Generator(state=RandomState(SEED, 2**40 + 5))
    same(bits((n, 1), late), words(SEED, 2**40 + 5, n).reshape(n, 1))


def test_uniform_bits_are_known() -> None:
    expected = (words(SEED, 0, 1001) >> 8) * np.float32(2.0**-24)
    same(Generator(SEED).uniform(1001), expected.astype(np.float32))
    expected = words(SEED, 0, 1001) < round(0.3 * 2**32)
    same(Generator(SEED).bernoulli(1001, 0.3), expected)


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16], ids=dtype_name)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, -1.0), (5.0, 5.5), (-1.0, 0.0)])
def test_uniform_stays_below_its_bound(dtype: DType, low: float, high: float) -> None:
    drawn = Generator(3).uniform((50, 400), low, high, dtype)
    values = drawn.to_numpy().astype(np.float64)
    assert drawn.dtype is dtype
    assert low <= values.min()
    assert values.max() < high
    assert abs(values.mean() - (low + high) / 2) < 0.02 * (high - low)


def test_moments_of_the_normal_distribution() -> None:
    z = Generator(7).normal(400_000).to_numpy().astype(np.float64)
    pairs = words(7, 0, 400_000).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log(pairs[:, 0].astype(np.float32) * 2.0**-32 + 2.0**-33))
    turn = (pairs[:, 1] >> 8) * 2.0**-24 * 2 * math.pi
    exact = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1).reshape(-1)
    np.testing.assert_allclose(z, exact, rtol=0, atol=4e-6)
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.01
    assert abs((z**4).mean() - 3) < 0.1
    moved = Generator(7).normal(400_000, 10.0, 2.0).to_numpy()
    np.testing.assert_allclose(moved, 10 + 2 * z, atol=1e-5)


@pytest.mark.parametrize("dtype", INTEGERS, ids=dtype_name)
def test_integers(dtype: DType) -> None:
    info = np.iinfo(dtype.numpy_dtype)
    for low, high in ((3, 10), (int(info.min), int(info.max) + 1), (0, int(info.max))):
        four = words(SEED, 0, 4 * 500).reshape(-1, 4).astype(object)
        word = sum(four[:, k] << (32 * k) for k in range(4))
        expected = (low + (word * (high - low) >> 128)).astype(dtype.numpy_dtype)
        same(Generator(SEED).integers(low, high, 500, dtype), expected)


def test_permutations() -> None:
    order = Generator(1).permutation(5000).to_numpy()
    assert sorted(order) == list(range(5000))
    assert (order != np.arange(5000)).sum() > 4900
    rows = np.arange(12, dtype=np.int16).reshape(4, 3)
    mixed = Generator(2).permutation(rows).to_numpy()
    np.testing.assert_array_equal(mixed[np.argsort(mixed[:, 0])], rows)
    assert Generator(1).permutation(0).shape == (0,)


def test_the_sequence_of_the_process() -> None:
    api.random.seed(11)
    first = [random.uniform(9).to_numpy(), random.normal(9).to_numpy()]
    random.seed(11)
    again = [random.uniform(9).to_numpy(), random.normal(9).to_numpy()]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(random.uniform(9).to_numpy(), first[0])
    assert not np.array_equal(Generator().uniform(9).to_numpy(), Generator().uniform(9).to_numpy())
    assert random.integers(4, shape=(2, 3)).shape == (2, 3)
    assert random.bernoulli().shape == ()
    assert ops.random is random


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: random.uniform(3, 2, 1), ShapeError, "no numbers from 2 to 1"),
        (lambda: random.uniform(3, 0, math.inf), ShapeError, "give finite bounds"),
        (lambda: random.uniform(3, dtype="int32"), DTypeError, "makes floats, not int32"),
        (lambda: random.uniform(-1), ShapeError, "negative"),
        (lambda: random.uniform(2**33), ShapeError, "32 bits"),
        (lambda: random.normal(3, 0, -1), ShapeError, "the deviation is -1"),
        (lambda: random.normal(3, 1e39), DTypeError, "does not fit into float32"),
        (lambda: random.bernoulli(3, 1.5), ShapeError, "p is 1.5"),
        (lambda: random.integers(5, 5), ShapeError, "no integer from 5 on is below 5"),
        (lambda: random.integers(0, 300, 3, "uint8"), DTypeError, "does not hold 0 to 299"),
        (lambda: random.integers(0.5), ShapeError, "no integer"),
        (lambda: random.permutation(-1), ShapeError, "x is -1"),
        (lambda: random.permutation(np.array(3, np.int8)), ShapeError, "no rows"),
        (lambda: random.seed("x"), ShapeError, "no integer"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)

"""Tiles of products with IRIS_TUNE=1: the same results, measured once for a class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metal_runtime import api, ops
from metal_runtime.dtype import DType
from metal_runtime.ops import product_tuning
from metal_runtime.ops.product_shapes import Sizes
from metal_runtime.ops.product_tiles import BLOCK, Tile
from metal_runtime.ops.product_tuning import Untuned, tiles, tuned_tile
from metal_runtime.ops.products import Product
from metal_runtime.runtime.sessions import get_session
from metal_runtime.tune import store

F32 = DType.FLOAT32
OTHER = Tile(5, 8, (10, 24))  # which blocks of 67 rows and 61 columns do not divide evenly


@pytest.fixture
def races(tmp_path, monkeypatch):
    """The classes that are measured; the default and one other tile take part, and the other wins."""
    found = []

    def best_of(key, candidates, measure):
        found.append(key)
        assert measure(candidates[0], 1) > 0
        assert measure(candidates[1], 2) > 0
        store.put(key, candidates[1], tuple(store.Timing(c, 1.0) for c in candidates))
        return candidates[1]

    monkeypatch.setenv("IRIS_TUNE", "1")
    monkeypatch.setattr(store, "directory", lambda: tmp_path / "tune")
    monkeypatch.setattr(product_tuning, "best_of", best_of)
    monkeypatch.setattr(product_tuning, "tiles", lambda untuned, _: [untuned.default, OTHER])
    with api.device("cpu"):
        monkeypatch.setattr(get_session(), "winners", {})
        yield found


def operands():
    rng = np.random.default_rng()
    return rng.standard_normal((67, 80), np.float32), rng.standard_normal((80, 61), np.float32)


def test_the_winner_computes_the_same(races):
    a, b = operands()
    x, y = api.asarray(a), api.asarray(b)
    expected = a.astype(np.float64) @ b
    got = ops.relu(x @ y + 1.0).numpy()
    np.testing.assert_allclose(got, np.maximum(expected + 1, 0), rtol=0, atol=1e-4)
    np.testing.assert_allclose((x @ y).numpy(), expected, rtol=0, atol=1e-4)
    assert [key.shapes for key in races] == [
        "128x128 @ 128x64"
    ]  # the end of a product has no part in it


def test_what_was_measured_before_is_looked_up(races):
    product = Product(F32, F32, F32, F32)
    untuned = Untuned(product, Sizes((), 33, 40, 21), 1, (True, True), Tile(6, 16))
    session = get_session()
    assert tuned_tile(session, untuned) == OTHER
    assert tuned_tile(session, untuned) == OTHER
    assert len(races) == 1
    turned = replace(untuned, adjacent=(False, True))
    assert tuned_tile(session, turned) == OTHER
    assert [key.shapes for key in races] == ["64x64 @ 64x32", "64x64.T @ 64x32"]


@pytest.mark.parametrize("setting", ["0", None])
def test_nothing_is_measured_unasked(races, monkeypatch, setting):
    if setting is None:
        monkeypatch.delenv("IRIS_TUNE")
    else:
        monkeypatch.setenv("IRIS_TUNE", setting)
    a, b = operands()
    np.testing.assert_allclose((api.asarray(a) @ b).numpy(), a @ b, rtol=0, atol=1e-4)
    assert not races


def test_the_tiles_that_take_part():
    def of(rows):
        product = Product(F32, F32, F32, F32)
        return tiles(Untuned(product, Sizes((), rows, 64, 64), 1, (True, True), Tile(6, 16)), 16)

    assert of(1000)[:3] == [Tile(6, 16), Tile(14, 8), Tile(4, 24)]
    assert of(8)[1] == of(7)[1] == Tile(8, 8)  # the same for all of a class
    for tile in of(100):
        vectors = tile.columns // 8
        assert tile.rows * vectors + vectors + 1 <= 16
    assert {tile.block for tile in of(8)} == {BLOCK, (24, 64), (192, 256)}


def test_what_a_class_is_called():
    untuned = Untuned(
        Product(F32, F32, F32, F32), Sizes((3,), 33, 40, 21), 3, (True, False), Tile(6, 16)
    )
    assert untuned.shape_class == "4 of 64x64 @ 32x64.T"

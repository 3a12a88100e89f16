"""The functions that MSL lacks, on the CPU device: their largest errors over the whole range, and special values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metal_runtime.emit.helpers import HELPERS, helper_texts
from metal_runtime.ir.nodes import Assign, Kernel, Load, Param
from tests.cpu_runs import run_on_cpu, ulps
from tests.hand_made_kernels import FLOAT, ap, device, thread

TOLD = {"expm1": 2, "log1p": 2, "cbrt": 1, "hypot": 2, "erf": 2, "erfc": 4}
"""What the comments of the helpers say, in ulp."""

REFERENCE = {
    "expm1": np.expm1,
    "log1p": np.log1p,
    "cbrt": np.cbrt,
    "erf": np.vectorize(math.erf),
    "erfc": np.vectorize(math.erfc),
    "hypot": np.hypot,
}
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38],
    np.float32,
)


def on_cpu(name, *inputs):
    count = len(inputs[0])
    params = tuple(Param(n, device(FLOAT, const=True)) for n in "ab"[: len(inputs)])
    loads = [Load(p.name, thread(), FLOAT) for p in params]
    store = Assign(Load("out", thread(), FLOAT), ap(name, *loads))
    kernel = Kernel(f"check_{name}", (*params, Param("out", device(FLOAT))), (store,))
    out = np.full(count, 123, np.float32)
    arrays = dict(zip("ab", inputs, strict=False))
    run_on_cpu(kernel, (count, 1, 1), {**arrays, "out": out}, (256, 1, 1))
    return out


def everywhere(seed):
    """Floats of every exponent and sign, and a dense piece around 0."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    return np.concatenate([SPECIAL, patterns, rng.uniform(-12, 12, 200_000).astype(np.float32)])


@pytest.mark.parametrize("name", TOLD)
def test_the_error_is_at_most_what_is_told(name):
    inputs = [everywhere(1)] if name != "hypot" else [everywhere(1), everywhere(2)]
    got = on_cpu(name, *inputs)
    with np.errstate(all="ignore"):
        expected = REFERENCE[name](*(x.astype(np.float64) for x in inputs)).astype(np.float32)
    distance = ulps(expected, got)
    if name == "erfc":
        distance[(np.abs(expected) < 2**-126)] = 0  # subnormal: said to be less exact
    worst = int(np.argmax(distance))
    assert distance[worst] <= TOLD[name], f"{name}({[x[worst] for x in inputs]}) = {got[worst]}"


@pytest.mark.parametrize("name", ["expm1", "log1p", "cbrt", "erf"])
def test_the_sign_of_zero_is_kept(name):
    got = on_cpu(name, np.array([0.0, -0.0], np.float32))
    assert np.signbit(got).tolist() == [False, True]


def test_texts_come_before_those_that_call_them():
    texts = helper_texts([("erfc", False)])
    assert [t.splitlines()[1] for t in texts] == [
        "inline float erf(float x)",
        "inline float erfc(float x)",
    ]


def test_vectors_have_an_overload():
    texts = helper_texts([("floor_div", True), ("cbrt", True)])
    assert len(texts) == 4
    assert "template <int N>\ninline vec<float, N> cbrt(vec<float, N> x)" in "\n".join(texts)


def test_every_helper_says_what_it_is():
    assert all(helper.text.startswith("// ") for helper in HELPERS.values())
    longest = max(len(line) for h in HELPERS.values() for line in h.text.splitlines())
    assert longest <= 100

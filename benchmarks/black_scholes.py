"""Black-Scholes prices of a call and a put, one kernel; the normal distribution by the polynomial of
Abramowitz and Stegun (26.2.17), which every peer can express."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.tasks import Task
from metal_runtime.decorator import kernel, metal

RATE, VOLATILITY = 0.02, 0.3
DRIFT = RATE + 0.5 * VOLATILITY * VOLATILITY
GAMMA = 0.2316419
A1, A2, A3, A4, A5 = 0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429
RSQRT2PI = 0.3989422804014327


def normal_cdf(d):
    k = 1.0 / (1.0 + GAMMA * abs(d))
    tail = k * (A1 + k * (A2 + k * (A3 + k * (A4 + k * A5))))
    tail = tail * RSQRT2PI * math.exp(-0.5 * d * d)
    return 1.0 - tail if d > 0.0 else tail


@kernel(
    param_types={
        "spot": "device const float*",
        "strike": "device const float*",
        "years": "device const float*",
        "call": "device float*",
        "put": "device float*",
        "n": "uint",
    }
)
def black_scholes(spot, strike, years, call, put, n):
    i = metal.thread_id()
    if i < n:
        spread = VOLATILITY * math.sqrt(years[i])
        d1 = (math.log(spot[i] / strike[i]) + DRIFT * years[i]) / spread
        below1 = normal_cdf(d1)
        below2 = normal_cdf(d1 - spread)
        discounted = strike[i] * math.exp(-RATE * years[i])
        call[i] = spot[i] * below1 - discounted * below2
        put[i] = discounted * (1.0 - below2) - spot[i] * (1.0 - below1)


def _prices(xp: Any) -> Any:
    """The same over whole arrays, for NumPy, jax.numpy and torch alike."""

    def cdf(d: Any) -> Any:
        k = 1 / (1 + GAMMA * xp.abs(d))
        tail = k * (A1 + k * (A2 + k * (A3 + k * (A4 + k * A5))))
        tail = tail * RSQRT2PI * xp.exp(-0.5 * d * d)
        return xp.where(d > 0, 1 - tail, tail)

    def function(spot: Any, strike: Any, years: Any) -> tuple[Any, Any]:
        spread = VOLATILITY * xp.sqrt(years)
        d1 = (xp.log(spot / strike) + DRIFT * years) / spread
        below1, below2 = cdf(d1), cdf(d1 - spread)
        discounted = strike * xp.exp(-RATE * years)
        call = spot * below1 - discounted * below2
        return call, discounted * (1 - below2) - spot * (1 - below1)

    return function


def _numpy(spot: Any, strike: Any, years: Any, call: Any, put: Any, scratch: Any) -> None:
    call[:], put[:] = _prices(np)(spot, strike, years)


def _torch(torch: Any) -> Any:
    prices = _prices(torch)

    def function(spot: Any, strike: Any, years: Any, call: Any, put: Any, scratch: Any) -> None:
        for target, result in zip((call, put), prices(spot, strike, years), strict=True):
            target.copy_(result)

    return function


def _numba(numba: Any) -> Any:
    f32 = np.float32
    rate, volatility, drift, gamma = f32(RATE), f32(VOLATILITY), f32(DRIFT), f32(GAMMA)
    a1, a2, a3, a4, a5, scale = f32(A1), f32(A2), f32(A3), f32(A4), f32(A5), f32(RSQRT2PI)
    one, half, zero = f32(1), f32(0.5), f32(0)

    @numba.njit
    def cdf(d):
        k = one / (one + gamma * abs(d))
        tail = k * (a1 + k * (a2 + k * (a3 + k * (a4 + k * a5))))
        tail = tail * scale * math.exp(-half * d * d)
        return one - tail if d > zero else tail

    def function(spot, strike, years, call, put):
        for i in numba.prange(spot.size):
            spread = volatility * math.sqrt(years[i])
            d1 = (math.log(spot[i] / strike[i]) + drift * years[i]) / spread
            below1 = cdf(d1)
            below2 = cdf(d1 - spread)
            discounted = strike[i] * math.exp(-rate * years[i])
            call[i] = spot[i] * below1 - discounted * below2
            put[i] = discounted * (one - below2) - spot[i] * (one - below1)

    return function


# numexpr has one output an expression; its constants are names, for a literal is float64.
_CONSTANTS = {
    "rate": RATE, "vol": VOLATILITY, "drift": DRIFT, "gamma": GAMMA, "scale": RSQRT2PI,
    "a1": A1, "a2": A2, "a3": A3, "a4": A4, "a5": A5, "half": 0.5,
}  # fmt: skip
_D1 = "((log(a / b) + drift * c) / (vol * sqrt(c)))"
_D2 = f"({_D1} - vol * sqrt(c))"
_DISCOUNTED = "(b * exp(-rate * c))"


def _cdf_text(d: str) -> str:
    k = f"(1 / (1 + gamma * abs({d})))"
    tail = f"({k} * (a1 + {k} * (a2 + {k} * (a3 + {k} * (a4 + {k} * a5)))) * scale * exp(-half * {d} * {d}))"
    return f"where({d} > 0, 1 - {tail}, {tail})"


_CALL = f"a * {_cdf_text(_D1)} - {_DISCOUNTED} * {_cdf_text(_D2)}"
_PUT = f"{_DISCOUNTED} * (1 - {_cdf_text(_D2)}) - a * (1 - {_cdf_text(_D1)})"

BLACK_SCHOLES = Task(
    "Black-Scholes",
    inputs=3,
    outputs=2,
    reference=_prices(np),
    builds={
        "iris": peers.iris(black_scholes),
        "numpy": peers.numpy(_numpy),
        "numexpr": peers.numexpr(_CALL, _PUT, constants=_CONSTANTS),
        "numba": peers.numba(_numba),
        "torch": peers.torch(_torch),
        "torch.compile": peers.torch_compile(_prices),
        "jax": peers.jax(_prices),
    },
    atol=2e-4,  # prices up to 100 are differences of products of that size
)

TASKS = (BLACK_SCHOLES,)


def inputs(n: int) -> list[np.ndarray]:
    """Spot and strike of 5 to 100, a quarter of a year to ten years."""
    rng = np.random.default_rng()
    ranges = ((5, 100), (5, 100), (0.25, 10))
    return [rng.uniform(low, high, n).astype(np.float32) for low, high in ranges]

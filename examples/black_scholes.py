"""Prices European options; a helper function is called from the kernel and becomes an MSL function."""

import math

import numpy as np

from metal_runtime import kernel, metal

RATE = 0.02
VOLATILITY = 0.3


def normal_cdf(x: "float") -> "float":
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


@kernel
def black_scholes(
    spot: "device const float*",
    strike: "device const float*",
    years: "device const float*",
    call: "device float*",
    put: "device float*",
    n: "uint",
):
    i = metal.thread_id()
    if i < n:
        spread = VOLATILITY * math.sqrt(years[i])
        drift = (RATE + 0.5 * VOLATILITY * VOLATILITY) * years[i]
        d1 = (math.log(spot[i] / strike[i]) + drift) / spread
        d2 = d1 - spread
        discounted = strike[i] * math.exp(-RATE * years[i])
        call[i] = spot[i] * normal_cdf(d1) - discounted * normal_cdf(d2)
        put[i] = discounted * normal_cdf(-d2) - spot[i] * normal_cdf(-d1)


def numpy_prices(spot: np.ndarray, strike: np.ndarray, years: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same in NumPy, float64."""
    cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5)))
    spread = VOLATILITY * np.sqrt(years)
    d1 = (np.log(spot / strike) + (RATE + 0.5 * VOLATILITY**2) * years) / spread
    d2 = d1 - spread
    discounted = strike * np.exp(-RATE * years)
    return spot * cdf(d1) - discounted * cdf(d2), discounted * cdf(-d2) - spot * cdf(-d1)


def main() -> None:
    n = 100_001
    rng = np.random.default_rng()
    spot = rng.uniform(5, 100, n).astype(np.float32)
    strike = rng.uniform(5, 100, n).astype(np.float32)
    years = rng.uniform(0.25, 10, n).astype(np.float32)
    call, put = np.full((2, n), np.nan, np.float32)

    black_scholes(spot, strike, years, call, put, n, threads=n)

    wide = [array.astype(np.float64) for array in (spot, strike, years)]
    for ours, expected in zip((call, put), numpy_prices(*wide), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)
    print(f"black_scholes: {n:,} calls and puts within 0.0001 of NumPy's float64")


if __name__ == "__main__":
    main()

"""Gravity between all pairs of bodies: float4 holds position and mass, one thread for every body."""

import math

import numpy as np

from metal_runtime import api, kernel, metal

SOFTENING = 1e-3


@kernel
def step(
    position: "device const float4*",  # x, y, z, mass
    velocity: "device float4*",
    moved: "device float4*",
    n: "uint",
    dt: "float",
):
    i = metal.thread_id()
    if i >= n:
        return
    here = position[i]
    pull = metal.float3(0.0)
    for j in range(n):
        other = position[j]
        away = other.xyz - here.xyz
        squared = metal.dot(away, away) + SOFTENING
        pull += away * (other.w / (squared * math.sqrt(squared)))
    velocity[i].xyz += pull * dt
    moved[i] = metal.float4(here.xyz + velocity[i].xyz * dt, here.w)


def numpy_step(position: np.ndarray, velocity: np.ndarray, dt: float) -> np.ndarray:
    """The same in NumPy, float64; ``velocity`` changes in place."""
    away = position[None, :, :3] - position[:, None, :3]
    squared = (away**2).sum(-1) + SOFTENING
    velocity[:, :3] += (away * (position[:, 3] / squared**1.5)[..., None]).sum(1) * dt
    moved = position.copy()
    moved[:, :3] += velocity[:, :3] * dt
    return moved


def main() -> None:
    n, steps, dt = 777, 10, 1e-3
    rng = np.random.default_rng()
    bodies = rng.uniform(0.1, 1, (n, 4)).astype(np.float32)
    still = np.zeros_like(bodies)

    position, moved = api.asarray(bodies), api.asarray(bodies)
    velocity = api.asarray(still)
    for _ in range(steps):
        step(position, velocity, moved, n, dt, threads=n)
        position, moved = moved, position
    result = api.to_numpy(position)

    expected, speed = bodies.astype(np.float64), still.astype(np.float64)
    for _ in range(steps):
        expected = numpy_step(expected, speed, dt)
    error = np.abs(result - expected).max()
    assert error < 1e-4, f"off by {error}"
    print(f"nbody: {steps} steps of {n} bodies, at most {error:.1e} from NumPy's float64")


if __name__ == "__main__":
    main()

"""Blurs an image with a 5 x 5 filter; the edges repeat their outermost pixels."""

import numpy as np

from metal_runtime import kernel, metal

RADIUS = 2


@kernel
def convolve(
    image: "device const float*",
    weights: "constant float*",
    out: "device float*",
    height: "int",
    width: "int",
):
    position = metal.thread_id_2d()
    x = int(position.x)
    y = int(position.y)
    if x >= width or y >= height:
        return
    total = 0.0
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            row = min(max(y + dy, 0), height - 1)
            column = min(max(x + dx, 0), width - 1)
            weight = weights[(dy + RADIUS) * (2 * RADIUS + 1) + dx + RADIUS]
            total += weight * image[row * width + column]
    out[y * width + x] = total


def numpy_convolve(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same in NumPy, float64."""
    padded = np.pad(image.astype(np.float64), RADIUS, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape)
    return np.einsum("yxij,ij->yx", windows, weights.astype(np.float64))


def main() -> None:
    height, width = 481, 643
    rng = np.random.default_rng()
    image = rng.uniform(0, 1, (height, width)).astype(np.float32)
    bell = np.exp(-0.5 * np.arange(-RADIUS, RADIUS + 1) ** 2)
    weights = (np.outer(bell, bell) / bell.sum() ** 2).astype(np.float32)
    out = np.full_like(image, np.nan)

    convolve(image, weights, out, height, width, threads=(width, height))

    np.testing.assert_allclose(out, numpy_convolve(image, weights), rtol=0, atol=1e-5)
    print(f"convolution_2d: {height} x {width} pixels within 1e-5 of NumPy's float64")


if __name__ == "__main__":
    main()

"""Draws the Mandelbrot set: a while loop whose length differs from thread to thread."""

import numpy as np

from metal_runtime import kernel, metal

LIMIT = 100


@kernel
def mandelbrot(
    counts: "device int*",
    width: "uint",
    height: "uint",
    left: "float",
    top: "float",
    step: "float",
):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    if x >= width or y >= height:
        return
    re = left + x * step
    im = top - 2.0 * y * step  # a character is about twice as high as it is wide
    zr = zi = 0.0
    n = 0
    while n < LIMIT and zr * zr + zi * zi <= 4.0:
        zr, zi = zr * zr - zi * zi + re, 2.0 * zr * zi + im
        n += 1
    counts[y * width + x] = n


def escape_counts(width: int, height: int, left: float, top: float, step: float) -> np.ndarray:
    """The same in NumPy, float64: all pixels take every turn together."""
    c = left + np.arange(width) * step + 1j * (top - 2 * np.arange(height)[:, None] * step)
    z = np.zeros_like(c)
    counts = np.zeros(c.shape, np.int32)
    alive = np.ones(c.shape, bool)
    for _ in range(LIMIT):
        alive &= np.abs(z) <= 2
        counts += alive
        z = np.where(alive, z * z + c, z)
    return counts


def main() -> None:
    width, height = 76, 25
    left, top, step = -2.3, 1.0, 1 / 24
    counts = np.full((height, width), -1, np.int32)

    mandelbrot(counts, width, height, left, top, step, threads=(width, height))

    shades = np.array(list(" .:-=+*#%@"))
    index = np.log(counts + 1) / np.log(LIMIT + 1) * (len(shades) - 1)
    for row in shades[index.astype(int)]:
        print("".join(row))
    # Points next to the boundary may escape a turn earlier in float32 than in float64.
    differing = np.mean(counts != escape_counts(width, height, left, top, step))
    assert differing < 0.02, f"{differing:.1%} of the points differ"
    print(f"mandelbrot: {1 - differing:.2%} of the points escape at the same turn as in NumPy")


if __name__ == "__main__":
    main()

"""A picture in the terminal: an array of brightness 0 … 1 enters, rich text leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

Array = np.ndarray[Any, np.dtype[Any]]

_SHADES = " .,:;=+*%#@"
# Brightness and red, green, blue, from points that leave at once to points that stay.
_STOPS = np.array(
    [
        (0.00, 7, 11, 40),
        (0.04, 24, 62, 140),
        (0.12, 86, 170, 220),
        (0.25, 240, 246, 230),
        (0.45, 250, 186, 70),
        (0.75, 150, 50, 20),
        (1.00, 4, 4, 10),
    ]
)


def draw(brightness: Array, columns: int, rows: int, console: Console) -> Text:
    """The picture in ``columns`` x ``rows`` characters.

    With colour, two pixels stand in every character (a half block); without, one of eleven shades.

    Args:
        brightness: values 0 … 1 of shape (a multiple of 2 * rows, a multiple of columns).
    """
    if console.color_system is None or console.options.ascii_only:
        return _in_shades(_shrink(brightness, rows, columns))
    return _in_colour(_shrink(_colours(brightness), 2 * rows, columns))


def _shrink(image: Array, rows: int, columns: int) -> Array:
    """The mean over blocks, so that fine lines do not flicker."""
    high, wide = image.shape[0] // rows, image.shape[1] // columns
    cut = image[: rows * high, : columns * wide]
    blocks = cut.reshape(rows, high, columns, wide, *image.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)))


def _colours(brightness: Array) -> Array:
    channels = [np.interp(brightness, _STOPS[:, 0], _STOPS[:, c]) for c in (1, 2, 3)]
    return np.stack(channels, axis=-1)


def _in_shades(brightness: Array) -> Text:
    index = np.rint(brightness * (len(_SHADES) - 1)).astype(int)
    return Text("\n".join("".join(_SHADES[i] for i in row) for row in index))


def _in_colour(pixels: Array) -> Text:
    text = Text()
    for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
            text.append("▀", style)
        text.append("\n")
    text.right_crop(1)
    return text

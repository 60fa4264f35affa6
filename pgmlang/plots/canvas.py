"""Figures of a size that suits what is on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GREY, RED = "#3465a4", "#babdb6", "#cc3322"
"""The colours of what is learned, what is behind it, and what speaks against it."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), layout="constrained")


def grid_of_axes(number: int, each: tuple[float, float], most_columns: int = 4) -> tuple[Figure, list[Any]]:
    """As many axes as are needed in rows, each of a size; those left over are not there."""
    columns = min(number, most_columns)
    rows = -(-number // columns)
    figure = new_figure(columns * each[0], rows * each[1])
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axis in axes[number:]:
        axis.remove()
    return figure, list(axes[:number])


def titled(figure: Figure, title: str, note: str = "") -> Figure:
    """The figure with what it shows, and in small what it leaves out."""
    figure.suptitle(title, fontsize=11)
    if note:
        figure.supxlabel(note, fontsize=8, color="grey")
    return figure


def shortened(text: str, width: int = 24) -> str:
    """A label that leaves room for the picture."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images ``[n, height, width]`` in rows with a line between them, one array; NaN between."""
    count, height, width = images.shape
    rows = -(-count // columns)
    out = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for i, image in enumerate(images):
        r, c = divmod(i, columns)
        out[r * (height + 1) + 1 : (r + 1) * (height + 1), c * (width + 1) + 1 : (c + 1) * (width + 1)] = image
    return out

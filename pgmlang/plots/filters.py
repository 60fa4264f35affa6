"""Weights as pictures: a matrix whose one axis are the pixels of an image, a tile for each element of the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.plots.canvas import mosaic, new_figure, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST = 16
"""Pixels of the smallest image, four by four."""
MOST = 100
"""Most tiles."""


def side_of(pixels: int) -> int | None:
    """The side of a square image of so many pixels."""
    side = math.isqrt(pixels)
    return side if side * side == pixels and pixels >= SMALLEST else None


def is_image(pixels: int, shape: tuple[int, int] | None) -> bool:
    """Whether so many pixels are an image of a shape; of none a square."""
    return side_of(pixels) is not None if shape is None else pixels == shape[0] * shape[1]


def _matrices(fit: Fit, shape: tuple[int, int] | None = None) -> dict[str, np.ndarray]:
    """Weights ``[tile, pixel]`` by name of matrices one of whose axes are the pixels of an image, an observed vector's first."""
    observed = {a for n in fit.provenance.get("observed", ()) if n in fit.model.by_name
                for a in fit.model.by_name[n].axes}  # fmt: skip
    out = {}
    for name, value in _weights(fit).items():
        variable = fit.model.by_name.get(name)
        axes = fit.model.array_axes(variable) if variable is not None else ("", "")
        order = sorted(range(2), key=lambda i: (i >= len(axes) or axes[i] not in observed, -value.shape[i]))
        pixel_axis = next((i for i in order if is_image(value.shape[i], shape)), None)
        if pixel_axis is not None:
            out[name] = value.T if pixel_axis == 0 else value
    return out


def _weights(fit: Fit) -> dict[str, np.ndarray]:
    """Matrices of numbers by name, means of draws."""
    means = {n: draws.mean((0, 1)) for n, draws in fit.draws.items() if draws.ndim == 4}
    values = {**{n: np.asarray(value) for n, value in fit.parameters.items()}, **means}
    return {n: value for n, value in values.items() if value.ndim == 2 and value.dtype.kind == "f"}


def _against(fit: Fit) -> str:
    if _matrices(fit):
        return ""
    return f"it has no matrix of weights over a square of {SMALLEST} pixels or more (of others say rows and columns: `shape`)"


def _against_shape(fit: Fit, shape: tuple[int, int]) -> str:
    if _matrices(fit, shape):
        return ""
    lengths = sorted({n for a in _weights(fit).values() for n in a.shape})
    return f"no matrix of weights is over images of {shape[0]} by {shape[1]} pixels: {pixels_told(lengths)}"


def pixels_told(lengths: Sequence[int]) -> str:
    """Of how many pixels an image could be, in words."""
    if not lengths:
        return "there is none at all"
    return "an image may have " + " or ".join(f"{n:,}" for n in lengths) + " pixels"


def _draw(request: Request) -> Figure:
    matrices = _matrices(request.fit, request.shape)
    refuse_unknown(request.variables, list(matrices), "matrix of weights over an image")
    name = request.variables[0] if request.variables else next(iter(matrices))
    weights = matrices[name]
    shape = request.shape or square(weights.shape[1])
    shown = min(len(weights), MOST)
    columns = math.ceil(math.sqrt(shown))
    tiles = mosaic(weights[:shown].reshape(shown, *shape), columns)
    figure = new_figure(6.5, 0.6 + 5.4 * tiles.shape[0] / tiles.shape[1])
    axis = figure.subplots()
    # a few extreme weights leave the others visible
    most = float(np.quantile(np.abs(weights), 0.995)) or 1.0
    image = axis.imshow(tiles, cmap="RdBu_r", vmin=-most, vmax=most)
    axis.axis("off")
    figure.colorbar(image, ax=axis, shrink=0.7)
    note = "" if shown == len(weights) else f"{shown} of {len(weights):,} tiles"
    return titled(
        figure, f"{request.fit.model.name}: the weights {name}, {shape[0]} by {shape[1]} pixels a tile", note
    )


def square(pixels: int) -> tuple[int, int]:
    """Rows and columns of an image that `is_image` without a shape."""
    side = math.isqrt(pixels)
    return side, side


KIND = Kind(
    "filters",
    "weights over the pixels of an image, as tiles",
    _against,
    _draw,
    ("weights",),
    usual=20,
    against_shape=_against_shape,
)

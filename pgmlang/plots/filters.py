"""Weights as pictures: a matrix whose one axis are the pixels of an image, a tile for each element of the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
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
    """Whether so many numbers are an image: of this shape, or a square one where none is said."""
    return side_of(pixels) is not None if shape is None else pixels == shape[0] * shape[1]


def _matrices(fit: Fit, shape: tuple[int, int] | None = None) -> dict[str, np.ndarray]:
    """Weights ``[tile, pixel]`` by name: of matrices over images of this shape, square ones where none is said; the axis of
    an observed vector before another."""
    observed = {a for n in fit.provenance.get("observed", ()) if n in fit.model.by_name
                for a in fit.model.by_name[n].axes}  # fmt: skip
    out = {}
    for name in {**fit.parameters, **fit.draws}:
        value = fit.draws[name].mean((0, 1)) if name in fit.draws else np.asarray(fit.parameters[name])
        if value.ndim != 2 or value.dtype.kind != "f":
            continue
        variable = fit.model.by_name.get(name)
        axes = fit.model.array_axes(variable) if variable is not None else ("", "")
        order = sorted(range(2), key=lambda i: (i >= len(axes) or axes[i] not in observed, -value.shape[i]))
        pixel_axis = next((i for i in order if is_image(value.shape[i], shape)), None)
        if pixel_axis is not None:
            out[name] = value.T if pixel_axis == 0 else value
    return out


def _against(fit: Fit) -> str:
    if _matrices(fit):
        return ""
    return f"it has no matrix of weights over a square of {SMALLEST} pixels or more (`shape` says another)"


def _against_shape(fit: Fit, shape: tuple[int, int]) -> str:
    """Where there are images of other shapes the picture itself refuses, by their number of pixels."""
    if _matrices(fit, shape) or _matrices(fit):
        return ""
    return f"it has no matrix of weights over {shape[0]} by {shape[1]} pixels"


def _draw(request: Request) -> Figure:
    matrices = _matrices(request.fit, request.shape) or _matrices(request.fit)
    refuse_unknown(request.variables, list(matrices), "matrix of weights over an image")
    name = request.variables[0] if request.variables else next(iter(matrices))
    weights = matrices[name]
    shape = image_shape(weights.shape[1], request.shape)
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


def image_shape(pixels: int, given: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns. Raises PgmError PGM0612 where those given hold another number of pixels."""
    if given is None:
        side = side_of(pixels)
        assert side is not None
        return side, side
    if given[0] * given[1] != pixels:
        message = f"an image of {given[0]} by {given[1]} has not {pixels} pixels"
        raise PgmError(Diagnostic("PGM0612", message, help="`shape` is rows and columns"))
    return given


KIND = Kind(
    "filters", "weights over the pixels of an image, as tiles", _against, _draw, ("weights",), usual=20,
    against_shape=_against_shape,
)  # fmt: skip

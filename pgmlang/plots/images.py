"""Draws of a model of images, as tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgmlang.plots.canvas import mosaic, new_figure, titled
from pgmlang.plots.filters import is_image, pixels_told, square
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 64


def _vectors(fit: Fit) -> dict[str, int]:
    """Observed vectors, with their number of elements."""
    out = {}
    for name in fit.provenance.get("observed", ()):
        variable = fit.model.by_name.get(name)
        if (
            variable is None
            or len(variable.axes) != 1
            or variable.type.kind not in ("bit", "real", "unit", "spin")
        ):
            continue
        out[str(name)] = fit.layout.sizes.get(variable.axes[0], 0)
    return out


def _images(fit: Fit, shape: tuple[int, int] | None = None) -> dict[str, int]:
    """Those that are images of a shape; of none a square."""
    return {name: size for name, size in _vectors(fit).items() if is_image(size, shape)}


def _against(fit: Fit) -> str:
    if _images(fit):
        return ""
    return "what it observes is no vector of a square of pixels (of others say rows and columns: `shape`)"


def _against_shape(fit: Fit, shape: tuple[int, int]) -> str:
    if _images(fit, shape):
        return ""
    told = pixels_told(sorted(set(_vectors(fit).values())))
    return f"nothing that it observes is an image of {shape[0]} by {shape[1]} pixels: {told}"


def _draw(request: Request) -> Figure:
    images = _images(request.fit, request.shape)
    refuse_unknown(request.variables, list(images), "image that the model draws")
    name = request.variables[0] if request.variables else next(iter(images))
    assert request.sampled is not None
    columns = request.sampled(TILES)
    pixels = [c for c in columns if c.startswith((f"{name}[", f"{name}."))]
    values = np.stack([np.asarray(columns[c], dtype=float) for c in pixels], 1)
    shape = request.shape or square(values.shape[1])
    figure = new_figure(6.0, 6.4)
    axis = figure.subplots()
    axis.imshow(mosaic(values.reshape(len(values), *shape), 8), cmap="gray_r")
    axis.axis("off")
    return titled(figure, f"{request.fit.model.name}: {len(values)} draws of {name}")


KIND = Kind(
    "images",
    "fresh draws of a model of images, as tiles",
    _against,
    _draw,
    ("draws",),
    against_shape=_against_shape,
)

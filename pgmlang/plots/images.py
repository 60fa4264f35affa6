"""Draws of a model of images, as tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgmlang.plots.canvas import mosaic, new_figure, titled
from pgmlang.plots.filters import image_shape, is_image
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 64


def _images(fit: Fit, shape: tuple[int, int] | None = None) -> dict[str, int]:
    """Observed vectors that are images of this shape, square ones where none is said, with their number of pixels."""
    out = {}
    for name in fit.provenance.get("observed", ()):
        variable = fit.model.by_name.get(name)
        if (
            variable is None
            or len(variable.axes) != 1
            or variable.type.kind not in ("bit", "real", "unit", "spin")
        ):
            continue
        size = fit.layout.sizes.get(variable.axes[0], 0)
        if is_image(size, shape):
            out[str(name)] = size
    return out


def _against(fit: Fit) -> str:
    return "" if _images(fit) else "what it observes is no vector of a square of pixels (`shape` says another)"


def _against_shape(fit: Fit, shape: tuple[int, int]) -> str:
    """Where there are images of other shapes the picture itself refuses, by their number of pixels."""
    if _images(fit, shape) or _images(fit):
        return ""
    return f"what it observes is no vector of {shape[0]} by {shape[1]} pixels"


def _draw(request: Request) -> Figure:
    images = _images(request.fit, request.shape) or _images(request.fit)
    refuse_unknown(request.variables, list(images), "image that the model draws")
    name = request.variables[0] if request.variables else next(iter(images))
    assert request.sampled is not None
    columns = request.sampled(TILES)
    pixels = [c for c in columns if c.startswith((f"{name}[", f"{name}."))]
    values = np.stack([np.asarray(columns[c], dtype=float) for c in pixels], 1)
    shape = image_shape(values.shape[1], request.shape)
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

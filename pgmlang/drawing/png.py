"""A layout as a PNG, drawn with matplotlib (the extra ``plot``) from the same geometry as the SVG."""

from __future__ import annotations

import os
import warnings
from math import atan2, cos, sin, sqrt
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.drawing.geometry import PlacedEdge, PlacedNode, PlacedRegion, PlacedScene, Point, trapezium_reach
from pgmlang.drawing.layout import layout
from pgmlang.drawing.scene import Scene
from pgmlang.drawing.shapes import SMALL, TINY
from pgmlang.drawing.svg import (
    BAR,
    BAR_HEIGHT,
    DOT,
    FAINT,
    GIVEN,
    GIVEN_BAR,
    GROUND_WIDTH,
    INK,
    PAPER,
    RIM,
    SHADE,
    ground,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PIXELS, _LONGEST_SIDE = 40_000_000, 30_000


def to_png(scene: Scene, path: str | os.PathLike[str]) -> None:
    """Lay the scene out and write it as a PNG at two pixels per unit, fewer for huge drawings."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PgmError(
            Diagnostic(
                "PGM0909",
                "drawing a PNG needs matplotlib, which is not installed",
                help='pip install "pgmlang[plot]"',
            )
        ) from error
    drawing = layout(scene)
    side = max(drawing.width, drawing.height)
    scale = min(2.0, sqrt(_MOST_PIXELS / (drawing.width * drawing.height)), _LONGEST_SIDE / side)
    # Own figure and canvas: pyplot would keep global state and may pick a screen.
    figure = Figure(figsize=(drawing.width / 72, drawing.height / 72), dpi=72 * scale, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.set_axis_off()
    _draw(axes, drawing)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, format="png", dpi=72 * scale, metadata={"Software": None})


def _draw(axes: Axes, drawing: PlacedScene) -> None:
    from matplotlib.patches import FancyBboxPatch

    for region in drawing.regions:
        _region(axes, region)
    for plate in drawing.plates:
        box = plate.box
        axes.add_patch(
            FancyBboxPatch(
                (box.x0 + 7, box.y0 + 7),
                box.x1 - box.x0 - 14,
                box.y1 - box.y0 - 14,
                boxstyle="round,pad=7,rounding_size=7",
                fill=False,
                edgecolor=RIM,
                linewidth=1.2,
                zorder=1,
            )
        )
        label = plate.label_box
        _write(axes, label.x1, (label.y0 + label.y1) / 2, plate.label, 12, "right", RIM)
    for edge in drawing.edges:
        _edge(axes, edge, drawing.arrow / 10, *((RIM, 1.0) if drawing.is_dense else (INK, 1.2)))
    for node in drawing.nodes:
        _node(axes, node)
        align = "center" if node.label_anchor == "middle" else "left"
        _write(axes, node.label_x, node.label_y, node.label, node.label_size, align, INK)
        _card(axes, node)
    for text in drawing.legend:
        _write(axes, text.x, text.y, text.text, SMALL, "left", RIM)


def _region(axes: Axes, region: PlacedRegion) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.path import Path as Curve

    fill = ground(region)
    for box in region.boxes:
        corner = min(14.0, (box.y1 - box.y0) / 2)
        style = f"round,pad={corner},rounding_size={corner}"
        inner = (box.x0 + corner, box.y0 + corner)
        wide, high = box.x1 - box.x0 - 2 * corner, box.y1 - box.y0 - 2 * corner
        axes.add_patch(
            FancyBboxPatch(inner, wide, high, boxstyle=style, facecolor=fill, edgecolor="none", zorder=0.5)
        )
    for path in region.paths:
        curve = Curve(path, [Curve.MOVETO] + [Curve.CURVE4] * (len(path) - 1))
        look: dict[str, Any] = {"edgecolor": fill, "linewidth": GROUND_WIDTH, "capstyle": "round", "zorder": 0.5}
        axes.add_patch(PathPatch(curve, fill=False, **look))


def _write(axes: Axes, x: float, y: float, text: str, size: float, align: str, colour: str) -> None:
    # A dollar sign in a name is no formula.
    axes.text(
        x,
        y,
        text,
        fontsize=size,
        ha=align,
        va="center_baseline",
        color=colour,
        parse_math=False,
        zorder=4,
        family="DejaVu Sans",
    )


def _edge(axes: Axes, placed: PlacedEdge, size: float, colour: str, thick: float) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path as Curve

    path = placed.path
    codes = [Curve.MOVETO] + [Curve.CURVE4] * (len(path) - 1)
    style: Any = (0, (4, 2.6)) if placed.edge.dashed else "solid"
    axes.add_patch(
        PathPatch(
            Curve(path, codes),
            fill=False,
            edgecolor=colour,
            linewidth=thick,
            linestyle=style,
            zorder=2,
            capstyle="butt",
        )
    )
    if placed.edge.directed:
        axes.add_patch(
            Polygon(
                _arrow(path[-1], _before(path), size), closed=True, facecolor=colour, edgecolor="none", zorder=2.5
            )
        )


def _before(path: tuple[Point, ...]) -> Point:
    """The last control point that differs from the tip: where the arrow comes from."""
    tip = path[-1]
    return next((p for p in reversed(path[:-1]) if abs(p[0] - tip[0]) + abs(p[1] - tip[1]) > 0.05), path[0])


def _arrow(tip: Point, source: Point, size: float) -> list[Point]:
    """The arrowhead of the SVG's marker, turned along the curve's end."""
    angle = atan2(tip[1] - source[1], tip[0] - source[0])
    c, s = size * cos(angle), size * sin(angle)
    corners = ((-9.5, -4), (0.5, 0), (-9.5, 4), (-7.5, 0))
    return [(tip[0] + x * c - y * s, tip[1] + x * s + y * c) for x, y in corners]


def _node(axes: Axes, node: PlacedNode) -> None:
    from matplotlib.patches import Ellipse, Polygon, Rectangle

    x, y, w, h = node.x, node.y, node.width, node.height
    look: dict[str, Any] = {"edgecolor": INK, "linewidth": 1.3, "zorder": 3}
    fill = GIVEN if node.is_evidence else SHADE if node.observed else PAPER
    if node.kind == "param" and node.form == "ellipse":
        axes.add_patch(Ellipse((x, y), w, h, facecolor=INK, **look))
    elif node.card is not None and node.card.header:
        _rounded(axes, node, 0, 8, facecolor=PAPER, **look)
        _header(axes, node, fill)
        _rounded(axes, node, 0, 8, facecolor="none", **{**look, "zorder": 3.2})
    elif node.form == "stadium":
        _rounded(axes, node, 0, h / 2, facecolor=fill, **look)
        if node.kind == "derived":
            _rounded(axes, node, 3.5, h / 2 - 3.5, facecolor=fill, **look)
    elif node.form == "ellipse":
        axes.add_patch(Ellipse((x, y), w, h, facecolor=fill, **look))
        if node.kind == "derived":
            axes.add_patch(Ellipse((x, y), w - 7, h - 7, facecolor=fill, **look))
    elif node.form == "trapezium":
        top, low = w / 2 * trapezium_reach(-1), w / 2 * trapezium_reach(1)
        corners = [(x - top, y - h / 2), (x + top, y - h / 2), (x + low, y + h / 2), (x - low, y + h / 2)]
        axes.add_patch(Polygon(corners, closed=True, facecolor=fill if node.observed else FAINT, **look))
    elif node.kind == "factor":
        axes.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, facecolor=INK, **look))
    else:
        _rounded(axes, node, 0, 6, facecolor=SHADE, **look)


def _rounded(axes: Axes, node: PlacedNode, inset: float, corner: float, **look: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = node.x - node.width / 2 + inset + corner, node.y - node.height / 2 + inset + corner
    wide, high = node.width - 2 * (inset + corner), node.height - 2 * (inset + corner)
    style = f"round,pad={corner},rounding_size={corner}"
    axes.add_patch(FancyBboxPatch((x, y), wide, high, boxstyle=style, **look))


def _header(axes: Axes, node: PlacedNode, fill: str) -> None:
    """The band of a card, round above, as the SVG's."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    assert node.card is not None
    x0, x1 = node.x - node.width / 2, node.x + node.width / 2
    y0 = node.y - node.height / 2
    y1 = y0 + node.card.header
    points = [
        (x0, y1),
        (x0, y0 + 8),
        (x0, y0),
        (x0 + 8, y0),
        (x1 - 8, y0),
        (x1, y0),
        (x1, y0 + 8),
        (x1, y1),
        (x0, y1),
    ]
    line, curve = Curve.LINETO, Curve.CURVE3
    codes = [Curve.MOVETO, line, curve, curve, line, curve, curve, line, Curve.CLOSEPOLY]
    axes.add_patch(PathPatch(Curve(points, codes), facecolor=fill, edgecolor=INK, linewidth=0.6, zorder=3.1))


def _card(axes: Axes, node: PlacedNode) -> None:
    from matplotlib.patches import Ellipse, Rectangle

    if node.card is None:
        return
    colour = GIVEN_BAR if node.is_evidence else BAR

    def bar(x: float, y: float, wide: float, high: float, fill: str) -> None:
        axes.add_patch(Rectangle((x, y - high / 2), wide, high, facecolor=fill, edgecolor="none", zorder=3.5))

    for track in node.card.tracks:
        x, y, wide = node.x + track.x0, node.y + track.y, track.x1 - track.x0
        bar(x, y, wide, BAR_HEIGHT, FAINT)
        thick = BAR_HEIGHT if track.dot is None else 2.0
        bar(x + track.low * wide, y, (track.high - track.low) * wide, thick, colour)
        if track.dot is not None:
            centre = (x + track.dot * wide, y)
            axes.add_patch(Ellipse(centre, 2 * DOT, 2 * DOT, facecolor=colour, edgecolor="none", zorder=3.6))
    size, ink = (TINY, INK) if node.card.header else (SMALL, RIM)
    aligned = {"start": "left", "middle": "center", "end": "right"}
    for text in node.card.texts:
        _write(axes, node.x + text.x, node.y + text.y, text.text, size, aligned[text.anchor], ink)

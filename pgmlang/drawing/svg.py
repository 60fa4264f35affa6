"""A layout as a self-contained SVG: no outside reference, every name escaped, and no script unless it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from pgmlang.drawing.geometry import (
    Path,
    PlacedEdge,
    PlacedNode,
    PlacedPlate,
    PlacedRegion,
    PlacedScene,
    PlacedText,
    is_straight,
    trapezium_reach,
)
from pgmlang.drawing.interaction import SCRIPT, STYLE
from pgmlang.drawing.layout import layout
from pgmlang.drawing.scene import Scene
from pgmlang.drawing.shapes import TINY, CardText, CardTrack
from pgmlang.drawing.text import visible

INK, RIM, SHADE, PAPER, FAINT = "#1f2328", "#57606a", "#d0d7de", "#ffffff", "#eef1f4"
BAR, GIVEN, GIVEN_BAR = "#5b84b1", "#fbe5c0", "#d08a1d"
GROUNDS = ("#e3eefb", "#fdeedd", "#e4f4e8", "#f9e6ee", "#ece7fa", "#fbf6d5", "#dff3f3", "#f1ebe4")
GROUND_WIDTH = 30.0
BAR_HEIGHT, DOT = 8.0, 3.0
FONT_FAMILY = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


def to_svg(scene: Scene, interactive: bool = False) -> str:
    """The scene laid out and drawn. ``interactive``: with the script that zooms, pans and shows neighbours."""
    return svg_of(layout(scene), interactive)


def svg_of(drawing: PlacedScene, interactive: bool = False) -> str:
    """A drawing of a layout. A white rectangle (class ``paper``) keeps it readable on dark pages."""
    width, height = _n(drawing.width), _n(drawing.height)
    number = {node.name: i for i, node in enumerate(drawing.nodes)}
    wire = f'stroke="{RIM}" stroke-width="1"' if drawing.is_dense else f'stroke="{INK}" stroke-width="1.2"'
    tip = RIM if drawing.is_dense else INK
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="{FONT_FAMILY}">',
        f"<title>{_text(drawing.title)}</title>",
        *([f"<style>{STYLE}</style>"] if interactive else []),
        f'<defs><marker id="pgm-arrow" viewBox="0 0 10 8" refX="9.5" refY="4" markerWidth="{_n(drawing.arrow)}" markerHeight="{_n(drawing.arrow * 0.8)}" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 4L0 8L2 4z" fill="{tip}"/></marker></defs>',
        f'<rect class="paper" width="{width}" height="{height}" fill="{PAPER}"/>',
        *map(_region, drawing.regions),
        f'<g class="plates" fill="none" stroke="{RIM}" stroke-width="1.2">',
        *map(_plate, drawing.plates),
        "</g>",
        f'<g class="edges" fill="none" {wire}>',
        *(_edge(edge, number) for edge in drawing.edges),
        "</g>",
        f'<g class="nodes" fill="{PAPER}" stroke="{INK}" stroke-width="1.3">',
        *(_node(node, number[node.name]) for node in drawing.nodes),
        "</g>",
        f'<g class="plate-labels" fill="{RIM}" font-size="12" text-anchor="end">',
        *map(_plate_label, drawing.plates),
        "</g>",
        *_legend(drawing.legend),
        *([f"<script>{SCRIPT}</script>"] if interactive else []),
        "</svg>",
    ]
    return "\n".join(out) + "\n"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    return escape(visible(text), quote=True)


def _plate(plate: PlacedPlate) -> str:
    box = plate.box
    return (
        f'<rect class="plate" x="{_n(box.x0)}" y="{_n(box.y0)}" width="{_n(box.x1 - box.x0)}" '
        f'height="{_n(box.y1 - box.y0)}" rx="7"><title>{_text(plate.name)}</title></rect>'
    )


def _plate_label(plate: PlacedPlate) -> str:
    box = plate.label_box
    return f'<text x="{_n(box.x1)}" y="{_n(box.y1 - 2.5)}">{_text(plate.label)}</text>'


def _d(path: Path) -> str:
    start = f"M{_n(path[0][0])} {_n(path[0][1])}"
    if is_straight(path):
        return start + f"L{_n(path[-1][0])} {_n(path[-1][1])}"
    return start + "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in path[1:])


def _edge(placed: PlacedEdge, number: Mapping[str, int]) -> str:
    path, edge = placed.path, placed.edge
    shape = _d(path)
    dash = ' stroke-dasharray="5 3"' if edge.dashed else ""
    arrow = ' marker-end="url(#pgm-arrow)"' if edge.directed else ""
    sign = "→" if edge.directed else "–"
    title = f"<title>{_text(edge.source)} {sign} {_text(edge.target)}</title>"
    ends = f' data-ends="{number[edge.source]} {number[edge.target]}"'
    return f'<path d="{shape}"{dash}{arrow}{ends}>{title}</path>'


def ground(region: PlacedRegion) -> str:
    """The tint of a cluster."""
    return GROUNDS[region.cluster % len(GROUNDS)]


def _region(region: PlacedRegion) -> str:
    fill = ground(region)
    boxes = "".join(
        f'<rect x="{_n(b.x0)}" y="{_n(b.y0)}" width="{_n(b.x1 - b.x0)}" height="{_n(b.y1 - b.y0)}" rx="14"/>'
        for b in region.boxes
    )
    paths = "".join(f'<path d="{_d(path)}"/>' for path in region.paths)
    lines = f'<g fill="none" stroke="{fill}" stroke-width="{_n(GROUND_WIDTH)}" stroke-linecap="round">{paths}</g>'
    return f'<g class="cluster" fill="{fill}">{boxes}{lines}</g>'


def _legend(legend: tuple[PlacedText, ...]) -> list[str]:
    if not legend:
        return []
    texts = (f'<text x="{_n(t.x)}" y="{_n(t.y + 4)}">{_text(t.text)}</text>' for t in legend)
    return [f'<g class="legend" fill="{RIM}" font-size="12">', *texts, "</g>"]


def _node(node: PlacedNode, number: int) -> str:
    title = node.tooltip or node.name
    words = f"node {node.kind}{' observed' if node.observed else ''}{' evidence' if node.is_evidence else ''}"
    label = ""
    if node.label:
        label = (
            f'<text x="{_n(node.label_x)}" y="{_n(node.label_y + node.label_size * 0.35)}" '
            f'text-anchor="{node.label_anchor}" font-size="{_n(node.label_size)}" fill="{INK}" stroke="none">'
            f"{_text(node.label)}</text>"
        )
    return f'<g class="{words}" data-node="{number}"><title>{_text(title)}</title>{_outline(node)}{label}{_card(node)}</g>'


def _card(node: PlacedNode) -> str:
    """The lines, bars and dots below a node's label."""
    if node.card is None:
        return ""
    size = TINY if node.card.header else 12
    texts = "".join(_card_text(node, text, size) for text in node.card.texts)
    tracks = "".join(_track(node, track) for track in node.card.tracks)
    return f'<g stroke="none" fill="{INK if node.card.header else RIM}" font-size="{_n(size)}">{tracks}{texts}</g>'


def _card_text(node: PlacedNode, text: CardText, size: float) -> str:
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    return f'<text x="{_n(node.x + text.x)}" y="{_n(node.y + text.y + size * 0.35)}"{anchor}>{_text(text.text)}</text>'


def _track(node: PlacedNode, track: CardTrack) -> str:
    x, y, wide = node.x + track.x0, node.y + track.y, track.x1 - track.x0
    colour = GIVEN_BAR if node.is_evidence else BAR
    ground = _bar(x, y, wide, BAR_HEIGHT, FAINT)
    start, reach = x + track.low * wide, (track.high - track.low) * wide
    if track.dot is None:
        return ground + (_bar(start, y, reach, BAR_HEIGHT, colour) if reach else "")
    dot = f'<circle cx="{_n(x + track.dot * wide)}" cy="{_n(y)}" r="{_n(DOT)}" fill="{colour}"/>'
    return ground + _bar(start, y, reach, 2.0, colour) + dot


def _bar(x: float, y: float, wide: float, high: float, fill: str) -> str:
    return f'<rect x="{_n(x)}" y="{_n(y - high / 2)}" width="{_n(wide)}" height="{_n(high)}" fill="{fill}"/>'


def _outline(node: PlacedNode) -> str:
    x, y, rx, ry = node.x, node.y, node.width / 2, node.height / 2
    shade = GIVEN if node.is_evidence else SHADE if node.observed else None
    fill = f' fill="{shade}"' if shade else ""
    if node.kind == "param" and node.form == "ellipse":
        return _ellipse(x, y, rx, ry, f' fill="{INK}"')
    if node.card is not None and node.card.header:
        return _box(node, 0, 8, "") + _header(node, shade or PAPER) + _box(node, 0, 8, ' fill="none"')
    if node.form == "stadium":
        rim = _box(node, 0, ry, fill)
        return rim + (_box(node, 3.5, ry - 3.5, fill) if node.kind == "derived" else "")
    if node.form == "ellipse":
        rim = _ellipse(x, y, rx, ry, fill)
        return rim + (_ellipse(x, y, rx - 3.5, ry - 3.5, fill) if node.kind == "derived" else "")
    if node.form == "trapezium":
        top, low = rx * trapezium_reach(-1), rx * trapezium_reach(1)
        points = ((x - top, y - ry), (x + top, y - ry), (x + low, y + ry), (x - low, y + ry))
        corners = " ".join(f"{_n(px)},{_n(py)}" for px, py in points)
        return f'<polygon points="{corners}"{fill or f""" fill="{FAINT}" """.rstrip()}/>'
    if node.kind == "factor":
        return _box(node, 0, 0, f' fill="{INK}"')
    return _box(node, 0, 6, f' fill="{SHADE}"')


def _box(node: PlacedNode, inset: float, round_: float, fill: str) -> str:
    x, y = node.x - node.width / 2 + inset, node.y - node.height / 2 + inset
    wide, high = node.width - 2 * inset, node.height - 2 * inset
    corner = f' rx="{_n(round_)}"' if round_ else ""
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}"{corner}{fill}/>'


def _header(node: PlacedNode, shade: str) -> str:
    """The band of a card that its label stands in: round above, with a line below."""
    assert node.card is not None
    x0, x1 = node.x - node.width / 2, node.x + node.width / 2
    y0 = node.y - node.height / 2
    y1 = y0 + node.card.header
    band = f"M{_n(x0)} {_n(y1)}V{_n(y0 + 8)}Q{_n(x0)} {_n(y0)} {_n(x0 + 8)} {_n(y0)}H{_n(x1 - 8)}"
    band += f"Q{_n(x1)} {_n(y0)} {_n(x1)} {_n(y0 + 8)}V{_n(y1)}z"
    return f'<path d="{band}" fill="{shade}" stroke-width="0.6"/>'


def _ellipse(x: float, y: float, rx: float, ry: float, fill: str) -> str:
    return f'<ellipse cx="{_n(x)}" cy="{_n(y)}" rx="{_n(rx)}" ry="{_n(ry)}"{fill}/>'

"""A layout as a self-contained SVG: no script, no style sheet, no outside reference; every name escaped."""

from __future__ import annotations

from html import escape

from pgmlang.drawing.geometry import PlacedEdge, PlacedNode, PlacedPlate, PlacedScene, is_straight, trapezium_reach
from pgmlang.drawing.layout import layout
from pgmlang.drawing.scene import Scene
from pgmlang.drawing.text import visible

INK, RIM, SHADE, PAPER, FAINT = "#1f2328", "#57606a", "#d0d7de", "#ffffff", "#eef1f4"
FONT_FAMILY = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


def to_svg(scene: Scene) -> str:
    """The scene laid out and drawn."""
    return svg_of(layout(scene))


def svg_of(drawing: PlacedScene) -> str:
    """A drawing of a layout. A white rectangle (class ``paper``) keeps it readable on dark pages."""
    width, height = _n(drawing.width), _n(drawing.height)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="{FONT_FAMILY}">',
        f"<title>{_text(drawing.title)}</title>",
        '<defs><marker id="pgm-arrow" viewBox="0 0 10 8" refX="9.5" refY="4" markerWidth="10" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 4L0 8L2 4z" fill="{INK}"/></marker></defs>',
        f'<rect class="paper" width="{width}" height="{height}" fill="{PAPER}"/>',
        f'<g class="plates" fill="none" stroke="{RIM}" stroke-width="1.2">',
        *map(_plate, drawing.plates),
        "</g>",
        f'<g class="edges" fill="none" stroke="{INK}" stroke-width="1.2">',
        *map(_edge, drawing.edges),
        "</g>",
        f'<g class="nodes" fill="{PAPER}" stroke="{INK}" stroke-width="1.3">',
        *map(_node, drawing.nodes),
        "</g>",
        f'<g class="plate-labels" fill="{RIM}" font-size="12" text-anchor="end">',
        *map(_plate_label, drawing.plates),
        "</g>",
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


def _edge(placed: PlacedEdge) -> str:
    path, edge = placed.path, placed.edge
    shape = f"M{_n(path[0][0])} {_n(path[0][1])}"
    if is_straight(path):
        shape += f"L{_n(path[-1][0])} {_n(path[-1][1])}"
    else:
        shape += "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in path[1:])
    dash = ' stroke-dasharray="5 3"' if edge.dashed else ""
    arrow = ' marker-end="url(#pgm-arrow)"' if edge.directed else ""
    sign = "→" if edge.directed else "–"
    title = f"<title>{_text(edge.source)} {sign} {_text(edge.target)}</title>"
    return f'<path d="{shape}"{dash}{arrow}>{title}</path>'


def _node(node: PlacedNode) -> str:
    title = node.tooltip or node.name
    words = f"node {node.kind}{' observed' if node.observed else ''}"
    label = ""
    if node.label:
        label = (
            f'<text x="{_n(node.label_x)}" y="{_n(node.label_y + node.label_size * 0.35)}" '
            f'text-anchor="{node.label_anchor}" font-size="{_n(node.label_size)}" fill="{INK}" stroke="none">'
            f"{_text(node.label)}</text>"
        )
    return f'<g class="{words}"><title>{_text(title)}</title>{_outline(node)}{label}</g>'


def _outline(node: PlacedNode) -> str:
    x, y, rx, ry = node.x, node.y, node.width / 2, node.height / 2
    fill = f' fill="{SHADE}"' if node.observed else ""
    if node.kind in ("random", "derived"):
        rim = _ellipse(x, y, rx, ry, fill)
        return rim + (_ellipse(x, y, rx - 3.5, ry - 3.5, fill) if node.kind == "derived" else "")
    if node.kind == "param":
        return _ellipse(x, y, rx, ry, f' fill="{INK}"')
    if node.kind == "net":
        top, low = rx * trapezium_reach(-1), rx * trapezium_reach(1)
        points = ((x - top, y - ry), (x + top, y - ry), (x + low, y + ry), (x - low, y + ry))
        corners = " ".join(f"{_n(px)},{_n(py)}" for px, py in points)
        return f'<polygon points="{corners}"{fill or f""" fill="{FAINT}" """.rstrip()}/>'
    box = f'<rect x="{_n(x - rx)}" y="{_n(y - ry)}" width="{_n(node.width)}" height="{_n(node.height)}"'
    if node.kind == "factor":
        return f'{box} fill="{INK}"/>'
    return f'{box} rx="6" fill="{SHADE}"/>'


def _ellipse(x: float, y: float, rx: float, ry: float, fill: str) -> str:
    return f'<ellipse cx="{_n(x)}" cy="{_n(y)}" rx="{_n(rx)}" ry="{_n(ry)}"{fill}/>'

"""A scene laid out in layers with plates as boxes, all in pure Python and numpy."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import NamedTuple

from pgmlang.drawing.clusters import clusters_of, regions_of
from pgmlang.drawing.coordinates import Grid, place
from pgmlang.drawing.geometry import (
    Path,
    PlacedEdge,
    PlacedNode,
    PlacedPlate,
    PlacedRegion,
    PlacedScene,
    PlacedText,
    Rect,
    sampled,
    turned,
)
from pgmlang.drawing.groups import Membership, build, membership
from pgmlang.drawing.layering import Arc, downward, layers
from pgmlang.drawing.ordering import Rows, build_rows, order
from pgmlang.drawing.page import LARGE, Spacing, across, page_settings, page_side, spacing_of, unrolled_strip
from pgmlang.drawing.routing import make_field, route
from pgmlang.drawing.scene import Scene
from pgmlang.drawing.shapes import BLANK, DUMMY, LONGEST_LINE, SMALL, Shape, shape_of
from pgmlang.drawing.text import shortened, text_width, visible

MARGIN = 12.0
LEGEND_HEIGHT, LEGEND_GAP, NARROWEST_LEGEND = 17.0, 18.0, 240.0


def layout(scene: Scene) -> PlacedScene:
    """Place a scene: layers, order, coordinates, then curves. The same scene gives the same layout."""
    index = {node.name: i for i, node in enumerate(scene.nodes)}
    loops = {edge.source for edge in scene.edges if edge.source == edge.target}
    is_large = len(scene.nodes) > LARGE
    spacing = spacing_of(len(scene.nodes))
    drawn = [shape_of(node, node.name in loops, spacing.height) for node in scene.nodes]
    info = membership(scene)
    arcs = downward(scene, index)
    levels, is_across = _levels(len(drawn), arcs, info), False
    settings = [levels]
    if is_large and info.is_even:
        settings, is_across = page_settings(levels, arcs, drawn, spacing, can_turn=not info.plates)
    else:
        inside = frozenset().union(*info.members)
        settings = [unrolled_strip(levels, arcs, [*drawn, *[BLANK] * len(info.beside)], spacing, inside)]
    if is_across:
        drawn, spacing = [shape.turned() for shape in drawn], across(spacing)
    trials = [_arranged(info, levels, arcs, drawn, spacing, is_large) for levels in settings]
    rows, shapes, titles, wide, grid = min(trials, key=Arranged.cost)
    nodes = _nodes(scene, grid, shapes, is_across)
    plates = [
        PlacedPlate(info.plates[box.plate].name, titles[b], *_plate_boxes(grid, b, wide[b]))
        for b, box in enumerate(rows.groups.boxes)
    ]
    field = make_field(rows, grid, nodes, [p.label_box for p in plates], [p.box for p in plates], loops)
    edges = route(field, scene.edges, index)
    clusters = clusters_of(len(drawn), arcs) if is_large and info.is_even else []
    # Outer boxes first, so that a writer that fills them does not cover the inner ones.
    depth = [box.depth for box in rows.groups.boxes]
    plates = [plates[b] for b in sorted(range(len(plates)), key=lambda b: (depth[b], b))]
    drawing = PlacedScene(visible(scene.title), 0.0, 0.0, tuple(nodes), edges, tuple(plates), arrow=spacing.arrow)
    drawing = replace(drawing, regions=regions_of(drawing, clusters, spacing))
    drawing = _moved(turned(drawing) if is_across else drawing)
    return _with_legend(drawing, scene.legend)


class Arranged(NamedTuple):
    """Rows in their order, every node, wire and box in its place; ``titles`` of the boxes, and how wide these are."""

    rows: Rows
    shapes: list[Shape]
    titles: list[str]
    title_widths: list[float]
    grid: Grid

    def cost(self) -> float:
        """The page that it needs, by the root of the length of its wires: what is small on a page but far from its parents is
        not well read."""
        x, y = self.grid.x, self.grid.y
        length = sum(abs(x[v] - x[w]) + abs(y[v] - y[w]) for v, below in enumerate(self.rows.below) for w in below)
        return page_side(*self.grid.extent) * sqrt(1 + length)


def _arranged(
    info: Membership, levels: list[int], arcs: list[Arc], drawn: list[Shape], spacing: Spacing, is_large: bool
) -> Arranged:
    """Layers put in order and in their places."""
    real = len(drawn) + len(info.beside)
    rows = build_rows(build(info, real), levels, arcs, trunks=is_large)
    order(rows)
    shapes = drawn + [BLANK] * len(info.beside) + [DUMMY] * (len(rows.layer) - real)
    titles = [shortened(info.plates[box.plate].label) for box in rows.groups.boxes]
    wide = [text_width(title, SMALL) for title in titles]
    grid = place(rows, shapes, real, wide, spacing, straight=is_large and info.is_even)
    return Arranged(rows, shapes, titles, wide, grid)


def _with_legend(drawing: PlacedScene, words: tuple[str, ...]) -> PlacedScene:
    """The drawing with the words below it, as many to a line as its width takes."""
    lines: list[list[tuple[float, str]]] = []
    room = max(drawing.width - 2 * MARGIN, NARROWEST_LEGEND)
    end = 0.0
    for word in (shortened(word, LONGEST_LINE) for word in words):
        wide = text_width(word, SMALL)
        if not lines or end + wide > room:
            lines.append([])
            end = 0.0
        lines[-1].append((end, word))
        end += wide + LEGEND_GAP
    if not lines:
        return drawing
    top = (
        drawing.height - MARGIN + LEGEND_HEIGHT if drawing.nodes or drawing.plates else MARGIN + LEGEND_HEIGHT / 2
    )
    placed = [
        PlacedText(round(MARGIN + x, 2), round(top + LEGEND_HEIGHT * i, 2), word)
        for i, line in enumerate(lines) for x, word in line
    ]  # fmt: skip
    wide = max(p.x + text_width(p.text, SMALL) for p in placed) + MARGIN
    height = top + LEGEND_HEIGHT * (len(lines) - 0.5) + MARGIN / 2
    return replace(
        drawing, width=max(drawing.width, round(wide, 2)), height=round(height, 2), legend=tuple(placed)
    )


def _levels(count: int, arcs: list[Arc], info: Membership) -> list[int]:
    """The layers; a node without edges, and a blank, stands in the first layer of the plate it is in."""
    level = layers(count, arcs)
    linked = {v for arc in arcs for v in arc}
    inner = sorted(range(len(info.members)), key=lambda p: (len(info.members[p]), p))
    for v in range(count):
        if v not in linked:
            company = next(
                (
                    c
                    for p in inner
                    if v in info.members[p]
                    for c in [[level[w] for w in info.members[p] if w in linked]]
                    if c
                ),
                [0],
            )
            level[v] = min(company)
    for i, near in enumerate(info.beside):
        blank = count + i
        company = [level[w] for p in inner if blank in info.members[p] for w in info.members[p] if w < count]
        level.append(level[near] if near >= 0 and near < len(level) else min(company, default=0))
    return level


def _nodes(scene: Scene, grid: Grid, shapes: list[Shape], is_across: bool) -> list[PlacedNode]:
    """The nodes in their places; of a drawing across they are placed upright, then turned."""
    out = []
    for v, node in enumerate(scene.nodes):
        shape, x, y = shapes[v], grid.x[v], grid.y[v]
        if is_across:
            shape, x, y = shape.turned(), y, x
        anchor = "middle" if shape.beside is None else "start"
        out.append(
            PlacedNode(
                node.name,
                shape.label,
                node.kind,
                node.observed,
                visible(node.tooltip),
                x,
                y,
                shape.width,
                shape.height,
                x + (shape.beside or 0.0),
                y - shape.raised,
                anchor,
                shape.label_size,
                shape.label_width,
                shape.form,
                shape.card,
                node.is_evidence,
            )
        )
    return [node.turned() for node in out] if is_across else out


def _plate_boxes(grid: Grid, b: int, wide: float) -> tuple[Rect, Rect]:
    box = Rect(grid.left[b], grid.top[b], grid.right[b], grid.bottom[b])
    label = Rect(box.x1 - 8 - wide, box.y1 - 4 - SMALL, box.x1 - 8, box.y1 - 4)
    return box, label


def _moved(layout: PlacedScene) -> PlacedScene:
    """Shifted so that everything lies in a canvas with a margin, and rounded to hundredths for short files."""
    boxes = [node.extent for node in layout.nodes] + [plate.box for plate in layout.plates]
    boxes += [box for region in layout.regions for box in region.boxes]
    points = [p for edge in layout.edges for p in sampled(edge.path)]
    xs = [b.x0 for b in boxes] + [b.x1 for b in boxes] + [p[0] for p in points]
    ys = [b.y0 for b in boxes] + [b.y1 for b in boxes] + [p[1] for p in points]
    dx, dy = MARGIN - min(xs, default=0.0), MARGIN - min(ys, default=0.0)

    def rect(box: Rect) -> Rect:
        return Rect(round(box.x0 + dx, 2), round(box.y0 + dy, 2), round(box.x1 + dx, 2), round(box.y1 + dy, 2))

    nodes = tuple(
        replace(
            n,
            x=round(n.x + dx, 2),
            y=round(n.y + dy, 2),
            width=round(n.width, 2),
            height=round(n.height, 2),
            label_x=round(n.label_x + dx, 2),
            label_y=round(n.label_y + dy, 2),
            label_width=round(n.label_width, 2),
        )
        for n in layout.nodes
    )

    def path(old: Path) -> Path:
        return tuple((round(x + dx, 2), round(y + dy, 2)) for x, y in old)

    edges = tuple(PlacedEdge(e.edge, path(e.path)) for e in layout.edges)
    regions = tuple(
        PlacedRegion(r.cluster, tuple(map(rect, r.boxes)), tuple(map(path, r.paths))) for r in layout.regions
    )
    plates = tuple(PlacedPlate(p.name, p.label, rect(p.box), rect(p.label_box)) for p in layout.plates)
    width = round(max(xs, default=0.0) + dx + MARGIN, 2)
    height = round(max(ys, default=0.0) + dy + MARGIN, 2)
    return replace(layout, width=width, height=height, nodes=nodes, edges=edges, plates=plates, regions=regions)

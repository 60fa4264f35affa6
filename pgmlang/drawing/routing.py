"""Edges as curves that pass no node: the simplest curve that is clear, tried from straight to strictly safe.

The last resort cannot fail: it runs vertically inside rows, where the ordering left room for it, and sideways only in
the stretch between rows that no node, label or rim of a box enters (the idea of Gansner et al. 1993, without their
spline fitting).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot

from pgmlang.drawing.coordinates import Grid
from pgmlang.drawing.geometry import Path, PlacedEdge, PlacedNode, Point, Rect, clipped, crosses, joined, line, sampled
from pgmlang.drawing.ordering import Rows
from pgmlang.drawing.scene import SceneEdge
from pgmlang.drawing.shapes import LOOP_REACH

CLEAR = 4.0


@dataclass
class Row:
    """The drawn nodes of a layer from left to right."""

    lefts: list[float]
    boxes: list[tuple[int, Rect]]
    widest: float


@dataclass
class Field:
    """What edges must not touch: nodes with their labels by row, plates' labels, and plates they do not belong to."""

    rows: Rows
    grid: Grid
    nodes: list[PlacedNode]
    levels: list[Row]
    labels: list[Rect]
    plates: list[tuple[Rect, frozenset[int]]]


def make_field(rows: Rows, grid: Grid, nodes: list[PlacedNode], labels: list[Rect], plates: list[Rect]) -> Field:
    levels = []
    for row in rows.rows:
        boxes = [(v, nodes[v].extent) for v in row if v < len(nodes)]
        levels.append(Row([box.x0 for _, box in boxes], boxes, max((b.x1 - b.x0 for _, b in boxes), default=0.0)))
    members = [box.members for box in rows.groups.boxes]
    return Field(rows, grid, nodes, levels, [label.grown(2) for label in labels],
                 list(zip(plates, members, strict=True)))


def route(field: Field, edges: tuple[SceneEdge, ...], index: dict[str, int]) -> tuple[PlacedEdge, ...]:
    """A path for each edge whose ends are in the scene; edges between the same two nodes bow apart."""
    out: list[PlacedEdge] = []
    copies: dict[tuple[int, int], int] = {}
    for edge in edges:
        if edge.source not in index or edge.target not in index:
            continue
        a, b = index[edge.source], index[edge.target]
        key = (min(a, b), max(a, b))
        copy = copies.get(key, 0)
        copies[key] = copy + 1
        path = _loop(field.nodes[a], copy) if a == b else _between(field, a, b, copy)
        out.append(PlacedEdge(edge, path))
    return tuple(out)


def _between(field: Field, a: int, b: int, copy: int) -> Path:
    chain = field.rows.chains.get((a, b))
    if chain is None:
        chain = field.rows.chains[(b, a)]
    upper, lower = field.nodes[chain[0]], field.nodes[chain[-1]]
    best: Path | None = None
    for path in _candidates(field, chain, copy):
        cut = clipped(path, upper, lower)
        touched = _touched(field, chain, cut)
        if touched == 0:
            best = cut
            break
        if touched == 1 and best is None:
            best = cut
    if best is None:
        best = clipped(_strict(field, chain), upper, lower)
    return best if chain[0] == a else best[::-1]


def _candidates(field: Field, chain: list[int], copy: int) -> Iterator[Path]:
    """Curves through a chain of dummies, the plainest first."""
    points = [(field.grid.x[v], field.grid.y[v]) for v in chain]
    start, end = points[0], points[-1]
    if copy:
        side = (copy + 1) // 2 * 16.0 * (1 if copy % 2 else -1)
        yield _bowed(start, end, side)
        yield _bowed(start, end, -side)
    yield line(start, end)
    dx, dy = end[0] - start[0], end[1] - start[1]
    for lean in (0.18, 0.06):
        yield (start, (start[0] + lean * dx, start[1] + 0.45 * dy), (end[0] - lean * dx, end[1] - 0.45 * dy), end)
    if len(chain) > 2:
        yield _smooth(points)
    yield _stepped(points)
    yield _strict(field, chain)


def _bowed(a: Point, b: Point, side: float) -> Path:
    length = hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    nx, ny = -(b[1] - a[1]) / length * side, (b[0] - a[0]) / length * side
    _, c, d, _ = line(a, b)
    return (a, (c[0] + nx, c[1] + ny), (d[0] + nx, d[1] + ny), b)


def _smooth(points: list[Point]) -> Path:
    """A cubic spline in y through the points; slopes limited so that it never overshoots (Fritsch and Butland 1984)."""
    steps = [(q[0] - p[0]) / (q[1] - p[1]) for p, q in zip(points, points[1:], strict=False)]
    slopes = [steps[0]]
    for one, two in zip(steps, steps[1:], strict=False):
        slopes.append(2 * one * two / (one + two) if one * two > 0 else 0.0)
    slopes.append(steps[-1])
    parts = []
    for i, (p, q) in enumerate(zip(points, points[1:], strict=False)):
        third = (q[1] - p[1]) / 3
        parts.append((p, (p[0] + slopes[i] * third, p[1] + third), (q[0] - slopes[i + 1] * third, q[1] - third), q))
    return joined(parts)


def _stepped(points: list[Point]) -> Path:
    """Vertical at every row."""
    return joined([(p, (p[0], (p[1] + q[1]) / 2), (q[0], (p[1] + q[1]) / 2), q)
                   for p, q in zip(points, points[1:], strict=False)])


def _strict(field: Field, chain: list[int]) -> Path:
    x, y = field.grid.x, field.grid.y
    parts: list[Path] = []
    for p, q in zip(chain, chain[1:], strict=False):
        high, low = field.grid.free[field.rows.layer[p]]
        middle = (high + low) / 2
        parts.append(line((x[p], y[p]), (x[p], high)))
        parts.append(((x[p], high), (x[p], middle), (x[q], middle), (x[q], low)))
        parts.append(line((x[q], low), (x[q], y[q])))
    return joined(parts)


def _touched(field: Field, chain: list[int], path: Path) -> int:
    """2 when the path meets a node, a label or an end's own label; 1 when only a plate of neither end; else 0."""
    a, b = chain[0], chain[-1]
    points = sampled(path)
    segments = list(zip(points, points[1:], strict=False))
    whole = Rect(min(p[0] for p in points), min(p[1] for p in points),
                 max(p[0] for p in points), max(p[1] for p in points))
    for node in (field.nodes[a], field.nodes[b]):
        if node.label_anchor == "start" and node.label:
            half = node.label_size * 0.45
            label = Rect(node.label_x, node.label_y - half, node.label_x + node.label_width, node.label_y + half)
            if any(crosses(p, q, label) for p, q in segments):
                return 2
    for level in range(field.rows.layer[a], field.rows.layer[b] + 1):
        row = field.levels[level]
        low = bisect_left(row.lefts, whole.x0 - row.widest - CLEAR)
        for v, box in row.boxes[low:bisect_right(row.lefts, whole.x1 + CLEAR)]:
            if v not in (a, b):
                wide = box.grown(CLEAR)
                if whole.meets(wide) and any(crosses(p, q, wide) for p, q in segments):
                    return 2
    for label in field.labels:
        if whole.meets(label) and any(crosses(p, q, label) for p, q in segments):
            return 2
    for box, members in field.plates:
        if a in members or b in members or not whole.meets(box):
            continue
        if any(crosses(p, q, box) for p, q in segments):
            return 1
    return 0


def _loop(node: PlacedNode, copy: int) -> Path:
    """A loop on the right side, from the upper to the lower part of the border."""
    reach = (LOOP_REACH - 3) * 4 / 3 + copy * 4
    spread = 0.55 * node.height / 2
    tall = max(node.height * 0.62, 10.0)
    edge = node.x + node.width / 2
    path: Path = ((node.x, node.y - spread), (edge + reach, node.y - tall), (edge + reach, node.y + tall),
                  (node.x, node.y + spread))
    return clipped(path, node, node)

"""Edges as curves that pass no node: the simplest curve that is clear, tried from straight to strictly safe.

The last resort cannot fail: it runs vertically inside rows, where the ordering left room for it, and sideways only
in the stretch between rows that no node, label or rim of a box enters (the idea of Gansner et al. 1993, without
their spline fitting).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from pgmlang.drawing.coordinates import Grid
from pgmlang.drawing.geometry import (
    Path,
    PlacedEdge,
    PlacedNode,
    Point,
    Rect,
    clipped,
    crosses,
    joined,
    line,
    sampled,
)
from pgmlang.drawing.ordering import Rows
from pgmlang.drawing.scene import SceneEdge
from pgmlang.drawing.shapes import LOOP_REACH

CLEAR = 4.0
PORT = 16.0
"""How far from the corner of a card an edge may leave it."""


@dataclass
class Obstacle:
    """A node grown by the clearance, with the label beside it and the loop on it."""

    node: int
    box: Rect
    round: bool
    label: Rect | None
    loop: Rect | None


@dataclass
class Row:
    """The obstacles of a layer from left to right."""

    obstacles: list[Obstacle]
    lefts: list[float]
    widest: float
    top: float
    bottom: float


@dataclass
class Field:
    """What edges must not touch: nodes by row, plates' labels, and plates they do not belong to."""

    rows: Rows
    grid: Grid
    nodes: list[PlacedNode]
    levels: list[Row]
    labels: list[Rect]
    plates: list[tuple[Rect, frozenset[int]]]
    trunks: frozenset[int] = frozenset()


def make_field(
    rows: Rows, grid: Grid, nodes: list[PlacedNode], labels: list[Rect], plates: list[Rect], loops: set[str]
) -> Field:
    levels = []
    for row in rows.rows:
        obstacles = [_obstacle(v, nodes[v], nodes[v].name in loops) for v in row if v < len(nodes)]
        widths = [
            max(o.box.x1, o.label.x1 if o.label else o.box.x1, o.loop.x1 if o.loop else o.box.x1) - o.box.x0
            for o in obstacles
        ]
        levels.append(
            Row(
                obstacles,
                [o.box.x0 for o in obstacles],
                max(widths, default=0.0),
                min((o.box.y0 for o in obstacles), default=0.0),
                max((o.box.y1 for o in obstacles), default=0.0),
            )
        )
    members = [box.members for box in rows.groups.boxes]
    shared = Counter(v for chain in rows.chains.values() for v in chain[1:-1])
    trunks = frozenset(v for v, count in shared.items() if count > 1)
    boxes = list(zip(plates, members, strict=True))
    return Field(rows, grid, nodes, levels, [label.grown(2) for label in labels], boxes, trunks)


def _obstacle(v: int, node: PlacedNode, looped: bool) -> Obstacle:
    label = loop = None
    if node.label_anchor == "start" and node.label:
        half = node.label_size * 0.45
        label = Rect(node.label_x, node.label_y - half, node.label_x + node.label_width, node.label_y + half)
    if looped:
        edge = node.x + node.width / 2
        loop = Rect(edge, node.y - node.height / 3, edge + LOOP_REACH, node.y + node.height / 3)
    return Obstacle(v, node.shape.grown(CLEAR), node.form == "ellipse" and node.kind != "param", label, loop)


def route(field: Field, edges: tuple[SceneEdge, ...], index: dict[str, int]) -> tuple[PlacedEdge, ...]:
    """A path for each edge whose ends are in the scene; edges between the same two nodes bow apart."""
    out: list[PlacedEdge] = []
    copies: dict[tuple[int, int], int] = {}
    again = Counter(frozenset((edge.source, edge.target)) for edge in edges)
    for edge in edges:
        if edge.source not in index or edge.target not in index:
            continue
        a, b = index[edge.source], index[edge.target]
        key = (min(a, b), max(a, b))
        copy = copies.get(key, 0)
        copies[key] = copy + 1
        if a == b:
            path = _loop(field.nodes[a], copy)
        else:
            # Several edges between two nodes bow apart, half to each side.
            side = (copy - (again[frozenset((edge.source, edge.target))] - 1) / 2) * 20
            path = _between(field, a, b, side)
        out.append(PlacedEdge(edge, path))
    return tuple(out)


def _between(field: Field, a: int, b: int, side: float) -> Path:
    chain = field.rows.chains.get((a, b))
    if chain is None:
        chain = field.rows.chains[(b, a)]
    upper, lower = field.nodes[chain[0]], field.nodes[chain[-1]]
    if any(v in field.trunks for v in chain[1:-1]):
        cut = clipped(_along_trunk(field, chain), upper, lower)
        return cut if chain[0] == a else cut[::-1]
    best: Path | None = None
    for path in _candidates(field, chain, side):
        touched = _touched(field, chain, path)
        if touched < 2 and (best is None or touched == 0):
            best = path
        if touched == 0:
            break
    cut = clipped(best or _strict(field, chain, _points(field, chain)), upper, lower)
    return cut if chain[0] == a else cut[::-1]


def _along_trunk(field: Field, chain: list[int]) -> Path:
    """The same curve between two dummies for every edge that passes them: vertical at each row."""
    points = _points(field, chain)
    parts: list[Path] = []
    for pair in pairwise(range(len(chain))):
        (p, q), (v, w) = (points[i] for i in pair), (chain[i] for i in pair)
        plain = line(p, q) if abs(p[0] - q[0]) < 0.01 else _stepped([p, q])
        is_clear = _touched(field, [v, w], plain) == 0
        parts.append(plain if is_clear else _strict(field, [v, w], [p, q]))
    return joined(parts)


def _points(field: Field, chain: list[int]) -> list[Point]:
    """The places of a chain; a long edge leaves a wide card, and enters it, on the side where it comes from."""
    points = [(field.grid.x[v], field.grid.y[v]) for v in chain]
    if len(chain) > 2:
        for end, beside in ((0, 1), (-1, -2)):
            node = field.nodes[chain[end]]
            room = node.width / 2 - PORT if node.card is not None else 0.0
            if room > 0:
                shift = points[beside][0] - points[end][0]
                points[end] = (points[end][0] + max(-room, min(room, shift)), points[end][1])
    return points


def _candidates(field: Field, chain: list[int], side: float) -> Iterator[Path]:
    """Curves through a chain of dummies, the plainest first."""
    points = _points(field, chain)
    start, end = points[0], points[-1]
    if side:
        yield _bowed(start, end, side)
        yield _bowed(start, end, side * 2)
    yield line(start, end)
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    # Out and in at these slants: (share of dx, share of dy) of the first and of the last arm.
    for (ax, ay), (bx, by) in _ARMS:
        yield (start, (x0 + ax * dx, y0 + ay * dy), (x1 - bx * dx, y1 - by * dy), end)
    if len(chain) > 2:
        yield _smooth(points)
        yield _stepped(points)
    yield _strict(field, chain, points)


_ARMS = (
    ((0.18, 0.45), (0.18, 0.45)),
    ((0.05, 0.55), (0.4, 0.2)),
    ((0.4, 0.2), (0.05, 0.55)),
    ((0.0, 0.85), (0.45, 0.08)),
    ((0.45, 0.08), (0.0, 0.85)),
    ((0.04, 0.45), (0.04, 0.45)),
)


def _bowed(a: Point, b: Point, side: float) -> Path:
    length = hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    nx, ny = -(b[1] - a[1]) / length * side, (b[0] - a[0]) / length * side
    _, c, d, _ = line(a, b)
    return (a, (c[0] + nx, c[1] + ny), (d[0] + nx, d[1] + ny), b)


def _smooth(points: list[Point]) -> Path:
    """A cubic spline in y through the points that never overshoots (slopes of Fritsch and Butland 1984)."""
    steps = [(q[0] - p[0]) / (q[1] - p[1]) for p, q in pairwise(points)]
    slopes = [steps[0]]
    for one, two in pairwise(steps):
        slopes.append(2 * one * two / (one + two) if one * two > 0 else 0.0)
    slopes.append(steps[-1])
    parts: list[Path] = []
    for i, (p, q) in enumerate(pairwise(points)):
        third = (q[1] - p[1]) / 3
        parts.append(
            (p, (p[0] + slopes[i] * third, p[1] + third), (q[0] - slopes[i + 1] * third, q[1] - third), q)
        )
    return joined(parts)


def _stepped(points: list[Point]) -> Path:
    """Vertical at every row."""
    return joined([(p, (p[0], (p[1] + q[1]) / 2), (q[0], (p[1] + q[1]) / 2), q) for p, q in pairwise(points)])


def _strict(field: Field, chain: list[int], points: list[Point]) -> Path:
    parts: list[Path] = []
    for v, (p, q) in zip(chain, pairwise(points), strict=False):
        high, low = field.grid.free[field.rows.layer[v]]
        # Vertical again before the next row, so that an arrowhead does not sit on the bend.
        low -= 8
        middle = (high + low) / 2
        parts.append(line(p, (p[0], high)))
        parts.append(((p[0], high), (p[0], middle), (q[0], middle), (q[0], low)))
        parts.append(line((q[0], low), q))
    return joined(parts)


def _touched(field: Field, chain: list[int], path: Path) -> int:
    """2 when the path meets a node, a label or a loop; 1 when only a plate of neither end; else 0."""
    a, b = chain[0], chain[-1]
    points = sampled(path)
    for level in range(field.rows.layer[a], field.rows.layer[b] + 1):
        row = field.levels[level]
        inside = _within(points, row.top - CLEAR, row.bottom + CLEAR)
        if not inside:
            continue
        low = min(min(p[0], q[0]) for p, q in inside) - row.widest - CLEAR
        high = max(max(p[0], q[0]) for p, q in inside) + CLEAR
        for obstacle in row.obstacles[bisect_left(row.lefts, low) : bisect_right(row.lefts, high)]:
            if any(_hits(obstacle, p, q, obstacle.node in (a, b)) for p, q in inside):
                return 2
    if not field.plates:
        return 0
    whole = Rect(
        min(p[0] for p in points), min(p[1] for p in points), max(p[0] for p in points), max(p[1] for p in points)
    )
    for label in field.labels:
        if whole.meets(label) and any(crosses(p, q, label) for p, q in pairwise(points)):
            return 2
    for box, members in field.plates:
        if a in members or b in members or not whole.meets(box):
            continue
        if any(crosses(p, q, box) for p, q in pairwise(points)):
            return 1
    return 0


def _within(points: list[Point], top: float, bottom: float) -> list[tuple[Point, Point]]:
    """The parts of a downward polyline between two heights."""
    first = max(bisect_right(points, top, key=_height) - 1, 0)
    last = min(bisect_left(points, bottom, key=_height), len(points) - 1)
    out = []
    for p, q in pairwise(points[first : last + 1]):
        slope = (q[0] - p[0]) / (q[1] - p[1]) if q[1] > p[1] else 0.0
        start = (p[0] + slope * (top - p[1]), top) if slope and p[1] < top else p
        end = (p[0] + slope * (bottom - p[1]), bottom) if slope and q[1] > bottom else q
        out.append((start, end))
    return out


def _height(point: Point) -> float:
    return point[1]


def _hits(obstacle: Obstacle, p: Point, q: Point, is_end: bool) -> bool:
    """Whether a segment comes too near; at an edge's own end only the label beside it counts."""
    if obstacle.label is not None and crosses(p, q, obstacle.label):
        return True
    if is_end:
        return False
    if obstacle.loop is not None and crosses(p, q, obstacle.loop):
        return True
    if not obstacle.round:
        return crosses(p, q, obstacle.box)
    # An ellipse is a unit circle after scaling.
    box = obstacle.box
    rx, ry = (box.x1 - box.x0) / 2, (box.y1 - box.y0) / 2
    px, py = (p[0] - box.x0) / rx - 1, (p[1] - box.y0) / ry - 1
    dx, dy = (q[0] - p[0]) / rx, (q[1] - p[1]) / ry
    t = min(1.0, max(0.0, -(px * dx + py * dy) / (dx * dx + dy * dy or 1.0)))
    return (px + t * dx) ** 2 + (py + t * dy) ** 2 < 1


def _loop(node: PlacedNode, copy: int) -> Path:
    """A loop on the right side, from the upper to the lower part of the border."""
    reach = (LOOP_REACH - 3) * 4 / 3 + copy * 4
    edge = node.x + node.width / 2
    if node.form == "ellipse":
        start, spread, tall = node.x, 0.55 * node.height / 2, max(node.height * 0.62, 10.0)
    else:
        # A wide or tall shape has its loop near the middle of its right side.
        start, spread = edge - 10.0, min(0.55 * node.height / 2, 14.0)
        tall = 1.13 * spread / 0.55
    path: Path = (
        (start, node.y - spread),
        (edge + reach, node.y - tall),
        (edge + reach, node.y + tall),
        (start, node.y + spread),
    )
    return clipped(path, node, node)

"""The laid-out drawing, plain records in pixels (y down) that SVG and PNG writers both draw, and its curves.

A path is a tuple of points ``p0 c c p1 c c p2 ...``: cubic Bezier pieces joined end to end (3k + 1 points).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import hypot

from pgmlang.drawing.scene import NodeKind, SceneEdge
from pgmlang.drawing.shapes import Card, Form

Point = tuple[float, float]
Path = tuple[Point, ...]


@dataclass(frozen=True)
class Rect:
    x0: float
    y0: float
    x1: float
    y1: float

    def holds(self, other: Rect, slack: float = 0.0) -> bool:
        return (
            self.x0 <= other.x0 + slack
            and self.y0 <= other.y0 + slack
            and self.x1 >= other.x1 - slack
            and self.y1 >= other.y1 - slack
        )

    def meets(self, other: Rect) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def grown(self, by: float) -> Rect:
        return Rect(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)


@dataclass(frozen=True)
class PlacedNode:
    """A node's shape about its centre. ``label_anchor`` is start when the label stands beside a dot or square; what
    ``card`` holds is placed about the centre."""

    name: str
    label: str
    kind: NodeKind
    observed: bool
    tooltip: str
    x: float
    y: float
    width: float
    height: float
    label_x: float
    label_y: float
    label_anchor: str
    label_size: float
    label_width: float
    form: Form = "ellipse"
    card: Card | None = None
    is_evidence: bool = False
    is_turned: bool = False

    def turned(self) -> PlacedNode:
        """The node in a drawing whose x and y change places, and back; its label and card stay where they are."""
        return replace(
            self, x=self.y, y=self.x, width=self.height, height=self.width, is_turned=not self.is_turned
        )

    @property
    def shape(self) -> Rect:
        return Rect(
            self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2
        )

    @property
    def extent(self) -> Rect:
        """The shape together with its label."""
        left = self.label_x if self.label_anchor == "start" else self.label_x - self.label_width / 2
        half = self.label_size * 0.6
        box = self.shape
        return Rect(
            min(box.x0, left),
            min(box.y0, self.label_y - half),
            max(box.x1, left + self.label_width),
            max(box.y1, self.label_y + half),
        )

    @cached_property
    def _upright(self) -> PlacedNode:
        return self.turned()

    def inside(self, point: Point) -> bool:
        """Whether a point lies inside the drawn shape."""
        if self.is_turned:
            return self._upright.inside((point[1], point[0]))
        dx = abs(point[0] - self.x) / (self.width / 2)
        dy = (point[1] - self.y) / (self.height / 2)
        if self.form == "ellipse":
            return dx * dx + dy * dy < 1
        if self.form == "stadium":
            radius = self.height / 2
            beyond = max(0.0, abs(point[0] - self.x) - (self.width / 2 - radius)) / radius
            return beyond * beyond + dy * dy < 1
        if self.form == "trapezium":
            return abs(dy) < 1 and dx < trapezium_reach(dy)
        return abs(dy) < 1 and dx < 1


@dataclass(frozen=True)
class PlacedEdge:
    """A path from the source's border to the target's; the arrow's tip is its last point."""

    edge: SceneEdge
    path: Path


@dataclass(frozen=True)
class PlacedPlate:
    """A box. A plate that cannot be one box (three crossed plates) comes as several with the same name."""

    name: str
    label: str
    box: Rect
    label_box: Rect


@dataclass(frozen=True)
class PlacedText:
    """A line of the legend: ``x`` where it begins, ``y`` of its middle."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class PlacedRegion:
    """The ground behind a cluster: a tint behind its nodes and along the short edges between them."""

    cluster: int
    boxes: tuple[Rect, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class PlacedScene:
    title: str
    width: float
    height: float
    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    plates: tuple[PlacedPlate, ...]
    legend: tuple[PlacedText, ...] = ()
    arrow: float = 10.0
    regions: tuple[PlacedRegion, ...] = ()

    @property
    def is_dense(self) -> bool:
        """Whether there are so many edges that they stand back behind the nodes."""
        return self.arrow < 10


def turned(drawing: PlacedScene) -> PlacedScene:
    """The drawing with x and y in each other's place: layers from left to right instead of from top to bottom."""

    def rect(box: Rect) -> Rect:
        return Rect(box.y0, box.x0, box.y1, box.x1)

    def path(points: Path) -> Path:
        return tuple((y, x) for x, y in points)

    return replace(
        drawing,
        width=drawing.height,
        height=drawing.width,
        nodes=tuple(node.turned() for node in drawing.nodes),
        edges=tuple(PlacedEdge(e.edge, path(e.path)) for e in drawing.edges),
        regions=tuple(
            PlacedRegion(r.cluster, tuple(map(rect, r.boxes)), tuple(map(path, r.paths))) for r in drawing.regions
        ),
    )


def trapezium_reach(dy: float) -> float:
    """The reach of a trapezium at height ``dy`` in [-1, 1], as a share of half its width: the top is narrow."""
    return 0.86 + 0.14 * dy


def line(a: Point, b: Point) -> Path:
    """A straight Bezier piece."""
    return (
        a,
        (a[0] + (b[0] - a[0]) / 3, a[1] + (b[1] - a[1]) / 3),
        (a[0] + (b[0] - a[0]) * 2 / 3, a[1] + (b[1] - a[1]) * 2 / 3),
        b,
    )


def split(piece: Path, t: float) -> tuple[Path, Path]:
    """De Casteljau's subdivision of one cubic piece."""

    def mix(a: Point, b: Point) -> Point:
        return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)

    p0, p1, p2, p3 = piece
    a, b, c = mix(p0, p1), mix(p1, p2), mix(p2, p3)
    d, e = mix(a, b), mix(b, c)
    f = mix(d, e)
    return (p0, a, d, f), (f, e, c, p3)


def pieces(path: Path) -> list[Path]:
    return [path[i : i + 4] for i in range(0, len(path) - 1, 3)]


def joined(parts: list[Path]) -> Path:
    out: list[Point] = list(parts[0])
    for piece in parts[1:]:
        out.extend(piece[1:])
    return tuple(out)


def at(piece: Path, t: float) -> Point:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = piece
    s = 1 - t
    a, b, c, d = s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t
    return (a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3)


def sampled(path: Path, per_piece: int = 12) -> list[Point]:
    """The path as a polyline; a straight path stays two points."""
    if is_straight(path):
        return [path[0], path[-1]]
    points = [path[0]]
    for piece in pieces(path):
        points.extend(at(piece, k / per_piece) for k in range(1, per_piece + 1))
    return points


def is_straight(path: Path) -> bool:
    if len(path) != 4:
        return False
    (x0, y0), (x3, y3) = path[0], path[3]
    length = hypot(x3 - x0, y3 - y0) or 1.0
    return all(abs((x3 - x0) * (y - y0) - (y3 - y0) * (x - x0)) / length < 0.01 for x, y in path[1:3])


def clipped(path: Path, source: PlacedNode, target: PlacedNode) -> Path:
    """The path without what lies inside its two end nodes."""
    parts = pieces(path)
    while len(parts) > 1 and source.inside(parts[0][3]):
        parts.pop(0)
    while len(parts) > 1 and target.inside(parts[-1][0]):
        parts.pop()
    parts[0] = split(parts[0], _border(parts[0], source, leaving=True))[1]
    parts[-1] = split(parts[-1], _border(parts[-1], target, leaving=False))[0]
    return joined(parts)


def _border(piece: Path, node: PlacedNode, leaving: bool) -> float:
    """Where a piece that starts (ends) inside the node crosses its border, by bisection."""
    inner, outer = (0.0, 1.0) if leaving else (1.0, 0.0)
    if not node.inside(at(piece, inner)):
        return inner
    for _ in range(18):
        middle = (inner + outer) / 2
        if node.inside(at(piece, middle)):
            inner = middle
        else:
            outer = middle
    return outer


def crosses(a: Point, b: Point, box: Rect) -> bool:
    """Whether a segment meets a rectangle (Liang and Barsky 1984)."""
    t0, t1 = 0.0, 1.0
    for start, delta, low, high in ((a[0], b[0] - a[0], box.x0, box.x1), (a[1], b[1] - a[1], box.y0, box.y1)):
        if abs(delta) < 1e-12:
            if start <= low or start >= high:
                return False
            continue
        enter, leave = (low - start) / delta, (high - start) / delta
        if enter > leave:
            enter, leave = leave, enter
        t0, t1 = max(t0, enter), min(t1, leave)
        if t0 >= t1:
            return False
    return True

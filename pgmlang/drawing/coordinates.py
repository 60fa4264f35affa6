"""Coordinates: x from separations between the tokens of each layer, y from stacking rows and boxes' rims."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf

from pgmlang.drawing.ordering import Rows, Token
from pgmlang.drawing.page import ROOMY, Spacing
from pgmlang.drawing.separation import SeparationProblem, solve
from pgmlang.drawing.shapes import Shape
from pgmlang.drawing.straightening import straighten

PAD, RIM, APART = 13.0, 9.0, 22.0
LABEL_HEIGHT = 17.0


@dataclass
class Grid:
    """Positions of nodes, dummies and boxes; ``free``: the stretch below each row that no box's rim enters."""

    x: list[float]
    y: list[float]
    left: list[float]
    right: list[float]
    top: list[float]
    bottom: list[float]
    free: list[tuple[float, float]]

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height from the first node's middle to the last's."""
        return max(self.x, default=0.0) - min(self.x, default=0.0), max(self.y, default=0.0) - min(
            self.y, default=0.0
        )


def place(
    rows: Rows,
    shapes: list[Shape],
    real: int,
    labels: list[float],
    spacing: Spacing = ROOMY,
    straight: bool = False,
) -> Grid:
    """Coordinates for all; ``labels`` are the widths of the boxes' labels, nodes from ``real`` on are dummies. ``straight``:
    long edges in few vertical runs, where boxes, if any, hold every node."""
    count = len(rows.layer)
    problem = _problem(rows, shapes, real, labels, spacing)
    positions = solve(problem)
    # Again with nearly straight edges pulled harder and slanted ones less (towards least absolute distances, as in
    # Gansner et al. 1993): lines become straight, symmetry stays.
    first = problem.pulls
    for _ in range(2 if problem.count <= 1200 else problem.count <= 2000):
        problem.pulls = [
            (a, b, w * min(20.0, max(0.2, 48 / (abs(positions[b] - positions[a]) + 2))), d) for a, b, w, d in first
        ]
        positions = solve(problem, positions)
    solution = positions.tolist()
    x = solution[:count]
    left, right = solution[count::2], solution[count + 1 :: 2]
    if straight:
        inside = (max(left, default=-inf) + PAD, min(right, default=inf) - PAD)
        straighten(rows, x, real, lambda u, v: _gap(("node", u), ("node", v), shapes, real, spacing), inside)
    y, top, bottom, free = _heights(rows, shapes, x, spacing)
    return Grid(x, y, left, right, top, bottom, free)


def _problem(
    rows: Rows, shapes: list[Shape], real: int, labels: list[float], spacing: Spacing
) -> SeparationProblem:
    count = len(rows.layer)
    problem = SeparationProblem(count + 2 * len(labels))
    for v in range(count):
        for w in rows.below[v]:
            # Long edges are kept straight (weights as in Gansner et al. 1993).
            dummies = (v >= real) + (w >= real)
            # What shares its plate hangs together; an edge from outside need not bend that line.
            is_inner = rows.home[v] == rows.home[w] and (rows.home[v] != 0 or spacing is not ROOMY)
            tight = 8.0 if dummies == 0 and is_inner else 1.0
            problem.pulls.append((v, w, tight * (1.0, 2.0, 8.0)[dummies], 0.0))
    for b, wide in enumerate(labels):
        problem.pulls.append((count + 2 * b, count + 2 * b + 1, 0.08, 0.0))
        problem.gaps.append((count + 2 * b, count + 2 * b + 1, wide + 20))
    for tokens in rows.tokens:
        for one, two in pairwise(tokens):
            problem.gaps.append(
                (_variable(one, count), _variable(two, count), _gap(one, two, shapes, real, spacing))
            )
    problem.gaps.extend(_label_room(rows, labels))
    return problem


def _variable(token: Token, count: int) -> int:
    kind, number = token
    return number if kind == "node" else count + 2 * number + (kind == "close")


def _gap(one: Token, two: Token, shapes: list[Shape], real: int, spacing: Spacing) -> float:
    """The least distance between two neighbours of a layer."""
    kinds = (one[0], two[0])
    if kinds == ("node", "node"):
        wires = (one[1] >= real) + (two[1] >= real)
        between = spacing.node if not wires else spacing.wire + 2 * (wires == 1)
        return shapes[one[1]].right + between + shapes[two[1]].left
    if kinds[0] == "node":
        return shapes[one[1]].right + (PAD if kinds[1] == "close" else APART)
    if kinds[1] == "node":
        return shapes[two[1]].left + (PAD if kinds[0] == "open" else APART)
    if kinds == ("close", "open"):
        return APART
    return RIM


def _label_room(rows: Rows, labels: list[float]) -> list[tuple[int, int, float]]:
    """Edges that leave a box through its bottom, and borders of boxes it crosses, stay left of its label."""
    count = len(rows.layer)
    gaps: list[tuple[int, int, float]] = []
    for b, (_, last) in enumerate(rows.box_span):
        room = labels[b] + 16
        inside = False
        for kind, number in rows.tokens[last]:
            if kind == "node":
                if inside and rows.below[number]:
                    gaps.append((number, count + 2 * b + 1, room))
            elif number == b:
                inside = kind == "open"
    for component in rows.groups.components:
        places = {atom: i for i, atom in enumerate(component.atoms)}
        ends = {
            b: (
                min(places[a] for a in rows.groups.boxes[b].atoms),
                max(places[a] for a in rows.groups.boxes[b].atoms),
            )
            for b in component.boxes
        }
        for a, (a0, a1) in ends.items():
            for b, (b0, b1) in ends.items():
                if a0 < b0 <= a1 < b1:
                    gaps.append((count + 2 * b, count + 2 * a + 1, labels[a] + 16))
    return gaps


Heights = tuple[list[float], list[float], list[float], list[tuple[float, float]]]


def _heights(rows: Rows, shapes: list[Shape], x: list[float], spacing: Spacing) -> Heights:
    """Rows from top to bottom with room for the rims of boxes that end or begin between them."""
    half = [max((shapes[v].height / 2 for v in row), default=0.0) for row in rows.rows]
    up, down = _rims(rows, shapes)
    above, below = list(half), list(half)
    for b, (first, last) in enumerate(rows.box_span):
        above[first] = max(above[first], up[b])
        below[last] = max(below[last], down[b])
    level_y: list[float] = []
    free: list[tuple[float, float]] = []
    y = 0.0
    for level, row in enumerate(rows.rows):
        y += above[level]
        level_y.append(y)
        y += below[level]
        if level + 1 == rows.depth:
            break
        reach = max((abs(x[v] - x[w]) for v in row for w in rows.below[v]), default=0.0)
        rims = below[level] - half[level] + above[level + 1] - half[level + 1]
        gap = max(spacing.least_row, spacing.row - rims / 2)
        gap += min(spacing.most_spread, max(0.0, reach - 120) * spacing.spread)
        free.append((y, y + gap))
        y += gap
    free.append((y, y))
    top = [level_y[first] - up[b] for b, (first, _) in enumerate(rows.box_span)]
    bottom = [level_y[last] + down[b] for b, (_, last) in enumerate(rows.box_span)]
    return [level_y[level] for level in rows.layer], top, bottom, free


def _rims(rows: Rows, shapes: list[Shape]) -> tuple[list[float], list[float]]:
    """How far each box reaches above its first row's centre and below its last one's; inner boxes first."""
    boxes = rows.groups.boxes
    up, down = [0.0] * len(boxes), [0.0] * len(boxes)
    done: list[int] = []
    for b in sorted(range(len(boxes)), key=lambda b: (len(boxes[b].members), -boxes[b].depth, b)):
        first, last = rows.box_span[b]
        members = boxes[b].members
        up[b] = max((shapes[v].height / 2 for v in members if rows.layer[v] == first), default=0.0) + PAD
        down[b] = max((shapes[v].height / 2 for v in members if rows.layer[v] == last), default=0.0)
        down[b] += 5 + LABEL_HEIGHT
        for c in done:
            if not members.isdisjoint(boxes[c].members):
                if rows.box_span[c][0] == first:
                    up[b] = max(up[b], up[c] + RIM)
                if rows.box_span[c][1] == last:
                    down[b] = max(down[b], down[c] + 3 + LABEL_HEIGHT)
        done.append(b)
    return up, down

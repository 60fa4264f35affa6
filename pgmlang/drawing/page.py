"""How a drawing is set on its page: the measures of small and of large graphs, and layers no wider than a page.

A graph of more than LARGE nodes is set tighter, one of more than HUGE tighter still, their long edges share trunks, and
nodes with room above or below leave layers that are too wide (the width-bounded layering of Tarassov, Nikolov and Branke 2004 stands behind the idea).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pgmlang.drawing.layering import Arc
from pgmlang.drawing.shapes import Shape

LARGE, HUGE = 30, 100
"""Nodes beyond which a graph is set as a large one, and as a very large one."""
STRIP = 3.0
"""How much wider than high a drawing may be before it is set in more rows."""
PAGE = 10 / 7
"""The longer side of a page by its shorter one, margins taken off: 7 by 10 inches."""
SLACK = 1.2
"""How much wider a large drawing is than what stands in its widest layer: straight wires keep nodes apart."""
TRIED = 1200
"""Nodes that are put in their places in all while the best setting of a page is looked for."""


@dataclass(frozen=True)
class Spacing:
    """Gaps between neighbours of a layer (nodes, wires) and between layers; ``spread``: how much of an edge's sideways
    reach the layers it joins move apart, at most ``most_spread``. ``height``: of a node with its name alone; ``arrow``: the
    length of an arrowhead."""

    node: float = 26.0
    wire: float = 13.0
    row: float = 38.0
    least_row: float = 24.0
    spread: float = 0.12
    most_spread: float = 90.0
    height: float = 42.0
    arrow: float = 10.0


ROOMY = Spacing()
TIGHT = Spacing(14.0, 9.0, 24.0, 18.0, 0.03, 22.0, height=28.0)
DENSE = Spacing(10.0, 7.0, 19.0, 16.0, 0.015, 12.0, height=22.0, arrow=7.0)


def spacing_of(nodes: int) -> Spacing:
    """How a graph of so many nodes is set."""
    return ROOMY if nodes <= LARGE else TIGHT if nodes <= HUGE else DENSE


def across(spacing: Spacing) -> Spacing:
    """The gaps where layers stand from left to right: arrows run along the lines of text and need more room."""
    return replace(
        spacing, node=max(6.0, spacing.node - 4), row=spacing.row + 16, least_row=spacing.least_row + 14
    )


def page_settings(
    layer: Sequence[int], arcs: Sequence[Arc], shapes: Sequence[Shape], spacing: Spacing, can_turn: bool = True
) -> tuple[list[list[int]], bool]:
    """Layers for a page, the most promising first, and whether they stand from left to right: where that is legible on a much
    smaller page, which it is for wide and shallow graphs. Only where all is in its place is it known which is the best."""
    wide, high = [s.left + s.right for s in shapes], [s.height for s in shapes]
    down, side = _promising(layer, arcs, wide, high, spacing)
    if can_turn and all(s.is_centred for s in shapes):
        sideways, side_across = _promising(layer, arcs, high, wide, across(spacing))
        if side_across < 0.75 * side:
            return sideways, True
    return down, False


def page_side(wide: float, high: float) -> float:
    """The shorter side of the page, upright or not, that a drawing needs: what is legible on a small page is well set."""
    return min(max(wide, high / PAGE), max(wide / PAGE, high))


def unrolled_strip(
    layer: Sequence[int], arcs: Sequence[Arc], shapes: Sequence[Shape], spacing: Spacing, fixed: Collection[int]
) -> list[int]:
    """The layers of a graph that would be a strip much wider than high, with the nodes that are not ``fixed`` in more rows;
    the same layers for others."""
    wide, high = [s.left + s.right for s in shapes], [s.height for s in shapes]
    across_, down = _sides(layer, arcs, wide, high, spacing)
    return list(layer) if across_ <= STRIP * down else page_layers(layer, arcs, wide, high, spacing, fixed)


def page_layers(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing,
    fixed: Collection[int] = (),
) -> list[int]:  # fmt: skip
    """The layers, changed so that the drawing fits a page (upright or across) at the largest size.

    ``widths``, ``heights``: of the nodes. ``fixed``: nodes that stay. Arcs still point down.
    """
    best, least = list(layer), _size(layer, arcs, widths, heights, spacing)
    for moved in _narrower(layer, arcs, widths, spacing, fixed):
        size = _size(moved, arcs, widths, heights, spacing)
        if size < least * 0.97:
            best, least = moved, size
    return best


def _promising(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing
) -> tuple[list[list[int]], float]:
    """The layers and those narrower, as many as are worth a trial and the smallest by estimate first, with its size."""
    choices = dict.fromkeys(
        map(tuple, (page_layers(layer, arcs, widths, heights, spacing), *_narrower(layer, arcs, widths, spacing)))
    )
    sizes = {choice: _size(choice, arcs, widths, heights, spacing) for choice in choices}
    ranked = sorted(choices, key=lambda choice: sizes[choice])[: max(1, TRIED // max(1, len(layer)))]
    return [list(choice) for choice in ranked], sizes[ranked[0]]


def _narrower(
    layer: Sequence[int],
    arcs: Sequence[Arc],
    widths: Sequence[float],
    spacing: Spacing,
    fixed: Collection[int] = (),
) -> Iterator[list[int]]:
    """The layers with their widths held to ever less."""
    whole = sum(widths) + spacing.node * len(widths)
    for part in range(2, 41):
        limit = whole / part
        if limit < 2 * max(widths):
            return
        yield _narrowed(layer, arcs, widths, limit, spacing, fixed)


def _size(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing
) -> float:
    """The side of the page that the drawing would need, estimated."""
    wide, high = _sides(layer, arcs, widths, heights, spacing)
    return page_side(SLACK * wide, high)


def _sides(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing
) -> tuple[float, float]:
    """Width and height of the drawing, estimated."""
    depth = max(layer, default=-1) + 1
    wide, high = [0.0] * depth, [0.0] * depth
    for v, level in enumerate(layer):
        wide[level] += widths[v] + spacing.node
        high[level] = max(high[level], heights[v])
    for level, wires in _wires(layer, arcs).items():
        wide[level] += wires * (spacing.wire + 2)
    return max(wide, default=0.0), sum(high) + spacing.row * depth


def _wires(layer: Sequence[int], arcs: Sequence[Arc]) -> Counter[int]:
    """Trunks that run through each layer: one for each node with longer arcs."""
    last: dict[int, int] = {}
    for a, b in arcs:
        last[a] = max(last.get(a, 0), layer[b])
    return Counter(level for a, end in last.items() for level in range(layer[a] + 1, end))


def _narrowed(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], limit: float, spacing: Spacing,
    fixed: Collection[int],
) -> list[int]:  # fmt: skip
    """Nodes moved out of layers wider than ``limit``: those without children down, those without parents up, others where
    their arcs leave them room; each to the nearest layer that takes it, a new one at the end if need be."""
    out = list(layer)
    above: list[list[int]] = [[] for _ in out]
    below: list[list[int]] = [[] for _ in out]
    for a, b in arcs:
        above[b].append(a)
        below[a].append(b)
    members: dict[int, set[int]] = {}
    for v, level in enumerate(out):
        members.setdefault(level, set()).add(v)
    wide = {level: sum(widths[v] + spacing.node for v in nodes) for level, nodes in members.items()}
    for level, wires in _wires(out, arcs).items():
        wide[level] = wide.get(level, 0.0) + wires * (spacing.wire + 2)

    def move(v: int, goal: int) -> None:
        wide[out[v]] -= widths[v] + spacing.node
        wide[goal] = wide.get(goal, 0.0) + widths[v] + spacing.node
        out[v] = goal

    def has_room(v: int, level: int) -> bool:
        return wide.get(level, 0.0) + widths[v] + spacing.node <= limit

    for v in range(len(out)):
        if not above[v] and not below[v] and v not in fixed:
            # A node without arcs goes to the last layer that has room.
            move(v, next((level for level in sorted(members, reverse=True) if has_room(v, level)), out[v]))
    for level in sorted(members):
        # The last in the layer's order move first, so that brothers stay in their order.
        loose = sorted(members[level].difference(fixed), key=lambda v: (len(above[v]) + len(below[v]), -v))
        for v in loose:
            if wide[level] <= limit:
                break
            if out[v] != level:
                continue
            goal = next((g for g in _goals(v, out, above[v], below[v]) if has_room(v, g)), None)
            if goal is not None:
                move(v, goal)
    return _numbered(out)


def _goals(v: int, out: list[int], above: list[int], below: list[int]) -> Iterator[int]:
    """Layers that a node's arcs allow, the nearest first: up for one without parents, else down."""
    level = out[v]
    if not above and below:
        yield from (level - step for step in range(1, len(out)))
        return
    last = min((out[w] - 1 for w in below), default=level + len(out))
    yield from range(level + 1, last + 1)


def _numbered(out: list[int]) -> list[int]:
    number = {old: new for new, old in enumerate(sorted(set(out)))}
    return [number[old] for old in out]

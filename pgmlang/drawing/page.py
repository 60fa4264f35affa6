"""How a drawing is set on its page: the measures of small and of large graphs, and layers no wider than a page.

A graph of more than LARGE nodes is set tighter, one of more than HUGE tighter still, their long edges share trunks, and
nodes with room above or below leave layers that are too wide (the width-bounded layering of Tarassov, Nikolov and Branke 2004 stands behind the idea).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgmlang.drawing.layering import Arc

LARGE, HUGE = 30, 100
"""Nodes beyond which a graph is set as a large one, and as a very large one."""
PAGE = 1.35
"""The longer side of a page by its shorter one, margins taken off."""


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


def page_layers(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing
) -> list[int]:
    """The layers, changed so that the drawing fits a page (upright or across) at the largest size.

    ``widths``, ``heights``: of the nodes. Arcs still point down.
    """
    best = list(layer)
    least = _size(best, arcs, widths, heights, spacing)
    whole = sum(widths) + spacing.node * len(widths)
    for part in range(2, 41):
        limit = whole / part
        if limit < 2 * max(widths):
            break
        moved = _narrowed(layer, arcs, widths, limit, spacing)
        size = _size(moved, arcs, widths, heights, spacing)
        if size < least * 0.97:
            best, least = moved, size
    return best


def _size(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], heights: Sequence[float], spacing: Spacing
) -> float:
    """The side of the page that the drawing would need, estimated: what is legible on a small page is well set."""
    wide, high = Counter[int](), Counter[int]()
    for v, level in enumerate(layer):
        wide[level] += widths[v] + spacing.node
        high[level] = max(high[level], heights[v])
    for level, wires in _wires(layer, arcs).items():
        wide[level] += wires * (spacing.wire + 2)
    across, down = max(wide.values()), sum(high.values()) + spacing.row * len(high)
    return min(max(across, down / PAGE), max(across / PAGE, down))


def _wires(layer: Sequence[int], arcs: Sequence[Arc]) -> Counter[int]:
    """Trunks that run through each layer: one for each node with longer arcs."""
    last: dict[int, int] = {}
    for a, b in arcs:
        last[a] = max(last.get(a, 0), layer[b])
    return Counter(level for a, end in last.items() for level in range(layer[a] + 1, end))


def _narrowed(
    layer: Sequence[int], arcs: Sequence[Arc], widths: Sequence[float], limit: float, spacing: Spacing
) -> list[int]:
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
    trunks = _wires(out, arcs)

    def wide(level: int) -> float:
        nodes = members.get(level, ())
        return sum(widths[v] + spacing.node for v in nodes) + trunks[level] * (spacing.wire + 2)

    def goals(v: int, level: int) -> list[int]:
        """Layers that the node's arcs allow, the nearest first."""
        first = max((out[u] + 1 for u in above[v]), default=level - len(out))
        last = min((out[w] - 1 for w in below[v]), default=level + len(out))
        steps = range(1, len(out))
        if not above[v] and below[v]:
            return [level - s for s in steps if level - s >= first]
        return [level + s for s in steps if level + s <= last]

    _settle_lone(out, members, above, below, lambda v, level: wide(level) + widths[v] + spacing.node <= limit)
    for level in sorted(members):
        # The last in the layer's order move first, so that brothers stay in their order.
        loose = sorted(members[level], key=lambda v: (len(above[v]) + len(below[v]), -v))
        for v in loose:
            if wide(level) <= limit:
                break
            for goal in goals(v, level):
                if wide(goal) + widths[v] + spacing.node <= limit:
                    members[level].discard(v)
                    members.setdefault(goal, set()).add(v)
                    out[v] = goal
                    break
    return _numbered(out)


def _settle_lone(
    out: list[int], members: dict[int, set[int]], above: list[list[int]], below: list[list[int]],
    fits: Callable[[int, int], bool],
) -> None:  # fmt: skip
    """Nodes without arcs go to the last layers that have room."""
    for v in range(len(out)):
        if above[v] or below[v]:
            continue
        members[out[v]].discard(v)
        goal = next((level for level in sorted(members, reverse=True) if fits(v, level)), out[v])
        members[goal].add(v)
        out[v] = goal


def _numbered(out: list[int]) -> list[int]:
    number = {old: new for new, old in enumerate(sorted(set(out)))}
    return [number[old] for old in out]

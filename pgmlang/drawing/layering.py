"""Layers: which row each node stands in (the first step of Sugiyama, Tagawa and Toda 1981)."""

from __future__ import annotations

from pgmlang.drawing.scene import Scene

Arc = tuple[int, int]


def downward(scene: Scene, index: dict[str, int]) -> list[Arc]:
    """The scene's edges as an acyclic set of arcs that point down; loops and unknown ends left out.

    Solid arrows count first; an edge that would close a cycle is turned round, so a dashed edge of a chain or
    guide never lifts a node above its parents. Of a factor's fields the first stands above it,
    the others below.
    """
    wanted: list[tuple[int, Arc]] = []
    for edge in scene.edges:
        if edge.source not in index or edge.target not in index or edge.source == edge.target:
            continue
        wanted.append((2 if edge.dashed else 0, (index[edge.source], index[edge.target])))
    plain = [edge for edge in scene.edges if not edge.directed]
    turned = _plain_arcs(
        scene,
        [
            (index[e.source], index[e.target])
            for e in plain
            if e.source in index and e.target in index and e.source != e.target
        ],
    )
    arcs = [
        (0 if rank == 0 and arc not in turned else 1 if rank == 0 else 2, turned.get(arc, arc))
        for rank, arc in wanted
    ]
    distinct = dict.fromkeys(arc for _, arc in sorted(arcs, key=lambda item: item[0]))
    return _acyclic(len(scene.nodes), list(distinct))


def _plain_arcs(scene: Scene, pairs: list[Arc]) -> dict[Arc, Arc]:
    """A direction for each plain edge: parameters and a factor's first field above, its other fields below."""
    kinds = [node.kind for node in scene.nodes]
    seen: dict[int, int] = {}
    chosen: dict[Arc, Arc] = {}
    order = sorted(dict.fromkeys(pairs), key=lambda pair: (max(pair), min(pair)))
    for pair in sorted(order, key=lambda pair: min(pair)):
        a, b = pair
        if (kinds[a] == "factor") == (kinds[b] == "factor"):
            chosen[pair] = (min(pair), max(pair))
            continue
        factor, other = (a, b) if kinds[a] == "factor" else (b, a)
        above = kinds[other] in ("param", "input") or seen.setdefault(factor, other) == other
        chosen[pair] = (other, factor) if above else (factor, other)
    return chosen


def _acyclic(count: int, arcs: list[Arc]) -> list[Arc]:
    """Depth first; an arc back to a node still on the stack is turned round.

    Arcs are searched in their order of rank, so of a cycle usually the last ranked one is turned. Solid arcs of an
    acyclic scene must never turn: they are searched first, alone, and fix an order that the others must follow.
    """
    out: list[list[int]] = [[] for _ in range(count)]
    for a, b in arcs:
        out[a].append(b)
    if _topological(count, out) is not None:
        return arcs
    edges_out: list[list[int]] = [[] for _ in range(count)]
    done: dict[Arc, None] = {}
    for a, b in arcs:
        if (a, b) in done or (b, a) in done:
            continue
        start, end = (b, a) if _reaches(edges_out, b, a) else (a, b)
        edges_out[start].append(end)
        done[(start, end)] = None
    return list(done)


def _reaches(out: list[list[int]], start: int, goal: int) -> bool:
    todo, seen = [start], {start}
    while todo:
        v = todo.pop()
        if v == goal:
            return True
        for w in out[v]:
            if w not in seen:
                seen.add(w)
                todo.append(w)
    return False


def _topological(count: int, out: list[list[int]]) -> list[int] | None:
    """Kahn's order, or None for a cycle."""
    waiting = [0] * count
    for ends in out:
        for w in ends:
            waiting[w] += 1
    order = [v for v in range(count) if not waiting[v]]
    for v in order:
        for w in out[v]:
            waiting[w] -= 1
            if not waiting[w]:
                order.append(w)
    return order if len(order) == count else None


def layers(count: int, arcs: list[Arc], passes: int = 4) -> list[int]:
    """The longest path to each node, then nodes moved along their slack to where their edges are shorter.

    The second part stands in for the network simplex of Gansner, Koutsofios, North and Vo 1993: a node with more
    edges out than in moves down to its children. A root therefore stands just above its nearest child.
    """
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for a, b in arcs:
        above[b].append(a)
        below[a].append(b)
    order = _topological(count, below)
    assert order is not None, "downward() made the arcs acyclic"
    layer = [0] * count
    for v in order:
        layer[v] = max((layer[u] + 1 for u in above[v]), default=0)
    for _ in range(passes):
        before = list(layer)
        for v in reversed(order):
            if below[v] and len(below[v]) > len(above[v]):
                layer[v] = min(layer[w] for w in below[v]) - 1
        for v in order:
            if above[v] and len(above[v]) >= len(below[v]):
                layer[v] = max(layer[u] for u in above[v]) + 1
        if layer == before:
            break
    return _packed(layer)


def _packed(layer: list[int]) -> list[int]:
    """The same layers numbered from 0 without gaps."""
    number = {old: new for new, old in enumerate(sorted(set(layer)))}
    return [number[old] for old in layer]

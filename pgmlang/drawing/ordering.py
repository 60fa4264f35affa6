"""The order of nodes within layers: fewest crossings with every plate one stretch in each of its layers.

Barycentre sweeps (Sugiyama, Tagawa and Toda 1981) over a tree of groups, as Sander 1996 does for compound graphs.
The components of one atom keep one order over all layers, so the boxes' borders never have to cross.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise, permutations

from pgmlang.drawing.groups import Groups
from pgmlang.drawing.layering import Arc

Item = tuple[str, int]
Token = tuple[str, int]


@dataclass
class Rows:
    """The graph with its long arcs cut into unit pieces at dummies, and the place of everything.

    ``tokens[l]`` is layer l from left to right: ("node", v), ("open", box) and ("close", box).
    """

    groups: Groups
    layer: list[int]
    home: list[int]
    chains: dict[Arc, list[int]]
    above: list[list[int]]
    below: list[list[int]]
    depth: int
    span: list[tuple[int, int]] = field(default_factory=list)
    box_span: list[tuple[int, int]] = field(default_factory=list)
    at: list[dict[int, list[int]]] = field(default_factory=list)
    position: list[float] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    tokens: list[list[Token]] = field(default_factory=list)


def build_rows(groups: Groups, layer: list[int], arcs: list[Arc], trunks: bool = False) -> Rows:
    """Put dummies on arcs longer than one layer, inside the plates of the arc's ends where those still reach.

    ``trunks``: long arcs out of one node, or into one, share their dummies, so that they are drawn as one line that
    branches; each arc goes with the larger of its two bundles, so a line never leads from one node's trunk to another's.
    """
    count = len(layer)
    rows = Rows(
        groups,
        list(layer),
        list(groups.home),
        {},
        [[] for _ in range(count)],
        [[] for _ in range(count)],
        max(layer, default=-1) + 1,
    )
    rows.box_span = [(min(layer[v] for v in b.members), max(layer[v] for v in b.members)) for b in groups.boxes]
    rows.span = [
        (min(rows.box_span[b][0] for b in c.boxes), max(rows.box_span[b][1] for b in c.boxes))
        for c in groups.components
    ]
    owners = _owners(layer, arcs) if trunks else {}
    shared: dict[tuple[int, int, int], int] = {}
    for a, b in arcs:
        chain = [a]
        for level in range(layer[a] + 1, layer[b]):
            home = _dummy_home(rows, a, b, level)
            key = (owners[(a, b)], level, home) if (a, b) in owners else None
            if key is not None and key in shared:
                chain.append(shared[key])
                continue
            if key is not None:
                shared[key] = len(rows.layer)
            chain.append(len(rows.layer))
            rows.layer.append(level)
            rows.home.append(home)
            rows.above.append([])
            rows.below.append([])
        chain.append(b)
        rows.chains[(a, b)] = chain
        for u, v in pairwise(chain):
            if v not in rows.below[u]:
                rows.below[u].append(v)
                rows.above[v].append(u)
    rows.at = [{} for _ in range(rows.depth)]
    for v, level in enumerate(rows.layer):
        rows.at[level].setdefault(rows.home[v], []).append(v)
    if trunks:
        for homes in rows.at:
            for home, members in homes.items():
                # Where nothing else decides, a trunk runs between its branches, not beside them.
                nodes, dummies = [v for v in members if v < count], [v for v in members if v >= count]
                homes[home] = [*nodes[: len(nodes) // 2], *dummies, *nodes[len(nodes) // 2 :]]
    rows.position = [0.0] * len(rows.layer)
    return rows


def _owners(layer: list[int], arcs: list[Arc]) -> dict[Arc, int]:
    """The end whose trunk each long arc takes: 2v for the arcs out of node v, 2v + 1 for those into it."""
    long = [(a, b) for a, b in arcs if layer[b] - layer[a] > 1]
    out, into = Counter(a for a, _ in long), Counter(b for _, b in long)
    return {(a, b): 2 * a if out[a] >= into[b] else 2 * b + 1 for a, b in long if out[a] > 1 or into[b] > 1}


def _dummy_home(rows: Rows, a: int, b: int, level: int) -> int:
    """A dummy's atom: an end's own plates while they span the layer (not both ends'), else the common atom."""
    groups = rows.groups
    from_a, from_b = groups.path(groups.home[a]), groups.path(groups.home[b])
    if from_a[0] == from_b[0]:
        return from_a[0]
    shared = set(from_a) & set(from_b)
    common = next(atom for atom in from_a if atom in shared)

    def inner(path: list[int]) -> int:
        for atom in path:
            if atom == common:
                break
            low, high = rows.span[groups.atoms[atom].component]
            if low <= level <= high:
                return atom
        return common

    at_a, at_b = inner(from_a), inner(from_b)
    if at_a != common and at_b != common:
        same = groups.atoms[at_a].component == groups.atoms[at_b].component
        return at_b if same else common
    return at_a if at_a != common else at_b


def order(rows: Rows, effort: float = 1.0) -> None:
    """Find the order and leave it in ``rows``; small graphs try several orders of plates side by side."""
    size = len(rows.layer)
    sweeps = max(2, min(12, int(effort * 60000 / max(size, 1))))
    best: tuple[Score, list[list[int]], list[list[int]], list[list[int]]] | None = None
    for arrangement in _arrangements(rows, limit=24 if size <= 120 else 4 if size <= 600 else 1):
        for atom, children in arrangement[0].items():
            rows.groups.atoms[atom].children = list(children)
        for component, atoms in arrangement[1].items():
            rows.groups.components[component].atoms = list(atoms)
        score, best_rows = _sweep(rows, sweeps, polish=size <= 400)
        if best is None or score < best[0]:
            best = (
                score,
                best_rows,
                [list(a.children) for a in rows.groups.atoms],
                [list(c.atoms) for c in rows.groups.components],
            )
        if best[0][0] == 0 and size > 120:
            break
    if best is None:
        return
    for state, children in zip(rows.groups.atoms, best[2], strict=True):
        state.children = children
    for component_state, atoms in zip(rows.groups.components, best[3], strict=True):
        component_state.atoms = atoms
    _place(rows, best[1])


Score = tuple[int, int, float]
Arrangement = tuple[dict[int, list[int]], dict[int, list[int]]]


def _arrangements(rows: Rows, limit: int) -> list[Arrangement]:
    """Orders of the components within atoms, and crossed plates as they are or mirrored; at most ``limit``."""
    arrangements: list[Arrangement] = [({}, {})]
    for number, atom in enumerate(rows.groups.atoms):
        if not 2 <= len(atom.children) <= 4:
            continue
        options = [list(p) for p in permutations(atom.children)]
        if len(arrangements) * len(options) <= limit:
            arrangements = [({**f[0], number: option}, f[1]) for f in arrangements for option in options]
    for number, component in enumerate(rows.groups.components):
        if len(component.atoms) >= 2 and len(arrangements) * 2 <= limit:
            mirrored = component.atoms[::-1]
            arrangements = [
                (f[0], {**f[1], number: option}) for f in arrangements for option in (component.atoms, mirrored)
            ]
    return arrangements


def _sweep(rows: Rows, sweeps: int, polish: bool) -> tuple[Score, list[list[int]]]:
    """Sweeps down and up; the best rows seen and their score (crossings, edges past labels, sideways length)."""
    rows.position = [0.0] * len(rows.layer)
    _place(rows, [[] for _ in range(rows.depth)])
    for level in range(1, rows.depth):
        _arrange_level(rows, level, rows.above)
    best: tuple[Score, list[list[int]]] | None = None
    stale = 0
    for number in range(sweeps):
        if number % 2 == 0:
            for level in range(rows.depth - 2, -1, -1):
                _arrange_level(rows, level, rows.below)
        else:
            for level in range(1, rows.depth):
                _arrange_level(rows, level, rows.above)
        if polish:
            _transpose(rows)
        score = (crossings(rows), _under_labels(rows), _length(rows))
        stale += 1
        if best is None or score < best[0]:
            best = (score, [list(row) for row in rows.rows])
            stale = 0
        if stale >= 4:
            break
    assert best is not None
    return best


def _place(rows: Rows, wanted: list[list[int]]) -> None:
    """Write rows given as orders of nodes (empty: the order of the scene) into ``rows``."""
    rows.rows = [[] for _ in range(rows.depth)]
    rows.tokens = [[] for _ in range(rows.depth)]
    for level in range(rows.depth):
        rank = {v: float(i) for i, v in enumerate(wanted[level])}
        _emit_level(rows, level, rank)


def _arrange_level(rows: Rows, level: int, towards: list[list[int]]) -> None:
    """Sort one layer by the barycentres of its nodes' neighbours in the layer above (or below)."""
    position = rows.position
    rank: dict[int, float] = {}
    for v in rows.rows[level]:
        ends = towards[v]
        rank[v] = sum(position[w] for w in ends) / len(ends) if ends else position[v]
    _emit_level(rows, level, rank)


def _emit_level(rows: Rows, level: int, rank: dict[int, float]) -> None:
    """Lay out a layer from ranks: groups keep together, and the components of an atom keep their order."""
    tokens: list[Token] = []
    if rows.groups.components:
        _emit_atom(rows, 0, level, rank, tokens)
    else:
        nodes = rows.at[level].get(0, ())
        tokens = [("node", v) for v in sorted(nodes, key=lambda v: (rank.get(v, 0.0), rows.position[v]))]
    rows.tokens[level] = tokens
    row = [v for kind, v in tokens if kind == "node"]
    rows.rows[level] = row
    middle = (len(row) - 1) / 2
    for i, v in enumerate(row):
        rows.position[v] = i - middle


def _emit_atom(rows: Rows, atom: int, level: int, rank: dict[int, float], tokens: list[Token]) -> None:
    state = rows.groups.atoms[atom]
    items: list[tuple[float, float, Item]] = [
        (rank.get(v, 0.0), rows.position[v], ("node", v)) for v in rows.at[level].get(atom, ())
    ]
    groups = [c for c in state.children if rows.span[c][0] <= level <= rows.span[c][1]]
    if groups:
        values = [_group_value(rows, c, level, rank) for c in groups]
        slots = sorted(range(len(groups)), key=lambda i: values[i])
        # The components take the sorted places in their fixed order.
        items += [(*values[slot], ("group", group)) for slot, group in zip(slots, groups, strict=True)]
    items.sort(key=lambda item: item[:2])
    for _, _, (kind, number) in items:
        if kind == "node":
            tokens.append(("node", number))
        else:
            _emit_component(rows, number, level, rank, tokens)


def _emit_component(rows: Rows, number: int, level: int, rank: dict[int, float], tokens: list[Token]) -> None:
    component, boxes = rows.groups.components[number], rows.groups.boxes
    present = [b for b in component.boxes if rows.box_span[b][0] <= level <= rows.box_span[b][1]]
    present.sort(key=lambda b: (-len(boxes[b].atoms), boxes[b].depth, b))
    places = {atom: i for i, atom in enumerate(component.atoms)}
    first = {b: min(places[atom] for atom in boxes[b].atoms) for b in present}
    last = {b: max(places[atom] for atom in boxes[b].atoms) for b in present}
    for i, atom in enumerate(component.atoms):
        tokens.extend(("open", b) for b in present if first[b] == i)
        _emit_atom(rows, atom, level, rank, tokens)
        tokens.extend(("close", b) for b in reversed(present) if last[b] == i)


def _group_value(rows: Rows, number: int, level: int, rank: dict[int, float]) -> tuple[float, float]:
    """The mean rank of a component's nodes in a layer; without nodes there, its mean over all layers."""
    inside = _nodes_in(rows, number, level)
    if inside:
        return (
            sum(rank.get(v, 0.0) for v in inside) / len(inside),
            sum(rows.position[v] for v in inside) / len(inside),
        )
    low, high = rows.span[number]
    everywhere = [rows.position[v] for other in range(low, high + 1) for v in _nodes_in(rows, number, other)]
    mean = sum(everywhere) / max(len(everywhere), 1)
    return (mean, mean)


def _nodes_in(rows: Rows, number: int, level: int) -> list[int]:
    out: list[int] = []
    for atom in rows.groups.components[number].atoms:
        out.extend(rows.at[level].get(atom, ()))
        for child in rows.groups.atoms[atom].children:
            if rows.span[child][0] <= level <= rows.span[child][1]:
                out.extend(_nodes_in(rows, child, level))
    return out


def crossings(rows: Rows) -> int:
    """Crossings between neighbouring layers, by counting inversions with a sorted list (Barth et al. 2002)."""
    total = 0
    for row in rows.rows[:-1]:
        seen: list[float] = []
        for v in row:
            ends = sorted(rows.position[w] for w in rows.below[v])
            for end in ends:
                # Equal ends touch at a node and do not cross.
                total += len(seen) - bisect_left(seen, end + 0.25)
            for end in ends:
                insort(seen, end)
    return total


def _under_labels(rows: Rows) -> int:
    """Edges that leave a box's last layer to the right of it, hence past its label."""
    total = 0
    for b, (_, last) in enumerate(rows.box_span):
        names = [number for kind, number in rows.tokens[last] if kind != "node"]
        if b not in names:
            continue
        inside = rows.tokens[last][rows.tokens[last].index(("open", b)) : rows.tokens[last].index(("close", b))]
        nodes = [v for kind, v in inside if kind == "node"]
        edge = max((rows.position[v] for v in nodes), default=0.0)
        total += sum(_right_of(rows, w, b, edge) for v in nodes for w in rows.below[v])
    return total


def _right_of(rows: Rows, v: int, box: int, edge: float) -> bool:
    """Whether a node of the next layer stands right of a box: by the components' order if both have one."""
    groups = rows.groups
    component = groups.atoms[next(iter(groups.boxes[box].atoms))].component
    siblings = groups.atoms[groups.components[component].parent].children
    for atom in groups.path(rows.home[v]):
        if groups.atoms[atom].component in siblings:
            return siblings.index(groups.atoms[atom].component) > siblings.index(component)
    return rows.position[v] > edge + 0.75


def _length(rows: Rows) -> float:
    return sum(abs(rows.position[v] - rows.position[w]) for v in range(len(rows.layer)) for w in rows.below[v])


def _transpose(rows: Rows) -> None:
    """Swap neighbours of one atom while that removes crossings (Gansner et al. 1993)."""
    for _ in range(4):
        improved = False
        for level in range(rows.depth):
            tokens = rows.tokens[level]
            for i in range(len(tokens) - 1):
                (kind, u), (other, v) = tokens[i], tokens[i + 1]
                if kind != "node" or other != "node" or rows.home[u] != rows.home[v]:
                    continue
                if _pair(rows, u, v) > _pair(rows, v, u):
                    tokens[i], tokens[i + 1] = tokens[i + 1], tokens[i]
                    rows.position[u], rows.position[v] = rows.position[v], rows.position[u]
                    improved = True
            rows.rows[level] = [v for kind, v in tokens if kind == "node"]
        if not improved:
            return


def _pair(rows: Rows, left: int, right: int) -> int:
    """Crossings between the edges of two neighbours when they stand in this order."""
    total = 0
    for ends in (rows.above, rows.below):
        for a in ends[left]:
            for b in ends[right]:
                total += rows.position[a] > rows.position[b]
    return total

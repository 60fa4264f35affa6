"""Interaction graphs, elimination orders and junction trees. Pure Python; a vertex set is a bit mask."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random

HEURISTICS = ("fill", "weight", "weighted_fill", "sweep")


@lru_cache(maxsize=1 << 13)
def bits(mask: int) -> tuple[int, ...]:
    """Positions of the set bits, lowest first. The same few masks are asked for again and again."""
    positions = []
    while mask:
        low = mask & -mask
        positions.append(low.bit_length() - 1)
        mask ^= low
    return tuple(positions)


def interaction_graph(scopes: Iterable[Iterable[int]], num_vertices: int) -> list[int]:
    """Neighbour mask of each vertex: two vertices are neighbours when a scope holds both."""
    neighbours = [0] * num_vertices
    for scope in scopes:
        members = tuple(scope)
        mask = 0
        for v in members:
            mask |= 1 << v
        for v in members:
            neighbours[v] |= mask
    return [mask & ~(1 << v) for v, mask in enumerate(neighbours)]


@dataclass(frozen=True)
class Elimination:
    """An elimination order and the clique (the vertex with its neighbours then) that each step makes."""

    order: tuple[int, ...]
    cliques: tuple[int, ...]
    sizes: tuple[int, ...]

    @cached_property
    def clique_cells(self) -> tuple[int, ...]:
        """Cells of each clique's table, as exact whole numbers."""
        return tuple(math.prod(self.sizes[v] for v in bits(clique)) for clique in self.cliques)

    @property
    def total_cells(self) -> int:
        return sum(self.clique_cells)

    @property
    def width(self) -> int:
        """Largest clique less one: the treewidth bound this order proves."""
        return max((clique.bit_count() for clique in self.cliques), default=1) - 1

    @property
    def largest(self) -> tuple[int, ...]:
        """The clique with the most cells."""
        if not self.cliques:
            return ()
        largest = max(range(len(self.cliques)), key=self.clique_cells.__getitem__)
        return bits(self.cliques[largest])


def sweep(neighbours: Sequence[int]) -> list[int]:
    """Position of each vertex in a sweep from an outermost one (Cuthill and McKee 1969): good on grids."""

    def walk(start: int) -> list[int]:
        seen, order = 1 << start, [start]
        for v in order:
            new = neighbours[v] & ~seen
            seen |= new
            order.extend(sorted(bits(new), key=lambda u: (neighbours[u].bit_count(), u)))
        return order

    rank = [-1] * len(neighbours)
    count = 0
    for v in range(len(neighbours)):
        if rank[v] < 0:
            order = walk(walk(walk(v)[-1])[-1])
            for u in order:
                rank[u] = count
                count += 1
    return rank


class _Eliminator:
    """Greedy elimination with a heap of lazily updated scores."""

    def __init__(self, neighbours: Sequence[int], sizes: Sequence[int], heuristic: str, rng: Random | None):
        self.near = list(neighbours)
        self.sizes = [float(size or 1) for size in sizes]
        self.log_sizes = [math.log(size) for size in self.sizes]
        self.heuristic = heuristic
        self.rng = rng
        self.place = sweep(neighbours) if heuristic == "sweep" else []
        self.stamp = [0] * len(self.near)
        self.order: list[int] = []
        self.cliques: list[int] = []
        self.cells = 0.0

    def score(self, v: int) -> tuple[float, float, float]:
        """Least first: edges that eliminating ``v`` would add, twice (or their summed weights), and the cells of
        its clique; these first under "weight"."""
        near, sizes = self.near, self.sizes
        around = rest = near[v]
        cells = sizes[v]
        lacking = 0
        while rest:
            low = rest & -rest
            u = low.bit_length() - 1
            rest ^= low
            cells *= sizes[u]
            lacking += (around & ~near[u]).bit_count() - 1
        fill = float(lacking) if self.heuristic != "weighted_fill" else self.weighted_fill(around)
        tie = self.rng.random() if self.rng else float(v)
        return (cells, fill, tie) if self.heuristic == "weight" else (fill, cells, tie)

    def weighted_fill(self, around: int) -> float:
        """Summed products of the log sizes of the ends of each edge lacking among ``around``."""
        near, logs = self.near, self.log_sizes
        total = 0.0
        for u in bits(around):
            for w in bits(around & ~near[u] & ~(1 << u)):
                total += logs[u] * logs[w]
        return round(total, 9)

    def is_simplicial(self, v: int) -> bool:
        """Whether the neighbours of ``v`` are neighbours of each other: eliminating it adds no edge."""
        near = self.near
        around = near[v]
        rest = around
        while rest:
            low = rest & -rest
            rest ^= low
            if around & ~near[low.bit_length() - 1] != low:
                return False
        return True

    def eliminate(self, v: int) -> int:
        """Remove ``v``, marry its neighbours; returns the mask of vertices whose score may have changed."""
        near = self.near
        around = near[v]
        gone = ~(1 << v)
        touched = around
        for u in bits(around):
            new = around & ~near[u] & ~(1 << u)
            near[u] = (near[u] | around) & gone & ~(1 << u)
            for w in bits(new):
                touched |= near[u] & near[w]
        near[v] = 0
        return touched & gone

    def note(self, v: int) -> None:
        """``v`` is eliminated next."""
        clique = rest = self.near[v] | 1 << v
        cells = 1.0
        while rest:
            low = rest & -rest
            cells *= self.sizes[low.bit_length() - 1]
            rest ^= low
        self.cells += cells
        self.order.append(v)
        self.cliques.append(clique)

    def eliminate_simplicial(self, candidates: list[int], left: int) -> tuple[int, int]:
        """Eliminate simplicial vertices of ``left``, starting at ``candidates``, until none is: first is best for
        them (Bodlaender, Koster and van den Eijkhof 2005), and no other vertex becomes less so. Returns the
        vertices left, and those that have fewer neighbours now."""
        near = self.near
        touched = 0
        for v in candidates:  # grows as it goes
            if not left >> v & 1 or not self.is_simplicial(v):
                continue
            self.note(v)
            bit = 1 << v
            left ^= bit
            around = near[v]
            near[v] = 0
            touched |= around
            for u in bits(around):
                near[u] ^= bit
                candidates.append(u)
        return left, touched & left

    def run(self, groups: Sequence[int], limit: float) -> tuple[list[int], list[int]] | None:
        """Eliminate each group (a mask) in turn; None once the cells so far exceed ``limit``."""
        for group in groups:
            if not (self.run_sweep(group, limit) if self.place else self.run_greedy(group, limit)):
                return None
        return self.order, self.cliques

    def run_sweep(self, group: int, limit: float) -> bool:
        for v in sorted(bits(group), key=self.place.__getitem__):
            self.note(v)
            if self.cells > limit:
                return False
            self.eliminate(v)
        return True

    def run_greedy(self, group: int, limit: float) -> bool:
        by_degree = sorted(bits(group), key=lambda v: self.near[v].bit_count())
        left, _ = self.eliminate_simplicial(by_degree, group)
        heap = [(self.score(v), v, self.stamp[v]) for v in bits(left)]
        heapq.heapify(heap)
        while heap and self.cells <= limit:
            _, v, stamp = heapq.heappop(heap)
            if stamp != self.stamp[v] or not left >> v & 1:
                continue
            self.note(v)
            left ^= 1 << v
            touched = self.eliminate(v) & left
            left, fewer = self.eliminate_simplicial(list(bits(touched)), left)
            for u in bits((touched | fewer) & left):
                self.stamp[u] += 1
                heapq.heappush(heap, (self.score(u), u, self.stamp[u]))
        return self.cells <= limit


def eliminate(
    neighbours: Sequence[int],
    sizes: Sequence[int],
    groups: Sequence[int],
    heuristic: str = "fill",
    seed: int | None = None,
    limit: float = math.inf,
) -> Elimination | None:
    """One greedy elimination of the vertices in ``groups`` (masks, one group after the other).

    ``heuristic``: one of ``HEURISTICS``; ties by vertex number, or at random with a ``seed``. None when the
    cliques' cells exceed ``limit``.
    """
    worker = _Eliminator(neighbours, sizes, heuristic, Random(seed) if seed is not None else None)
    done = worker.run(groups, limit)
    return None if done is None else Elimination(tuple(done[0]), tuple(done[1]), tuple(sizes))


# What a try of one heuristic and a cell of a clique cost, in seconds, roughly.
_TRY_SECONDS = 4e-5
_CELL_SECONDS = 2e-9
_MOST_TRIES = 16
_HOPELESS = 1e11


def elimination_order(
    neighbours: Sequence[int], sizes: Sequence[int], groups: Sequence[int] | None = None, rows: int = 1
) -> Elimination:
    """The best of several greedy orders by the cells of all cliques; the same answer for the same input.

    The more work ``rows`` evidence rows are, the more tries, with random ties. ``groups``: masks eliminated one
    after the other (a constrained order; what no group holds stays); all vertices at once when None.
    """
    if groups is None:
        groups = [(1 << len(sizes)) - 1]
    best = eliminate(neighbours, sizes, groups, "fill")
    assert best is not None
    cells = float(min(best.total_cells, 10**300))
    count = sum(group.bit_count() for group in groups)

    def affordable() -> float:
        work = min(cells * rows, 1e11) * _CELL_SECONDS
        return min(float(_MOST_TRIES), 0.5 * work / (_TRY_SECONDS * max(count, 1)))

    def attempt(heuristic: str, seed: int | None) -> None:
        nonlocal best, cells
        other = eliminate(neighbours, sizes, groups, heuristic, seed, limit=cells * (1 - 1e-9))
        if other is not None:
            best, cells = other, float(min(other.total_cells, 10**300))

    if affordable() >= 0.5:
        attempt("weight", None)
    if affordable() >= 3.0:
        attempt("sweep", None)
    if affordable() >= 4.0 and cells < _HOPELESS:
        attempt("weighted_fill", None)
    tried = 6 if cells < _HOPELESS else _MOST_TRIES
    while tried < affordable():
        heuristic = HEURISTICS[tried % 3]
        attempt(heuristic, tried)
        tried += 4 if heuristic == "weighted_fill" else 1
    return best


@dataclass(frozen=True)
class JunctionTree:
    """Maximal cliques (sorted tuples) and tree edges (child, parent, separator); a forest for a split graph."""

    cliques: tuple[tuple[int, ...], ...]
    edges: tuple[tuple[int, int, tuple[int, ...]], ...]


def junction_tree(elimination: Elimination) -> JunctionTree:
    """The junction tree of an elimination (Lauritzen and Spiegelhalter 1988), non-maximal cliques absorbed."""
    rank = {v: i for i, v in enumerate(elimination.order)}
    masks = list(elimination.cliques)
    parent: list[int] = []
    for v, mask in zip(elimination.order, masks, strict=True):
        rest = mask & ~(1 << v)
        parent.append(min(rank[u] for u in bits(rest)) if rest else -1)
    # A clique equal to its child's separator adds nothing: the child stands in for it.
    stand_in = list(range(len(masks)))
    for i, up in enumerate(parent):
        if up >= 0 and masks[i] & masks[up] == masks[up] and stand_in[up] == up:
            stand_in[up] = i
    # The stand-in chain always leads to earlier positions, hence ends.
    top = list(range(len(masks)))
    for i in range(len(masks)):
        j = i
        while stand_in[j] != j:
            j = stand_in[j]
        top[i] = j
    maximal = sorted(set(top))
    number = {i: k for k, i in enumerate(maximal)}
    edges = []
    for i in range(len(masks)):
        up = parent[i]
        if up >= 0 and top[i] != top[up]:
            separator = masks[i] & ~(1 << elimination.order[i])
            edges.append((number[top[i]], number[top[up]], bits(separator)))
    return JunctionTree(tuple(bits(masks[i]) for i in maximal), tuple(edges))

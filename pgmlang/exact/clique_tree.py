"""Posteriors for one row of evidence by a tree of cliques: dense tables, a product and two sums a clique.

For networks whose cliques are small a call of numpy costs more than its arithmetic, and choosing kernels more than running them: so tables stand
over the sorted variables of their clique, where numpy's broadcasting multiplies them, and nothing is compiled. Messages are divided out again
(Lauritzen and Spiegelhalter 1988; Jensen, Lauritzen and Olesen 1990), with 0 / 0 = 0: what a clique rules out, it rules out whatever it hears.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pgmlang.exact.leaves import FactorTable
from pgmlang.graph.elimination import Elimination, bits, elimination_order, interaction_graph

MOST_CELLS = 50_000
"""Cells of all cliques; beyond, arithmetic is what takes time, and kernels are worth choosing."""
SAFE_RANGE = 400.0
"""Products whose cells differ by less than e^400 lose none to underflow."""
Axes = tuple[int, ...]
Shape = tuple[int, ...]


@dataclass
class Clique:
    """``scope``: its variables, in order. ``factors``: number, order of axes (None: as they are), shape within the clique. ``summed``: the axes
    that its message to ``parent`` lacks, ``above``: the message's shape there, ``here``: its shape in this clique; ``others``: the axes of the
    parent that the message from there lacks. ``wanted``: variables whose posteriors are read off it, each with all other axes."""

    scope: Axes
    factors: list[tuple[int, Axes | None, Shape]] = field(default_factory=list)
    parent: int = -1
    summed: Axes = ()
    above: Shape = ()
    here: Shape = ()
    others: Axes = ()
    wanted: list[tuple[int, Axes]] = field(default_factory=list)


@dataclass(frozen=True)
class CliqueTree:
    """Cliques, each before its parent, and the factors over no variable; ``scale``: the logarithm of what all factors are divided by."""

    cliques: tuple[Clique, ...]
    constants: tuple[int, ...]
    scale: float


def clique_tree(
    factors: Sequence[FactorTable], chosen: Sequence[int], sizes: Sequence[int], observed: Mapping[int, int],
    hidden: Sequence[int], max_cells: int,
) -> CliqueTree | None:  # fmt: skip
    """The tree for the factors ``chosen`` once the ``observed`` variables have codes. None where cliques are large, or linear arithmetic not
    safe."""
    if sum([factors[n].low for n in chosen]) >= SAFE_RANGE:
        return None
    scopes = [[v for v in factors[n].scope if v not in observed] for n in chosen]
    graph = interaction_graph(scopes, len(sizes))
    elimination = elimination_order(graph, sizes, [sum([1 << v for v in hidden])])
    if elimination.total_cells > min(MOST_CELLS, max_cells):
        return None
    cliques, home = _joined(elimination, sizes)
    position = {v: i for i, v in enumerate(elimination.order)}
    constants = []
    for number, scope in zip(chosen, scopes, strict=True):
        if not scope:
            constants.append(number)
            continue
        clique = cliques[home[min([position[v] for v in scope])]]
        ordered = sorted(scope)
        order = None if scope == ordered else tuple([scope.index(v) for v in ordered])
        held = set(scope)
        clique.factors.append((number, order, tuple([sizes[v] if v in held else 1 for v in clique.scope])))
    _place_posteriors(cliques, sizes, hidden)
    return CliqueTree(tuple(cliques), tuple(constants), sum([factors[n].scale for n in chosen]))


def _joined(elimination: Elimination, sizes: Sequence[int]) -> tuple[list[Clique], list[int]]:
    """The cliques of an elimination, those within others joined to them, each before its parent; and where each step's went."""
    order, masks = elimination.order, elimination.cliques
    position = {v: i for i, v in enumerate(order)}
    parents = [
        min([position[u] for u in bits(mask & ~(1 << v))], default=-1)
        for v, mask in zip(order, masks, strict=True)
    ]
    into = list(range(len(order)))
    last = list(range(len(order)))
    for i, parent in enumerate(parents):
        if parent >= 0 and into[parent] == parent and masks[parent].bit_count() + 1 == masks[i].bit_count():
            # all that the next step's clique holds is here
            into[parent] = into[i]
            last[into[i]] = parent
    kept = sorted([i for i in range(len(order)) if into[i] == i], key=last.__getitem__)
    number = {i: n for n, i in enumerate(kept)}
    cliques = [Clique(bits(masks[i])) for i in kept]
    for i, clique in zip(kept, cliques, strict=True):
        up = parents[last[i]]
        if up < 0:
            continue
        clique.parent = number[into[up]]
        above = cliques[clique.parent].scope
        both = masks[i] & masks[into[up]]
        clique.summed = tuple([a for a, v in enumerate(clique.scope) if not both >> v & 1])
        clique.here = tuple([sizes[v] if both >> v & 1 else 1 for v in clique.scope])
        clique.above = tuple([sizes[v] if both >> v & 1 else 1 for v in above])
        clique.others = tuple([a for a, v in enumerate(above) if not both >> v & 1])
    return cliques, [number[i] for i in into]


def _place_posteriors(cliques: Sequence[Clique], sizes: Sequence[int], hidden: Sequence[int]) -> None:
    """Each variable's posterior is read off the smallest clique that holds it."""
    best: dict[int, tuple[int, int]] = {}
    for number, clique in enumerate(cliques):
        cells = math.prod([sizes[v] for v in clique.scope])
        for v in clique.scope:
            if v not in best or cells < best[v][0]:
                best[v] = (cells, number)
    for v in hidden:
        clique = cliques[best[v][1]]
        clique.wanted.append((v, tuple([a for a, u in enumerate(clique.scope) if u != v])))


def posteriors_of(
    tree: CliqueTree, factors: Sequence[FactorTable], observed: Mapping[int, int], sizes: Sequence[int], *, upwards_only: bool = False,
) -> tuple[np.ndarray, dict[int, np.ndarray]]:  # fmt: skip
    """log Z ``(1,)`` and, unless ``upwards_only``, the posterior ``(1, size)`` of every hidden variable; NaN where the evidence is
    impossible."""
    log_z = tree.scale
    for number in tree.constants:
        cell = float(_cut(factors[number], observed))
        log_z += math.log(cell) if cell > 0.0 else -math.inf
    beliefs: list[np.ndarray] = []
    heard: list[list[np.ndarray]] = [[] for _ in tree.cliques]
    sent: list[np.ndarray | None] = []
    total = np.add.reduce
    for clique, messages in zip(tree.cliques, heard, strict=True):
        belief: np.ndarray | None = None
        for number, order, shape in clique.factors:
            table = _cut(factors[number], observed)
            table = (table if order is None else table.transpose(order)).reshape(shape)
            belief = table if belief is None else belief * table
        for message in messages:
            belief = message if belief is None else belief * message
        if belief is None:
            belief = np.ones(tuple([sizes[v] for v in clique.scope]))
        if clique.parent >= 0:
            message = total(belief, clique.summed)
            heard[clique.parent].append(message.reshape(clique.above))
            sent.append(message.reshape(clique.here))
        else:
            mass = float(total(belief, None))
            log_z += math.log(mass) if mass > 0.0 else -math.inf
            sent.append(None)
        beliefs.append(belief)
    if upwards_only:
        return np.array([log_z]), {}
    if log_z == -math.inf:
        return np.array([log_z]), {v: np.full((1, sizes[v]), np.nan) for c in tree.cliques for v, _ in c.wanted}
    out: dict[int, np.ndarray] = {}
    for i in range(len(beliefs) - 1, -1, -1):
        clique, belief, message = tree.cliques[i], beliefs[i], sent[i]
        if message is not None:
            back = total(beliefs[clique.parent], clique.others).reshape(clique.here)
            if not message.all():
                message = np.where(message > 0.0, message, 1.0)
            belief = beliefs[i] = belief * (back / message)
        for v, axes in clique.wanted:
            posterior = total(belief, axes)
            out[v] = (posterior / total(posterior)).reshape(1, -1)
    return np.array([log_z]), out


def _cut(factor: FactorTable, observed: Mapping[int, int]) -> np.ndarray:
    """A factor's table at the codes of observed variables."""
    index = [observed.get(v) for v in factor.scope]
    if index.count(None) == len(index):
        return factor.linear
    return np.asarray(factor.linear[tuple([slice(None) if code is None else code for code in index])])

"""Elimination orders and junction trees of generated graphs; separation against paths listed one by one."""

from __future__ import annotations

import itertools
import random

import networkx
import pytest

from pgmlang.graph.elimination import (
    HEURISTICS,
    bits,
    eliminate,
    elimination_order,
    interaction_graph,
    junction_tree,
)
from pgmlang.graph.separation import ancestors, barren_nodes, d_separated, topological_order


def random_scopes(seed: int) -> tuple[list[tuple[int, ...]], list[int]]:
    rng = random.Random(seed)
    count = rng.randint(1, 14)
    scopes = [tuple(rng.sample(range(count), min(count, rng.randint(1, 3)))) for _ in range(rng.randint(0, 18))]
    return scopes, [rng.randint(1, 5) for _ in range(count)]


@pytest.mark.parametrize("seed", range(60))
def test_junction_tree_properties(seed: int) -> None:
    scopes, sizes = random_scopes(seed)
    graph = interaction_graph(scopes, len(sizes))
    done = elimination_order(graph, sizes)
    assert sorted(done.order) == list(range(len(sizes)))
    tree = junction_tree(done)
    for scope in scopes:
        assert any(set(scope) <= set(clique) for clique in tree.cliques)
    for a, b in itertools.permutations(tree.cliques, 2):
        assert not set(a) <= set(b)
    forest = networkx.Graph()
    forest.add_nodes_from(range(len(tree.cliques)))
    for a, b, separator in tree.edges:
        assert set(separator) == set(tree.cliques[a]) & set(tree.cliques[b])
        forest.add_edge(a, b)
    assert networkx.is_forest(forest)
    for v in range(len(sizes)):
        holding = [k for k, clique in enumerate(tree.cliques) if v in clique]
        assert networkx.is_connected(forest.subgraph(holding))


def test_orders_of_known_width() -> None:
    path = interaction_graph([(i, i + 1) for i in range(30)], 31)
    assert elimination_order(path, [2] * 31).width == 1
    loop = interaction_graph([(i, (i + 1) % 30) for i in range(30)], 30)
    assert elimination_order(loop, [2] * 30).width == 2
    full = interaction_graph([range(6)], 6)
    done = elimination_order(full, [3] * 6)
    assert (done.width, done.largest, done.total_cells) == (5, (0, 1, 2, 3, 4, 5), sum(3**k for k in range(1, 7)))


@pytest.mark.parametrize("heuristic", HEURISTICS)
def test_same_order_again_and_groups_kept(heuristic: str) -> None:
    scopes, sizes = random_scopes(7)
    graph = interaction_graph(scopes, len(sizes))
    first = sum(1 << v for v in range(0, len(sizes), 2))
    rest = ((1 << len(sizes)) - 1) & ~first
    a = eliminate(graph, sizes, [first, rest], heuristic, seed=5)
    b = eliminate(graph, sizes, [first, rest], heuristic, seed=5)
    assert a == b
    assert a is not None
    assert set(a.order[: first.bit_count()]) == set(bits(first))
    assert eliminate(graph, sizes, [first, rest], heuristic, limit=1.0) is None


@pytest.mark.parametrize("seed", range(40))
def test_d_separation_equals_networkx(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 9)
    parents = [sorted(rng.sample(range(v), rng.randint(0, min(v, 3)))) for v in range(count)]
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((u, v) for v, above in enumerate(parents) for u in above)
    for _ in range(30):
        left, right = rng.sample(range(count), 2)
        others = [v for v in range(count) if v not in (left, right)]
        given = set(rng.sample(others, rng.randint(0, len(others))))
        assert d_separated(parents, [left], [right], given) == networkx.is_d_separator(
            graph, {left}, {right}, given
        )
    assert ancestors(parents, [count - 1]) == networkx.ancestors(graph, count - 1) | {count - 1}
    kept = set(rng.sample(range(count), 1))
    assert barren_nodes(parents, kept) == set(range(count)) - ancestors(parents, kept)
    order = topological_order(parents)
    assert all(order.index(u) < order.index(v) for v, above in enumerate(parents) for u in above)


def test_directed_cycle_has_no_order() -> None:
    with pytest.raises(ValueError, match="cycle"):
        topological_order([[1], [0]])


@pytest.mark.parametrize("heuristic", ["fill", "weight", "weighted_fill"])
@pytest.mark.parametrize("seed", range(5))
def test_chordal_graphs_are_eliminated_without_an_edge_added(heuristic: str, seed: int) -> None:
    """Random k-trees, their vertices shuffled: the width is k, and every clique is one of the graph."""
    rng = random.Random(seed)
    k, count = 1 + seed, 40
    cliques = [tuple(range(k + 1))]
    for v in range(k + 1, count):
        cliques.append((*rng.sample(rng.choice(cliques), k), v))
    names = list(range(count))
    rng.shuffle(names)
    scopes = [[names[v] for v in clique] for clique in cliques]
    graph = interaction_graph(scopes, count)
    sizes = [rng.randint(2, 4) for _ in names]
    done = eliminate(graph, sizes, [(1 << count) - 1], heuristic)
    assert done is not None
    assert done.width == k
    assert sorted(done.order) == list(range(count))
    for clique in done.cliques:
        assert all(clique & ~graph[v] == 1 << v for v in bits(clique))

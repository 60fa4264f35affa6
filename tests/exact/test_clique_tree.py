"""One row by a tree of small cliques: what listing all configurations says, and what elimination says of larger networks."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.exact import ExactEngine, clique_tree, joint_table
from pgmlang.exact.clique_tree import posteriors_of
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor
from tests.exact.exact_cases import directed_factors, potentials


def network_of(seed: int, count: int) -> DiscreteNetwork:
    """Conditionals or potentials, some cells zero, some variables apart."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, count)
    zeros = float(rng.choice([0.0, 0.2, 0.4]))
    if seed % 2:
        factors = potentials(rng, sizes, count, zeros / 3, 1.0, list(range(count)))
    else:
        factors = directed_factors(rng, sizes, zeros)
    variables = tuple(DiscreteVariable(f"v{i}", tuple(map(str, range(n)))) for i, n in enumerate(sizes))
    return DiscreteNetwork(variables, tuple(factors), f"network{seed}")


def evidence_of(network: DiscreteNetwork, seed: int) -> dict[int, int]:
    rng = np.random.default_rng(seed + 1000)
    return {v: int(rng.integers(0, n)) for v, n in enumerate(network.sizes) if rng.random() < 0.2}


@pytest.mark.parametrize("seed", range(40))
def test_as_elimination_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(seed, 6 + seed % 14)
    fixed = evidence_of(network, seed)
    monkeypatch.setattr(joint_table, "MOST_CELLS", 0)
    engine = ExactEngine(network)
    by_cliques = engine.marginals(fixed)
    assert any(tree is not None for tree in engine._trees.values())
    # another row of the pattern, and the sum alone
    other = dict.fromkeys(fixed, 0)
    again, alone = engine.marginals(other), engine.log_z(fixed)
    monkeypatch.setattr(clique_tree, "MOST_CELLS", 0)
    for found, codes in ((by_cliques, fixed), (again, other)):
        expected = ExactEngine(network).marginals(codes)
        np.testing.assert_allclose(found.log_evidence, expected.log_evidence, rtol=1e-12, atol=1e-12)
        for v, table in expected.tables.items():
            np.testing.assert_allclose(found.tables[v], table, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(alone, by_cliques.log_evidence, rtol=1e-12, atol=1e-12)


def test_impossible_evidence() -> None:
    bit = tuple(DiscreteVariable(f"v{i}", ("no", "yes")) for i in range(20))
    same = np.array([[1.0, 0.0], [0.0, 1.0]])
    factors = [
        TableFactor((0,), np.array([0.5, 0.5]), 0),
        *(TableFactor((i - 1, i), same, i) for i in range(1, 20)),
    ]
    engine = ExactEngine(DiscreteNetwork(bit, tuple(factors), "copies"))
    possible, not_so = engine.marginals({0: 1, 19: 1}), engine.marginals({0: 1, 19: 0})
    np.testing.assert_array_equal(possible.tables[7], [[0.0, 1.0]])
    assert not_so.log_evidence[0] == -np.inf
    assert np.isnan(not_so.tables[7]).all()


def test_large_cliques_and_unsafe_ranges_are_left_to_elimination() -> None:
    bit = tuple(DiscreteVariable(f"v{i}", ("no", "yes")) for i in range(20))
    whole = TableFactor(tuple(range(17)), np.full((2,) * 17, 0.5))
    engine = ExactEngine(DiscreteNetwork(bit, (whole,), "wide"))
    engine.marginals({})
    assert list(engine._trees.values()) == [None]
    far = np.array([[1.0, 1e-80], [1e-80, 1.0]])
    engine = ExactEngine(DiscreteNetwork(bit, tuple(TableFactor((i, i + 1), far) for i in range(19)), "far"))
    engine.marginals({})
    assert list(engine._trees.values()) == [None]


def test_a_fault_in_a_message_is_seen() -> None:
    network = network_of(1, 18)
    engine = ExactEngine(network)
    tree = clique_tree.clique_tree(engine.factors, range(len(engine.factors)), network.sizes, {}, range(18), 10**9)
    assert tree is not None
    _, right = posteriors_of(tree, engine.factors, {}, network.sizes)
    for clique in tree.cliques[:-1]:
        clique.factors *= 2
    _, wrong = posteriors_of(tree, engine.factors, {}, network.sizes)
    assert max(float(np.abs(right[v] - wrong[v]).max()) for v in right) > 1e-6

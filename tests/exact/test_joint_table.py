"""One row of evidence on a small network: the table made outright, an elimination, and a list of all configurations agree."""

from __future__ import annotations

import numpy as np
import pytest
from exact_cases import random_case

from pgmlang.exact import ExactEngine, brute_force, joint_table
from pgmlang.exact.joint_table import enumerated
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


@pytest.mark.parametrize("seed", range(80))
def test_both_ways_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = random_case(seed)
    rng = np.random.default_rng(seed)
    network = case.network
    codes = {v: int(rng.integers(size)) for v, size in enumerate(network.sizes) if rng.random() < 0.4}
    right = brute_force(network, codes, {})
    targets = [int(v) for v in rng.choice(len(network.sizes), 1 + seed % len(network.sizes), replace=False)]
    for most_cells in (joint_table.MOST_CELLS, 0):
        monkeypatch.setattr(joint_table, "MOST_CELLS", most_cells)
        engine = ExactEngine(network)
        for wanted in (None, targets):
            answer = engine.marginals(codes, wanted)
            np.testing.assert_allclose(answer.log_evidence, [right.log_z], rtol=1e-9, atol=1e-9)
            for v, table in answer.tables.items():
                np.testing.assert_allclose(table[0], right.marginals[v], rtol=1e-9, atol=1e-9)


def bits(count: int) -> tuple[DiscreteVariable, ...]:
    return tuple(DiscreteVariable(f"v{i}", ("no", "yes")) for i in range(count))


def chain(count: int, table: np.ndarray) -> DiscreteNetwork:
    return DiscreteNetwork(bits(count), tuple(TableFactor((i, i + 1), table) for i in range(count - 1)), "chain")


def answer_of(network: DiscreteNetwork, fixed: dict[int, int], max_cells: int = 10**6) -> object:
    hidden = [v for v in range(len(network.sizes)) if v not in fixed]
    return enumerated(ExactEngine(network).factors, network.sizes, fixed, hidden, hidden, max_cells)


def test_what_the_evidence_separates_has_tables_of_its_own() -> None:
    network = chain(16, np.array([[3.0, 1.0], [1.0, 2.0]]))
    assert answer_of(network, {}) is None
    assert answer_of(network, {8: 0}) is not None


def test_what_is_not_safe_or_not_allowed_is_left_to_elimination() -> None:
    wide = chain(4, np.array([[1.0, 1e-80], [1e-80, 1.0]]))
    assert answer_of(wide, {}) is None
    small = chain(4, np.array([[3.0, 1.0], [1.0, 2.0]]))
    assert answer_of(small, {}, max_cells=15) is None
    assert answer_of(small, {}, max_cells=16) is not None


def test_variables_of_no_factor_count_their_labels() -> None:
    network = DiscreteNetwork(bits(3), (TableFactor((0,), np.array([1.0, 3.0])),), "apart")
    answer = ExactEngine(network).marginals({1: 0})
    np.testing.assert_allclose(answer.log_evidence, [np.log(8.0)])
    np.testing.assert_allclose(answer.tables[2], [[0.5, 0.5]])

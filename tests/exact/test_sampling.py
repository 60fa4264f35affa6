"""Posterior draws follow the exact joint."""

from __future__ import annotations

import numpy as np
import pytest
from exact_cases import random_case

from pgmlang.exact import ExactEngine
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


@pytest.mark.parametrize("seed", range(24))
def test_draws_follow_the_joint(seed: int) -> None:
    case = random_case(seed)
    count, draws = len(case.network.variables), 4000
    engine = ExactEngine(case.network)
    codes = engine.posterior_sample(case.evidence, draws, np.random.default_rng(seed), case.soft, case.num_rows)
    assert codes.shape == (case.num_rows, draws, count)
    for r in range(case.num_rows):
        right = case.row(r)
        if not np.isfinite(right.log_z):
            assert (codes[r] == -1).all()
            continue
        expected = np.exp(right.log_joint - right.log_z) * draws
        seen = np.zeros(expected.shape)
        np.add.at(seen, tuple(codes[r].T), 1.0)
        assert seen[expected == 0].sum() == 0
        # Pearson's statistic over the cells that hold enough, the rest pooled.
        big = expected >= 5
        groups = [(seen[big], expected[big]), (np.array([seen[~big].sum()]), np.array([expected[~big].sum()]))]
        statistic = sum(float(((s - e) ** 2 / np.maximum(e, 1.0)).sum()) for s, e in groups)
        freedom = max(int(big.sum()), 1)
        assert statistic < freedom + 5 * np.sqrt(2 * freedom) + 10


def test_same_seed_same_draws() -> None:
    case = random_case(8)
    engine = ExactEngine(case.network)
    a, b = (
        engine.posterior_sample(case.evidence, 20, np.random.default_rng(3), case.soft, 1 * case.num_rows)
        for _ in "ab"
    )
    assert (a == b).all()


def test_zero_probability_labels_are_never_drawn() -> None:
    coin = DiscreteVariable("coin", ("no", "yes", "edge"))
    network = DiscreteNetwork((coin,), (TableFactor((0,), np.array([0.0, 1.0, 0.0]), 0),))
    assert (ExactEngine(network).posterior_sample({}, 1000, np.random.default_rng(0)) == 1).all()

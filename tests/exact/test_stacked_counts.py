"""Expected counts by products with all tables at once, against listing all configurations."""

from __future__ import annotations

import numpy as np
import pytest
from exact_cases import Case, conditional, random_case

from pgmlang.exact import ExactEngine, stacked_counts
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


def check(case: Case, rng: np.random.Generator) -> bool:
    """Compares one case; False where it is left to the junction tree."""
    weights = rng.random(case.num_rows) * 3
    stacked = stacked_counts.stacked_counts(case.network, case.evidence, weights)
    if stacked is None:
        return False
    counts, log_z = stacked.expected_counts(case.network)
    wanted = [np.zeros(factor.values.shape) for factor in case.network.factors]
    for r in range(case.num_rows):
        right = case.row(r)
        np.testing.assert_allclose(log_z[r], right.log_z, rtol=1e-9, atol=1e-9)
        if np.isfinite(right.log_z):
            for factor, total in zip(case.network.factors, wanted, strict=True):
                total += weights[r] * right.joint(factor.scope)
    for one, total in zip(counts, wanted, strict=True):
        np.testing.assert_allclose(one, total, rtol=1e-8, atol=1e-9)
    return True


@pytest.mark.parametrize("bounds", [{}, {"CACHED_INDICATORS": 0, "BLOCK_CELLS": 4}])
def test_equals_enumeration(bounds, monkeypatch):
    for name, value in bounds.items():
        monkeypatch.setattr(stacked_counts, name, value)
    taken = 0
    for seed in range(200):
        case = random_case(seed)._replace(soft={})
        taken += check(case, np.random.default_rng(seed))
    assert taken > 100


def latent_classes(rng: np.random.Generator, items: int, rows: int) -> Case:
    variables = tuple(DiscreteVariable(f"v{i}", ("a", "b", "c")) for i in range(items + 1))
    factors = [TableFactor((0,), conditional(rng, [3], 0.0), 0)]
    factors += [TableFactor((0, i), conditional(rng, [3, 3], 0.1), i) for i in range(1, items + 1)]
    evidence = {i: rng.integers(-1, 3, rows) for i in range(1, items + 1)}
    evidence[0] = np.where(rng.random(rows) < 0.1, rng.integers(3, size=rows), -1)
    return Case(DiscreteNetwork(variables, tuple(factors)), evidence, {}, rows)


def test_classes_that_some_rows_show_and_cells_that_are_missing_as_the_engine():
    rng = np.random.default_rng(3)
    case = latent_classes(rng, 30, 500)
    weights = rng.integers(0, 4, 500).astype(float)
    stacked = stacked_counts.stacked_counts(case.network, case.evidence, weights)
    assert stacked is not None
    counts, log_z = stacked.expected_counts(case.network)
    wanted, right = ExactEngine(case.network).expected_counts(case.evidence, weights)
    assert np.isneginf(right).any()
    np.testing.assert_allclose(log_z, right, rtol=1e-10)
    for one, other in zip(counts, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_what_is_too_wide_is_left_to_the_junction_tree():
    case = latent_classes(np.random.default_rng(4), 5, 20)
    assert stacked_counts.stacked_counts(case.network, {}, np.ones(20)) is None
    assert stacked_counts.stacked_counts(case.network, dict.fromkeys(range(6), 0), np.ones(20)) is None

"""Rows each with a pattern of its own: sparse elimination against dense conditioning, and what it leaves to the factorisation."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.infer.gaussian_rows import MANY_PATTERNS, row_answers
from pgmlang.native.gaussian_networks import conditioned
from pgmlang.tables import DiscreteNetwork
from tests.gaussian.dense import dense_posterior, random_network


@pytest.mark.parametrize("seed", range(4))
def test_means_sds_and_densities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, 0, 1 + 6 * seed)
    shape = (37, len(network.numbers))
    rows = np.where(rng.random(shape) < rng.random((37, 1)), 2 * rng.normal(size=shape), np.nan)
    means, sds, log_density, lost = conditioned(network, rows)
    for r in np.setdiff1d(np.arange(37), lost):
        right = dense_posterior(network, {}, rows[r])
        hidden = np.isnan(rows[r])
        assert log_density[r] == pytest.approx(right.log_evidence, rel=1e-11, abs=1e-9)
        assert means[r][hidden] == pytest.approx(right.mean, abs=1e-9)
        assert sds[r][hidden] == pytest.approx(np.sqrt(np.diag(right.covariance)), abs=1e-9)
        assert (means[r][~hidden] == rows[r][~hidden]).all()
        assert not sds[r][~hidden].any()
    assert len(lost) < 5


def test_rows_whose_digits_are_lost_are_factorised() -> None:
    """A link that is all but exact: the precision alone would have lost the prior beside it."""
    ones = np.ones((1, 1))
    exact = NumberConditional(1, (0,), (), 0 * ones, ones[..., None], 1e-9 * ones)
    others = tuple(NumberConditional(i, (), (), 0 * ones, np.zeros((1, 1, 0)), ones) for i in (0, *range(2, 9)))
    network = GaussianNetwork(DiscreteNetwork((), ()), tuple("abcdefghi"), (others[0], exact, *others[1:]))
    rng = np.random.default_rng(0)
    rows = np.where(rng.random((300, 9)) < 0.5, rng.normal(size=(300, 9)), np.nan)
    *_, lost = conditioned(network, rows)
    both = np.isnan(rows[:, 0]) & np.isnan(rows[:, 1])
    assert set(np.flatnonzero(both)) <= set(lost.tolist())
    found = row_answers(GaussianEngine(network), NumberRows({}, rows), range(9))
    assert found.figures[1][both, 0] == pytest.approx(1.0, rel=1e-12)
    assert found.figures[1][both, 1] == pytest.approx(1.0, rel=1e-12)


def test_the_same_answers_by_either_way() -> None:
    rng = np.random.default_rng(5)
    network = random_network(rng, 0, 10)
    rows = np.where(rng.random((400, 10)) < 0.5, rng.normal(size=(400, 10)), np.nan)
    many = row_answers(GaussianEngine(network), NumberRows({}, rows), range(10), (), (0.05, 0.95))
    few = [
        row_answers(GaussianEngine(network), NumberRows({}, rows[i : i + 20]), range(10), (), (0.05, 0.95))
        for i in range(0, 400, 20)
    ]
    assert len(np.unique(np.isnan(rows), axis=0)) >= MANY_PATTERNS
    assert many.figures == pytest.approx(np.concatenate([f.figures for f in few], 1), abs=1e-10)
    assert many.log_evidence == pytest.approx(np.concatenate([f.log_evidence for f in few]), abs=1e-10)


def test_quantiles_of_many_patterns_are_those_of_each() -> None:
    """Mixtures of different numbers of parts are sought together; each quantile is where its distribution function says."""
    rng = np.random.default_rng(3)
    network = random_network(rng, 2, 6)
    rows = np.where(rng.random((60, 6)) < 0.5, rng.normal(size=(60, 6)), np.nan)
    codes = {
        v: np.where(rng.random(60) < 0.5, rng.integers(0, s, 60), -1) for v, s in enumerate(network.discrete.sizes)
    }
    evidence = NumberRows(codes, rows)
    found = row_answers(GaussianEngine(network), evidence, range(6), (), (0.05, 0.5, 0.95))
    widths = set()
    for block in GaussianEngine(network).posteriors(evidence, range(6)):
        right = block.figures(range(6), (0.05, 0.5, 0.95))
        assert found.figures[:, block.members] == pytest.approx(right, abs=1e-12)
        for i, mixture in block.mixtures(range(6)):
            widths.add(mixture.weights.shape[1])
            for k, chance in enumerate((0.05, 0.5, 0.95)):
                assert mixture.below(found.figures[2 + k, block.members, i]) == pytest.approx(chance, abs=1e-12)
    assert len(widths) > 1

"""Rows each with a pattern of its own: sparse elimination against dense conditioning, and what it leaves to the factorisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.infer.gaussian_rows import MANY_ROWS, row_answers
from pgmlang.native import gaussian_networks
from pgmlang.native.gaussian_networks import conditioned, sparse_precision
from pgmlang.tables import DiscreteNetwork
from tests.gaussian.dense import dense_posterior, random_network


@pytest.mark.parametrize("seed", range(4))
def test_means_sds_and_densities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, 0, 1 + 6 * seed)
    shape = (37, len(network.numbers))
    rows = np.where(rng.random(shape) < rng.random((37, 1)), 2 * rng.normal(size=shape), np.nan)
    (means, sds), log_density, lost = conditioned(network, rows)
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
    assert len(rows) >= MANY_ROWS > 20
    assert many.figures == pytest.approx(np.concatenate([f.figures for f in few], 1), abs=1e-10)
    assert many.log_evidence == pytest.approx(np.concatenate([f.log_evidence for f in few]), abs=1e-10)


def test_rows_that_show_the_same_numbers_share_a_factor() -> None:
    """Stretches of rows of one pattern, with others between: each row's answer is that which it has alone."""
    rng = np.random.default_rng(8)
    network = random_network(rng, 0, 12)
    hidden = np.repeat(rng.random((9, 12)) < 0.5, [30, 3, 8, 1, 16, 40, 1, 25, 5], axis=0)
    rows = np.where(hidden, np.nan, rng.normal(size=hidden.shape))
    figures, log_density, lost = conditioned(network, rows)
    assert not len(lost)
    for r in range(len(rows)):
        alone, density, _ = conditioned(network, rows[r : r + 1])
        assert (figures[:, r] == alone[:, 0]).all()
        assert log_density[r] == density[0]


def test_the_density_of_seen_links_that_are_all_but_exact() -> None:
    """Squares of 1e12 cancel in the precision's quadratic form; residuals do not."""
    ones = np.ones((1, 1))
    above = NumberConditional(0, (), (), 0 * ones, np.zeros((1, 1, 0)), ones)
    link = NumberConditional(1, (0,), (), 0 * ones, ones[..., None], 1e-6 * ones)
    network = GaussianNetwork(DiscreteNetwork((), ()), ("a", "b"), (above, link))
    a = np.linspace(-3, 3, 70)
    *_, log_density, lost = conditioned(network, np.stack([a, a + 2.0**-20], 1))
    right = -0.5 * a**2 - 0.5 * (2.0**-20 / 1e-6) ** 2 - np.log(1e-6) - np.log(2 * np.pi)
    assert log_density == pytest.approx(right, abs=1e-8)
    assert not len(lost)


def test_a_network_that_fills_in_is_factorised_densely(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    network = random_network(rng, 0, 9)
    precision = sparse_precision(network)
    wide = replace(precision, pairs=precision.pairs[:0])
    assert precision.is_narrow
    assert not wide.is_narrow
    rows = np.where(rng.random((80, 9)) < 0.5, rng.normal(size=(80, 9)), np.nan)
    right = row_answers(GaussianEngine(network), NumberRows({}, rows), range(9))
    monkeypatch.setitem(gaussian_networks._PRECISIONS, network, wide)
    found = row_answers(GaussianEngine(network), NumberRows({}, rows), range(9))
    assert found.figures == pytest.approx(right.figures, abs=1e-10)
    assert found.log_evidence == pytest.approx(right.log_evidence, abs=1e-10)


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

"""The engine of conditional Gaussian networks against enumeration and dense conditioning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pgmlang.diagnostics import PgmError
from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.gaussian.mixtures import NormalMixture
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor
from tests.gaussian.dense import dense_posterior, joint_moments, random_network, worlds


def random_rows(rng: np.random.Generator, network: GaussianNetwork, count: int) -> NumberRows:
    """Rows in which half of the numbers and two fifths of the labels are seen."""
    shape = (count, len(network.numbers))
    numbers = np.where(rng.random(shape) < 0.5, 2 * rng.normal(size=shape), np.nan)
    codes = {
        v: np.where(rng.random(count) < 0.4, rng.integers(0, size, count), -1)
        for v, size in enumerate(network.discrete.sizes)
    }
    return NumberRows(codes, numbers)


@pytest.mark.parametrize("seed", range(12))
def test_every_answer_is_that_of_dense_conditioning(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, seed % 4, 1 + seed % 8)
    rows = random_rows(rng, network, 7)
    engine = GaussianEngine(network)
    labels = range(len(network.discrete.sizes))
    members = []
    for block in engine.posteriors(rows, range(len(network.numbers)), labels):
        for k, r in enumerate(block.members):
            right = dense_posterior(network, {v: int(c[r]) for v, c in rows.codes.items()}, rows.numbers[r])
            hidden = np.flatnonzero(np.isnan(rows.numbers[r]))
            mixtures = [block.mixture(i) for i in hidden]
            assert block.log_evidence[k] == pytest.approx(right.log_evidence, abs=1e-9)
            assert [m.mean()[k] for m in mixtures] == pytest.approx(right.mean, abs=1e-9)
            assert [m.sd()[k] for m in mixtures] == pytest.approx(np.sqrt(np.diag(right.covariance)), abs=1e-9)
            for v in labels:
                assert block.tables[v][k] == pytest.approx(right.chances[v], abs=1e-9)
        members += block.members.tolist()
    assert sorted(members) == list(range(7))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_set_is_that_of_the_mutilated_network(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    network = random_network(rng, 2, 5)
    rows = random_rows(rng, network, 1)
    target = int(rng.integers(5))
    rows.numbers[0, target] = 0.7
    cut = network.conditionals[target]
    # a conditional that is all but a point, of no parents
    point = replace(
        cut,
        parents=(),
        labels=(),
        intercept=np.full((1, 1), 0.7),
        coefficients=np.zeros((1, 1, 0)),
        sd=np.ones((1, 1)),
    )
    mutilated = replace(network, conditionals=tuple(point if c is cut else c for c in network.conditionals))
    right = dense_posterior(mutilated, {v: int(c[0]) for v, c in rows.codes.items()}, rows.numbers[0])
    (block,) = GaussianEngine(network).posteriors(replace(rows, done=frozenset([target])), range(5))
    hidden = np.flatnonzero(np.isnan(rows.numbers[0]))
    assert [block.mixture(i).mean()[0] for i in hidden] == pytest.approx(right.mean, abs=1e-9)
    assert block.log_evidence[0] == pytest.approx(right.log_evidence + 0.5 * np.log(2 * np.pi), abs=1e-9)


def test_units_have_numbers_of_their_own() -> None:
    """Rows that inputs tell apart: each is a network with its own coefficients."""
    rng = np.random.default_rng(7)
    single = [random_network(np.random.default_rng(3), 1, 4) for _ in range(3)]
    single = [
        replace(
            n,
            conditionals=tuple(
                replace(c, coefficients=c.coefficients * (u + 1), intercept=c.intercept + u)
                for c in n.conditionals
            ),
        )
        for u, n in enumerate(single)
    ]
    wide = replace(
        single[0],
        conditionals=tuple(
            replace(
                cs[0],
                intercept=np.concatenate([c.intercept for c in cs]),
                coefficients=np.concatenate([c.coefficients for c in cs]),
            )
            for cs in zip(*(n.conditionals for n in single), strict=True)
        ),
    )
    rows = random_rows(rng, wide, 3)
    for block in GaussianEngine(wide).posteriors(rows, range(4), [0]):
        for k, r in enumerate(block.members):
            right = dense_posterior(single[r], {0: int(rows.codes[0][r])}, rows.numbers[r])
            hidden = np.flatnonzero(np.isnan(rows.numbers[r]))
            assert block.log_evidence[k] == pytest.approx(right.log_evidence, abs=1e-9)
            assert [block.mixture(i).mean()[k] for i in hidden] == pytest.approx(right.mean, abs=1e-9)


def chain(sds: list[float]) -> GaussianNetwork:
    """Numbers each around the one before."""
    conditionals = tuple(
        NumberConditional(
            i, (i - 1,) if i else (), (), np.zeros((1, 1)), np.ones((1, 1, min(i, 1))), np.full((1, 1), s)
        )
        for i, s in enumerate(sds)
    )
    return GaussianNetwork(DiscreteNetwork((), ()), tuple(f"x{i}" for i in range(len(sds))), conditionals)


@pytest.mark.parametrize(("sds", "seen", "sd"), [
    ([1.0, 1e-9], 1, 1e-9),  # a measurement far finer than the prior
    ([1e-9, 1.0], 1, 1e-9),  # and far coarser
    ([1.0, 1e-9, 1e-9, 1.0], 3, np.sqrt(0.5)),  # links that are all but exact
    ([1e8, 1.0], 1, 1.0),
])  # fmt: skip
def test_scales_far_apart(sds: list[float], seen: int, sd: float) -> None:
    numbers = np.full((1, len(sds)), np.nan)
    numbers[0, seen] = 0.0
    (block,) = GaussianEngine(chain(sds)).posteriors(NumberRows({}, numbers), [0])
    assert block.mixture(0).sd()[0] == pytest.approx(sd, rel=1e-9)


def test_draws_have_the_posterior_moments() -> None:
    rng = np.random.default_rng(5)
    network = random_network(rng, 2, 4)
    rows = replace(random_rows(rng, network, 1), units=np.zeros(1, dtype=np.int64))
    rows.numbers[0] = [np.nan, 0.3, np.nan, np.nan]
    right = dense_posterior(network, {v: int(c[0]) for v, c in rows.codes.items()}, rows.numbers[0])
    codes, values = GaussianEngine(network).sample(rows, 40_000, np.random.default_rng(1))
    hidden = [0, 2, 3]
    sd = np.sqrt(np.diag(right.covariance))
    assert np.abs(values[:, hidden].mean(0) - right.mean) / sd == pytest.approx(0, abs=0.03)
    assert np.cov(values[:, hidden].T) / np.outer(sd, sd) == pytest.approx(
        right.covariance / np.outer(sd, sd), abs=0.06
    )
    for v, chances in enumerate(right.chances):
        assert np.bincount(codes[:, v], minlength=len(chances)) / 40_000 == pytest.approx(chances, abs=0.015)
    assert (values[:, 1] == 0.3).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_mode_is_the_densest_world(seed: int) -> None:
    rng = np.random.default_rng(50 + seed)
    network = random_network(rng, 2, 4)
    rows = replace(random_rows(rng, network, 1), units=np.zeros(1, dtype=np.int64))
    given = {v: int(c[0]) for v, c in rows.codes.items()}
    total = dense_posterior(network, given, rows.numbers[0]).log_evidence
    listed = [
        (log - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1], labels, mean)
        for labels, log, mean, covariance in worlds(network, given, rows.numbers[0])
    ]
    log, labels, mean = max(listed, key=lambda one: one[0])
    hidden = np.flatnonzero(np.isnan(rows.numbers[0])).tolist()
    codes, values, density = GaussianEngine(network).mode(rows, hidden)
    assert tuple(codes) == labels
    assert values == pytest.approx(mean, abs=1e-9)
    assert density == pytest.approx(log - total, abs=1e-9)


def test_a_number_has_at_most_so_many_parts() -> None:
    labels = tuple(DiscreteVariable(f"k{i}", ("a", "b")) for i in range(5))
    factors = tuple(TableFactor((i,), np.array([0.5, 0.5]), i) for i in range(5))
    every = NumberConditional(0, (), tuple(range(5)), np.zeros((1, 32)), np.zeros((1, 32, 0)), np.ones((1, 32)))
    network = GaussianNetwork(DiscreteNetwork(labels, factors), ("x",), (every,))
    unseen = NumberRows({}, np.full((1, 1), np.nan))
    assert len(list(GaussianEngine(network, 32).posteriors(unseen, [0]))) == 1
    with pytest.raises(PgmError) as caught:
        list(GaussianEngine(network, 31).posteriors(unseen, [0]))
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0611"
    assert "32 normal distributions" in problem.message


def test_labels_that_no_table_allows() -> None:
    """A number far nearer to a label that cannot be: the answer is that of the others, and not impossible."""
    labels = (DiscreteVariable("k", ("a", "b", "c")),)
    factors = (TableFactor((0,), np.array([0.0, 0.25, 0.75]), 0),)
    one = NumberConditional(0, (), (0,), np.array([[1e4, 0.0, 1.0]]), np.zeros((1, 3, 0)), np.ones((1, 3)))
    engine = GaussianEngine(GaussianNetwork(DiscreteNetwork(labels, factors), ("x",), (one,)))
    (block,) = engine.posteriors(NumberRows({}, np.array([[1e4]])), [], [0])
    logs = np.log([0.25, 0.75]) + stats.norm.logpdf(1e4, [0, 1], 1)
    assert block.log_evidence[0] == pytest.approx(np.logaddexp(*logs), rel=1e-12)
    assert block.tables[0][0, 0] == 0
    (impossible,) = engine.posteriors(NumberRows({0: np.array([0])}, np.array([[0.0]])), [], [0])
    assert impossible.log_evidence[0] == -np.inf


@pytest.mark.parametrize("chance", [1e-6, 0.05, 0.5, 0.95])
def test_quantiles_of_mixtures(chance: float) -> None:
    rng = np.random.default_rng(2)
    weights = rng.dirichlet(np.ones(5), size=30)
    weights[:5, 1:] *= 1e-12
    weights /= weights.sum(1, keepdims=True)
    mixture = NormalMixture(weights, 50 * rng.normal(size=(30, 5)), np.exp(2 * rng.normal(size=(30, 5))))
    assert mixture.below(mixture.quantile(chance)) == pytest.approx(chance, rel=1e-7)
    far = np.full(30, 1e3)
    assert mixture.above(far) == pytest.approx(
        [w @ stats.norm.sf(1e3, m, s) for w, m, s in zip(weights, mixture.means, mixture.sds, strict=True)],
        rel=1e-10,
    )


def test_moments_are_those_of_the_joint() -> None:
    """Nothing seen: the prior."""
    network = random_network(np.random.default_rng(9), 0, 6)
    mean, covariance = joint_moments(network, ())
    (block,) = GaussianEngine(network).posteriors(NumberRows({}, np.full((1, 6), np.nan)), range(6))
    assert [block.mixture(i).mean()[0] for i in range(6)] == pytest.approx(mean, abs=1e-10)
    assert [block.mixture(i).sd()[0] for i in range(6)] == pytest.approx(np.sqrt(np.diag(covariance)), abs=1e-10)

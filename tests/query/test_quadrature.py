"""Scores of units with one or two real latents whose likelihoods are not normal, against scipy's quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

import pgmlang


def integral(function, low: float, high: float, *modes: float) -> float:
    return float(integrate.quad(function, low, high, points=modes, epsabs=0, epsrel=1e-11, limit=2000)[0])


def of_counts(k: np.ndarray, mean: float, sd: float) -> float:
    """ln of the integral over a normal effect of Poisson counts."""
    peak = float(np.clip(np.log(k.mean() + 0.1), -3, 12))

    def log_term(u: float) -> float:
        return float(stats.norm.logpdf(u, mean, sd) + stats.poisson.logpmf(k, np.exp(u)).sum())

    top = max(log_term(u) for u in np.linspace(-9, 13, 2001))
    value = integral(lambda u: math.exp(log_term(u) - top), -15, 14, peak - 0.1, peak, peak + 0.1)
    return top + math.log(value)


@pytest.mark.parametrize("counts", [[0], [3], [40_000], [0, 0, 0, 0], [5, 7, 90, 2], [1000] * 20])
def test_counts_with_an_effect_of_their_group(counts: list[int]) -> None:
    """From data that say little to data in whose posterior the prior puts no draw."""
    text = "plate group { u ~ Normal(1, 2) }\nplate row in group { k ~ Poisson(exp(u)) }"
    given = pgmlang.compile(text).given()
    score = given.score_rows({"group": ["a"] * len(counts) + ["b"], "k": [*counts, 4]})
    assert "quadrature" in score.estimator
    assert score.mcse is None
    right = [of_counts(np.array(counts), 1, 2), of_counts(np.array([4]), 1, 2)]
    np.testing.assert_allclose(score.values, right, atol=1e-6)


@pytest.mark.parametrize("shape", [(0.5, 0.5), (2.0, 30.0), (1.0, 1.0)])
def test_shares(shape: tuple[float, float]) -> None:
    """The beta-binomial has a closed form."""
    text = f"plate row {{ input n : count ; p ~ Beta({shape[0]}, {shape[1]}) ; k ~ Binomial(n, p) }}"
    n, k = np.array([5, 50, 4000, 10]), np.array([0, 20, 3999, 10])
    score = pgmlang.compile(text).given().score_rows({"n": n, "k": k})
    assert "quadrature" in score.estimator
    np.testing.assert_allclose(score.values, stats.betabinom.logpmf(k, n, *shape), atol=1e-6)


def test_impossible_rows() -> None:
    text = "plate row { p ~ Beta(2, 2) ; k ~ Binomial(3, p) ; x ~ Uniform(0, p) }"
    score = pgmlang.compile(text).given().score_rows({"k": [1, 2], "x": [1.5, -1.0]})
    assert np.isneginf(score.values).all()


def test_labels_above_and_two_modes() -> None:
    """Narrow components far from each other: one rule per unit sees both."""
    text = "plate row { z ~ Bernoulli(0.3) ; u ~ Normal(if z == 1 then 10 else 0, 0.1) ; x ~ Laplace(u, 20) }"
    score = pgmlang.compile(text).given().score_rows({"x": [4.0, -3.0]})
    right = [
        math.log(
            sum(
                w * integral(lambda u, m=m, x=x: stats.norm.pdf(u, m, 0.1) * stats.laplace.pdf(x, u, 20), m - 2, m + 2, m, min(max(x, m - 1), m + 1))
                for w, m in ((0.7, 0), (0.3, 10))
            )
        )
        for x in (4.0, -3.0)
    ]  # fmt: skip
    np.testing.assert_allclose(score.values, right, atol=1e-4 if score.mcse is None else 4 * max(score.mcse))


def test_two_latents() -> None:
    text = "plate row { u ~ Normal(0, 1) ; v ~ Normal(0.5 * u, 1) ; k ~ Poisson(exp(u + v)) ; y ~ Bernoulli(logit = v) }"
    score = pgmlang.compile(text).given().score_rows({"k": [0, 12], "y": [1, 0]})
    assert "`u`, `v`" in score.estimator
    u, v = np.meshgrid(np.linspace(-9, 9, 1501), np.linspace(-9, 9, 1501), indexing="ij")
    prior = stats.norm.pdf(u) * stats.norm.pdf(v, 0.5 * u)
    for value, k, chance in zip(score.values, (0, 12), (special.expit(v), special.expit(-v)), strict=True):
        right = (prior * stats.poisson.pmf(k, np.exp(u + v)) * chance).sum() * (18 / 1500) ** 2
        assert value == pytest.approx(math.log(right), abs=1e-6)


def test_three_latents_are_weighed_with_their_error() -> None:
    text = "plate row { u ~ Normal(0, 1) ; v ~ Normal(0, 1) ; w ~ Normal(0, 1) ; k ~ Poisson(exp(u + v + w)) }"
    given = pgmlang.compile(text).given()
    score = given.score_rows({"k": [0, 3, 9]})
    assert score.mcse is not None
    right = [of_counts(np.array([k]), 0, math.sqrt(3)) for k in (0, 3, 9)]
    assert np.all(score.mcse < 0.2)
    assert np.all(np.abs(score.values - right) < 4 * score.mcse)
    weighed = given.score_rows({"k": [0, 3, 9], "times": [1.0, 2.0, 0.0]}, weights="times")
    assert weighed.total_mcse is not None
    assert 0 < weighed.total_mcse < float(weighed.weights @ score.mcse) + 1e-12
    assert not np.array_equal(score.values, given.score_rows({"k": [0, 3, 9]}, seed=1).values)


def test_draws_of_the_globals_have_an_error() -> None:
    rng = np.random.default_rng(0)
    text = "m ~ Normal(0, 2)\nplate row { k ~ Poisson(exp(m)) }"
    fit = pgmlang.compile(text).fit({"k": rng.poisson(3, 20)}, method="hmc", seed=0,
                                    options={"chains": 2, "warmup": 150, "draws": 150})  # fmt: skip
    score = fit.score_rows({"k": [2, 30]})
    assert score.mcse is not None
    m = fit.draws["m"].reshape(-1)
    assert 0 < score.mcse[0] < score.mcse[1]
    naive = np.std(np.exp(stats.poisson.logpmf(2, np.exp(m)) - score.values[0])) / math.sqrt(len(m))
    assert naive / 3 < score.mcse[0] < 4 * naive

"""psis: arviz-stats' numbers, tails of known shape, and guides of known quality."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import pgmlang
from pgmlang.results.psis import pareto_shape, reliable, smoothed


@pytest.mark.parametrize("relative_ess", [1.0, 0.4])
@pytest.mark.parametrize("draws", [100, 1001, 4000])
def test_weights_and_k_hat_are_arviz_s(draws: int, relative_ess: float) -> None:
    log_weights = stats.t(3).rvs((draws, 12), random_state=np.random.default_rng(draws)) * np.linspace(0.1, 2, 12)
    weights, shapes = smoothed(log_weights, relative_ess)
    for i in range(12):
        # theirs takes log-likelihoods, whose weights are the inverse
        theirs, shape = array_stats.psislw(-log_weights[:, i], r_eff=relative_ess)
        assert shapes[i] == pytest.approx(float(shape), abs=1e-9)
        np.testing.assert_allclose(weights[:, i], theirs, atol=1e-9)


def test_tails_of_known_shape() -> None:
    rng = np.random.default_rng(0)
    for shape in (0.2, 0.9):
        weights = stats.genpareto(shape).rvs(20_000, random_state=rng)
        assert pareto_shape(np.log(weights + 1e-12)) == pytest.approx(shape, abs=0.15)


def test_weights_without_a_tail() -> None:
    weights, shapes = smoothed(np.full((50, 2), -3.0))
    np.testing.assert_allclose(weights, -np.log(50))
    assert shapes.tolist() == [0, 0]
    rounded = 1e-13 * np.random.default_rng(0).normal(size=500)
    assert pareto_shape(-700 + rounded) == 0
    assert pareto_shape(np.full(50, -np.inf)) == np.inf
    assert pareto_shape(np.array([0.0] * 49 + [np.nan])) == np.inf
    assert np.isnan(pareto_shape(np.zeros(10)))
    few = pareto_shape(np.where(np.arange(1000) < 998, -np.inf, 0.0))
    assert np.isnan(few)


def test_the_limit_falls_with_few_draws() -> None:
    assert reliable(100_000) == 0.7
    assert reliable(100) == pytest.approx(0.5)
    assert reliable(5) == 0


SUM = "a ~ Normal(0, 1000)\nb ~ Normal(0, 1000)\nplate row { y ~ Normal(a + b, 1) }\n"
BETA = "p ~ Beta(2, 3)\nplate row { y : bit ~ Bernoulli(p) }\n"
NORMAL = "m ~ Normal(0, 3)\nplate row { y ~ Normal(m, 1) }\n"
RIDGE = "a ~ Normal(0, 1)\nb ~ Normal(0, 1)\nplate row { input x ; y ~ Normal(a + b * x, 1) }\n"


@pytest.mark.parametrize(("text", "data"), [(BETA, {"y": [1, 0, 1, 1]}), (NORMAL, {"y": [0.5, 2.0, 1.0]})])
def test_an_exact_factor_has_equal_weights(text: str, data: dict[str, Any]) -> None:
    fit = pgmlang.compile(text).fit(data, method="meanfield", seed=1)
    assert fit.record.provenance["pareto_k"] == 0
    assert fit.record.status == "converged"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_factorised_guide_of_a_sum_is_not_believed(seed: int) -> None:
    fit = pgmlang.compile(SUM).fit({"y": [1.0, 2.0, 3.0]}, method="meanfield", seed=seed)
    record = fit.record
    assert record.status == "not converged"
    assert record.provenance["pareto_k"] > 0.7
    assert any("k-hat" in w.message for w in record.warnings)
    assert {f.severity for f in fit.diagnose() if "Pareto" in f.check} & {"warning", "problem"}
    assert "gibbs" in fit.diagnose()[0].cure


def test_a_little_dependence_is_borne() -> None:
    x = np.linspace(-1, 1, 20)
    fit = pgmlang.compile(RIDGE).fit({"x": x + 0.3, "y": x}, method="meanfield", seed=1)
    assert fit.record.status == "converged"
    assert 0 < fit.record.provenance["pareto_k"] < 0.7


def test_discrete_latents_are_summed_out_of_the_weights() -> None:
    """One row of a mixture of given components: q of the share against its exact posterior, by hand."""
    text = "p ~ Beta(1, 1)\nplate row { z : bit ~ Bernoulli(p) ; y ~ Normal(4 * z, 1) }\n"
    y = [0.1, 3.7, 2.2, 1.9]
    fit = pgmlang.compile(text).fit({"y": y}, method="meanfield", seed=1)
    p = np.linspace(0.0005, 0.9995, 1000)[:, None]
    likelihood = (1 - p) * stats.norm.pdf(y, 0) + p * stats.norm.pdf(y, 4)
    posterior = likelihood.prod(1) / likelihood.prod(1).sum()
    draws = fit.draws["p"].ravel()
    assert draws.mean() == pytest.approx(float(posterior @ p[:, 0]), abs=0.05)
    assert fit.record.provenance["pareto_k"] < 0.5
    assert fit.record.status == "converged"


def test_r_hat_of_independent_draws_is_not_shown() -> None:
    fit = pgmlang.compile(NORMAL).fit({"y": [0.5, 2.0]}, method="meanfield", seed=1)
    assert [row["r_hat"] for row in fit.summary() if "r_hat" in row] == [None]
    assert "R-hat" not in {f.check for f in fit.diagnose()}

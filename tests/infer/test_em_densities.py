"""EM over densities: scikit-learn's mixture, a forward algorithm by hand, published values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

QUAKES = """13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 22 19 13 26 13 14 22 24 21
22 26 21 23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 19 15 34 10 15 22 18 15 20 15 22 19 16 30 27 29 23 20 16 21 21
25 16 18 15 18 14 10 15 8 15 6 11 8 7 18 16 13 12 13 20 15 16 12 18 15 16 13 15 16 11 11"""
"""Earthquakes of magnitude 7 and more in the world, 1900 to 2006 (U.S. Geological Survey)."""

HMM = """
dim to like state
start[state] ~ Dirichlet(1)
plate state[3] {
  move[to] ~ Dirichlet(1)
  rate ~ Exponential(0.000000001)
}
plate century { plate year = chain {
  z ~ Categorical(if first then start else move[prev(z)])
  count ~ Poisson(rate[z])
} }
"""


def forward(counts: np.ndarray, start: np.ndarray, move: np.ndarray, rate: np.ndarray) -> float:
    chances = stats.poisson(rate).pmf(counts[:, None])
    alpha, total = start * chances[0], 0.0
    for row in chances[1:]:
        total += np.log(alpha.sum())
        alpha = (alpha / alpha.sum()) @ move * row
    return float(total + np.log(alpha.sum()))


def test_earthquakes() -> None:
    """Zucchini, MacDonald and Langrock (2016), chapter 4: three states, -log L = 328.5275 with the start estimated,
    rates 13.13, 19.71, 29.71."""
    counts = np.array(QUAKES.split(), dtype=float)
    fit = pgmlang.compile(HMM).fit(
        {"count": counts}, method="em", seed=1, options={"restarts": 3, "tolerance": 1e-6}
    )
    order = np.argsort(fit.params["rate"])
    np.testing.assert_allclose(fit.params["rate"][order], [13.134, 19.713, 29.709], atol=0.02)
    value = forward(counts, fit.params["start"], fit.params["move"], fit.params["rate"])
    assert value == pytest.approx(-328.5275, abs=0.02)
    assert fit.score({"count": counts}).sum() == pytest.approx(value, abs=1e-6)
    trace = np.array(fit.record.trace)
    assert (np.diff(trace) > -1e-7).all()
    states = fit.predict_columns({"count": [5.0, 6.0, 40.0]}).columns["z"]
    assert fit.params["rate"][int(states[0])] < fit.params["rate"][int(states[2])]


def test_gaussian_mixture_as_scikit_learn() -> None:
    mixture = pytest.importorskip("sklearn.mixture").GaussianMixture
    rng = np.random.default_rng(2)
    z = rng.choice(2, size=300, p=[0.3, 0.7])
    x = np.where(z[:, None] == 0, [-2.0, 1.0], [2.0, 0.0]) + rng.normal(size=(300, 2)) * [0.7, 1.2]
    text = """
dim feature = {a, b}
share[k] ~ Dirichlet(1)
plate k[2] {
  param mean[feature] : real
  param sd[feature] : positive
}
plate row { z ~ Categorical(share) ; x[feature] ~ Normal(mean[z], sd[z]) }
"""
    fit = pgmlang.compile(text).fit({"a": x[:, 0], "b": x[:, 1]}, method="em", seed=1, options={"tolerance": 1e-9})
    peer = mixture(2, covariance_type="diag", tol=1e-10, max_iter=1000, reg_covar=0, random_state=0).fit(x)
    assert fit.score({"a": x[:, 0], "b": x[:, 1]}).mean() == pytest.approx(peer.score(x), abs=1e-6)
    order, theirs = np.argsort(fit.params["mean"][:, 0]), np.argsort(peer.means_[:, 0])
    np.testing.assert_allclose(fit.params["mean"][order], peer.means_[theirs], atol=2e-3)
    np.testing.assert_allclose(fit.params["share"][order], peer.weights_[theirs], atol=1e-3)
    found = fit.predict_columns({"a": x[:5, 0], "b": x[:5, 1]}).columns
    np.testing.assert_allclose(found[f"P(z = {order[0]})"], peer.predict_proba(x[:5])[:, theirs[0]], atol=1e-3)


def test_latent_numbers_of_rows_are_refused() -> None:
    text = "m ~ Normal(0, 1)\nplate row { u ~ Normal(m, 1) ; z ~ Bernoulli(0.5) ; y ~ Normal(u + z, 1) }\n"
    with pytest.raises(PgmError, match="latent number of every row"):
        pgmlang.compile(text).fit({"y": [0.1, 0.2]}, method="em")


def test_rows_that_stand_for_several_below_a_latent() -> None:
    """Counts of rows reach the discrete latent of their group."""
    text = """
param a, b : real
plate doc { z : bit ~ Bernoulli(0.4) }
plate row in doc { y ~ Normal(a + b * z, 1) }
"""
    rng = np.random.default_rng(0)
    doc = np.repeat(np.arange(6), 3)
    y = rng.normal(2 * (np.arange(6) % 2).repeat(3), 1).round(1)
    n = rng.integers(1, 4, 18)
    model = pgmlang.compile(text)
    few = model.fit({"doc": doc, "y": y, "n": n}, method="em", counts="n", seed=1)
    all_rows = model.fit({"doc": doc.repeat(n), "y": y.repeat(n)}, method="em", seed=1)
    assert few.log_likelihood == pytest.approx(all_rows.log_likelihood, abs=1e-4)
    assert float(few.params["b"]) == pytest.approx(float(all_rows.params["b"]), abs=0.01)


def test_rows_that_say_their_labels_are_counted() -> None:
    """A classifier of normal columns far from zero, its labels seen: `auto` counts and averages, as by hand, missing cells left out."""
    rng = np.random.default_rng(3)
    kind = rng.choice(["a", "b"], 60)
    mass = rng.normal(np.where(kind == "a", 4000, 5000), 300)
    mass[:3] = np.nan
    model = pgmlang.compile(
        "dim kind = {a, b}\nparam loc[kind] : real\nparam sd : positive\n"
        "plate row { k : kind ~ Table() ; mass ~ Normal(loc[k], sd) }"
    )
    fit = model.fit({"k": kind, "mass": mass}, seed=1)
    seen = ~np.isnan(mass)
    means = [mass[seen & (kind == k)].mean() for k in "ab"]
    assert (fit.record.method, fit.record.status) == ("em", "converged")
    np.testing.assert_allclose(fit.params["loc"], means, rtol=1e-6)
    rest = mass[seen] - np.where(kind[seen] == "a", *means)
    np.testing.assert_allclose(fit.params["sd"], np.sqrt(np.mean(rest**2)), rtol=1e-6)
    np.testing.assert_allclose(fit.params["k.table"], [np.mean(kind == "a"), np.mean(kind == "b")], atol=1e-9)

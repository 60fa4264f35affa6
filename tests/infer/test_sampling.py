"""Samplers through the compiler against closed forms: within four Monte-Carlo standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.results.convergence import convergence

SHORT = {"chains": 16, "warmup": 250, "draws": 250}


def _check(fit: pgmlang.FittedModel, name: str, mean: Any, sd: Any) -> None:
    """Mean within 4 errors, sd within 15 %."""
    found = convergence(fit.draws[name])
    assert (np.abs(found.mean - np.ravel(mean)) <= 4 * found.mcse).all(), (found.mean, mean, found.mcse)
    np.testing.assert_allclose(found.sd, np.ravel(sd), rtol=0.15)
    assert (found.ess_bulk > 50).all()


@pytest.mark.parametrize("method", ["hmc", "langevin", "mh"])
def test_normal_mean(method: str) -> None:
    y = np.array([1.0, 2.5, 0.3, 1.7])
    model = pgmlang.compile("mu ~ Normal(1, 2)\nplate row { y ~ Normal(mu, 0.5) }\n")
    fit = model.fit({"y": y}, method=method, seed=1, options=SHORT)
    precision = 1 / 4 + len(y) / 0.25
    _check(fit, "mu", (1 / 4 + y.sum() / 0.25) / precision, precision**-0.5)
    assert fit.draws["mu"].shape == (16, 250)


@pytest.mark.parametrize("method", ["hmc", "gibbs", "tempering(hmc, 3)"])
def test_single_precision(method: str) -> None:
    y = np.array([1.0, 2.5, 0.3, 1.7])
    model = pgmlang.compile("mu ~ Normal(1, 2)\nplate row { y ~ Normal(mu, 0.5) }\n")
    fit = model.fit({"y": y}, method=method, seed=1, options={**SHORT, "dtype": "float32"})
    assert fit.draws["mu"].dtype == np.float32
    precision = 1 / 4 + len(y) / 0.25
    _check(fit, "mu", (1 / 4 + y.sum() / 0.25) / precision, precision**-0.5)
    with pytest.raises(PgmError, match="float16"):
        model.fit({"y": y}, method=method, options={**SHORT, "dtype": "float16"})


def test_positive_unit_and_simplex_values() -> None:
    text = """
dim part = {a, b, c}
rate ~ Gamma(2, 1)
p ~ Beta(2, 3)
share[part] ~ Dirichlet(2)
plate row {
  n ~ Poisson(rate)
  x ~ Bernoulli(p)
  k : part ~ Categorical(share)
}
"""
    rows = {"n": [3, 1, 4, 2], "x": [1, 0, 1, 1], "k": ["a", "c", "c", "b"]}
    fit = pgmlang.compile(text).fit(rows, method="hmc", seed=2, options=SHORT)
    _check(fit, "rate", 12 / 5, 12**0.5 / 5)
    _check(fit, "p", 5 / 9, (5 * 4 / (81 * 10)) ** 0.5)
    alpha = np.array([3.0, 3.0, 4.0])
    _check(fit, "share", alpha / 10, (alpha / 10 * (1 - alpha / 10) / 11) ** 0.5)
    np.testing.assert_allclose(fit.draws["share"].sum(-1), 1)


def test_linear_regression_with_groups_equals_its_closed_form() -> None:
    text = """
dim predictor = {u, v}
b[predictor] ~ Normal(0, 2)
plate colour { effect ~ Normal(0, 1) }
plate row in colour {
  input X[predictor] : real
  y ~ Normal(X @ b + effect, 0.7)
}
"""
    rng = np.random.default_rng(3)
    X, colour = rng.normal(size=(30, 2)), rng.integers(0, 3, 30)
    y = X @ [1.0, -1.0] + np.array([0.5, -0.5, 0.0])[colour] + 0.7 * rng.normal(size=30)
    rows = {"u": X[:, 0], "v": X[:, 1], "colour": np.array(["r", "g", "b"])[colour], "y": y}
    fit = pgmlang.compile(text).fit(rows, method="hmc", seed=3, options=SHORT)
    # elements are in the order of their labels: b, g, r
    design = np.column_stack([X, np.eye(3)[np.array([2, 1, 0])[colour]]])
    precision = np.diag([1 / 4, 1 / 4, 1, 1, 1]) + design.T @ design / 0.49
    mean = np.linalg.solve(precision, design.T @ y / 0.49)
    sd = np.linalg.inv(precision).diagonal() ** 0.5
    _check(fit, "b", mean[:2], sd[:2])
    _check(fit, "effect", mean[2:], sd[2:])
    answer = fit.query("E(effect[g])")
    assert answer.table[0]["mean"] == pytest.approx(float(fit.draws["effect"][..., 1].mean()))


def test_the_same_seed_gives_the_same_draws() -> None:
    model = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    few = {"chains": 2, "warmup": 30, "draws": 40}
    one, two = (model.fit({"y": [0.5, 1.5]}, seed=7, options=few).draws["mu"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("text", "rows", "word"),
    [
        ("plate row { z ~ Bernoulli(0.5) ; y ~ Normal(z, 1) }\n", {"y": [0.1]}, "no real variable"),
        (
            "m ~ Exponential(1)\nplate row { x ~ Censored(Normal(0, m), lower = 0) ; y ~ Normal(x, 1) }\n",
            {"x": [0.1, None], "y": [0.1, 2.0]},
            "missing",
        ),
        ("param s : positive\nm ~ Normal(0, 1)\nplate row { y ~ Normal(m, s) }\n", {"y": [0.1]}, "`s`"),
    ],
)
def test_what_it_cannot_do_is_refused(text: str, rows: dict[str, list[Any]], word: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit(rows, method="hmc", seed=1)
    assert caught.value.exit_code in (65, 69)
    shown = " ".join(f"{d.message} {' '.join(d.notes)}" for d in caught.value.diagnostics)
    assert word in shown


def test_queries_of_draws() -> None:
    model = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    fit = model.fit({"y": [0.5, 1.5]}, seed=7, options={"chains": 4, "warmup": 100, "draws": 100})
    draws = fit.draws["mu"]
    assert fit.query("P(mu > 0.5)").table[0]["p"] == pytest.approx((draws > 0.5).mean())
    assert set(fit.query("E(mu)").table[0]) == {"variable", "mean", "sd", "q5", "q50", "q95", "mcse"}
    for bad, code in [("P(mu = 1)", "PGM0606"), ("P(mu > 0 | mu = 1)", "PGM0606"), ("E(nu)", "PGM0607"),
                      ("MAP(mu)", "PGM0606"), ("E(mu[3])", "PGM0607"), ("P(mu > x)", "PGM0606")]:  # fmt: skip
        with pytest.raises(PgmError) as caught:
            fit.query(bad)
        assert caught.value.diagnostics[0].code == code, bad
    with pytest.raises(PgmError, match="nothing to predict"):
        fit.predict_columns({"y": [1.0]})


def test_missing_cells_that_nothing_hangs_on_drop_out() -> None:
    model = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    options = {"chains": 2, "warmup": 30, "draws": 40}
    whole = model.fit({"y": [0.5, 1.5]}, seed=7, options=options).draws["mu"]
    holes = model.fit({"y": [0.5, None, 1.5, None]}, seed=7, options=options).draws["mu"]
    np.testing.assert_allclose(whole, holes)

"""Monte Carlo errors of predictions: they cover the right value and how seeds differ, and what is exact has none."""

from __future__ import annotations

import numpy as np
from scipy import stats

import pgmlang

GRID = np.linspace(-10, 10, 4001)
COUNTS = """plate row {
  a ~ Normal(0, sqrt(1 / 3)) ; b ~ Normal(0, sqrt(1 / 3)) ; c ~ Normal(0, sqrt(1 / 3))
  k ~ Poisson(exp(a + b + c)) ; y ~ Bernoulli(logit = a + b + c)
}"""
"""More latents than quadrature takes, whose sum is standard normal."""


def test_numbers_and_labels_from_draws() -> None:
    given = pgmlang.compile(COUNTS).given()
    k = [0, 4]
    runs = [given.predict_columns({"k": k}, seed=seed).columns for seed in range(6)]
    posterior = stats.norm.pdf(GRID) * stats.poisson.pmf(np.array(k)[:, None], np.exp(GRID))
    posterior /= posterior.sum(1, keepdims=True)
    for figure, error, function in (
        ("a", "a.mcse", GRID / 3),
        ("P(y = 1)", "y.mcse", 1 / (1 + np.exp(-GRID))),
    ):
        values = np.array([run[figure] for run in runs], dtype=float)
        errors = np.array([run[error] for run in runs], dtype=float)
        assert np.all(np.abs(values - posterior @ function) < 5 * errors)
        ratio = values.std(0, ddof=1) / errors.mean(0)
        assert np.all((ratio > 0.2) & (ratio < 3))
    again = given.predict_columns({"k": k}, seed=0).columns
    np.testing.assert_array_equal(again["a.mcse"], runs[0]["a.mcse"])


def test_what_is_exact_has_none() -> None:
    text = "plate row { z ~ Bernoulli(0.3) ; x ~ Normal(if z == 1 then 2 else 0, 1) ; y ~ Normal(x, 1) }"
    columns = pgmlang.compile(text).given().predict_columns({"x": [0.0, 1.0]}).columns
    assert not [name for name in columns if name.endswith(".mcse")]


def test_chains_of_fields(monkeypatch) -> None:
    """The error of Gibbs chains against the sum over all labels."""
    from pgmlang.query import field_predictions
    from pgmlang.query.field_rows import FieldRows

    text = """plate row { field x : bit ; field a : bit ; field b : bit
      factor 0.8 * x * a + 0.7 * a * b - 0.5 * b }"""
    given = pgmlang.compile(text).given()
    exact = given.predict_columns({"x": [0, 1]}).columns
    assert "a.mcse" not in exact
    monkeypatch.setattr(field_predictions, "elimination_steps", lambda *_: ((), ["too wide"]))
    monkeypatch.setattr(FieldRows, "network", lambda _: None)
    runs = [given.predict_columns({"x": [0, 1]}, seed=seed).columns for seed in range(4)]
    for name in ("a", "b"):
        errors = np.array([run[f"{name}.mcse"] for run in runs])
        assert np.all((errors > 0) & (errors < 0.05))
        apart = np.array([run[f"P({name} = 1)"] for run in runs]) - np.asarray(exact[f"P({name} = 1)"])
        assert np.all(np.abs(apart) < 5 * errors)
        assert np.all(np.abs(apart.mean(0)) < 4 * errors.mean(0) / 2)

"""Standard errors against second differences of likelihoods that are listed, integrated or written by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import pgmlang


def inverse_information(value, x):
    """The inverse of minus the second differences of a function at its maximum."""
    steps = 1e-4 * np.maximum(np.abs(x), 0.1)
    n = len(x)
    square = np.zeros((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        a, b = np.eye(n)[i] * steps[i], np.eye(n)[j] * steps[j]
        square[i, j] = (value(x + a + b) - value(x + a - b) - value(x - a + b) + value(x - a - b)) / (
            4 * steps[i] * steps[j]
        )
    return np.linalg.inv(-square)


def sd_of(fit, name, **where):
    rows = [r for r in fit.summary() if r["name"] == name and all(r.get(k) == v for k, v in where.items())]
    assert len(rows) == 1
    return rows[0]["sd"]


LATENT = (
    "plate row { z : {a, b} ~ Table() ; y : {u, v} ~ Table(z) ; w : {u, v} ~ Table(z) ; x : {u, v} ~ Table(z) }"
)


def test_a_latent_class_has_the_errors_of_the_observed_likelihood():
    rng = np.random.default_rng(5)
    z = rng.random(600) < 0.4
    cells = {n: np.where(rng.random(600) < np.where(z, p, q), "u", "v") for n, p, q in
             [("y", 0.85, 0.2), ("w", 0.7, 0.15), ("x", 0.9, 0.3)]}  # fmt: skip
    fit = pgmlang.compile(LATENT).fit(cells, method="em", seed=2)
    assert fit.record.status == "converged"
    codes = np.stack([cells[n] == "u" for n in "ywx"], 1)

    def value(p):
        share, tables = np.array([p[0], 1 - p[0]]), p[1:].reshape(3, 2)
        by_class = np.log(share) + sum(
            np.where(codes[:, [k]], np.log(tables[k]), np.log1p(-tables[k])) for k in range(3)
        )
        return float(logsumexp(by_class, axis=1).sum())

    point = [fit.params["z.table"][0], *(fit.params[f"{n}.table"][k, 0] for n in "ywx" for k in range(2))]
    errors = np.sqrt(np.diagonal(inverse_information(value, np.array(point))))
    assert fit.record.log_likelihood == pytest.approx(value(np.array(point)), abs=1e-6)
    told = [sd_of(fit, "z", label="a")] + [
        sd_of(fit, n, label="u", given={"z": k}) for n in "ywx" for k in ("a", "b")
    ]
    assert told == pytest.approx(errors, rel=1e-3)
    complete = math.sqrt(point[0] * (1 - point[0]) / 600)
    assert told[0] > 1.2 * complete


def test_missing_cells_widen_the_errors_as_much_as_they_should():
    """Of a bit of which a third is missing at random nothing but its seen cells tell."""
    rng = np.random.default_rng(1)
    a = np.where(rng.random(300) < 0.3, "y", "n").astype(object)
    a[::3] = None
    fit = pgmlang.compile("plate row { a : {y, n} ~ Table() ; b : {u, v} ~ Table() }").fit(
        {"a": a, "b": np.where(rng.random(300) < 0.5, "u", "v")}, method="em", seed=1
    )
    p, seen = fit.params["a.table"][0], 200
    assert sd_of(fit, "a", label="y") == pytest.approx(math.sqrt(p * (1 - p) / seen), rel=1e-5)


def test_a_mixture_of_poissons():
    rng = np.random.default_rng(3)
    counts = np.where(rng.random(400) < 0.35, rng.poisson(2.0, 400), rng.poisson(9.0, 400))
    text = "dim k[2]\nparam share[k] : simplex\nparam rate[k] : positive\nplate row { z : k ~ Categorical(share) ; n ~ Poisson(rate[z]) }"
    fit = pgmlang.compile(text).fit({"n": counts}, method="em", seed=1)
    assert fit.record.status == "converged"

    def value(p):
        terms = [
            np.log(p[0]) + stats.poisson(p[1]).logpmf(counts),
            np.log1p(-p[0]) + stats.poisson(p[2]).logpmf(counts),
        ]
        return float(logsumexp(terms, axis=0).sum())

    point = np.array([fit.params["share"][0], *fit.params["rate"]])
    errors = np.sqrt(np.diagonal(inverse_information(value, point)))
    told = [r["sd"] for n in ("share", "rate") for r in fit.summary() if r["name"].startswith(n)]
    assert told == pytest.approx([errors[0], errors[0], errors[1], errors[2]], rel=1e-3)
    by_map = pgmlang.compile(text).fit({"n": counts}, method="map", seed=1)
    others = [r["sd"] for n in ("rate",) for r in by_map.summary() if r["name"].startswith(n)]
    assert sorted(others) == pytest.approx(sorted(told[2:]), rel=1e-3)


def test_maximum_likelihood_of_a_regression_has_the_errors_of_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    y = 1 + 2 * x + rng.normal(size=80) * 0.5
    text = "param a : real\nparam b : real\nparam s : positive\nplate row { input x ; y ~ Normal(a + b * x, s) }"
    fit = pgmlang.compile(text).fit({"x": x, "y": y}, method="map")
    design = np.column_stack([np.ones(80), x])
    s = float(fit.params["s"])
    errors = s * np.sqrt(np.diagonal(np.linalg.inv(design.T @ design)))
    assert [sd_of(fit, "a"), sd_of(fit, "b")] == pytest.approx(errors, rel=1e-5)
    assert sd_of(fit, "s") == pytest.approx(s / math.sqrt(160), rel=1e-4)


def test_a_share_at_its_bound_has_no_error_and_the_others_do():
    """No row of class a ever says u: its share stays at zero."""
    rng = np.random.default_rng(4)
    z = rng.random(400) < 0.5
    y = np.where(z, "v", np.where(rng.random(400) < 0.6, "u", "v"))
    w = np.where(rng.random(400) < np.where(z, 0.95, 0.02), "u", "v")
    fit = pgmlang.compile(
        "plate row { z : {a, b} ~ Table() ; y : {u, v} ~ Table(z) ; w : {u, v} ~ Table(z) }"
    ).fit({"y": y, "w": w, "z": np.where(rng.random(400) < 0.5, np.where(z, "a", "b"), None)}, method="em", seed=1)
    assert fit.record.status == "converged"
    assert fit.params["y.table"][0, 0] < 1e-3
    assert sd_of(fit, "y", label="u", given={"z": "a"}) is None
    assert sd_of(fit, "y", label="u", given={"z": "b"}) == pytest.approx(0.035, abs=0.01)


def test_errors_are_kept_in_the_folder(tmp_path):
    fit = pgmlang.compile("param m : real\nplate row { y ~ Normal(m, 2) }").fit(
        {"y": [1.0, 2.0, 4.0, 5.0]}, method="map"
    )
    assert sd_of(fit, "m") == pytest.approx(1.0, rel=1e-6)
    fit.save(tmp_path / "m.fit")
    assert sd_of(pgmlang.load(tmp_path / "m.fit"), "m") == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize(("text", "options", "words"), [
    ("param a : real\nparam b : real\nplate row { y ~ Normal(a + b, 1) }", {"method": "map"}, "no proper maximum"),
    ("param a : real\nparam s : positive\nplate row { y ~ StudentT(4, a, s) }",
     {"method": "map", "options": {"max_iterations": 1}}, "has not come to its end"),
])  # fmt: skip
def test_a_fit_says_why_it_has_none(text: str, options: dict, words: str) -> None:
    from pgmlang.results.summary_view import Summary

    rng = np.random.default_rng(0)
    fit = pgmlang.compile(text).fit({"y": rng.standard_t(4, 30)}, seed=1, **options)
    assert words in fit.record.provenance["no_standard_errors"]
    assert f"no standard errors: {fit.record.provenance['no_standard_errors']}" in str(Summary(fit.record))


def test_a_fit_with_errors_says_nothing() -> None:
    fit = pgmlang.compile("param a : real\nplate row { y ~ Normal(a, 1) }").fit(
        {"y": [1.0, 2.0, 4.0]}, method="map"
    )
    assert "no_standard_errors" not in fit.record.provenance

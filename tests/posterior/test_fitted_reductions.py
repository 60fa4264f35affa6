"""Inputs centred and scaled by their rows: other rows are centred by what the fit's rows came to, in every verb."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

CENTRED = """{declared}
m = mean(x, over = g)
width = sqrt(mean((x - m) ^ 2, over = g))
plate g {{ input x : real ; {drawn} }}
"""
X = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 2.0]
FORMS = {
    "labels": ("param a, b : real", "y ~ Bernoulli(logit = a + b * (x - m) / width)", [0, 0, 1, 0, 1, 1, 1]),
    "counts": ("param a, b : real", "y ~ Poisson(exp(a + b * (x - m) / width))", [0, 1, 1, 4, 3, 9, 2]),
    "numbers": ("param a, b : real\nparam s : positive", "y ~ Normal(a + b * (x - m) / width, s)", [0, 1, 1.5, 4, 3, 9, 2]),
}  # fmt: skip


def _mean(form: str, a: float, b: float, x: float) -> float:
    z = a + b * (x - np.mean(X)) / np.std(X)
    return float({"labels": 1 / (1 + np.exp(-z)), "counts": np.exp(z), "numbers": z}[form])


@pytest.mark.parametrize("form", FORMS)
def test_every_verb_centres_by_the_rows_of_the_fit(form: str) -> None:
    declared, drawn, y = FORMS[form]
    fit = pgmlang.compile(CENTRED.format(declared=declared, drawn=drawn)).fit({"x": X, "y": y}, seed=1)
    a, b = (float(fit.params[n]) for n in "ab")
    assert sum(fit.score({"x": X, "y": y})) == pytest.approx(fit.log_likelihood, rel=1e-9)
    apart = [sum(fit.score({"x": [u], "y": [v]})) for u, v in zip(X, y, strict=True)]
    assert sum(apart) == pytest.approx(fit.log_likelihood, rel=1e-9)
    columns = fit.predict_columns({"x": [7.0]}).columns
    right = _mean(form, a, b, 7.0)
    predicted = columns["P(y = 1)" if form == "labels" else "y"]
    assert float(predicted[0]) == pytest.approx(right, rel=1e-6)
    (row,) = fit.query("E(y | x = 7)").table
    assert row["mean"] == pytest.approx(right, rel=1e-6)
    (known,) = fit.query("E(m)").table
    assert known["mean"] == pytest.approx(np.mean(X))
    with pytest.raises(PgmError, match="is computed"):
        fit.query("E(y | x = 7, m = 3)")
    # the record that is saved keeps the definition
    assert "m" in fit.record.model.definition_of


def test_draws_centre_by_the_rows_of_the_fit() -> None:
    declared, drawn, y = FORMS["numbers"]
    declared = "a ~ Normal(0, 10) ; b ~ Normal(0, 10) ; s ~ HalfNormal(5)"
    fit = pgmlang.compile(CENTRED.format(declared=declared, drawn=drawn)).fit(
        {"x": X, "y": y}, method="hmc", seed=1, options={"chains": 4, "draws": 200, "warmup": 200}
    )
    a, b = (float(np.mean(fit.draws[n])) for n in "ab")
    columns = fit.predict_columns({"x": [7.0]}, seed=1).columns
    assert float(columns["y"][0]) == pytest.approx(
        _mean("numbers", a, b, 7.0), abs=4 * float(columns["y.mcse"][0])
    )


GROUPS = """param b, c : real
plate school {
  mx = mean(x, over = pupil)
  plate pupil { input x : real ; y ~ Normal(b * x + c * mx, 1) }
}
"""
PUPILS = {
    "school": ["A"] * 3 + ["B"] * 3,
    "x": [1.0, 2.0, 3.0, 5.0, 6.0, 9.0],
    "y": [3.0, 3.5, 5.5, 11.0, 12.5, 15.5],
}


@pytest.fixture(scope="module")
def schools():
    return pgmlang.compile(GROUPS).fit(PUPILS, method="map", seed=1)


def test_elements_of_the_fit_keep_what_their_rows_came_to(schools) -> None:
    b, c = (float(schools.params[n]) for n in "bc")
    right = [9 * b + 2 * c, 9 * b + 20 / 3 * c]
    rows = {"school": ["A", "B"], "x": [9.0, 9.0]}
    assert schools.predict_columns(rows).columns["y"] == pytest.approx(right)
    for school, mean in zip("AB", right, strict=True):
        assert schools.query(f"E(y | x = 9, school = {school})").table[0]["mean"] == pytest.approx(mean)
    scores = schools.score({**rows, "y": right})
    assert scores == pytest.approx([-0.5 * np.log(2 * np.pi)] * 2)
    assert float(np.sum(schools.score(PUPILS))) == pytest.approx(schools.log_likelihood)
    assert {r["name"]: r["mean"] for r in schools.summary()}["mx[B]"] == pytest.approx(20 / 3)


def test_new_elements_have_what_their_own_rows_come_to(schools) -> None:
    b, c = (float(schools.params[n]) for n in "bc")
    columns = schools.predict_columns({"school": ["Z", "Z"], "x": [1.0, 9.0]}).columns
    assert columns["y"] == pytest.approx([b + 5 * c, 9 * b + 5 * c])


def test_known_and_new_elements_together_are_refused(schools) -> None:
    with pytest.raises(PgmError) as error:
        schools.predict_columns({"school": ["A", "Z"], "x": [1.0, 9.0]})
    (problem,) = error.value.diagnostics
    assert problem.code == "PGM0606"
    assert "`Z`" in problem.message

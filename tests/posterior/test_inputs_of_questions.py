"""Questions and draws of tables that hang on inputs take their values among the evidence."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

TEXT = """
dim k = {one, two}
plate row {
  input x[k] : real
  input c : {p, q}
  z ~ Bernoulli(0.3)
  y ~ Bernoulli(logit = x[one] - 2 * x[two] + z + (c == p))
}
"""


def chance(x: tuple[float, float], is_p: bool) -> tuple[float, float]:
    """P(y = 1), and P(z = 1 given y = 1)."""
    shares = [w / (1 + np.exp(-(x[0] - 2 * x[1] + z + is_p))) for z, w in ((0, 0.7), (1, 0.3))]
    return sum(shares), shares[1] / sum(shares)


@pytest.mark.parametrize("label", "pq")
def test_values_of_inputs_are_given_to_the_row(label: str) -> None:
    asked = pgmlang.compile(TEXT).given()
    inputs = f"x[one] = 1, x[two] = 0.25, c = {label}"
    y, z = chance((1, 0.25), label == "p")
    assert asked.query(f"P(y | {inputs})").probabilities["1"] == pytest.approx(y)
    answer = asked.query(f"P(z | y = 1, {inputs})")
    assert answer.probabilities["1"] == pytest.approx(z)
    assert answer.log_evidence == pytest.approx(np.log(y))
    assert asked.query(f"E(y | do(x[one] = 1), x[two] = 0.25, do(c = {label}))").table[0]["mean"] == pytest.approx(
        y
    )
    rows = asked.sample_columns(4000, seed=1, evidence=f"y = 1, {inputs}").columns
    assert np.mean(np.array(rows["z"]) == "1") == pytest.approx(z, abs=0.04)
    data = {"x.one": [1.0], "x.two": [0.25], "c": [label], "y": [1]}
    assert asked.score(data)[0] == pytest.approx(np.log(y))
    assert asked.predict_columns(data).columns["P(z = 1)"][0] == pytest.approx(z)


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ("x[one] = 1, c = p", "PGM0602"),
        ("x[one] = 1, x[two] = 2", "PGM0602"),
        ("x[one] = 1, x[three] = 2, c = p", "PGM0607"),
        ("x = 1, c = p", "PGM0607"),
        ("x[one] = 1, x[two] = 2, c = r", "PGM0705"),
        ("x[one] = 1, x[two] = 2, c ~ {p: 1, q: 2}", "PGM0606"),
        ("x[one] = 1, x[two] = 2, x[two] = 2, c = p", "PGM0606"),
    ],
)
def test_what_is_not_given_or_cannot_be(evidence: str, code: str) -> None:
    asked = pgmlang.compile(TEXT).given()
    for ask in (lambda: asked.query(f"P(y | {evidence})"), lambda: asked.sample(2, evidence=evidence)):
        with pytest.raises(PgmError) as caught:
            ask()
        assert caught.value.diagnostics[0].code == code


def test_a_fitted_regression_answers_for_new_inputs() -> None:
    text = "param b : real\nplate row { input x : real\n y ~ Bernoulli(logit = b * x) }\n"
    fit = pgmlang.compile(text).fit({"x": [1.0, 2.0, -1.0, 1.0], "y": [1, 1, 0, 0]}, seed=1)
    right = 1 / (1 + np.exp(-3 * float(fit.params["b"])))
    assert fit.query("E(y | x = 3)").table[0]["mean"] == pytest.approx(right)
    assert fit.predict_columns({"x": [3.0]}).columns["P(y = 1)"][0] == pytest.approx(right)

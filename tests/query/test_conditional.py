"""Questions about a fresh row of fits with real variables, against closed forms and quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

import pgmlang
from pgmlang.diagnostics import PgmError

ROWS = """
a ~ Normal(0, 3)
plate row {
  input x : real
  z : {p, q} ~ Table() { 0.3, 0.7 }
  y ~ Normal(if z == p then a * x else a * x + 3, 1)
  u ~ Normal(0, 1)
  k ~ Poisson(exp(0.5 * u))
  w ~ Bernoulli(sigmoid(u))
}
"""
"""Of an `a` known to be 2."""
MIXED = ROWS.replace("a ~ Normal(0, 3)", "a ~ Normal(2, 0.000001)")


def table(rows: int) -> dict[str, object]:
    rng = np.random.default_rng(0)
    z = rng.random(rows) < 0.7
    x = rng.normal(size=rows)
    y = 2 * x + 3 * z + rng.normal(size=rows)
    return {"x": x, "z": np.where(z, "q", "p"), "y": y, "k": rng.poisson(1.0, rows), "w": rng.integers(0, 2, rows)}


@pytest.fixture(scope="module")
def fit() -> pgmlang.FittedModel:
    return pgmlang.compile(MIXED).fit(
        table(20), method="hmc", seed=1, options={"chains": 2, "warmup": 200, "draws": 500}
    )


def figures(answer: pgmlang.Answer) -> tuple[float, float]:
    row = answer.table[0]
    return float(row.get("p", row.get("mean"))), float(row.get("mcse", 0.0))


def near(answer: pgmlang.Answer, right: float) -> None:
    value, error = figures(answer)
    assert value == pytest.approx(right, abs=4 * error + 1e-4)
    assert error < 0.1


def test_a_number_given_a_label_and_an_input(fit: pgmlang.FittedModel) -> None:
    near(fit.query("E(y | x = 1, z = q)"), 5)
    near(fit.query("P(y > 3 | x = 1, z = p)"), float(stats.norm.sf(1)))


def test_a_label_given_a_number(fit: pgmlang.FittedModel) -> None:
    p, q = 0.3 * stats.norm.pdf(3.2, 2), 0.7 * stats.norm.pdf(3.2, 5)
    answer = fit.query("P(z | x = 1, y = 3.2)")
    near(answer, p / (p + q))
    assert answer.log_evidence == pytest.approx(math.log(p + q), abs=1e-4)
    assert sum(float(r["p"]) for r in answer.table) == pytest.approx(1)


def test_through_a_latent_number(fit: pgmlang.FittedModel) -> None:
    def of(weight):
        return integrate.quad(
            lambda u: weight(u) * stats.norm.pdf(u) * stats.poisson.pmf(4, math.exp(0.5 * u)), -8, 8
        )[0]

    near(fit.query("E(u | x = 0, k = 4)"), of(lambda u: u) / of(lambda u: 1))
    near(fit.query("P(w = 1 | x = 0, k = 4)"), of(special.expit) / of(lambda u: 1))
    near(fit.query("E(w | x = 0, k = 4)"), of(special.expit) / of(lambda u: 1))


def test_do_is_no_observation(fit: pgmlang.FittedModel) -> None:
    near(fit.query("P(w = 1 | x = 0, do(k = 9))"), 0.5)
    assert figures(fit.query("P(w = 1 | x = 0, k = 9)"))[0] > 0.65
    near(fit.query("E(y | x = 1, do(z = p))"), 2)


def test_several_events(fit: pgmlang.FittedModel) -> None:
    near(fit.query("P(y > 3, z = q | x = 0.5)"), 0.7 * float(stats.norm.sf(3, 4)))


def test_without_evidence_a_row_is_drawn() -> None:
    found = pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }").fit(
        {"y": [1.0, 2.0, 3.0]}, method="hmc", seed=1, options={"chains": 4, "draws": 1000}
    )
    value, error = figures(found.query("E(y)"))
    assert value == pytest.approx(6 / 4, abs=4 * error + 0.05)


def test_globals_learn_from_the_row_given() -> None:
    """One row of data leaves `m` open; a second one in the question counts as much."""
    found = pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) ; v ~ Normal(m, 1) }").fit(
        {"y": [1.0], "v": [1.0]}, method="hmc", seed=1, options={"chains": 4, "draws": 1000}
    )
    value, error = figures(found.query("E(m | y = 3)"))
    assert value == pytest.approx(5 / 4, abs=4 * error + 0.05)
    value, error = figures(found.query("E(v | y = 3)"))
    assert value == pytest.approx(5 / 4, abs=4 * error + 0.05)


def test_point_fits_answer_too() -> None:
    found = pgmlang.compile("param b : real\nplate row { input x : real ; y ~ Normal(b * x, 1) }").fit(
        {"x": [1.0, 2.0], "y": [2.0, 4.0]}, seed=1
    )
    near(found.query("E(y | x = 10)"), 20)


def test_known_and_new_groups() -> None:
    source = "m ~ Normal(0, 5)\nplate g { e ~ Normal(m, 1) }\nplate row in g { y ~ Normal(e, 0.1) }"
    data = {"g": np.repeat(["a", "b"], 50), "y": np.repeat([1.0, 3.0], 50)}
    found = pgmlang.compile(source).fit(data, method="hmc", seed=1, options={"chains": 4, "draws": 500})
    assert figures(found.query("E(y | g = b)"))[0] == pytest.approx(3, abs=0.1)
    assert found.query("E(y | g = new)").table[0]["sd"] > 1


@pytest.mark.parametrize(("question", "code"), [
    ("E(y | a = 2)", "PGM0606"),
    ("E(nope | x = 1)", "PGM0607"),
    ("E(y | nope = 1)", "PGM0607"),
    ("P(z = r | x = 1, y = 1)", "PGM0607"),
    ("E(z | x = 1, y = 1)", "PGM0606"),
    ("E(y | x = 1, y = 1)", "PGM0606"),
    ("P(y = 3 | x = 1)", "PGM0606"),
    ("P(z | x = 1, y ~ {p: 0.5, q: 0.5})", "PGM0606"),
    ("P(z | x = 1, x = 2)", "PGM0606"),
    ("P(z | x = 1, k = -1)", "PGM"),
])  # fmt: skip
def test_what_cannot_be_asked(fit: pgmlang.FittedModel, question: str, code: str) -> None:
    with pytest.raises(PgmError) as error:
        fit.query(question)
    assert error.value.diagnostics[0].code.startswith(code)


def test_predicted_probabilities_are_means_of_probabilities() -> None:
    """After one in twenty the next is a one with probability 2 / 22: not a count of simulated labels."""
    found = pgmlang.compile("t ~ Beta(1, 1)\nplate row { input x : real ; y : bit ~ Bernoulli(t) }").fit(
        {"x": [0.0] * 20, "y": [1] + [0] * 19}, method="hmc", seed=1, options={"chains": 4, "draws": 1000}
    )
    shares = found.predict_columns({"x": [0.0, 1.0, 2.0]}).columns["P(y = 1)"]
    assert np.asarray(shares) == pytest.approx(2 / 22, abs=0.008)
    assert np.ptp(np.asarray(shares)) < 1e-12


def test_errors_know_that_draws_hang_together(fit: pgmlang.FittedModel) -> None:
    """A mean over draws of a slow chain errs more than one over as many independent ones."""
    from pgmlang.query.conditional import Draws

    rng = np.random.default_rng(0)
    noise = rng.normal(size=4000)
    slow = np.zeros(4000)
    for t in range(1, 4000):
        slow[t] = 0.9 * slow[t - 1] + noise[t]
    even = Draws(None, {}, {}, np.full(4000, 1 / 4000))  # type: ignore[arg-type]
    assert even._mean(noise)[1] == pytest.approx(1 / math.sqrt(4000), rel=0.15)
    assert even._mean(slow)[1] == pytest.approx(math.sqrt(19) * slow.std() / math.sqrt(4000), rel=0.3)

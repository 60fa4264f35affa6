"""Interventions on some elements of a variable, whose others have their own density: against scipy's quadrature and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

import pgmlang
from pgmlang.diagnostics import PgmError

LABELS = """dim item[3]
plate row { t ~ Normal(0, 1) ; o[item] : bit ~ Bernoulli(logit = t) ; y ~ Normal(t + sum(o, over = item), 1) }"""
NUMBERS = (
    "dim item[3]\nplate row { t ~ Normal(0, 1) ; x[item] ~ Normal(t, 1) ; y ~ Normal(sum(x, over = item), 1) }"
)
COUNTS = "plate step = chain { k ~ Poisson(if first then 2 else 1 + 0.5 * prev(k)) }"


def mean_given_seen(function) -> float:
    """The mean of a function of t given that one answer is 1."""
    share = integrate.quad(lambda t: stats.norm.pdf(t) * expit(t), -9, 9)[0]
    return integrate.quad(lambda t: stats.norm.pdf(t) * expit(t) * function(t), -9, 9)[0] / share


@pytest.mark.parametrize(
    ("text", "question", "right"),
    [
        (LABELS, "E(y | do(o[1] = 1))", 2.0),
        (LABELS, "E(t | do(o[1] = 1))", 0.0),
        (LABELS, "E(y | do(o[1] = 1), o[0] = 1)", mean_given_seen(lambda t: t + 2 + expit(t))),
        (LABELS, "E(t | do(o[1] = 1), do(o[2] = 0), o[0] = 1)", mean_given_seen(lambda t: t)),
        (LABELS, "E(y | do(o[0] = 1), do(o[1] = 1), do(o[2] = 1))", 3.0),
        (NUMBERS, "E(y | do(x[1] = 2))", 2.0),
        (NUMBERS, "E(y | do(x[1] = 2), x[0] = 2)", 5.0),
        (NUMBERS, "E(t | do(x[1] = 9), x[0] = 2)", 1.0),
        (COUNTS, "E(k[2] | do(k[1] = 4))", 3.0),
        (COUNTS, "E(k[0] | do(k[1] = 4), k[2] = 5)", 2.0),
    ],
)
def test_means(text: str, question: str, right: float) -> None:
    (row,) = pgmlang.compile(text).given().query(question, seed=1).table
    assert row["mean"] == pytest.approx(right, abs=5 * row.get("mcse", 0.0) + 1e-6)
    assert row.get("mcse", 0.0) < 0.15


def test_probabilities_of_the_other_elements() -> None:
    answer = pgmlang.compile(LABELS).given().query("P(o[2] | do(o[1] = 1), o[0] = 1)", seed=1)
    row = answer.table[1]
    assert row["p"] == pytest.approx(mean_given_seen(expit), abs=5 * row["mcse"])
    assert answer.log_evidence == pytest.approx(np.log(0.5), abs=0.05)


def test_an_element_of_a_vector_is_refused() -> None:
    text = "dim k[3]\nplate row { p[k] ~ Dirichlet(2) ; n ~ Normal(p[0], 1) }"
    with pytest.raises(PgmError) as error:
        pgmlang.compile(text).given().query("E(n | do(p[0] = 0.5))")
    assert error.value.diagnostics[0].code == "PGM0606"

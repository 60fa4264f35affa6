"""The prior of a learned table counts under every method that takes the model, beside densities as among tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import norm

import pgmlang

Y = np.array([-1.5, -1.0, 2.0, 1.8, 0.3])
TEXT = """
param l : real
param r : real
plate row {
  z : {a, b} ~ Table(PRIOR)
  y ~ Normal(if z == a then l else r, 1)
}
"""


def mode(counts: float) -> tuple[float, float]:
    """The share of one class and the log-posterior there, by an optimiser of our own: the counts are added to a class's."""

    def objective(x: np.ndarray) -> float:
        p = expit(x[2])
        each = np.stack([np.log(p) + norm.logpdf(Y, x[0]), np.log1p(-p) + norm.logpdf(Y, x[1])])
        return -float(logsumexp(each, axis=0).sum() + counts * (np.log(p) + np.log1p(-p)))

    found = min(
        (minimize(objective, [a, b, 0.1], tol=1e-12) for a in (-1.0, 2.0) for b in (-1.0, 2.0)),
        key=lambda f: f.fun,
    )
    return float(expit(found.x[2])), -float(found.fun)


@pytest.mark.parametrize(("prior", "counts"), [("prior = 50", 50.0), ("prior = 2", 2.0), ("prior = bdeu(6)", 3.0)])
@pytest.mark.parametrize(
    ("method", "options"),
    [("em", {}), ("map", {}), ("map", {"optimizer": "adam", "epochs": 3000, "learning_rate": 0.03})],
)
def test_beside_densities(prior: str, counts: float, method: str, options: Any) -> None:
    fit = pgmlang.compile(TEXT.replace("PRIOR", prior)).fit({"y": Y}, method=method, seed=1, options=options)
    share, _ = mode(counts)
    assert min(abs(fit.params["z.table"][0] - share), abs(fit.params["z.table"][1] - share)) < 2e-3
    answer = fit.query("P(z)").probabilities
    assert answer["a"] == pytest.approx(fit.params["z.table"][0])


@pytest.mark.parametrize("method", ["hmc", "gibbs", "langevin", "mh", "tempering"])
def test_draws_refuse_a_table_to_be_learned(method: str) -> None:
    with pytest.raises(pgmlang.PgmError):
        pgmlang.compile(TEXT.replace("PRIOR", "prior = 50")).fit({"y": Y}, method=method, seed=1)

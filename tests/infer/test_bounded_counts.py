"""Latent counts that have a largest value are summed out and drawn: by enumeration of the counts on a grid of the numbers beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.results.convergence import convergence

Y = {"a": [3, 5, 4], "b": [7, 6, 9]}
DATA = {"site": [s for s in Y for _ in Y[s]], "y": [v for s in Y for v in Y[s]]}
N = np.arange(26)
GRID = np.linspace(0.0025, 0.9975, 200)
CASES: dict[str, tuple[str, Callable[[float], np.ndarray], Callable[[float], np.ndarray]]] = {
    "truncated Poisson": (
        "plate site { N ~ Truncated(Poisson(12), upper = 25) }\nplate visit in site { y ~ Binomial(N, p) }",
        lambda p: stats.poisson.pmf(N, 12) / stats.poisson.cdf(25, 12),
        lambda p: stats.binom.pmf(np.array([Y[s] for s in Y])[:, :, None], N, p).prod(1),
    ),
    "uniform, by a number of the data": (
        "plate site { input most : count ; N ~ DiscreteUniform(0, most) }\nplate visit in site { y ~ Binomial(N, p) }",
        lambda p: np.full(26, 1 / 26),
        lambda p: stats.binom.pmf(np.array([Y[s] for s in Y])[:, :, None], N, p).prod(1),
    ),
    "binomial below numbers": (
        "plate site { N ~ Binomial(25, p) }\nplate visit in site { y ~ Normal(N, 2) }",
        lambda p: stats.binom.pmf(N, 25, p),
        lambda p: stats.norm.pdf(np.array([Y[s] for s in Y])[:, :, None], N, 2).prod(1),
    ),
}  # fmt: skip


def by_enumeration(case: str) -> tuple[float, np.ndarray]:
    """The means of p and of each N."""
    _, prior, likelihood = CASES[case]
    weights, means = [], []
    for p in GRID:
        joint = prior(p) * likelihood(p)
        weights.append(stats.beta.pdf(p, 2, 2) * joint.sum(1).prod())
        means.append((joint * N).sum(1) / joint.sum(1))
    share = np.array(weights) / np.sum(weights)
    return float(share @ GRID), share @ np.array(means)


@pytest.mark.parametrize("method", ["hmc", pytest.param("gibbs", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_posterior_by_enumeration(case: str, method: str) -> None:
    text = "p ~ Beta(2, 2)\n" + CASES[case][0] + "\n"
    data: dict[str, Any] = (
        DATA if "input" not in text else {"site": {"site": ["a", "b"], "most": [25, 25]}, "visit": DATA}
    )
    draws = 300 if method == "hmc" else 1500
    fit = pgmlang.compile(text).fit(
        data, method=method, seed=1, options={"chains": 8, "warmup": 200, "draws": draws}
    )
    assert fit.draws["N"].dtype.kind == "i"
    p, counts = by_enumeration(case)
    for values, mean in ((fit.draws["p"][..., None], np.array([p])), (fit.draws["N"].astype(float), counts)):
        found = convergence(values)
        assert (np.abs(values.mean((0, 1)) - mean) < 4.5 * found.mcse).all()


def test_a_change_point_among_the_rows() -> None:
    """Rates before and after a day that nobody noted (Carlin, Gelfand and Smith 1992), by enumeration of the day: rates are conjugate."""
    y = [4, 5, 4, 1, 0, 4, 3, 0, 1, 0, 1, 0, 0, 1, 0, 2]
    text = (
        "early ~ Gamma(2, 1)\nlate ~ Gamma(2, 1)\nday ~ DiscreteUniform(0, 15)\n"
        "plate row = chain { y ~ Poisson(if position(row) < day then early else late) }\n"
    )
    fit = pgmlang.compile(text).fit(
        {"y": y}, method="hmc", seed=1, options={"chains": 8, "warmup": 200, "draws": 400}
    )
    log = []
    for k in range(16):
        log.append(_log_marginal(y[:k]) + _log_marginal(y[k:]))
    chance = np.exp(np.array(log) - np.logaddexp.reduce(log))
    drawn = np.bincount(fit.draws["day"].ravel(), minlength=16) / fit.draws["day"].size
    np.testing.assert_allclose(drawn, chance, atol=0.03)


def _log_marginal(y: list[int]) -> float:
    total, count = sum(y), len(y)
    return float(
        gammaln(2 + total) - gammaln(2) - (2 + total) * np.log(1 + count) - sum(gammaln(v + 1) for v in y)
    )


def test_a_count_without_a_largest_value_says_what_helps() -> None:
    text = "p ~ Beta(2, 2)\nplate site { N ~ Poisson(12) }\nplate visit in site { y ~ Binomial(N, p) }\n"
    with pytest.raises(PgmError, match=r"upper = 100"):
        pgmlang.compile(text).fit(DATA)

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
        lambda p: np.array([np.full(26, 1 / 26), np.where(N <= 15, 1 / 16, 0)]),
        lambda p: stats.binom.pmf(np.array([Y[s] for s in Y])[:, :, None], N, p).prod(1),
    ),
    "binomial below numbers": (
        "plate site { N ~ Binomial(25, p) }\nplate visit in site { y ~ Normal(N, 2) }",
        lambda p: stats.binom.pmf(N, 25, p),
        lambda p: stats.norm.pdf(np.array([Y[s] for s in Y])[:, :, None], N, 2).prod(1),
    ),
    "from ten on": (
        "plate site { N ~ DiscreteUniform(10, 25) }\nplate visit in site { y ~ Binomial(N, p) }",
        lambda p: np.where(N >= 10, 1 / 16, 0),
        lambda p: stats.binom.pmf(np.array([Y[s] for s in Y])[:, :, None], N, p).prod(1),
    ),
    "out of a count": (
        "plate site { N ~ DiscreteUniform(5, 25) ; M ~ Binomial(N, 0.7) }\nplate visit in site { y ~ Binomial(M, p) }",
        lambda p: np.where(N >= 5, 1 / 21, 0),
        lambda p: (
            stats.binom.pmf(np.array([Y[s] for s in Y])[:, :, None], N, p).prod(1) @ stats.binom.pmf(N[:, None], N, 0.7)
        ),
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
@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=pytest.mark.slow if c in ("from ten on", "out of a count") else ()) for c in CASES],
)
def test_posterior_by_enumeration(case: str, method: str) -> None:
    text = "p ~ Beta(2, 2)\n" + CASES[case][0] + "\n"
    data: dict[str, Any] = (
        DATA if "input" not in text else {"site": {"site": ["a", "b"], "most": [25, 15]}, "visit": DATA}
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


@pytest.mark.parametrize("first", [1851, pytest.param(0, marks=pytest.mark.slow)])
def test_a_change_point_among_the_rows(first: int) -> None:
    """Rates before and after a day that nobody noted (Carlin, Gelfand and Smith 1992), by enumeration of the day: rates are conjugate."""
    y = [4, 5, 4, 1, 0, 4, 3, 0, 1, 0, 1, 0, 0, 1, 0, 2]
    text = (
        f"early ~ Gamma(2, 1)\nlate ~ Gamma(2, 1)\nday ~ DiscreteUniform({first}, {first + 15})\n"
        f"plate row = chain {{ y ~ Poisson(if {first} + position(row) < day then early else late) }}\n"
    )
    fit = pgmlang.compile(text).fit(
        {"y": y}, method="hmc", seed=1, options={"chains": 8, "warmup": 200, "draws": 400}
    )
    log = []
    for k in range(16):
        log.append(_log_marginal(y[:k]) + _log_marginal(y[k:]))
    chance = np.exp(np.array(log) - np.logaddexp.reduce(log))
    drawn = np.bincount(fit.draws["day"].ravel() - first, minlength=16) / fit.draws["day"].size
    np.testing.assert_allclose(drawn, chance, atol=0.03)


@pytest.mark.parametrize(
    ("count", "values"),
    [
        ("Binomial(7, 0.5)", range(8)), ("DiscreteUniform(1851, 1961)", range(1851, 1962)), ("DiscreteUniform(0, 5000)", None),
        ("Hypergeometric(5, 3, 4)", range(1, 4)), ("Hypergeometric(5, 30, 4)", range(1, 6)), ("Poisson(3)", None),
        ("Truncated(Poisson(3), upper = 9)", range(10)), ("Truncated(Poisson(3), lower = 2, upper = 9)", range(2, 10)),
        ("Truncated(Binomial(7, 0.5), lower = 2)", range(2, 8)), ("ZeroInflated(0.1, DiscreteUniform(4, 6))", range(7)),
        ("Mixture([0.5, 0.5], Binomial([3, 9], 0.5))", range(10)), ("Binomial(most, 0.5)", range(5)), ("Binomial(M, 0.5)", range(10)),
        ("DiscreteUniform(M, 12)", range(2, 13)), ("Binomial(M + 3, 0.5)", range(13)),
    ],
)  # fmt: skip
def test_its_values_are_those_that_its_family_bounds(count: str, values: range | None) -> None:
    text = f"M ~ DiscreteUniform(2, 9)\nplate site {{ input most : count ; N ~ {count} ; y ~ Normal(N, 1) }}\n"
    model = pgmlang.compile(text).bind({"most": [3, 4], "y": [1.0, 2.0]}).model
    assert model.by_name["N"].type.labels == (None if values is None else tuple(map(str, values)))


def test_a_count_of_the_row_before() -> None:
    """Survivors of survivors: never more than there were at first, and no bound where some are born without end."""
    text = "plate t = chain {{ N ~ if first then DiscreteUniform(10, 40) else {} ; y ~ Binomial(N, 0.5) }}\n"
    labels = {}
    for later in ("Binomial(prev(N), 0.8)", "Binomial(prev(N) + 1, 0.8)", "Poisson(prev(N))"):
        model = pgmlang.compile(text.format(later)).bind({"y": [9, 7, 5]}).model
        labels[later] = model.by_name["N"].type.labels
    assert labels["Binomial(prev(N), 0.8)"] == tuple(map(str, range(41)))
    assert labels["Binomial(prev(N) + 1, 0.8)"] is None
    assert labels["Poisson(prev(N))"] is None


@pytest.mark.parametrize("backend", ["torch", pytest.param("native", marks=pytest.mark.slow)])
def test_survivors_of_survivors(backend: str) -> None:
    """The density of phi by the forward algorithm over the counts; states that the row before rules out have none."""
    import torch

    from pgmlang.density.target import target_of
    from tests.infer.by_hand import problem_of

    y = [9, 6, 5]
    text = "phi ~ Beta(2, 2)\nplate t = chain { N ~ if first then DiscreteUniform(8, 20) else Binomial(prev(N), phi)\n y ~ Binomial(N, 0.5) }\n"
    states = np.arange(21)

    def by_hand(phi: float) -> float:
        forward = np.where(states >= 8, 1 / 13, 0) * stats.binom.pmf(y[0], states, 0.5)
        for seen in y[1:]:
            forward = (forward @ stats.binom.pmf(states, states[:, None], phi)) * stats.binom.pmf(
                seen, states, 0.5
            )
        return float(np.log(forward.sum()) + stats.beta.logpdf(phi, 2, 2))

    x = torch.tensor([[-0.7], [0.4], [1.9]], dtype=torch.float64)
    target = target_of(problem_of(text, {"y": y}), backend=backend)
    phi = 1 / (1 + np.exp(-x[:, 0].numpy()))
    heights, slopes = target.value_and_grad(x)
    expected = [by_hand(p) + np.log(p * (1 - p)) for p in phi]
    np.testing.assert_allclose(heights.numpy(), expected, rtol=1e-9)
    h = 1e-5
    sides = [target.value(x + s).numpy() for s in (h, -h)]
    np.testing.assert_allclose(slopes[:, 0].numpy(), (sides[0] - sides[1]) / (2 * h), rtol=1e-6)


def _log_marginal(y: list[int]) -> float:
    total, count = sum(y), len(y)
    return float(
        gammaln(2 + total) - gammaln(2) - (2 + total) * np.log(1 + count) - sum(gammaln(v + 1) for v in y)
    )


def test_a_count_without_a_largest_value_says_what_helps() -> None:
    text = "p ~ Beta(2, 2)\nplate site { N ~ Poisson(12) }\nplate visit in site { y ~ Binomial(N, p) }\n"
    with pytest.raises(PgmError, match=r"upper = 100"):
        pgmlang.compile(text).fit(DATA)

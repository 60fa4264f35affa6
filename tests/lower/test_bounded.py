"""Distributions kept within bounds or censored at them: against SciPy, by their sums, and by their draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
import torch.distributions as dist

import pgmlang
from pgmlang.lower.runtime import bounded

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def default_numbers() -> object:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_the_incomplete_beta_function() -> None:
    a, b = 10 ** rng.uniform(-2, 3, (2, 5000))
    x = rng.uniform(size=5000) ** 2
    found = bounded.beta_chance(*(torch.tensor(v) for v in (x, a, b))).numpy()
    expected = scipy.special.betainc(a, b, x)
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=1e-8)


def double(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64)


CONTINUOUS = [
    (dist.StudentT(double(2.5), double(0.5), double(2.0)), scipy.stats.t(2.5, 0.5, 2.0)),
    (dist.Beta(double(0.3), double(4.0)), scipy.stats.beta(0.3, 4.0)),
    (dist.Gamma(double(2.3), double(0.7)), scipy.stats.gamma(2.3, scale=1 / 0.7)),
    (dist.InverseGamma(double(3.1), double(0.7)), scipy.stats.invgamma(3.1, scale=0.7)),
    (dist.Normal(double(1.0), double(2.0)), scipy.stats.norm(1.0, 2.0)),
]
COUNTS = [
    (dist.Bernoulli(double(0.3)), scipy.stats.bernoulli(0.3)),
    (dist.Poisson(double(7.5)), scipy.stats.poisson(7.5)),
    (dist.Binomial(20, double(0.3)), scipy.stats.binom(20, 0.3)),
    (dist.NegativeBinomial(double(2.5), double(0.7)), scipy.stats.nbinom(2.5, 0.3)),
    (dist.Geometric(double(0.3)), scipy.stats.geom(0.3, loc=-1)),
]


@pytest.mark.parametrize(("ours", "theirs"), CONTINUOUS + COUNTS, ids=lambda d: type(d).__name__)
def test_distribution_functions(ours: dist.Distribution, theirs: object) -> None:
    x = torch.linspace(-3, 24, 55)
    np.testing.assert_allclose(bounded.chance_below(ours, x), theirs.cdf(x.numpy()), atol=1e-12)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("ours", "theirs"), CONTINUOUS + COUNTS[1:], ids=lambda d: type(d).__name__)
def test_truncated_and_censored(ours: dist.Distribution, theirs: object) -> None:
    low, high = 0.2, 0.9
    if ours.support.is_discrete:  # type: ignore[attr-defined]
        low, high = 2, 6
        x = torch.arange(0.0, 30)
        inside = theirs.pmf(np.arange(low, high + 1)).sum()  # type: ignore[attr-defined]
        at_top, at_bottom = theirs.sf(high - 1), theirs.cdf(low)  # type: ignore[attr-defined]
        total = bounded.truncated_log_prob(ours, low, high, x).exp().sum()
        assert total == pytest.approx(1.0, abs=1e-10)
        between = theirs.pmf(np.arange(low + 1, high)).sum()  # type: ignore[attr-defined]
        assert between + at_top + at_bottom == pytest.approx(1.0, abs=1e-12)
        assert (x[bounded.truncated_log_prob(ours, low, high, x) > -math.inf] == torch.arange(2.0, 7)).all()
    else:
        inside = theirs.cdf(high) - theirs.cdf(low)  # type: ignore[attr-defined]
        at_top, at_bottom = theirs.sf(high), theirs.cdf(low)  # type: ignore[attr-defined]
    y = torch.tensor([float(low), float(high)])
    own = ours.log_prob(y)
    np.testing.assert_allclose(bounded.truncated_log_prob(ours, low, high, y), own - math.log(inside), atol=1e-10)
    found = bounded.censored_log_prob(ours, float(low), float(high), y)
    np.testing.assert_allclose(found.exp(), [at_bottom, at_top], atol=1e-10)
    draws = bounded.truncated_draw(ours, low, high, (20_000,))
    assert ((draws >= low) & (draws <= high)).all()
    at = torch.tensor([low, 0.5 * (low + high)])
    for x in at:
        expected = (theirs.cdf(float(x)) - theirs.cdf(low - ours.support.is_discrete)) / inside  # type: ignore[attr-defined]
        assert (draws <= x).double().mean() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: bounded.gamma_chance(a, torch.tensor(1.7)),
        lambda a: bounded.beta_chance(torch.tensor(0.3), a, torch.tensor(2.0)),
        lambda a: bounded.chance_below(dist.StudentT(a, 0.1, 1.5), torch.tensor(0.7)),
        lambda a: bounded.chance_below(dist.InverseGamma(a, torch.tensor(1.0)), torch.tensor(0.7)),
        lambda a: bounded.chance_below(dist.Poisson(a), torch.tensor(3.0)),
        lambda a: bounded.chance_below(dist.Binomial(9, a / 5), torch.tensor(3.0)),
    ],
)
def test_gradients(function: object) -> None:
    at = torch.tensor(2.3, requires_grad=True)
    assert torch.autograd.gradcheck(function, [at], atol=1e-6)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "base", ["StudentT(4, m, s)", "Gamma(s, 1)", "Logistic(m, s)", "Beta(s, 2)", "Gumbel(m, s)"]
)
def test_programs_of_numbers(base: str) -> None:
    text = (
        f"m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate row {{ y ~ Truncated({base}, lower = 0.1, upper = 0.9) }}\n"
    )
    fit = pgmlang.compile(text).fit(
        {"y": [0.3, 0.5, 0.8]}, seed=1, options={"chains": 4, "warmup": 60, "draws": 60}
    )
    assert np.isfinite(fit.draws["s"]).all()
    drawn = np.asarray(fit.sample(50).columns["y"], dtype=float)
    assert ((drawn > 0.1) & (drawn < 0.9)).all()


def test_counts_without_zeros() -> None:
    """The mode of a zero-truncated Poisson: its mean is the rows'."""
    rows = [1, 1, 2, 3, 1, 4, 2]
    text = "param r : positive\nplate row { k ~ Truncated(Poisson(r), lower = 1) }\n"
    rate = float(pgmlang.compile(text).fit({"k": rows}, method="map", seed=1).params["r"])
    assert rate / (1 - math.exp(-rate)) == pytest.approx(np.mean(rows), rel=1e-5)
    text = "param r : positive\nplate row { k ~ Censored(Poisson(r), upper = 3) }\n"
    rate = float(pgmlang.compile(text).fit({"k": [0, 1, 3, 3, 2]}, method="map", seed=1).params["r"])
    grid = np.linspace(0.5, 8, 75001)
    log = scipy.stats.poisson.logpmf(np.array([0, 1, 2])[:, None], grid).sum(0) + 2 * scipy.stats.poisson.logsf(
        2, grid
    )
    assert rate == pytest.approx(grid[log.argmax()], abs=2e-4)

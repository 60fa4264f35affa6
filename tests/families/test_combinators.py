"""Truncated, Censored, ZeroInflated and Mixture over every family that they take: densities with derivatives against sixty
digits far out in either tail, totals of one, draws by their distribution function, and one inside another."""

from __future__ import annotations

import math
from collections.abc import Iterator

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy.stats import truncnorm

from pgmlang.families import FAMILIES, refusal
from pgmlang.lower.family_classes import distribution_class
from pgmlang.lower.runtime.combined import Censored, Mixture, Truncated, ZeroInflated
from tests.families.references import ABOVE, BELOW, LOG_PROB

BOUNDS: dict[str, list[tuple[tuple[float, ...], float, float, float]]] = {
    "Normal": [((0.7, 1.3), 39.7, 41.0, 40.0), ((0.7, 1.3), -41.0, -38.3, -39.0), ((0.7, 1.3), -0.5, 2.0, 1.0)],
    "LogNormal": [((0.3, 0.6), 2e6, 1e8, 3e6), ((0.3, 0.6), 1e-8, 1e-6, 5e-7)],
    "HalfNormal": [((1.4,), 42.0, 43.0, 42.1), ((1.4,), 1e-9, 1e-8, 2e-9)],
    "StudentT": [((3.5, 0.4, 1.2), 36.0, 90.0, 40.0), ((3.5, 0.4, 1.2), 0.4, 2.0, 1.0), ((300.0, 0.0, 1.0), 30.0, 31.0, 30.2)],
    "Cauchy": [((0.5, 1.7), 1e9, 1e12, 2e9)],
    "HalfCauchy": [((1.7,), 1e9, 1e12, 2e9)],
    "Laplace": [((0.5, 1.7), 70.0, 80.0, 71.0), ((0.5, 1.7), -1.0, 2.0, 0.6)],
    "Logistic": [((0.5, 1.7), 90.0, 99.0, 91.0), ((0.5, 1.7), -90.0, -80.0, -81.0)],
    "Gumbel": [((0.5, 1.7), 66.0, 70.0, 67.0), ((0.5, 1.7), -5.0, -4.0, -4.2)],
    "Exponential": [((1.7,), 500.0, 510.0, 500.3)],
    "Gamma": [((2.3, 0.7), 70.0, 90.0, 71.0), ((900.0, 2.0), 5.0, 20.0, 18.0), ((0.3, 4.0), 1e-20, 1e-3, 1e-4)],
    "InverseGamma": [((3.1, 0.7), 0.004, 0.008, 0.007), ((3.1, 0.7), 1e4, 2e4, 1.1e4)],
    "Weibull": [((1.7, 2.3), 30.0, 32.0, 30.2)],
    "Beta": [((90.0, 310.0), 0.7, 0.85, 0.71), ((0.7, 2.3), 1e-9, 1e-3, 1e-4), ((90.0, 310.0), 0.2, 0.3, 0.22)],
    "Uniform": [((0.2, 3.1), 1.0, 2.0, 1.3)],
    "Poisson": [((3.7,), 60.0, 70.0, 61.0), ((900.0,), 100.0, 120.0, 119.0), ((3.7,), 1.0, 5.0, 2.0)],
    "NegativeBinomial": [((3.7, 1.3), 90.0, 120.0, 92.0), ((3.7, 1.3), 1.0, 6.0, 4.0)],
    "NegativeBinomialNP": [((2.5, 0.3), 1.0, 8.0, 4.0)],
    "Geometric": [((0.3,), 200.0, 220.0, 201.0)],
    "Binomial": [((2000.0, 0.1), 600.0, 640.0, 601.0), ((9.0, 0.3), 1.0, 4.0, 2.0)],
    "BinomialLogit": [((9.0, -0.8), 1.0, 4.0, 2.0)],
    "BetaBinomial": [((9.0, 0.7, 2.1), 1.0, 8.0, 3.0)],
    "Bernoulli": [((0.3,), 0.0, 1.0, 1.0)],
    "BernoulliLogit": [((0.3,), 0.0, 1.0, 1.0)],
    "SkewNormal": [((0.4, 1.3, 2.5), 6.0, 7.0, 6.1)],
    "AsymmetricLaplace": [((0.5, 1.7, 0.3), 70.0, 80.0, 71.0), ((0.5, 1.7, 0.3), -1.0, 2.0, 0.6)],
    "ExponentiallyModifiedGaussian": [((0.4, 1.3, 0.7), 50.0, 54.0, 51.0), ((0.4, 1.3, 0.7), -30.0, -29.0, -29.1)],
    "Moyal": [((0.5, 1.7), 66.0, 70.0, 67.0), ((0.5, 1.7), -6.0, -5.0, -5.2)],
    "Pareto": [((2.5, 0.7), 1e6, 2e6, 1.2e6), ((2.5, 0.7), 0.8, 3.0, 1.1)],
    "Lomax": [((2.5, 0.7), 1e6, 2e6, 1.2e6)],
    "LogLogistic": [((2.5, 0.7), 1e6, 2e6, 1.2e6), ((2.5, 0.7), 1e-8, 1e-6, 3e-7)],
    "Frechet": [((2.5, 0.7), 0.05, 0.06, 0.058), ((2.5, 0.7), 1e4, 2e4, 1.2e4)],
    "InverseGaussian": [((1.7, 0.9), 90.0, 95.0, 91.0), ((1.7, 0.9), 0.01, 0.012, 0.0118), ((1.7, 0.9), 1.0, 3.0, 1.5)],
    "Rayleigh": [((1.4,), 40.0, 41.0, 40.1)],
    "Maxwell": [((1.4,), 15.0, 16.0, 15.1)],
    "GeneralizedGamma": [((2.3, 0.7, 1.6), 20.0, 22.0, 20.2)],
    "ChiSquared": [((3.3,), 80.0, 90.0, 81.0)],
    "InverseChiSquared": [((3.3,), 0.004, 0.008, 0.007)],
    "ScaledInverseChiSquared": [((3.3, 1.6), 1e4, 2e4, 1.1e4)],
    "FisherSnedecor": [((3.3, 5.2), 80.0, 90.0, 81.0)],
    "BetaPrime": [((2.7, 2.3), 80.0, 90.0, 81.0)],
    "HalfStudentT": [((3.5, 1.2), 36.0, 90.0, 40.0), ((3.5, 1.2), 1e-9, 1e-8, 2e-9)],
    "HalfLogistic": [((1.7,), 60.0, 70.0, 61.0)],
    "LogUniform": [((0.2, 3.1), 0.5, 2.0, 1.1)],
    "SkewStudentT": [((3.5, 1.2, 0.4, 1.3), 30.0, 60.0, 31.0)],
    "GeneralizedPareto": [((1.7, 0.4), 1e5, 2e5, 1.1e5), ((1.7, -0.4), 4.0, 4.2, 4.1)],
    "Gompertz": [((0.6, 0.1), 7.0, 8.0, 7.1)],
    "GeneralizedExtremeValue": [((0.5, 1.7, 0.3), 1e4, 2e4, 1.1e4), ((0.5, 1.7, -0.3), -6.0, -5.0, -5.1)],
    "Kumaraswamy": [((2.2, 3.1), 0.9, 0.95, 0.91)],
    "LogitNormal": [((-0.4, 1.2), 0.9999, 0.99999, 0.99992)],
    "ContinuousBernoulli": [((0.3,), 0.9, 0.95, 0.91)],
    "ContinuousBernoulliLogit": [((-50.0,), 0.9, 0.95, 0.91)],
    "Triangular": [((0.2, 0.9, 3.1), 0.5, 2.0, 1.3)],
    "WeibullHazard": [((1.7, 0.6), 20.0, 22.0, 20.2)],
    "DiscreteWeibull": [((0.7, 1.3), 20.0, 30.0, 21.0)],
    "DiscreteUniform": [((2.0, 7.0), 3.0, 5.0, 4.0)],
    "Hypergeometric": [((7.0, 9.0, 4.0), 4.0, 6.0, 5.0)],
    "HypergeometricOdds": [((7.0, 9.0, 4.0, 2.3), 4.0, 6.0, 5.0)],
}  # fmt: skip
VARIANTS = {f.class_name(v): (f, v) for f in FAMILIES.values() for v in range(len(f.formulas)) if f.has_tails}
Made = torch.distributions.Distribution


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    mp.mp.dps = 420
    yield
    torch.set_default_dtype(torch.float32)


def made(name: str, args: tuple[float, ...]) -> tuple[Made, list[torch.Tensor]]:
    family, variant = VARIANTS[name]
    leaves = [torch.tensor(a, requires_grad=True) for a in args]
    return distribution_class(family.name, variant)(*leaves), leaves


def mass(name: str, args: list[mp.mpf], lower: float | None, upper: float | None) -> mp.mpf:
    """P(lower <= X <= upper) by the smaller tail."""
    is_discrete = VARIANTS[name][0].discrete
    first = None if lower is None else mp.mpf(lower) - (1 if is_discrete else 0)
    if is_discrete and first is not None and first < 0:
        first = None
    if upper is None:
        return mp.mpf(1) if first is None else ABOVE[name](first, *args)
    if first is None:
        return BELOW[name](mp.mpf(upper), *args)
    return BELOW[name](mp.mpf(upper), *args) - BELOW[name](first, *args)


def digits(name: str) -> None:
    """Fewer where the reference is an integral."""
    mp.mp.dps = 60 if name == "SkewNormal" else 420


def agrees(
    log: torch.Tensor, reference: object, args: tuple[float, ...], leaves: list[torch.Tensor], what: object
) -> None:
    point = [mp.mpf(a) for a in args]
    assert float(log) == pytest.approx(float(reference(point)), rel=1e-8, abs=1e-8), what  # type: ignore[operator]
    slopes = torch.autograd.grad(log, leaves, allow_unused=True)
    for i, slope in enumerate(slopes):
        if VARIANTS[what[0]][0].variants[VARIANTS[what[0]][1]][i].support == "count":  # type: ignore[index]
            continue
        step = (abs(point[i]) or 1) * mp.mpf("1e-40")
        up, down = list(point), list(point)
        up[i], down[i] = point[i] + step, point[i] - step
        wanted = float((reference(up) - reference(down)) / (2 * step))  # type: ignore[operator]
        got = 0.0 if slope is None else float(slope)
        assert got == pytest.approx(wanted, rel=1e-6, abs=1e-7 * max(1.0, 1 / abs(args[i] or 1))), (what, i)


def test_every_family_that_has_tails_is_in_the_table() -> None:
    assert set(BOUNDS) == set(VARIANTS)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_truncated(name: str) -> None:
    digits(name)
    for args, lower, upper, x in BOUNDS[name]:
        for low, high in ((lower, upper), (lower, None), (None, upper)):
            base, leaves = made(name, args)
            kept = Truncated(
                base, *(b for b in [-math.inf if low is None else low, math.inf if high is None else high])
            )

            def reference(
                a: list[mp.mpf], x: float = x, low: float | None = low, high: float | None = high
            ) -> mp.mpf:
                return LOG_PROB[name](mp.mpf(x), *a) - mp.log(mass(name, a, low, high))

            agrees(kept.log_prob(torch.tensor(x)), reference, args, leaves, (name, args, low, high))
            if low is not None:
                assert float(kept.log_prob(torch.tensor(lower - 3.0))) == -math.inf
            if high is not None:
                assert float(kept.log_prob(torch.tensor(upper + 3.0))) == -math.inf


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_censored(name: str) -> None:
    digits(name)
    for args, lower, upper, x in BOUNDS[name]:
        is_discrete = VARIANTS[name][0].discrete
        for at, low, high in ((upper, None, upper), (lower, lower, None), (x, None, None)):
            base, leaves = made(name, args)
            seen = Censored(base, lower, upper)

            def reference(
                a: list[mp.mpf], at: float = at, low: float | None = low, high: float | None = high
            ) -> mp.mpf:
                if high is not None:
                    return mp.log(mass(name, a, high, None))
                return LOG_PROB[name](mp.mpf(at), *a) if low is None else mp.log(mass(name, a, None, low))

            if not (is_discrete and at in (lower, upper) and at == x):
                agrees(seen.log_prob(torch.tensor(at)), reference, args, leaves, (name, args, at))


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_nothing_is_seen_beyond_a_censoring_bound(name: str) -> None:
    """A value at a bound is a censored one; beyond it there is none, and what is not taken has no gradient."""
    for args, lower, upper, _ in BOUNDS[name]:
        base, leaves = made(name, args)
        for low, high, x in (
            (lower, math.inf, lower - 1.0),
            (-math.inf, upper, upper + 1.0),
            (lower, upper, upper + 1.0),
        ):
            log = Censored(base, low, high).log_prob(torch.tensor(x))
            assert float(log.detach()) == -math.inf, (name, args, low, high, x)
            slopes = torch.autograd.grad(
                torch.where(log == -math.inf, 0.0, log), leaves, allow_unused=True, retain_graph=True
            )
            assert all(s is None or bool(torch.isfinite(s)) for s in slopes)
        # a bound of the data's may be none for a row
        seen = Censored(base, upper=torch.tensor([math.inf, upper])).log_prob(torch.tensor([upper, upper]))
        assert float(seen[0].detach()) == pytest.approx(float(base.log_prob(torch.tensor(upper)).detach()))
        assert bool(
            torch.isfinite(
                torch.stack(torch.autograd.grad(seen.sum(), leaves, allow_unused=True, materialize_grads=True))
            ).all()
        )


CHANCES = (0.0, 1e-300, 0.3, 1.0)


@pytest.mark.parametrize("p", CHANCES)
def test_shares_and_chances_at_their_ends(p: float) -> None:
    """Weights and probabilities of 0, 1e-300 and 1, within and outside of combinators: values and slopes by the definition."""
    base = distribution_class("Poisson")(2.0)
    zero, more = float(base.log_prob(torch.tensor(0.0)).exp()), float(base.log_prob(torch.tensor(3.0)))
    share = torch.tensor(p, requires_grad=True)
    inflated = ZeroInflated(share, base)
    assert float(inflated.log_prob(torch.tensor(0.0)).exp()) == pytest.approx(p + (1 - p) * zero, rel=1e-12)
    rest = -math.inf if p == 1 else math.log1p(-p) + more
    assert float(inflated.log_prob(torch.tensor(3.0))) == pytest.approx(rest, rel=1e-12)
    mixed = Mixture(torch.stack([share, 1 - share]), distribution_class("Poisson")(torch.tensor([2.0, 9.0])))
    logs = [float(distribution_class("Poisson")(r).log_prob(torch.tensor(3.0)).exp()) for r in (2.0, 9.0)]
    assert float(mixed.log_prob(torch.tensor(3.0)).exp()) == pytest.approx(
        p * logs[0] + (1 - p) * logs[1], rel=1e-12
    )
    total = inflated.log_prob(torch.tensor(0.0)) + mixed.log_prob(torch.tensor(3.0))
    (slope,) = torch.autograd.grad(total, share)
    assert bool(torch.isfinite(slope))
    for name in ("Bernoulli", "Geometric"):
        chance = torch.tensor(p, requires_grad=True)
        coin = distribution_class(name)(chance)
        held = Truncated(coin, lower=1.0).log_prob(torch.tensor(1.0))
        wanted = 0.0 if name == "Bernoulli" else _log(p)
        possible = p > 0 if name == "Bernoulli" else 0 < p < 1
        assert float(held.detach()) == pytest.approx(wanted if possible else -math.inf, abs=1e-12), name
        seen = Censored(coin, upper=1.0).log_prob(torch.tensor(1.0))
        above = p if name == "Bernoulli" else 1 - p
        assert float(seen.detach()) == pytest.approx(_log(above), rel=1e-12), name
        (slope,) = torch.autograd.grad(torch.where(torch.isfinite(seen), seen, 0.0), chance)
        assert not bool(torch.isnan(slope)), name


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


BY_QUADRATURE = {
    "BetaPrime",
    "FisherSnedecor",
    "HalfStudentT",
    "Maxwell",
    "GeneralizedGamma",
    "ChiSquared",
    "InverseChiSquared",
    "ScaledInverseChiSquared",
}
"""Whose tails are those of the gamma and beta families, which are drawn every day."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow if n in BY_QUADRATURE else ())
        for n in sorted(BOUNDS)
        if not VARIANTS[n][0].name.startswith("Uniform")
    ],
)
def test_draws_between_bounds_follow_the_distribution_function(name: str) -> None:
    """The chances of the draws below are uniform (Kolmogorov and Smirnov), far out too."""
    args, lower, upper, _ = BOUNDS[name][0]
    base, _ = made(name, args)
    kept = Truncated(base, lower, upper)
    x = kept.expand((4000,)).sample()
    assert ((x >= lower) & (x <= upper)).all()
    if VARIANTS[name][0].discrete:
        for k in np.unique(x.numpy()):
            wanted = float(kept.log_prob(torch.tensor(float(k))).exp())
            assert float((x == k).double().mean()) == pytest.approx(
                wanted, abs=5 * math.sqrt(wanted / 4000) + 1e-9
            )
        return
    chance = kept.log_cdf(x).exp().detach().sort().values
    distance = (chance - torch.linspace(0, 1, 4000)).abs().max()
    assert float(distance) < 1.95 / math.sqrt(4000)
    assert kept.log_cdf(x).exp().add(kept.log_survival(x).exp()).sub(1).abs().max() < 1e-6


def test_reparameterised_draws_move_with_their_chance() -> None:
    loc = torch.tensor(0.3, requires_grad=True)
    kept = Truncated(distribution_class("Normal")(loc, 1.2), 0.0, 2.0)
    x = kept.expand((20_000,)).rsample()
    (slope,) = torch.autograd.grad(x.mean(), loc)
    low, high = (float(truncnorm(-m / 1.2, (2 - m) / 1.2, m, 1.2).mean()) for m in (0.299, 0.301))
    assert float(slope) == pytest.approx((high - low) / 0.002, abs=0.01)


def nested() -> dict[str, Made]:
    poisson, normal, gamma = (distribution_class(n) for n in ("Poisson", "Normal", "Gamma"))
    weights = torch.tensor([0.2, 0.5, 0.3])
    rates, means = torch.tensor([0.7, 3.0, 9.0]), torch.tensor([-2.0, 0.5, 3.0])
    return {
        "ZeroInflated(Truncated)": ZeroInflated(0.2, Truncated(poisson(2.5), lower=1)),
        "Truncated(ZeroInflated)": Truncated(ZeroInflated(0.2, poisson(2.5)), upper=4),
        "Mixture(Truncated)": Mixture(weights, Truncated(poisson(rates), 1, 12)),
        "Truncated(Mixture)": Truncated(Mixture(weights, poisson(rates)), 2, 9),
        "Truncated(Truncated)": Truncated(Truncated(poisson(3.0), lower=1), upper=6),
        "Truncated(BetaBinomial)": Truncated(distribution_class("BetaBinomial")(9, 0.7, 2.0), lower=1),
        "Censored(Mixture)": Censored(Mixture(weights, poisson(rates)), upper=5),
        "Censored(Truncated)": Censored(Truncated(poisson(3.0), lower=1), upper=5),
        "Mixture(ZeroInflated)": Mixture(weights, ZeroInflated(0.3, poisson(rates))),
        "Truncated(Mixture), numbers": Truncated(Mixture(weights, normal(means, 0.8)), lower=-1.0),
        "Mixture(Truncated), numbers": Mixture(weights, Truncated(normal(means, 0.8), lower=0.0)),
        "Truncated(Truncated), numbers": Truncated(Truncated(gamma(2.0, 0.5), lower=1.0), upper=6.0),
    }


@pytest.mark.parametrize("name", sorted(nested()))
def test_one_inside_another(name: str) -> None:
    """The density has total one, adds up to the distribution function, and the draws follow it."""
    made = nested()[name]
    draws = made.expand((6000,)).sample()
    if made.is_discrete:  # type: ignore[attr-defined]
        x = torch.arange(0.0, 6.0 if isinstance(made, Censored) else 60.0)
        chances = made.log_prob(x).exp()
        assert float(chances.sum()) == pytest.approx(1, abs=1e-9)
        for k in range(min(10, len(x))):
            assert float((draws == k).double().mean()) == pytest.approx(float(chances[k]), abs=0.03)
        if not isinstance(made, Censored):
            torch.testing.assert_close(made.log_cdf(x).exp(), chances.cumsum(0), rtol=1e-8, atol=1e-10)  # type: ignore[attr-defined]
            torch.testing.assert_close(made.log_survival(x).exp(), 1 - chances.cumsum(0), rtol=1e-6, atol=1e-9)  # type: ignore[attr-defined]
        return
    x = torch.linspace(-3, 30, 330_001)
    density = made.log_prob(x).exp()
    assert float(torch.trapezoid(density, x)) == pytest.approx(1, abs=1e-3)
    for at in (0.5, 1.5, 3.0):
        below = float(made.log_cdf(torch.tensor(at)).exp())  # type: ignore[attr-defined]
        assert float((draws <= at).double().mean()) == pytest.approx(below, abs=0.03)
        assert float(torch.trapezoid(density[x <= at], x[x <= at])) == pytest.approx(below, abs=1e-3)


def test_zero_has_mass_of_its_own_beside_a_density() -> None:
    inflated = ZeroInflated(0.2, distribution_class("Exponential")(1.5))
    assert float(inflated.log_prob(torch.tensor(0.0)).exp()) == pytest.approx(0.2)
    assert float(inflated.log_prob(torch.tensor(0.4)).exp()) == pytest.approx(0.8 * 1.5 * math.exp(-0.6))


def test_what_has_no_meaning_is_refused_with_a_cure() -> None:
    for combinator in ("Truncated", "Censored", "ZeroInflated"):
        for name in ("Categorical", "Dirichlet", "MultivariateNormal", "Flat", "LKJ"):
            reason, cure = refusal(combinator, (name,), FAMILIES) or ("", "")
            assert name in reason
            assert cure
    assert refusal("Truncated", ("VonMises",), FAMILIES)
    assert refusal("Mixture", ("VonMises",), FAMILIES) is None
    assert refusal("Truncated", ("Censored", "Normal"), FAMILIES)
    assert refusal("Truncated", ("ZeroInflated", "Normal"), FAMILIES)
    assert refusal("Truncated", ("ZeroInflated", "Poisson"), FAMILIES) is None

"""Every family by its formulas against the definition in sixty digits: at ordinary, unequal, tail and extreme arguments,
the density and both log-tails, with all derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import mpmath as mp
import pytest
import torch

from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import distribution_class
from tests.families.references import ABOVE, BELOW, LOG_PROB, Function

CASES: dict[str, list[tuple[tuple[float, ...], list[float]]]] = {
    "Normal": [((0.7, 1.3), [-38.3, -1.0, 0.7, 2.0, 39.7]), ((1e8, 1e-3), [1e8 + 0.03, 1e8 - 0.002])],
    "LogNormal": [((0.3, 0.6), [1e-8, 0.5, 1.35, 4.0, 1e8])],
    "HalfNormal": [((1.4,), [1e-12, 0.3, 2.0, 42.0])],
    "StudentT": [
        ((3.5, 0.4, 1.2), [-40.0, 0.0, 0.4, 1.0, 36.0]), ((1e-5, 0.0, 1.0), [0.5, 1e9]), ((1e15, 0.0, 1.0), [-30.0, 0.7]),
        ((250.0, 0.0, 2.0), [60.0, -3.0]),
    ],
    "Cauchy": [((0.5, 1.7), [-1e12, -3.0, 0.6, 50.0, 1e12])],
    "HalfCauchy": [((1.7,), [1e-12, 0.6, 50.0, 1e12])],
    "Laplace": [((0.5, 1.7), [-70.0, -0.3, 0.8, 80.0])],
    "Logistic": [((0.5, 1.7), [-90.0, -0.3, 0.8, 95.0])],
    "Gumbel": [((0.5, 1.7), [-5.0, 0.3, 3.0, 66.0])],
    "Exponential": [((1.7,), [1e-14, 0.4, 17.0, 500.0]), ((1e-5,), [3e4]), ((1e15,), [2e-15])],
    "Gamma": [
        ((2.3, 0.7), [1e-9, 0.5, 3.0, 70.0]), ((0.3, 4.0), [1e-20, 0.02, 8.0]), ((1e-5, 1.0), [1e-60, 1e-5, 3.0]),
        ((900.0, 2.0), [5.0, 440.0, 460.0, 900.0]), ((1e15, 1.0), [1e15 - 9e8, 1e15 + 3e7]), ((40.0, 1e-8), [3.1e9]),
    ],
    "InverseGamma": [((3.1, 0.7), [0.004, 0.2, 1.0, 1e4]), ((1e-5, 2.0), [3.0, 1e90]), ((1e15, 1e15), [1 + 3e-8])],
    "Weibull": [((1.7, 2.3), [1e-9, 0.5, 2.0, 30.0]), ((0.2, 3.0), [1e-20, 1e6]), ((1e15, 2.0), [2 - 1e-15, 2 + 4e-15])],
    "Beta": [
        ((0.7, 2.3), [1e-12, 0.2, 0.6, 1 - 1e-9]), ((1e-5, 1e-5), [1e-300, 0.3]), ((1e-5, 0.3), [3e-5, 0.9]),
        ((90.0, 310.0), [0.01, 0.2, 0.24, 0.85]), ((1e15, 3e15), [0.25 + 2e-7, 0.25 - 3e-9]), ((2.0, 1e15), [3e-15]),
    ],
    "Uniform": [((0.2, 3.1), [0.2 + 1e-9, 1.0, 3.0])],
    "VonMises": [((0.5, 2.0), [-3.0, 0.5, 2.2]), ((0.5, 1e-5), [1.0]), ((0.5, 1e6), [0.51])],
    "Poisson": [((3.7,), [0.0, 3.0, 60.0]), ((1e-5,), [0.0, 2.0]), ((900.0,), [120.0, 880.0, 1900.0]), ((1e15,), [1e15 - 6e8])],
    "NegativeBinomial": [
        ((3.7, 1.3), [0.0, 2.0, 90.0]), ((5.0, 1e-5), [0.0, 3.0]), ((5.0, 1e15), [0.0, 3.0, 40.0]),
        ((1e15, 1e15), [1e15 + 3e7]), ((1e6, 2.5), [0.0, 8e5]),
    ],
    "NegativeBinomialNP": [((2.5, 0.3), [0.0, 4.0, 90.0]), ((1e-5, 0.9), [0.0, 2.0]), ((2.0, 1e-8), [3e8])],
    "Geometric": [((0.3,), [0.0, 2.0, 200.0]), ((1e-12,), [5e11])],
    "Binomial": [((9.0, 0.3), [0.0, 2.0, 8.0, 9.0]), ((2000.0, 0.1), [20.0, 190.0, 600.0]), ((1e15, 0.25), [2.5e14 + 9e6])],
    "BinomialLogit": [((9.0, -0.8), [0.0, 2.0, 9.0]), ((9.0, -700.0), [0.0, 3.0]), ((9.0, 700.0), [9.0, 5.0])],
    "BetaBinomial": [((9.0, 0.7, 2.1), [0.0, 3.0, 9.0]), ((9.0, 1e-5, 1e-5), [0.0, 4.0, 9.0]), ((20.0, 1e15, 3e15), [0.0, 5.0])],
    "Bernoulli": [((0.3,), [0.0, 1.0]), ((1e-300,), [0.0, 1.0]), ((1e-20,), [0.0, 1.0])],
    "BernoulliLogit": [((0.3,), [0.0, 1.0]), ((-800.0,), [0.0, 1.0]), ((30.0,), [0.0, 1.0])],
    "SkewNormal": [((0.4, 1.3, 2.5), [-5.0, 40.0]), ((0.4, 1.3, -300.0), [0.41])],
    "AsymmetricLaplace": [((0.5, 1.7, 0.3), [-70.0, -0.3, 0.8, 80.0]), ((0.5, 1.7, 1e-6), [-3.0, 2.0])],
    "ExponentiallyModifiedGaussian": [
        ((0.4, 1.3, 0.7), [-40.0, -1.0, 0.4, 0.9, 3.0, 60.0]), ((0.0, 1.0, 1e-3), [-30.0, 4.0]), ((0.0, 2.0, 1e4), [-30.0, 2.0, 40.0]),
        ((0.0, 1.0, 40.0), [0.5, 3.0]),
    ],
    "Moyal": [((0.5, 1.7), [-8.0, 0.3, 3.0, 70.0])],
    "Pareto": [((2.5, 0.7), [0.7 + 1e-9, 2.0, 1e9]), ((1e-5, 2.0), [3.0, 1e30])],
    "Lomax": [((2.5, 0.7), [1e-12, 0.5, 1e9])],
    "LogLogistic": [((2.5, 0.7), [1e-9, 0.5, 0.9, 1e9])],
    "Frechet": [((2.5, 0.7), [0.05, 0.5, 1e6])],
    "InverseGaussian": [
        ((1.7, 0.9), [1e-3, 0.4, 1.6, 1.8, 90.0]), ((3.0, 1e6), [2.9, 3.01]), ((1e4, 0.3), [0.01, 50.0, 3e6]), ((0.01, 20.0), [0.012]),
    ],
    "Rayleigh": [((1.4,), [1e-9, 0.3, 2.0, 50.0])],
    "Maxwell": [((1.4,), [1e-6, 0.3, 2.0, 15.0])],
    "GeneralizedGamma": [((2.3, 0.7, 1.6), [1e-6, 0.5, 3.0, 30.0]), ((0.3, 4.0, 0.5), [1e-9, 0.02, 8.0])],
    "ChiSquared": [((3.3,), [1e-9, 0.5, 3.0, 90.0]), ((0.02,), [1e-30, 3.0]), ((900.0,), [500.0, 890.0, 1300.0])],
    "InverseChiSquared": [((3.3,), [0.004, 0.2, 1.0, 1e4])],
    "ScaledInverseChiSquared": [((3.3, 1.6), [0.04, 0.9, 3.0, 1e4]), ((900.0, 0.1), [0.009, 0.012])],
    "FisherSnedecor": [((3.3, 5.2), [1e-9, 0.5, 1.4, 1e4]), ((900.0, 2e3), [0.8, 1.02])],
    "BetaPrime": [((0.7, 2.3), [1e-12, 0.5, 3.0, 1e6]), ((90.0, 310.0), [0.1, 0.28, 0.7])],
    "HalfStudentT": [((3.5, 1.2), [1e-12, 0.3, 2.0, 40.0]), ((250.0, 2.0), [0.1, 50.0])],
    "NoncentralChiSquared": [((3.3, 2.1), [1e-9, 40.0]), ((0.4, 30.0), [33.0])],
    "NoncentralT": [((3.5, 1.2), [-9.0, 0.0, 1.3, 30.0]), ((0.3, -2.0), [-1e6, 0.4]), ((200.0, 7.0), [5.0, 7.1]), ((2.0, 5.0), [-2.0, 400.0])],
    "GeneralizedPareto": [((1.7, 0.4), [1e-9, 0.5, 1e6]), ((1.7, -0.4), [0.5, 4.2]), ((1.7, 1e-9), [0.5, 20.0])],
    "Gompertz": [((0.6, 0.1), [1e-9, 0.5, 8.0]), ((1e-5, 0.7), [0.3, 40.0])],
    "HalfLogistic": [((1.7,), [1e-12, 0.6, 5.0, 900.0])],
    "LogUniform": [((0.2, 3.1), [0.2 + 1e-9, 1.0, 3.0]), ((1e-200, 1e200), [3.0])],
    "SkewStudentT": [((3.5, 1.2, 0.4, 1.3), [-40.0, 0.0, 0.4, 1.0, 90.0]), ((2.0, 90.0, 0.0, 1.0), [-30.0, 2.0])],
    "GeneralizedPoisson": [((3.7, 0.4), [0.0, 2.0, 60.0]), ((900.0, 1e-6), [880.0]), ((0.01, 0.99), [0.0, 1e4])],
    "Skellam": [((3.7, 1.6), [-30.0, 0.0, 2.0, 60.0]), ((1e-6, 2e-5), [-2.0, 0.0, 1.0]), ((900.0, 40.0), [700.0, 862.0])],
    "Wiener": [((1.7, 0.3, 0.4, 0.8), [0.31, 0.9, -0.7, -4.0, 30.0]), ((3.0, 0.1, 0.9, -2.5), [0.15, -2.0, 3.4]), ((0.8, 1e-9, 0.5, 9.0), [-0.03, 0.2])],
    "Rice": [((1.7, 0.9), [1e-9, 0.5, 2.0, 30.0]), ((1e-4, 0.9), [0.5]), ((40.0, 0.3), [39.0, 41.0])],
    "GeneralizedExtremeValue": [((0.5, 1.7, 0.3), [-3.0, 0.6, 50.0]), ((0.5, 1.7, -0.3), [-6.0, 0.6, 5.0]), ((0.5, 1.7, 1e-9), [-3.0, 30.0])],
    "Kumaraswamy": [((2.2, 3.1), [1e-9, 0.3, 0.9, 1 - 1e-6]), ((0.1, 0.2), [1e-30, 0.5])],
    "LogitNormal": [((-0.4, 1.2), [1e-12, 0.3, 0.9, 1 - 1e-9])],
    "ContinuousBernoulli": [((0.3,), [1e-9, 0.4, 0.99]), ((1e-12,), [0.3]), ((0.5 + 1e-5,), [0.2, 0.9])],
    "ContinuousBernoulliLogit": [((0.3,), [1e-9, 0.4]), ((-60.0,), [0.01, 0.9]), ((700.0,), [0.99]), ((1e-9,), [0.3])],
    "Triangular": [((0.2, 0.9, 3.1), [0.2 + 1e-7, 0.6, 1.5, 3.0])],
    "WeibullHazard": [((1.7, 0.6), [1e-9, 0.5, 2.0, 30.0])],
    "BetaNegativeBinomial": [((2.3, 3.1, 1.7), [0.0, 3.0, 500.0]), ((1e6, 3e5, 2e5), [7e5]), ((2.0, 1e-4, 0.3), [0.0, 1e5])],
    "DiscreteWeibull": [((0.7, 1.3), [0.0, 2.0, 40.0]), ((0.999, 0.4), [0.0, 1e6])],
    "DiscreteUniform": [((2.0, 7.0), [2.0, 5.0, 7.0])],
    "Hypergeometric": [((7.0, 9.0, 4.0), [3.0, 5.0, 7.0]), ((20.0, 90.0, 400.0), [0.0, 5.0, 19.0]), ((7.0, 5.0, 20.0), [0.0, 5.0])],
    "HypergeometricOdds": [((7.0, 9.0, 4.0, 2.3), [3.0, 5.0, 7.0]), ((20.0, 30.0, 90.0, 1e-3), [0.0, 2.0])],
}  # fmt: skip
"""Parameters and values. Thirty standard deviations out, shapes from 1e-5 to 1e15, chances down to 1e-300."""
VARIANTS = {f.class_name(v): (f, v) for f in FAMILIES.values() for v in range(len(f.formulas))}
LARGEST_TAIL = 1e4
"""Parameters and counts beyond which the reference of a distribution function does not converge."""


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    mp.mp.dps = 60
    yield
    torch.set_default_dtype(torch.float32)


def test_every_family_with_formulas_is_in_the_table() -> None:
    assert set(CASES) == set(VARIANTS) == set(LOG_PROB)
    for family in FAMILIES.values():
        family.check()


def compare(name: str, method: str, reference: Function, args: tuple[float, ...], x: float, rel: float) -> None:
    """The value and the derivative by each parameter, and by the value where there is one."""
    family, variant = VARIANTS[name]
    leaves = [torch.tensor(a, requires_grad=True) for a in args]
    at = torch.tensor(x, requires_grad=not family.discrete)
    made = getattr(distribution_class(family.name, variant)(*leaves), method)(at)
    wanted = reference(mp.mpf(x), *map(mp.mpf, args))
    assert float(made) == pytest.approx(float(wanted), rel=rel, abs=rel), (name, method, args, x)
    if not math.isfinite(float(wanted)):
        return
    inputs = [leaf for leaf, p in zip(leaves, family.variants[variant], strict=True) if p.support != "count"]
    inputs += [] if family.discrete else [at]
    found = torch.autograd.grad(made, inputs, allow_unused=True) if inputs else ()
    for leaf, slope in zip(inputs, found, strict=True):
        place = 0 if leaf is at else 1 + next(i for i, a in enumerate(leaves) if a is leaf)
        point = [mp.mpf(x), *map(mp.mpf, args)]

        def along(v: mp.mpf, place: int = place, point: list[mp.mpf] = point) -> mp.mpf:
            return reference(*point[:place], v, *point[place + 1 :])

        step = abs(point[place]) * mp.mpf("1e-25") or mp.mpf("1e-25")
        derivative = (along(point[place] + step) - along(point[place] - step)) / (2 * step)
        scale = float(abs(wanted) / max(abs(point[place]), mp.mpf("1e-300")))
        got = 0.0 if slope is None else float(slope)
        # a derivative that is small beside value over argument is a difference of two that are not
        assert got == pytest.approx(float(derivative), rel=1e-6, abs=100 * rel * scale + 1e-11), (
            name,
            method,
            args,
            x,
            place,
        )


def digits(name: str, args: tuple[float, ...], x: float) -> int:
    """How many the reference needs: of 1e-300 from one, many."""
    is_tiny = min(v for v in map(abs, (*args, x)) if v) < 1e-50 if any((*args, x)) else False
    if "Logit" in name and max(map(abs, args)) > 400:
        return 700
    return 340 if is_tiny else 60


@pytest.mark.parametrize("name", sorted(CASES))
def test_log_prob(name: str) -> None:
    for args, values in CASES[name]:
        rel = 1e-10 if max((*args, *values)) < 1e10 else 1e-6
        for x in values:
            mp.mp.dps = digits(name, args, x)
            compare(name, "log_prob", LOG_PROB[name], args, x, rel)


@pytest.mark.parametrize("name", sorted(BELOW))
def test_log_tails(name: str) -> None:
    for args, values in CASES[name]:
        for x in values:
            is_heavy = name in HEAVY and max(map(abs, (*args, x))) > LARGEST_TAIL
            if is_heavy:
                continue
            mp.mp.dps = digits(name, args, x)
            for method, reference in (("log_cdf", BELOW[name]), ("log_survival", ABOVE[name])):

                def log(*a: mp.mpf, reference: Function = reference) -> mp.mpf:
                    mass = reference(*a)
                    return mp.log(mass) if mass > 0 else -mp.inf

                compare(name, method, log, args, x, 1e-8)


HEAVY = ("BetaPrime", "FisherSnedecor", "StudentT", "Gamma", "InverseGamma", "Beta", "Poisson", "NegativeBinomial", "NegativeBinomialNP", "Binomial", "BetaBinomial")  # fmt: skip

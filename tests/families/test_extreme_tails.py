"""Tails of the gamma and beta families where no series of the reference converges: shapes of 1e15, thirty standard
deviations out, plain, truncated and censored, against the integral of the density in fifty digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import torch

from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import distribution_class
from pgmlang.lower.runtime.combined import Censored, Truncated

Point = list[mp.mpf]
NODES = 20


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    mp.mp.dps = 50
    yield
    torch.set_default_dtype(torch.float32)


@cache
def legendre() -> list[tuple[mp.mpf, mp.mpf]]:
    """Nodes and weights of Gauss's rule on the unit interval."""

    def slope(r: mp.mpf) -> mp.mpf:
        return NODES * (mp.legendre(NODES - 1, r) - r * mp.legendre(NODES, r)) / (1 - r * r)

    roots = [mp.mpf(float(r)) for r in np.polynomial.legendre.leggauss(NODES)[0]]
    for _ in range(2):
        roots = [r - mp.legendre(NODES, r) / slope(r) for r in roots]
    return [((r + 1) / 2, 1 / ((1 - r * r) * slope(r) ** 2)) for r in roots]


def outward(log_density: Callable[[mp.mpf], mp.mpf], x: mp.mpf, sign: int, width: mp.mpf) -> mp.mpf:
    """The log of the integral from x away from the mode of a log-concave density whose spread is a width."""
    top = log_density(x)
    slope = abs(log_density(x + sign * width / 1000) - top) * 1000 / width
    length = min(width, 1 / slope) if slope > 0 else width
    edges = [0, 1, 2, 4, 7, 11, 16, 24, 40, 70]
    total = mp.fsum(
        (b - a) * w * mp.exp(log_density(x + sign * length * (a + (b - a) * t)) - top)
        for a, b in pairwise(edges)
        for t, w in legendre()
    )
    return top + mp.log(length * total)


def tails(
    log_density: Callable[[mp.mpf], mp.mpf], x: mp.mpf, mode: mp.mpf, width: mp.mpf
) -> tuple[mp.mpf, mp.mpf]:
    """The logs of the chances below and above x."""
    is_left = x < mode
    outer = outward(log_density, x, -1 if is_left else 1, width)
    inner = mp.log1p(-mp.exp(outer))
    return (outer, inner) if is_left else (inner, outer)


def gamma_tails(a: mp.mpf, t: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    whole = mp.loggamma(a)
    return tails(lambda s: (a - 1) * mp.log(s) - s - whole, t, a, mp.sqrt(a))


def beta_tails(a: mp.mpf, b: mp.mpf, p: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    whole, n = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b), a + b
    return tails(lambda s: (a - 1) * mp.log(s) + (b - 1) * mp.log(1 - s) - whole, p, a / n, mp.sqrt(a * b / n) / n)


def student_tails(df: mp.mpf, loc: mp.mpf, sd: mp.mpf, x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    whole = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return tails(lambda z: whole - (df + 1) / 2 * mp.log1p(z * z / df), (x - loc) / sd, mp.mpf(0), mp.mpf(1))


def turned(pair: tuple[mp.mpf, mp.mpf]) -> tuple[mp.mpf, mp.mpf]:
    return pair[::-1]


LOG_TAILS: dict[str, Callable[..., tuple[mp.mpf, mp.mpf]]] = {
    "Gamma": lambda x, a, rate: gamma_tails(a, rate * x),
    "InverseGamma": lambda x, a, scale: turned(gamma_tails(a, scale / x)),
    "Beta": lambda x, a, b: beta_tails(a, b, x),
    "StudentT": lambda x, df, loc, sd: student_tails(df, loc, sd, x),
    # P(X > k) is P(Gamma(k + 1) < rate); of n draws P(X > k) is P(Beta(k + 1, n - k) < p)
    "Poisson": lambda x, rate: turned(gamma_tails(x + 1, rate)),
    "Binomial": lambda x, n, p: turned(beta_tails(x + 1, n - x, p)),
    "NegativeBinomial": lambda x, mean, shape: beta_tails(shape, x + 1, shape / (shape + mean)),
}
"""Logs of P(X <= x) and of P(X > x)."""


def _count(x: float) -> float:
    return float(math.floor(x))


HUGE = 1e15
ROOT = math.sqrt(HUGE)
CASES: list[tuple[str, tuple[float, ...], float]] = [
    *(("Gamma", (HUGE, 1.0), HUGE + z * ROOT) for z in (-30, -0.01, 0.4, 30)),
    ("Gamma", (HUGE, 1e-15), 1e30 * (1 + 5 / ROOT)),
    ("Gamma", (1e8, 2.0), 5e7 - 8.3e4 / 2),
    ("Gamma", (1e4, 1.0), 1e4 + 3000),
    *(("InverseGamma", (HUGE, HUGE), 1 + z / ROOT) for z in (-30, 3)),
    *(("Beta", (HUGE, 3e15), 0.25 + z * math.sqrt(3 / 16 / 4e15)) for z in (-30, -0.5, 8.3)),
    ("Beta", (1e10, HUGE), 1e-5 * (1 + 30e-5)),
    ("Beta", (2e4, 3e5), 0.0625 + 30 * 4.28e-4),
    *(("StudentT", (HUGE, 0.5, 2.0), 0.5 + 2 * z) for z in (-30, 0.7)),
    ("StudentT", (4e5, 0.0, 1.0), 30.0),
    *(("Poisson", (HUGE,), _count(HUGE + z * ROOT)) for z in (-30, 8)),
    *(("Binomial", (HUGE, 0.25), _count(0.25 * HUGE + z * ROOT)) for z in (-12, 0.3)),
    ("NegativeBinomial", (HUGE, HUGE), _count(HUGE + 12 * ROOT)),
    ("NegativeBinomial", (5e4, 2e5), 5e4 + 30 * 250.0),
]


def agrees(log: torch.Tensor, reference: Callable[[Point], mp.mpf], point: list[float], leaves: list[torch.Tensor],
           free: list[int], what: object) -> None:  # fmt: skip
    """A value, to what a rounding of its arguments is worth, and its derivatives against differences of the reference."""
    exact = [mp.mpf(v) for v in point]
    wanted = reference(exact)
    slopes = torch.autograd.grad(log, [leaves[i] for i in free], allow_unused=True)
    derivatives = []
    for i, slope in zip(free, slopes, strict=True):
        step = mp.mpf("1e-14") * (abs(exact[i]) or 1)
        beside = [[*exact[:i], exact[i] + s * step, *exact[i + 1 :]] for s in (1, -1)]
        derivative = float((reference(beside[0]) - reference(beside[1])) / (2 * step))
        derivatives.append(abs(derivative * point[i]))
        assert slope is not None, (what, i)
        assert float(slope) == pytest.approx(derivative, rel=1e-5), (what, i)
    rounding = 1e-14 * sum(derivatives)
    assert float(log.detach()) == pytest.approx(float(wanted), rel=1e-7, abs=rounding), what


def free_places(name: str) -> list[int]:
    """The value, of a number, and the arguments that are no counts."""
    family = FAMILIES[name]
    counts = [i + 1 for i, p in enumerate(family.variants[0]) if p.support != "count"]
    return counts if family.discrete else [0, *counts]


@pytest.mark.parametrize(("name", "args", "x"), CASES)
def test_log_tails(name: str, args: tuple[float, ...], x: float) -> None:
    leaves = [torch.tensor(v, requires_grad=True) for v in (x, *args)]
    made = distribution_class(name)(*leaves[1:])
    free = [i for i in free_places(name) if (x, *args)[i] != 0]
    for side, method in enumerate(("log_cdf", "log_survival")):
        log = getattr(made, method)(leaves[0])
        agrees(
            log, lambda p, side=side: LOG_TAILS[name](*p)[side], [x, *args], leaves, free, (name, args, x, method)
        )  # type: ignore[misc]


WINDOWS: list[tuple[str, tuple[float, ...], float, float, float]] = [
    ("Gamma", (HUGE, 1.0), HUGE + 29.9 * ROOT, HUGE + 30.1 * ROOT, HUGE + 30 * ROOT),
    ("Gamma", (HUGE, 1.0), HUGE - 30.1 * ROOT, HUGE - 29.9 * ROOT, HUGE - 30 * ROOT),
    ("InverseGamma", (HUGE, HUGE), 1 + 11.9 / ROOT, 1 + 12.1 / ROOT, 1 + 12 / ROOT),
    ("Beta", (HUGE, 3e15), 0.25 - 1e-7, 0.25 + 2e-9, 0.25 + 1e-9),
    ("StudentT", (HUGE, 0.0, 1.0), 29.9, 30.1, 30.0),
]


@pytest.mark.parametrize(("name", "args", "lower", "upper", "x"), WINDOWS)
def test_truncated_and_censored(name: str, args: tuple[float, ...], lower: float, upper: float, x: float) -> None:
    leaves = [torch.tensor(v, requires_grad=True) for v in args]
    base = distribution_class(name)(*leaves)
    free = [i for i, v in enumerate(args) if v]

    def mass(p: Point, first: float, last: float) -> mp.mpf:
        (below, above), (lower_below, lower_above) = (LOG_TAILS[name](mp.mpf(v), *p) for v in (last, first))
        if lower_above < below:
            return lower_above + mp.log1p(-mp.exp(above - lower_above))
        return below + mp.log1p(-mp.exp(lower_below - below))

    def log_density(p: Point) -> mp.mpf:
        step = mp.mpf(x) * mp.mpf("1e-25")
        return mass(p, mp.mpf(x) - step, mp.mpf(x) + step) - mp.log(2 * step)  # type: ignore[arg-type]

    at = torch.tensor(x)
    agrees(Truncated(base, lower, upper).log_prob(at), lambda p: log_density(p) - mass(p, lower, upper), list(args),
           leaves, free, (name, "truncated"))  # fmt: skip
    for bound, side in ((upper, 1), (lower, 0)):
        log = Censored(base, lower, upper).log_prob(torch.tensor(bound))
        agrees(log, lambda p, bound=bound, side=side: LOG_TAILS[name](mp.mpf(bound), *p)[side], list(args), leaves,
               free, (name, "censored", bound))  # type: ignore[misc]  # fmt: skip


@pytest.mark.parametrize("shape", [1e-26, 1e-12, 1e-5, 0.03, 0.099, 0.101, 0.4])
@pytest.mark.parametrize("of_shape", [True, False], ids=["near the shape", "anywhere"])
def test_shapes_near_zero(shape: float, of_shape: bool) -> None:
    """The chance above is then about shape times E1(t), the one below nearly 1."""

    def below(p: Point) -> mp.mpf:
        with mp.workdps(90):
            return +mp.log(mp.gammainc(p[1], 0, p[0], regularized=True))

    def above(p: Point) -> mp.mpf:
        with mp.workdps(90):
            return +mp.log(mp.gammainc(p[1], p[0], mp.inf, regularized=True))

    for t in [shape * f for f in (0.2, 0.999, 4.0)] if of_shape else [1e-9, 0.02, 0.7, 0.9999, 1.0, 3.0]:
        leaves = [torch.tensor(v, requires_grad=True) for v in (t, shape)]
        made = distribution_class("Gamma")(leaves[1], torch.tensor(1.0))
        agrees(made.log_cdf(leaves[0]), below, [t, shape], leaves, [0, 1], ("below", t, shape))
        agrees(made.log_survival(leaves[0]), above, [t, shape], leaves, [0, 1], ("above", t, shape))


@pytest.mark.parametrize("m", [-4.0, -12.0, -40.0, -60.0])
def test_a_truncation_whose_constant_falls_to_nothing(m: float) -> None:
    """A limit is approached from below, without steps of rounding on the way."""
    free = torch.tensor(m, requires_grad=True)
    at = torch.exp(free)
    log = Truncated(distribution_class("InverseGamma")(at, at), 0.25, 4.0).log_prob(torch.tensor(0.6))

    def log_density(p: Point) -> mp.mpf:
        a, x = mp.exp(p[0]), mp.mpf("0.59999999999999997779553950749686919152736663818359375")
        with mp.workdps(90):
            return +(a * mp.log(a) - (a + 1) * mp.log(x) - a / x - mp.log(mp.gammainc(a, a / 4, 4 * a)))

    agrees(log, log_density, [m], [free], [0], m)

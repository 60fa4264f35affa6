"""Models in the style of the BUGS books, against quadrature, closed forms and what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, gammaln, logsumexp

import pgmlang

RNG = np.random.default_rng(11)
Moments = dict[str, tuple[float, float]]
"""Posterior mean and standard deviation by the name of a scalar."""


class Model(NamedTuple):
    """``reference``: the right moments; ``sds``: how many posterior standard deviations a mean may be off; ``options``: of
    the sampler."""

    text: str
    data: dict[str, Any]
    reference: Callable[[], Moments]
    sds: float = 0.2
    options: dict[str, int] = {"chains": 16, "warmup": 120, "draws": 60}  # noqa: RUF012
    method: str = "hmc"


def on_grid(log_density: Callable[..., np.ndarray], axes: dict[str, np.ndarray]) -> Moments:
    """Moments under a density on a product of evenly spaced points."""
    points = np.meshgrid(*axes.values(), indexing="ij")
    logs = log_density(*points)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    values = dict(zip(axes, points, strict=True))
    means = {n: float((weights * v).sum()) for n, v in values.items()}
    return {n: (means[n], float(np.sqrt((weights * (v - means[n]) ** 2).sum()))) for n, v in values.items()}


def over_rows(term: Callable[..., np.ndarray], *columns: Sequence[float]) -> np.ndarray:
    """A sum of terms over rows."""
    return np.asarray(sum(term(*row) for row in zip(*columns, strict=True)))


# Gelfand and Smith's pumps: the rates of the pumps integrate out
PUMP_TIMES = [94.3, 15.7, 62.9, 126, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5]
PUMP_FAILURES = [5, 1, 5, 14, 3, 19, 1, 1, 4, 22]


def pumps() -> Moments:
    def log_density(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        rows = over_rows(
            lambda x, t: gammaln(a + x) - gammaln(a) + a * np.log(b) - (a + x) * np.log(b + t),
            PUMP_FAILURES,
            PUMP_TIMES,
        )
        return rows - a + stats.gamma.logpdf(b, 0.1)

    moments = on_grid(log_density, {"alpha": np.linspace(0.02, 3.5, 300), "beta": np.linspace(0.005, 6, 400)})
    return moments | {"theta[0]": (0.0598, 0.0252)}  # as published (Spiegelhalter et al. 1996)


# Rubin's eight schools: the schools and their mean integrate out
EFFECTS, ERRORS = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]


def schools() -> Moments:
    def log_density(mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
        rows = over_rows(lambda y, s: stats.norm.logpdf(y, mu, np.sqrt(s * s + tau * tau)), EFFECTS, ERRORS)
        return rows + stats.norm.logpdf(mu, 0, 5) - np.log1p((tau / 5) ** 2)

    return on_grid(log_density, {"mu": np.linspace(-15, 22, 150), "tau": np.linspace(0.02, 60, 1500)})


# growth curves with known spreads: everything is normal
TIMES = np.array([-2.0, -1, 0, 1, 2])
WEIGHTS = (
    24 + (6 + RNG.normal(0, 0.8, 8))[:, None] * TIMES + RNG.normal(0, 2, 8)[:, None] + RNG.normal(0, 1, (8, 5))
)


def rats() -> Moments:
    design = np.column_stack([np.ones(5), TIMES])
    covariance = design @ np.diag([4.0, 0.64]) @ design.T + np.eye(5)
    precision = np.diag([1 / 100**2, 1 / 10**2]) + 8 * design.T @ np.linalg.solve(covariance, design)
    right = design.T @ np.linalg.solve(covariance, WEIGHTS.sum(0))
    mean, sd = np.linalg.solve(precision, right), np.sqrt(np.diag(np.linalg.inv(precision)))
    return {"ac": (mean[0], sd[0]), "bc": (mean[1], sd[1])}


# Crowder's seeds, as published (Spiegelhalter et al. 1996), priors as wide
SEEDS = {
    "n": [39, 62, 81, 51, 39, 6, 74, 72, 51, 79, 13, 16, 30, 28, 45, 4, 12, 41, 30, 51, 7],
    "r": [10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10, 8, 10, 8, 23, 0, 3, 22, 15, 32, 3],
    "x1": [0] * 11 + [1] * 10,
    "x2": [0] * 5 + [1] * 6 + [0] * 5 + [1] * 5,
}
# Ratkowsky's dugongs (Carlin and Gelfand 1991): given gamma and s all is normal
AGES = [
    1,
    1.5,
    1.5,
    1.5,
    2.5,
    4,
    5,
    5,
    7,
    8,
    8.5,
    9,
    9.5,
    9.5,
    10,
    12,
    12,
    13,
    13,
    14.5,
    15.5,
    15.5,
    16.5,
    17,
    22.5,
    29,
    31.5,
]
LENGTHS = [1.80, 1.85, 1.87, 1.77, 2.02, 2.27, 2.15, 2.26, 2.47, 2.19, 2.26, 2.40, 2.39, 2.41, 2.50, 2.32, 2.32, 2.43, 2.47, 2.56,
           2.65, 2.47, 2.64, 2.56, 2.70, 2.72, 2.57]  # fmt: skip


def dugongs() -> Moments:
    y, g = np.array(LENGTHS), np.linspace(0.5, 0.999, 150)[:, None]
    s = np.linspace(0.05, 0.25, 80)[None, :, None]
    design = np.stack(np.broadcast_arrays(np.ones(len(y)), -(g ** np.array(AGES))), -1)[:, None]
    precision = np.swapaxes(design, -1, -2) @ design / s[..., None] ** 2 + np.diag([1 / 100, 1 / 25])
    right = (y @ design)[..., None, :] / s[..., None] ** 2
    mean = np.linalg.solve(precision, right[..., 0, :, None])[..., 0]
    fit = 0.5 * (right[..., 0, :] * mean).sum(-1) - 0.5 * np.linalg.slogdet(precision)[1]
    spread = s[..., 0]
    logs = fit - len(y) * np.log(spread) - y @ y / (2 * spread**2) - spread**2 / 2
    p = np.exp(logs - logs.max())
    p /= p.sum()
    variance = np.diagonal(np.linalg.inv(precision), axis1=-2, axis2=-1)
    out = {}
    values = {
        "alpha": (mean[..., 0], variance[..., 0]),
        "beta": (mean[..., 1], variance[..., 1]),
        "gamma": (g, 0),
        "s": (spread, 0),
    }
    for name, (centre, within) in values.items():
        m = float((p * centre).sum())
        out[name] = (m, float((p * (within + (centre - m) ** 2)).sum()) ** 0.5)
    return out


SURVIVED = np.minimum(RNG.exponential(8, 30), 10).round(3)


def survival() -> Moments:
    """The conjugate posterior: deaths and time at risk."""
    shape, rate = 2 + float((SURVIVED < 10).sum()), 3 + float(SURVIVED.sum())
    return {"lam": (shape / rate, shape**0.5 / rate)}


ABILITY = RNG.normal(0, 1, 40)
ANSWERS = {f"i{k}": RNG.binomial(1, expit(ABILITY - d)).tolist() for k, d in enumerate((-0.7, 0.8))}


def item_response() -> Moments:
    nodes, weights = np.polynomial.hermite_e.hermegauss(32)

    def log_density(d0: np.ndarray, d1: np.ndarray) -> np.ndarray:
        out = stats.norm.logpdf(d0, 0, 2) + stats.norm.logpdf(d1, 0, 2)
        p0, p1 = (expit(nodes - d[..., None]) for d in (d0, d1))
        for a, b in zip(*ANSWERS.values(), strict=True):
            out += np.log((np.where(a, p0, 1 - p0) * np.where(b, p1, 1 - p1)) @ weights)
        return out

    return on_grid(log_density, {"d[i0]": np.linspace(-4, 3, 90), "d[i1]": np.linspace(-3, 4, 90)})


DOSES = RNG.normal(0, 1, 40).round(2)
RATINGS = np.digitize(1.5 * DOSES + RNG.logistic(size=40), [-1, 1])


def ordered_logistic() -> Moments:
    def log_density(b: np.ndarray, c0: np.ndarray, c1: np.ndarray) -> np.ndarray:
        out = stats.norm.logpdf(b, 0, 5) + stats.norm.logpdf(c0, 0, 5) + stats.norm.logpdf(c1, 0, 5)
        for x, y in zip(DOSES, RATINGS, strict=True):
            below = [0.0, expit(c0 - b * x), expit(c1 - b * x), 1.0]
            out = out + np.log(np.maximum(below[y + 1] - below[y], 1e-300))
        return np.where(c0 < c1, out, -np.inf)

    axes = {"b": np.linspace(-0.5, 4.5, 50), "c[k1]": np.linspace(-4, 1.5, 50), "c[k2]": np.linspace(-1.5, 4, 50)}
    return on_grid(log_density, axes)


VISITS = (RNG.poisson(2.5, 50) * RNG.binomial(1, 0.6, 50)).tolist()


def zero_inflated() -> Moments:
    def log_density(p: np.ndarray, lam: np.ndarray) -> np.ndarray:
        zero = np.log(p + (1 - p) * np.exp(-lam))
        rows = over_rows(lambda y: np.log1p(-p) + y * np.log(lam) - lam if y else zero, VISITS)
        return rows + stats.gamma.logpdf(lam, 2)

    return on_grid(log_density, {"p": np.linspace(0.003, 0.9, 200), "lam": np.linspace(0.5, 6, 200)})


STACK = (1 + 2 * DOSES + RNG.standard_t(3, 40)).round(2)


def robust() -> Moments:
    def log_density(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        rows = over_rows(lambda x, y: stats.t.logpdf(y, 4, a + b * x, 0.8), DOSES, STACK)
        return rows + stats.norm.logpdf(a, 0, 10) + stats.norm.logpdf(b, 0, 10)

    return on_grid(log_density, {"a": np.linspace(-0.5, 2.5, 150), "b": np.linspace(0.5, 3.5, 150)})


CHOICES = ["c1"] * 14 + ["c2"] * 5 + ["c3"]


def multinomial_logit() -> Moments:
    def log_density(*a: np.ndarray) -> np.ndarray:
        whole = logsumexp(np.stack(a), axis=0)
        return sum(n * (v - whole) - v * v / 4.5 for n, v in zip((14, 5, 1), a, strict=True))  # type: ignore[return-value]

    return on_grid(log_density, {f"a[c{i}]": np.linspace(-6, 6, 80) for i in (1, 2, 3)})


DISASTERS = [*RNG.poisson(3.2, 18), *RNG.poisson(0.9, 14)]


def change_point() -> Moments:
    """The rates before and after integrate to gamma functions at every change."""
    y, steps = np.array(DISASTERS), np.arange(1, len(DISASTERS) + 1)
    logs, early, late = [], [], []
    for change in steps:
        for kept, means in ((y[: change - 1], early), (y[change - 1 :], late)):
            means.append((2 + kept.sum()) / (1 + len(kept)))
        parts = [(2 + k.sum(), 1 + len(k)) for k in (y[: change - 1], y[change - 1 :])]
        logs.append(sum(gammaln(a) - a * np.log(b) for a, b in parts))
    p = np.exp(np.array(logs) - logsumexp(logs))
    return {"e": (float(p @ early), np.nan), "l": (float(p @ late), np.nan)}


MODELS = {
    "pumps": Model("alpha ~ Exponential(1)\nbeta ~ Gamma(0.1, 1)\nplate pump { input t : positive\n theta ~ Gamma(alpha, beta)\n x ~ Poisson(theta * t) }\n", {"t": PUMP_TIMES, "x": PUMP_FAILURES}, pumps),
    "schools": Model("mu ~ Normal(0, 5)\ntau ~ HalfCauchy(5)\nplate s { input sd : positive\n theta ~ Normal(mu, tau)\n y ~ Normal(theta, sd) }\n", {"y": EFFECTS, "sd": ERRORS}, schools, 0.25),
    "rats": Model("ac ~ Normal(0, 100)\nbc ~ Normal(0, 10)\nplate rat { a ~ Normal(ac, 2)\n b ~ Normal(bc, 0.8) }\nplate obs in rat { input t : real\n w ~ Normal(a + b * t, 1) }\n", {"rat": np.repeat(list("abcdefgh"), 5), "t": np.tile(TIMES, 8), "w": WEIGHTS.ravel()}, rats),
    "seeds": Model("a0 ~ Normal(0, 10)\na1 ~ Normal(0, 10)\na2 ~ Normal(0, 10)\na12 ~ Normal(0, 10)\nsigma ~ HalfNormal(1)\nplate dish { input n : count\n input x1 : bit\n input x2 : bit\n b ~ Normal(0, sigma)\n r ~ Binomial(n, logit = a0 + a1 * x1 + a2 * x2 + a12 * x1 * x2 + b) }\n", SEEDS, lambda: {"a0": (-0.55, 0.2), "a1": (0.08, 0.32), "a2": (1.35, 0.28), "a12": (-0.82, 0.44)}, 0.4),
    "dugongs": Model("alpha ~ Normal(0, 10)\nbeta ~ HalfNormal(5)\ngamma ~ Uniform(0.5, 1)\ns ~ HalfNormal(1)\nplate row { input x : positive\n y ~ Normal(alpha - beta * gamma ^ x, s) }\n", {"x": AGES, "y": LENGTHS}, dugongs, 0.2, {"chains": 16, "warmup": 400, "draws": 150}),
    "censored survival": Model("lam ~ Gamma(2, 3)\nplate row { t ~ Censored(Exponential(lam), upper = 10) }\n", {"t": SURVIVED}, survival),
    "item response": Model("dim item = {i0, i1}\nd[item] ~ Normal(0, 2)\nplate person { th ~ Normal(0, 1)\n x[item] ~ Bernoulli(logit = th - d) }\n", ANSWERS, item_response),
    "ordered logistic": Model("dim cut = {k1, k2}\nc[cut] : ordered ~ Normal(0, 5)\nb ~ Normal(0, 5)\nplate row { input x : real\n y : {lo, mid, hi} ~ OrderedLogistic(b * x, c) }\n", {"x": DOSES, "y": np.array(["lo", "mid", "hi"])[RATINGS]}, ordered_logistic),
    "zero-inflated counts": Model("p ~ Beta(1, 1)\nlam ~ Gamma(2, 1)\nplate row { y ~ ZeroInflated(p, Poisson(lam)) }\n", {"y": VISITS}, zero_inflated),
    "Student errors": Model("a ~ Normal(0, 10)\nb ~ Normal(0, 10)\nplate row { input x : real\n y ~ StudentT(4, a + b * x, 0.8) }\n", {"x": DOSES, "y": STACK}, robust),
    "multinomial logit": Model("dim c = {c1, c2, c3}\na[c] ~ Normal(0, 1.5)\nplate row { y : c ~ Categorical(logit = a) }\n", {"y": CHOICES}, multinomial_logit),
    "change point": Model("dim when[32]\nshare[when] = 1 / 32\none[when] = 1\nstep[when] = cumsum(one, over = when)\ntau ~ Categorical(share)\ne ~ Gamma(2, 1)\nl ~ Gamma(2, 1)\nplate year { input t : real\n y ~ Poisson(if t < step[tau] then e else l) }\n", {"t": [float(i + 1) for i in range(32)], "y": DISASTERS}, change_point),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_posterior_moments(name: str) -> None:
    model = MODELS[name]
    fit = pgmlang.compile(model.text).fit(model.data, method=model.method, seed=1, options=model.options)
    told = {row["name"]: row for row in fit.summary()}
    for scalar, (mean, sd) in model.reference().items():
        row = told[scalar]
        scale = sd if np.isfinite(sd) else row["sd"]
        assert abs(row["mean"] - mean) < model.sds * scale, (scalar, row["mean"], mean, sd)
        assert row["sd"] == pytest.approx(scale, rel=max(0.2, model.sds)), (scalar, row["sd"], sd)

"""Numbers predicted under point estimates without a draw: moments and quantiles against scipy, mixtures by labels against
enumeration, numbers below normal latents against closed forms; nothing hangs on the seed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

import pgmlang

X = [-1.0, 0.3, 2.0]
A, B = 0.7, 1.3
REGRESSIONS = {
    "Normal(a * x, b)": lambda x: stats.norm(A * x, B),
    "StudentT(5, a * x, b)": lambda x: stats.t(5, A * x, B),
    "Laplace(a * x, b)": lambda x: stats.laplace(A * x, B),
    "LogNormal(a * x, b)": lambda x: stats.lognorm(B, scale=math.exp(A * x)),
    "Gamma(b, exp(a * x))": lambda x: stats.gamma(B, scale=math.exp(-A * x)),
    "Weibull(b, exp(a * x))": lambda x: stats.weibull_min(B, scale=math.exp(A * x)),
    "Beta(b, exp(a * x))": lambda x: stats.beta(B, math.exp(A * x)),
    "Poisson(exp(a * x))": lambda x: stats.poisson(math.exp(A * x)),
    "Binomial(7, sigmoid(a * x))": lambda x: stats.binom(7, 1 / (1 + math.exp(-A * x))),
    "ZeroInflated(0.3, Poisson(exp(a * x)))": lambda x: ZeroInflated(math.exp(A * x)),
    "if x > 0 then Normal(a * x, b) else Laplace(b, 2)": lambda x: (
        stats.norm(A * x, B) if x > 0 else stats.laplace(B, 2)
    ),
}


class ZeroInflated:
    """Zero with probability 0.3, else Poisson."""

    def __init__(self, rate: float):
        self.counts = np.arange(200)
        self.p = 0.7 * stats.poisson.pmf(self.counts, rate) + 0.3 * (self.counts == 0)

    def mean(self) -> float:
        return float(self.p @ self.counts)

    def std(self) -> float:
        return math.sqrt(self.p @ (self.counts - self.mean()) ** 2)

    def ppf(self, q: float) -> float:
        return float(np.searchsorted(np.cumsum(self.p), q))


def near(columns, name, right, rel=1e-7):
    """Mean, sd and quantiles of scipy's distributions."""
    assert np.asarray(columns[name]) == pytest.approx([d.mean() for d in right], rel=rel)
    assert np.asarray(columns[f"{name}.sd"]) == pytest.approx([d.std() for d in right], rel=rel)
    for tail, q in (("q5", 0.05), ("q95", 0.95)):
        assert np.asarray(columns[f"{name}.{tail}"]) == pytest.approx([d.ppf(q) for d in right], rel=rel, abs=1e-9)


@pytest.mark.parametrize("family", REGRESSIONS)
def test_regressions(family: str) -> None:
    text = f"param a : real\nparam b : positive\nplate row {{ input x : real ; y ~ {family} }}"
    given = pgmlang.compile(text).given({"a": A, "b": B})
    columns = given.predict_columns({"x": X}, seed=1).columns
    near(columns, "y", [REGRESSIONS[family](x) for x in X])
    assert {k: list(v) for k, v in columns.items()} == {
        k: list(v) for k, v in given.predict_columns({"x": X}, seed=2).columns.items()
    }


def test_a_fit_by_map() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    text = "a ~ Normal(0, 1)\nb ~ Normal(0, 1)\nplate row { input x : real ; y ~ Normal(a + b * x, 0.5) }"
    fit = pgmlang.compile(text).fit({"x": x, "y": 1 + 2 * x + 0.5 * rng.normal(size=40)}, method="map")
    a, b = (float(fit.params[n]) for n in ("a", "b"))
    near(fit.predict_columns({"x": X}).columns, "y", [stats.norm(a + b * v, 0.5) for v in X])


class OfLabels:
    """A number below two labels of a row, one of them half seen, the other told by a count."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.p, self.q, self.rate = (
            rng.uniform(0.1, 0.9, 2).round(2),
            rng.uniform(0.1, 0.9, 2).round(2),
            rng.uniform(1, 6, 2).round(2),
        )
        self.mean, self.k = rng.normal(0, 3, (2, 2)).round(2), [int(v) for v in rng.integers(0, 7, 3)]
        self.b = [1, None, None]
        self.y = [None, None, round(float(rng.normal()), 2)]
        mean = "if a == 1 then (if b == 1 then {3} else {2}) else (if b == 1 then {1} else {0})".format(
            *self.mean.ravel()
        )
        self.text = f"""plate row {{
          a ~ Bernoulli({self.p[0]})
          b ~ Bernoulli(if a == 1 then {self.q[1]} else {self.q[0]})
          k ~ Poisson(if a == 1 then {self.rate[1]} else {self.rate[0]})
          y ~ Normal({mean}, 0.7)
          n ~ Poisson(if b == 1 then 2.5 else 0.4)
        }}"""

    def weights(self, row: int) -> np.ndarray:
        out = np.zeros((2, 2))
        for a, b in itertools.product((0, 1), repeat=2):
            p = (self.p[0] if a else 1 - self.p[0]) * (self.q[a] if b else 1 - self.q[a])
            p *= stats.poisson.pmf(self.k[row], self.rate[a]) * (self.b[row] in (None, b))
            if self.y[row] is not None:
                p *= stats.norm.pdf(self.y[row], self.mean[a, b], 0.7)
            out[a, b] = p
        return out / out.sum()


@pytest.mark.parametrize("seed", range(4))
def test_below_labels(seed: int) -> None:
    one = OfLabels(seed)
    columns = pgmlang.compile(one.text).given().predict_columns({"b": one.b, "k": one.k, "y": one.y}).columns
    for row in range(2):
        w = one.weights(row)
        mean = (w * one.mean).sum()
        assert columns["y"][row] == pytest.approx(mean)
        assert columns["y.sd"][row] == pytest.approx(math.sqrt((w * (0.49 + (one.mean - mean) ** 2)).sum()))
        for tail, q in (("q5", 0.05), ("q95", 0.95)):
            right = optimize.brentq(lambda x, w=w, q=q: (w * stats.norm.cdf(x, one.mean, 0.7)).sum() - q, -50, 50)
            assert columns[f"y.{tail}"][row] == pytest.approx(right, abs=1e-8)
    shares = [one.weights(row).sum(0) for row in range(3)]
    assert np.asarray(columns["n"]) == pytest.approx([s @ [0.4, 2.5] for s in shares])
    cdf = [lambda k, s=s: s @ stats.poisson.cdf(k, [0.4, 2.5]) for s in shares]
    assert np.asarray(columns["n.q95"]) == pytest.approx([next(k for k in range(99) if f(k) >= 0.95) for f in cdf])
    assert columns["y"][2] == one.y[2]
    assert columns["y.sd"][2] == 0


def test_below_normal_latents() -> None:
    """Groups that are new, with rows that are seen and rows that are not."""
    text = "plate g { u ~ Normal(1, 2) }\nplate row in g { input x : real ; y ~ Normal(u * x, 0.5) ; v ~ Normal(2 * u, 1) }"
    data = {"g": ["a", "a", "b"], "x": [1.0, 2.0, 3.0], "y": [2.0, None, None]}
    columns = pgmlang.compile(text).given().predict_columns(data).columns
    precision = 1 / 4 + 1 / 0.25
    mean, variance = (1 / 4 + 2 / 0.25) / precision, 1 / precision
    near({k: v[1:] for k, v in columns.items()}, "y", [
        stats.norm(2 * mean, math.sqrt(4 * variance + 0.25)), stats.norm(3, math.sqrt(9 * 4 + 0.25))
    ])  # fmt: skip
    near(
        columns,
        "v",
        [*[stats.norm(2 * mean, math.sqrt(4 * variance + 1))] * 2, stats.norm(2, math.sqrt(4 * 4 + 1))],
    )


def test_a_walk_with_gaps() -> None:
    """A hidden walk: a joint normal distribution, conditioned."""
    text = "plate t = chain { x ~ Normal(if first then 0 else 0.5 * prev(x), 1) ; y ~ Normal(x, 0.5) ; z ~ Normal(3 * x, 1) }"
    ys = [1.0, None, -0.5, None]
    given = pgmlang.compile(text).given()
    columns = given.predict_columns({"y": ys}).columns
    step = np.linalg.inv(np.eye(4) - np.diag([0.5] * 3, -1))
    cov = step @ step.T
    seen = [i for i, y in enumerate(ys) if y is not None]
    gain = cov[:, seen] @ np.linalg.inv(cov[np.ix_(seen, seen)] + 0.25 * np.eye(2))
    log_p = stats.multivariate_normal.logpdf([1.0, -0.5], None, cov[np.ix_(seen, seen)] + 0.25 * np.eye(2))
    assert given.score({"y": ys}) == pytest.approx([log_p])
    mean, post = gain @ [1.0, -0.5], cov - gain @ cov[seen]
    near(columns, "x", [stats.norm(m, s) for m, s in zip(mean, np.sqrt(np.diag(post)), strict=True)])
    near(columns, "z", [stats.norm(3 * m, math.sqrt(9 * v + 1)) for m, v in zip(mean, np.diag(post), strict=True)])
    open_ones = {k: np.asarray(v)[[1, 3]] for k, v in columns.items()}
    near(open_ones, "y", [stats.norm(mean[i], math.sqrt(post[i, i] + 0.25)) for i in (1, 3)])


def test_a_distribution_that_is_a_mixture() -> None:
    text = """dim c[2]
    param m[c] : real
    plate row { input x : real ; y ~ Mixture(share, Normal(m * x, 1)) }
    param share[c] : simplex"""
    columns = (
        pgmlang.compile(text).given({"m": [-1.0, 2.0], "share": [0.3, 0.7]}).predict_columns({"x": [2.0]}).columns
    )
    assert columns["y"][0] == pytest.approx(0.3 * -2 + 0.7 * 4)
    low = optimize.brentq(lambda v: 0.3 * stats.norm.cdf(v, -2) + 0.7 * stats.norm.cdf(v, 4) - 0.05, -20, 20)
    assert columns["y.q5"][0] == pytest.approx(low)

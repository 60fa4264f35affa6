"""One or two real latents of a row, which no closed form takes: questions, predictions and scores against sums over fine
grids, the same in every spelling, whatever the seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

import pgmlang

FREE = np.linspace(-22, 22, 40_001)
"""Free values of a latent."""


@dataclass
class Latent:
    """``text``: its distribution; ``values`` and ``log_p``: on the grid of free values, its slope in it."""

    text: str
    values: np.ndarray
    log_p: np.ndarray
    rate: str
    rates: np.ndarray


def latents(rng: np.random.Generator) -> list[Latent]:
    a, b = (round(float(v), 2) for v in rng.uniform(1.2, 4, 2))
    m = round(float(rng.normal()), 2)
    positive, unit = np.exp(FREE), special.expit(FREE)
    bounded = -1 + 3 * unit
    log_unit = special.log_expit(FREE) + special.log_expit(-FREE)
    return [
        Latent(f"Normal({m}, {b})", FREE, stats.norm(m, b).logpdf(FREE), "exp(0.7 * u)", np.exp(0.7 * FREE)),
        Latent(f"StudentT(9, {m}, 0.5)", FREE, stats.t(9, m, 0.5).logpdf(FREE), "exp(u)", np.exp(FREE)),
        Latent(f"Gamma({a}, {b})", positive, stats.gamma(a, scale=1 / b).logpdf(positive) + FREE, "2 * u", 2 * positive),
        Latent(f"LogNormal({m}, 0.8)", positive, stats.norm(m, 0.8).logpdf(FREE), "u", positive),
        Latent(f"HalfNormal({b})", positive, stats.halfnorm(scale=b).logpdf(positive) + FREE, "0.1 + u", 0.1 + positive),
        Latent(f"Beta({a}, {b})", unit, stats.beta(a, b).logpdf(unit) + log_unit, "9 * u", 9 * unit),
        Latent("Uniform(-1, 2)", bounded, log_unit, "exp(u)", np.exp(bounded)),
        Latent(
            f"Truncated(Normal({m}, 1), lower = 0)", positive,
            stats.norm(m, 1).logpdf(positive) - stats.norm(m, 1).logsf(0) + FREE, "u + 0.2", positive + 0.2,
        ),
        Latent(
            f"Truncated(Normal({m}, 1), upper = 0)", -positive,
            stats.norm(m, 1).logpdf(-positive) - stats.norm(m, 1).logcdf(0) + FREE, "exp(u)", np.exp(-positive),
        ),
    ]  # fmt: skip


@dataclass
class World:
    """A row: a latent, a label above nothing, a count, and below both a label and a number."""

    latent: Latent
    k: int
    share: float

    @property
    def text(self) -> str:
        return f"""plate row {{
          s ~ Bernoulli({self.share})
          u ~ {self.latent.text}
          k ~ Poisson({self.latent.rate})
          z ~ Bernoulli(logit = 0.3 - u)
          t ~ Gamma(6, 1 / ({self.latent.rate}) + s)
        }}"""

    def weights(self) -> tuple[np.ndarray, float]:
        """Of the grid given the count, and the log-evidence."""
        logs = self.latent.log_p + stats.poisson.logpmf(self.k, self.latent.rates)
        logs = np.where(np.isfinite(logs), logs, -np.inf)
        total = special.logsumexp(logs) + math.log(FREE[1] - FREE[0])
        return np.exp(logs - special.logsumexp(logs)), total

    def above(self, bound: float) -> float:
        """P(t > bound | k)."""
        w, _ = self.weights()
        w, rate = w[w > 0], 1 / self.latent.rates[w > 0]
        chances = [stats.gamma.sf(bound, 6, scale=1 / (rate + s)) for s in (0, 1)]
        return float(w @ ((1 - self.share) * chances[0] + self.share * chances[1]))


def world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    each = latents(rng)
    return World(each[seed % len(each)], int(rng.integers(0, 8)), round(float(rng.uniform(0.1, 0.9)), 2))


@pytest.mark.parametrize("seed", [0, 2, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, *range(3, 9)))])
def test_every_door_agrees_with_a_grid(seed: int) -> None:
    one = world(seed)
    given, (w, total) = pgmlang.compile(one.text).given(), one.weights()
    values = one.latent.values
    mean = w @ values
    sd = math.sqrt(w @ (values - mean) ** 2)
    assert given.score({"k": [one.k]}) == pytest.approx([total], abs=1e-6)
    answer = given.query(f"E(u | k = {one.k})", seed=seed)
    assert answer.method == "quadrature"
    assert answer.log_evidence == pytest.approx(total, abs=1e-6)
    (row,) = answer.table
    assert "mcse" not in row
    assert (row["mean"], row["sd"]) == pytest.approx((mean, sd), rel=1e-5)
    order = np.argsort(values)
    cdf = np.cumsum(w[order])
    for name, q in (("q5", 0.05), ("q50", 0.5), ("q95", 0.95)):
        assert np.interp(row[name], values[order], cdf) == pytest.approx(q, abs=2e-3 * sd + 1e-3)
    bound = float(values[order][np.searchsorted(cdf, 0.7)])
    (event,) = given.query(f"P(u <= {bound!r} | k = {one.k})").table
    assert event["p"] == pytest.approx(cdf[np.searchsorted(cdf, 0.7)], abs=1e-3)
    label = w @ special.expit(0.3 - values)
    assert given.query(f"P(z | k = {one.k})").probabilities["1"] == pytest.approx(label, abs=1e-6)
    assert given.query(f"P(t > 2 | k = {one.k})").table[0]["p"] == pytest.approx(one.above(2), abs=1e-6)
    chance = stats.gamma.sf(2, 6, scale=1 / (1 / np.maximum(one.latent.rates, 1e-300) + 1))
    both = w @ (special.expit(0.3 - values) * chance)
    (joint,) = given.query(f"P(z = 1, t > 2, s = 1 | k = {one.k})").table
    assert joint["p"] == pytest.approx(one.share * both, abs=1e-6)
    columns = given.predict_columns({"k": [one.k, one.k]}, seed=seed).columns
    assert not any(name.endswith("mcse") for name in columns)
    assert columns["u"] == pytest.approx([mean] * 2, rel=1e-5, abs=1e-7)
    assert columns["u.sd"] == pytest.approx([sd] * 2, rel=1e-5)
    assert columns["P(z = 1)"] == pytest.approx([label] * 2, abs=1e-6)
    assert one.above(float(columns["t.q95"][1])) == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("seed", [1, 6])
def test_drawn_rows_agree(seed: int) -> None:
    one = world(seed)
    given, (w, _) = pgmlang.compile(one.text).given(), one.weights()
    columns = given.sample_columns(1000, seed=2, evidence=f"k = {one.k}").columns
    mean = w @ one.latent.values
    error = math.sqrt(w @ (one.latent.values - mean) ** 2 / 300)
    assert np.mean(columns["u"]) == pytest.approx(mean, abs=4 * error)


def test_nothing_told_and_what_is_set() -> None:
    """The prior predictive of a count; an intervention on it says nothing of its rate."""
    given = pgmlang.compile("plate row { u ~ Gamma(3, 2) ; k ~ Poisson(u) ; x ~ Normal(u, 1) }").given()
    right = stats.nbinom(3, 2 / 3)
    (row,) = given.query("E(k)").table
    assert (row["mean"], row["sd"]) == pytest.approx((right.mean(), right.std()), rel=1e-6)
    assert (row["q5"], row["q95"]) == (right.ppf(0.05), right.ppf(0.95))
    assert given.query("P(k = 2)").table[0]["p"] == pytest.approx(right.pmf(2), abs=1e-8)
    assert given.query("E(x | do(k = 9))").table[0]["mean"] == pytest.approx(1.5)
    assert given.query("E(u | k = 9)").table[0]["mean"] == pytest.approx(12 / 3)


def test_soft_evidence_and_the_most_probable_label() -> None:
    given = pgmlang.compile(
        "plate row { u ~ Normal(0, 1) ; k ~ Poisson(exp(u)) ; z ~ Bernoulli(logit = 2 * u) }"
    ).given()
    p = stats.norm.logpdf(FREE) + stats.poisson.logpmf(2, np.exp(FREE))
    w = np.exp(p - special.logsumexp(p))
    one = special.expit(2 * FREE)
    soft = w * (0.8 * one + 0.1 * (1 - one))
    answer = given.query("E(u | k = 2, z ~ {0: 0.1, 1: 0.8})")
    assert answer.table[0]["mean"] == pytest.approx(soft @ FREE / soft.sum(), rel=1e-6)
    (best,) = given.query("MAP(z | k = 2)").table
    assert best == {"z": "1", "p": pytest.approx(w @ one, abs=1e-7)}


@pytest.mark.slow
def test_two_latents_in_every_spelling() -> None:
    """Of two latents the second hangs on the first; named or not, apart or along an axis."""
    x = np.linspace(-9, 9, 1201)
    u, v = np.meshgrid(x, x, indexing="ij")
    log_p = stats.norm.logpdf(u) + stats.norm.logpdf(v, 0.5 * u) + stats.poisson.logpmf(4, np.exp(0.5 * u + v))
    w = np.exp(log_p - special.logsumexp(log_p))
    right = {"u": (w * u).sum(), "v": (w * v).sum(), "s": (w * special.expit(v - u)).sum()}
    below = w.sum(0)[x <= 0.6].sum() - 0.5 * w.sum(0)[np.argmin(abs(x - 0.6))]
    texts = {
        "u, v": "u ~ Normal(0, 1) ; v ~ Normal(0.5 * u, 1) ; k ~ Poisson(exp(0.5 * u + v)) ; s ~ Bernoulli(logit = v - u)",
        "named": "u ~ Normal(0, 1) ; m = 0.5 * u ; v ~ Normal(m, 1) ; r = exp(m + v) ; k ~ Poisson(r) ; s ~ Bernoulli(logit = v - 2 * m)",
        "centred": "v ~ Normal(0, sqrt(1.25)) ; u ~ Normal(0.4 * v, sqrt(0.8)) ; k ~ Poisson(exp(0.5 * u + v)) ; s ~ Bernoulli(logit = v - u)",
    }  # fmt: skip
    for text in texts.values():
        given = pgmlang.compile(f"plate row {{ {text} }}").given()
        columns = given.predict_columns({"k": [4]}).columns
        assert (columns["u"][0], columns["v"][0]) == pytest.approx((right["u"], right["v"]), abs=1e-5)
        assert columns["P(s = 1)"][0] == pytest.approx(right["s"], abs=1e-5)
        assert given.query("P(v < 0.6 | k = 4)").table[0]["p"] == pytest.approx(below, abs=1e-4)
        assert "v.mcse" not in columns


def test_bounds_that_hang_on_the_other_latent() -> None:
    given = pgmlang.compile("plate row { a ~ Gamma(3, 1) ; b ~ Uniform(0, a) ; k ~ Poisson(2 * b) }").given()
    a = np.exp(np.linspace(-8, 4, 2001))[:, None]
    share = (np.arange(2000) + 0.5) / 2000
    w = stats.gamma.pdf(a, 3) * a * stats.poisson.pmf(3, 2 * a * share)
    w /= w.sum()
    (row,) = given.query("E(b | k = 3)").table
    assert row["mean"] == pytest.approx((w * a * share).sum(), rel=1e-4)
    assert given.query("P(b > 2 | k = 3)").table[0]["p"] == pytest.approx(w[a * share > 2].sum(), abs=2e-3)
    assert given.query("P(a > 5 | k = 3)").table[0]["p"] == pytest.approx((w * (a > 5)).sum(), abs=3e-3)


def test_groups_that_are_known_and_new() -> None:
    """A fit's estimates of its own groups stay, and unseen ones are integrated."""
    rng = np.random.default_rng(3)
    text = "plate g { u ~ Normal(1, 1) }\nplate row in g { k ~ Poisson(exp(u)) ; x ~ Normal(u, 1) }"
    groups = np.repeat(["a", "b"], 20)
    fit = pgmlang.compile(text).fit(
        {"g": groups, "k": rng.poisson(3, 40), "x": rng.normal(1, 1, 40)}, method="map"
    )
    columns = fit.predict_columns({"g": ["a", "new"], "k": [3, 6]}, targets=["x"]).columns
    assert columns["x"][0] == pytest.approx(float(np.asarray(fit.params["u"])[0]), abs=1e-6)
    p = stats.norm.logpdf(FREE, 1) + stats.poisson.logpmf(6, np.exp(FREE))
    w = np.exp(p - special.logsumexp(p))
    assert columns["x"][1] == pytest.approx(w @ FREE, abs=1e-6)
    assert columns["x.sd"][1] == pytest.approx(math.sqrt(w @ (FREE - w @ FREE) ** 2 + 1), abs=1e-5)


def test_moments_that_there_are_not_are_not_told_by_the_rule() -> None:
    """Beyond the last node of a heavy tail is most of its variance: draws with their error answer."""
    given = pgmlang.compile("plate row { u ~ StudentT(2.1, 0, 1) ; z ~ Bernoulli(logit = 0.01 * u) }").given()
    (row,) = given.query("E(u | z = 1)").table
    assert "mcse" in row


def test_what_hangs_on_no_latent_counts_in_a_score() -> None:
    """Beside a latent that is integrated, weighed or annealed."""
    apart = " ; b ~ Bernoulli(0.3) ; c ~ Normal(1, 2) ; d ~ Normal(0, 3)"
    for rate in ("u", "u + v + w"):
        text = (
            "plate row { u ~ Normal(0, 1) ; v ~ Normal(0, 1) ; w ~ Normal(0, 1) ; k ~ Poisson(exp("
            + rate
            + "))"
            + apart
            + " }"
        )
        given = pgmlang.compile(text).given()
        alone = given.score({"k": [2, 5]})
        beside = given.score({"k": [2, 5], "b": [1, 0], "c": [0.0, 4.0]})
        right = np.log([0.3, 0.7]) + stats.norm(1, 2).logpdf([0, 4])
        assert np.asarray(beside) - alone == pytest.approx(right, abs=1e-6)


def test_the_error_that_is_named_holds_at_a_kink() -> None:
    """The distribution function of a Laplace variable bends at its location."""
    given = pgmlang.compile("plate row { t ~ StudentT(4, 0, 1) ; y ~ Normal(t, 1) ; w ~ Laplace(t, 0.5) }").given()
    grid = np.linspace(-30, 30, 120_001)
    p = stats.t.pdf(grid, 4) * stats.norm.pdf(2, grid)
    right = p @ stats.laplace.sf(2, grid, 0.5) / p.sum()
    answer = given.query("P(w > 2 | y = 2)")
    named = float(answer.notes[0].rpartition("below ")[2])
    assert abs(answer.table[0]["p"] - right) < named < 2e-3


THINNED = {
    "in rows": "plate r {\n  n ~ Poisson(4)\n  k ~ Binomial(n, 0.3)\n}",
    "without rows": "n ~ Poisson(4)\nk ~ Binomial(n, 0.3)",
    "below a number": "plate r {\n  m ~ Gamma(400000, 100000)\n  n ~ Poisson(m)\n  k ~ Binomial(n, 0.3)\n}",
}


@pytest.mark.parametrize("name", THINNED)
def test_counts_above_have_no_nodes(name: str) -> None:
    """A thinned Poisson count is Poisson; the posterior of the whole is what was seen and a Poisson rest."""
    given = pgmlang.compile(THINNED[name]).given()
    assert given.query("P(k = 2)").table[0]["p"] == pytest.approx(stats.poisson(1.2).pmf(2), abs=0.03)
    assert given.query("E(k)").table[0]["mean"] == pytest.approx(1.2, abs=0.1)
    if name == "in rows":
        whole = given.predict({"k": [2, 0]}, targets=["n"])["n"]
        assert list(whole) == pytest.approx([4.8, 2.8], abs=0.5)

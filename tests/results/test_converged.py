"""Which fits are called converged: each kind that must not be, and good ones that must."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import optimize, stats

import pgmlang
from pgmlang.cli.main import run
from pgmlang.results.convergence import convergence, r_hat_of_codes

RNG = np.random.default_rng(11)
N = 60
X = RNG.normal(size=N)
APART = (X > 0).astype(int)
MIXED = (RNG.random(N) < 1 / (1 + np.exp(-X))).astype(int)
LINE = 1 + 2 * X + 0.5 * RNG.normal(size=N)
TWO = np.where(RNG.random(N) < 0.5, RNG.normal(-3, 1, N), RNG.normal(3, 1, N))
POINTS = np.concatenate([np.full(8, 2.0), RNG.normal(7, 1, N - 8)])
LOGISTIC = "param a : real\nparam b : real\nplate row { input x ; y : bit ~ Bernoulli(logit = a + b * x) }"
CLUSTERS = "param share[k] : simplex\nplate k[2] { param m : real\n param s : positive }\nplate row { z : k ~ Categorical(share) ; y ~ Normal(m[z], s[z]) }"
SCHOOLS = "m ~ Normal(0, 5)\nt ~ HalfNormal(3)\nplate row { e ~ Normal(m, t)\n y ~ Normal(e, 1) }"
CLASSES = "plate row { z : {p, q} ~ Table() ; u : bit ~ Table(z) ; v : bit ~ Table(z) ; w : bit ~ Table(z) }"
ISING = "plate row { field u : spin\n field v : spin\n factor h * u + j * u * v }\nparam h : real\nparam j : real"
SPINS = RNG.choice([-1, 1], size=(N, 2), p=[0.3, 0.7])
BITS = {n: (RNG.random(N) < 0.4).astype(int) for n in "uvwt"}
MACHINE = "dim v_unit = {u, v, w, t}\ndim h_unit[3]\nparam W[v_unit, h_unit], b[v_unit] : real\nplate row { field x[v_unit] : bit ; field h[h_unit] : bit ; factor x @ W @ h ; factor x @ b }"
LAYERS = "dim pixel = {u, v, w, t}\ndim low[3]\ndim high[2]\nparam W[low, high], A[pixel, low] : real\nplate row { field h2[high] : bit ; field h1[low] : bit ; factor h1 @ W @ h2 ; o[pixel] : bit ~ Bernoulli(logit = A @ h1) }"
LATTICE = "param J : real\nplate image { plate site = grid(6, 6) { field s : spin }\n plate bond(i, j) = edges(site) { factor J * s[i] * s[j] } }"
FUNNEL = "t ~ Normal(0, 3)\nplate row { e ~ Normal(0, exp(t)) ; y ~ Normal(e, 1) }"
CODER = "dim d = {x, y}\nnet dec : real -> d = mlp(4)\nnet enc : d -> real, real = mlp(1)\nplate row { z ~ Normal(0, 1) ; o[d] ~ Normal(dec(z), 0.05) }\nguide row { l, s = enc(o) ; z ~ Normal(l, SPREAD) }"
STUCK = "plate row { field u : spin\n field v : spin\n factor 8 * u * v\n y ~ Normal(0.001 * u + 0.001 * v, 1) }"
THIRDS = np.where(X < -0.5, "a", np.where(X < 0.5, "b", "c"))
PAIRS = "plate row { z : {p, q} ~ Table() ; u : bit ~ Table(z) ; v : bit ~ Table(z) }"
TWO_POSITIVE = "param a : positive\nparam b : positive\nplate row {{ y ~ {} }}"

BAD = {
    "classes that a line separates": (LOGISTIC, {"x": X, "y": APART}, "map", {}),
    "classes apart, by em's kin": (LOGISTIC, {"x": X, "y": APART}, "map", {"max_iterations": 3}),
    "a sum of two params": ("param a : real\nparam b : real\nplate row { y ~ Normal(a + b, 1) }", {"y": LINE}, "map", {}),
    "a product of two params": (
        "param a : positive\nparam b : positive\nplate row { y ~ Poisson(a * b) }", {"y": np.arange(N) % 5}, "map", {}),
    "a param of nothing": ("param a : real\nparam b : real\nplate row { y ~ Normal(a, 1) }", {"y": LINE}, "map", {}),
    "a cluster of one value": (CLUSTERS, {"y": POINTS}, "em", {}),
    "a cluster of one value, by map": (CLUSTERS, {"y": POINTS}, "map", {}),
    "a spread that falls to zero": (
        "param m : real\nparam s : positive\nplate row { y ~ Normal(m, s) }", {"y": np.full(N, 2.0)}, "map", {}),
    "two iterations of em": (CLUSTERS, {"y": TWO}, "em", {"max_iterations": 2}),
    "two iterations of em on tables": (
        CLASSES, {n: (RNG.random(N) < 0.4).astype(int) for n in "uvw"}, "em", {"max_iterations": 2}),
    "three draws of one chain": (SCHOOLS, {"y": LINE}, "hmc", {"chains": 1, "warmup": 10, "draws": 3}),
    "a few draws of gibbs": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "gibbs",
                             {"chains": 1, "warmup": 2, "draws": 5}),
    "chains that never move": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 0.00001) }", {"y": LINE}, "mh",
                               {"chains": 4, "warmup": 5, "draws": 30}),
    "a field that always agrees": (ISING, {"u": np.ones(N), "v": np.ones(N)}, "ml", {}),
    "adam, ten epochs": (LOGISTIC, {"x": X, "y": MIXED}, "map", {"optimizer": "adam", "epochs": 10}),
    "three classes that lines separate": (
        "param a[k], w[k] : real\ndim k = {a, b, c}\nplate row { input x ; y : k ~ Categorical(logit = a + w * x) }",
        {"x": X, "y": THIRDS}, "map", {}),
    "ordered classes apart": (
        "param c[j] : ordered\ndim j[2]\nparam w : real\nplate row { input x ; y : {a, b, c} ~ OrderedLogistic(w * x, c) }",
        {"x": X, "y": THIRDS}, "map", {}),
    "an end of a support": (
        "param t : positive\nplate row { y ~ Uniform(0, t) }", {"y": np.abs(LINE)}, "map", {}),
    "both ends of a support": (
        "param c : real\nparam w : positive\nplate row { y ~ Uniform(c - w, c + w) }", {"y": LINE}, "map", {}),
    "a cut of a density": (
        "param t : positive\nparam s : positive\nplate row { y ~ Truncated(Normal(0, s), -t, inf) }", {"y": LINE}, "map", {}),
    "an end of a support, of labels unseen": (
        "param share[k] : simplex\nplate k[2] { param t : positive }\nplate row { z : k ~ Categorical(share) ; y ~ Uniform(0, t[z]) }",
        {"y": np.abs(LINE)}, "em", {}),
    "one value of a gamma density": (TWO_POSITIVE.format("Gamma(a, b)"), {"y": np.full(N, 2e3)}, "map", {}),
    "one value of a gamma density, spelled": (
        "param a : real\nparam b : real\nplate row { y ~ Gamma(exp(a), exp(b)) }", {"y": np.full(N, 2.0)}, "map", {}),
    "one value of a beta density": (TWO_POSITIVE.format("Beta(a, b)"), {"y": np.full(N, 0.3)}, "map", {}),
    "one value of a Weibull density": (TWO_POSITIVE.format("Weibull(a, b)"), {"y": np.full(N, 2.0)}, "map", {}),
    "no events": ("param a : real\nplate row { n ~ Poisson(exp(a)) }", {"n": np.zeros(N, int)}, "map", {}),
    "a rate of no events": ("param r : positive\nplate row { n ~ Poisson(r) }", {"n": np.zeros(N, int)}, "map", {}),
    "all successes": ("param p : unit\nplate row { k ~ Bernoulli(p) }", {"k": np.ones(N, int)}, "map", {}),
    "counts less spread than Poisson's": (
        "param m : positive\nparam r : positive\nplate row { n ~ NegativeBinomial(m, r) }", {"n": RNG.binomial(10, 0.5, N)}, "map", {}),
    "tails lighter than Student's": (
        "param m : real\nparam s : positive\nparam df : positive\nplate row { y ~ StudentT(df, m, s) }",
        {"y": np.tanh(LINE)}, "map", {}),
    "inputs that say the same": (
        "param a, b, c : real\nplate row { input x ; input w ; y ~ Normal(a + b * x + c * w, 1) }",
        {"x": X, "w": 2 * X, "y": LINE}, "map", {}),
    "directions that are one": (
        "param m : real\nparam k : positive\nplate row { y ~ VonMises(m, k) }", {"y": np.full(N, 0.3)}, "map", {}),
    "more classes than two answers tell": (PAIRS, BITS, "em", {}),
    "a share known of nothing": (
        "param s : unit\nparam p, q : unit\nplate row { z ~ Bernoulli(s) ; u ~ Bernoulli(if z == 1 then p else q) }", BITS, "em", {}),
    "an iteration of meanfield": (
        "m ~ Normal(0, 5)\nt ~ Gamma(1, 1)\nplate row { y ~ Normal(m, 1 / sqrt(t)) }", {"y": LINE}, "meanfield", {"max_iterations": 1}),
    "a guide without the posterior's dependence": (
        "a ~ Normal(0, 100)\nb ~ Normal(0, 100)\nplate row { y ~ Normal(a + b, 1) }", {"y": LINE}, "elbo", {}),
    "a guide of rows far wider than their posterior": (
        CODER.replace("SPREAD", "0.001"), {"x": X, "y": LINE}, "elbo", {"epochs": 200, "batch": 10}),
    "two epochs of cd": (MACHINE, BITS, "cd", {"epochs": 2}),
    "two epochs of pcd": (MACHINE, BITS, "pcd", {"epochs": 2}),
    "two epochs of layers": (LAYERS, BITS, "layerwise", {"epochs": 2}),
    "two epochs of score matching": (
        "param a : positive\nparam b : real\nplate row { field y : real ; factor -a * y ^ 2 + b * y }", {"y": LINE}, "score", {"epochs": 2}),
    "a field that always agrees, by its pseudo-likelihood": (ISING, {"u": np.ones(N), "v": np.ones(N)}, "pseudo", {}),
    "two temperatures between a field and nothing": (
        LATTICE, {f"s.{k}": [1, -1] for k in range(36)}, "ais", {"temperatures": 2, "particles": 5}),
    "one chain": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "hmc", {"chains": 1, "draws": 800}),
    "chains of labels that stay where they began": (
        STUCK, {"y": LINE[:4]}, "gibbs", {"chains": 4, "warmup": 5, "draws": 60}),
    "chains in two modes": (
        "m ~ Normal(0, 30)\nplate row { y ~ Normal(abs(m), 1) }", {"y": 20 + LINE}, "hmc", {"chains": 4, "warmup": 100, "draws": 200}),
    "an elbo of ten steps": (SCHOOLS, {"y": LINE}, "elbo", {"epochs": 10}),
}  # fmt: skip
SLOW = {"a cluster of one value, by map"}
GOOD = {
    "a line": (
        "param a : real\nparam b : real\nparam s : positive\nplate row { input x ; y ~ Normal(a + b * x, s) }",
        {"x": X, "y": LINE}, "map", {}),
    "classes that overlap": (LOGISTIC, {"x": X, "y": MIXED}, "map", {}),
    "far units": (LOGISTIC, {"x": 1e4 + 1e3 * X, "y": MIXED}, "map", {}),
    "far units and a tiny spread": (
        "param a : real\nparam b : real\nparam s : positive\nplate row { input x ; y ~ Normal(a + b * x, s) }",
        {"x": np.arange(50.0), "y": 1000 + 300 * np.arange(50) + 1e-5 * X[:50]}, "map", {}),
    "two clusters": (CLUSTERS, {"y": TWO}, "em", {}),
    "complete tables": ("plate row { u : bit ~ Table()\n v : bit ~ Table(u) }",
                        {n: (RNG.random(N) < 0.4).astype(int) for n in "uv"}, "ml", {}),
    "a mean by gibbs": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "gibbs", {}),
    "a mean by hmc": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "hmc",
                      {"chains": 4, "warmup": 200, "draws": 250}),
    "a coder of rows": (CODER.replace("SPREAD", "exp(s)"), {"x": X, "y": LINE}, "elbo", {"epochs": 300, "batch": 10}),
    "fields of labels by gibbs": (STUCK.replace("8 *", "0.5 *"), {"y": LINE[:4]}, "gibbs", {"chains": 4, "draws": 500}),
    "log Z of a lattice": (LATTICE, {f"s.{k}": [1, -1] for k in range(36)}, "ais", {}),
    "an Ising pair": (ISING, {"u": SPINS[:, 0], "v": SPINS[:, 1]}, "ml", {}),
}  # fmt: skip


@cache
def fit_named(name):
    return fitted({**BAD, **GOOD}[name])


def fitted(case):
    text, data, method, options = case
    fixed = {"J": 0.6} if method == "ais" else {}
    return pgmlang.compile(text).fit(data, method=method, options=options, seed=1, fixed=fixed)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in BAD])
def test_what_must_not_be_called_converged(name):
    fit = fit_named(name)
    serious = [f for f in fit.diagnose() if f.severity != "ok"]
    assert fit.record.status != "converged"
    assert serious[0].severity == "problem"
    assert all(f.cure for f in serious)
    assert any(w.code in ("PGM0801", "PGM0804") and w.help for w in fit.warnings)


@pytest.mark.parametrize("name", GOOD)
def test_what_must_be_called_converged(name):
    fit = fit_named(name)
    assert fit.record.status == "converged", [str(w.message) for w in fit.warnings]
    assert not [f for f in fit.diagnose() if f.severity == "problem"]


def test_other_estimates_beside_one_on_an_edge_are_those_of_it_held():
    """The cut is the outermost value; the spread and its error are those of a normal density cut there."""
    fit = fit_named("a cut of a density").record
    cut = fit.parameters["t"]
    np.testing.assert_allclose(cut, -LINE.min(), rtol=1e-6)
    assert np.isnan(fit.standard_errors["t"])

    def height(s):
        return stats.norm.logpdf(LINE, 0, s).sum() - N * stats.norm.logcdf(cut / s)

    best = optimize.minimize_scalar(
        lambda s: -height(s), bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}
    ).x
    np.testing.assert_allclose(fit.parameters["s"], best, rtol=1e-5)
    bend = (height(best + 1e-3) - 2 * height(best) + height(best - 1e-3)) / 1e-6
    np.testing.assert_allclose(fit.standard_errors["s"], (-bend) ** -0.5, rtol=1e-3)


def test_both_ends_of_a_support_meet_the_data():
    values = LINE[:20]
    text = "param a : real\nparam b : real\nplate row { y ~ Uniform(a, b) }"
    fit = pgmlang.compile(text).fit({"y": values}, method="map", seed=1)
    np.testing.assert_allclose(
        [fit.record.parameters["a"], fit.record.parameters["b"]], [values.min(), values.max()], rtol=1e-6
    )
    assert "`a`, `b`: on a bound" in fit.warnings[0].message


@pytest.mark.parametrize("name", [n for n in BAD if n.startswith("one value of")])
def test_a_climb_to_infinity_is_given_up(name):
    """The gradient there is noise of cancelled terms: no flat stretch ends it."""
    fit = fit_named(name).record
    assert len(fit.trace) <= 5
    assert "`a`" in fit.warnings[0].message.split("no finite estimate")[0]
    assert not fit.standard_errors


def test_a_label_seen_half_the_time_is_no_disagreement():
    """Distances from a median of one half are all the same: they say nothing of the chains."""
    codes = np.tile([0.0, 1.0], 200).reshape(4, 100)
    assert np.isnan(convergence(codes).r_hat) | (convergence(codes).r_hat < 1.01)
    assert r_hat_of_codes(codes.astype(int)) < 1.01


def test_r_hat_of_labels_is_that_of_their_ranks():
    codes = (RNG.random((4, 200, 30)) < RNG.random(30)).astype(int)
    codes[0, :, :5] = 1
    np.testing.assert_allclose(r_hat_of_codes(codes), convergence(codes.astype(float)).r_hat, rtol=1e-9)


def test_each_row_of_a_written_guide_has_its_k_hat():
    fit = fit_named("a coder of rows")
    shapes = np.array(fit.record.provenance["row_pareto_k"])
    assert shapes.shape == (N,)
    assert fit.record.provenance["poor_rows"] == np.mean(shapes > 0.7)


@pytest.mark.parametrize("name", ["three draws of one chain", "two iterations of em", "an elbo of ten steps"])
def test_first_lines_say_that_it_is_not(name, tmp_path, capsys):
    folder = str(tmp_path / "a.fit")
    fit_named(name).save(folder)
    for verb in ("summary", "diagnose"):
        assert run([verb, folder]) == (verb == "diagnose")
        told = capsys.readouterr().out
        assert any("not converged" in line for line in told.splitlines()[:2]), told

"""Gibbs and compositions: conjugate posteriors in closed form, enumeration, planted faults."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer import blocks
from pgmlang.infer.compose import Part, parse
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.results.convergence import convergence

OPTIONS = {"chains": 16, "warmup": 60, "draws": 250}


def within(draws: np.ndarray, mean: float, sd: float | None = None) -> None:
    """The mean of draws [chain, draw] within 4 of its Monte-Carlo errors."""
    found = convergence(draws[..., None])
    assert abs(draws.mean() - mean) < 4 * float(found.mcse[0]) + 1e-9
    if sd is not None:
        assert draws.std() == pytest.approx(sd, rel=0.08)


CONJUGATE: dict[str, tuple[str, dict[str, Any], str, float, float]] = {
    "beta and bernoulli": ("p ~ Beta(2, 3)\nplate row { y : bit ~ Bernoulli(p) }\n", {"y": [1, 0, 1, 1]}, "p", 5 / 9, math.sqrt(20 / 81 / 10)),
    "beta and binomial": ("p ~ Beta(1, 1)\nplate row { input n : count ; y ~ Binomial(n, p) }\n", {"n": [5, 9], "y": [2, 7]}, "p", 10 / 16, math.sqrt(60 / 256 / 17)),
    "gamma and poisson": ("r ~ Gamma(2, 1)\nplate row { input t : positive ; y ~ Poisson(r * t) }\n", {"t": [1.0, 2.5], "y": [3, 4]}, "r", 9 / 4.5, 3 / 4.5),
    "gamma and exponential": ("r ~ Gamma(2, 1)\nplate row { y ~ Exponential(r) }\n", {"y": [0.5, 1.5]}, "r", 4 / 3, 2 / 3),
    "inverse gamma and normal": ("v ~ InverseGamma(3, 2)\nplate row { y ~ Normal(1, sqrt(v)) }\n", {"y": [0.0, 3.0, 1.5, 1.0]}, "v", (2 + 2.625) / 4, (2 + 2.625) / 4 / math.sqrt(3)),
    "normal and normal": ("m ~ Normal(1, 2)\nplate row { y ~ Normal(2 * m - 1, 0.5) }\n", {"y": [0.0, 3.0]}, "m", (0.25 + 32) / 32.25 - 0.0, math.sqrt(1 / 32.25)),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CONJUGATE))
def test_conjugate_pairs(case: str) -> None:
    text, data, name, mean, sd = CONJUGATE[case]
    model = pgmlang.compile(text)
    assert conjugate_family(model.model, name)
    if case == "normal and normal":
        precision = 0.25 + 2 * 4 / 0.25
        mean, sd = (0.25 * 1 + 2 * (1 + 4) / 0.25) / precision, precision**-0.5
    fit = model.fit(data, method="gibbs", seed=1, options=OPTIONS)
    within(fit.draws[name], mean, sd)


def test_dirichlet_counts() -> None:
    text = "share[k] ~ Dirichlet(2)\nplate k[3] { u ~ Normal(0, 1) }\nplate row { z ~ Categorical(share) }\n"
    fit = pgmlang.compile(text).fit({"z": ["0", "0", "2", "0"]}, method="gibbs", seed=1, options=OPTIONS)
    for k, count in enumerate((3, 0, 1)):
        within(fit.draws["share"][..., k], (2 + count) / 10)


def test_coupled_normal_vector_is_drawn_as_one() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2)) @ [[1, 0.9], [0, 0.3]]
    y = X @ [0.8, -1.2] + 0.7 * rng.normal(size=20)
    text = "dim f = {u, v}\nb[f] ~ Normal(0, 2)\nplate row { input X[f] : real ; y ~ Normal(X @ b, 0.7) }\n"
    fit = pgmlang.compile(text).fit({"u": X[:, 0], "v": X[:, 1], "y": y}, method="gibbs", seed=1, options=OPTIONS)
    precision = np.eye(2) / 4 + X.T @ X / 0.49
    mean, cov = np.linalg.solve(precision, X.T @ y / 0.49), np.linalg.inv(precision)
    draws = fit.draws["b"]
    for i in range(2):
        within(draws[..., i], mean[i], math.sqrt(cov[i, i]))
    assert np.corrcoef(draws.reshape(-1, 2).T)[0, 1] == pytest.approx(
        cov[0, 1] / math.sqrt(cov[0, 0] * cov[1, 1]), abs=0.05
    )
    # a joint draw has no memory
    assert abs(np.corrcoef(draws[:, 1:, 0].ravel(), draws[:, :-1, 0].ravel())[0, 1]) < 0.06


MIXTURE = """
share[k] ~ Dirichlet(1)
plate k[2] { p ~ Beta(1, 1) }
plate row { z ~ Categorical(share) ; a : bit ~ Bernoulli(p[z]) ; b : bit ~ Bernoulli(p[z]) }
"""
ROWS = {"a": [1, 1, 0, 1], "b": [1, 0, 0, 1]}


def partition_probability() -> float:
    """p(z_0 = z_1 | data) by enumeration with everything else integrated out."""
    a, b = np.array(ROWS["a"]), np.array(ROWS["b"])
    weights, same = [], []
    for z in product((0, 1), repeat=4):
        codes = np.array(z)
        log_p = math.lgamma(2) - math.lgamma(6) + sum(math.lgamma(1 + (codes == k).sum()) for k in (0, 1))
        for k in (0, 1):
            ones = int(a[codes == k].sum() + b[codes == k].sum())
            n = 2 * int((codes == k).sum())
            log_p += math.lgamma(1 + ones) + math.lgamma(1 + n - ones) - math.lgamma(2 + n)
        weights.append(math.exp(log_p))
        same.append(z[0] == z[1])
    w = np.array(weights)
    return float(w[np.array(same)].sum() / w.sum())


def test_normal_vectors_of_groups_are_drawn_as_one() -> None:
    """Coefficients of each group with a known covariance around a mean that is drawn too: the joint normal posterior, by linear algebra."""
    rng = np.random.default_rng(1)
    group, x = np.repeat(np.arange(3), 4), np.tile([0.0, 1.0, 2.0, 4.0], 3)
    y = rng.normal(1 + 0.5 * x + rng.normal(size=3)[group], 0.5)
    text = (
        "dim c = {level, slope}\nmu[c] ~ MultivariateNormal([0, 0], [[4, 1], [1, 2]])\n"
        "plate g { b[c] ~ MultivariateNormal(mu, [[1, 0.3], [0.3, 0.5]]) }\n"
        "plate row in g { input x : real ; y ~ Normal(b[level] + b[slope] * x, 0.5) }\n"
    )
    data = {"g": ["abc"[i] for i in group], "x": x, "y": y}
    fit = pgmlang.compile(text).fit(data, method="gibbs", seed=1, options=OPTIONS)
    assert "hmc" not in repr(fit.plan)
    inner, outer = np.linalg.inv([[1, 0.3], [0.3, 0.5]]), np.linalg.inv([[4, 1], [1, 2]])
    precision, shift = np.zeros((8, 8)), np.zeros(8)
    precision[:2, :2] = outer + 3 * inner
    for i in range(3):
        here = slice(2 + 2 * i, 4 + 2 * i)
        X = np.stack([np.ones(4), x[group == i]], 1)
        precision[here, here] = inner + X.T @ X / 0.25
        precision[:2, here] = precision[here, :2] = -inner
        shift[here] = X.T @ y[group == i] / 0.25
    mean, sd = np.linalg.solve(precision, shift), np.sqrt(np.linalg.inv(precision).diagonal())
    for i in range(2):
        within(fit.draws["mu"][..., i], mean[i], sd[i])
        for j in range(3):
            within(fit.draws["b"][..., j, i], mean[2 + 2 * j + i], sd[2 + 2 * j + i])


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_mixture_by_enumeration(backend: str) -> None:
    options = {"chains": 64, "warmup": 60, "draws": 250, "backend": backend}
    fit = pgmlang.compile(MIXTURE).fit(ROWS, method="gibbs", seed=1, options=options)
    z = fit.draws["z"]
    assert z.dtype == np.int64
    within((z[..., 0] == z[..., 1]).astype(float), partition_probability())


def test_labels_given_to_the_wrong_rows_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: each row gets the label drawn for the one before."""
    step = blocks.ExactBlock.step

    def shifted(self: Any, generator: Any, values: Any, state: Any, iteration: int) -> Any:
        moved, *rest = step(self, generator, values, state, iteration)
        return ({**moved, "z": moved["z"].roll(1, -1)}, *rest)

    monkeypatch.setattr(blocks.ExactBlock, "step", shifted)
    options = {"chains": 64, "warmup": 60, "draws": 250, "backend": "torch"}
    fit = pgmlang.compile(MIXTURE).fit(ROWS, method="gibbs", seed=1, options=options)
    share = float((fit.draws["z"][..., 0] == fit.draws["z"][..., 1]).mean())
    assert abs(share - partition_probability()) > 0.02


LDA = """
model lda(topics = 2)
dim word
plate topic[topics] { phi[word] ~ Dirichlet(0.5) }
plate doc { theta[topic] ~ Dirichlet(0.7) ; plate token { z ~ Categorical(theta) ; w : word ~ Categorical(phi[z]) } }
"""
TOKENS = {"doc": ["a", "a", "a", "b", "b"], "w": ["x", "y", "x", "y", "u"]}


def lda_exact() -> float:
    """p(z_0 = z_2 | words) by enumeration of all assignments (Griffiths and Steyvers 2004, equation 2)."""
    words = [0, 1, 0, 1, 2]
    docs = [0, 0, 0, 1, 1]
    total, same = 0.0, 0.0
    for z in product((0, 1), repeat=5):
        log_p = 0.0
        for k in (0, 1):
            counts = [sum(1 for i in range(5) if z[i] == k and words[i] == v) for v in range(3)]
            log_p += sum(math.lgamma(0.5 + c) for c in counts) - math.lgamma(1.5 + sum(counts))
        for d in (0, 1):
            counts = [sum(1 for i in range(5) if z[i] == k and docs[i] == d) for k in (0, 1)]
            log_p += sum(math.lgamma(0.7 + c) for c in counts) - math.lgamma(1.4 + sum(counts))
        total += math.exp(log_p)
        same += math.exp(log_p) * (z[0] == z[2])
    return same / total


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_lda_by_enumeration(backend: str) -> None:
    options = {"chains": 64, "warmup": 80, "draws": 300, "backend": backend}
    fit = pgmlang.compile(LDA).fit(TOKENS, method="gibbs", seed=1, options=options)
    z = fit.draws["z"]
    within((z[..., 0] == z[..., 2]).astype(float), lda_exact())


def test_counts_are_tokens_of_their_own() -> None:
    rows = {"doc": ["a", "a", "b", "b"], "w": ["x", "y", "y", "u"], "n": [2, 1, 1, 1]}
    options = {"chains": 64, "warmup": 80, "draws": 300}
    fit = pgmlang.compile(LDA).fit(rows, method="gibbs", seed=1, options=options, counts="n")
    z = fit.draws["z"]
    assert z.shape[-1] == 5
    within((z[..., 0] == z[..., 1]).astype(float), lda_exact())


SBN = """
dim unit = {p, q}
dim pixel = {a, b}
param w[unit, pixel] : real
plate row { u[unit] : bit ~ Bernoulli(0.4) ; x[pixel] ~ Bernoulli(logit = u @ w - 0.5) }
"""


def test_units_that_meet_are_drawn_one_by_one() -> None:
    w = np.array([[2.0, -1.0], [1.5, 2.5]])
    options = {"chains": 64, "warmup": 50, "draws": 300}
    fit = pgmlang.compile(SBN).fit(
        {"a": [1, 0], "b": [1, 1]}, method="gibbs", seed=1, fixed={"w": w}, options=options
    )
    for row, x in enumerate(([1, 1], [0, 1])):
        weights = {}
        for u in product((0, 1), repeat=2):
            logits = np.array(u) @ w - 0.5
            p = 1 / (1 + np.exp(-logits))
            weights[u] = np.prod([0.4 if v else 0.6 for v in u]) * np.prod(np.where(np.array(x) == 1, p, 1 - p))
        expected = (weights[1, 0] + weights[1, 1]) / sum(weights.values())
        within(fit.draws["u"][:, :, row, 0].astype(float), expected)


DENOISE = """
plate image {
  plate site = grid(2, 3) { field s : spin ; y ~ Normal(s, 0.8) }
  plate bond(i, j) = edges(site) { factor 0.6 * s[i] * s[j] }
}
"""


def test_hidden_lattice_with_observed_children() -> None:
    y = [0.5, -0.2, -1.1, 0.9, 0.1, -0.4]
    options = {"chains": 64, "warmup": 50, "draws": 300}
    fit = pgmlang.compile(DENOISE).fit(
        {f"y.{i}": [v] for i, v in enumerate(y)}, method="gibbs", seed=1, options=options
    )
    logs, spins = [], []
    for s in product((-1, 1), repeat=6):
        grid = np.array(s).reshape(2, 3)
        energy = 0.6 * ((grid[1:] * grid[:-1]).sum() + (grid[:, 1:] * grid[:, :-1]).sum())
        logs.append(energy - ((np.array(y) - s) ** 2).sum() / (2 * 0.64))
        spins.append(s)
    p = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    expected = (np.array(spins) == 1).T @ p
    for i in range(6):
        within(fit.draws["s"][:, :, 0, i].astype(float), expected[i])


RATS = """
m ~ Normal(0, 10)
t ~ InverseGamma(2, 2)
v ~ InverseGamma(2, 2)
plate group { a ~ Normal(m, sqrt(t)) }
plate row in group { y ~ Normal(a, sqrt(v)) }
"""


def test_hierarchical_normal_agrees_with_hmc() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b", "c", "d"], 6)
    y = np.repeat([1.0, 2.0, -0.5, 0.3], 6) + 0.8 * rng.normal(size=24)
    model = pgmlang.compile(RATS)
    one = model.fit({"group": group, "y": y}, method="gibbs", seed=1, options=OPTIONS)
    two = model.fit(
        {"group": group, "y": y}, method="hmc", seed=2, options={"chains": 16, "warmup": 250, "draws": 250}
    )
    for name in ("m", "t", "v"):
        error = [float(convergence(f.draws[name][..., None]).mcse[0]) for f in (one, two)]
        assert abs(one.draws[name].mean() - two.draws[name].mean()) < 4 * math.hypot(*error)


def test_composition_by_closed_form() -> None:
    text = "share ~ Beta(2, 2)\nmu ~ Normal(0, 3)\nplate row { z : bit ~ Bernoulli(share) ; y ~ Normal(mu + 3 * z, 1) }\n"
    data = {"y": [0.2, 2.7, -0.5, 3.3, 0.1]}
    model = pgmlang.compile(text)
    options = {"chains": 32, "warmup": 150, "draws": 300}
    mixed = model.fit(data, method="gibbs(z) * hmc(mu, share)", seed=1, options=options)
    summed = model.fit(data, method="hmc", seed=2, options=options)
    assert mixed.record.method == "gibbs(z) * hmc(mu, share)"
    for name in ("mu", "share"):
        error = [float(convergence(f.draws[name][..., None]).mcse[0]) for f in (mixed, summed)]
        assert abs(mixed.draws[name].mean() - summed.draws[name].mean()) < 4 * math.hypot(*error)


def test_rest_goes_to_the_kernel_without_names() -> None:
    model = pgmlang.compile(MIXTURE)
    plan = model.plan(ROWS, method="gibbs(z) * mh")
    assert any(b.kernel == "mh" and "p" in b.variables for b in plan.blocks)


def test_tempering_by_composition() -> None:
    model = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n")
    fit = model.fit(
        {"y": [0.5, 1.5]}, method="tempering(mh, 3)", seed=1, options={"chains": 4, "warmup": 100, "draws": 50}
    )
    assert len(fit.record.provenance["swap_rate"]) == 2
    assert fit.record.provenance["inner"] == "mh"


def test_parse() -> None:
    assert parse("gibbs(z) * hmc(mu, sd)") == (Part("gibbs", ("z",)), Part("hmc", ("mu", "sd")))


@pytest.mark.parametrize(
    ("method", "word"),
    [
        ("gibbs(z) * hmc(nu)", "not latent"),
        ("gibbs(z)", "no kernel moves"),
        ("gibbs(z) * hmc(z, p)", "two kernels"),
        ("hmc(z) * gibbs", "moves real values"),
        ("gibs(z) * hmc", "no kernel of a composition"),
        ("gibbs(z", "not understood"),
        ("tempering(hmc, hmc)", "not understood"),
        ("gibbs * hmc", "several kernels"),
    ],
)
def test_refusals(method: str, word: str) -> None:
    with pytest.raises(PgmError, match=word):
        pgmlang.compile(MIXTURE).fit(ROWS, method=method, seed=1)

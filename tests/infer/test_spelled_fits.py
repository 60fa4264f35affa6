"""Fits do not hang on the spelling: the same method, the same words of the plan, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

import pgmlang
from pgmlang.families import FAMILIES
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.sema import compile_source

TOPICS = """
dim word
plate topic[2] {{ phi[word] ~ Dirichlet(0.5) }}
plate doc {{
  theta[topic] ~ Dirichlet(0.5)
  plate token {{
    z ~ Categorical(theta)
    {line}
  }}
}}
"""
LAYERS = """
dim p[4]
dim q[2]
param w[p, q], b[p], c[q] : real
plate image {{
  h[q] ~ Bernoulli(logit = c)
  {line}
}}
"""


def rows_of_topics() -> dict[str, list[object]]:
    rng = np.random.default_rng(3)
    doc = np.repeat(np.arange(6), 12)
    word = np.where(rng.random(72) < 0.8, doc % 2 * 2, 3 - doc % 2) + rng.integers(0, 2, 72)
    return {"doc": [f"d{d}" for d in doc], "w": [f"w{k}" for k in word]}


@pytest.mark.parametrize(
    "line", ["q[word] = phi[z]\n    w : word ~ Categorical(q)", "w : word ~ Categorical(logit = log(phi[z]))"]
)
@pytest.mark.parametrize("method", ["meanfield", "gibbs"])
def test_topics_by_another_spelling(method: str, line: str) -> None:
    data = rows_of_topics()
    fits, plans = [], []
    for text in ("w : word ~ Categorical(phi[z])", line):
        model = pgmlang.compile(TOPICS.format(line=text))
        options = {"draws": 50, "warmup": 20, "chains": 2} if method == "gibbs" else {}
        fit = model.fit(data, method=method, seed=1, options=options)
        fits.append(fit.record)
        plans.append(fit.record.provenance["reasons"])
    assert plans[0] == plans[1]
    for name in fits[0].draws:
        np.testing.assert_allclose(fits[0].draws[name], fits[1].draws[name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "line",
    [
        "m[p] = w @ h + b\n  v[p] ~ Bernoulli(logit = m)",
        "v[p] ~ Bernoulli(sigmoid(b + w @ h))",
        "chance[p] = sigmoid(w @ h + b)\n  v[p] ~ Bernoulli(chance)",
    ],
)
def test_layers_by_another_spelling(line: str) -> None:
    rng = np.random.default_rng(2)
    data = {f"v.{i}": rng.integers(0, 2, 60).tolist() for i in range(4)}
    found = []
    for text in ("v[p] ~ Bernoulli(logit = w @ h + b)", line):
        fit = pgmlang.compile(LAYERS.format(line=text)).fit(
            data, method="layerwise", seed=1, options={"epochs": 3}
        )
        found.append(fit.record.parameters)
    for name in ("w", "b", "c"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-6, atol=1e-9)


ARGUMENT = {
    "itself": "x", "itself or its complement": "1 - x", "scaled": "3 * x", "inverse": "2 / x", "root": "2 * sqrt(x)",
    "inverse root": "2 / sqrt(x)", "affine": "0.5 * x + 1",
}  # fmt: skip
REST = {
    ("Poisson", "rate"): "Poisson({})", ("Exponential", "rate"): "Exponential({})", ("Gamma", "rate"): "Gamma(2, {})",
    ("InverseGamma", "scale"): "InverseGamma(3, {})", ("Laplace", "scale"): "Laplace(0.5, {})",
    ("Normal", "sd"): "Normal(0.5, {})", ("LogNormal", "sd"): "LogNormal(0.5, {})", ("HalfNormal", "sd"): "HalfNormal({})",
    ("Normal", "loc"): "Normal({}, 1.5)", ("LogNormal", "loc"): "LogNormal({}, 0.5)", ("Bernoulli", "p"): "Bernoulli({})",
    ("Binomial", "p"): "Binomial(5, {})", ("Geometric", "p"): "Geometric({})",
    ("NegativeBinomial", "p"): "NegativeBinomial(n = 3, p = {})", ("LogitNormal", "loc"): "LogitNormal({}, 1.5)",
    ("LogitNormal", "sd"): "LogitNormal(0.5, {})", ("Pareto", "shape"): "Pareto({}, 0.3)", ("Lomax", "shape"): "Lomax({}, 2)",
    ("Kumaraswamy", "b"): "Kumaraswamy(2, {})", ("InverseGaussian", "shape"): "InverseGaussian(1.2, {})",
    ("Weibull", "hazard"): "Weibull(2, hazard = {})", ("AsymmetricLaplace", "scale"): "AsymmetricLaplace(0.5, {}, 0.3)",
    ("Rayleigh", "scale"): "Rayleigh({})", ("Maxwell", "scale"): "Maxwell({})",
}  # fmt: skip
PRIOR = {
    "Gamma": "Gamma(3, 2)",
    "Exponential": "Exponential(1.5)",
    "InverseGamma": "InverseGamma(4, 3)",
    "Beta": "Beta(2, 3)",
    "Normal": "Normal(0.5, 2)",
}
PAIRS = [
    (prior, pair.child, pair.argument, pair.form)
    for prior, family in FAMILIES.items() for pair in family.pairs if prior in PRIOR and pair.child != "MultivariateNormal"
]  # fmt: skip


@pytest.mark.parametrize(("prior", "child", "argument", "form"), PAIRS)
def test_every_conjugate_pair_against_quadrature(prior: str, child: str, argument: str, form: str) -> None:
    """The posterior mean by coordinate ascent, which is exact for one variable, and by integration of the log-joint."""
    line = REST[child, argument].format(ARGUMENT[form])
    text = f"x ~ {PRIOR[prior]}\nplate row {{ y ~ {line} }}"
    counts = child in ("Poisson", "Binomial", "Geometric", "NegativeBinomial", "Bernoulli")
    units = child in ("LogitNormal", "Kumaraswamy")
    values = (
        [1, 0, 1]
        if child == "Bernoulli"
        else [2, 4, 1]
        if counts
        else [0.7, 0.2, 0.4]
        if units
        else [0.7, 1.9, 0.4]
    )
    assert conjugate_family(compile_source(text), "x") is not None
    fit = pgmlang.compile(text).fit({"y": values}, method="meanfield", seed=1)
    assert fit.record.provenance["reasons"][0].startswith("coordinate ascent")
    drawn = float(np.mean(fit.record.draws["x"])), float(np.std(fit.record.draws["x"]))

    import torch

    from pgmlang.lower import lower

    module = lower(compile_source(text)).load()
    observed = torch.tensor(values, dtype=torch.int64 if counts else torch.float64)

    def log_joint(x: float) -> float:
        from pgmlang.lower.runtime.layout import TensorLayout

        value = torch.tensor(x, dtype=torch.float64)
        return float(module.log_joint({"x": value, "y": observed}, None, TensorLayout({"row": 3})))

    low, high = (1e-6, 1 - 1e-6) if prior == "Beta" else (-20.0, 20.0) if prior == "Normal" else (1e-4, 60.0)
    grid = np.concatenate([np.linspace(low, high, 40_001)])
    with torch.no_grad():
        logs = np.array([log_joint(x) for x in grid[::20]])
    weights = np.exp(logs - logs.max())
    points = grid[::20]
    total = integrate.simpson(weights, x=points)
    mean = integrate.simpson(weights * points, x=points) / total
    spread = np.sqrt(integrate.simpson(weights * (points - mean) ** 2, x=points) / total)
    assert drawn[0] == pytest.approx(mean, abs=5 * spread / np.sqrt(len(np.ravel(fit.record.draws["x"]))) + 1e-3)
    assert drawn[1] == pytest.approx(spread, rel=0.15)

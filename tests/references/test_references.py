"""Published reference posteriors: posteriordb and BUGS volume 1 (skipped where the data are not beside the checkout)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.results.convergence import convergence


def data_of(shared_data: Path, folder: str, name: str) -> dict[str, Any]:
    file = shared_data / folder / name
    if not file.is_file():
        pytest.skip("no reference data beside this checkout")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def posteriordb(shared_data: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    summary = data_of(shared_data, "posteriordb", "reference_summaries.json")[name]
    return data_of(shared_data, "posteriordb/data", f"{summary['data']}.json"), summary["summary"]


def near(draws: np.ndarray, reference: dict[str, float]) -> None:
    """Mean within 4 Monte-Carlo errors of both, sd within a tenth."""
    found = convergence(draws[..., None])
    error = math.hypot(float(found.mcse[0]), reference["mcse"])
    assert abs(draws.mean() - reference["mean"]) < 4 * error
    assert draws.std() == pytest.approx(reference["sd"], rel=0.1)


def hmc(text: str, data: dict[str, Any], warmup: int = 400, draws: int = 400, **more: Any) -> pgmlang.FittedModel:
    options = {"chains": 16, "warmup": warmup, "draws": draws}
    return pgmlang.compile(text).fit(data, method="hmc", seed=1, options=options, **more)


def test_eight_schools(shared_data: Path) -> None:
    data, reference = posteriordb(shared_data, "eight_schools-eight_schools_noncentered")
    text = """
mu ~ Normal(0, 5)
tau ~ HalfCauchy(5)
plate school { input sd : positive ; theta ~ Normal(mu, tau) ; y ~ Normal(theta, sd) }
"""
    fit = hmc(text, {"y": np.array(data["y"], float), "sd": data["sigma"]}, draws=600)
    near(fit.draws["mu"], reference["mu"])
    near(fit.draws["tau"], reference["tau"])
    for i in range(8):
        near(fit.draws["theta"][..., i], reference[f"theta[{i + 1}]"])


@pytest.mark.slow
def test_low_dim_gauss_mix(shared_data: Path) -> None:
    """The component of a row summed out; an ordered pair of means."""
    data, reference = posteriordb(shared_data, "low_dim_gauss_mix-low_dim_gauss_mix")
    text = """
model mix
dim k = {one, two}
theta ~ Beta(5, 5)
mu[k] : ordered ~ Normal(0, 2)
sigma[k] ~ HalfNormal(2)
plate row {
  z : bit ~ Bernoulli(1 - theta)
  y ~ Normal(if z == 1 then mu[two] else mu[one], if z == 1 then sigma[two] else sigma[one])
}
"""
    fit = hmc(text, {"y": data["y"]}, 600, 200)
    near(fit.draws["theta"], reference["theta"])
    for i in range(2):
        near(fit.draws["mu"][..., i], reference[f"mu[{i + 1}]"])
        near(fit.draws["sigma"][..., i], reference[f"sigma[{i + 1}]"])


@pytest.mark.slow
def test_kidscore_momiq(shared_data: Path) -> None:
    data, reference = posteriordb(shared_data, "kidiq-kidscore_momiq")
    text = """
base ~ Flat()
slope ~ Flat()
sigma ~ HalfCauchy(2.5)
plate child { input iq : real ; y ~ Normal(base + slope * iq, sigma) }
"""
    fit = hmc(text, {"iq": np.array(data["mom_iq"], float), "y": np.array(data["kid_score"], float)}, 800, 500)
    near(fit.draws["base"], reference["beta[1]"])
    near(fit.draws["slope"], reference["beta[2]"])
    near(fit.draws["sigma"], reference["sigma"])


@pytest.mark.slow
def test_blr(shared_data: Path) -> None:
    data, reference = posteriordb(shared_data, "sblrc-blr")
    text = """
dim f = {a, b, c, d, e}
beta[f] ~ Normal(0, 10)
sigma ~ HalfNormal(10)
plate row { input X[f] : real ; y ~ Normal(X @ beta, sigma) }
"""
    X = np.array(data["X"])
    fit = hmc(text, {**{k: X[:, i] for i, k in enumerate("abcde")}, "y": data["y"]})
    for i in range(5):
        near(fit.draws["beta"][..., i], reference[f"beta[{i + 1}]"])
    near(fit.draws["sigma"], reference["sigma"])


@pytest.mark.slow
def test_ar_k(shared_data: Path) -> None:
    """The first five rows are conditioned on."""
    data, reference = posteriordb(shared_data, "arK-arK")
    text = """
dim lag = {l1, l2, l3, l4, l5}
alpha ~ Normal(0, 10)
beta[lag] ~ Normal(0, 10)
sigma ~ HalfCauchy(2.5)
plate series { plate t = chain {
  y : real ~ if first(5) then Flat() else Normal(alpha + beta[l1] * prev(y, 1) + beta[l2] * prev(y, 2) + beta[l3] * prev(y, 3)
    + beta[l4] * prev(y, 4) + beta[l5] * prev(y, 5), sigma)
} }
"""
    fit = hmc(text, {"y": data["y"]})
    near(fit.draws["alpha"], reference["alpha"])
    for i in range(5):
        near(fit.draws["beta"][..., i], reference[f"beta[{i + 1}]"])
    near(fit.draws["sigma"], reference["sigma"])


@pytest.mark.slow
def test_hmm_example(shared_data: Path) -> None:
    data, reference = posteriordb(shared_data, "hmm_example-hmm_example")
    text = """
dim state = {s1, s2}
dim to like state
param centre[state] : real, start[state] : simplex
mu[state] : ordered ~ Normal(centre, 1)
move[state, to] ~ Dirichlet(1)
plate seq { plate t = chain {
  z ~ Categorical(if first then start else move[prev(z)])
  y ~ Normal(mu[z], 1)
} }
"""
    fit = hmc(
        text, {"y": data["y"]}, 300, 300, fixed={"centre": np.array([3.0, 10.0]), "start": np.array([0.5, 0.5])}
    )
    for i in range(2):
        near(fit.draws["mu"][..., i], reference[f"mu[{i + 1}]"])
        near(fit.draws["move"][..., 0, i], reference[f"theta1[{i + 1}]"])
        near(fit.draws["move"][..., 1, i], reference[f"theta2[{i + 1}]"])


def bench(draws: np.ndarray, reference: dict[str, float]) -> None:
    """JAGS' own tolerance: 0.15 sd."""
    assert abs(draws.mean() - reference["mean"]) < 0.15 * reference["sd"]


def test_pump_by_gibbs(shared_data: Path) -> None:
    data = data_of(shared_data, "bugs", "vol1_pump.json")
    text = """
alpha ~ Exponential(1)
beta ~ Gamma(0.1, 1)
plate pump { input t : positive ; theta ~ Gamma(alpha, beta) ; x ~ Poisson(theta * t) }
"""
    options = {"chains": 16, "warmup": 300, "draws": 400}
    fit = pgmlang.compile(text).fit({"t": data["t"], "x": data["x"]}, method="gibbs", seed=1, options=options)
    assert fit.draws["alpha"].mean() == pytest.approx(0.706, abs=0.15 * 0.272)
    assert fit.draws["beta"].mean() == pytest.approx(0.949, abs=0.15 * 0.549)


@pytest.mark.slow
def test_rats(shared_data: Path) -> None:
    data = data_of(shared_data, "bugs", "vol1_rats.json")
    text = """
a0 ~ Normal(0, 1000)
b0 ~ Normal(0, 1000)
va ~ InverseGamma(0.001, 0.001)
vb ~ InverseGamma(0.001, 0.001)
v ~ InverseGamma(0.001, 0.001)
plate rat { a ~ Normal(a0, sqrt(va)) ; b ~ Normal(b0, sqrt(vb)) }
plate row in rat { input x : real ; y ~ Normal(a + b * (x - 22), sqrt(v)) }
"""
    Y = np.array(data["Y"], float)
    rows = {
        "rat": np.repeat(np.arange(30), 5).astype(str),
        "x": np.tile([8.0, 15, 22, 29, 36], 30),
        "y": Y.ravel(),
    }
    options = {"chains": 8, "warmup": 400, "draws": 600}
    fit = pgmlang.compile(text).fit(rows, method="gibbs", seed=1, options=options)
    alpha0 = fit.draws["a0"] - 22 * fit.draws["b0"]
    assert alpha0.mean() == pytest.approx(106.4, abs=0.15 * 3.60)
    assert fit.draws["b0"].mean() == pytest.approx(6.186, abs=0.15 * 0.109)


@pytest.mark.slow
def test_seeds(shared_data: Path) -> None:
    data = data_of(shared_data, "bugs", "vol1_seeds.json")
    text = """
a0 ~ Normal(0, 1000)
a1 ~ Normal(0, 1000)
a2 ~ Normal(0, 1000)
a12 ~ Normal(0, 1000)
v ~ InverseGamma(0.001, 0.001)
plate dish {
  input n : count
  input x1 : real
  input x2 : real
  b ~ Normal(0, sqrt(v))
  r ~ Binomial(n, logit = a0 + a1 * x1 + a2 * x2 + a12 * x1 * x2 + b)
}
"""
    rows = {k: np.array(data[k], float) for k in ("x1", "x2")} | {k: data[k] for k in ("n", "r")}
    fit = hmc(text, rows, 1000, 1000)
    assert fit.draws["a0"].mean() == pytest.approx(-0.549, abs=0.15 * 0.192)
    assert np.sqrt(fit.draws["v"]).mean() == pytest.approx(0.282, abs=0.15 * 0.141)

"""Deterministic names stand beside what any method leaves: of draws exactly the function of the draws, of estimates their value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.infer import deterministic

MODEL = """
mu ~ Normal(0, 10)
tau ~ Gamma(2, 2)
v = 1 / tau
s = sqrt(v)
plate g[2] { a ~ Normal(mu, 1) ; twice = 2 * a }
diff = a[0] - a[1]
is_large = mu > 1.9
rows_mean = mean(y, over = row)
gap = mu - rows_mean
plate row { y ~ Normal(mu, s) ; residual = y - mu ; seen = 3 * y }
"""
Y = np.random.default_rng(0).normal(2, 1.5, 20)
SHORT = {"chains": 2, "warmup": 40, "draws": 30}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "hmc": SHORT, "mh": SHORT, "langevin": SHORT, "gibbs": SHORT, "tempering": {**SHORT, "temperatures": 3},
    "gibbs(tau) * hmc(mu, a)": SHORT, "elbo": {"epochs": 30}, "meanfield": {}, "map": {},
}  # fmt: skip


def expected(mu: np.ndarray, tau: np.ndarray, a: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "v": 1 / tau, "s": tau**-0.5, "twice": 2 * a, "diff": a[..., 0] - a[..., 1], "is_large": mu > 1.9,
        "gap": mu - Y.mean(), "residual": Y - mu[..., None],
    }  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_same_names(method: str, tmp_path: Path) -> None:
    fit = pgmlang.compile(MODEL).fit({"y": Y}, method=method, seed=1, options=METHODS[method])
    fit.save(tmp_path / "m.fit")
    fit = pgmlang.load(tmp_path / "m.fit")
    held = fit.draws or {**fit.params, **fit.record.deterministic}
    for name, value in expected(held["mu"], held["tau"], held["a"]).items():
        np.testing.assert_allclose(held[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    assert float(fit.record.deterministic["rows_mean"]) == pytest.approx(Y.mean())
    assert "seen" not in held, "what hangs on the data alone is theirs, not the fit's"
    assert fit.query("E(v)").table[0]["mean"] == pytest.approx(float(np.mean(held["v"])))
    assert fit.query("E(is_large)").table[0]["mean"] == pytest.approx(float(np.mean(held["mu"] > 1.9)))
    assert {"v", "gap", "rows_mean"} <= {r["name"] for r in fit.summary()}


@pytest.mark.parametrize("method", ["hmc", "gibbs", "elbo", "meanfield"])
def test_moments_of_a_conjugate_posterior(method: str) -> None:
    text = "tau ~ Gamma(3, 2)\nv = 1 / tau\nplate row { y ~ Normal(2, sqrt(v)) }\n"
    fit = pgmlang.compile(text).fit({"y": Y}, method=method, seed=1)
    shape, rate = 3 + len(Y) / 2, 2 + ((Y - 2) ** 2).sum() / 2
    row = fit.query("E(v)").table[0]
    assert row["mean"] == pytest.approx(rate / (shape - 1), rel=0.03)
    assert row["sd"] == pytest.approx(rate / (shape - 1) / (shape - 2) ** 0.5, rel=0.15)


def test_estimates_of_a_fit_of_tables() -> None:
    text = "param p : unit\nq = 1 - p\nplate row { x ~ Bernoulli(p) ; z : bit ~ Bernoulli(if x == 1 then q else p) }\n"
    rng = np.random.default_rng(1)
    fit = pgmlang.compile(text).fit({"x": rng.integers(0, 2, 30), "z": rng.integers(0, 2, 30)}, seed=1)
    p = float(fit.params["p"])
    assert fit.query("E(q)").table[0]["mean"] == pytest.approx(1 - p)
    assert fit.query("E(p)").table[0]["mean"] == pytest.approx(p)
    assert fit.query("P(x)").probabilities["1"] == pytest.approx(p)


def test_held_values_params_and_rows_that_stand_for_several() -> None:
    text = "mu ~ Normal(0, 3)\ns ~ HalfNormal(1)\nparam c : positive\nr = mu / s\nt = c ^ 2\nplate row { y ~ Normal(mu * c, s) }\n"
    fit = pgmlang.compile(text).fit({"y": Y}, method="elbo", seed=1, fixed={"s": 1.5}, options={"epochs": 30})
    np.testing.assert_allclose(fit.draws["r"], fit.draws["mu"] / 1.5)
    assert fit.query("E(t)").table[0]["mean"] == pytest.approx(float(fit.params["c"]) ** 2)
    text = "mu ~ Normal(0, 1)\nplate row { e ~ Normal(mu, 1) ; u = 2 * e ; y ~ Normal(e, 1) }\n"
    data = {"y": Y, "n": [3] * 10 + [1] * 10}
    fit = pgmlang.compile(text).fit(data, method="gibbs", seed=1, options=SHORT, counts="n")
    assert fit.draws["u"].shape == (2, 30, 40)
    np.testing.assert_allclose(fit.draws["u"], 2 * fit.draws["e"])


def test_networks_and_written_guides() -> None:
    text = (
        "dim pixel = {p0, p1}\nnet dec : real -> pixel = mlp(4)\nparam c : real\nd = 2 * c\nw ~ Normal(0, 1)\nw2 = w ^ 2\n"
        "plate row { z ~ Normal(0, 1)\n x[pixel] ~ Bernoulli(logit = dec(z) + c + w) ; q = dec(z) }\n"
        "guide { w ~ Normal(c, 1) }\nguide row { z ~ Normal(c, 1) }\n"
    )
    x = np.random.default_rng(0).integers(0, 2, (20, 2))
    fit = pgmlang.compile(text).fit({"x": x}, method="elbo", seed=1, options={"epochs": 5})
    assert float(fit.record.deterministic["d"]) == pytest.approx(2 * float(fit.params["c"]))
    np.testing.assert_allclose(fit.draws["w2"], fit.draws["w"] ** 2, rtol=1e-6)
    assert "q" not in fit.draws, "it hangs on rows that a written guide draws afresh"


def test_what_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deterministic, "OF_ROWS", 100)
    fit = pgmlang.compile(MODEL).fit({"y": Y}, method="gibbs", seed=1, options=SHORT)
    assert fit.record.provenance["deterministic_left_out"] == ["residual"]
    assert "residual" not in fit.draws
    assert "twice" in fit.draws

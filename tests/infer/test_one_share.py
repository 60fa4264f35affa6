"""A mixture of one cluster: its shares are one number that is not free."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pgmlang

ONE = "dim k = {one}\nshare[k] ~ Dirichlet(2)\nm[k] ~ Normal(0, 5)\nplate r {\n  z ~ Categorical(share)\n  y ~ Normal(m[z], 1)\n}"
NOTHING_FREE = ONE.replace("m[k] ~ Normal(0, 5)\n", "").replace("m[z]", "0")
Y = np.random.default_rng(0).normal(size=40)
BACKENDS = ["torch", pytest.param("native", marks=pytest.mark.slow)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", ["em", "map"])
def test_estimates(method: str, backend: str) -> None:
    fit = pgmlang.compile(ONE).fit({"y": Y}, method=method, seed=1, options={"backend": backend})
    precision = len(Y) + 1 / 25
    assert fit.params["share"].tolist() == [1.0]
    assert float(fit.params["m"][0]) == pytest.approx(Y.sum() / precision, rel=1e-5)
    assert float(fit.record.standard_errors["m"][0]) == pytest.approx(precision**-0.5, rel=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", ["em", "map"])
def test_nothing_is_free(method: str, backend: str) -> None:
    fit = pgmlang.compile(NOTHING_FREE).fit({"y": Y}, method=method, seed=1, options={"backend": backend})
    assert fit.params["share"].tolist() == [1.0]
    assert fit.log_likelihood == pytest.approx(-0.5 * (Y @ Y + len(Y) * math.log(2 * math.pi)), rel=1e-12)


def test_draws() -> None:
    fit = pgmlang.compile(ONE).fit(
        {"y": Y}, method="hmc", seed=1, options={"chains": 4, "draws": 100, "warmup": 100, "backend": "torch"}
    )
    assert bool((fit.draws["share"] == 1.0).all())

"""Latent numbers that are a point with a chance of its own and otherwise have a density: no gradient knows of the point, so
every method that moves numbers refuses, with a cure that works."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

Y = [0.3, 0.6, 0.75]
MIXED = {
    "ZeroInflated(0.3, Exponential(1))": "zero a label",
    "Mixture(share, ZeroInflated(0.3, Exponential(rate)))": "zero a label",
    "Censored(Normal(0, 1), lower = 0)": "if x < lower then lower else x",
    "if 1 > 0.5 then Censored(Normal(0, 1), upper = 2) else Normal(0, 1)": "if x < lower",
}


@pytest.mark.parametrize("distribution", MIXED)
@pytest.mark.parametrize("method", ["hmc", "mh", "gibbs", "map", "elbo", "meanfield", "hmc(x)"])
def test_refused_by_all_that_move_numbers(distribution: str, method: str) -> None:
    text = f"dim part[2]\nshare[part] ~ Dirichlet(1)\nrate[part] ~ Gamma(2, 1)\nx ~ {distribution}\nplate row {{ y ~ Normal(x, 1) }}\n"
    model = pgmlang.compile(text)
    if method == "hmc(x)":
        method = "hmc(x) * gibbs"
    with pytest.raises(PgmError) as error:
        model.fit({"y": Y}, method=method)
    problem = error.value.diagnostics[0]
    assert problem.code == "PGM0602"
    assert "chance of their own" in str(error.value) or method == "gibbs"
    with pytest.raises(PgmError) as none:
        model.plan({"y": Y})
    assert none.value.diagnostics[0].code == "PGM0601"


def test_counts_and_data_are_taken() -> None:
    for text, y in (
        ("param m : real\nplate row { y ~ ZeroInflated(0.3, Poisson(exp(m))) }\n", [0, 2, 3]),
        ("param m : real\nplate row { y ~ Censored(Normal(m, 1), lower = 0) }\n", [0.0, 0.4, 1.2]),
    ):
        assert pgmlang.compile(text).fit({"y": y}, method="map", seed=1).record.status == "converged"


def test_the_cure_gives_the_posterior() -> None:
    """Against the two hypotheses by quadrature."""
    cured = (
        "no_x : bit ~ Bernoulli(0.3)\nmore_x ~ Exponential(1)\nx = if no_x == 1 then 0 else more_x\n"
        "plate row { y ~ Normal(x, 1) }\n"
    )
    fit = pgmlang.compile(cured).fit(
        {"y": Y}, method="hmc", seed=1, options={"chains": 8, "draws": 400, "warmup": 200}
    )
    grid = np.linspace(0, 12, 60_001)
    likelihood = np.exp(sum(stats.norm.logpdf(y, grid, 1) for y in Y))
    slab = 0.7 * np.trapezoid(likelihood * np.exp(-grid), grid)
    spike = 0.3 * likelihood[0]
    assert np.asarray(fit.draws["no_x"]).mean() == pytest.approx(spike / (spike + slab), abs=0.04)

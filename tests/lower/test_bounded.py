"""Models of distributions kept within bounds or censored at them: fitted, drawn from, and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

import pgmlang


@pytest.mark.parametrize(
    "base",
    [
        pytest.param("StudentT(4, m, s)", marks=pytest.mark.slow),
        pytest.param("Beta(s, 2)", marks=pytest.mark.slow),
        "Gamma(s, 1)",
        "Logistic(m, s)",
        "Gumbel(m, s)",
    ],
)
def test_programs_of_numbers(base: str) -> None:
    text = (
        f"m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate row {{ y ~ Truncated({base}, lower = 0.1, upper = 0.9) }}\n"
    )
    fit = pgmlang.compile(text).fit(
        {"y": [0.3, 0.5, 0.8]}, seed=1, options={"chains": 4, "warmup": 60, "draws": 60}
    )
    assert np.isfinite(fit.draws["s"]).all()
    drawn = np.asarray(fit.sample_columns(50).columns["y"], dtype=float)
    assert ((drawn > 0.1) & (drawn < 0.9)).all()


def test_counts_without_zeros() -> None:
    """The mode of a zero-truncated Poisson: its mean is the rows'."""
    rows = [1, 1, 2, 3, 1, 4, 2]
    text = "param r : positive\nplate row { k ~ Truncated(Poisson(r), lower = 1) }\n"
    rate = float(pgmlang.compile(text).fit({"k": rows}, method="map", seed=1).params["r"])
    assert rate / (1 - math.exp(-rate)) == pytest.approx(np.mean(rows), rel=1e-5)
    text = "param r : positive\nplate row { k ~ Censored(Poisson(r), upper = 3) }\n"
    rate = float(pgmlang.compile(text).fit({"k": [0, 1, 3, 3, 2]}, method="map", seed=1).params["r"])
    grid = np.linspace(0.5, 8, 75001)
    log = scipy.stats.poisson.logpmf(np.array([0, 1, 2])[:, None], grid).sum(0) + 2 * scipy.stats.poisson.logsf(
        2, grid
    )
    assert rate == pytest.approx(grid[log.argmax()], abs=2e-4)

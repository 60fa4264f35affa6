"""Rows that are one draw: what the fit's are known by, and that they have no likelihood a row (other rows: test_process_rows)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

X = np.linspace(0, 2, 6)
ROWS = {"x": X, "y": np.sin(X)}
LATENT = (
    "f[row] ~ MultivariateNormal(0, exp_quad(x, 1, 1))\nplate row {\n  input x : real\n  y ~ Normal(f, 0.1)\n}"
)
SEEN = "m ~ Normal(0, 1)\ny[row] ~ MultivariateNormal(m, exp_quad(x, 1, 1, noise = 0.1))\nplate row { input x : real }"


def _code(ask: Any) -> str:
    with pytest.raises(PgmError) as caught:
        ask()
    return str(caught.value.diagnostics[0].code)


@pytest.mark.slow
def test_a_process_is_known_at_the_rows_of_the_fit() -> None:
    """Its posterior is the closed form."""
    fit = pgmlang.compile(LATENT).fit(
        {**ROWS, "y": [*ROWS["y"][:-1], None]}, method="hmc", seed=1, options={"backend": "torch"}
    )
    gap = X[:, None] - X
    cov = np.exp(-0.5 * gap**2) + 1e-10 * np.eye(6)
    gain = cov[:, :5] @ np.linalg.inv(cov[:5, :5] + 0.01 * np.eye(5))
    draws = np.asarray(fit.draws["f"]).reshape(-1, 6)
    wanted, spread = gain @ ROWS["y"][:5], np.sqrt(np.diag(cov - gain @ cov[:5]))
    assert (abs(draws.mean(0) - wanted) < 0.15 * spread).all()
    assert (abs(draws.std(0) / spread - 1) < 0.15).all()


@pytest.mark.slow
def test_what_is_seen_of_a_process_has_no_likelihood_a_row() -> None:
    fit = pgmlang.compile(SEEN).fit(
        ROWS, method="hmc", seed=1, options={"backend": "torch", "draws": 100, "warmup": 100}
    )
    assert _code(lambda: fit.loo(ROWS)) == "PGM0602"

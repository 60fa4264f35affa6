"""Log-likelihoods of rows of fields beside directed variables or inputs, against listing every configuration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.fields import partition
from pgmlang.query import field_rows

HIDDEN = """
plate picture {
  plate site = grid(2, 3) {
    field s : spin
    factor -0.1 * s
    y ~ Normal(s, 1.2)
  }
  plate bond(i, j) = edges(site) { factor 0.5 * s[i] * s[j] }
}
"""
CONDITIONAL = """
param w : real
plate picture {
  plate site = grid(2, 3) {
    input x : real
    field s : spin
    factor w * x * s
  }
  plate bond(i, j) = edges(site) { factor 0.5 * s[i] * s[j] }
}
"""
SPINS = np.array(list(itertools.product([-1, 1], repeat=6)))
EDGES = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
rng = np.random.default_rng(0)


def couplings(s: np.ndarray) -> np.ndarray:
    return 0.5 * sum(s[..., i] * s[..., j] for i, j in EDGES)


@pytest.mark.parametrize("is_listed", [True, False])
def test_numbers_seen_behind_a_hidden_lattice(is_listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """log Z is the fields' alone: what is seen behind them has no part in it."""
    y = rng.normal(size=(4, 6))
    options = {"chains": 2, "warmup": 10, "draws": 20}
    fit = pgmlang.compile(HIDDEN).fit({"y": y}, method="gibbs", seed=1, options=options)
    if not is_listed:
        monkeypatch.setattr(partition, "LISTED", 0)
    found = fit.score_rows({"y": y})
    assert ("annealed" in found.estimator) is not is_listed
    energy = -0.1 * SPINS.sum(1) + couplings(SPINS)
    noise = (-0.5 * ((y[:, None] - SPINS) / 1.2) ** 2 - np.log(1.2) - 0.5 * np.log(2 * np.pi)).sum(-1)
    expected = np.logaddexp.reduce(energy + noise, 1) - np.logaddexp.reduce(energy)
    np.testing.assert_allclose(found.values, expected, atol=1e-9 if is_listed else 0.1)


@pytest.mark.parametrize("is_listed", [True, False])
def test_every_row_has_a_log_z_of_its_inputs(is_listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, s = rng.normal(size=(5, 6)), SPINS[rng.integers(64, size=5)]
    fit = pgmlang.compile(CONDITIONAL).fit({"x": x, "s": s}, method="pseudo", seed=1)
    w = float(fit.params["w"])
    if not is_listed:
        monkeypatch.setattr(field_rows, "LISTED", 0)
    found = fit.score_rows({"x": x, "s": s})
    assert "log Z of each row" in found.estimator
    log_z = np.logaddexp.reduce(w * (SPINS * x[:, None]).sum(-1) + couplings(SPINS), 1)
    expected = w * (x * s).sum(1) + couplings(s) - log_z
    np.testing.assert_allclose(found.values, expected, atol=1e-9 if is_listed else 0.1)


BETWEEN = HIDDEN.replace("    y ~ Normal(s, 1.2)", "    z ~ Normal(s, 1)\n    y ~ Normal(z, 1.2)")


@pytest.mark.parametrize("method", ["gibbs", "gibbs(s) * hmc(z)"])
def test_numbers_between_a_lattice_and_the_data(method: str) -> None:
    """The field moves beside other latents; what the rows do not say of them is refused by name."""
    y = rng.normal(size=(2, 6))
    options = {"chains": 16, "warmup": 100, "draws": 500}
    fit = pgmlang.compile(BETWEEN).fit({"y": y}, method=method, seed=1, options=options)
    energy = -0.1 * SPINS.sum(1) + couplings(SPINS) - 0.5 * ((y[:, None] - SPINS) ** 2).sum(-1) / (1 + 1.2**2)
    weight = np.exp(energy - np.logaddexp.reduce(energy, 1)[:, None])
    expected = weight @ (SPINS > 0)
    np.testing.assert_allclose((fit.draws["s"] > 0).mean((0, 1)), expected, atol=0.04)
    for ask in (fit.score_rows, fit.predict):
        with pytest.raises(PgmError, match="`z` is not observed"):
            ask({"y": y})

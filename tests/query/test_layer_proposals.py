"""Log-likelihoods of rows of layers below fields, against listing every configuration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pgmlang
from pgmlang.query import table_rows
from pgmlang.query.layer_proposals import layers_of

NET = """
dim p[5], a[4], b[3], c[2]
param W[p, a], bias[p], V[a, b], own[a], top[b]
param U[b, c], low[c]
plate row {
  field z[c], y[b] : bit
  factor z @ (y @ U) + top @ y + low @ z
  x[a] ~ Bernoulli(logit = V @ y + own)
  v[p] ~ Bernoulli(logit = W @ x + bias)
}
"""
SHAPES = {"W": (5, 4), "bias": (5,), "V": (4, 3), "own": (4,), "top": (3,), "U": (3, 2), "low": (2,)}


def bits(count: int) -> np.ndarray:
    return np.array(list(itertools.product([0, 1], repeat=count)), dtype=float)


def bernoulli(value: np.ndarray, logit: np.ndarray) -> np.ndarray:
    return (value * logit - np.logaddexp(0, logit)).sum(-1)


@pytest.mark.parametrize("is_narrow", [True, False])
def test_a_net_of_three_layers_by_listing(is_narrow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrow tables are exact; wide ones are weighed by proposals."""
    if not is_narrow:
        monkeypatch.setattr(table_rows, "LOG2_WIDEST", 0)
    rng = np.random.default_rng(3)
    params = {n: rng.normal(0, 1.2, s) for n, s in SHAPES.items()}
    model = pgmlang.compile(NET)
    rows = (rng.uniform(size=(12, 5)) < 0.5).astype(int)
    fit = model.fit({"v": rows}, method="layerwise", seed=1, options={"epochs": 1})
    fit.record.parameters.update(params)
    score = fit.score_rows({"v": rows})
    if is_narrow:
        assert score.estimator == "exact"
    else:
        assert "importance sampling" in score.estimator
        assert "exact, log Z" in score.estimator
        assert score.ess is not None
        assert score.ess > 100

    y, z, x = bits(3), bits(2), bits(4)
    energy = (y @ params["U"] @ z.T) + (y @ params["top"])[:, None] + (z @ params["low"])[None]
    log_y = np.logaddexp.reduce(energy, 1)
    log_y -= np.logaddexp.reduce(log_y)
    log_x = bernoulli(x[:, None], (y @ params["V"].T + params["own"])[None])
    log_x = np.logaddexp.reduce(log_x + log_y, 1)
    log_v = bernoulli(rows[:, None], (x @ params["W"].T + params["bias"])[None])
    expected = np.logaddexp.reduce(log_v + log_x, 1)
    np.testing.assert_allclose(score.values, expected, atol=1e-9 if is_narrow else 0.15)
    assert score.values.mean() == pytest.approx(expected.mean(), abs=0.04)


def test_which_models_have_such_layers() -> None:
    model = pgmlang.compile(NET).model
    found = layers_of(model, frozenset({"v"}), "row")
    assert found is not None
    assert [layer.name for layer in found] == ["x", "y"]
    assert layers_of(model, frozenset(), "row") is None
    lonely = pgmlang.compile("dim a[2]\nplate row { field s[a] : bit\n factor sum(s, over = a) }\n").model
    assert layers_of(lonely, frozenset({"s"}), "row") is None

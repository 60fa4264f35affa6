"""Predictions in blocks of rows are those of all rows at once, and of many rows none goes by draws."""

from __future__ import annotations

import numpy as np

import pgmlang
from pgmlang.query import row_blocks

TEXT = """param a : real
plate row {
  input x : real
  z ~ Bernoulli(0.3) ; u ~ Normal(z, 1) ; k ~ Poisson(exp(a * u)) ; y ~ Normal(u + x, 1)
  s ~ Bernoulli(logit = u) ; q ~ Gamma(2, 1 + x * x) ; d = y - x
}"""


def test_blocks(monkeypatch) -> None:
    given = pgmlang.compile(TEXT).given({"a": 0.5})
    data = {"x": np.linspace(-1, 1, 9), "k": np.arange(9) % 5}
    targets = ["z", "u", "y", "s", "q", "d"]
    whole = given.predict_columns(data, targets=targets).columns
    monkeypatch.setattr(row_blocks, "MOST", 4 * 2 * 513)
    blocks = given.predict_columns(data, targets=targets).columns
    assert whole.keys() == blocks.keys()
    assert not any(name.endswith("mcse") for name in blocks)
    for name, column in whole.items():
        assert len(blocks[name]) == 9
        np.testing.assert_allclose(np.asarray(blocks[name], float), np.asarray(column, float), atol=1e-9)


def test_many_rows_by_quadrature() -> None:
    """Draws of the prior are unlucky in one of these rows."""
    given = pgmlang.compile(TEXT).given({"a": 0.5})
    score = given.score_rows({"x": np.linspace(-1, 1, 480), "k": np.arange(480) % 5})
    assert "quadrature" in score.estimator
    assert np.ptp(score.values[::5]) < 1e-9

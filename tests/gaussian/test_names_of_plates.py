"""A chain within groups is the same model whatever its plates are called."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

TEXT = """plate OUTER {
  plate INNER = chain {
    x ~ if first then Normal(0, 1) else Normal(0.8 * prev(x), 0.5)
    y ~ Normal(x, 0.3)
  }
}"""


@pytest.mark.parametrize(("outer", "inner"), [("a", "b"), ("b", "a"), ("u", "t")])
def test_a_chain_within_groups(outer: str, inner: str) -> None:
    y = np.random.default_rng(0).normal(size=12)
    data = {outer: ["p"] * 6 + ["q"] * 6, "y": y}
    fit = pgmlang.compile(TEXT.replace("OUTER", outer).replace("INNER", inner)).fit(data, method="exact")
    cov = np.empty((6, 6))
    variance = [1.0]
    for _ in range(5):
        variance.append(0.64 * variance[-1] + 0.25)
    for i in range(6):
        for j in range(6):
            cov[i, j] = 0.8 ** abs(i - j) * variance[min(i, j)] + 0.09 * (i == j)
    expected = sum(
        -0.5 * (v @ np.linalg.solve(cov, v) + np.linalg.slogdet(2 * np.pi * cov)[1]) for v in (y[:6], y[6:])
    )
    assert float(np.sum(fit.score(data))) == pytest.approx(expected, abs=1e-9)
    assert len(fit.sample(4)) == 4

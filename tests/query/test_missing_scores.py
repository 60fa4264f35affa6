"""Scores of rows with missing cells: what is seen counts, what is not integrates to one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

rng = np.random.default_rng(0)
X, V, W = rng.normal(size=(3, 12))
SEEN = np.arange(12) % 4 > 0
HOLES = [float(v) if s else None for v, s in zip(V, SEEN, strict=True)]
FEW = {"chains": 4, "warmup": 100, "draws": 50}


def test_a_point() -> None:
    text = "m ~ Normal(0, 1)\nplate row { input x : real\n v ~ Normal(m * x, 1)\n w ~ Normal(m, 2) }\n"
    data = {"x": X, "v": HOLES, "w": W}
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)
    m = float(fit.params["m"])
    expected = SEEN * stats.norm.logpdf(V, m * X, 1) + stats.norm.logpdf(W, m, 2)
    np.testing.assert_allclose(fit.score_rows(data).values, expected, atol=1e-12)
    alone = {"x": X, "v": HOLES}
    np.testing.assert_allclose(fit.score_rows(alone).values, SEEN * stats.norm.logpdf(V, m * X, 1), atol=1e-12)


def test_draws_with_a_hidden_label_in_each_row() -> None:
    text = "m ~ Normal(2, 1)\nplate row { z ~ Bernoulli(0.3)\n v ~ Normal(m * z, 1)\n w ~ Normal(z, 2) }\n"
    data = {"v": HOLES, "w": W}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=FEW)
    m = np.asarray(fit.draws["m"]).reshape(-1, 1)
    each = [
        np.log(p) + SEEN * stats.norm.logpdf(V, m * z, 1) + stats.norm.logpdf(W, z, 2)
        for z, p in ((0, 0.7), (1, 0.3))
    ]
    expected = np.logaddexp.reduce(np.logaddexp(*each)) - np.log(len(m))
    np.testing.assert_allclose(fit.score_rows(data).values, expected, atol=1e-10)


@pytest.mark.slow
def test_labels_of_some_rows_under_an_automatic_guide() -> None:
    text = "m ~ Normal(0, 2)\nplate row { z ~ Bernoulli(0.5)\n v ~ Normal(m * z, 1) }\n"
    data = {"z": [1 if s else None for s in SEEN], "v": V + 2.0}
    guided = pgmlang.compile(text).fit(data, method="elbo", seed=1).draws["m"].mean()
    sampled = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=FEW).draws["m"].mean()
    assert guided == pytest.approx(sampled, abs=0.15)


def test_a_label_that_all_rows_share() -> None:
    text = "z ~ Bernoulli(0.4)\nm ~ Normal(0, 1)\nplate row { v ~ Normal(m * z, 1) }\n"
    fit = pgmlang.compile(text).fit({"v": V}, method="map", seed=1)
    with pytest.raises(PgmError, match="shared by the rows"):
        fit.score_rows({"v": V})

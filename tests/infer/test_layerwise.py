"""Stacks trained layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logsumexp

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer.base import facts_of
from pgmlang.infer.layerwise import pairs_of

DBN = """
import std.layers
dim pixel = {a, b, c, d, e, f}
dim low[3], top[2]
plate image {
  field x2[top] : bit
  field x1[low] : bit
  factor top = layers.rbm(x1, x2)
  v[pixel] ~ Bernoulli(logit = layers.affine(x1, pixel))
}
"""
SBN = """
import std.layers
dim pixel = {a, b, c, d, e, f}
dim low[3], top[2]
param c2[top] : real
plate image {
  x2[top] : bit ~ Bernoulli(logit = c2)
  x1[low] : bit ~ Bernoulli(logit = layers.affine(x2, low))
  v[pixel] ~ Bernoulli(logit = layers.affine(x1, pixel))
}
"""


def rows() -> dict[str, np.ndarray]:
    """Two patterns with noise."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=600)
    return {
        k: (rng.random(600) < np.where(kind == (i < 3), 0.95, 0.05)).astype(int) for i, k in enumerate("abcdef")
    }


OPTIONS = {"epochs": 60, "batch": 50, "learning_rate": 0.02}


def test_pairs_of_a_deep_belief_net() -> None:
    bound = pgmlang.compile(DBN).bind(rows())
    pairs, reasons = pairs_of(bound.model, facts_of(bound.model, bound))
    assert not reasons
    assert [(p.below, p.above, p.bias) for p in pairs] == [("v", "x1", "x1 bias"), ("x1", "x2", "")]


def test_draws_of_the_stack_look_like_the_data() -> None:
    fit = pgmlang.compile(DBN).fit(rows(), seed=1, options=OPTIONS)
    assert fit.record.method == "layerwise"
    assert set(fit.params) == {"v.W", "v.bias", "top.W", "top.visible", "top.hidden"}
    found = fit.sample_columns(2000, seed=1).columns
    draws = np.stack([np.asarray(found[f"v[{k}]"], dtype=float) for k in "abcdef"], 1)
    data = np.stack([rows()[k] for k in "abcdef"], 1)
    np.testing.assert_allclose(np.corrcoef(draws.T), np.corrcoef(data.T), atol=0.3)
    # all of the first three, or all of the last three
    together = ((draws[:, :3].sum(1) >= 2) != (draws[:, 3:].sum(1) >= 2)).mean()
    assert together > 0.85


def test_a_sigmoid_belief_net_takes_the_bias_of_its_root() -> None:
    fit = pgmlang.compile(SBN).fit(rows(), method="layerwise", seed=1, options=OPTIONS)
    assert set(fit.params) == {"v.W", "v.bias", "x1.W", "x1.bias", "c2"}
    assert fit.params["x1.W"].shape == (2, 3)
    assert fit.params["c2"].shape == (2,)


def test_other_models_are_refused() -> None:
    with pytest.raises(PgmError, match=r"no Bernoulli layer|nothing is above|one observed layer"):
        pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n").fit({"y": [0.1]}, method="layerwise")


@pytest.mark.parametrize(
    "layer", ["v[p] ~ Bernoulli(logit = w @ h + b)", "m[p] = w @ h + b ; v[p] ~ Bernoulli(logit = m)"]
)
def test_small_stacks_have_their_log_likelihood(layer: str) -> None:
    """ln p(data) by listing the states of the hidden layer, however the logit is written."""
    text = f"dim p[4]\ndim q[2]\nparam w[p, q], b[p], c[q] : real\nplate row {{ h[q] ~ Bernoulli(logit = c) ; {layer} }}\n"
    rows = np.random.default_rng(0).integers(0, 2, (9, 4))
    fit = pgmlang.compile(text).fit(
        {f"v.{i}": rows[:, i] for i in range(4)}, method="layerwise", seed=1, options={"epochs": 3}
    )
    w, b, c = (np.asarray(fit.params[k]) for k in "wbc")
    log_p = [
        np.log1p(-expit(c)) @ (1 - h) + np.log(expit(c)) @ h
        + rows @ np.log(expit(w @ h + b)) + (1 - rows) @ np.log1p(-expit(w @ h + b))
        for h in np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    ]  # fmt: skip
    assert fit.log_likelihood == pytest.approx(float(logsumexp(np.array(log_p), axis=0).sum()), abs=1e-9)


def test_priors_are_no_layers():
    """A pair of fields with priors is no stack: what is random beside the layers would be asked for and not learned."""
    from pgmlang.diagnostics import PgmError

    text = """dim p[8], q[7]
b ~ Normal(0, 1)
plate row { field v[p] : bit ; field h[q] : bit ; factor 0.1 * sum(v, over = p) * sum(h, over = q) + b * sum(v, over = p) }"""
    rows = {f"v[{k}]": [0, 1, 1, 0] for k in range(8)}
    for method in ("auto", "layerwise"):
        with pytest.raises(PgmError) as error:
            pgmlang.compile(text).fit(rows, method=method)
        assert error.value.diagnostics[0].code in ("PGM0602", "PGM0603")

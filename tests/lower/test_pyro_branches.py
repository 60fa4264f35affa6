"""Branches that are not taken, in emitted Pyro models: the log-probability and its gradient against `log_joint`, step by step
too; Pyro's SVI against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from tests.infer.by_hand import problem_of

pyro = pytest.importorskip("pyro")
from pyro.infer import SVI, Trace_ELBO  # noqa: E402
from pyro.infer.autoguide import AutoNormal  # noqa: E402

pytestmark = pytest.mark.usefixtures("pyro_afresh")

DATA = {
    "g": ["p", "p", "q", "q", "r", "r"], "x": [-2.0, 0.0, 1.5, 8.0, 0.5, -1.0], "y": [0.3, -1.0, 2.0, 0.1, 0.0, 1.0],
    "pick": [0, 1, 2, 3, 3, 1],
}  # fmt: skip
HEAD = """model m
param c : real
a ~ Normal(0, 1)
b ~ Normal(0, 1)
plate item[4] {
  u ~ Normal(0, 1)
  dl = log(u)
}
plate g {
  plate row in g = chain {
    input x : real
    input pick : item
    h ~ Normal(if first then a else prev(h) * 0.5, 1)
    r = log(x - c)
    q = r + sqrt(x)
    f = if first then log(x - c) * a else log(prev(x) - c) + log(x - c)
    lh = log(h)
    l2 = if first then a else (if prev(h) > 0 then prev(lh) else b)
    l3 = log(l2)
"""
MEANS = {
    "an index": "if u[pick] > 0 then dl[pick] * b else a",
    "this step": "if h > 0 then lh else a",
    "a lag": "if first then a else (if prev(x) > c then prev(r) * b else 0)",
    "two steps back": "if first(2) then a else (if prev(x, 2) > c then prev(r, 2) * b else 0)",
    "definition of a definition": "if first then a else (if prev(x) > c and prev(x) > 0 then prev(q) else b)",
    "a first inside": "if first then a else (if prev(x) > c then prev(f) * b else 0)",
    "of a latent": "if first then a else (if prev(h) > 0 then prev(lh) else b)",
    "of a latent two steps back": "if first(2) then a else (if prev(h, 2) > 0 then prev(lh, 2) else b)",
    "a lag of a lag": "if first then a else (if prev(l2) > 0 then prev(l3) else b)",
}


@pytest.mark.parametrize("mean", MEANS.values(), ids=MEANS)
def test_gradients_agree(mean: str) -> None:
    text = f"{HEAD}    y ~ Normal({mean}, 2)\n  }}\n}}\n"
    model = pgmlang.compile(text)
    joint = bound_density(problem_of(text, DATA))
    rng = np.random.default_rng(4)
    values = {k: torch.tensor(rng.normal(size=s), requires_grad=True) for k, s in joint.shapes.items() if k != "y"}
    ours = log_joint(joint, {k: v for k, v in values.items() if k != "c"}, {"c": values["c"]})
    data, layout = model.tensors(DATA)
    module = model.program.load()
    conditioned = {**data, **{k: v for k, v in values.items() if k != "c"}}
    trace = pyro.poutine.trace(module.model).get_trace(conditioned, layout, {"c": values["c"].detach()})
    theirs = trace.log_prob_sum()
    assert float(theirs.detach()) == pytest.approx(float(ours.detach()), rel=1e-12)
    leaves = {**values, "c": pyro.param("c").unconstrained()}
    expected = torch.autograd.grad(ours, list(values.values()), allow_unused=True)
    got = torch.autograd.grad(theirs, list(leaves.values()), allow_unused=True)
    for name, mine, other in zip(values, expected, got, strict=True):
        zero = torch.zeros_like(values[name])
        torch.testing.assert_close(zero if other is None else other, zero if mine is None else mine, msg=name)


ROW = "plate row {\n  input x : real\n  z = b * log(x)\n  y ~ Normal(if x > 0 then z else 0, 1)\n}"
LAG = """plate g {
  plate row in g = chain {
    input x : real
    z = if first then b * log(x) else b * log(x * x) / 2
    y ~ Normal(if first then 0 else (if prev(x) > 0 then prev(z) else 0), 1)
  }
}"""


@pytest.mark.parametrize("text", [ROW, LAG], ids=["rows", "a chain"])
def test_svi(text: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=60)
    x[::7] = 0.0
    start = np.arange(60) % 10 == 0
    seen = np.where(start, 0, np.r_[0, x[:-1]]) if "prev" in text else x
    feature = np.where(seen > 0, np.log(np.where(seen > 0, seen, 1)), 0)
    y = 1.3 * feature + rng.normal(size=60)
    columns: dict[str, Any] = {"x": x, "y": y}
    model = pgmlang.compile(f"model m\nb ~ Normal(0, 10)\n{text}\n")
    data, layout = model.tensors(
        {**columns, "g": [f"g{i // 10}" for i in range(60)]} if "g {" in text else columns
    )
    module = model.program.load()
    guide = AutoNormal(module.model)
    svi = SVI(module.model, guide, pyro.optim.ClippedAdam({"lr": 0.05, "lrd": 0.99}), Trace_ELBO(num_particles=4))
    for _ in range(300):
        svi.step(data, layout)
    precision = feature @ feature + 0.01
    posterior = guide.quantiles([0.5, 0.8413])["b"]
    assert float(posterior[0]) == pytest.approx(feature @ y / precision, abs=0.25 * precision**-0.5)
    assert float(posterior[1] - posterior[0]) == pytest.approx(precision**-0.5, rel=0.25)

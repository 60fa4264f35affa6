"""Factors that are products with what rows show, against the same sums row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import density_of_binding
from pgmlang.density.summing import marginaliser_of, with_counted

RNG = np.random.default_rng(6)
N = 90
BITS = (RNG.random((N, 4)) < 0.4).astype(int)
WORDS = np.array(["a", "b", "c"], dtype=object)[RNG.integers(3, size=N)]
HOLES = WORDS.copy()
HOLES[::4] = None
HEAD = "dim k[2]\ndim item[4]\nparam share[k] : simplex\n"
MODELS = {
    "bits along an axis": (
        HEAD + "param p[k, item] : unit\nplate row { z : k ~ Categorical(share)\n x[item] ~ Bernoulli(p[z]) }", {"x": BITS}, 1),
    "two kinds of targets": (
        HEAD + "param p[k, item] : unit\nparam q[k, word] : simplex\ndim word = {a, b, c}\n"
        "plate row { z : k ~ Categorical(share)\n x[item] ~ Bernoulli(p[z])\n w : word ~ Categorical(q[z]) }",
        {"x": BITS, "w": WORDS}, 2),
    "the same chance for all items": (
        HEAD + "param p[k] : unit\nplate row { z : k ~ Categorical(share)\n x[item] ~ Bernoulli(p[z]) }", {"x": BITS}, 1),
    "learned tables, cells missing": (
        "plate row { z : {u, v} ~ Table()\n w : {a, b, c} ~ Table(z) }", {"w": HOLES}, 1),
    "chances of nothing and of one": (
        HEAD + "param p[k] : unit\nplate row { z : k ~ Categorical(share)\n"
        " w : {a, b, c} ~ Categorical(if z == 0 then q else r) }\nparam q[word] : simplex\nparam r[word] : simplex\ndim word = {a, b, c}",
        {"w": WORDS}, 1),
    "an input tells rows apart": (
        HEAD + "param b[k] : real\nplate row { input t\n z : k ~ Categorical(share)\n y : bit ~ Bernoulli(logit = b[z] * t) }",
        {"t": RNG.normal(size=N), "y": BITS[:, 0]}, 0),
    "a chain": (
        HEAD + "param p[k] : unit\nplate row = chain { z : k ~ Categorical(if first then share else share)\n y : bit ~ Bernoulli(p[z]) }",
        {"y": BITS[:, 0]}, 0),
}  # fmt: skip


def sums_of(name):
    text, data, _ = MODELS[name]
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    return marginaliser_of(joint, ["z"])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("starts", [1, 3])
def test_the_sum_and_its_gradients_stay(name, starts):
    plain = sums_of(name)
    joint = plain.joint
    counted = with_counted(plain)
    assert sum(len(g.members) for g in counted.counted) == MODELS[name][2]
    generator = torch.Generator().manual_seed(4)
    simplices = {n for n in joint.learned if n.endswith(".table") or str(joint.program.SUPPORTS[n]) == "Simplex()"}
    params = {}
    for n in joint.learned:
        free = torch.rand((starts, *joint.shapes[n]), generator=generator, dtype=torch.float64) * 0.9 + 0.05
        params[n] = (free / free.sum(-1, keepdim=True) if n in simplices else free).requires_grad_()
    heights, slopes = [], []
    for sums in (plain, counted):
        height = sums.log_marginal({}, params)
        heights.append(height.detach())
        slopes.append(torch.autograd.grad(height.sum(), list(params.values()), allow_unused=True))
    torch.testing.assert_close(heights[0].expand(starts), heights[1].expand(starts), rtol=1e-12, atol=1e-10)
    for one, other in zip(*slopes, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_an_impossible_row_stays_impossible():
    plain = sums_of("learned tables, cells missing")
    counted = with_counted(plain)
    tables = {
        "z.table": torch.tensor([0.5, 0.5], dtype=torch.float64),
        "w.table": torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.3, 0.7]], dtype=torch.float64),
    }
    assert float(plain.log_marginal({}, tables)) == -math.inf
    assert float(counted.log_marginal({}, tables)) == -math.inf
    tables["w.table"] = torch.tensor([[0.0, 0.5, 0.5], [0.2, 0.3, 0.5]], dtype=torch.float64)
    assert float(counted.log_marginal({}, tables)) == pytest.approx(
        float(plain.log_marginal({}, tables)), rel=1e-12
    )

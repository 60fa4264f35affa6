"""Everything that computes stays on the device it was given: shown on torch's `meta` device, which refuses to meet the
CPU's tensors as a GPU does, and needs none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.summing import marginaliser_of
from pgmlang.density.target import target_of
from pgmlang.diagnostics import PgmError
from pgmlang.fields.fields import fields_of
from pgmlang.kernels.log_density import eager_value_and_grad
from tests.infer.by_hand import problem_of

rng = np.random.default_rng(0)
GROUPED = {"group": list("aabbcc"), "y": rng.normal(size=6), "k": [1, 0, 2, 3, 1, 0]}
DENSITIES = {
    "families": """
mu ~ Normal(0, 5)
tau ~ HalfCauchy(5)
nu ~ Gamma(2, 0.1)
p ~ Beta(2, 3)
plate group { m ~ Laplace(mu, tau) }
plate row in group {
  y ~ StudentT(nu, m, 1)
  k ~ ZeroInflated(p, NegativeBinomial(3, tau))
}
""",
    "bounded": """
low ~ Truncated(Normal(0, 1), lower = -2, upper = 3)
u ~ Uniform(0, 4)
plate group { m ~ Exponential(1) }
plate row in group {
  y ~ Censored(Normal(low + u, m), upper = 1.5)
  k ~ Poisson(m)
}
""",
    "mixture": """
plate part[2] { centre ~ Normal(0, 3) }
share[part] ~ Dirichlet(1)
plate row {
  z ~ Categorical(share)
  y ~ Normal(centre[z], 1)
}
""",
}
RBM = """
dim pixel = {a, b, c}
dim unit[2]
param W[pixel, unit], b[pixel] : real
plate image { field v[pixel] : bit ; field h[unit] : bit ; factor v @ W @ h + b @ v }
"""
TABLES = """
plate row { a : {no, yes} ~ Table() ; b : {no, yes} ~ Table(a) ; c : {no, yes} ~ Table(b) }
"""


def joint_on_meta(text: str, data: dict[str, Any], dtype: torch.dtype = torch.float64) -> BoundDensity:
    return bound_density(problem_of(text, data, "meta"), dtype)


@pytest.mark.parametrize("name", list(DENSITIES))
def test_densities_and_gradients(name: str) -> None:
    target = target_of(problem_of(DENSITIES[name], GROUPED, "meta"))
    x = torch.zeros(3, target.dimension, dtype=torch.float64, device="meta")
    for found in eager_value_and_grad(target, x):
        assert found.device.type == "meta"
        assert found.dtype == torch.float64


def rbm() -> Tensor:
    data = {n: [1, 0, 1] for n in ("v.a", "v.b", "v.c")}
    joint = joint_on_meta(RBM, data, torch.float32)
    params = {n: torch.zeros(joint.shapes[n], device="meta") for n in ("W", "b")}
    values = {"v": joint.observed["v"].float(), "h": torch.zeros(joint.shapes["h"], device="meta")}
    fields = fields_of(joint, ("h",))
    return fields.logits("h", values, params) + fields.slope(values, params)


def tables() -> Tensor:
    joint = joint_on_meta(TABLES, {"a": ["no", "yes", "no"], "c": ["no", "yes", "yes"]})
    sums = marginaliser_of(joint, ("b",))
    params = {n: torch.ones(joint.shapes[n], dtype=torch.float64, device="meta") for n in joint.learned}
    return sums.log_marginal({}, params)


@pytest.mark.parametrize("compute", [rbm, tables])
def test_conditionals_and_sums(compute: Callable[[], Tensor]) -> None:
    assert compute().device.type == "meta"


def test_the_cpu_is_noticed() -> None:
    """What the others rely on."""
    with pytest.raises(RuntimeError):
        torch.ones(3) + torch.ones(3, device="meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", list(DENSITIES))
def test_gpu_and_cpu_agree(name: str) -> None:
    x = torch.randn(3, 99, dtype=torch.float64)
    found = []
    for device in ("cpu", "cuda"):
        target = target_of(problem_of(DENSITIES[name], GROUPED, device))
        found.append([v.cpu() for v in target.value_and_grad(x[:, : target.dimension].to(device))])
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(here, there)


@pytest.mark.parametrize(
    ("device", "word"), [("tpu", "is no device"), ("cuda:99", "there is no"), ("cuda:x", "is no device")]
)
def test_devices_that_are_not_there(device: str, word: str) -> None:
    with pytest.raises(PgmError, match=word) as caught:
        pgmlang.compile("m ~ Normal(0, 1)\nplate row { x ~ Normal(m, 1) }\n").fit({"x": [1.0]}, device=device)
    assert caught.value.diagnostics[0].code == "PGM0612"

"""Priors by the statistics of their value, against the emitted program."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import pgmlang
from pgmlang.density.bind import density_of_binding
from pgmlang.density.linear_priors import linear_prior
from pgmlang.density.transforms import constrain, free_shape

ROWS = "plate row { y ~ Normal(0, 1) }"
PRIORS = {
    "Beta(2, 0.5)": "p[k, d] ~ Beta(2, 0.5)",
    "Beta(1, 1)": "p[k] ~ Beta(1, 1)",
    "Gamma": "p ~ Gamma(3, 0.2)",
    "InverseGamma": "plate c[4] { p ~ InverseGamma(2, 7) }",
    "Exponential": "p[k] ~ Exponential(3)",
    "HalfNormal": "p[k] ~ HalfNormal(3)",
    "Dirichlet": "p[k, d] ~ Dirichlet(0.7)",
    "Dirichlet(1)": "p[d] ~ Dirichlet(1)",
    "arguments of a dim that are held": "param a[k] : positive\np[k, d] ~ Beta(a, 4)",
}
LEFT = {
    "an argument to be found": "a ~ Gamma(2, 2)\np ~ Beta(a, 2)",
    "no statistics": "p ~ HalfCauchy(2)",
    "bounds of its own": "p ~ Truncated(Gamma(2, 2), upper = 3)",
    "statistics in part": "param a[k] : positive\np[k] ~ Beta(a / 2, 4)",
}


def prior_of(text: str):
    model = pgmlang.compile(f"dim k[2]\ndim d[3]\n{text}\n{ROWS}")
    binding = model.bind({"y": [0.1, 0.2]})
    joint = density_of_binding(model.model, binding, {}, torch.float64, torch.device("cpu"))
    if "a" in joint.model.by_name and joint.model.by_name["a"].role == "param":
        joint = replace(joint, fixed={"a": torch.tensor([2.0, 3.0], dtype=torch.float64)})
    return joint, linear_prior(joint, joint.model.conditional_of["p"])


@pytest.mark.parametrize("name", PRIORS)
def test_it_says_what_the_program_does(name):
    joint, prior = prior_of(PRIORS[name])
    assert prior is not None
    generator = torch.Generator().manual_seed(1)
    free = {"p": 3 * torch.randn((5, *free_shape(joint, "p")), generator=generator, dtype=torch.float64)}
    value = constrain(joint, free)[0]["p"].detach().requires_grad_()
    program = joint.factors({"p": value}, only=("p",))["p"].reshape(5, -1).sum(-1)
    mine = prior.log_density(value).expand(5)
    torch.testing.assert_close(mine, program, rtol=1e-10, atol=1e-9)
    if mine.requires_grad:
        slopes = [torch.autograd.grad(h.sum(), value)[0] for h in (mine, program)]
        torch.testing.assert_close(*slopes, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", LEFT)
def test_others_are_left_to_the_program(name):
    assert prior_of(LEFT[name])[1] is None

"""Runs that cost little go on where an sd hangs on draws far out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.target import target_of
from pgmlang.infer.heavy_tails import draws_for_tails
from tests.infer.by_hand import problem_of

LINE = """
alpha, beta ~ Normal(0, 1000)
tau ~ Gamma(0.001, 0.001)
sigma = 1 / sqrt(tau)
plate row { input x : real
  y ~ Normal(alpha + beta * (x - 3), sigma) }
"""
DATA = {"x": [1.0, 2, 3, 4, 5], "y": [1.0, 3, 3, 3, 5]}
SQUARES = 1.6
"""Of the residuals of least squares."""
SHAPE, RATE = 0.001 + 3 / 2, 0.001 + SQUARES / 2


def of_posterior(chains: int, draws: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(3)
    tau = rng.gamma(SHAPE, 1 / RATE, size=(chains, draws))
    alpha, beta = rng.normal(size=(2, chains, draws)) / np.sqrt(tau * np.array([5, 10]).reshape(2, 1, 1))
    return {"alpha": torch.tensor(3 + alpha), "beta": torch.tensor(0.8 + beta), "tau": torch.tensor(tau)}


def test_a_derived_value_with_a_heavy_tail_is_worth_more_draws() -> None:
    """The sd of five measurements has three degrees of freedom; draws of latents, all of light tails, do not tell."""
    problem = problem_of(LINE, DATA)
    target = target_of(problem)
    x = target.free(of_posterior(16, 500))
    assert draws_for_tails(problem, target, x, steps=5, goal=500, most=5000) > 2000
    # what is dear, and what is there already
    assert draws_for_tails(problem, target, x, steps=50_000, goal=500, most=5000) == 500
    assert draws_for_tails(problem, target, x, steps=5, goal=500, most=600) == 500
    light = problem_of("alpha ~ Normal(0, 1000)\nplate row { y ~ Normal(alpha, 1) }", {"y": DATA["y"]})
    target = target_of(light)
    alpha = torch.randn(16, 500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert draws_for_tails(light, target, target.free({"alpha": alpha}), steps=5, goal=500, most=5000) == 500


@pytest.mark.slow
def test_the_sd_of_an_sd() -> None:
    fit = pgmlang.compile(LINE).fit(DATA, method="hmc", seed=1)
    assert fit.draws["sigma"].shape == (16, 5000)
    mean = math.sqrt(RATE) * math.gamma(SHAPE - 0.5) / math.gamma(SHAPE)
    sd = math.sqrt(RATE / (SHAPE - 1) - mean**2)
    assert float(fit.draws["sigma"].mean()) == pytest.approx(mean, abs=0.05)
    assert float(fit.draws["sigma"].std()) == pytest.approx(sd, rel=0.15)

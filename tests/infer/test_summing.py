"""Summing discrete latents out: against enumeration of every configuration."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import log_joint
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.transforms import constrain, free_shape
from tests.infer.by_hand import problem_of

GMM = """
model gmm(clusters = 3)
dim feature = {a, b}
share[cluster] ~ Dirichlet(1)
plate cluster[clusters] { mean[feature] ~ Normal(0, 10) ; sd[feature] ~ HalfNormal(5) }
plate row { z ~ Categorical(share) ; x[feature] ~ Normal(mean[z], sd[z]) }
"""
HMM = """
model hmm(states = 3)
dim to like state
start[state] ~ Dirichlet(1)
plate state[states] { move[to] ~ Dirichlet(1) ; mean ~ Normal(0, 10) }
plate seq { plate step = chain {
  z ~ Categorical(if first then start else move[prev(z)])
  y ~ Normal(mean[z], 1)
} }
"""
NESTED = """
model nested
share[kind] ~ Dirichlet(1)
plate kind[2] { level ~ Normal(0, 1) ; chance ~ Beta(1, 1) }
plate group {
  g ~ Categorical(share)
  plate row {
    b : bit ~ Bernoulli(chance[g])
    y ~ Normal(level[g] + 2 * b, 1)
  }
}
"""
SWITCH = """
model switch(states = 2)
dim to like state
plate state[states] { move[to] ~ Dirichlet(1) ; mean ~ Normal(0, 10) }
tilt ~ Beta(1, 1)
plate seq {
  k : bit ~ Bernoulli(tilt)
  plate step = chain {
    z ~ Categorical(if first then move[0] else move[prev(z)])
    m : bit ~ Bernoulli(tilt)
    y ~ Normal(mean[z] + m + 3 * k, 1)
  }
}
"""


def joint(text: str, data: dict[str, Any]) -> BoundDensity:
    return bound_density(problem_of(text, data))


def draw_of(joint: BoundDensity, lead: tuple[int, ...] = ()) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    names = [v.name for v in joint.model.of_role("random") if v.name in joint.program.SUPPORTS]
    free = {
        n: torch.randn((*lead, *free_shape(joint, n)), dtype=torch.float64) for n in names if n in joint.latent
    }
    return constrain(joint, free)[0]


def by_enumeration(
    joint: BoundDensity, names: list[str], values: dict[str, torch.Tensor]
) -> tuple[float, dict[str, np.ndarray]]:
    """The log of the sum over every configuration, and each element's probabilities."""
    places = [(n, i) for n in names for i in range(int(np.prod(joint.shapes[n])))]
    sizes = [joint.num_states(n) for n, _ in places]
    grid = torch.tensor(list(product(*map(range, sizes))))
    codes: dict[str, torch.Tensor] = {}
    at = 0
    for n in names:
        size = int(np.prod(joint.shapes[n]))
        codes[n] = grid[:, at : at + size].reshape(-1, *joint.shapes[n])
        at += size
    logs = log_joint(joint, {**{k: v.expand(len(grid), *v.shape) for k, v in values.items()}, **codes})
    for n in names:
        if n in joint.missing:
            seen = (codes[n] == joint.observed[n]) | joint.missing[n]
            logs = torch.where(seen.flatten(1).all(1), logs, -torch.inf)
    weight = torch.softmax(logs, 0)
    found = {}
    for n in names:
        hot = torch.nn.functional.one_hot(codes[n], joint.num_states(n)).double()
        found[n] = torch.einsum("n,n...->...", weight, hot).numpy()
    return float(torch.logsumexp(logs, 0)), found


CASES = {
    "mixture": (GMM, {"a": [1.0, 2.0, -3.0], "b": [0.5, 1.5, 0.0]}, ["z"]),
    "chain": (HMM, {"seq": ["p", "p", "q", "p", "q", "q", "p"], "y": [1.0, 2.0, 0.3, -1.0, 4.0, 2.0, 1.0]}, ["z"]),
    "nested": (NESTED, {"group": ["u", "u", "v", "w"], "y": [0.0, 2.0, 1.0, 5.0]}, ["g", "b"]),
    "nested, cells missing": (
        NESTED,
        {"group": ["u", "u", "v", "w"], "y": [0.0, 2.0, 1.0, 5.0], "b": [1, None, 0, None]},
        ["g", "b"],
    ),
    "chain in a switch": (
        SWITCH,
        {"seq": ["p", "q", "p", "q", "p"], "y": [1.0, 2.0, 0.3, -1.0, 4.0]},
        ["k", "z", "m"],
    ),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[BoundDensity, Marginaliser, list[str]]:
    text, data, names = CASES[request.param]
    found = joint(text, data)
    return found, marginaliser_of(found, names), names


def test_log_marginal_and_marginals(case: tuple[BoundDensity, Marginaliser, list[str]]) -> None:
    found, sums, names = case
    values = draw_of(found)
    expected, probabilities = by_enumeration(found, names, values)
    assert float(sums.log_marginal(values)) == pytest.approx(expected, rel=1e-12)
    for name, p in sums.marginals(values).items():
        np.testing.assert_allclose(p.numpy(), probabilities[name], atol=1e-10)


def test_leading_axes(case: tuple[BoundDensity, Marginaliser, list[str]]) -> None:
    found, sums, _ = case
    values = draw_of(found, (2, 3))
    together = sums.log_marginal(values)
    assert together.shape == (2, 3)
    one = sums.log_marginal({k: v[1, 2] for k, v in values.items()})
    assert float(together[1, 2]) == pytest.approx(float(one), rel=1e-12)


def test_draws_have_the_marginals(case: tuple[BoundDensity, Marginaliser, list[str]]) -> None:
    found, sums, names = case
    values = {k: v.expand(20_000, *v.shape) for k, v in draw_of(found).items()}
    drawn = sums.draw(torch.Generator().manual_seed(1), values)
    _, probabilities = by_enumeration(found, names, draw_of(found))
    for name in names:
        share = torch.nn.functional.one_hot(drawn[name], found.num_states(name)).double().mean(0).numpy()
        p = probabilities[name]
        assert np.all(np.abs(share - p) < 4.5 * np.sqrt(p * (1 - p) / 20_000) + 1e-9)


def test_neighbours_are_drawn_together() -> None:
    """Pairs along a chain, not only single states."""
    text, data, _ = CASES["chain"]
    found = joint(text, data)
    sums = marginaliser_of(found, ["z"])
    values = draw_of(found)
    codes = sums.draw(
        torch.Generator().manual_seed(1), {k: v.expand(20_000, *v.shape) for k, v in values.items()}
    )["z"]
    grid = torch.tensor(list(product(range(3), repeat=7)))
    logs = log_joint(found, {**{k: v.expand(len(grid), *v.shape) for k, v in values.items()}, "z": grid})
    p = float(torch.softmax(logs, 0)[(grid[:, 0] == grid[:, 1])].sum())
    share = float((codes[:, 0] == codes[:, 1]).double().mean())
    assert abs(share - p) < 4.5 * np.sqrt(p * (1 - p) / 20_000)


def test_expected_weights_are_the_gradient_of_fisher() -> None:
    """The gradient of the expected complete log-joint is that of the log-marginal (Fisher's identity)."""
    text, data, _ = CASES["chain"]
    found = joint(text, data)
    sums = marginaliser_of(found, ["z"])
    values = {k: v.requires_grad_() for k, v in draw_of(found).items()}
    (direct,) = torch.autograd.grad(sums.log_marginal(values), values["mean"])
    total, weights = sums.expected(values)
    tables = sums.tables(values)
    q = sum((weights[k] * t.values).sum() for k, t in tables.items())
    (through,) = torch.autograd.grad(q, values["mean"])
    assert float(total) == pytest.approx(float(sums.log_marginal(values).detach()))
    torch.testing.assert_close(direct, through)


def test_long_chains_stay_finite() -> None:
    rng = np.random.default_rng(0)
    found = joint(HMM, {"seq": ["s"] * 3000, "y": rng.normal(size=3000)})
    values = {k: v.requires_grad_() for k, v in draw_of(found).items()}
    total = marginaliser_of(found, ["z"]).log_marginal(values)
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(v.grad).all() for v in values.values() if v.grad is not None)


def test_what_cannot_be_summed_is_said() -> None:
    text = """
dim unit = {a, b}
param w[unit] : real
plate row { h[unit] : bit ~ Bernoulli(0.5) ; y ~ Normal(h @ w, 1) }
"""
    model = pgmlang.compile(text)
    from pgmlang.graph.summable import elimination_steps

    _, reasons = elimination_steps(model.model, ["h"])
    assert "several of its elements along `unit`" in reasons[0].message

"""Coordinate ascent by sparse products is the general one, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.summing import marginaliser_of
from pgmlang.infer import bilinear
from pgmlang.infer.ascent import Ascent
from pgmlang.infer.bilinear import BilinearAscent, bilinear_of
from pgmlang.plan.latents import latent_variables, summed_names
from tests.infer.by_hand import problem_of

LDA = """
model lda(topics = 3)
dim word
plate topic[topics] { phi[word] ~ Dirichlet(0.3) }
plate doc {
  theta[topic] ~ Dirichlet(0.7)
  plate token {
    z ~ Categorical(theta)
    w : word ~ Categorical(phi[z])
  }
}
"""
CLUSTERS = """
dim word
plate topic[3] { phi[word] ~ Dirichlet(0.5) }
share[topic] ~ Dirichlet(1)
plate doc {
  z ~ Categorical(share)
  w : word ~ Categorical(phi[z])
}
"""


def rows_of(count: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"doc": rng.choice(["a", "b", "c", "d"], count), "w": rng.choice(list("uvwxyz"), count)}


def ascent_of(text: str, rows: dict[str, Any], **options: Any) -> Ascent:
    problem = problem_of(text, rows, **options)
    joint = bound_density(problem)
    names = [v.name for v in latent_variables(problem.model, problem.facts)]
    return Ascent(
        joint,
        marginaliser_of(joint, summed_names(problem.model, problem.facts)),
        dict.fromkeys(names, "Dirichlet"),
    )


@pytest.mark.parametrize("is_counted", [False, True])
def test_bound_and_updates_are_those_of_the_tables(is_counted: bool) -> None:
    rows = rows_of(60)
    options: dict[str, Any] = {}
    if is_counted:
        rows["n"] = np.random.default_rng(1).integers(1, 6, 60)
        options["counts"] = "n"
    general = ascent_of(LDA, rows, **options)
    sparse = bilinear_of(general)
    assert isinstance(sparse, BilinearAscent)
    torch.manual_seed(0)
    # small concentrations: expected logarithms far below zero
    factors = {
        n: (torch.rand(general.joint.shapes[n], dtype=torch.float64) ** 4 + 0.01,) for n in general.families
    }
    one, weights = general.bound(factors, {})
    other, found = sparse.bound(factors, {})
    assert other == pytest.approx(one, rel=1e-12)
    for name in general.families:
        (wanted,) = general.update(name, factors, {}, weights)
        (got,) = sparse.update(name, factors, {}, found)
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_a_fit_is_that_of_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from pgmlang.infer import bilinear

    rows = rows_of(80, 3)
    model = pgmlang.compile(LDA)
    options = {"restarts": 1, "tolerance": 1e-12}
    for name, value in (("num_local_passes", 4), ("num_restarted_passes", 15)):
        monkeypatch.setattr(BilinearAscent, name, value)
    sparse = model.fit(rows, method="meanfield", seed=2, options=options)
    monkeypatch.setattr(bilinear, "bilinear_of", lambda ascent: ascent)
    general = model.fit(rows, method="meanfield", seed=2, options=options)
    assert sparse.record.trace[-1] == pytest.approx(general.record.trace[-1], abs=1e-6)
    np.testing.assert_allclose(sparse.params["phi"], general.params["phi"], atol=1e-5)


def test_other_models_keep_to_the_general_way() -> None:
    ascent = ascent_of(CLUSTERS, {"w": list("uvwxyzzz")})
    assert bilinear_of(ascent) is ascent


@pytest.mark.parametrize("most", [1, 100, 1 << 20])
def test_log_marginals_of_draws_are_those_of_the_tables(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bilinear, "BLOCK_NUMBERS", most)
    general = ascent_of(LDA, rows_of(60))
    special = bilinear_of(general)
    assert isinstance(special, BilinearAscent)
    generator = torch.Generator().manual_seed(3)
    values = {
        n: torch.rand(5, *general.joint.shapes[n], generator=generator, dtype=torch.float64) + 0.01
        for n in general.families
    }
    values = {n: v / v.sum(-1, keepdim=True) for n, v in values.items()}
    assert torch.allclose(special.log_marginal(values), general.log_marginal(values), rtol=1e-12, atol=1e-9)

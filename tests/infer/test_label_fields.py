"""Fields of labels (Potts models) against enumeration by hand."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.diagnostics import PgmError
from pgmlang.fields.annealing import discrete_log_z
from pgmlang.fields.fields import fields_of
from pgmlang.objectives.pseudo import log_pseudo_likelihood
from tests.infer.by_hand import problem_of

POTTS = """
model potts(rows = 2, columns = 3)
param J : real
param B[colour] : real
dim colour = {red, green, blue}
plate image {
  plate site = grid(rows, columns) { field s : colour ; factor B[s] }
  plate bond(i, j) = edges(site) { factor if s[i] == s[j] then J else 0 }
}
"""
CHAIN = """
dim colour = {red, green, blue}
dim next like colour
param move[colour, next] : real
plate sentence {
  plate token = chain {
    input x : real
    field y : colour
    factor if y == red then x else 0
    factor if first then 0 else move[prev(y), y]
  }
}
"""
PARITY = """
param J : real
plate image {
  plate site = grid(2, 2) { field s : bit }
  plate bond(i, j) = edges(site) { factor if s[i] == s[j] then J else 0 }
}
"""
EDGES = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
COLOURS = ("red", "green", "blue")
J, B = 0.7, np.array([0.3, -0.2, 0.0])


def joint_from(text: str, data: dict[str, Any]) -> BoundDensity:
    return bound_density(problem_of(text, data))


def potts() -> tuple[BoundDensity, dict[str, torch.Tensor]]:
    rng = np.random.default_rng(0)
    joint = joint_from(POTTS, {f"s.{i}": rng.choice(COLOURS, 3) for i in range(6)})
    return joint, {"J": torch.tensor(J, dtype=torch.float64), "B": torch.tensor(B)}


def energy(s: Any) -> float:
    return float(B[list(s)].sum() + J * sum(s[i] == s[j] for i, j in EDGES))


STATES = np.array(list(product(range(3), repeat=6)))
ENERGIES = np.array([energy(s) for s in STATES])
CHANCES = np.exp(ENERGIES - np.logaddexp.reduce(ENERGIES))


def one_image() -> tuple[Any, dict[str, torch.Tensor]]:
    joint, params = potts()
    return fields_of(restricted_to_rows(joint, "image", np.zeros(1, dtype=np.int64)), ("s",)), params


def test_conditionals_of_labels() -> None:
    joint, params = potts()
    fields = fields_of(joint, ("s",))
    codes = torch.as_tensor(np.random.default_rng(1).integers(0, 3, (4, 3, 6)))
    found = torch.log_softmax(fields.scores("s", {"s": codes}, params), -1)
    expected = np.zeros((4, 3, 6, 3))
    for chain, row, site in np.ndindex(4, 3, 6):
        for k in range(3):
            s = codes[chain, row].numpy().copy()
            s[site] = k
            expected[chain, row, site, k] = energy(s)
    expected -= np.logaddexp.reduce(expected, -1)[..., None]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert len(fields.colours["s"]) == 2


def test_moments_of_sweeps() -> None:
    fields, params = one_image()
    generator = torch.Generator().manual_seed(1)
    values = fields.begin(generator, (6000,))
    for _ in range(40):
        values = fields.sweep(generator, values, params)
    s = values["s"][:, 0].numpy()
    for figure in (lambda s: (s == 0).mean(-1), lambda s: np.mean([s[:, i] == s[:, j] for i, j in EDGES], 0)):
        drawn, exact = figure(s), CHANCES @ figure(STATES)
        assert abs(drawn.mean() - exact) < 4.5 * drawn.std() / math.sqrt(6000)


def test_log_z_listed_and_annealed() -> None:
    fields, params = one_image()
    exact = float(np.logaddexp.reduce(ENERGIES))
    assert float(fields.log_partition(params)) == pytest.approx(exact, rel=1e-12)
    found = discrete_log_z(fields, params, None, torch.Generator().manual_seed(1), 500, 200)
    assert abs(found.value - exact) < 4.5 * found.error
    assert found.error < 0.05


def test_pseudo_likelihood_of_labels() -> None:
    joint, params = potts()
    expected = 0.0
    for row in joint.observed["s"].numpy():
        for site in range(6):
            each = []
            for k in range(3):
                s = row.copy()
                s[site] = k
                each.append(energy(s))
            expected += each[row[site]] - np.logaddexp.reduce(each)
    leaf = {k: v.requires_grad_() for k, v in params.items()}
    found = log_pseudo_likelihood(joint, ("s",), leaf, None)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-12)
    (slope,) = torch.autograd.grad(found, leaf["J"])
    moved = [
        log_pseudo_likelihood(joint, ("s",), {**params, "J": params["J"].detach() + d}, None).detach()
        for d in (1e-5, -1e-5)
    ]
    assert float(slope) == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-6)


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    drawn = STATES[np.random.default_rng(3).choice(len(STATES), 800, p=CHANCES)]
    return {f"s.{i}": np.array(COLOURS)[drawn[:, i]] for i in range(6)}


@pytest.mark.parametrize(("method", "options"), [
    ("pseudo", {"epochs": 200}), ("ml", {"epochs": 150}), ("pcd", {"epochs": 60, "batch": 200, "learning_rate": 0.02}),
    ("cd", {"epochs": 60, "batch": 200, "learning_rate": 0.02, "k": 5}),
])  # fmt: skip
def test_the_coupling_is_recovered(method: str, options: dict[str, Any], images: dict[str, np.ndarray]) -> None:
    fit = pgmlang.compile(POTTS).fit(images, method=method, seed=1, options=options)
    assert float(fit.params["J"]) == pytest.approx(J, abs=0.12)
    found = np.asarray(fit.params["B"])
    assert found[0] - found[1] == pytest.approx(B[0] - B[1], abs=0.15)


def test_gibbs_of_a_chain_of_labels() -> None:
    """A CRF's hidden labels drawn by `gibbs` have the exact marginals."""
    model = pgmlang.compile(CHAIN)
    move = np.array([[1.0, 0.0, -1.0], [0.0, 0.5, 0.0], [0.5, 0.0, 0.2]])
    x = np.array([0.5, -1.0, 2.0, 0.3])
    rows = {"sentence": ["a"] * 4, "x": x}
    joint = joint_from(CHAIN, rows)
    states = np.array(list(product(range(3), repeat=4)))
    energies = ((states == 0) * x).sum(1) + move[states[:, :-1], states[:, 1:]].sum(1)
    p = np.exp(energies - np.logaddexp.reduce(energies))
    fit = model.fit(
        rows, method="gibbs", seed=1, fixed={"move": move}, options={"chains": 8, "warmup": 50, "draws": 600}
    )
    drawn = fit.draws["y"].reshape(-1, 4)
    for k in range(3):
        np.testing.assert_allclose((drawn == k).mean(0), p @ (states == k), atol=0.035)
    fields = fields_of(joint, ("y",))
    params = {"move": torch.tensor(move)}
    codes = torch.tensor(states[:20])
    found = torch.log_softmax(fields.scores("y", {"y": codes}, params), -1)
    for n, t in np.ndindex(20, 4):
        tried = np.repeat(states[n][None], 3, 0)
        tried[:, t] = range(3)
        e = ((tried == 0) * x).sum(1) + move[tried[:, :-1], tried[:, 1:]].sum(1)
        np.testing.assert_allclose(found[n, t], e - np.logaddexp.reduce(e), atol=1e-12)


def test_bits_that_no_polynomial_holds() -> None:
    """`if s[i] == s[j]` is not linear in bits: they are listed like labels."""
    rng = np.random.default_rng(0)
    fields = fields_of(joint_from(PARITY, {f"s.{i}": rng.integers(0, 2, 2) for i in range(4)}), ("s",))
    assert fields.states == {"s": 2}
    codes = torch.as_tensor(rng.integers(0, 2, (5, 2, 4)))
    scores = fields.scores("s", {"s": codes}, {"J": torch.tensor(0.8).double()})
    s = codes.numpy().reshape(5, 2, 2, 2)
    like = (s == s[:, :, ::-1]).astype(float) + (s == s[:, :, :, ::-1])
    own = 0.8 * np.where(s == 1, like, 2 - like)
    np.testing.assert_allclose(
        (scores[..., 1] - scores[..., 0]).numpy().reshape(s.shape), 2 * own - 1.6, atol=1e-12
    )


def test_what_is_refused() -> None:
    total = "sum(if s == red then 1 else 0, over = site)"
    text = POTTS.replace("plate bond", f"factor {total} * {total}\n  plate bond")
    data = {f"s.{i}": ["red", "blue"] for i in range(6)}
    with pytest.raises(PgmError) as error:
        pgmlang.compile(text).fit(data, method="pseudo")
    assert "elements of `s`" in str(error.value)

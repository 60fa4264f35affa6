"""log Z of lattices by elimination of their elements, its gradient, and what it serves: learning, scores, missing cells."""

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
from pgmlang.fields import partition
from pgmlang.fields.fields import fields_of
from pgmlang.fields.network import FieldNetwork, field_network
from pgmlang.model.row_plates import unit_plate
from pgmlang.query.field_predictions import chances_of_hidden
from pgmlang.query.field_rows import field_rows_of
from tests.infer.test_fields import ISING, problem_of

POTTS = """
model potts(rows = 2, cols = 3)
dim colour = {red, green, blue}
param J : real
param own[colour] : real
plate image {
  plate site = grid(rows, cols) { field x : colour ; factor own[x] }
  plate bond(i, j) = edges(site) { factor if x[i] == x[j] then J else 0.1 }
}
"""
TWO = """
model two(side = 2)
param J, K, B : real
plate image {
  plate site = grid(side, side) {
    field s : spin
    field h : bit
    factor B * s
    factor K * s * h
    factor 0.7 * h
  }
  plate bond(i, j) = edges(site) { factor J * s[i] * s[j] * (if h[i] == h[j] then 1.5 else 0.5) }
}
"""
SPINS = {f"s.{i}": [-1, 1] for i in range(9)}
COLOURS = {f"x.{i}": ["red", "blue"] for i in range(6)}
BOTH = {f"s.{i}": [-1, 1] for i in range(4)}


def network_of(text: str, data: dict[str, Any]) -> tuple[BoundDensity, FieldNetwork, dict[str, torch.Tensor]]:
    problem = problem_of(text, data)
    joint = bound_density(problem)
    plate = unit_plate(problem.model)
    one = restricted_to_rows(joint, str(plate), np.zeros(1, dtype=np.int64))
    names = tuple(v.name for v in problem.model.of_role("field"))
    found = field_network(joint, fields_of(one, names), plate)
    assert found is not None
    torch.manual_seed(3)
    params = {n: torch.randn(joint.shapes[n], dtype=torch.float64).requires_grad_() for n in joint.learned}
    return joint, found, params


@pytest.mark.parametrize(("text", "data"), [(ISING, SPINS), (POTTS, COLOURS), (TWO, BOTH)])
def test_log_z_and_its_gradient_are_those_of_all_configurations(text: str, data: dict[str, Any]) -> None:
    _, network, params = network_of(text, data)
    value = network.log_partition(params)
    listed = network.fields.log_partition(params)
    assert float(value.detach()) == pytest.approx(float(listed.detach()), rel=1e-12)
    for a, b in zip(*(torch.autograd.grad(x, list(params.values())) for x in (value, listed)), strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_log_z_of_a_lattice_beyond_listing_is_the_engine_s() -> None:
    text = ISING.replace("side = 3", "side = 7")
    _, network, _ = network_of(text, {f"s.{i}": [-1, 1] for i in range(49)})
    value = float(
        network.log_partition(
            {"J": torch.tensor(0.4, dtype=torch.float64), "B": torch.tensor(-0.1, dtype=torch.float64)}
        )
    )
    fixed = text.replace("param J, B : real\n", "").replace("B *", "-0.1 *").replace("J *", "0.4 *")
    assert value == pytest.approx(float(pgmlang.compile(fixed).log_z()), rel=1e-12)


def test_marginals_of_missing_cells_are_those_of_all_configurations() -> None:
    rng = np.random.default_rng(1)
    rows = rng.choice([-1.0, 1.0], (5, 9))
    rows[rng.random(rows.shape) < 0.5] = np.nan
    columns = {f"s.{i}": ["" if np.isnan(v) else str(int(v)) for v in rows[:, i]] for i in range(9)}
    _, network, params = network_of(ISING, SPINS)
    held = {k: v.detach() for k, v in params.items()}
    codes = torch.as_tensor(np.where(np.isnan(rows), -1, (rows + 1) / 2), dtype=torch.int64)
    found = network.marginals({"s": codes}, ("s",), held)["s"]
    evidence = network.log_evidence({"s": codes}, held)
    every = np.array(list(product((0, 1), repeat=9)))
    energy = network.fields.energy({"s": torch.as_tensor(every[:, None], dtype=torch.float64)}, held).numpy()
    for i, row in enumerate(codes.numpy()):
        fits = ((every == row) | (row < 0)).all(1)
        p = np.exp(energy[fits] - np.logaddexp.reduce(energy[fits]))
        assert found[i, :, 1].numpy() == pytest.approx(p @ every[fits], abs=1e-10)
        assert float(evidence[i]) == pytest.approx(np.logaddexp.reduce(energy[fits]), rel=1e-12)

    model = pgmlang.compile(ISING)
    fit = model.fit(SPINS, method="ml", seed=1, options={"epochs": 1})
    field_rows = field_rows_of(fit.record, model.bind(columns), seed=1)
    exact = chances_of_hidden(field_rows)["s"].numpy()
    object.__setattr__(field_rows, "network", lambda: None)
    drawn = chances_of_hidden(field_rows)["s"].numpy()
    assert drawn == pytest.approx(exact, abs=0.05)
    assert (exact[~np.isnan(rows)].max(-1) > 1 - 1e-9).all()


def test_learning_by_elimination_ends_where_listing_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows = {f"x.{i}": rng.choice(["red", "green", "blue"], 40, p=(0.5, 0.3, 0.2)) for i in range(6)}
    model = pgmlang.compile(POTTS)
    listed = model.fit(rows, method="ml", seed=1, options={"epochs": 150})
    monkeypatch.setattr(partition, "LISTED", 0)
    bound = model.bind(rows)
    assert "cliques" in str(model.plan(bound))
    eliminated = model.fit(bound, method="ml", seed=1, options={"epochs": 150})
    assert float(eliminated.params["J"]) == pytest.approx(float(listed.params["J"]), abs=1e-8)
    assert eliminated.record.trace[-1] == pytest.approx(listed.record.trace[-1], abs=1e-10)


def test_hidden_elements_are_summed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    rows = {f"s.{i}": rng.choice([-1, 1], 30, p=(0.3, 0.7)) for i in range(4)}
    model = pgmlang.compile(TWO)
    listed = model.fit(rows, method="ml", seed=1, options={"epochs": 60})
    monkeypatch.setattr(partition, "LISTED", 0)
    eliminated = model.fit(model.bind(rows), method="ml", seed=1, options={"epochs": 60})
    for name in ("J", "K", "B"):
        assert float(eliminated.params[name]) == pytest.approx(float(listed.params[name]), abs=1e-8)


def test_wide_lattices_keep_to_draws() -> None:
    text = ISING.replace("side = 3", "side = 20")
    model = pgmlang.compile(text)
    bound = model.bind({f"s.{i}": [-1, 1] for i in range(400)})
    assert "persistent" in str(model.plan(bound))


COUNTED = """
model counted(side = 2)
param J, B : real
plate image {
  plate site = grid(side, side) { field s : spin ; factor B * s }
  plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }
}
"""
REAL = """
param w : positive
param m : real
plate row { field x : real ; factor -0.5 * w * (x - m) * (x - m) }
"""


@pytest.mark.parametrize(("method", "listed"), [("ml", 16), ("ml", 0), ("pseudo", 16), ("pcd", 16)])
def test_a_counted_row_is_as_many_rows(method: str, listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "LISTED", listed)
    rng = np.random.default_rng(0)
    rows, counts = rng.choice([-1, 1], (12, 4)), rng.integers(1, 5, 12)
    model = pgmlang.compile(COUNTED)
    columns = {f"s.{i}": rows[:, i] for i in range(4)}
    repeated = model.bind({k: np.repeat(v, counts) for k, v in columns.items()})
    weighted = model.bind({**columns, "n": counts}, counts="n")
    fits = [model.fit(b, method=method, seed=1, options={"epochs": 60}) for b in (repeated, weighted)]
    for name in ("J", "B"):
        assert float(fits[1].params[name]) == pytest.approx(float(fits[0].params[name]), abs=1e-9)
    assert fits[1].record.trace[-1] == pytest.approx(fits[0].record.trace[-1], abs=1e-9)
    plain = model.fit(model.bind(columns), method=method, seed=1, options={"epochs": 60})
    assert abs(float(plain.params["B"]) - float(fits[0].params["B"])) > 1e-3


@pytest.mark.parametrize("method", ["cd", "score"])
def test_counts_move_what_is_learned(method: str) -> None:
    """Noise is drawn for each row, so that equal rows differ: the estimates agree within their noise."""
    rng = np.random.default_rng(0)
    if method == "cd":
        text, name, at = COUNTED, "B", math.atanh(0.5)
        values, counts = np.array([[-1] * 4, [1] * 4]), np.array([100, 300])
        columns: dict[str, Any] = {f"s.{i}": values[:, i] for i in range(4)}
        text = text.replace("factor J * s[i] * s[j]", "factor 0 * J * s[i] * s[j]")
        options: dict[str, Any] = {"epochs": 400, "learning_rate": 0.02, "batch": None}
    else:
        text, name, at = REAL, "m", 1.0
        columns, counts = (
            {"x": np.concatenate([rng.normal(0, 1, 300), rng.normal(2, 1, 100)])},
            np.repeat([1, 3], [300, 100]),
        )
        options = {"epochs": 300, "learning_rate": 0.02, "batch": None}
    model = pgmlang.compile(text)
    fit = model.fit(model.bind({**columns, "n": counts}, counts="n"), method=method, seed=1, options=options)
    assert float(fit.params[name]) == pytest.approx(at, abs=0.2)

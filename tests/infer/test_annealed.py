"""Annealed importance sampling and tempering through the compiler: exact log Z, masses of modes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.fields.annealing import discrete_log_z, log_z_of_row
from pgmlang.fields.fields import fields_of
from tests.infer.test_fields import ISING, RBM, bound_density, grid_energies, problem_of, rbm, rbm_log_z

EIGHT = """
dim xy = {x1, x2}
dim mode[8]
param centre[mode, xy] : real
plate point {
  y ~ Normal(0, 1)
  field p[xy] : real
  factor logsumexp(-8 * sum((p - centre)^2, over = xy), over = mode)
}
"""


def test_log_z_of_a_small_rbm() -> None:
    joint, params = rbm()
    found = log_z_of_row(joint, params, None, torch.Generator().manual_seed(1), 400, 200)
    assert abs(found.value - rbm_log_z(params)) < 4 * found.error + 1e-6
    assert found.error < 0.05


def test_log_z_of_a_lattice_and_the_method() -> None:
    expected = float(np.logaddexp.reduce(grid_energies(0.5, 0.1)))
    rows = {f"s.{i}": [1, -1] for i in range(9)}
    fit = pgmlang.compile(ISING).fit(
        rows, method="ais", seed=1, fixed={"J": 0.5, "B": 0.1}, options={"temperatures": 300}
    )
    notes = fit.record.provenance
    assert abs(notes["log_z"] - expected) < 4 * notes["log_z_error"]
    assert notes["log_z_error"] < 0.05
    assert notes["ais_ess"] > 50


def test_few_temperatures_are_seen_to_be_few() -> None:
    joint = bound_density(problem_of(RBM, {"a": [1], "b": [0], "c": [1]}))
    torch.manual_seed(0)
    params = {n: 6 * torch.randn(joint.shapes[n], dtype=torch.float64) for n in ("W", "b", "c")}
    fields = fields_of(joint, ("v", "h"))
    generator = torch.Generator().manual_seed(1)
    poor = discrete_log_z(fields, params, None, generator, 200, 2)
    rich = discrete_log_z(fields, params, None, generator, 200, 500)
    assert poor.ess < rich.ess / 2
    assert abs(rich.value - rbm_log_z(params)) < 4 * rich.error + 1e-6


def test_log_z_of_a_real_field() -> None:
    text = "param a : positive\nplate row { field u : real\n field w : real\n factor -0.5 * a * (u * u + w * w) - 0.4 * u * w }\n"
    fit = pgmlang.compile(text).fit({"u": [0.1, 1.0], "w": [0.3, -1]}, method="ais", seed=1, fixed={"a": 1.3})
    exact = math.log(2 * math.pi) - 0.5 * math.log(1.3**2 - 0.4**2)
    notes = fit.record.provenance
    assert abs(notes["log_z"] - exact) < 4 * notes["log_z_error"] + 0.01


def test_references_of_rbms(shared_data: Path) -> None:
    file = shared_data / "ising" / "ising_exact.json"
    found = sorted((shared_data / "ising").glob("rbm_*.npz"))
    if not file.is_file() or not found:
        pytest.skip("no reference values beside this checkout")
    json.loads(file.read_text())
    arrays = np.load(found[0]) if "12x8" in found[0].name else np.load(next(f for f in found if "12x8" in f.name))
    W, b, c = (torch.as_tensor(arrays[k], dtype=torch.float64) for k in ("W", "b", "c"))
    if W.shape[0] != len(b):
        W = W.T
    text = RBM.replace("dim pixel = {a, b, c}", f"dim pixel[{len(b)}]").replace(
        "dim unit[2]", f"dim unit[{len(c)}]"
    )
    joint = bound_density(problem_of(text, {f"v.{i}": [0, 1] for i in range(len(b))}))
    found_z = log_z_of_row(joint, {"W": W, "b": b, "c": c}, None, torch.Generator().manual_seed(1), 500, 500)
    assert abs(found_z.value - 17.1359872) < 4 * found_z.error


def eight() -> np.ndarray:
    angle = 2 * math.pi * np.arange(8) / 8
    return 4 * np.stack([np.cos(angle), np.sin(angle)], 1)


def masses(draws: np.ndarray) -> np.ndarray:
    flat = draws.reshape(-1, 2)
    nearest = ((flat[:, None] - eight()) ** 2).sum(-1).argmin(1)
    return np.bincount(nearest, minlength=8) / len(flat)


def test_tempering_weighs_the_eight_modes_and_hmc_does_not() -> None:
    model = pgmlang.compile(EIGHT)
    options = {"chains": 32, "warmup": 400, "draws": 1200, "temperatures": 6}
    fit = model.fit({"y": [0.0]}, method="tempering", seed=1, fixed={"centre": eight()}, options=options)
    assert np.abs(masses(fit.draws["p"]) - 0.125).max() < 0.02
    assert min(fit.record.provenance["swap_rate"]) > 0.1
    few = {"chains": 4, "warmup": 300, "draws": 300}
    alone = model.fit({"y": [0.0]}, method="langevin", seed=1, fixed={"centre": eight()}, options=few)
    assert np.abs(masses(alone.draws["p"]) - 0.125).max() > 0.08

"""EM's starts are clusters of what rows show, where some cells are missing too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.density.bind import density_of_binding
from pgmlang.density.clusters import SOUGHT_CELLS, starting_codes
from tests.infer.largest_tensor import Largest

COUNTS = """
plate c[2] { rate ~ Gamma(2, 0.00001) }
share[c] ~ Dirichlet(1)
plate row { z : c ~ Categorical(share)
  x : count ~ Poisson(rate[z]) }
"""
WIDE = """
dim k[3]
plate c[2] { centre[k] ~ Normal(0, 1000) }
share[c] ~ Dirichlet(1)
plate row { z : c ~ Categorical(share)
  y[k] ~ Normal(centre[z], 1) }
"""


@pytest.mark.parametrize("seed", range(3))
def test_counts_with_missing_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = [None if rng.random() < 0.2 else int(v) for v in rng.poisson(rng.integers(0, 2, 300) * 30000 + 40000)]
    fit = pgmlang.compile(COUNTS).fit({"x": x}, method="em", seed=seed)
    assert np.sort(fit.params["rate"]) == pytest.approx([40000, 70000], rel=2e-3)


def test_wide_columns_with_missing_cells() -> None:
    rng = np.random.default_rng(4)
    z = rng.integers(0, 2, 400)
    y = rng.normal(z[:, None] * [400.0, -300.0, 250.0], 1)
    holes = rng.random(y.shape) < 0.3
    columns = {
        f"y.{j}": [None if h else float(v) for v, h in zip(y[:, j], holes[:, j], strict=True)] for j in range(3)
    }
    fit = pgmlang.compile(WIDE).fit(columns, method="em", seed=1)
    centres = fit.params["centre"][np.argsort(fit.params["centre"][:, 0])]
    assert centres == pytest.approx(np.array([[0, 0, 0], [400, -300, 250]]), abs=0.5)


def test_one_row_has_a_start() -> None:
    text = "dim k[2]\nparam w[k] : simplex\nparam m[k] : real\nplate r { z : k ~ Categorical(w); y ~ Normal(m[z], 1) }"
    fit = pgmlang.compile(text).fit({"y": [1.0]}, method="em", seed=3)
    assert fit.record.log_likelihood == pytest.approx(-0.5 * math.log(2 * math.pi), abs=1e-6)


def test_points_are_laid_out_in_blocks() -> None:
    states, rows, columns = 60, 40_000, 8
    names = ", ".join(f"v{i}" for i in range(states))
    leaves = "".join(f"  x{j} : label ~ Categorical(p{j}[z])\n" for j in range(columns))
    tables = "".join(f"  p{j}[label] ~ Dirichlet(1)\n" for j in range(columns))
    text = f"dim label = {{{names}}}\nplate c[2] {{\n{tables}}}\nshare[c] ~ Dirichlet(1)\nplate row {{ z : c ~ Categorical(share)\n{leaves}}}\n"
    rng = np.random.default_rng(0)
    model = pgmlang.compile(text)
    data = {f"x{j}": [f"v{i}" for i in rng.integers(0, states, rows)] for j in range(columns)}
    binding = model.bind(data)
    joint = density_of_binding(binding.model, binding, {}, torch.float64, torch.device("cpu"))
    with Largest() as largest:
        codes = starting_codes(joint, "z", torch.Generator().manual_seed(0), 3)
    assert codes is not None
    assert codes.shape == (3, rows)
    # all indicators at once would be 19 million numbers, and several times that by start
    assert largest.elements < 3 * SOUGHT_CELLS * 1.1


def test_starts_with_a_cluster_of_one_row_are_left_out() -> None:
    """Such a cluster has no spread; the other starts are as good as ever."""
    text = (
        "plate cluster[3] { param m : real ; param s : positive }\nparam w[cluster] : simplex\n"
        "plate row { z : cluster ~ Categorical(w) ; y ~ Normal(m[z], s[z]) }\n"
    )
    rows = np.random.default_rng(0).normal(0, 1, 60).round(3)
    fit = pgmlang.compile(text).fit({"y": rows.tolist()}, method="em", seed=1)
    heights = np.log(fit.params["w"]) + stats.norm.logpdf(rows[:, None], fit.params["m"], fit.params["s"])
    assert fit.log_likelihood == pytest.approx(float(np.logaddexp.reduce(heights, axis=1).sum()), rel=1e-9)
    assert (fit.params["s"] > 0.1).all()

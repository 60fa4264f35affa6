"""Fields that no factor mentions, fields that are one for all rows, and parameters that nothing hangs on."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

FREE = "dim p = {a, b}\nparam w[p] : real\nplate row { field v[p] : bit\n field h : {x, y, z} }\n"
TIED = "param w : real\nplate row { field v : bit\n field h : {x, y, z}\n factor w * v }\n"
ROWS = {"v.a": [0, 1, 1], "v.b": [1, 1, 0]}


def test_free_fields_are_even() -> None:
    fit = pgmlang.compile(FREE).fit(ROWS, method="pcd", seed=1, options={"epochs": 2})
    assert fit.score_rows(fit.bind(ROWS)).values == pytest.approx(np.full(3, -2 * math.log(2)))
    shares = fit.predict_columns(ROWS, targets=["h"]).columns
    assert np.stack([shares[f"P(h = {x})"] for x in "xyz"]) == pytest.approx(np.full((3, 3), 1 / 3))


def test_a_free_field_beside_a_learned_one() -> None:
    fit = pgmlang.compile(TIED).fit({"v": [0, 1, 1, 1]}, method="ml", seed=1)
    assert fit.params["w"] == pytest.approx(math.log(3), abs=1e-3)
    assert fit.score_rows(fit.bind({"v": [0, 1]})).values == pytest.approx(
        [math.log(0.25), math.log(0.75)], abs=1e-3
    )
    shares = fit.predict_columns({"v": [0, 1]}, targets=["h"]).columns
    assert shares["P(h = y)"] == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize("method", ["map", "cd", "pcd", "pseudo"])
def test_parameters_that_nothing_hangs_on(method: str) -> None:
    fit = pgmlang.compile("param w : real\nplate row { field v : bit }\n").fit(
        {"v": [0, 1]}, method=method, seed=1
    )
    assert np.isfinite(fit.params["w"])


def test_a_hidden_field_of_all_rows_has_no_score_of_one() -> None:
    text = "param w : real\nfield h : bit\nplate row { field v : bit\n factor w * v * h }\n"
    fit = pgmlang.compile(text).fit({"v": [0, 1, 1]}, method="pcd", seed=1, options={"epochs": 2})
    with pytest.raises(PgmError) as caught:
        fit.score_rows(fit.bind({"v": [0, 1]}))
    assert caught.value.diagnostics[0].code == "PGM0602"
    assert "`h`" in caught.value.diagnostics[0].message


@pytest.mark.slow
def test_fresh_rows_of_fields_beside_latents_take_the_fits_draws() -> None:
    """Far from the prior: what is drawn for a row hangs on the posterior, not on the prior."""
    text = "m ~ Normal(0, 10)\nplate row { y ~ Normal(m, 0.1)\n field s : real\n factor -0.5 * s ^ 2 }\n"
    data = {"y": [5.0, 5.1, 4.9], "s": [0.5, 1.0, -1.0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={"chains": 2, "warmup": 200, "draws": 100})
    drawn = fit.sample_columns(300, seed=1).columns
    assert set(drawn) == {"y", "s"}
    assert np.std(np.asarray(drawn["s"], dtype=float)) == pytest.approx(1, abs=0.15)
    assert np.asarray(drawn["y"], dtype=float) == pytest.approx(np.full(300, 5.0), abs=0.8)


def test_a_density_that_nothing_hangs_on_is_sampled() -> None:
    """An improper one, constant in all that is latent: no graph of it can be recorded."""
    text = "plate group { u ~ Flat() }\nplate row in group { y ~ Normal(0, 1) }\n"
    fit = pgmlang.compile(text).fit({"group": ["p", "q"], "y": [0.0, 1.0]}, method="hmc", seed=1,
                                    options={"chains": 2, "warmup": 10, "draws": 10})  # fmt: skip
    assert fit.draws["u"].shape[:2] == (2, 10)

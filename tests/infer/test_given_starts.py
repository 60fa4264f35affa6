"""Runs begin where they are told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.target import target_of
from pgmlang.diagnostics import PgmError
from pgmlang.infer.centring import noncentred_problem
from pgmlang.infer.given_starts import read_start, starting_values
from pgmlang.infer.starts import given_points
from tests.infer.by_hand import problem_of

TWO_MODES = "m ~ Normal(0, 30)\nplate row { y ~ Normal(square(m) / 10, 1) }\n"
DATA = {"y": [90.0, 91.0, 89.5]}
SHORT = {"chains": 2, "warmup": 50, "draws": 20}
GROUPS = "mu ~ Normal(0, 5)\ntau ~ HalfNormal(5)\nplate day = chain { h ~ Normal(if first then mu else 0.9 * prev(h), tau)\n y ~ Normal(h, 40) }"


@pytest.mark.parametrize("method", ["hmc", "nuts", "mh", "gibbs", "hmc(m) * gibbs(t)", "tempering(hmc, 2)"])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_chains_stay_in_the_mode_that_they_begin_in(method: str, sign: float) -> None:
    text, options = TWO_MODES, {**SHORT, "backend": "torch"}
    if method.startswith("tempering"):
        # a wall between the modes that the hottest chain does not cross
        options |= {"lowest": 0.9}
    if "gibbs" in method:
        text = TWO_MODES.replace("10, 1)", "10, precision = t)").replace("plate", "t ~ Gamma(2, 2)\nplate", 1)
        options = {**SHORT}
    fit = pgmlang.compile(text).fit(DATA, method=method, seed=3, options=options, start={"m": 30 * sign})
    assert (np.sign(fit.draws["m"]) == sign).all()
    begun = fit.record.provenance["start"]
    assert (begun["names"], begun["points"], begun["fit"]) == (["m"], 1, None)


def test_a_climb_begins_there_and_a_fit_begins_where_another_ended() -> None:
    model = pgmlang.compile(TWO_MODES)
    for sign in (-1.0, 1.0):
        mode = model.fit(DATA, method="map", seed=1, start={"m": 25 * sign})
        assert np.sign(mode.record.parameters["m"]) == sign
        fit = model.fit(DATA, method="hmc", seed=1, options=SHORT, start=mode)
        assert (np.sign(fit.draws["m"]) == sign).all()
        assert fit.record.provenance["start"]["fit"] == {"method": "map", "seed": 1}
        further = starting_values(fit.record, model.bind(DATA))
        np.testing.assert_array_equal(further["m"], fit.draws["m"][:, -1])


def test_what_is_non_centred_begins_at_its_own_value() -> None:
    """A chain's values, given whole, are those that its standard numbers give."""
    problem = problem_of(GROUPS, {"y": [3.0, 1, 4, 1, 5]})
    start: dict[str, Any] = {"h": [0.5, -1.0, 2.0, 0.3, 0.1], "tau": 1.7}
    problem = begun_at(problem, start)
    moved, names = noncentred_problem(problem)
    assert names == ("h",)
    target = target_of(moved)
    x = given_points(target, 16, torch.Generator().manual_seed(0), moved)
    from pgmlang.density.simulation import deterministic_values

    values, _ = target.values(x)
    np.testing.assert_allclose(values["tau"], 1.7, rtol=1e-12)
    assert len(np.unique(values["mu"].numpy().round(9))) == 16
    h = deterministic_values(target.joint, values, names=["h"])["h"]
    np.testing.assert_allclose(h, np.tile(start["h"], (16, 1)), rtol=1e-9)


def begun_at(problem: Any, start: dict[str, Any]) -> Any:
    from dataclasses import replace

    return replace(problem, start=starting_values(start, problem.binding))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"s": 1.0}, "no `s`"), ({"m": [1.0, 2.0]}, "shape"), ({"m": "far"}, "begins at a number"), ([], "one at the least"),
        ([{"m": 1.0}, {"n": 1.0}], "no `n`"), ({"y": [1.0, 2.0, 3.0]}, "given by the data"), ({"m": float("nan")}, "begins at a number"),
    ],
)  # fmt: skip
def test_points_that_are_none(start: Any, message: str) -> None:
    with pytest.raises(PgmError, match=message):
        pgmlang.compile(TWO_MODES).fit(DATA, method="hmc", options=SHORT, start=start)


def test_a_point_of_density_zero_and_a_method_without_a_start() -> None:
    model = pgmlang.compile("u ~ Uniform(0, 10)\nplate row { y ~ Uniform(0, u) }\n")
    with pytest.raises(PgmError, match="density is zero"):
        model.fit({"y": [3.0, 4.0]}, method="hmc", options=SHORT, start={"u": 2.0})
    with pytest.raises(PgmError, match="does not begin at given values"):
        model.fit({"y": [3.0, 4.0]}, method="elbo", start={"u": 5.0})


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    path.write_text(json.dumps([{"m": 1.0}, {"m": -2.0}]))
    np.testing.assert_array_equal(
        starting_values(read_start(path), pgmlang.compile(TWO_MODES).bind(DATA))["m"], [1, -2]
    )
    fit = pgmlang.compile(TWO_MODES).fit(DATA, method="map", seed=1, start=path)
    assert fit.record.parameters["m"] > 0
    for text in ("[1]", "[]", "{", "3"):
        path.write_text(text)
        with pytest.raises(PgmError):
            read_start(path)
    with pytest.raises(PgmError, match="no `"):
        read_start(tmp_path / "none.json")

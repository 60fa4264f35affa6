"""Automatic non-centring: the rewritten model has the density of the old one, and the draws are of the old names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.infer.base import Problem, facts_of
from pgmlang.infer.joint import joint_of
from pgmlang.infer.noncentring import noncentred, noncentred_names, noncentred_problem

SCHOOLS = """
mu ~ Normal(0, 5)
tau ~ HalfCauchy(5)
plate school { input sd : positive ; theta ~ Normal(mu, tau) ; y ~ Normal(theta, sd) }
"""
DATA = {"sd": [15.0, 10, 16, 11, 9, 11, 10, 18], "y": [28.0, 8, -3, 7, -1, 1, 18, 12]}


def problem(text: str, data: dict[str, list[float]]) -> Problem:
    bound = pgmlang.compile(text).bind(data)
    return Problem(bound.model, bound, {}, facts_of(bound.model, bound))


def test_density_with_the_jacobian() -> None:
    old = problem(SCHOOLS, DATA)
    new, names = noncentred_problem(old)
    assert names == ("theta",)
    torch.manual_seed(0)
    values = {
        "mu": torch.tensor(0.7).double(),
        "tau": torch.tensor(2.1).double(),
        "theta": torch.randn(8).double(),
    }
    standard = (values["theta"] - values["mu"]) / values["tau"]
    moved = {"mu": values["mu"], "tau": values["tau"], "theta.standard": standard}
    # p(e) de = p(theta) dtheta, theta = mu + tau e
    expected = joint_of(old).log_joint(values) + 8 * torch.log(values["tau"])
    assert float(joint_of(new).log_joint(moved)) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(joint_of(new).deterministic(moved)["theta"], values["theta"])


def test_much_data_stays_centred() -> None:
    text = "m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate group { t ~ Normal(m, s) }\nplate row in group { y ~ Normal(t, 1) }\n"
    many = pgmlang.compile(text).bind({"group": ["a", "b"] * 30, "y": [0.0] * 60})
    few = pgmlang.compile(text).bind({"group": ["a", "b"] * 3, "y": [0.0] * 6})
    assert noncentred_names(many.model, facts_of(many.model, many)) == ()
    assert noncentred_names(few.model, facts_of(few.model, few)) == ("t",)


def test_chains_are_left_alone() -> None:
    text = "s ~ HalfNormal(1)\nplate seq { plate t = chain { x ~ Normal(if first then 0 else prev(x), s) ; y ~ Normal(x, 1) } }\n"
    bound = pgmlang.compile(text).bind({"y": [0.0, 1.0, 2.0]})
    assert noncentred_names(bound.model, facts_of(bound.model, bound)) == ()
    assert noncentred(bound.model, ()) == bound.model


def test_draws_are_of_the_names_written() -> None:
    fit = pgmlang.compile(SCHOOLS).fit(
        DATA, method="hmc", seed=1, options={"chains": 4, "warmup": 100, "draws": 100}
    )
    assert set(fit.draws) == {"mu", "tau", "theta"}
    assert fit.draws["theta"].shape == (4, 100, 8)
    assert int(fit.record.sample_stats["diverging"].sum()) < 20

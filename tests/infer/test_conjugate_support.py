"""Conjugacy is of a variable's support, not of its family's word."""

from __future__ import annotations

import numpy as np

import pgmlang
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.sema import compile_source

ORDERED = "dim c[2]\nmu[c] : ordered ~ Normal(0, 1)\nplate row { y[c] ~ Normal(mu, 1) }\n"


def test_an_ordered_vector_of_normal_elements_is_in_no_family() -> None:
    assert conjugate_family(compile_source(ORDERED.replace(": ordered ", "")), "mu") == "Normal"
    assert conjugate_family(compile_source(ORDERED), "mu") is None


def test_draws_beside_a_conjugate_variable_are_ordered() -> None:
    text = ORDERED.replace("Normal(mu, 1)", "Normal(mu, sqrt(v))") + "v ~ InverseGamma(3, 1)\n"
    rows = {"y": [[0.3, 0.1], [-0.2, -0.4]]}
    fit = pgmlang.compile(text).fit(
        rows, method="gibbs", seed=1, options={"chains": 2, "warmup": 100, "draws": 200}
    )
    mu = np.asarray(fit.draws["mu"])
    assert (mu[..., 0] < mu[..., 1]).all()

"""A target that the rows show is predicted once it is hidden, as the message says."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang import PgmError

ROWS = {"u": [0, 1, 1, 0, 1, 1], "v": [0, 1, 1, 1, 1, 0]}


MODELS = {
    "fields": "param a, b : real\nplate row { field u : bit ; field v : bit ; factor a * u * v ; factor b * v }",
    "tables": "plate row { u : bit ~ Table(prior = 1) ; v : bit ~ Table(u, prior = 1) }",
    "densities": "s ~ Beta(1, 1)\nt ~ Beta(1, 1)\nplate row { u : bit ~ Bernoulli(s) ; v : bit ~ Bernoulli(if u == 1 then t else 0.5) }",
}


@pytest.mark.parametrize("name", MODELS)
def test_the_cure_works(name: str) -> None:
    fit = pgmlang.compile(MODELS[name]).fit(ROWS, seed=1)
    with pytest.raises(PgmError, match=r"PGM0607.*`v` is observed.*hide=\['v'\]"):
        fit.predict(ROWS, targets=["v"])
    predicted = fit.predict(ROWS, targets=["v"], hide=["v"])
    assert 0 < list(predicted["P(v = 1)"])[1] < 1


def test_seen_labels_are_certain_to_the_last_digit() -> None:
    text = "plate row {\n  u ~ Normal(0, 1)\n  k ~ Bernoulli(logit = 2 * u)\n  c ~ Poisson(exp(u))\n}"
    k = [0, 1, None, 0, None, 1, 0]
    columns = pgmlang.compile(text).given().predict_columns({"k": k, "c": [1, 2, 0, 2, 0, 5, 0]}, ["k"]).columns
    for chance, cell in zip(columns["P(k = 1)"], k, strict=True):
        assert chance == cell if cell is not None else 0.01 < chance < 0.99
    for chance, cell in zip(columns["P(k = 0)"], k, strict=True):
        assert chance == 1 - cell if cell is not None else 0.01 < chance < 0.99

"""Rows that have probability zero where they are left out: minus infinity, named, and no warning of NumPy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import pgmlang
from pgmlang.results.elpd import standard_error, weighted_sum

MODEL = "plate row {{\n  a : {{x, y, z}} ~ Table({0})\n  b : {{p, q}} ~ Table(a{1})\n}}"
LABELS = ["x", "y"] * 6
B = ["p", "q", "q", "p"] * 3


def fits(rows: list[str]) -> dict[str, pgmlang.FittedModel]:
    data = {"a": rows, "b": [*B, *["p"] * (len(rows) - len(B))]}
    texts = {"bare": MODEL.format("", ""), "prior": MODEL.format("prior = 1", ", prior = 1")}
    return {name: pgmlang.compile(text).fit(data, seed=1) for name, text in texts.items()}


@pytest.mark.parametrize("place", [0, 5, 12])
def test_the_row_is_named(place: int) -> None:
    rows = LABELS.copy()
    rows.insert(place, "z")
    made = fits(rows)
    data = {"a": rows, "b": [*B, "p"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ranks = pgmlang.rank_fits(made, data, folds=3)
    best, worst = ranks
    assert (best.name, worst.name) == ("prior", "bare")
    assert best.elpd.impossible == ()
    assert math.isfinite(best.elpd.se)
    assert str(place + 1) in worst.elpd.impossible
    assert worst.elpd.elpd == -math.inf
    assert worst.difference == -math.inf
    assert list(np.flatnonzero(np.isneginf(worst.elpd.pointwise)) + 1) == [int(n) for n in worst.elpd.impossible]
    text = str(ranks)
    assert f"`bare`: {worst.elpd.doubts}" in text
    assert "k-hats" not in text
    assert "nan" not in text
    assert worst.to_dict()["impossible"] == list(worst.elpd.impossible)


def test_no_sum_is_finite() -> None:
    rows = [*LABELS, "z"]
    made = fits(rows)
    (one,) = pgmlang.rank_fits({"bare": made["bare"]}, {"a": rows, "b": [*B, "p"]}, folds=3)
    assert math.isnan(one.difference)
    assert "nan" not in str(pgmlang.rank_fits({"bare": made["bare"]}, {"a": rows, "b": [*B, "p"]}, folds=3))


def test_sums_by_weights() -> None:
    values, weights = np.array([-1.0, -math.inf, -3.0]), np.array([2.0, 0.0, 1.0])
    assert weighted_sum(values, weights) == -5
    assert standard_error(values, weights) == standard_error(values[[0, 2]], weights[[0, 2]])
    assert weighted_sum(values, np.ones(3)) == -math.inf
    assert math.isnan(standard_error(values, np.ones(3)))

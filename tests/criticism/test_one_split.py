"""Folds of compared fits are of the same elements: of fits with other seeds, and of models that bind the table in other
orders."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.criticism.element_order import split_into_folds, table_order

ROWS = "a ~ Normal(0, 10)\nplate row { y ~ Normal(a, 1) }"
GROUPED = "a ~ Normal(0, 10)\nplate g { b ~ Normal(a, 1) }\nplate row in g { y ~ Normal(b, 1) }"
CHAIN = "plate g { plate t = chain { y ~ Normal(if first then 0 else prev(y), 1) } }"
Y = np.random.default_rng(3).normal(0, 1, 24).round(3).tolist()


def test_fits_of_other_seeds_are_of_one_split() -> None:
    model = pgmlang.compile(ROWS)
    fits = {str(seed): model.fit({"y": Y}, method="map", seed=seed) for seed in (1, 2, 3)}
    ranks = pgmlang.rank_fits(fits, {"y": Y}, folds=4)
    assert [r.elpd.elpd for r in ranks] == pytest.approx([ranks[0].elpd.elpd] * 3, abs=1e-6)
    assert [r.difference_se for r in ranks] == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("text", [GROUPED, CHAIN])
def test_models_that_bind_in_another_order_are_of_one_split(text: str) -> None:
    data = {"y": Y, "g": ["b", "a", "c"] * 8, "t": [i // 3 for i in range(24)]}
    plain = pgmlang.compile(ROWS).bind(data)
    other = pgmlang.compile(text).bind(data)
    value = {b: np.asarray(b.values["y"]) for b in (plain, other)}
    plate = other.plate
    assert value[other][table_order(other, plate)].tolist() == Y
    for one, two in zip(split_into_folds(plain, "row", 5), split_into_folds(other, plate, 5), strict=True):
        assert sorted(value[plain][one]) == sorted(value[other][two])


def test_named_elements_are_of_one_split() -> None:
    model = pgmlang.compile(GROUPED)
    data = {"y": Y, "g": ["b", "a", "c"] * 8}
    turned = {k: v[::-1] for k, v in data.items()}
    names = []
    for rows in (data, turned):
        binding = model.bind(rows)
        labels = np.array(binding.layout.labels["g"])
        names.append([sorted(labels[f]) for f in split_into_folds(binding, "g", 3)])
    assert names[0] == names[1]

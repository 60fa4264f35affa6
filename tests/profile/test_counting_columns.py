"""A column counts rows where its name and the table say so both; else it is a variable, with a word on what it may be."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import pgmlang

R = np.random.default_rng(4)


def combinations(name: str) -> dict[str, list[Any]]:
    rows = list(product(["north", "south", "east"], ["young", "old"], ["no", "yes"]))
    region, age, buys = map(list, zip(*rows, strict=True))
    return {"region": region, "age": age, "buys": buys, name: R.integers(20, 90, len(rows)).tolist()}


def said(columns: dict[str, list[Any]]) -> list[str]:
    return [r.message for r in pgmlang.describe(columns).remarks if r.kind == "counts"]


@pytest.mark.parametrize("name", ["people", "n", "freq", "passengers"])
def test_a_table_of_combinations_with_labels_to_predict_is_counted(name: str) -> None:
    columns = combinations(name)
    assert said(columns)
    first = pgmlang.init(columns, "buys")
    assert first.counting == ("counts", name)
    assert f"input {name}" not in first.text
    # the model that predicts the numbers themselves counts nothing
    assert pgmlang.init(columns, name).counting is None


def test_without_a_target_another_name_is_no_fact() -> None:
    (message,) = said(combinations("people"))
    assert message.startswith("may be")
    first = pgmlang.init(combinations("people"))
    assert first.counting is None
    assert "# people: may be" in first.text
    assert "  people ~ " in first.text
    assert pgmlang.init(combinations("n")).counting == ("counts", "n")


@pytest.mark.parametrize("name", ["wt", "num", "cases", "n", "weights", "number", "fnlwgt"])
def test_a_name_alone_drops_no_column(name: str) -> None:
    columns = {
        "hp": R.normal(100, 20, 32).round(1).tolist(),
        name: R.integers(1, 40, 32).tolist(),
        "mpg": R.normal(20, 4, 32).round(2).tolist(),
    }
    first = pgmlang.init(columns, "mpg")
    assert first.counting is None
    assert f"  input {name} : " in first.text
    assert all(m.startswith("may be") for m in said(columns))


def test_ratings_of_every_pair_are_no_counts() -> None:
    rows = list(product("abcde", "vwxyz"))
    assert not said(
        {"user": [r[0] for r in rows], "item": [r[1] for r in rows], "stars": R.integers(1, 6, 25).tolist()}
    )

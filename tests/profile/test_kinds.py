"""What a column is taken for: names of rows, groups, labels without an order, codes for missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang

R = np.random.default_rng(8)


def kind_of(name: str, cells: list[Any]) -> str:
    return pgmlang.describe({name: cells, "y": R.normal(size=len(cells)).tolist()}).rows[0]["kind"]


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("Nr.", list(range(1001, 1121)), "id"),
        ("sample", list(range(13, 13 + 7 * 30, 7)), "id"),
        ("year", list(range(1990, 2020)), "number"),
        ("dose", list(range(10, 310, 10)), "number"),
        ("day", list(range(5, 300, 7)), "number"),
        ("who", ["Ann Lee", "Bo Ek", "Cy Orr", "Di Fox", "Ed Ash", "Flo Day"], "id"),
        ("shop", list("ABCDE") * 8, "category"),
        ("grade", ["low", "medium", "high"] * 8, "ordinal"),
        ("note", [f"the patient said that day {i % 30} was a good one" for i in range(80)], "text"),
        ("who", [f"n{i}" for i in range(60)] + ["n1", "n2", "n3"] * 30, "text"),
        ("school", [f"s{i % 25}" for i in range(80)], "group"),
    ],
)
def test_what_a_column_is(name: str, cells: list[Any], kind: str) -> None:
    assert kind_of(name, cells) == kind


@pytest.mark.parametrize("codes", [(-9, -99), (-9, -99, 999), (-99, -999), (999, 9999)])
def test_codes_for_missing_stand_together(codes: tuple[int, ...]) -> None:
    cells = [*R.integers(20, 60, 80).tolist(), *codes, *codes]
    seen = [r.options.na[0][1] for r in pgmlang.describe({"a": cells}).remarks if r.kind == "missing-codes"]
    assert sorted(map(float, seen)) == sorted(map(float, codes))


def test_a_long_tail_has_no_outliers() -> None:
    for seed in range(10):
        r = np.random.default_rng(seed)
        remarks = pgmlang.describe({"a": r.lognormal(3, 0.8, 300).round(2).tolist()}).remarks
        assert "outliers" not in {x.kind for x in remarks}


@pytest.mark.parametrize(("factor", "plus"), [(2.54, 0.0), (1.8, 32.0), (-1.0, 100.0)])
def test_a_multiple_of_another_column_is_left_out(factor: float, plus: float) -> None:
    inch, y = R.normal(60, 4, 40), R.normal(size=40)
    columns = {
        "a": inch.tolist(),
        "b": (factor * inch + plus).tolist(),
        "y": y.tolist(),
        "near": (inch + 0.01 * y).tolist(),
    }
    first = pgmlang.init(columns, "y")
    assert "# b: it is a times a number" in first.text
    assert "input near" in first.text
    # the target stays, and what says the same as it is no predictor
    assert "# a: it is b times a number" in pgmlang.init(columns, "b").text


def test_columns_that_become_one_name_are_bound_as_is_said() -> None:
    columns = {
        "x y": R.normal(size=30).tolist(),
        "x_y": R.normal(size=30).tolist(),
        "z": R.normal(size=30).tolist(),
    }
    first = pgmlang.init(columns, "z")
    assert set(first.mapping.values()) == {"x y", "x_y"}
    bound = pgmlang.compile(first.text).bind(columns, **first.binding)
    assert {"x_y", "x_y_"} <= {*bound.observed, *bound.values}


def test_labels_with_commas_are_quoted() -> None:
    assert pgmlang.describe({"a": ["Oslo, Norway", "Rome"] * 9}).rows[0]["values"] == '"Oslo, Norway", Rome'


@pytest.mark.parametrize(
    "cells",
    [
        ["5%", "0.07", "22%", "0.05"],
        ["5%", "0.07", "0.04", "0.05"],
        ["$5", "USD 6", "\u20ac7"],
        ["5 \u20ac", "6 EUR", "1,200 \u20ac"],
    ],
)
def test_numbers_in_several_units_are_no_labels(cells: list[str]) -> None:
    columns = {"a": cells * 5, "y": R.normal(size=len(cells) * 5).tolist()}
    (remark,) = [r for r in pgmlang.describe(columns).remarks if r.kind == "number-marks"]
    assert "several units" in remark.message
    assert not remark.is_sure
    assert "# a: its numbers are in several units" in pgmlang.init(columns).text


def test_dates_in_several_spellings_are_dates() -> None:
    cells = ["2019-10-05", "09.02.2022", "8/25/2022", "2020-07-21", "11.12.2020", "NA"]
    described = pgmlang.describe({"a": cells})
    assert described.rows[0]["kind"] == "date"
    (remark,) = [r for r in described.remarks if r.kind == "dates"]
    assert "more than one spelling" in remark.message
    assert "# a: dates in more than one spelling" in pgmlang.init({"a": cells, "y": [1.5, 2, 3, 4, 5, 7]}).text


@pytest.mark.parametrize("cells", [[True, False], ["TRUE", "FALSE"], ["false", "true"], [0, 1], ["0", "1"]])
def test_bits_are_predicted_as_bits(cells: list[Any]) -> None:
    r = np.random.default_rng(0)
    table = {"x": r.normal(size=40).tolist(), "ok": cells * 20}
    first = pgmlang.init(table, "ok")
    assert "ok : bit ~ Bernoulli" in first.text
    assert "cut" not in first.text
    assert pgmlang.compile(first.text).fit(table, method="map", **first.binding).draws is not None


def test_geometric_amounts_are_numbers() -> None:
    table = {"dose": [0, 1, 10, 100] * 20, "ward": [101, 205, 330] * 26 + [101, 205]}
    assert [r["kind"] for r in pgmlang.describe(table).rows] == ["count", "code"]


@pytest.mark.parametrize(("rows", "head"), [(1, "1 row, 1 column"), (2, "2 rows, 1 column")])
def test_one_is_told_from_several(rows: int, head: str) -> None:
    assert str(pgmlang.describe({"a": ["x"] * rows})).splitlines()[0] == f"data: {head}"

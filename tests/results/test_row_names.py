"""Rows with unknown numbers of their own are called what a column calls them, in figures, questions, coordinates and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.binding import binding_report
from pgmlang.diagnostics import PgmError

SCHOOLS = """
mu ~ Normal(0, 5)
plate school {
  input sd : positive
  effect ~ Normal(mu, 3)
  y ~ Normal(effect, sd)
}
"""
ROWS = {"y": [2.0, -1.0, 0.5], "sd": [1.0, 2.0, 1.5]}
MODEL = pgmlang.compile(SCHOOLS)


def fitted(**columns: list[object]) -> pgmlang.api.FittedModel:
    return MODEL.fit({**ROWS, **columns}, method="hmc", seed=1, options={"chains": 2, "warmup": 30, "draws": 20})


@pytest.mark.parametrize(
    ("columns", "binding", "names"),
    [
        ({"school": ["Ash", "Birch", "St. Elm"]}, {}, ("Ash", "Birch", "St. Elm")),
        ({"school": ["30", "10", "20"]}, {}, ("30", "10", "20")),
        ({"code": ["c", "b", "a"]}, {"mapping": {"school": "code"}}, ("c", "b", "a")),
        ({"School ID": [7, 8, 9]}, {}, ("7", "8", "9")),
        (
            {"town": ["x", "y", "x"], "head": ["P. One", "Q. Two", "R. Three"]},
            {},
            ("P. One", "Q. Two", "R. Three"),
        ),
        ({"school": ["A", "A", "B"], "head": ["P", "Q", "R"]}, {}, None),
        ({"school": ["A", "", "B"]}, {}, None),
        ({"pupils": [100, 200, 300], "mean": [1.5, 2.5, 3.5]}, {}, None),
        ({"day": ["2020-01-01", "2020-01-02", "2020-01-03"]}, {}, None),
    ],
)
def test_which_column_names_rows(columns: dict, binding: dict, names: tuple[str, ...] | None) -> None:
    bound = MODEL.bind({**ROWS, **columns}, **binding)
    assert bound.row_names == ({} if names is None else {"school": names})
    told = [line for line in binding_report(bound) if line.startswith("names")]
    if names is None:
        assert not told
        assert set(columns) <= set(bound.unused)
        return
    (column,) = bound.name_columns.values()
    assert told == [f"names     of school: column {column}"]
    assert column not in bound.unused


def test_rows_whose_numbers_are_all_given_need_no_names() -> None:
    table = pgmlang.compile("plate row { a : {no, yes} ~ Table() }")
    assert table.bind({"a": ["no", "yes"], "row": ["x", "y"]}).row_names == {}


def test_everywhere_by_name(tmp_path: Path) -> None:
    fit = fitted(school=["Ash", "Birch", "St. Elm"])
    fit.save(tmp_path / "f")
    again = pgmlang.load(tmp_path / "f")
    for one in (fit, again):
        assert [r["name"] for r in one.summary("effect")] == ["effect[Ash]", "effect[Birch]", 'effect["St. Elm"]']
        by_name = one.query('E(effect["St. Elm"])')
        assert by_name.table[0]["variable"] == "effect[St. Elm]"
        assert by_name.table == one.query("E(effect[2])").table
        with pytest.raises(PgmError, match="no element") as refused:
            one.query("E(effect[Birsh])")
        assert "Birch" in refused.value.diagnostics[0].help
        with pytest.raises(PgmError, match="no element"):
            one.query("E(effect[3])")
    xarray = pytest.importorskip("arviz_base")
    assert xarray is not None
    for tree in (again.inference_data(), again.inference_data({**ROWS, "school": ["Ash", "Birch", "St. Elm"]})):
        assert list(tree["posterior"]["effect"].coords["school"].values) == ["Ash", "Birch", "St. Elm"]


def test_numbers_as_names_are_names_and_never_positions() -> None:
    fit = fitted(school=["2", "0", "1"])
    assert fit.query("E(effect[2])").table == fit.query("E(effect)").table[:1]
    with pytest.raises(PgmError, match="no element"):
        fitted(school=["11", "1", "12"]).query("E(effect[0])")


def test_new_rows_are_new_whatever_they_are_called() -> None:
    named, plain = fitted(school=["A", "B", "C"]), fitted()
    assert np.array_equal(named.draws["effect"], plain.draws["effect"])
    new = {"sd": [1.0, 1.0], "school": ["A", "Z"]}
    one, other = named.predict_columns(new, ["y"], seed=3), plain.predict_columns(new, ["y"], seed=3)
    assert np.array_equal(one.columns["y"], other.columns["y"])
    assert np.array_equal(named.score({**ROWS, "school": ["A", "B", "C"]}), plain.score(ROWS))


def test_counted_rows_that_are_written_out_have_no_names() -> None:
    bound = MODEL.bind({**ROWS, "school": ["A", "B", "C"]})
    assert bound.rows_of("school", np.array([2, 0])).row_names == {"school": ("C", "A")}
    assert bound.rows_of("school", np.array([0, 0, 1])).row_names == {}

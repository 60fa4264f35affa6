"""Answers line up with the rows of the table that was given, also where some of them were dropped."""

from __future__ import annotations

import numpy as np

import pgmlang

MODEL = """model sick
plate person {
  input group : {x, y}
  ill  : {no, yes} ~ Table() { 0.9, 0.1 }
  test : {no, yes} ~ Table(ill) {
    no  : 0.95, 0.05
    yes : 0.1, 0.9
  }
}
"""


def _fit() -> pgmlang.FittedModel:
    rows = {"group": ["x"] * 4, "ill": ["no", "no", "yes", "no"], "test": ["no", "no", "yes", "yes"]}
    return pgmlang.compile(MODEL).fit(rows, seed=1)


ROWS = {"group": ["x", "x", "y"], "ill": ["no", None, "yes"], "test": ["no", "yes", "yes"]}


def test_dropped_rows_keep_their_place() -> None:
    fit = _fit()
    whole = fit.score(ROWS)
    kept = fit.score(ROWS, missing="drop")
    assert len(kept) == 3
    assert np.isnan(kept[1])
    np.testing.assert_allclose(kept[[0, 2]], whole[[0, 2]])
    # the missing cells are what is asked for
    predicted, answered = fit.predict_columns(ROWS, missing="drop"), fit.predict_columns(ROWS)
    np.testing.assert_array_equal(predicted.columns["P(ill = yes)"], answered.columns["P(ill = yes)"])
    assert not predicted.warnings


def test_impossible_rows_are_named_by_their_place_in_the_table() -> None:
    model = pgmlang.compile(MODEL.replace("0.9, 0.1", "1, 0"))
    fit = model.fit({"group": ["x"], "ill": ["no"], "test": ["no"]}, seed=1)
    found = fit.predict_columns(ROWS, missing="drop")
    assert [w.code for w in found.warnings] == ["PGM0806"]
    assert "row 3" in found.warnings[0].message

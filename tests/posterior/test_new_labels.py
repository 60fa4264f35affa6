"""Labels that a fit has not seen, in rows that it is asked about."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

TEXT = "plate row {\n  z : {u, v} ~ Table(prior = 1)\n  w : {...} ~ Table(z, prior = 1)\n  k : {...} ~ Table(z, prior = 1)\n}\n"
DATA = {"z": ["u", "u", "v", "v", "v"], "w": ["a", "b", "a", "a", "b"], "k": ["x", "y", "y", "y", "x"]}


@pytest.fixture(scope="module")
def fit() -> pgmlang.FittedModel:
    return pgmlang.compile(TEXT).fit(DATA, seed=1)


def test_a_new_label_says_nothing(fit: pgmlang.FittedModel) -> None:
    rows = {"w": ["a", "zebra", "b"], "k": ["x", "x", "new"]}
    blank = {"w": ["a", None, "b"], "k": ["x", "x", None]}
    told = fit.predict_columns(rows, targets=["z"])
    np.testing.assert_allclose(
        told.columns["P(z = u)"], fit.predict_columns(blank, targets=["z"]).columns["P(z = u)"]
    )
    assert [w.code for w in told.warnings] == ["PGM0723", "PGM0723"]
    np.testing.assert_allclose(fit.score(rows, new_labels="prior"), fit.score(blank))


def test_rows_of_new_labels_are_left_out(fit: pgmlang.FittedModel) -> None:
    rows = {"w": ["a", "zebra", "b"], "k": ["x", "x", "y"]}
    columns = fit.predict_columns(rows, targets=["z"], new_labels="drop").columns
    assert columns["z"][1] == ""
    whole = fit.predict_columns({"w": ["a", "b"], "k": ["x", "y"]}, targets=["z"]).columns
    np.testing.assert_allclose(np.array(columns["P(z = u)"])[[0, 2]], whole["P(z = u)"])
    scores = fit.score(rows, new_labels="drop")
    assert np.isnan(scores[1])
    assert np.isfinite(scores[[0, 2]]).all()


def test_refused_where_asked_and_by_score(fit: pgmlang.FittedModel) -> None:
    rows = {"w": ["a", "zebra"], "k": ["x", "x"]}
    for ask in (lambda: fit.score(rows), lambda: fit.predict_columns(rows, new_labels="error")):
        with pytest.raises(PgmError) as caught:
            ask()
        assert caught.value.diagnostics[0].code == "PGM0705"
    with pytest.raises(PgmError) as caught:
        fit.predict_columns(rows, new_labels="maybe")
    assert caught.value.diagnostics[0].code == "PGM0612"
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"z": ["u"], "w": ["zebra"], "k": ["x"]}, new_labels="drop")
    assert caught.value.diagnostics[0].code == "PGM0707"


def test_a_set_that_the_model_closes_has_no_new_labels_unless_it_is_said(fit: pgmlang.FittedModel) -> None:
    rows = {"z": ["u", "t"], "w": ["a", "b"], "k": ["x", "x"]}
    for ask in (fit.predict_columns, fit.score):
        with pytest.raises(PgmError, match=r"new_labels='prior'.*new_labels='drop'") as caught:
            ask(rows)
        assert caught.value.diagnostics[0].code == "PGM0705"
    blank = {**rows, "z": ["u", None]}
    told = fit.predict_columns(rows, new_labels="prior")
    np.testing.assert_allclose(told.columns["P(z = u)"], fit.predict_columns(blank).columns["P(z = u)"])
    assert [w.code for w in told.warnings] == ["PGM0723"]
    np.testing.assert_allclose(fit.score(rows, new_labels="prior"), fit.score(blank))
    assert np.isnan(fit.score(rows, new_labels="drop")).tolist() == [False, True]
    dropped = fit.predict_columns({**rows, "w": [None, "b"]}, targets=["w"], new_labels="drop")
    assert [bool(x) for x in dropped.columns["w"]] == [True, False]


INPUTS = """param b : real
param s : positive
plate row {
  input g : {u, v}
  input x : real
  c : {no, yes} ~ Table(g, prior = 1)
  y ~ Normal(if g == "u" then b * x else -b * x, s)
}
"""


@pytest.fixture(scope="module")
def regression() -> pgmlang.FittedModel:
    rows = {
        "g": list("uvuvuv"),
        "x": [1.0, 2, 3, 4, 5, 6],
        "c": ["no", "yes"] * 3,
        "y": [1.1, -2.1, 2.9, -4, 5, -6.1],
    }
    return pgmlang.compile(INPUTS).fit(rows, method="map", seed=1)


def test_rows_of_inputs_that_the_model_does_not_know_can_be_left_out_alone(
    regression: pgmlang.FittedModel,
) -> None:
    rows = {"g": ["u", "w", "v"], "x": [1.0, 2.0, 3.0], "c": ["no", None, None]}
    columns = regression.predict_columns(rows, new_labels="drop").columns
    known = regression.predict_columns({"g": ["u", "v"], "x": [1.0, 3.0], "c": ["no", None]}).columns
    np.testing.assert_allclose(columns["y"][[0, 2]], known["y"])
    assert np.isnan(columns["y"][1])
    assert columns["c"][1] == ""
    for choice in ({}, {"new_labels": "prior"}, {"new_labels": "error"}):
        with pytest.raises(PgmError, match=r"new_labels='drop'") as caught:
            regression.predict_columns(rows, **choice)
        assert "new_labels='prior'" not in str(caught.value)
    with pytest.raises(PgmError, match="PGM0707"):
        regression.predict_columns({"g": ["w"], "x": [1.0]}, new_labels="drop")


def test_the_rows_of_a_fit_name_no_choice() -> None:
    with pytest.raises(PgmError, match="PGM0705") as caught:
        pgmlang.compile(INPUTS).fit({"g": ["w"], "x": [1.0], "y": [1.0]})
    assert "new_labels" not in str(caught.value)


def test_arrays_of_labels_are_read_as_columns_are() -> None:
    text = "plate row {\n  plate k[2] { z : {u, v} ~ Table(prior = 1) }\n}\n"
    fit = pgmlang.compile(text).fit({"z": np.array([["u", "v"], ["v", "v"], ["u", "u"]])}, seed=1)
    rows = {"z": np.array([["u", "v"], ["t", "v"]])}
    np.testing.assert_allclose(
        fit.score(rows, new_labels="prior"), fit.score({"z": np.array([["u", "v"], [None, "v"]], dtype=object)})
    )
    assert np.isnan(fit.score(rows, new_labels="drop")).tolist() == [False, True]


@pytest.mark.parametrize("more", [{}, {"new_labels": "drop"}])
def test_rows_that_lack_an_input_stay_without_an_answer(
    regression: pgmlang.FittedModel, more: dict[str, str]
) -> None:
    rows = {
        "g": ["u", None, "v", "u"],
        "x": [1.0, 2.0, 3.0, None],
        "c": [None, "no", "yes", "no"],
        "y": [None, None, None, 4.0],
    }
    with pytest.raises(PgmError, match=r"g : \{u, v\} ~ Table.*missing='drop'"):
        regression.predict_columns(rows)
    told = regression.predict_columns(rows, missing="drop", **more)
    good = regression.predict_columns({"g": ["u", "v"], "x": [1.0, 3.0], "c": [None, "yes"]})
    np.testing.assert_allclose(told.columns["y"][[0, 2]], good.columns["y"])
    assert np.isnan(told.columns["y"]).tolist() == [False, True, False, True]
    assert [w.code for w in told.warnings] == ["PGM0725"]
    assert "rows 2, 4" in told.warnings[0].message
    with pytest.warns(pgmlang.PgmWarning, match="PGM0725"):
        assert len(regression.predict(rows, missing="drop", **more)) == 4


def test_rows_are_left_out_for_both_reasons(regression: pgmlang.FittedModel) -> None:
    rows = {"g": ["w", "u", None, "v"], "x": [1.0, 2.0, 3.0, 4.0]}
    columns = regression.predict_columns(rows, missing="drop", new_labels="drop").columns
    assert np.isnan(columns["y"]).tolist() == [True, False, True, False]


def test_rows_that_are_left_out_are_named_where_nothing_is_left_to_predict(
    regression: pgmlang.FittedModel,
) -> None:
    rows = {"g": ["u", None], "x": [1.0, 2.0], "c": ["no", "no"], "y": [1.0, None]}
    with pytest.raises(PgmError, match="PGM0612") as caught:
        regression.predict_columns(rows, missing="drop")
    assert "1 row lacks an input" in caught.value.diagnostics[0].notes[0]


def test_a_score_leaves_out_rows_with_any_missing_cell(regression: pgmlang.FittedModel) -> None:
    rows = {"g": ["u", "v"], "x": [1.0, 2.0], "c": ["no", None], "y": [1.0, -2.0]}
    assert np.isnan(regression.score(rows, missing="drop")).tolist() == [False, True]


KINDS = ["real", "positive", "unit", "count", "bit", "spin", "{u, v}", '{"a b", v}', "{...}", "d"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_is_modelled_as_its_kind_is(kind: str) -> None:
    from pgmlang.binding.inputs import as_modelled

    head = "dim d = {u, v}\nparam m : real\nparam s : positive\nparam a : positive\nparam b : positive\nparam p : unit\nparam rate : positive\n"
    given = pgmlang.compile(f"{head}plate row {{\n  input x : {kind}\n  y ~ Normal(m, s)\n}}\n").model.by_name["x"]
    made = pgmlang.compile(f"{head}plate row {{\n  {as_modelled(given)}\n}}\n").model.by_name["x"]
    assert made.type.kind == given.type.kind

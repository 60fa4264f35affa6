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


def test_a_set_that_the_model_closes_has_no_new_labels(fit: pgmlang.FittedModel) -> None:
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"z": ["u", "t"], "w": ["a", "b"]})
    assert caught.value.diagnostics[0].code == "PGM0705"

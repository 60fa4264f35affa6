"""New rows of a fit may say nothing: they are answered as one such row among others is."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

LABELS = pgmlang.compile("plate row {\n  x : {...} ~ Table()\n  y : {...} ~ Table(x)\n}").fit(
    {"x": ["a", "b", "a"], "y": ["u", "v", "u"]}
)
NUMBERS = pgmlang.compile("mu ~ Normal(0, 5)\nplate row { y ~ Normal(mu, 1) }").fit(
    {"y": [1.0, 2.0]}, method="map"
)


@pytest.mark.parametrize("data", [[{"x": "zz"}], {"y": [None]}, {"x": [None], "y": [None]}, {"y": [None, None]}])
@pytest.mark.filterwarnings("ignore:PGM0723")
def test_labels_by_their_prior(data: object) -> None:
    alone = LABELS.predict(data)
    assert np.allclose(alone["P(x = a)"], 2 / 3)
    assert np.allclose(alone["P(y = u)"], 2 / 3)
    beside = LABELS.predict({"x": ["zz", "a"]})
    assert alone["P(y = u)"][0] == pytest.approx(beside["P(y = u)"][0])


def test_numbers_by_theirs() -> None:
    alone, beside = NUMBERS.predict({"y": [None]}), NUMBERS.predict({"y": [None, 3.0]})
    assert alone["y"][0] == pytest.approx(beside["y"][0])
    assert alone["y.sd"][0] == pytest.approx(1.0)


def test_what_has_no_probability_and_what_is_another_table_are_refused() -> None:
    for fit in (LABELS, NUMBERS):
        with pytest.raises(pgmlang.PgmError, match="PGM0708"):
            fit.score({"y": [None]})
        with pytest.raises(pgmlang.PgmError, match="PGM0708"):
            fit.predict({"quite": ["another"]})
    with pytest.raises(pgmlang.PgmError, match="PGM0708"):
        pgmlang.compile("plate row { y ~ Normal(0, 1) }").bind({"y": [None]})


def test_a_process_over_rows_is_named() -> None:
    """It stands in no plate: the rows are its axis."""
    text = "y[row] ~ MultivariateNormal(0, exp_quad(x, 1, 0.7, noise=0.3))\nplate row { input x }\n"
    fit = pgmlang.compile(text).fit({"x": [1.0, 2.0], "y": [2.0, 1.0]}, method="exact")
    with pytest.raises(pgmlang.PgmError, match="no value of `y`: there is nothing"):
        fit.score_rows(fit.bind({"x": [2.5], "y": [None]}))

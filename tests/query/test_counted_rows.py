"""Rows that stand for several, where labels of outer elements tie them together, are as good as the rows repeated: by every
door, and in the fit."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

GROUPS = """
plate doc {
  topic : {sport, state} ~ Table() { 0.3, 0.7 }
  plate token { w : {ball, vote, year} ~ Table(topic) { sport : 0.6, 0.1, 0.3 ; state : 0.1, 0.6, 0.3 } }
}
"""
CROSSED = """
plate g { s : bit ~ Table() { 0.4, 0.6 } }
plate h { t : bit ~ Table() { 0.7, 0.3 } }
plate row in g, h { x : bit ~ Table(s, t) { 0, 0 : 0.9, 0.1 ; 0, 1 : 0.4, 0.6 ; 1, 0 : 0.2, 0.8 ; 1, 1 : 0.5, 0.5 } }
"""
LEARNED = GROUPS.replace(" { 0.3, 0.7 }", "").replace(" { sport : 0.6, 0.1, 0.3 ; state : 0.1, 0.6, 0.3 }", "")
COUNTS = [3, 1, 2, 0, 2, 4]
WORDS = {"doc": ["a", "b", "b", "c", "a", "c"], "w": ["ball", "year", "vote", "ball", "year", "vote"]}
PAIRS = {"g": ["p", "q", "p", "q", "p", "q"], "h": ["u", "u", "v", "v", "u", "v"], "x": [1, 0, None, 1, 0, None]}


def repeated(columns):
    return {k: [x for x, n in zip(v, COUNTS, strict=True) for _ in range(n)] for k, v in columns.items()}


@pytest.mark.parametrize(
    ("text", "columns", "target"), [(GROUPS, WORDS, "topic"), (CROSSED, PAIRS, "s"), (CROSSED, PAIRS, "x")]
)
def test_scores_and_predictions(text, columns, target):
    asked, counted = pgmlang.compile(text).given(), {**columns, "n": COUNTS}
    total = float(np.nansum(asked.score(repeated(columns))))
    assert float(np.nansum(asked.score(counted, counts="n"))) == pytest.approx(total, abs=1e-10)
    ours = asked.predict_columns(counted, targets=[target], counts="n").columns
    theirs = asked.predict_columns(repeated(columns), targets=[target]).columns
    first = np.cumsum(COUNTS) - COUNTS
    for name, column in ours.items():
        assert len(column) == len(COUNTS)
        for row, (count, copy) in enumerate(zip(COUNTS, first, strict=True)):
            if not count:
                assert column[row] == "" or np.isnan(column[row])
            elif isinstance(column, np.ndarray):
                assert column[row] == pytest.approx(theirs[name][copy], abs=1e-10)
            else:
                assert column[row] == theirs[name][copy]


@pytest.mark.parametrize("method", ["em", "map"])
def test_fits(method):
    model = pgmlang.compile(LEARNED)
    counted = model.fit({**WORDS, "n": COUNTS}, counts="n", method=method, seed=1)
    written = model.fit(repeated(WORDS), method=method, seed=1)
    assert counted.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-6)
    assert float(np.nansum(counted.score({**WORDS, "n": COUNTS}, counts="n"))) == pytest.approx(
        counted.log_likelihood, abs=1e-6
    )


def test_weights_that_are_no_counts_are_refused():
    asked = pgmlang.compile(GROUPS).given()
    with pytest.raises(PgmError) as error:
        asked.score({**WORDS, "n": [0.5, 1, 1, 1, 1, 1]}, weights="n")
    assert error.value.diagnostics[0].code == "PGM0716"
    assert "--counts" in error.value.diagnostics[0].help

"""Names that labels define are answered by the labels, exactly; shares that no draw shows have an error all the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang

RARE = """
plate row {
  a : bit ~ Bernoulli(0.00001)
  c : {x, y, z} ~ Table(a) { 0 : 0.2, 0.3, 0.5 ; 1 : 0.6, 0.3, 0.1 }
  t ~ StudentT(3, 2 * a, 1)
  k ~ Poisson(1 + 20 * a)
  s = 3 * a + (if c == x then 10 else 1)
}
"""


@pytest.fixture(scope="module")
def given():
    return pgmlang.compile(RARE).given()


def worlds(evidence):
    table = {0: [0.2, 0.3, 0.5], 1: [0.6, 0.3, 0.1]}
    for a in (0, 1):
        for c in range(3):
            p = (1e-5 if a else 1 - 1e-5) * table[a][c] * evidence(a, c)
            yield p, 3 * a + (10 if c == 0 else 1)


@pytest.mark.parametrize(
    ("words", "evidence"),
    [
        ("", lambda a, c: 1.0),
        ("k = 20", lambda a, c: stats.poisson.pmf(20, 1 + 20 * a)),
        ("t = 9.5", lambda a, c: stats.t.pdf(9.5 - 2 * a, 3)),
        ("c = x, k = 12", lambda a, c: (c == 0) * stats.poisson.pmf(12, 1 + 20 * a)),
        ("c ~ {x: 0.5, y: 0.1, z: 0.2}, k = 9", lambda a, c: [0.5, 0.1, 0.2][c] * stats.poisson.pmf(9, 1 + 20 * a)),
    ],
)  # fmt: skip
def test_moments_and_events_are_those_of_enumeration(given, words, evidence) -> None:
    parts = list(worlds(evidence))
    total = sum(p for p, _ in parts)
    mean = sum(p * s for p, s in parts) / total
    square = sum(p * s * s for p, s in parts) / total
    bar = f" | {words}" if words else ""
    answer = given.query(f"E(s{bar})")
    assert answer.table[0]["mean"] == pytest.approx(mean, rel=1e-9)
    assert answer.table[0].get("sd", 0.0) == pytest.approx(np.sqrt(square - mean**2), rel=1e-5, abs=1e-7)
    assert "mcse" not in answer.table[0]
    if words:
        assert answer.log_evidence == pytest.approx(np.log(total), abs=1e-9)
    right = sum(p for p, s in parts if s > 2) / total
    assert given.query(f"P(s > 2{bar})").table[0]["p"] == pytest.approx(right, rel=1e-9)


def test_labels_that_are_all_told_leave_one_value(given) -> None:
    assert given.query("E(s | a = 1, c = y, k = 3)").table[0]["mean"] == pytest.approx(4)
    assert given.query("E(s | do(a = 1), do(c = x))").table[0]["mean"] == pytest.approx(13)


def test_what_no_draw_shows_is_not_certain(given) -> None:
    (line,) = given.query("P(t > 1000, k = 3)").table
    assert line["p"] == 0
    assert 1e-4 < line["mcse"] < 1e-3

"""Fields on a part of the line, and fields some of whose values exclude each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import betaln, logit

import pgmlang
from pgmlang.diagnostics import PgmError

POSITIVE = "param w\nplate row {\n  field x : positive\n  factor -w * x\n}\n"
FREE_POSITIVE = "param w\nplate row {\n  field y : real\n  factor -w * exp(y)\n  factor y\n}\n"
UNIT = "param w\nplate row {\n  field x : unit\n  factor w * log(x)\n}\n"
FREE_UNIT = """
param w
plate row {
  field y : real
  factor w * log(sigmoid(y))
  factor log(sigmoid(y)) + log(sigmoid(-y))
}
"""


@pytest.mark.parametrize("method", ["auto", "ml", "score", "pseudo", "cd", "pcd"])
@pytest.mark.parametrize(("text", "kind"), [(POSITIVE, "positive"), (UNIT, "unit")])
def test_bounded_fields_are_refused_with_a_cure(text: str, kind: str, method: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit({"x": [0.2, 0.4, 0.9]}, method=method)
    (problem,) = caught.value.diagnostics
    said = f"the field `x` is {kind}: fields of numbers are learned on the whole real line"
    if method == "auto":
        assert problem.code == "PGM0601"
        for name in ("ml", "score", "pseudo", "cd", "pcd"):
            assert any(n.startswith(f"{name}: ") and said in n for n in problem.notes)
    else:
        assert said in problem.message
        assert "field y : real" in problem.help


def test_the_cures_work() -> None:
    """Maximum likelihood of the rate of an exponential and of a power, by the change of variables."""
    rng = np.random.default_rng(0)
    x = rng.exponential(0.5, 400)
    fit = pgmlang.compile(FREE_POSITIVE).fit({"y": np.log(x)}, method="score", seed=1, options=SLICED)
    assert float(fit.params["w"]) == pytest.approx(2.0, abs=0.4)
    u = rng.beta(3.0, 1.0, 400)
    fit = pgmlang.compile(FREE_UNIT).fit({"y": logit(u)}, method="score", seed=1, options=SLICED)
    best = minimize_scalar(lambda w: -(w * np.log(u) - betaln(w + 1, 1)).sum(), bounds=(0, 9), method="bounded").x
    assert float(fit.params["w"]) == pytest.approx(best, abs=0.5)


SLICED = {"kind": "sliced", "learning_rate": 0.03}
HARD = """
param c
plate row {
  plate site = grid(2, 3) { field s : bit ; factor c * s }
  plate bond(i, j) = edges(site) { factor log(1 - s[i] * s[j]) }
}
"""
EDGES = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
SETS = np.array([s for s in itertools.product([0, 1], repeat=6) if not any(s[i] and s[j] for i, j in EDGES)])


@pytest.mark.parametrize("method", ["ml", "pseudo", "pcd"])
def test_values_that_exclude_each_other(method: str) -> None:
    """Independent sets of a lattice (the hard-core model): likelihoods by listing, no draw beside the support."""
    rows = SETS[np.random.default_rng(1).integers(len(SETS), size=40)]
    fit = pgmlang.compile(HARD).fit({"s": rows}, method=method, seed=1)
    c = float(fit.params["c"])
    expected = c * rows.sum(1) - np.logaddexp.reduce(c * SETS.sum(1))
    np.testing.assert_allclose(fit.score({"s": rows}), expected, atol=1e-9)
    assert fit.score({"s": np.ones((1, 6), dtype=int)})[0] == -np.inf
    if method == "ml":
        weights = np.exp(c * SETS.sum(1))
        assert (weights @ SETS.sum(1)) / weights.sum() == pytest.approx(rows.sum(1).mean(), abs=0.01)
    drawn = np.stack([np.array(v).astype(int) for v in fit.sample_columns(200, seed=1).columns.values()], 1)
    assert not any((drawn[:, i] & drawn[:, j]).any() for i, j in EDGES)

"""Learning fields below directed variables: -log Z of each row's parents is in the likelihood."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.query import table_rows

TEXT = """
param w, u, c
plate row {
  a : bit ~ Table()
  b : {x, y, z} ~ Table(a)
  field s : bit
  field t : bit
  factor w * a * s + (if b == y then u else 0.3) * t
  factor c * s * t
  e ~ Bernoulli(logit = 0.5 * s)
}
"""
PAIRS = list(itertools.product([0, 1], repeat=2))
rng = np.random.default_rng(0)
A, B = rng.integers(0, 2, 300), rng.integers(0, 3, 300)


def energy(p: np.ndarray, s: np.ndarray | int, t: np.ndarray | int) -> np.ndarray:
    return np.asarray(p[0] * A * s + np.where(B == 1, p[1], 0.3) * t + p[2] * s * t)


def log_z(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp.reduce([energy(p, s, t) for s, t in PAIRS]))


TRUE = np.array([1.1, -0.8, 0.6])
CHANCES = np.exp([energy(TRUE, s, t) - log_z(TRUE) for s, t in PAIRS]).T
CODES = np.array([PAIRS[rng.choice(4, p=p)] for p in CHANCES])
S, T = CODES.T
E = (rng.random(300) < 1 / (1 + np.exp(-0.5 * S))).astype(int)
DATA = {"a": A, "b": np.array(list("xyz"))[B], "s": S, "t": T, "e": E}
ROWS = np.log(np.bincount(A) / 300)[A] + E * 0.5 * S - np.logaddexp(0, 0.5 * S)
ROWS = ROWS + np.log([np.bincount(B[a == A], minlength=3)[b] / (a == A).sum() for a, b in zip(A, B, strict=True)])


def log_rows(p: np.ndarray) -> np.ndarray:
    """Of every row, at the shares of the data for the tables."""
    return ROWS + energy(p, S, T) - log_z(p)


BEST = minimize(lambda p: -log_rows(p).sum(), np.zeros(3)).x


def params(fit: pgmlang.FittedModel) -> np.ndarray:
    return np.array([float(fit.params[n]) for n in "wuc"])


def test_maximum_likelihood() -> None:
    fit = pgmlang.compile(TEXT).fit(DATA, seed=1)
    assert fit.record.method == "ml"
    np.testing.assert_allclose(params(fit), BEST, atol=0.03)
    np.testing.assert_allclose(fit.params["a.table"], np.bincount(A) / 300)
    assert fit.log_likelihood == pytest.approx(log_rows(params(fit)).sum())
    assert fit.log_likelihood == pytest.approx(log_rows(BEST).sum(), abs=0.01)
    np.testing.assert_allclose(fit.score(DATA), log_rows(params(fit)), atol=1e-9)


def test_rows_of_wide_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tables are too wide, the rows' parents are inputs of the fields."""
    fit = pgmlang.compile(TEXT).fit(DATA, seed=1, options={"epochs": 50})
    monkeypatch.setattr(table_rows, "LOG2_WIDEST", -1)
    other = pgmlang.FittedModel.of(fit.record)
    np.testing.assert_allclose(other.score(DATA), log_rows(params(fit)), atol=1e-9)
    with pytest.raises(PgmError) as caught:
        other.sample(3)
    assert caught.value.diagnostics[0].code == "PGM0602"


@pytest.mark.parametrize(
    ("method", "options"), [("pseudo", {}), ("cd", {"epochs": 300, "learning_rate": 0.02, "k": 5})]
)
def test_other_methods(method: str, options: dict[str, float]) -> None:
    fit = pgmlang.compile(TEXT).fit(DATA, method=method, seed=1, options=options)
    np.testing.assert_allclose(params(fit), BEST, atol=0.35)
    np.testing.assert_allclose(fit.params["a.table"], np.bincount(A) / 300)


def test_tables_beside_known_factors() -> None:
    """Counts are enough; the log-likelihood has the fields' part in it."""
    fit = pgmlang.compile(TEXT).fit(DATA, fixed=dict(zip("wuc", TRUE, strict=True)))
    assert fit.record.method == "ml"
    assert fit.log_likelihood == pytest.approx(log_rows(TRUE).sum())


def refusal(text: str, data: dict[str, np.ndarray], method: str) -> str:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit(data, method=method)
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0602"
    assert problem.help
    return problem.message


def test_ml_sums_a_hidden_directed_variable_out() -> None:
    """log Z of the fields is a factor of the density: the fit's log-likelihood is that of its scores."""
    hidden = {k: v for k, v in DATA.items() if k != "a"}
    fit = pgmlang.compile(TEXT).fit(hidden, method="ml", seed=1)
    assert fit.log_likelihood == pytest.approx(fit.score(hidden).sum(), abs=1e-6)


@pytest.mark.parametrize("method", ["pseudo", "cd", "pcd"])
def test_what_cannot_be_learned(method: str) -> None:
    hidden = {k: v for k, v in DATA.items() if k != "a"}
    assert "`a` is a directed variable beside the fields, and is not observed" in refusal(TEXT, hidden, method)
    own = TEXT.replace("a : bit ~ Table()", "a ~ Bernoulli(logit = w)")
    assert "`w` of its own is to be learned" in refusal(own, DATA, method)
    below = {k: v for k, v in DATA.items() if k != "s"}
    assert "hangs on `s`, which is hidden" in refusal(TEXT, below, method)


def test_rows_share_no_chains() -> None:
    assert "hang on `a`" in refusal(TEXT, DATA, "pcd")

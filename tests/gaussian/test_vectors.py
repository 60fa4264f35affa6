"""Normal vectors in closed form, by covariance, root and precision: numbers one after the other, against dense conditioning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.gaussian.normal_arguments import COVARIANCE, PRECISION, ROOT, given_those_before

TEXT = """
dim part = {{p, q, r}}
dim kind = {{a, b}}
A[part, part'] = [[1, 0.5, 0], [0, 1, 0.2], [0.3, 0, 1]]
S[part, part'] = [[1, 0.3, 0.1], [0.3, 2, 0], [0.1, 0, 0.7]]
L[kind, part, part'] = [[[1, 0, 0], [0.3, 2, 0], [0.1, 0.4, 0.7]], [[2, 0, 0], [-0.3, 1, 0], [0.1, 0.4, 0.5]]]
plate row {{
  k : kind ~ Table() {{ 0.3, 0.7 }}
  x[part] ~ MultivariateNormal([0, 1, 2], S)
  y[part] ~ {line}
  z ~ Normal(sum(y, over = part) - x[q], 0.5)
}}
"""
A = np.array([[1, 0.5, 0], [0, 1, 0.2], [0.3, 0, 1]])
S = np.array([[1, 0.3, 0.1], [0.3, 2, 0], [0.1, 0, 0.7]])
L = np.array([[[1, 0, 0], [0.3, 2, 0], [0.1, 0.4, 0.7]], [[2, 0, 0], [-0.3, 1, 0], [0.1, 0.4, 0.5]]])
LINES = (
    "MultivariateNormal(A @ x, scale_tril = L[k])",
    "MultivariateNormal(A @ x, L[k] @ transpose(L[k]))",
    "MultivariateNormal(A @ x, precision = inverse(L[k] @ transpose(L[k])))",
    "if k == a then MultivariateNormal(A @ x, scale_tril = L[a]) else MultivariateNormal(A @ x, L[b] @ transpose(L[b]))",
)


def joint(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Of x, y and z given the label."""
    slopes, noise = np.zeros((7, 7)), np.zeros((7, 7))
    slopes[3:6, :3], slopes[6, 3:6], slopes[6, 1] = A, 1.0, -1.0
    noise[:3, :3], noise[3:6, 3:6], noise[6, 6] = S, L[k] @ L[k].T, 0.25
    inverse = np.linalg.inv(np.eye(7) - slopes)
    return inverse @ np.array([0, 1, 2, 0, 0, 0, 0.0]), inverse @ noise @ inverse.T


@pytest.mark.parametrize("line", LINES)
def test_vectors_are_dense_conditioning(line: str) -> None:
    asked = pgmlang.compile(TEXT.format(line=line)).given()
    seen, values, hidden = [4, 6], np.array([0.5, -2.0]), [0, 1, 2, 3, 5]
    logs, means, squares = [], [], []
    for k in (0, 1):
        mean, covariance = joint(k)
        of_seen = covariance[np.ix_(seen, seen)]
        gain = covariance[np.ix_(hidden, seen)] @ np.linalg.inv(of_seen)
        logs.append(np.log([0.3, 0.7][k]) + stats.multivariate_normal(mean[seen], of_seen).logpdf(values))
        means.append(mean[hidden] + gain @ (values - mean[seen]))
        squares.append(
            np.diag(covariance[np.ix_(hidden, hidden)] - gain @ covariance[np.ix_(seen, hidden)]) + means[-1] ** 2
        )
    log_evidence = np.logaddexp(*logs)
    weights = np.exp(np.array(logs) - log_evidence)
    mean = weights @ np.array(means)
    sd = np.sqrt(weights @ np.array(squares) - mean**2)
    told = "y[q] = 0.5, z = -2"
    answer = asked.query(f"P(x, y[p], y[r] | {told})")
    assert [r["mean"] for r in answer.table] == pytest.approx(mean, abs=1e-10)
    assert [r["sd"] for r in answer.table] == pytest.approx(sd, abs=1e-10)
    assert asked.log_z(told) == pytest.approx(log_evidence, abs=1e-10)
    rows = {"y[p]": [np.nan], "y[q]": [0.5], "y[r]": [np.nan], "z": [-2.0]}
    assert asked.score(rows) == pytest.approx(log_evidence, abs=1e-10)
    predicted = asked.predict_columns(rows).columns
    assert [predicted[f"x[{e}]"][0] for e in "pqr"] == pytest.approx(mean[:3], abs=1e-10)
    assert pgmlang.compile(TEXT.format(line=line)).fit(rows, method="exact").log_likelihood == pytest.approx(
        log_evidence, abs=1e-10
    )


@pytest.mark.parametrize("kind", [COVARIANCE, ROOT, PRECISION])
def test_one_after_the_other_is_the_vector(kind: str) -> None:
    rng = np.random.default_rng(0)
    roots = np.tril(rng.normal(size=(5, 4, 4)))
    roots[:, range(4), range(4)] = np.exp(rng.normal(size=(5, 4)))
    covariance = roots @ roots.swapaxes(1, 2)
    slopes, sd = given_those_before(
        {COVARIANCE: covariance, ROOT: roots, PRECISION: np.linalg.inv(covariance)}[kind], kind
    )
    back = np.linalg.inv(np.eye(4) - slopes) * sd[:, None, :]
    assert back @ back.swapaxes(1, 2) == pytest.approx(covariance, rel=1e-9)


def test_an_intervention_is_of_a_whole_vector() -> None:
    asked = pgmlang.compile(TEXT.format(line=LINES[0])).given()
    with pytest.raises(PgmError) as caught:
        asked.query("E(x[q] | do(x[p] = 1))")
    assert caught.value.diagnostics[0].help == "set each of `x[p]`, `x[q]`, `x[r]`"
    done = asked.query("E(y | do(x[p] = 1), do(x[q] = 2), do(x[r] = 3))").table
    assert [r["mean"] for r in done] == pytest.approx(A @ [1, 2, 3])


CHAIN = """
dim part = {p, q}
S[part, part'] = [[1, 0.3], [0.3, 2]]
F[part, part'] = [[0.9, 0.1], [-0.2, 0.8]]
plate step = chain {
  x[part] ~ if first then MultivariateNormal([0, 0], S) else MultivariateNormal(F @ prev(x), S)
  y[part] ~ MultivariateNormal(x, precision = S)
}"""


def test_chains_of_vectors() -> None:
    rng = np.random.default_rng(1)
    count = 150
    y = np.where(rng.random((count, 2)) < 0.3, np.nan, 2 * rng.normal(size=(count, 2)))
    spread, move = np.array([[1, 0.3], [0.3, 2]]), np.array([[0.9, 0.1], [-0.2, 0.8]])
    slopes = np.kron(np.eye(count, k=-1), move)
    inverse = np.linalg.inv(np.eye(2 * count) - slopes)
    states = inverse @ np.kron(np.eye(count), spread) @ inverse.T
    of_y = states + np.kron(np.eye(count), np.linalg.inv(spread))
    seen = ~np.isnan(y.reshape(-1))
    of_seen = of_y[np.ix_(seen, seen)]
    table = {"y[p]": y[:, 0], "y[q]": y[:, 1]}
    asked = pgmlang.compile(CHAIN).given()
    right = stats.multivariate_normal(np.zeros(seen.sum()), of_seen).logpdf(y.reshape(-1)[seen])
    score = asked.score_rows(table)
    assert score.estimator == "exact, by a Kalman filter"
    assert score.total == pytest.approx(right, abs=1e-8)
    mean = states[:, seen] @ np.linalg.solve(of_seen, y.reshape(-1)[seen])
    predicted = asked.predict_columns(table).columns
    assert np.stack([predicted["x[p]"], predicted["x[q]"]], 1).reshape(-1) == pytest.approx(mean, abs=1e-9)


def test_means_of_vectors_are_learned() -> None:
    text = """
dim part = {p, q}
S[part, part'] = [[1, 0.9], [0.9, 2]]
param W[part, part'], c[part] : real
plate row {
  input u[part] : real
  y[part] ~ MultivariateNormal(c + W @ u, S)
}"""
    rng = np.random.default_rng(2)
    u = rng.normal(size=(80, 2))
    y = np.array([1, -1]) + u @ np.array([[1, 2], [3, 4]]).T + rng.normal(size=(80, 2))
    table = {"u[p]": u[:, 0], "u[q]": u[:, 1], "y[p]": y[:, 0], "y[q]": y[:, 1]}
    fit = pgmlang.compile(text).fit(table, seed=1)
    assert fit.record.method == "ml"
    # the same predictors for each: generalised least squares are those of each alone
    best, *_ = np.linalg.lstsq(np.concatenate([np.ones((80, 1)), u], 1), y, rcond=None)
    assert np.asarray(fit.params["c"]) == pytest.approx(best[0], rel=1e-9)
    assert np.asarray(fit.params["W"]) == pytest.approx(best[1:].T, rel=1e-9)
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text.replace("S[part, part'] = [[1, 0.9], [0.9, 2]]", "param S[part, part'] : cov")).fit(
            table, method="ml", seed=1
        )
    assert "the covariance of `y` is to be estimated" in str(caught.value)


def test_a_covariance_that_is_none() -> None:
    text = "dim part = {p, q}\nplate row {\n  input c : real\n  x[part] ~ MultivariateNormal([0, 0], [[1, c], [c, 1]])\n}"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).given().score({"x[p]": [1.0], "x[q]": [2.0], "c": [2.0]})
    assert caught.value.diagnostics[0].code == "PGM0410"

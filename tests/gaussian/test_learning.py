"""Coefficients and sds: least squares against numpy, EM with missing cells against the dense likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import pgmlang
from pgmlang.diagnostics import PgmError

FAR = """
param a, b, c : real
param s, t : positive
plate row {
  input u : real
  x ~ Normal(2e6, 1)
  y ~ Normal(a + b * (x - 1) + c * u * x, s * (if u > 0 then 1 else 2))
  z ~ Normal(3 * u, t)
}
"""
LABELS = """
dim kind = {p, q}
param level[kind], slope : real
param s[kind] : positive
plate row {
  k : kind ~ Table()
  x ~ Normal(slope, 1)
  y ~ Normal(level[k] + slope * x, s[k])
}
"""


def test_least_squares_are_those_of_numpy() -> None:
    """A predictor around 2e6, products with inputs, an sd that rows multiply."""
    rng = np.random.default_rng(0)
    count = 300
    u, x = rng.normal(size=count), 2e6 + 3 * rng.normal(size=count)
    scale = np.where(u > 0, 1, 2)
    y = 5 + 0.25 * x + 1e-6 * u * x + scale * rng.normal(size=count)
    z = 3 * u + 0.5 * rng.normal(size=count)
    fit = pgmlang.compile(FAR).fit({"u": u, "x": x, "y": y, "z": z}, seed=1)
    assert fit.record.method == "ml"
    design = np.stack([np.ones(count), x - 1, u * x], 1) / scale[:, None]
    centred = design.copy()
    centred[:, 1] -= (x.mean() - 1) * design[:, 0]
    best, *_ = np.linalg.lstsq(centred, y / scale, rcond=None)
    best[0] -= best[1] * (x.mean() - 1)
    found = [float(fit.params[n]) for n in "abc"]
    assert found[1:] == pytest.approx(best[1:], rel=1e-9)
    assert found[0] == pytest.approx(best[0], rel=1e-7)
    residual = y / scale - design @ best
    assert float(fit.params["s"]) == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-9)
    assert float(fit.params["t"]) == pytest.approx(np.sqrt(np.mean((z - 3 * u) ** 2)), rel=1e-12)
    errors = fit.record.standard_errors
    sd = float(fit.params["s"])
    assert float(errors["s"]) == pytest.approx(sd / np.sqrt(2 * count), rel=1e-6)
    # what is left of a predictor beside the others
    others = centred[:, [0, 2]]
    beside = centred[:, 1] - others @ np.linalg.lstsq(others, centred[:, 1], rcond=None)[0]
    assert float(errors["b"]) == pytest.approx(sd / np.sqrt(beside @ beside), rel=1e-6)
    mean = found[0] + found[1] * (x - 1) + found[2] * u * x
    right = stats.norm.logpdf(y, mean, sd * scale).sum() + stats.norm.logpdf(x, 2e6, 1).sum()
    right += stats.norm.logpdf(z, 3 * u, float(fit.params["t"])).sum()
    assert fit.log_likelihood == pytest.approx(right, rel=1e-9)


def test_a_coefficient_that_two_sds_share() -> None:
    """Coefficients and sds in turn: a stationary point of the likelihood."""
    rng = np.random.default_rng(1)
    k = rng.integers(0, 2, 200)
    x = 0.5 + rng.normal(size=200)
    y = np.array([1.0, -1.0])[k] + 0.5 * x + np.array([0.3, 2.0])[k] * rng.normal(size=200)
    fit = pgmlang.compile(LABELS).fit({"k": np.array(["p", "q"])[k], "x": x, "y": y}, method="ml", seed=1)

    def negative(v: np.ndarray) -> float:
        return -float(
            stats.norm.logpdf(x, v[2], 1).sum() + stats.norm.logpdf(y, v[:2][k] + v[2] * x, np.exp(v[3:])[k]).sum()
        )

    start = np.concatenate([fit.params["level"], [float(fit.params["slope"])], np.log(fit.params["s"])])
    assert optimize.approx_fprime(start, negative, 1e-6) == pytest.approx(0, abs=2e-3)
    best = optimize.minimize(negative, start + 0.1, method="BFGS", options={"gtol": 1e-8})
    assert start == pytest.approx(best.x, abs=1e-5)
    assert fit.record.parameters["k.table"] == pytest.approx([np.mean(k == 0), np.mean(k == 1)])
    hessian = _hessian(negative, start)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert np.ravel(fit.record.standard_errors["level"]) == pytest.approx(errors[:2], rel=1e-4)
    assert np.ravel(fit.record.standard_errors["s"]) == pytest.approx(errors[3:] * np.exp(start[3:]), rel=1e-4)


def _hessian(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    n = len(at)
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            total = 0.0
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = at.copy()
                moved[i] += a * step
                moved[j] += b * step
                total += a * b * function(moved)
            out[i, j] = total / (4 * step * step)
    return out


MISSING = """
param mx, my, b, c, d : real
param sx, sy, sz : positive
plate row {
  x ~ Normal(mx, sx)
  y ~ Normal(my + b * x, sy)
  z ~ Normal(c * x + d * y, sz)
}
"""


def _moments(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of (x, y, z), by ``mx, my, b, c, d`` and the logs of the sds."""
    mx, my, b, c, d = v[:5]
    slopes = np.array([[0, 0, 0], [b, 0, 0], [c, d, 0]])
    inverse = np.linalg.inv(np.eye(3) - slopes)
    return inverse @ np.array([mx, my, 0]), inverse @ np.diag(np.exp(2 * v[5:8])) @ inverse.T


def _log_normal(x: float, mean: float, sd: float) -> float:
    return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd) - 0.5 * math.log(2 * math.pi)


def _observed(table: np.ndarray, v: np.ndarray) -> float:
    """The log-likelihood of what is seen, row by row."""
    mean, covariance = _moments(v)
    total = 0.0
    for row in table:
        seen = ~np.isnan(row)
        of_seen, gap = covariance[np.ix_(seen, seen)], row[seen] - mean[seen]
        total -= 0.5 * (gap @ np.linalg.solve(of_seen, gap) + np.linalg.slogdet(2 * np.pi * of_seen)[1])
    return float(total)


def test_em_with_missing_cells_is_the_maximum_of_the_dense_likelihood() -> None:
    rng = np.random.default_rng(2)
    count = 50
    x = 1 + rng.normal(size=count)
    y = 2 - 0.7 * x + 0.5 * rng.normal(size=count)
    z = 0.4 * x + 1.1 * y + 0.8 * rng.normal(size=count)
    table = np.where(rng.random((count, 3)) < 0.7, np.stack([x, y, z], 1), np.nan)
    fit = pgmlang.compile(MISSING).fit(
        {"x": table[:, 0], "y": table[:, 1], "z": table[:, 2]},
        seed=1,
        options={"tolerance": 1e-11, "max_iterations": 4000},
    )
    assert fit.record.method == "em"
    assert fit.record.status == "converged"
    names = ["mx", "my", "b", "c", "d"]
    found = np.array(
        [float(fit.params[n]) for n in names] + [np.log(float(fit.params[n])) for n in ("sx", "sy", "sz")]
    )
    assert fit.log_likelihood == pytest.approx(_observed(table, found), abs=1e-8)
    assert optimize.approx_fprime(found, lambda v: _observed(table, v), 1e-6) == pytest.approx(0, abs=1e-3)
    errors = np.sqrt(np.diag(np.linalg.inv(_hessian(lambda v: -_observed(table, v), found))))
    said = np.array([float(fit.record.standard_errors[n]) for n in names])
    assert said == pytest.approx(errors[:5], rel=1e-3)
    assert list(fit.record.trace) == sorted(fit.record.trace)


def test_em_with_missing_labels_and_numbers() -> None:
    """The log-likelihood is that of enumeration, and a place where it is level."""
    rng = np.random.default_rng(3)
    count = 200
    k = rng.integers(0, 2, count)
    x = 0.5 + rng.normal(size=count)
    y = np.array([2.0, -1.0])[k] + 0.5 * x + np.array([0.3, 0.6])[k] * rng.normal(size=count)
    x, y = (np.where(rng.random(count) < 0.8, v, np.nan) for v in (x, y))
    labels = np.where(rng.random(count) < 0.6, np.array(["p", "q"])[k], "")
    fit = pgmlang.compile(LABELS).fit(
        {"k": labels.tolist(), "x": x, "y": y},
        seed=1,
        options={"tolerance": 1e-10, "max_iterations": 3000, "restarts": 2},
    )

    def observed(v: np.ndarray) -> float:
        level, slope, s, shares = (
            v[:2],
            v[2],
            np.exp(v[3:5]),
            np.array([1 - 1 / (1 + np.exp(-v[5])), 1 / (1 + np.exp(-v[5]))]),
        )
        total = 0.0
        for label, a, b in zip(labels, x, y, strict=True):
            parts = []
            for code, name in enumerate("pq"):
                if label in ("", name):
                    log = float(np.log(shares[code]))
                    if not np.isnan(a):
                        log += _log_normal(a, slope, 1)
                    if not np.isnan(b):
                        mean, variance = (level[code] + slope * a, s[code] ** 2) if not np.isnan(a) else (
                            level[code] + slope * slope, s[code] ** 2 + slope**2)  # fmt: skip
                        log += _log_normal(b, mean, math.sqrt(variance))
                    parts.append(log)
            total += float(np.logaddexp.reduce(parts))
        return total

    share = fit.record.parameters["k.table"]
    at = np.concatenate(
        [fit.params["level"], [float(fit.params["slope"])], np.log(fit.params["s"]), [np.log(share[1] / share[0])]]
    )
    assert fit.log_likelihood == pytest.approx(observed(at), abs=1e-7)
    assert optimize.approx_fprime(at, observed, 1e-6) == pytest.approx(0, abs=5e-3)
    errors = np.sqrt(np.diag(np.linalg.inv(_hessian(lambda v: -observed(v), at))))
    assert np.ravel(fit.record.standard_errors["level"]) == pytest.approx(errors[:2], rel=2e-3)
    assert np.ravel(fit.record.standard_errors["s"]) == pytest.approx(errors[3:5] * np.exp(at[3:5]), rel=2e-3)


FACTORS = """
dim item[4]
param w[item], c[item] : real
param s[item] : positive
plate row {
  z ~ Normal(0, 1)
  x[item] ~ Normal(c + w * z, s)
}
"""


def test_a_latent_number_of_every_row() -> None:
    """Factor analysis: the likelihood is that of a normal distribution with covariance w w' + diag(s^2)."""
    rng = np.random.default_rng(4)
    w, c = np.array([1.0, -0.5, 2.0, 0.8]), np.arange(4.0)
    x = c + rng.normal(size=(300, 1)) * w + 0.5 * rng.normal(size=(300, 4))
    fit = pgmlang.compile(FACTORS).fit(
        {f"x[{i}]": x[:, i] for i in range(4)}, method="em", seed=1, options={"tolerance": 1e-9}
    )
    weights, sds = np.asarray(fit.params["w"]), np.asarray(fit.params["s"])
    covariance = np.outer(weights, weights) + np.diag(sds**2)
    assert fit.log_likelihood == pytest.approx(
        stats.multivariate_normal(fit.params["c"], covariance).logpdf(x).sum(), abs=1e-6
    )
    assert covariance == pytest.approx(np.cov(x.T, bias=True), abs=0.05)
    assert np.asarray(fit.params["c"]) == pytest.approx(x.mean(0), abs=1e-6)


def test_predictors_that_are_sums_of_each_other() -> None:
    text = "param a, b, c : real\nparam s : positive\nplate row {\n  input u, v : real\n  y ~ Normal(a + b * u + c * v, s)\n}"
    u = np.arange(20.0)
    fit = pgmlang.compile(text).fit({"u": u, "v": 2 * u + 1, "y": u + np.sin(u)}, method="ml", seed=1)
    assert fit.record.status == "not converged"
    assert any(w.code == "PGM0801" for w in fit.record.warnings)
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit(
            {"u": [1.0, 2.0, 4.0], "v": [0.0, 1.0, 5.0], "y": [1.0, 2.0, 3.0]}, method="ml", seed=1
        )
    assert "no residual is left for `s`" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(("text", "words"), [
    ("param b : positive\nparam s : positive\nplate row { x ~ Normal(0, 1)\n  y ~ Normal(b * x, s) }", "know no bounds"),
    ("param b : real\nparam s : positive\nplate row { x ~ Normal(0, 1)\n  y ~ Normal(b * b * x, s) }", "not linear in the params"),
    ("param s : positive\nplate row { x ~ Normal(0, 1)\n  y ~ Normal(x, sqrt(s)) }", "nor a multiple of one"),
    ("param b : real\nparam s : positive\nplate row { x ~ Normal(b, 1)\n  y ~ StudentT(4, x, s) }", "drawn from StudentT"),
])  # fmt: skip
def test_what_least_squares_do_not_take(text: str, words: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit({"x": [0.5, 1.0, 2.0], "y": [1.0, 2.0, 4.5]}, method="ml", seed=1)
    said: Any = caught.value.diagnostics[0]
    assert said.code == "PGM0602"


def test_rows_that_count_several_times() -> None:
    text = "param a : real\nparam s : positive\nplate row { y ~ Normal(a, s) }"
    model = pgmlang.compile(text)
    once = model.fit({"y": [1.0, 1.0, 1.0, 4.0]}, seed=1)
    counted = model.fit({"y": [1.0, 4.0], "n": [3, 1]}, counts="n", seed=1)
    assert once.record.method == counted.record.method == "ml"
    assert float(counted.params["a"]) == pytest.approx(float(once.params["a"]))
    assert float(counted.params["s"]) == pytest.approx(float(once.params["s"]))
    assert counted.log_likelihood == pytest.approx(once.log_likelihood)


FLAT = """
dim kind = {p, q}
level[kind] ~ Flat()
slope ~ Flat()
param s[kind] : positive
plate row {
  k : kind ~ Table()
  x ~ Normal(slope, 1)
  y ~ Normal(level[k] + slope * x, s[k])
}
"""


def test_flat_priors_are_none() -> None:
    """A coefficient with a flat prior is estimated as a param is, by complete rows and by rows with holes; `auto` draws it."""
    rng = np.random.default_rng(1)
    k = rng.integers(0, 2, 200)
    x = 0.5 + rng.normal(size=200)
    y = np.array([1.0, -1.0])[k] + 0.5 * x + np.array([0.3, 2.0])[k] * rng.normal(size=200)
    labels = np.array(["p", "q"])[k]
    holes = np.where(rng.random(200) < 0.3, np.nan, x)
    for method, column in (("ml", x), ("em", holes)):
        table = {"k": labels, "x": column, "y": y}
        by_params = pgmlang.compile(LABELS).fit(table, method=method, seed=1)
        by_priors = pgmlang.compile(FLAT).fit(table, method=method, seed=1)
        assert by_priors.record.status == "converged"
        assert by_priors.log_likelihood == pytest.approx(by_params.log_likelihood, rel=1e-12)
        for name in ("level", "slope", "s"):
            assert by_priors.params[name] == pytest.approx(by_params.params[name], rel=1e-9)
            assert by_priors.record.standard_errors[name] == pytest.approx(
                by_params.record.standard_errors[name], rel=1e-6
            )
        asked = [f.query("E(y | k = q, x = 2)").table[0]["mean"] for f in (by_params, by_priors)]
        assert asked[0] == pytest.approx(asked[1], rel=1e-9)
    known = FLAT.replace("param s[kind] : positive", "s[kind] = [1, 2]").replace("Table()", "Table() { 0.5, 0.5 }")
    assert pgmlang.compile(known).plan({"k": labels, "x": x, "y": y}).method == "hmc"


@pytest.mark.parametrize(("method", "x"), [("ml", [1.0, 1.0, 1.0, 1.0]), ("em", [1.0, math.nan, 1.0, 1.0])])
def test_a_number_that_does_not_vary(method: str, x: list[float]) -> None:
    text = "param a, b : real\nparam s, t : positive\nplate row { x ~ Normal(a, t)\n  y ~ Normal(b * x, s) }"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit({"x": x, "y": [1.0, 2.0, 3.0, 5.0]}, method=method, seed=1)
    assert "no residual is left for `t`" in caught.value.diagnostics[0].message

"""Numbers that rows share, in closed form, against dense algebra of all cells."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from tests.gaussian.random_shared import SharedModel, random_shared

SEEDS = [*range(6), *(pytest.param(s, marks=pytest.mark.slow) for s in range(6, 150))]


def check(model: SharedModel, **options: object) -> pgmlang.Fit:
    """The fit, whose log-evidence and whose draws' means and sds are right."""
    fit = pgmlang.compile(model.text).fit(model.table, method="exact", seed=1, **options)
    right, log_evidence = model.posterior()
    assert fit.log_likelihood == pytest.approx(log_evidence, rel=1e-9, abs=1e-9)
    for variable, cells in model.names.items():
        draws = fit.draws[variable]
        flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
        assert flat.shape[1] == len(cells)
        for k, cell in enumerate(cells):
            mean, sd = right.get(cell, (model.seen.get(cell), 0.0))
            assert flat[:, k].mean() == pytest.approx(mean, rel=1e-9, abs=1e-9)
            assert flat[:, k].std(ddof=1) == pytest.approx(sd, rel=1e-9, abs=1e-9)
    return fit


@pytest.mark.parametrize("seed", SEEDS)
def test_posteriors_are_those_of_dense_algebra(seed: int) -> None:
    check(random_shared(np.random.default_rng(seed)))


def test_a_coefficient_of_the_row_before() -> None:
    """What is seen is a constant: a number may be multiplied by it."""
    rng = np.random.default_rng(3)
    y = np.cumsum(rng.normal(size=40))
    fit = pgmlang.compile(
        "phi ~ Normal(0.2, 0.5)\nc ~ Normal(0, 2)\nplate t = chain { y ~ Normal(if first then c else c + phi * prev(y), 0.7) }\n"
    ).fit({"y": y}, method="exact")
    design = np.stack([np.ones(40), np.append(0.0, y[:-1])], 1)
    prior = np.diag([1 / 2**2, 1 / 0.5**2])
    precision = prior + design.T @ design / 0.7**2
    mean = np.linalg.solve(precision, prior @ [0, 0.2] + design.T @ y / 0.7**2)
    found = [fit.draws[n].mean() for n in ("c", "phi")]
    assert found == pytest.approx(mean, rel=1e-9)
    sds = [fit.draws[n].reshape(-1).std(ddof=1) for n in ("c", "phi")]
    assert sds == pytest.approx(np.sqrt(np.diag(np.linalg.inv(precision))), rel=1e-9)


def test_vectors_with_a_known_covariance() -> None:
    rng = np.random.default_rng(4)
    text = """
dim part[2]
m[part] ~ MultivariateNormal([1, -1], [[2, 0.6], [0.6, 1]])
plate row { y[part] ~ MultivariateNormal(m, [[1, -0.3], [-0.3, 0.5]]) }
"""
    y = rng.normal(size=(9, 2))
    y[4, 1] = np.nan
    fit = pgmlang.compile(text).fit({"y.0": y[:, 0], "y.1": y[:, 1]}, method="exact")
    prior, noise = np.array([[2, 0.6], [0.6, 1]]), np.array([[1, -0.3], [-0.3, 0.5]])
    covariance = np.kron(np.ones((10, 10)), prior) + np.kron(np.diag([0.0, *[1.0] * 9]), noise)
    mean = np.tile([1.0, -1.0], 10)
    seen = np.append([False, False], ~np.isnan(y.reshape(-1)))
    gap = y.reshape(-1)[seen[2:]] - mean[seen]
    of_seen = covariance[np.ix_(seen, seen)]
    log = -0.5 * gap @ np.linalg.solve(of_seen, gap) - 0.5 * np.linalg.slogdet(2 * np.pi * of_seen)[1]
    centre = mean[~seen] + covariance[np.ix_(~seen, seen)] @ np.linalg.solve(of_seen, gap)
    assert fit.log_likelihood == pytest.approx(float(log), abs=1e-9)
    assert fit.draws["m"].mean((0, 1)) == pytest.approx(centre[:2], abs=1e-9)
    assert fit.draws["y"].mean((0, 1))[4, 1] == pytest.approx(centre[2], abs=1e-9)


def test_predictors_that_are_all_but_collinear_and_far_from_zero() -> None:
    """The normal equations lose all digits; rotations of the rows do not."""
    rng = np.random.default_rng(5)
    x = 2e6 + rng.normal(size=200)
    y = 3 + 2 * (x - 2e6) + 0.1 * rng.normal(size=200)
    text = "a ~ Normal(0, 1e7)\nb ~ Normal(0, 10)\nplate row {\n  input x\n  y ~ Normal(a + b * x, 0.1)\n}\n"
    fit = pgmlang.compile(text).fit({"x": x, "y": y}, method="exact")
    # the same in x - 2e6, which is well conditioned: a = c - 2e6 b
    moved = np.stack([np.ones(200), x - 2e6], 1) / 0.1
    prior = np.array([[1e-7, -0.2], [0.0, 0.1]])
    design, right = np.vstack([prior, moved]), np.concatenate([[0, 0], y / 0.1])
    b = np.linalg.lstsq(design, right, rcond=None)[0][1]
    sd = np.sqrt(np.linalg.inv(design.T @ design)[1, 1])
    assert fit.draws["b"].mean() == pytest.approx(b, abs=1e-3 * sd)
    assert fit.draws["b"].std(ddof=1) == pytest.approx(sd, rel=1e-6)


def test_rows_that_count_several_times() -> None:
    text = "a ~ Normal(0, 2)\nplate row { y ~ Normal(a, 1.5) }\n"
    model = pgmlang.compile(text)
    counted = model.fit({"y": [1.0, 2.5, -1.0], "n": [3, 1, 2]}, counts="n", method="exact")
    written = model.fit({"y": [1.0, 1.0, 1.0, 2.5, -1.0, -1.0]}, method="exact")
    assert counted.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-12)
    assert counted.draws["a"].mean() == pytest.approx(written.draws["a"].mean(), abs=1e-12)
    own = pgmlang.compile("a ~ Normal(0, 2)\nplate row {\n  z ~ Normal(a, 1)\n  y ~ Normal(z, 1.5)\n}\n")
    counted = own.fit({"y": [1.0, 2.5], "n": [2, 1]}, counts="n", method="exact")
    written = own.fit({"y": [1.0, 1.0, 2.5]}, method="exact")
    assert counted.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-12)
    assert counted.draws["z"].shape == written.draws["z"].shape


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a ~ Normal(0, 2)\nplate row { y ~ Normal(a, exp(a)) }\n", "the sd of `y` hangs on numbers"),
        ("a ~ Normal(0, 2)\nplate row { y ~ Normal(a^2, 1) }\n", "the mean of `y` is not linear"),
        ("a ~ Gamma(2, 2)\nplate row { y ~ Normal(a, 1) }\n", "`a` is positive"),
        ("a ~ Normal(0, 2)\nplate row {\n  k ~ Bernoulli(0.5)\n  y ~ Normal(a + k, 1)\n}\n", "has labels that are not seen"),
    ],
)  # fmt: skip
def test_what_is_not_linear_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(pgmlang.PgmError, match=words):
        pgmlang.compile(text).fit({"y": [1.0, 2.0]}, method="exact")
    assert "exact" not in str(pgmlang.compile(text).plan({"y": [1.0, 2.0]}).method)


def test_auto_takes_it_and_a_seed_gives_the_same_draws() -> None:
    model = pgmlang.compile("a ~ Normal(0, 2)\nplate row { y ~ Normal(a, 1.5) }\n")
    one, again, other = (model.fit({"y": [1.0, 2.5, -1.0]}, seed=s) for s in (1, 1, 2))
    assert one.plan.method == "exact"
    assert (one.draws["a"] == again.draws["a"]).all()
    assert (one.draws["a"] != other.draws["a"]).any()
    assert one.draws["a"].shape == (4, 1000)
    assert one.diagnose().bad == ()

"""Fits in units far from one come to the estimates and errors of the same data in units of one."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

N = 80


def location(family: str, y: np.ndarray) -> pgmlang.Fit:
    text = f"param m : real\nparam s : positive\nplate row {{ y ~ {family} }}"
    return pgmlang.compile(text).fit({"y": y}, method="map", seed=1)


@pytest.mark.parametrize("family", ["StudentT(4, m, s)", "Normal(m, s)", "Cauchy(m, s)", "Logistic(m, s)"])
@pytest.mark.parametrize(
    ("loc", "unit"), [(1e12, 1e8), (-1e12, 10.0), (1e7, 1e-2), (0.0, 1e6), (2e-9, 1e-9), (0.0, 1e-12)]
)
def test_a_location_and_a_scale_in_any_unit(family: str, loc: float, unit: float) -> None:
    y = np.random.default_rng(3).standard_t(4, N)
    near, far = location(family, y), location(family, loc + unit * y)
    assert near.record.status == far.record.status == "converged"
    assert (far.params["m"] - loc) / unit == pytest.approx(near.params["m"], abs=2e-3)
    assert far.params["s"] / unit == pytest.approx(near.params["s"], rel=2e-3)
    for name in "ms":
        there, here = (f.record.standard_errors[name] for f in (far, near))
        assert there / unit == pytest.approx(here, rel=5e-3)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("offset", [1e3, 1e4, 1e6])
def test_a_line_over_a_column_far_from_zero(offset: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    x = offset + rng.normal(size=N)
    y = 1 + 2 * x + noise * rng.normal(size=N)
    text = "param a : real\nparam b : real\nplate row { input x ; y ~ Normal(a + b * x, 1) }"
    fit = pgmlang.compile(text).fit({"x": x, "y": y}, method="map", seed=1)
    assert fit.record.status == "converged"
    assert fit.record.provenance["steps"] <= 60
    away = x - x.mean()
    b = (away * (y - y.mean())).sum() / (away**2).sum()
    assert fit.params["b"] == pytest.approx(b, abs=1e-4)
    errors = fit.record.standard_errors
    assert errors["b"] == pytest.approx(1 / np.sqrt((away**2).sum()), rel=2e-3)
    assert errors["a"] == pytest.approx(np.sqrt(1 / N + x.mean() ** 2 / (away**2).sum()), rel=2e-3)


def test_a_parabola_over_years() -> None:
    rng = np.random.default_rng(0)
    year = np.arange(1950.0, 2030)
    y = 3 + 0.2 * year + 0.01 * year**2 + rng.normal(size=len(year))
    text = (
        "param a : real\nparam b : real\nparam c : real\nparam s : positive\n"
        "plate row { input x ; y ~ Normal(a + b * x + c * x^2, s) }"
    )
    fit = pgmlang.compile(text).fit({"x": year, "y": y}, method="map", seed=1)
    assert fit.record.status == "converged"
    t = year - year.mean()
    design = np.column_stack([np.ones(len(t)), t, t**2])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    s = np.sqrt(((y - design @ beta) ** 2).mean())
    assert fit.params["c"] == pytest.approx(beta[2], rel=1e-4)
    assert fit.params["s"] == pytest.approx(s, rel=1e-3)
    error = s * np.sqrt(np.linalg.inv(design.T @ design)[2, 2])
    assert fit.record.standard_errors["c"] == pytest.approx(error, rel=2e-3)


@pytest.mark.parametrize(("text", "names"), [
    ("param a : real\nparam b : real\nplate row { input x ; y ~ Normal(a + b, 1) }", "ab"),
    ("param a : real\nparam b : real\nplate row { input x ; y ~ Normal(1e6 * a + b, 1) }", "ab"),
    ("param a : positive\nparam b : positive\nplate row { input x ; y ~ Normal(a * b * x, 1) }", "ab"),
    ("param a : real\nparam b : real\nparam c : real\nplate row { input x ; y ~ Normal(a * x + b * x + c, 1) }", "ab"),
    ("param a : real\nparam b : real\nplate row { input x ; z : bit ~ Bernoulli(logit = a * x - b * x) }", "ab"),
])  # fmt: skip
def test_what_the_data_do_not_tell_apart_is_still_named(text: str, names: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=N)
    data = {"x": x, "z": rng.integers(2, size=N)} if "z :" in text else {"x": x, "y": 5 + x + rng.normal(size=N)}
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)
    assert fit.record.status == "not converged"
    told = " ".join(str(w) for w in fit.record.warnings)
    assert all(f"`{n}`" in told for n in names)
    assert "do not tell" in told


@pytest.mark.parametrize("logit", ["a + b * x", "a - b * x", "b * (x - a)", "(a - b) * x"])
def test_separable_classes_have_no_end_along_any_combination(logit: str) -> None:
    x = np.linspace(-2, 2, N)
    text = f"param a : real\nparam b : real\nplate row {{ input x ; z : bit ~ Bernoulli(logit = {logit}) }}"
    fit = pgmlang.compile(text).fit({"x": x, "z": (x > 0).astype(int)}, method="map", seed=1)
    assert fit.record.status == "not converged"
    told = " ".join(str(w) for w in fit.record.warnings)
    assert "`b`" in told
    assert "no finite estimate" in told
    assert fit.diagnose()[0].where == "not converged"
    assert np.isnan(fit.record.standard_errors["b"])


@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_a_spread_that_falls_to_zero_is_given_up_in_any_unit(unit: float) -> None:
    fit = location("Normal(m, s)", np.full(N, 2 * unit)).record
    assert fit.status != "converged"
    assert "`s`" in fit.warnings[0].message
    assert "no finite estimate" in fit.warnings[0].message


HEAD = "param share[k] : simplex\nplate k[2] { "
ROW = " }\nplate row { z ~ Categorical(share) ; "
MIXTURES = {
    "columns": "dim d[2]\n" + HEAD + "param m[d] : real\n param s[d] : positive" + ROW + "x[d] ~ Normal(m[z], s[z]) }",
    "matrices": "dim d[2]\ndim e like d\n" + HEAD + "param m[d] : real\n param S[d, e] : cov" + ROW + "x[d] ~ MultivariateNormal(m[z], S[z]) }",
    "one spread": HEAD + "param m : real }\nparam s : positive\nplate row { z ~ Categorical(share) ; x ~ Normal(m[z], s) }",
}  # fmt: skip


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_by_em(name: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 2)) + 5 * rng.integers(2, size=(200, 1)) * np.array([1.0, -0.4])
    x = x[:, 0] if name == "one spread" else x
    model = pgmlang.compile(MIXTURES[name])
    near = model.fit({"x": x}, method="em", seed=1)
    for unit in (1e-8, 1e8):
        far = model.fit({"x": unit * x}, method="em", seed=1)
        assert near.record.status == far.record.status == "converged"
        assert near.record.log_likelihood is not None
        assert far.record.log_likelihood == pytest.approx(
            near.record.log_likelihood - x.size * np.log(unit), abs=1e-6
        )
        np.testing.assert_allclose(np.asarray(far.params["m"]) / unit, near.params["m"], rtol=1e-5, atol=1e-5)
        errors = (f.record.standard_errors["m"] for f in (far, near))
        np.testing.assert_allclose(next(errors) / unit, next(errors), rtol=1e-4)
        assert far.score({"x": unit * x}).sum() == pytest.approx(far.record.log_likelihood, rel=1e-12)

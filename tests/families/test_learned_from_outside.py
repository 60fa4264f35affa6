"""A learned density that no file of the package knows: one class and one row are trained, scored and drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.families import LEARNED, LearnedFamily, register_learned

ROW = LearnedFamily("LinearChain", 1, "real", "linear in those before", "tests.families.toy_density.LinearChain")
TEXT = "dim wave = {a, b, c}\nplate row { x[wave] ~ LinearChain(2) }\n"
GIVEN = "dim wave = {a, b, c}\nplate row {\n  input u : real\n  x[wave] ~ LinearChain(2, given = u)\n}\n"


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_learned(ROW)
    yield
    del LEARNED["LinearChain"]


def rows(count: int = 60) -> np.ndarray:
    rng = np.random.default_rng(3)
    mixing = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.5, 0.6]])
    return np.asarray(rng.normal(size=(count, 3)) @ mixing.T + [0.5, -1.0, 0.2])


def columns(x: np.ndarray) -> dict[str, np.ndarray]:
    return {name: x[:, i] for i, name in enumerate("abc")}


def test_its_networks_are_trained_and_its_score_is_exact() -> None:
    """The maximum of the likelihood is the normal with the mean and the covariance of the rows."""
    x = rows()
    model = pgmlang.compile(TEXT)
    assert not model.warnings
    fit = model.fit(columns(x), method="map", seed=1, options={"epochs": 400, "learning_rate": 0.05})
    best = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True))
    assert np.asarray(fit.score(columns(x))).sum() == pytest.approx(best.logpdf(x).sum(), abs=0.05)
    drawn = fit.sample_columns(4000, seed=1).columns
    again = np.stack([np.asarray(drawn[k], dtype=float) for k in drawn], -1)
    np.testing.assert_allclose(np.cov(again.T), np.cov(x.T, bias=True), atol=0.15)


def test_what_it_is_given_reaches_it() -> None:
    x, u = rows(), np.linspace(-1, 1, 60)
    x = x + u[:, None] * np.array([1.0, 0.0, -2.0])
    fit = pgmlang.compile(GIVEN).fit(
        {**columns(x), "u": u}, method="map", seed=1, options={"epochs": 400, "learning_rate": 0.05}
    )
    design = np.stack([np.ones(60), u], -1)
    rest = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    best = stats.multivariate_normal(np.zeros(3), rest.T @ rest / 60).logpdf(rest).sum()
    assert np.asarray(fit.score({**columns(x), "u": u})).sum() == pytest.approx(best, abs=0.05)


def test_values_that_are_not_seen_are_refused() -> None:
    """A density of whole vectors has no term for part of one."""
    x = rows()
    x[3, 1] = np.nan
    with pytest.raises(PgmError, match="not all of its values are seen"):
        pgmlang.compile(TEXT).fit(columns(x), method="map")
    dropped = pgmlang.compile(TEXT).fit(columns(x), method="map", missing="drop", options={"epochs": 2})
    assert dropped.params


@pytest.mark.parametrize("method", ["map", "elbo"])
def test_beside_a_latent(method: str) -> None:
    """A latent spread of what is drawn given the vector: mean square of the residuals, its sd by the curvature."""
    x = rows()
    y = x.sum(1) + np.random.default_rng(0).normal(size=60) * 0.5
    text = "dim wave = {a, b, c}\ns ~ HalfNormal(2)\nplate row {\n  x[wave] ~ LinearChain(2)\n  y ~ Normal(sum(x), s)\n}\n"
    options = {"epochs": 150, "learning_rate": 0.1}
    fit = pgmlang.compile(text).fit({**columns(x), "y": y}, method=method, seed=1, options=options)
    spread = np.sqrt(np.mean((y - x.sum(1)) ** 2))
    best = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True)).logpdf(x).sum()
    best += stats.norm(x.sum(1), spread).logpdf(y).sum()
    s = np.asarray(fit.draws["s"] if method == "elbo" else fit.params["s"])
    assert s.mean() == pytest.approx(spread, abs=0.02)
    if method == "elbo":
        assert s.std() == pytest.approx(spread / np.sqrt(120), rel=0.3)
    assert np.asarray(fit.score({**columns(x), "y": y})).sum() == pytest.approx(best, abs=1.0)


def test_given_a_latent() -> None:
    """A latent that moves the mean: the marginal is a normal too, whose likelihood the bound comes near from below."""
    x = rows()
    text = "dim wave = {a, b, c}\nplate row {\n  u ~ Normal(0, 1)\n  x[wave] ~ LinearChain(2, given = u)\n}\n"
    options = {"epochs": 150, "learning_rate": 0.1}
    fit = pgmlang.compile(text).fit(columns(x), method="elbo", seed=1, options=options)
    best = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True)).logpdf(x).sum()
    assert best - 4 < fit.record.trace[-1] * 60 < best + 1


@pytest.mark.parametrize(
    "combinator", ["Truncated({}, lower = 0)", "Censored({}, lower = 0)", "ZeroInflated(0.2, {})"]
)
def test_it_is_not_a_base(combinator: str) -> None:
    text = f"dim wave = {{a, b, c}}\nplate row {{ x[wave] ~ {combinator.format('LinearChain(2)')} }}\n"
    with pytest.raises(PgmError, match="is not of `LinearChain`: its networks give the density of whole vectors"):
        pgmlang.compile(text)


def test_what_is_said_of_it() -> None:
    """The torch program has it; the Pyro model is left out with its name; several axes are an error of the text."""
    program = pgmlang.compile(TEXT).program
    assert "tests.families.toy_density.LinearChain" in program.source
    assert "`LinearChain` in Pyro" in program.left_out["model"]
    with pytest.raises(PgmError, match="is a density over one axis, and `x` has 2"):
        pgmlang.compile(TEXT.replace("x[wave]", "x[k, wave]").replace("plate", "dim k[2]\nplate"))


def test_its_name_is_taken() -> None:
    with pytest.raises(ValueError, match="there is a family"):
        register_learned(ROW)

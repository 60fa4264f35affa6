"""Models whose geometry is bad, nothing centred or scaled by hand: each converges by `auto`, and means and sds are right."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from tests.models.simulated import Simulated, Tables, check

Rng = np.random.Generator
LINE = (
    "a ~ Flat()\nb ~ Flat()\ns : positive ~ Flat()\nplate row {\n  input x : real\n  y ~ Normal(a + b * x, s)\n}"
)
FACTORS = [f"f{k:02d}" for k in range(20)]


def far(rng: Rng) -> Tables:
    x = 2e6 + 1e3 * rng.normal(size=200)
    return {"": {"x": x, "y": 5 + 0.003 * x + rng.normal(0, 2, 200)}}


def collinear(rng: Rng) -> Tables:
    x1 = rng.normal(size=200)
    x2 = 0.9999 * x1 + np.sqrt(1 - 0.9999**2) * rng.normal(size=200)
    return {"": {"x1": x1, "x2": x2, "y": 1 + 2 * x1 - x2 + rng.normal(size=200)}}


def tiny(rng: Rng) -> Tables:
    return {"": {"y": 3 + 1e-6 * rng.normal(size=100)}}


def crossed(rng: Rng) -> Tables:
    y, columns = 1 + 0.5 * rng.normal(size=600), {}
    for k, name in enumerate(FACTORS):
        levels = int(rng.integers(4, 12))
        code = rng.integers(0, levels, 600)
        y = y + rng.normal(0, 0.6 if k % 2 else 0.1, levels)[code]
        columns[name] = [f"l{c}" for c in code]
    return {"row": {**columns, "y": y}}


def sparse(rng: Rng) -> Tables:
    x = rng.normal(size=(100, 60))
    y = x[:, :3] @ [2, -1.5, 1] + rng.normal(size=100)
    return {"": {**{f"x.p{k:02d}": x[:, k] for k in range(60)}, "y": y}}


def growth(rng: Rng) -> Tables:
    day, sizes = np.array([118.0, 484, 664, 1004, 1231, 1372, 1582]), np.exp(rng.normal(5.2, 0.2, 6))
    curves = sizes[:, None] / (1 + 8 * np.exp(-np.exp(rng.normal(-5.85, 0.1, 6))[:, None] * day))
    trees = [f"t{k}" for k in range(6)]
    return {
        "": {
            "tree": np.repeat(trees, 7).tolist(),
            "x": np.tile(day, 6),
            "y": (curves + rng.normal(0, 7, curves.shape)).ravel(),
        }
    }


def counts(rng: Rng) -> Tables:
    x = np.sort(rng.uniform(0, 10, 100))
    return {"": {"x": x, "y": rng.poisson(np.exp(1 + np.sin(1.5 * x)))}}


MODELS = {
    "a predictor around 2,000,000": Simulated(LINE, far, {"b": 0.003, "s": 2}),
    "correlated by 0.9999": Simulated(
        "a ~ Normal(0, 10)\nb1 ~ Normal(0, 10)\nb2 ~ Normal(0, 10)\ns ~ HalfNormal(5)\nplate row {\n  input x1, x2 : real\n"
        "  y ~ Normal(a + b1 * x1 + b2 * x2, s)\n}\nboth = b1 + b2",
        collinear, {"a": 1, "both": 1, "b1": 2, "s": 1},
    ),
    "an sd of 1e-6": Simulated("m ~ Flat()\ns : positive ~ Flat()\nplate row { y ~ Normal(m, s) }", tiny, {"m": 3, "s": 1e-6}),
    "twenty crossed effects": Simulated(
        "mu ~ Normal(0, 5)\ns ~ HalfNormal(2)\n"
        + "".join(f"t{f} ~ HalfNormal(1)\nplate {f} {{ e{f} ~ Normal(0, t{f}) }}\n" for f in FACTORS)
        + f"plate row in {', '.join(FACTORS)} {{\n  y ~ Normal(mu + {' + '.join('e' + f for f in FACTORS)}, s)\n}}",
        crossed, {"s": 0.5},
    ),
    "a horseshoe": Simulated(
        "dim predictor\ntau ~ HalfCauchy(1)\nlambda[predictor] ~ HalfCauchy(1)\nbeta[predictor] ~ Normal(0, lambda * tau)\n"
        "s ~ HalfNormal(2)\nplate row {\n  input x[predictor] : real\n  y ~ Normal(x @ beta, s)\n}",
        sparse, {"beta[p00]": 2, "beta[p01]": -1.5, "beta[p02]": 1, "beta[p40]": 0, "s": 1},
    ),
    "growth that is over long before the first day, near zero": Simulated(
        "size ~ Normal(0, 100)\nratio ~ Normal(0, 100)\nrate ~ Normal(0, 100)\nt_size ~ Gamma(0.001, 0.001)\nt_ratio ~ Gamma(0.001, 0.001)\n"
        "t_rate ~ Gamma(0.001, 0.001)\nt ~ Gamma(0.001, 0.001)\ns = 1 / sqrt(t)\nplate tree {\n  a ~ Normal(size, precision = t_size)\n"
        "  b ~ Normal(ratio, precision = t_ratio)\n  c ~ Normal(rate, precision = t_rate)\n  plate row {\n    input x : real\n"
        "    y ~ Normal(exp(a) / (1 + (exp(b) - 1) * exp(-exp(c) * x)), precision = t)\n  }\n}",
        growth, {"size": 5.2, "rate": -5.85, "s": 7},
    ),
    "a process of a hundred counts": Simulated(
        "length ~ InverseGamma(5, 5)\nscale ~ HalfNormal(1)\na ~ Normal(0, 1)\nf[row] ~ MultivariateNormal(0, exp_quad(x, scale, length, noise = 1e-3))\n"
        "plate row {\n  input x : real\n  y ~ Poisson(exp(a + f))\n}",
        counts, {"a": 1},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_converges(name: str) -> None:
    check(MODELS[name])


@pytest.mark.slow
def test_a_line_far_away_has_the_figures_of_least_squares() -> None:
    model = MODELS["a predictor around 2,000,000"]
    data = model.tables(np.random.default_rng(1))[""]
    slope, spread = check(model).summary("b", "s").frame.to_dict("records")
    x, y = data["x"] - data["x"].mean(), data["y"] - data["y"].mean()
    b = x @ y / (x @ x)
    s2 = ((y - b * x) ** 2).sum() / (200 - 3)  # under flat priors of a, b and s
    assert abs(slope["mean"] - b) < 0.1 * slope["sd"]
    assert slope["sd"] == pytest.approx(np.sqrt(s2 * 197 / 195 / (x @ x)), rel=0.05)
    assert spread["mean"] == pytest.approx(np.sqrt(s2), rel=0.01)


@pytest.mark.slow
def test_neals_funnel() -> None:
    text = "dim k[9]\nv ~ Normal(0, 3)\nx[k] ~ Normal(0, exp(v / 2))\nplate row { y ~ Normal(0, 1) }"
    fit = pgmlang.compile(text).fit({"y": [0.0]}, seed=1)
    assert fit.record.status == "converged"
    v = fit.draws["v"]
    assert abs(v.mean()) < 0.15 * 3
    assert v.std() == pytest.approx(3, rel=0.15)
    assert np.quantile(v, 0.01) == pytest.approx(-6.98, abs=0.7)

"""Missing cells of numbers that others hang on: latent, in every sampler, and filled in by predictions."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

RNG = np.random.default_rng(3)
COVARIATE = """
a ~ Normal(0, 3)
b ~ Normal(0, 3)
plate row {
  x ~ Normal(1, 2)
  y ~ Normal(a + b * x, 0.5)
}
"""
SERIES = """
phi ~ Normal(0, 1)
plate t = chain { y ~ if first then Normal(0, 3) else Normal(phi * prev(y), 0.5) }
"""
VECTORS = """
dim v = {a, b}
m ~ Normal(0, 5)
plate row { y[v] ~ MultivariateNormal(m, [[1, 0.8], [0.8, 1]]) }
"""


def covariates(n: int = 40) -> dict[str, np.ndarray]:
    x = RNG.normal(1, 2, n)
    y = 0.5 + 0.8 * x + RNG.normal(0, 0.5, n)
    return {"x": np.where(np.arange(n) % 3 == 1, np.nan, x), "y": y}


def of_covariates(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of b: missing cells integrated out (y is normal without them), a grid over both coefficients."""
    a, b = np.linspace(-2, 3, 201)[:, None, None], np.linspace(-1, 3, 321)[None, :, None]
    x, y = data["x"], data["y"]
    seen = ~np.isnan(x)
    log = -0.5 * (a[..., 0] / 3) ** 2 - 0.5 * (b[..., 0] / 3) ** 2
    log = log - 0.5 * (((y[seen] - a - b * x[seen]) / 0.5) ** 2).sum(-1)
    variance = 0.25 + 4 * b**2
    log = log - 0.5 * ((y[~seen] - a - b) ** 2 / variance + np.log(variance)).sum(-1)
    weight = np.exp(log - log.max()).sum(0)
    weight /= weight.sum()
    grid = b[0, :, 0]
    mean = weight @ grid
    return mean, np.sqrt(weight @ (grid - mean) ** 2)


@pytest.mark.parametrize(
    ("method", "backend"),
    [(m, "torch") for m in ("hmc", "langevin", "mh", "tempering(hmc, 2)")] + [("hmc", "native"), ("mh", "native")],
)
def test_a_covariate(method: str, backend: str) -> None:
    data = covariates()
    fit = pgmlang.compile(COVARIATE).fit(
        data, method=method, seed=2, options={"chains": 8, "warmup": 400, "draws": 1200 if method in ("mh", "langevin") else 400, "backend": backend}
    )  # fmt: skip
    mean, sd = of_covariates(data)
    assert float(fit.draws["b"].mean()) == pytest.approx(mean, abs=0.3 * sd)
    assert float(fit.draws["b"].std()) == pytest.approx(sd, rel=0.2)
    seen = ~np.isnan(data["x"])
    assert (fit.draws["x"][:, :, seen] == data["x"][seen]).all()
    assert (fit.draws["x"][:, :, ~seen].std((0, 1)) > 0.1).all()


def test_both_backends_have_one_density() -> None:
    import torch

    from pgmlang.density.target import target_of
    from tests.infer.by_hand import problem_of

    data = {k: v[:12] for k, v in covariates().items()}
    problem = problem_of(COVARIATE, data)
    by_torch, by_loops = target_of(problem), target_of(problem, backend="native")
    assert by_torch.dimension == by_loops.dimension == 2 + int(np.isnan(data["x"]).sum())
    x = torch.randn(5, by_torch.dimension, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for one, other in zip(by_torch.value_and_grad(x), by_loops.value_and_grad(x), strict=True):
        torch.testing.assert_close(one - one[0], other - other[0], rtol=1e-9, atol=1e-9)
    values, _ = by_torch.values(x)
    torch.testing.assert_close(by_torch.free(values), x)


def test_links_of_a_chain() -> None:
    """By a Kalman filter and a grid over phi."""
    y = np.zeros(80)
    for i in range(1, 80):
        y[i] = 0.8 * y[i - 1] + RNG.normal(0, 0.5)
    y[3::7] = np.nan
    phi = np.linspace(0, 1.2, 601)
    log, m, v = -0.5 * phi**2, np.zeros(601), np.full(601, 9.0)
    for i, seen in enumerate(y):
        if i:
            m, v = phi * m, phi**2 * v + 0.25
        if not np.isnan(seen):
            log = log - 0.5 * ((seen - m) ** 2 / v + np.log(v))
            m, v = np.full(601, seen), np.zeros(601)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = weight @ phi
    sd = np.sqrt(weight @ (phi - mean) ** 2)
    fit = pgmlang.compile(SERIES).fit({"y": y}, method="hmc", seed=2, options={"warmup": 300, "draws": 300})
    assert float(fit.draws["phi"].mean()) == pytest.approx(mean, abs=0.15 * sd)
    assert float(fit.draws["phi"].std()) == pytest.approx(sd, rel=0.1)


def test_cells_of_vectors() -> None:
    """What is seen of a row tells of what is not: m by the precision of its rows, in closed form."""
    z = RNG.normal(size=(30, 2))
    y = 2 + np.stack([z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1]], -1)
    y[::3, 0] = np.nan
    y[4] = np.nan
    half, whole = np.isnan(y[:, 0]) & ~np.isnan(y[:, 1]), ~np.isnan(y).any(1)
    precision = 1 / 25 + half.sum() + whole.sum() * 2 / 1.8
    mean = (y[half, 1].sum() + y[whole].sum() / 1.8) / precision
    fit = pgmlang.compile(VECTORS).fit(
        {"a": y[:, 0], "b": y[:, 1]}, method="hmc", seed=2, options={"warmup": 300, "draws": 300}
    )
    assert float(fit.draws["m"].mean()) == pytest.approx(mean, abs=0.15 / np.sqrt(precision))
    assert float(fit.draws["m"].std()) == pytest.approx(1 / np.sqrt(precision), rel=0.1)


def test_predictions_fill_in_and_leave_what_was_seen() -> None:
    data = covariates()
    fit = pgmlang.compile(COVARIATE).fit(data, method="hmc", seed=2, options={"warmup": 200, "draws": 200})
    table = fit.predict(data)
    seen = ~np.isnan(data["x"])
    columns = {n: np.asarray(table[n], dtype=float) for n in ("x", "x.sd")}
    assert (columns["x"][seen] == data["x"][seen]).all()
    assert (columns["x.sd"][seen] == 0).all()
    a, b = float(fit.draws["a"].mean()), float(fit.draws["b"].mean())
    by_hand = (1 / 4 + b * (data["y"] - a) / 0.25) / (1 / 4 + b**2 / 0.25)
    assert columns["x"][~seen] == pytest.approx(by_hand[~seen], abs=0.2)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("top ~ Exponential(0.1)\nplate row { x ~ Uniform(0, top)\n y ~ Normal(x, 1) }\n", "bounds hang on other values"),
        ("m ~ Normal(0, 1)\nplate row { x ~ Censored(Normal(m, 1), lower = 0)\n y ~ Normal(x, 1) }\n", "a chance of their own"),
    ],
)  # fmt: skip
def test_what_no_free_number_stands_for_is_refused(text: str, column: str) -> None:
    data = {"x": [1.0, float("nan"), 2.0], "y": [1.0, 0.5, 2.0]}
    with pytest.raises(PgmError) as error:
        pgmlang.compile(text).fit(data, method="hmc")
    assert column in str(error.value.diagnostics[0])

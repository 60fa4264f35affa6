"""Missing cells of numbers that others hang on: latent, in every sampler, and filled in by predictions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import gamma, multivariate_normal, nbinom, norm

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
LOGARITHMS = """
m ~ Normal(0, 1)
plate row {
  x ~ LogNormal(m, 1)
  y ~ LogNormal(log(x), 0.5)
}
"""
UNDER_A_BOUND = """
top ~ Exponential(10)
plate row {
  x ~ Uniform(0, top)
  y ~ Normal(x, 0.5)
}
"""
COUNTS = """
k ~ Gamma(2, 1)
plate row {
  x ~ Gamma(3, k)
  y ~ Poisson(x)
}
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
    [(m, "torch") for m in ("langevin", "mh", "tempering(hmc, 2)")] + [("hmc", "native"), ("mh", "native")] + [
        pytest.param(m, None, marks=pytest.mark.slow) for m in ("hmc", "gibbs", "gibbs(a, b) * hmc", "gibbs(x) * hmc")
    ],
)  # fmt: skip
def test_a_covariate(method: str, backend: str | None) -> None:
    data = covariates()
    fit = pgmlang.compile(COVARIATE).fit(
        data, method=method, seed=2, options={"chains": 8, "warmup": 400, "draws": 1200 if method in ("mh", "langevin") else 400, **({"backend": backend} if backend else {})}
    )  # fmt: skip
    mean, sd = of_covariates(data)
    assert float(fit.draws["b"].mean()) == pytest.approx(mean, abs=0.3 * sd)
    assert float(fit.draws["b"].std()) == pytest.approx(sd, rel=0.2)
    seen = ~np.isnan(data["x"])
    assert (fit.draws["x"][:, :, seen] == data["x"][seen]).all()
    assert (fit.draws["x"][:, :, ~seen].std((0, 1)) > 0.1).all()


@pytest.mark.parametrize("text", [COVARIATE, LOGARITHMS, UNDER_A_BOUND], ids=["real", "positive", "moving bound"])
def test_both_backends_have_one_density(text: str) -> None:
    import torch

    from pgmlang.density.target import target_of
    from tests.infer.by_hand import problem_of

    data = {k: np.abs(v[:12]) for k, v in covariates().items()}
    problem = problem_of(text, data)
    by_torch, by_loops = target_of(problem), target_of(problem, backend="native")
    num_missing = int(np.isnan(data["x"]).sum())
    assert by_torch.dimension == by_loops.dimension == len(by_torch.names) - 1 + num_missing
    x = torch.randn(5, by_torch.dimension, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x[:3, : by_torch.dimension - num_missing] += (
        2  # bounds above what is seen; and below, where nothing is possible
    )
    for one, other in zip(by_torch.value_and_grad(x), by_loops.value_and_grad(x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    values, _ = by_torch.values(x)
    torch.testing.assert_close(by_torch.free(values), x)


@pytest.mark.parametrize("options", [{}, {"backend": "native"}], ids=["torch", "loops"])
def test_the_joint_mode(options: dict[str, str]) -> None:
    """Against the modes of the missing cells given the coefficients, in closed form, and scipy over these."""
    data = covariates()
    x, y = data["x"], data["y"]
    seen = ~np.isnan(x)

    def minus_log(p: np.ndarray) -> float:
        a, b = p
        mode = np.where(seen, x, (1 / 4 + b * (y - a) / 0.25) / (1 / 4 + b**2 / 0.25))
        return float((a**2 + b**2) / 18 + ((mode - 1) ** 2 / 8 + (y - a - b * mode) ** 2 / 0.5).sum())

    best = minimize(minus_log, [0.5, 0.8], tol=1e-12).x
    fit = pgmlang.compile(COVARIATE).fit(data, method="map", options=options)
    assert [float(fit.params[n]) for n in "ab"] == pytest.approx(best, abs=1e-5)
    assert (fit.params["x"][seen] == x[seen]).all()
    errors = fit.record.standard_errors["x"]
    assert (errors[seen] == 0).all()
    assert (errors[~seen] > 0.1).all()


def test_the_bound_is_the_evidence() -> None:
    """Where all is normal in logarithms a full-rank guide is the posterior, cells that are data have no part in it."""
    x = np.array([1.5, 0.4, np.nan, 2.5, np.nan, np.nan])
    y = np.array([2.0, 0.5, 1.2, 1.9, 0.2, 3.1])
    seen = ~np.isnan(x)
    covariance = np.ones((12, 12)) + np.kron(np.ones((2, 2)), np.eye(6)) + np.diag([0.0] * 6 + [0.25] * 6)
    keep = np.concatenate([seen, np.ones(6, bool)])
    logs = np.log(np.concatenate([x, y])[keep])
    evidence = multivariate_normal.logpdf(logs, np.zeros(len(logs)), covariance[np.ix_(keep, keep)]) - logs.sum()
    options = {"guide": "fullrank", "backend": "torch", "epochs": 1500, "learning_rate": 0.05}
    fit = pgmlang.compile(LOGARITHMS).fit({"x": x, "y": y}, method="elbo", seed=1, options=options)
    assert 6 * fit.record.provenance["elbo"] == pytest.approx(evidence, abs=0.02)
    assert (fit.draws["x"][:, :, seen] == x[seen]).all()
    assert fit.draws["x"][:, :, ~seen].shape == (4, 500, 3)


def test_conjugate_cells() -> None:
    """Rates with a Gamma distribution, of counts: k by a grid, what is missing integrated out (the counts are negative binomial)."""
    rng = np.random.default_rng(1)
    x = rng.gamma(3, 1 / 2, 60)
    y = rng.poisson(x).astype(float)
    x[::3] = np.nan
    seen = ~np.isnan(x)
    k = np.linspace(0.5, 5, 2001)
    log = gamma.logpdf(k, 2) + gamma.logpdf(x[seen, None], 3, scale=1 / k).sum(0)
    log += nbinom.logpmf(y[~seen, None], 3, k / (k + 1)).sum(0)
    weight = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
    mean = weight @ k
    sd = np.sqrt(weight @ (k - mean) ** 2)
    options = {"warmup": 100, "draws": 400, "max_draws": 400}
    fit = pgmlang.compile(COUNTS).fit({"x": x, "y": y}, method="gibbs", seed=1, options=options)
    assert [b.kernel for b in fit.plan.blocks] == ["conjugate draws"]
    assert float(fit.draws["k"].mean()) == pytest.approx(mean, abs=0.15 * sd)
    assert float(fit.draws["k"].std()) == pytest.approx(sd, rel=0.1)
    assert (fit.draws["x"][:, :, seen] == x[seen]).all()


BY_OTHERS = ["hmc", *(pytest.param(m, marks=pytest.mark.slow) for m in ("gibbs", "elbo"))]


@pytest.mark.parametrize("method", BY_OTHERS)
def test_links_of_a_chain(method: str) -> None:
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
    options = {"guide": "fullrank"} if method == "elbo" else {"warmup": 300, "draws": 300}
    fit = pgmlang.compile(SERIES).fit({"y": y}, method=method, seed=2, options=options)
    assert float(fit.draws["phi"].mean()) == pytest.approx(mean, abs=0.15 * sd)
    assert float(fit.draws["phi"].std()) == pytest.approx(sd, rel=0.1)


@pytest.mark.parametrize("method", BY_OTHERS)
def test_cells_of_vectors(method: str) -> None:
    """What is seen of a row tells of what is not: m by the precision of its rows, in closed form."""
    z = RNG.normal(size=(30, 2))
    y = 2 + np.stack([z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1]], -1)
    y[::3, 0] = np.nan
    y[4] = np.nan
    half, whole = np.isnan(y[:, 0]) & ~np.isnan(y[:, 1]), ~np.isnan(y).any(1)
    precision = 1 / 25 + half.sum() + whole.sum() * 2 / 1.8
    mean = (y[half, 1].sum() + y[whole].sum() / 1.8) / precision
    options = {"guide": "fullrank"} if method == "elbo" else {"warmup": 300, "draws": 300}
    fit = pgmlang.compile(VECTORS).fit({"a": y[:, 0], "b": y[:, 1]}, method=method, seed=2, options=options)
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


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hmc", "elbo"])
def test_a_bound_that_moves(method: str) -> None:
    """Cells below a bound that is sought: it by a grid, what is missing integrated out."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 5, 60)
    y = x + rng.normal(0, 0.5, 60)
    x[::4] = np.nan
    top = np.linspace(np.nanmax(x), np.nanmax(x) + 1, 2001)
    log = -0.1 * top - 60 * np.log(top)
    lost = y[::4, None]
    log += np.log(norm.cdf((top - lost) / 0.5) - norm.cdf(-lost / 0.5)).sum(0)
    weight = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
    mean = weight @ top
    sd = np.sqrt(weight @ (top - mean) ** 2)
    options = {"guide": "fullrank"} if method == "elbo" else {}
    fit = pgmlang.compile(UNDER_A_BOUND.replace("10)", "0.1)")).fit(
        {"x": x, "y": y}, method=method, seed=2, options=options
    )
    assert float(fit.draws["top"].mean()) == pytest.approx(mean, abs=0.3 * sd)


def test_what_no_free_number_stands_for_is_refused() -> None:
    text = "m ~ Normal(0, 1)\nplate row { x ~ Censored(Normal(m, 1), lower = 0)\n y ~ Normal(x, 1) }\n"
    data = {"x": [1.0, float("nan"), 2.0], "y": [1.0, 0.5, 2.0]}
    for method in ("hmc", "gibbs", "map", "elbo"):
        with pytest.raises(PgmError) as error:
            pgmlang.compile(text).fit(data, method=method)
        assert "a chance of their own" in str(error.value)

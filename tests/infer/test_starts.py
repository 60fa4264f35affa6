"""Fits begin where the data are possible, however far that is, and bounds that the data set are read from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.possible import possible_points
from pgmlang.density.reductions import log_joint
from pgmlang.density.target import target_of
from pgmlang.density.transforms import constrain
from pgmlang.diagnostics import PgmError
from pgmlang.infer.starts import beginning_of, starting_points, uniform_points, wide_points
from pgmlang.kernels.log_density import value
from tests.infer.by_hand import problem_of

SAMPLERS = ["hmc", "langevin", "mh", "tempering(hmc, 2)"]
TOP = "top ~ Exponential(0.01)\nplate row { y ~ Uniform(0, top) }\n"
TIMES = [31.0, 60.0, 12.0, 44.0]


def moments(grid: np.ndarray, log: np.ndarray) -> tuple[float, float]:
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float(weight @ grid)
    return mean, float(np.sqrt(weight @ (grid - mean) ** 2))


def summary_of(text: str, data: dict[str, list[float]], method: str) -> dict[str, dict[str, float]]:
    fit = pgmlang.compile(text).fit(data, method=method, seed=4)
    return {r["name"]: r for r in fit.summary()}


@pytest.mark.parametrize("method", SAMPLERS)
def test_an_upper_end_beyond_the_data(method: str) -> None:
    grid = np.linspace(60, 3000, 200_001)
    mean, sd = moments(grid, -0.01 * grid - 4 * np.log(grid))
    row = summary_of(TOP, {"y": TIMES}, method)["top"]
    assert row["mean"] == pytest.approx(mean, abs=0.15 * sd)
    assert row["sd"] == pytest.approx(sd, rel=0.2)


def test_the_mode_of_an_upper_end_is_the_greatest_value() -> None:
    assert summary_of(TOP, {"y": TIMES}, "map")["top"]["mean"] == pytest.approx(60, rel=1e-3)


FAR = {
    "exponential": ("r ~ HalfNormal(1)\nplate row { y ~ Exponential(r) }", "r",
                    lambda r, y: -0.5 * r**2 + len(y) * np.log(r) - r * y.sum(), (1e-6, 0.2)),
    "scale": ("s ~ HalfCauchy(100)\nplate row { y ~ Normal(0, s) }", "s",
              lambda s, y: -np.log1p((s / 100) ** 2) - len(y) * np.log(s) - 0.5 * (y**2).sum() / s**2, (1, 20000)),
    "lognormal": ("m ~ Normal(0, 10)\nplate row { y ~ LogNormal(m, 0.5) }", "m",
                  lambda m, y: -0.5 * (m / 10) ** 2 - 2 * ((np.log(y)[:, None] - m) ** 2).sum(0), (0, 20)),
    "gamma": ("b ~ HalfNormal(1)\nplate row { y ~ Gamma(3, b) }", "b",
              lambda b, y: -0.5 * b**2 + 3 * len(y) * np.log(b) - b * y.sum(), (1e-6, 0.2)),
    "offset": ("m ~ Normal(0, 1e6)\nplate row { y ~ Normal(m, 1) }", "m",
               lambda m, y: -0.5 * ((y[:, None] - m) ** 2).sum(0), (0, 1000)),
}  # fmt: skip
DAYS = np.array([365.0, 212.0, 540.0, 433.0, 120.0])


@pytest.mark.parametrize("method", ["hmc", "mh"])
@pytest.mark.parametrize("name", FAR)
def test_far_from_the_start(name: str, method: str) -> None:
    text, variable, log, ends = FAR[name]
    grid = np.linspace(*ends, 100_001)
    mean, sd = moments(grid, log(grid, DAYS))
    row = summary_of(text + "\n", {"y": list(DAYS)}, method)[variable]
    assert row["mean"] == pytest.approx(mean, abs=0.2 * sd)


GROUPS = """
m ~ Normal(0, 10)
plate group {
  low ~ Normal(m, 100)
  high ~ Exponential(0.001)
}
plate row in group { y ~ Uniform(low, high) }
"""


def test_bounds_of_groups_are_read_from_their_rows() -> None:
    data = {"group": ["a", "b", "b", "a"], "y": [50.0, 7.0, -3.0, 900.0]}
    joint = bound_density(problem_of(GROUPS, data))
    free = {"low": torch.randn(20, 2, dtype=torch.float64), "high": torch.randn(20, 2, dtype=torch.float64)}
    values, _ = constrain(joint, free)
    assert (values["low"] < torch.tensor([50.0, -3.0])).all()
    assert (values["high"] > torch.tensor([900.0, 7.0])).all()
    total = log_joint(joint, {**values, "m": torch.zeros(20, dtype=torch.float64)})
    assert total.isfinite().all()


def test_many_coordinates_are_sought_together() -> None:
    wanted = torch.linspace(-20, 20, 12, dtype=torch.float64)
    start = torch.zeros(4, 12, dtype=torch.float64)
    found = possible_points(
        lambda x: ((x - wanted).abs() > 4).to(x.dtype).sum(-1), start, torch.Generator().manual_seed(0)
    )
    assert ((found - wanted).abs() <= 4).all()


def test_nowhere_possible_is_an_error() -> None:
    start = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(PgmError) as error:
        possible_points(lambda x: torch.ones(len(x), dtype=x.dtype), start, torch.Generator().manual_seed(0))
    assert error.value.diagnostics[0].code == "PGM0803"


def test_gibbs_begins_where_labels_and_numbers_are_possible() -> None:
    """A label decides whether a value may lie where it does; both are sought together."""
    text = """
dim k = {near, far}
p[k] ~ Dirichlet(1)
m ~ Normal(0, 1)
plate row {
  z ~ Categorical(p)
  y ~ Uniform(if z == near then 0 else 90, if z == near then 10 else 100)
  x ~ Normal(m, 1)
}
"""
    fit = pgmlang.compile(text).fit(
        {"y": [3.0, 95.0, 99.0, 8.0], "x": [0.1, 0.3, 0.2, 0.5]}, method="gibbs", seed=1
    )
    assert (fit.record.draws["z"] == np.array([0, 1, 1, 0])).all()


@pytest.mark.parametrize("name", ["exponential", "lognormal", "offset"])
def test_a_guide_begins_where_the_data_are(name: str) -> None:
    text, variable, log, ends = FAR[name]
    grid = np.linspace(*ends, 100_001)
    mean, sd = moments(grid, log(grid, DAYS))
    fit = pgmlang.compile(text + "\n").fit({"y": list(DAYS)}, method="elbo", seed=4, options={"epochs": 1000})
    row = {r["name"]: r for r in fit.summary()}[variable]
    assert row["mean"] == pytest.approx(mean, abs=0.3 * sd)
    assert row["sd"] == pytest.approx(sd, rel=0.3)


def test_a_guide_of_times_censored_after_years() -> None:
    rng = np.random.default_rng(0)
    times = rng.weibull(1.3, 60) * 1000
    text = "r ~ Gamma(2, 1)\nm ~ Normal(0, 10)\nplate row { input c : positive\n t ~ Censored(Weibull(r, exp(m)), upper = c) }\n"
    data = {"t": np.minimum(times, 1200), "c": np.full(60, 1200.0)}
    model = pgmlang.compile(text)
    mode = model.fit(data, method="map", seed=1).params
    guide = model.fit(data, method="elbo", seed=1, options={"epochs": 800}).draws
    assert float(mode["m"]) == pytest.approx(np.log(1000), abs=0.4)
    assert guide["m"].mean() == pytest.approx(float(mode["m"]), abs=0.1)
    assert guide["r"].mean() == pytest.approx(float(mode["r"]), abs=0.2)


def test_a_guide_that_reaches_impossible_values_is_an_error() -> None:
    text = "low ~ Normal(0, 1000)\nwidth ~ HalfNormal(1000)\nplate row { y ~ Uniform(low, low + width) }\n"
    y = np.random.default_rng(0).uniform(-400, 700, 60)
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit({"y": y}, method="elbo", seed=1, options={"epochs": 300})
    assert caught.value.diagnostics[0].code == "PGM0803"


JUMP = """
dim k = {low, high}
share[k] ~ Dirichlet(2)
m ~ Normal(0, 100)
top ~ LogNormal(0, 3)
plate row { z ~ Categorical(share) ; y ~ Normal(if z == low then m else m + top, 5) }
"""


@pytest.mark.parametrize("method", ["em", "map"])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_that_are_no_mere_names_begin_in_either_order(method: str, seed: int) -> None:
    rng = np.random.default_rng(0)
    y = np.r_[rng.normal(0, 5, 40), rng.normal(300, 5, 40)]
    fit = pgmlang.compile(JUMP).fit({"y": y}, method=method, seed=seed)
    assert float(fit.params["top"]) == pytest.approx(300, abs=5)
    assert float(fit.params["m"]) == pytest.approx(0, abs=3)


def test_em_begins_where_the_data_are_possible() -> None:
    text = "dim k = {a, b}\nshare[k] ~ Dirichlet(2)\ntop[k] ~ LogNormal(0, 3)\nplate row { z ~ Categorical(share) ; y ~ Uniform(0, top[z]) }\n"
    y = np.random.default_rng(0).uniform(0, 900, 30)
    fit = pgmlang.compile(text).fit({"y": y}, method="em", seed=1)
    assert np.isfinite(fit.record.trace).all()
    assert fit.params["top"].max() >= y.max()


def test_the_mode_of_a_mixture_is_the_best_of_its_starts() -> None:
    folder = Path(__file__).parents[2] / "examples" / "iris"
    fit = pgmlang.compile(folder / "mixture.pgm").fit(folder / "iris.csv", method="map", seed=1)
    assert len(fit.record.provenance["starts"]) == 8
    assert fit.record.provenance["log_density"] == pytest.approx(-170.3988, abs=0.01)


@pytest.mark.parametrize("scale", ["s", "s * s * s * s"])
def test_no_chain_begins_far_down_a_slope(scale: str) -> None:
    """Of rows far apart and scales drawn near one, the lowest start is 1e5 or 1e12 nats below the median; moved up, it takes part."""
    data = {"y": list(np.linspace(-200, 200, 400)), "g": [f"g{i % 20}" for i in range(400)]}
    text = "m ~ Normal(0, 100)\ns ~ HalfNormal(100)\nplate g {\n  a ~ Normal(m, 10)\n  plate row { y ~ Normal(a, SCALE) }\n}"
    text = text.replace("SCALE", scale)
    problem = problem_of(text, data)
    target = target_of(problem)

    def points(start: Callable[..., torch.Tensor]) -> torch.Tensor:
        return start(target, 64, torch.Generator().manual_seed(3), problem)

    drawn, begun = points(uniform_points), points(starting_points)
    before, after = value(target, drawn), value(target, begun)
    level = before.median()
    assert float(before.min()) < float(level) - 1e4
    assert bool((after >= level).all())
    is_high = before >= level
    assert torch.equal(begun[is_high], drawn[is_high])
    assert not bool((begun[~is_high] == drawn[~is_high]).all(-1).any())


GROWTH = "size ~ Normal(0, 10)\nrate ~ Normal(0, 10)\nplate row {\n  input x : real\n  y ~ Normal(exp(size) / (1 + 8 * exp(-exp(rate) * x)), 7)\n}"


def test_a_likelihood_that_is_flat_near_zero() -> None:
    """Growth at rates near exp(0) is over before the first measurement: no path that begins there finds the data's, at exp(-6)."""
    x = np.array([118.0, 484, 664, 1004, 1231, 1372, 1582])
    problem = problem_of(GROWTH, {"x": x, "y": 190 / (1 + 8 * np.exp(-np.exp(-6.0) * x))})
    target = target_of(problem)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        rate = beginning_of(target, 16, generator, problem).points[:, target.names.index("rate")]
        assert (rate + 6).abs().max() < 0.5


def test_wide_points_are_possible() -> None:
    """The likeliest of some, and where none is possible the points themselves."""

    def beyond(edge: float) -> SimpleNamespace:
        return SimpleNamespace(value_once=lambda x: torch.where(x[..., 0] > edge, -x[..., 0], -torch.inf))

    near = torch.full((20, 1), 0.5, dtype=torch.float64)
    wide = wide_points(beyond(0.0), near, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert ((wide > 0) & (wide < 8)).all()
    # the least of some three numbers that are possible, of eight
    assert float(wide[wide != 0.5].mean()) < 3
    assert torch.equal(wide_points(beyond(8.0), near, torch.Generator().manual_seed(0)), near)  # type: ignore[arg-type]

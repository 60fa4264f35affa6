"""Types of vectors, increasing positive ones, those that sum to zero, directions: their maps keep the volume that they say, densities under
them have the total and the moments that they must, loops say the same as torch, and methods keep to them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.lower.runtime.vector_maps import PositiveOrdered, UnitVector, ZeroSum
from pgmlang.lower.runtime.vectors import UniformSphere, ZeroSumNormal
from tests.native.test_equal import assert_equal, target_over


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(2)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("kind", [PositiveOrdered, ZeroSum])
def test_a_map_keeps_the_volume_that_it_says(kind: type[torch.distributions.Transform]) -> None:
    """Against the determinant of its derivatives, on the plane of vectors that sum to zero too."""
    for size in (1, 2, 5):
        x = torch.randn(size)
        y = kind()(x)
        square = torch.autograd.functional.jacobian(kind(), x)
        volume = 0.5 * torch.logdet(square.T @ square)
        assert float(kind().log_abs_det_jacobian(x, y)) == pytest.approx(float(volume), abs=1e-12)
        torch.testing.assert_close(kind().inv(y), x)
    many = torch.randn(7, 3, 4)
    y = kind()(many)
    assert bool(
        (y.sum(-1).abs() < 1e-12).all()
        if kind is ZeroSum
        else ((y > 0) & (y.diff(dim=-1, prepend=0 * y[..., :1]) > 0)).all()
    )
    torch.testing.assert_close(y[3, 1], kind()(many[3, 1]))


@pytest.mark.usefixtures("double")
def test_densities_have_a_total_of_one() -> None:
    """The uniform one of directions, and normal numbers that sum to zero, over their free numbers, on a grid."""
    grid = torch.linspace(-7, 7, 141)
    plane = torch.stack(torch.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    plane = plane + 1e-6
    for transform, density in ((UnitVector(), UniformSphere(2)), (ZeroSum(), ZeroSumNormal(1.3, 3))):
        value = transform(plane)
        log = density.log_prob(value) + transform.log_abs_det_jacobian(plane, value)
        assert float(log.exp().sum() * 0.1**2) == pytest.approx(1, rel=1e-5)
    turned = UnitVector()(torch.randn(20, 3))
    torch.testing.assert_close((turned * turned).sum(-1), torch.ones(20))
    torch.testing.assert_close(UnitVector()(UnitVector().inv(turned)), turned)


TEXTS = {
    "zerosum": "s ~ HalfNormal(1)\nv[f] : zerosum ~ Normal(0, s)",
    "ordered positive": "s ~ HalfNormal(1)\nv[f] : ordered positive ~ Exponential(s)",
    "unitvector": "v[f] ~ UniformSphere()",
}


def regression(prior: str) -> str:
    return f"dim f = {{l, m, n}}\n{prior}\nplate r {{\n  input a : f\n  y ~ Normal(2 * v[a], 1.5)\n}}"


@pytest.mark.parametrize("name", ["zerosum", "ordered positive", "unitvector"])
def test_loops_say_the_same(name: str) -> None:
    assert_equal(target_over(regression(TEXTS[name])))


@pytest.mark.slow
def test_loops_say_the_same_of_labels_of_a_normal_scale() -> None:
    text = "dim k[2]\ng ~ Normal(0, 1)\nc[k] : ordered ~ Normal(0, 1)\nplate r {\n  input x : real\n  a : {l, m, n} ~ OrderedProbit(g * x, c)\n}"
    assert_equal(target_over(text))


def draws_of(prior: str, axis: str = "dim f = {l, m, n, o}") -> np.ndarray:
    model = pgmlang.compile(f"{axis}\n{prior}\nplate r {{ y ~ Normal(0 * v[l], 1) }}")
    fit = model.fit({"y": [0.0]}, method="hmc", seed=3, options={"draws": 1500, "warmup": 300, "chains": 8})
    return np.asarray(fit.draws["v"], float).reshape(-1, 4)


def near(figures: np.ndarray, wanted: np.ndarray | float, draws: int = 3000) -> None:
    """``figures``: one for each draw."""
    spread = figures.std(0) / math.sqrt(draws)
    assert np.all(np.abs(figures.mean(0) - wanted) <= 5 * spread + 1e-9), (figures.mean(0), wanted)


def test_moments_of_numbers_that_sum_to_zero() -> None:
    v = draws_of("v[f] : zerosum ~ Normal(0, 1.5)")
    np.testing.assert_allclose(v.sum(1), 0, atol=1e-9)
    near(v**2, 1.5**2 * 3 / 4)
    near(v[:, 0] * v[:, 3], -(1.5**2) / 4)


def test_moments_of_directions() -> None:
    v = draws_of("v[f] ~ UniformSphere()")
    np.testing.assert_allclose((v * v).sum(1), 1, atol=1e-9)
    near(v, 0.0)
    near(v**2, 1 / 4)
    near(v**4, 3 / 24)


def test_moments_of_increasing_waiting_times() -> None:
    """Of exponential numbers in order: Renyi's sums."""
    v = draws_of("v[f] : ordered positive ~ Exponential(2)")
    assert (np.diff(v, axis=1) > 0).all()
    near(v, np.cumsum(1 / np.arange(4, 0, -1)) / 2)


ROWS = {"y": [0.3, 1.6, -0.4, 1.9, 0.2, 2.2], "a": ["l", "m", "l", "n", "l", "n"]}


def test_a_latent_spread_of_numbers_that_sum_to_zero() -> None:
    """Against the closed form: given the spread, the two free numbers are normal (by quadrature over the spread)."""
    text = "dim f = {l, m, n}\ns ~ HalfNormal(1)\nv[f] : zerosum ~ Normal(0, s)\nplate r {\n  input a : f\n  y ~ Normal(v[a], 0.7)\n}"
    fit = pgmlang.compile(text).fit(
        ROWS, method="hmc", seed=1, options={"draws": 1000, "warmup": 300, "chains": 8}
    )
    y, pick = np.array(ROWS["y"]), np.array([[label == k for k in "lmn"] for label in ROWS["a"]], float)
    centred = pick @ (np.eye(3) - 1 / 3)
    grid = np.linspace(1e-3, 5, 2000)
    logs = []
    for s in grid:
        cov = s * s * centred @ centred.T + 0.49 * np.eye(len(y))
        logs.append(-0.5 * y @ np.linalg.solve(cov, y) - 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * s * s)
    weights = np.exp(np.array(logs) - max(logs))
    wanted = (weights * grid).sum() / weights.sum()
    near(np.asarray(fit.draws["s"], float).reshape(-1), wanted, 1000)


WAYS = [
    pytest.param(kind, method, marks=pytest.mark.slow if method == "elbo" and kind != "unitvector" else ())
    for kind, method in itertools.product(
        ["zerosum", "ordered positive", "unitvector"], ["map", "param", "elbo", "sample"]
    )
]


@pytest.mark.parametrize(("kind", "method"), WAYS)
def test_methods_keep_to_them(kind: str, method: str) -> None:
    prior = f"param v[f] : {kind}" if method == "param" else TEXTS[kind].replace("s ~ HalfNormal(1)", "s = 1.5")
    model = pgmlang.compile(regression(prior))
    if method == "sample":
        v = np.asarray(model.prior_draws(50, ROWS, seed=1).values["v"], float).reshape(-1, 3)
    else:
        rows = {**ROWS, "y": 5 + np.array(ROWS["y"])}
        fit = model.fit(rows, method="map" if method == "param" else method, seed=1)
        assert method == "elbo" or fit.record.status == "converged"
        v = np.asarray({**fit.params, **fit.draws}["v"], float).reshape(-1, 3)
    match kind:
        case "zerosum":
            np.testing.assert_allclose(v.sum(1), 0, atol=1e-6)
        case "unitvector":
            np.testing.assert_allclose((v * v).sum(1), 1, atol=1e-6)
        case _:
            assert ((np.diff(v, axis=1) > 0).all(1) & (v[:, 0] > 0)).all()


REFUSED = {
    "v[f] : zerosum ~ Gamma(1, 1)": ("PGM0401", "Normal(0, s)"),
    "v[f] : unitvector ~ Normal(0, 1)": ("PGM0401", "UniformSphere()"),
    "v[f] : ordered positive ~ Normal(0, 1)": ("PGM0401", "Gamma"),
    "w[f] ~ HalfNormal(1)\nv[f] : zerosum ~ Normal(0, w)": ("PGM0302", "one number"),
    "v : zerosum ~ Normal(0, 1)": ("PGM0309", "v[axis] : zerosum"),
    "v[f] : zerosun ~ Normal(0, 1)": ("PGM0201", "zerosum"),
}


@pytest.mark.parametrize("prior", REFUSED)
def test_what_cannot_be_is_refused_with_a_cure(prior: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(f"dim f = {{l, m, n}}\n{prior}\n")
    problem = error.value.diagnostics[0]
    assert problem.code == REFUSED[prior][0]
    assert REFUSED[prior][1] in problem.help


def test_cells_outside_are_refused() -> None:
    for kind, bad in (
        ("zerosum", "sum to 6, not to 0"),
        ("unitvector", "squares of the values sum to 14, not to 1"),
    ):
        model = pgmlang.compile(
            f"dim f = {{l, m, n}}\nplate r {{\n  input v[f] : {kind}\n  y ~ Normal(v[l], 1)\n}}"
        )
        with pytest.raises(PgmError, match=bad):
            model.fit({"y": [0.5], "v[l]": [1.0], "v[m]": [2.0], "v[n]": [3.0]}, method="map")

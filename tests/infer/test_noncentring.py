"""Automatic non-centring: the rewritten model has the density of the old one, and the draws are of the old names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.density.simulation import deterministic_values
from pgmlang.families import FAMILIES
from pgmlang.infer.base import Problem, facts_of
from pgmlang.infer.centring import data_weights, noncentred_problem
from pgmlang.infer.noncentring import (
    centred_name,
    movable_names,
    noncentred,
    standard_name,
    standardising,
)
from pgmlang.model import Model
from pgmlang.results.convergence import convergence
from tests.infer.by_hand import problem_of

SCHOOLS = """
mu ~ Normal(0, 5)
tau ~ HalfCauchy(5)
plate school { input sd : positive ; theta ~ Normal(mu, tau) ; y ~ Normal(theta, sd) }
"""
DATA = {"sd": [15.0, 10, 16, 11, 9, 11, 10, 18], "y": [28.0, 8, -3, 7, -1, 1, 18, 12]}


def standard_of(old: Problem, name: str, values: dict[str, torch.Tensor]) -> np.ndarray:
    """The standard numbers behind a value, by the model as it is written."""
    model = standardising(old.model, (name,))
    joint = bound_density(replace(old, model=model, binding=replace(old.binding, model=model)))
    return deterministic_values(joint, values, names=[standard_name(name)])[standard_name(name)].numpy()


def test_density_with_the_jacobian() -> None:
    old = problem_of(SCHOOLS, DATA)
    new, names = noncentred_problem(old)
    assert names == ("theta",)
    torch.manual_seed(0)
    values = {
        "mu": torch.tensor(0.7).double(),
        "tau": torch.tensor(2.1).double(),
        "theta": torch.randn(8).double(),
    }
    standard = (values["theta"] - values["mu"]) / values["tau"]
    moved = {"mu": values["mu"], "tau": values["tau"], standard_name("theta"): standard}
    # p(e) de = p(theta) dtheta, theta = mu + tau e
    expected = log_joint(bound_density(old), values) + 8 * torch.log(values["tau"])
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(deterministic_values(bound_density(new), moved)["theta"], values["theta"])


@pytest.mark.slow
def test_processes_are_looked_at_where_chains_move() -> None:
    """The covariance of near points is next to singular, so that no chain over the values themselves comes anywhere from where it begins; the
    short ones that tell what to non-centre do."""
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0, 10, 80))
    text = (
        "length ~ InverseGamma(5, 5)\nscale ~ HalfNormal(1)\nf[row] ~ MultivariateNormal(0, exp_quad(x, scale, length, noise = 1e-3))\n"
        "plate row { input x : real ; y ~ DISTRIBUTION }"
    )
    for distribution, y in (
        ("Poisson(exp(1 + f))", rng.poisson(np.exp(1 + np.sin(x)))),
        ("Bernoulli(logit = f)", rng.integers(0, 2, 80)),
    ):
        problem = problem_of(text.replace("DISTRIBUTION", distribution), {"x": x, "y": y})
        assert noncentred_problem(problem, "auto")[1] == ("f",)


LOCATION_SCALE = [
    n for n, f in FAMILIES.items() if f.location_scale is not None and not f.location_scale.of_vectors
]


def drawn_by(family: str, loc: str) -> str:
    """The text of a family at a location, with the scale ``tau``."""
    said = {"loc": loc, "sd": "tau", "scale": "tau", "df": "4", "shape": "0.1", "p": "0.3", "a": "3", "b": "2"}
    return f"{family}({', '.join(said[p.name] for p in FAMILIES[family].variants[0])})"


VECTORS = {
    "cov": "diag(tau) @ R @ diag(tau)",
    "precision": "inverse(diag(tau) @ R @ diag(tau))",
    "scale_tril": "diag(tau) @ cholesky(R)",
}


@pytest.mark.parametrize("argument", VECTORS)
def test_vectors_that_hang_together_move(argument: str) -> None:
    """The density of a standard vector is that of the vector, by the determinant of a root of its covariance."""
    text = (
        "dim k = {l, m}\nmu[k] ~ Normal(0, 1)\ntau[k] ~ HalfNormal(1)\nR[k, k'] ~ LKJ(2)\nplate g[4] {\n"
        f"  b[k] ~ MultivariateNormal(mu, {argument} = {VECTORS[argument]})\n}}\nplate row {{ y ~ Normal(b[0, l] + b[3, m], 1) }}"
    )
    old = problem_of(text, {"y": [0.3, 1.0]})
    assert movable_names(old.model, old.facts) == ("b",)
    model = noncentred(old.model, ("b",))
    binding = replace(old.binding, model=model)
    new = replace(old, model=model, binding=binding, facts=facts_of(model, binding))
    torch.manual_seed(1)
    matrix = torch.tensor([[1.0, 0.4], [0.4, 1.0]]).double()
    values = {"mu": torch.randn(2).double(), "tau": torch.tensor([0.7, 2.0]).double(), "R": matrix}
    standard = torch.randn(4, 2).double()
    moved = {**values, standard_name("b"): standard}
    there = deterministic_values(bound_density(new), moved)["b"]
    cov = values["tau"][:, None] * matrix * values["tau"]
    np.testing.assert_allclose(standard_of(old, "b", {**values, "b": there}), standard, rtol=1e-10)
    log_det = 2 * torch.linalg.slogdet(cov)[1]
    expected = log_joint(bound_density(old), {**values, "b": there}) + log_det
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-12)
    centred = there - values["mu"]
    np.testing.assert_allclose(
        (centred @ torch.linalg.inv(cov) * centred).sum(-1), standard.square().sum(-1), rtol=1e-10
    )


def test_families_of_location_and_scale_are_known() -> None:
    """Whatever has a location and a scale among its arguments, of the draw or of its logarithm; `VonMises` has a concentration."""
    by_arguments = {
        n for n, f in FAMILIES.items()
        if {"loc"} < {p.name for p in f.variants[0]} and {"sd", "scale"} & {p.name for p in f.variants[0]}
    }  # fmt: skip
    of_log_odds, of_a_part = "LogitNormal", "ExponentiallyModifiedGaussian"
    assert by_arguments - {of_log_odds, of_a_part} == set(LOCATION_SCALE)


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("name", LOCATION_SCALE)
def test_every_family_of_location_and_scale_moves(name: str, is_named: bool) -> None:
    drawn = drawn_by(name, "m" if is_named else "mu + 0.5")
    text = SCHOOLS.replace("Normal(mu, tau)", drawn).replace("Normal(theta, sd)", "Normal(theta, 10 * sd)")
    old = problem_of(text.replace("plate school {", "m = mu + 0.5\nplate school {"), DATA)
    new, names = noncentred_problem(old)
    assert names == ("theta",)
    torch.manual_seed(0)
    standard = torch.randn(8).double()
    log_theta = 1.2 + 2.1 * standard
    is_log = name == "LogNormal"
    theta = log_theta.exp() if is_log else log_theta
    values = {"mu": torch.tensor(0.7, dtype=torch.float64), "tau": torch.tensor(2.1, dtype=torch.float64)}
    jacobian = 8 * torch.log(values["tau"]) + (log_theta.sum() if is_log else 0)
    expected = log_joint(bound_density(old), {**values, "theta": theta}) + jacobian
    moved = {**values, standard_name("theta"): standard}
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-11)
    np.testing.assert_allclose(deterministic_values(bound_density(new), moved)["theta"], theta)
    np.testing.assert_allclose(standard_of(old, "theta", {**values, "theta": theta}), standard, rtol=1e-10)


@pytest.mark.parametrize(
    "name",
    [n if n in ("Normal", "LogNormal") else pytest.param(n, marks=pytest.mark.slow) for n in LOCATION_SCALE],
)
def test_some_elements_of_a_variable_move(name: str) -> None:
    """Those that stay are drawn as they are written, or their logarithms are."""
    text = SCHOOLS.replace("Normal(mu, tau)", drawn_by(name, "mu")).replace("(theta, sd)", "(theta, 10 * sd)")
    old = problem_of(text, DATA)
    stays = np.arange(8) % 3 == 0
    is_there, is_log = torch.tensor(stays), name == "LogNormal"

    def given_mask(model: Model) -> Problem:
        values = {**old.binding.values, centred_name("theta"): stays.astype(float)}
        binding = replace(old.binding, model=model, values=values)
        return replace(old, model=model, binding=binding, facts=facts_of(model, binding))

    new = given_mask(noncentred(old.model, ("theta",), ("theta",)))
    values = {"mu": torch.tensor(0.7, dtype=torch.float64), "tau": torch.tensor(2.1, dtype=torch.float64)}
    standard = torch.linspace(-1, 1.5, 8, dtype=torch.float64)
    line = torch.where(is_there, standard, 0.7 + 2.1 * standard)
    theta = line.exp() if is_log else line
    jacobian = (~is_there).sum() * values["tau"].log() + (line.sum() if is_log else 0.0)
    expected = log_joint(bound_density(old), {**values, "theta": theta}) + jacobian
    moved = {**values, standard_name("theta"): standard}
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-11)
    np.testing.assert_allclose(deterministic_values(bound_density(new), moved)["theta"], theta, rtol=1e-11)
    back = bound_density(given_mask(standardising(old.model, ("theta",), ("theta",))))
    again = deterministic_values(back, {**values, "theta": theta}, names=[standard_name("theta")])
    np.testing.assert_allclose(again[standard_name("theta")], standard, rtol=1e-11)


UNEQUAL = "mu ~ Normal(0, 5)\ntau ~ HalfNormal(2)\nplate group { a ~ Normal(mu, tau)\n  plate row { y ~ Normal(a, 3) } }\n"


def unequal_groups() -> dict[str, list[float] | list[str]]:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(20), [500] * 4 + [2] * 16)
    y = rng.normal(0, 0.5, 20)[group] + 3 * rng.normal(size=len(group))
    return {"group": [f"g{g:02d}" for g in group], "y": y.tolist()}


def test_groups_of_much_data_stay_and_others_move() -> None:
    new, names = noncentred_problem(problem_of(UNEQUAL, unequal_groups()))
    assert names == ("a",)
    assert new.binding.values[centred_name("a")].tolist() == [1.0] * 4 + [0.0] * 16
    begun = problem_of(UNEQUAL, unequal_groups())
    begun = replace(
        begun, start={"a": np.linspace(-1, 1, 20)[None], "tau": np.array([0.5]), "mu": np.array([0.2])}
    )
    started, _ = noncentred_problem(begun)
    expected = np.linspace(-1, 1, 20)
    expected[4:] = (expected[4:] - 0.2) / 0.5
    np.testing.assert_allclose(started.start[standard_name("a")][0], expected, rtol=1e-10)


@pytest.mark.slow
def test_unequal_groups_mix() -> None:
    """Neither centred (R-hat 1.03) nor non-centred (15 steps a draw) do they as well."""
    data = unequal_groups()
    fit = pgmlang.compile(UNEQUAL).fit(data, method="hmc", seed=1, options={"draws": 500, "max_draws": 500})
    for name in ("mu", "tau", "a"):
        figures = convergence(fit.draws[name].reshape(16, 500, -1))
        assert figures.r_hat.max() < 1.01
        assert figures.ess_bulk.min() > 2000
    assert fit.record.sample_stats["n_steps"].mean() < 6
    # the posterior of the means by quadrature over both, the groups integrated out
    y, group = np.array(data["y"]), np.array(data["group"])
    counts, means = map(
        np.array, zip(*[((group == g).sum(), y[group == g].mean()) for g in np.unique(group)], strict=True)
    )
    mu, tau = np.linspace(-3, 3, 400)[:, None, None], np.linspace(1e-3, 4, 400)[None, :, None]
    log = (
        norm.logpdf(means, mu, np.sqrt(tau**2 + 9 / counts)).sum(-1)
        + norm.logpdf(mu, 0, 5)[..., 0]
        + norm.logpdf(tau, 0, 2)[..., 0]
    )
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    mean = float((weights * tau[..., 0]).sum())
    sd = float(np.sqrt((weights * tau[..., 0] ** 2).sum() - mean**2))
    assert float(fit.draws["tau"].mean()) == pytest.approx(mean, abs=0.1 * sd)
    assert float(fit.draws["tau"].std()) == pytest.approx(sd, rel=0.1)


def test_a_choice_on_data_between_normals_moves() -> None:
    """The normal form of two families of one name is one; that of a truncation by nothing is what it truncates."""
    text = SCHOOLS.replace(
        "theta ~ Normal(mu, tau)", "theta ~ if sd > 10 then Normal(mu, tau) else Normal(mu + 1, 2 * tau)"
    )
    bound = pgmlang.compile(text).bind(DATA)
    assert movable_names(bound.model, facts_of(bound.model, bound)) == ("theta",)
    old = problem_of(text, DATA)
    new, names = noncentred_problem(old)
    assert names == ("theta",)
    standard = torch.linspace(-1, 1, 8).double()
    values = {"mu": torch.tensor(0.7, dtype=torch.float64), "tau": torch.tensor(2.1, dtype=torch.float64)}
    is_far = torch.tensor(DATA["sd"]) > 10
    loc = torch.where(is_far, values["mu"], values["mu"] + 1)
    scale = torch.where(is_far, values["tau"], 2 * values["tau"])
    expected = log_joint(bound_density(old), {**values, "theta": loc + scale * standard}) + scale.log().sum()
    moved = {**values, standard_name("theta"): standard}
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-11)


def test_ordered_variables_stay() -> None:
    text = "m ~ Normal(0, 1)\ndim k[3]\nu[k] : ordered ~ Normal(m, 1)\nplate row { y[k] ~ Normal(u, 1) }"
    bound = pgmlang.compile(text).bind({f"y.{i}": [0.0, 1.0] for i in range(3)})
    assert movable_names(bound.model, facts_of(bound.model, bound)) == ()


def test_much_data_stays_centred() -> None:
    text = "m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate group { t ~ Normal(m, s) }\nplate row in group { y ~ Normal(t, 1) }\n"
    rng = np.random.default_rng(0)
    group = [f"g{i % 5}" for i in range(200)]
    apart = {"group": group, "y": [float(4 * (i % 5) + e) for i, e in enumerate(rng.normal(size=200))]}
    alike = {"group": group[:10], "y": rng.normal(size=10).tolist()}
    assert noncentred_problem(problem_of(text, apart))[1] == ()
    assert noncentred_problem(problem_of(text, alike))[1] == ("t",)


def test_the_weight_of_the_data_is_that_of_precisions() -> None:
    text = "m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate group { t ~ Normal(m, s) }\nplate row in group { y ~ Normal(t, 0.5) }\n"
    joint = bound_density(problem_of(text, {"group": ["a", "b"] * 3, "y": [0.0] * 6}))
    values = {
        "m": torch.zeros(4).double(),
        "s": torch.full((4,), 0.7, dtype=torch.float64),
        "t": torch.randn(4, 2).double(),
    }
    np.testing.assert_allclose(data_weights(joint, "t", values), (3 / 0.25) * 0.7**2, rtol=1e-9)


def test_three_levels_with_much_data_mix() -> None:
    """Non-centred, four chains of this posterior disagree: R-hat is over two."""
    rng = np.random.default_rng(0)
    school, room = rng.integers(0, 6, 60), np.repeat(np.arange(60), 8)
    mean = rng.normal(size=6)[school] + 0.5 * rng.normal(size=60)
    text = (
        "m ~ Normal(0, 3)\nsa ~ HalfNormal(1)\nsb ~ HalfNormal(1)\ns ~ HalfNormal(1)\n"
        "plate school { a ~ Normal(m, sa) }\nplate room in school { b ~ Normal(a, sb) }\n"
        "plate pupil in room { y ~ Normal(b, s) }\n"
    )
    rows = {"school": [f"s{school[r]}" for r in room], "room": [f"r{r}" for r in room],
            "y": mean[room] + 0.3 * rng.normal(size=480)}  # fmt: skip
    fit = pgmlang.compile(text).fit(rows, method="hmc", seed=1, options={"chains": 4, "warmup": 300, "draws": 200})
    assert fit.record.provenance["non_centred"] == []
    for name in ("m", "sa", "sb", "s"):
        assert convergence(fit.draws[name][..., None]).r_hat[0] < 1.05


def test_chains_may_move_but_not_those_that_are_seen_in_part() -> None:
    text = "s ~ HalfNormal(1)\nplate seq { plate t = chain { x ~ Normal(if first then 0 else prev(x), s) ; y ~ Normal(x, 1) } }\n"
    bound = pgmlang.compile(text).bind({"y": [0.0, 1.0, 2.0]})
    assert movable_names(bound.model, facts_of(bound.model, bound)) == ("x",)
    assert noncentred(bound.model, ()) == bound.model
    text = "s ~ HalfNormal(1)\nplate t = chain { y ~ Normal(if first then 0 else prev(y), s) }\n"
    bound = pgmlang.compile(text).bind({"y": [0.0, float("nan"), 2.0]})
    assert movable_names(bound.model, facts_of(bound.model, bound)) == ()


def test_draws_are_of_the_names_written() -> None:
    fit = pgmlang.compile(SCHOOLS).fit(
        DATA, method="hmc", seed=1, options={"chains": 4, "warmup": 100, "draws": 100}
    )
    assert set(fit.draws) == {"mu", "tau", "theta"}
    assert fit.draws["theta"].shape == (4, 100, 8)
    assert int(fit.record.sample_stats["diverging"].sum()) < 20


VOLATILITY = """
mu ~ Normal(0, 5)
phi ~ Uniform(-1, 1)
sigma ~ HalfNormal(0.5)
plate day = chain {
  h ~ if first then Normal(mu, sigma / sqrt(1 - phi^2)) else Normal(mu + phi * (prev(h) - mu), sigma)
  r ~ Normal(0, exp(h / 2))
}
"""


def test_a_chain_becomes_a_recursion() -> None:
    rng = np.random.default_rng(4)
    data = {"r": np.exp(-0.5) * rng.normal(size=40)}
    old = problem_of(VOLATILITY, data)
    new, names = noncentred_problem(old)
    assert names == ("h",)
    torch.manual_seed(0)
    values = {k: torch.tensor(v, dtype=torch.float64) for k, v in {"mu": -1.0, "phi": 0.8, "sigma": 0.3}.items()}
    values["h"] = -1 + 0.5 * torch.randn(40, dtype=torch.float64)
    scale = torch.full((40,), 0.3, dtype=torch.float64)
    scale[0] = 0.3 / (1 - 0.8**2) ** 0.5
    loc = torch.cat([values["mu"].reshape(1), -1 + 0.8 * (values["h"][:-1] + 1)])
    moved = {k: v for k, v in values.items() if k != "h"} | {standard_name("h"): (values["h"] - loc) / scale}
    expected = log_joint(bound_density(old), values) + scale.log().sum()
    assert float(log_joint(bound_density(new), moved)) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(deterministic_values(bound_density(new), moved)["h"], values["h"], rtol=1e-10)


def test_the_curvature_of_a_chain_is_that_of_each_row_given_the_others() -> None:
    text = "s ~ HalfNormal(1)\nplate t = chain {\n  x ~ Normal(if first then 0 else prev(x), s)\n  y ~ Normal(x, 2)\n}\n"
    problem = problem_of(text, {"y": [0.1, 0.4, -0.2, 0.3, 0.9]})
    values = {"s": torch.tensor([0.5]).double(), "x": torch.zeros(1, 5).double()}
    # a row in the middle has a prior precision of 2 / s^2, the last one of half of that
    np.testing.assert_allclose(data_weights(bound_density(problem), "x", values), (1 / 4) / (2 / 0.25))

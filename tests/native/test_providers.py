"""Loops and torch are one provider: every method that takes a density, on every example and on random models, with rows that stand for
others, cells that are set and cells that are missing; and both give the same fits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import pgmlang
from pgmlang.density.bound import BoundDensity
from pgmlang.density.native import native_log_density
from pgmlang.density.partition import density_of
from pgmlang.density.provider import DensityProvider
from pgmlang.density.reductions import log_joint, sum_per_unit
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.seen_rows import log_marginal_of
from pgmlang.density.summing import marginaliser_of
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.density.unit_values import loaded_unit_values, unit_values
from pgmlang.diagnostics import PgmError
from pgmlang.guides.automatic import AutomaticGuide
from pgmlang.guides.registry import GUIDES
from pgmlang.infer.base import Problem, facts_of
from pgmlang.native.formulas import NotScalar
from pgmlang.native.log_density import NativeLogDensity
from pgmlang.native.program_files import load_program
from pgmlang.objectives.elbo import elbo_objective
from pgmlang.plan.latents import latent_variables, summed_names
from pgmlang.plan.registry import method_named
from pgmlang.results.convergence import convergence
from tests.infer.by_hand import problem_of
from tests.native.test_equal import MODELS, ROWS
from tests.native.test_generated import model as random_model

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS: dict[str, tuple[str, dict[str, str]]] = {
    "digits/dbn": ("train.csv", {}), "denoise/denoise": ("noisy.csv", {}), "energy/energy": ("petals.csv", {}),
    "ising/ising": ("digits.csv", {}), "kidiq/kidiq": ("kidiq.csv", {}), "logistic/logistic": ("tumours.csv", {}),
    "iris/mixture": ("iris.csv", {}), "iris/ordered": ("iris.csv", {}), "penguins/penguins": ("penguins.csv", {"na": "NA"}),
    "penguins/flippers": ("penguins.csv", {"na": "NA"}), "quakes/quakes": ("quakes.csv", {}), "digits/rbm": ("train.csv", {}),
    "roleconflict/roleconflict": ("roleconflict.csv", {"counts": "count"}), "digits/sbn": ("train.csv", {}),
    "schools/schools": ("schools.csv", {}), "tagging/tagging": ("train.csv", {}), "titanic/titanic": ("titanic.csv", {"counts": "count"}),
    "topics/topics": ("modules.csv", {"counts": "n"}), "digits/vae": ("train.csv", {}), "nile/level": ("nile.csv", {}), "rats/rats": ("rats.csv", {}),
    "sprint/sprint": ("sprint.csv", {}), "dippers/dippers": ("dippers.csv", {}), "trials/trials": ("trials.csv", {}), "hares/hares": ("hares.csv", {}),
}  # fmt: skip
"""The data of each example, and how they are read."""
WITHOUT = (
    "the sum over ",
    "tables to be learned",
    "the normalising constant of fields",
    "networks",
    "missing cells of ",
)
"""What loops have no form for, in the examples."""
WITH = {"kidiq/kidiq", "logistic/logistic", "schools/schools", "nile/level"}
"""Examples that must have one for every method that takes their density."""


def provider_of(problem: Problem, has_jacobian: bool) -> DensityProvider:
    latent = tuple(v.name for v in latent_variables(problem.model, problem.facts))
    summed = summed_names(problem.model, problem.facts)
    return DensityProvider(latent, has_jacobian, summed, "native")


def by_torch(joint: BoundDensity, provider: DensityProvider, x: Tensor) -> Tensor:
    """The log-density at free vectors ``[m, d]``, written out."""
    names = provider.names(joint)
    shapes = {n: free_shape(joint, n) for n in names}
    pieces = x.split([int(np.prod(s)) for s in shapes.values()], -1)
    free = {n: p.reshape(len(x), *s) for (n, s), p in zip(shapes.items(), pieces, strict=True)}
    params, _ = constrain(joint, {n: free.pop(n) for n in joint.learned}) if joint.learned else ({}, None)
    values, log_det = constrain(joint, free, params=params)
    if provider.summed:
        total = log_marginal_of(joint.memo.once(marginaliser_of, joint, provider.summed), values, params)
    else:
        total = log_joint(joint, values, params)
    return (total + log_det if provider.has_jacobian else total).expand(len(x))


def differences(
    joint: BoundDensity, provider: DensityProvider, native: NativeLogDensity, spread: float = 0.5
) -> tuple[float, float]:
    """How far values are from torch's, by their size, and gradients, by the size of the largest."""
    size = sum(int(np.prod(free_shape(joint, n))) for n in provider.names(joint))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, size)) * spread).requires_grad_()
    expected = by_torch(joint, provider, x)
    (slopes,) = torch.autograd.grad(expected.sum(), x)
    values, gradients = map(torch.from_numpy, native.values_and_gradients(x.detach().numpy()))
    assert bool(expected.isfinite().all())
    error = (values - expected.detach()).abs() / expected.detach().abs().clamp(min=1.0)
    return float(error.max()), float((gradients - slopes).abs().max() / slopes.abs().max().clamp(min=1.0))


def assert_same(joint: BoundDensity, provider: DensityProvider, spread: float = 0.5, within: float = 1e-9) -> None:
    native = provider.native(joint)
    assert native is not None
    value, gradient = differences(joint, provider, native, spread)
    assert value <= 0.1 * within
    assert gradient <= within


@cache
def example(name: str) -> Problem:
    data, options = RUNS[name]
    path = EXAMPLES / f"{name}.pgm"
    found = pgmlang.compile(path).bind(path.parent / data, **options)
    return Problem(found.model, found, {}, facts_of(found.model, found), "cpu")


METHODS = {"hmc": True, "langevin": True, "mh": True, "tempering": True, "map": False, "elbo": True}
"""The methods that take a density, and whether it is that of free values."""


SLOW = (
    "quakes/quakes", "iris/ordered", "iris/mixture", "rats/rats", "sprint/sprint", "dippers/dippers", "trials/trials", "hares/hares",
)  # fmt: skip
SOLVED = {"hares/hares": 1e-5}
"""Solutions of differential equations: by solvers with tolerances of their own."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in RUNS])
def test_examples(name: str) -> None:
    """Equal where there is a program; else the reason is one of a few, and no method that is asked for loops runs."""
    problem = example(name)
    able = {m: j for m, j in METHODS.items() if not method_named(m).supports(problem.model, problem.facts).reasons}
    joint = density_of(problem, torch.float64)
    reasons = set()
    for has_jacobian in sorted(set(able.values())):
        provider = provider_of(problem, has_jacobian)
        if problem.model.nets:
            reasons.add("networks")
            continue
        try:
            provider.native(joint)
        except PgmError as error:
            reasons.add(str(error).split("no program of loops for ")[1])
        else:
            assert_same(joint, provider, 0.1, SOLVED.get(name, 1e-9))
    assert all(r.startswith(WITHOUT) for r in reasons), reasons
    assert not (name in WITH and (reasons or len(able) < len(METHODS))), (able, reasons)


def test_every_example_is_here() -> None:
    models = {
        str(p.relative_to(EXAMPLES).with_suffix(""))
        for p in EXAMPLES.glob("*/*.pgm")
        if list(p.parent.glob("*.csv"))
    }
    assert models == set(RUNS)


@pytest.mark.parametrize(
    "seed", [*range(100, 102), *(pytest.param(s, marks=pytest.mark.slow) for s in range(102, 130))]
)
def test_random_models(seed: int) -> None:
    """The mode's density, that of draws of a guide, and each row's own, on one random model."""
    text, rows = random_model(seed)
    problem = problem_of(text, rows)
    joint = density_of(problem, torch.float64)
    for has_jacobian in (True, False):
        assert_same(joint, provider_of(problem, has_jacobian))
    assert_units_same(joint, provider_of(problem, True))


def assert_units_same(joint: BoundDensity, provider: DensityProvider) -> None:
    rng = np.random.default_rng(1)
    free = {n: torch.from_numpy(rng.normal(size=(4, *free_shape(joint, n))) * 0.5) for n in provider.latent}
    values, _ = constrain(joint, free)
    wanted = tuple(n for n in joint.factor_axes if n not in provider.latent)
    for plate in (*(p.name for p in joint.model.plates), None):
        found = unit_values(joint, values, {}, wanted, plate, 4, enough=0)
        assert found is not None
        terms = {k: v for k, v in joint.factors(values).items() if k in wanted}
        expected = sum_per_unit(joint, terms, plate)
        scale = expected.abs().clamp(min=1.0)
        assert float(((found - expected.expand(found.shape)) / scale).abs().max()) <= 1e-10


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
def test_values_of_rows(text: str) -> None:
    problem = problem_of(text, _used(text))
    assert_units_same(density_of(problem, torch.float64), provider_of(problem, True))


def _used(text: str) -> dict[str, Any]:
    return {n: v for n, v in ROWS.items() if n in set(text.replace("(", " ").replace("\n", " ").split())}


PARAMS = (
    "param a : positive\nparam q : unit\ndim f = {l, m, n}\nparam w[f] : simplex\nb ~ Normal(0, 1)\nplate r {\n  input x : real\n"
    "  y ~ Normal(a * b * x + q * w[l] - w[n], a + w[m])\n}"
)


def test_params_have_no_jacobian_and_latents_do() -> None:
    problem = problem_of(PARAMS, _used(PARAMS))
    joint = density_of(problem, torch.float64)
    assert_same(joint, provider_of(problem, True))
    assert_same(joint, provider_of(problem, False))


LINE = "a ~ Normal(0, 1)\ns ~ Gamma(2, 1)\nplate r {\n  input x : real\n  y ~ Normal(a * x, s)\n}"


def test_rows_that_stand_for_all() -> None:
    """One program for all batches, at other rows and scales."""
    problem = problem_of(LINE, _used(LINE))
    joint, provider = density_of(problem, torch.float64), provider_of(problem, True)
    for rows in ([0, 3, 5], [1, 2, 4, 7]):
        assert_same(restricted_to_rows(joint, "r", np.array(rows)), provider)
    assert len(joint.programs.of_loops) == 2, "one of all rows, one of batches"


def test_cells_that_an_intervention_set() -> None:
    problem = problem_of(LINE, _used(LINE))
    joint = density_of(problem, torch.float64)
    some = replace(joint, intervened={"y": torch.arange(len(ROWS["y"])) % 3 == 0})
    assert_same(some, provider_of(problem, True))
    assert_units_same(some, provider_of(problem, True))


def test_missing_numbers_are_further_free_values() -> None:
    text = "a ~ Normal(0, 1)\nplate r {\n  w ~ Gamma(2, 1)\n  y ~ Normal(a * w, 1)\n}"
    problem = problem_of(text, _used(text))
    joint = density_of(problem, torch.float64)
    some = replace(joint, missing={"w": torch.arange(len(ROWS["w"])) % 4 == 1})
    assert_same(some, DensityProvider(("a", "w"), True, (), "native"))
    with pytest.raises(NotScalar, match="missing cells of `w`"):
        native_log_density(some, ("a",))


def test_labels_among_the_draws() -> None:
    """Draws of labels are codes in the vector of values."""
    text = (
        "dim k = {one, two}\nm[k] ~ Normal(0, 1)\nplate c {\n  z : k ~ Table() { 0.3, 0.7 }\n"
        "  plate r { y ~ Normal(m[z], 1) }\n}"
    )
    problem = problem_of(text, {"c": ROWS["c"], "y": ROWS["y"]})
    joint = density_of(problem, torch.float64)
    rng = np.random.default_rng(0)
    values = {"m": torch.from_numpy(rng.normal(size=(5, 2))), "z": torch.from_numpy(rng.integers(0, 2, (5, 3)))}
    found = unit_values(joint, values, {}, ("y",), "r", 5, enough=0)
    assert found is not None
    expected = sum_per_unit(joint, {"y": joint.factors(values)["y"]}, "r")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_planted_fault_in_an_adjoint_is_seen() -> None:
    problem = example("schools/schools")
    joint, provider = density_of(problem, torch.float64), provider_of(problem, True)
    native = provider.native(joint)
    assert native is not None
    assert differences(joint, provider, native)[1] <= 1e-9
    source = native.program.source
    line = next(k for k, text in enumerate(source.splitlines()) if text.lstrip().startswith("gradient["))
    lines = source.splitlines()
    lines[line] += " * 1.0000001"
    native.__dict__["module"] = load_program("\n".join(lines))
    assert differences(joint, provider, native)[1] > 1e-9


def test_a_planted_fault_in_the_values_of_rows_is_seen() -> None:
    problem = problem_of(LINE, _used(LINE))
    joint = density_of(problem, torch.float64)
    values = {"a": torch.full((1,), 0.3, dtype=torch.float64), "s": torch.full((1,), 0.8, dtype=torch.float64)}
    loaded = loaded_unit_values(joint, values, {}, ("y",), "r")
    loaded.__dict__["module"] = load_program(loaded.program.source.replace("0.5", "0.5000001"))
    out = np.zeros((1, len(ROWS["y"])))
    loaded.add_to(out, np.array([[0.3, 0.8]]))
    expected = joint.factors(values)["y"].numpy()
    assert np.abs(out / expected - 1).max() > 1e-10


# ---- fits


def fits(text: str, data: Any, method: str, **options: Any) -> tuple[Any, Any]:
    """Records of the same fit by torch and by loops."""
    model = pgmlang.compile(text)
    records = [
        model.fit(data, method=method, seed=1, options={"backend": b, **options}).record
        for b in ("torch", "native")
    ]
    assert [r.provenance["backend"] for r in records] == ["torch", "native"]
    return records[0], records[1]


RNG = np.random.default_rng(5)
GROUPS = pd.DataFrame({
    "c": [f"c{i % 6}" for i in range(60)], "x": RNG.normal(size=60), "y": RNG.normal(size=60) + np.arange(60) % 6 / 3,
})  # fmt: skip
GROUPED = (
    "m ~ Normal(0, 2)\ns ~ InverseGamma(3, 1)\nv ~ InverseGamma(3, 1)\nb ~ Normal(0, 1)\nplate c {\n  t ~ Normal(m, s)\n  plate r {\n"
    "    input x : real\n    y ~ Normal(t + b * x, v)\n  }\n}"
)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_mode_is_the_same(optimizer: str) -> None:
    data = GROUPS[["c", "x", "y"]]
    options: dict[str, Any] = {} if optimizer == "lbfgs" else {"epochs": 300, "learning_rate": 0.05}
    one, other = fits(GROUPED, data, "map", optimizer=optimizer, **options)
    for name, value in one.parameters.items():
        np.testing.assert_allclose(other.parameters[name], value, rtol=1e-6, atol=1e-6)
    for name, value in one.standard_errors.items():
        np.testing.assert_allclose(other.standard_errors[name], value, rtol=1e-6)
    assert one.trace[-1] == pytest.approx(other.trace[-1], rel=1e-9)
    assert bool(one.standard_errors) == (optimizer == "lbfgs")


def test_maximum_likelihood_of_params_is_the_same() -> None:
    text = "param a : real\nparam b : real\nparam s : positive\nplate r {\n  input x : real\n  y ~ Normal(a + b * x, s)\n}"
    one, other = fits(text, GROUPS[["x", "y"]], "map")
    for name, value in one.parameters.items():
        np.testing.assert_allclose(other.parameters[name], value, rtol=1e-6)
    x = np.stack([np.ones(60), GROUPS["x"]], 1)
    slopes = np.linalg.lstsq(x, GROUPS["y"], rcond=None)[0]
    np.testing.assert_allclose([other.parameters["a"], other.parameters["b"]], slopes, rtol=1e-5)


def test_a_mode_on_an_edge_is_the_same() -> None:
    """Loops have minus infinity beyond an edge, where torch says what it is."""
    text = "param a : positive\nplate r { w ~ Exponential(a) }"
    one, other = fits(text, pd.DataFrame({"w": np.abs(GROUPS["y"]) + 0.1}), "map")
    np.testing.assert_allclose(other.parameters["a"], one.parameters["a"], rtol=1e-6)
    uniform = "b ~ Gamma(2, 1)\nplate r { w ~ Uniform(0, b) }"
    one, other = fits(uniform, pd.DataFrame({"w": np.abs(GROUPS["y"]) + 0.1}), "map")
    np.testing.assert_allclose(other.parameters["b"], one.parameters["b"], rtol=1e-6)
    assert [w.message for w in one.warnings] == [w.message for w in other.warnings]


@pytest.mark.parametrize("guide", ["meanfield", "fullrank"])
def test_the_bound_is_the_same(guide: str) -> None:
    """Of the same draws to rounding; a fit's climb to where the guide begins ends a little elsewhere."""
    problem = problem_of(GROUPED, GROUPS[["c", "x", "y"]])
    joint = density_of(problem, torch.float64)
    told = []
    for backend in ("torch", "native"):
        objective = elbo_objective(problem, 4, guide, backend)
        free = AutomaticGuide(tuple(joint.latent), GUIDES[guide]).begin(joint, torch.Generator().manual_seed(1))
        leaves = {k: v.clone().requires_grad_() for k, v in free.items()}
        loss, _ = objective.loss(joint, leaves, None, torch.Generator().manual_seed(2), None)
        told.append((loss.detach(), *torch.autograd.grad(loss, list(leaves.values()))))
    for one, other in zip(*told, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)
    one, other = fits(GROUPED, GROUPS[["c", "x", "y"]], "elbo", guide=guide, epochs=60)
    assert one.provenance["elbo"] == pytest.approx(other.provenance["elbo"], abs=0.05)


@pytest.mark.slow
def test_the_bound_of_minibatches_is_the_same() -> None:
    one, other = fits(LINE, GROUPS[["x", "y"]], "elbo", epochs=20, batch=15)
    assert one.provenance["elbo"] == pytest.approx(other.provenance["elbo"], abs=0.01)
    for name, value in one.draws.items():
        np.testing.assert_allclose(other.draws[name], value, atol=0.05)


@pytest.mark.parametrize("method", ["mh", "langevin", "tempering"])
def test_draws_are_the_same(method: str) -> None:
    """Of short runs, which rounding has not yet led apart."""
    options = {"temperatures": 3, "inner": "langevin"} if method == "tempering" else {}
    one, other = fits(LINE, GROUPS[["x", "y"]], method, chains=3, warmup=30, draws=20, **options)
    for name, value in one.draws.items():
        np.testing.assert_allclose(other.draws[name], value, rtol=1e-5, atol=1e-6)


def test_trajectories_draw_the_same_posterior() -> None:
    one, other = fits(LINE, GROUPS[["x", "y"]], "hmc", chains=8, warmup=200, draws=200)
    for name in ("a", "s"):
        a, b = convergence(one.draws[name]), convergence(other.draws[name])
        assert np.abs(a.mean - b.mean) < 5 * np.hypot(a.mcse, b.mcse)
        assert np.abs(a.sd / b.sd - 1) < 0.15


def test_scores_and_leave_one_out_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = GROUPS[["c", "x", "y"]]
    fit = pgmlang.compile(GROUPED).fit(data, method="elbo", seed=1, options={"epochs": 50})
    told = fit.score(data), fit.loo(data).pointwise
    monkeypatch.setattr(unit_values, "__defaults__", (0,))
    np.testing.assert_allclose(fit.score(data), told[0], rtol=1e-9)
    np.testing.assert_allclose(fit.loo(data).pointwise, told[1], rtol=1e-9)


def test_scores_of_estimates_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Params alone: no draws, one value of each."""
    text = "param a : real\nparam s : positive\nplate r {\n  input x : real\n  y ~ Normal(a * x, s)\n}"
    data = GROUPS[["x", "y"]]
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)
    told = fit.score(data)
    monkeypatch.setattr(unit_values, "__defaults__", (0,))
    np.testing.assert_allclose(fit.score(data), told, rtol=1e-12)


def test_any_number_of_threads_gives_the_same_values_of_rows() -> None:
    problem = problem_of(LINE, _used(LINE))
    joint = density_of(problem, torch.float64)
    values = {n: torch.from_numpy(np.random.default_rng(0).gamma(2.0, 1.0, 9)) for n in ("a", "s")}
    loaded = loaded_unit_values(joint, values, {}, ("y",), "r")
    x = np.stack([values["a"], values["s"]], 1)
    one = np.zeros((9, len(ROWS["y"])))
    loaded.add_to(one, x)
    loaded.threads, loaded.seconds = 3, 1.0
    several = np.zeros_like(one)
    loaded.add_to(several, x)
    np.testing.assert_array_equal(one, several)

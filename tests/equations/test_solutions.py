"""Solutions of differential equations are those that are known, and so are the slopes of their densities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import pgmlang
from pgmlang.density.native import native_log_density
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
from pgmlang.model.expr import Ref
from pgmlang.tables.evaluate import Evaluator
from tests.equations.by_hand import CASES, Case
from tests.infer.by_hand import problem_of


def target_over(case: Case) -> Target:
    return target_of(problem_of(case.text, case.data))


def columns_of(target: Target) -> dict[str, np.ndarray]:
    """The data, with the outer element of each row by the name of its plate."""
    held = {k: v.numpy() for k, v in {**target.joint.data, **target.joint.observed}.items()}
    for plate in target.model.plates:
        held |= {q: target.joint.binding.layout.parent(q, plate.name) for q in plate.parents}
    return held


EVERY_DAY = ("decay", "absorption and elimination, a system a person", "pools along an axis")
OF_TORCH = [pytest.param(n, marks=() if n in EVERY_DAY else pytest.mark.slow) for n in CASES]


@pytest.mark.parametrize("name", OF_TORCH)
def test_values_are_those_of_the_solution(name: str) -> None:
    case = CASES[name]
    target = target_over(case)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(3, target.dimension)) * 0.5)
    values, _ = target.values(x)
    shown, columns = deterministic_values(target.joint, values), columns_of(target)
    for solved, solution in case.solutions.items():
        for chain in range(3):
            expected = solution({k: v[chain].numpy() for k, v in values.items()}, columns)
            np.testing.assert_allclose(shown[solved][chain].numpy(), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == EVERY_DAY[2] else pytest.mark.slow) for n in CASES]
)
def test_gradients_are_those_of_differences(name: str) -> None:
    target = target_over(CASES[name])
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(1, target.dimension)) * 0.5)
    value, gradient = target.value_and_grad(x)
    assert bool(torch.isfinite(value).all())
    step = 1e-6
    around = x + step * torch.cat([torch.eye(target.dimension), -torch.eye(target.dimension)]).double()
    values = target.value_and_grad(around)[0]
    differences = (values[: target.dimension] - values[target.dimension :]) / (2 * step)
    np.testing.assert_allclose(gradient[0].numpy(), differences.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == EVERY_DAY[1] else pytest.mark.slow) for n in CASES]
)
def test_loops_and_torch_have_one_density(name: str) -> None:
    target = target_over(CASES[name])
    native = native_log_density(target.joint, target.names)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, target.dimension)) * 0.5)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-9)
    np.testing.assert_allclose(gradients, slopes.numpy(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_values_of_known_parameters_are_those_of_the_solution(name: str) -> None:
    case = CASES[name]
    target = target_over(case)
    joint = target.joint
    values = {
        k: v[0].numpy() for k, v in target.values(0.3 * torch.arange(target.dimension)[None].double())[0].items()
    }
    columns = columns_of(target)
    evaluator = Evaluator(joint.binding.model, {**values, **columns}, joint.binding.layout)
    for solved, solution in case.solutions.items():
        variable = joint.binding.model.by_name[solved]
        found = evaluator.evaluate(Ref(variable.type, variable.axes, None, solved), variable.plates)
        np.testing.assert_allclose(found.values, solution(values, columns), rtol=1e-7, atol=1e-8)


BOUNDLESS = "c ~ LogNormal(0, 1)\nplate row {\n  input t : real\n  x = ode(x^2, start = c, times = t, max_steps = 60)\n  y ~ Normal(x, 1)\n}\n"
"""The solution c / (1 - c t) has an end at 1 / c."""


def test_a_solution_that_ends_before_the_last_time_has_density_zero_and_no_other_with_it() -> None:
    target = target_of(problem_of(BOUNDLESS, {"t": [0.0, 0.5, 1.0], "y": [0.1, 0.1, 0.1]}))
    starts = torch.tensor([0.5, 3.0, 0.8], dtype=torch.float64)
    values = target.value(starts.log()[:, None])
    assert torch.isfinite(values).tolist() == [True, False, True]
    by_loops, slopes = native_log_density(target.joint, target.names).values_and_gradients(
        starts.log()[:, None].numpy()
    )
    np.testing.assert_allclose(by_loops, values.numpy(), rtol=1e-5)
    assert (slopes[:, 0] == 0).tolist() == [False, True, False]
    alone = target.value(starts[:1].log()[:, None])
    np.testing.assert_allclose(values[:1].numpy(), alone.numpy(), rtol=1e-7)


STEEP = "k ~ LogNormal(0, 3)\nplate row {\n  input t : real\n  x = ode(-k * (x - cos(t)), start = 0, times = t, max_steps = 40)\n  y ~ Normal(x, 1)\n}\n"
"""The larger k, the shorter the steps."""


def test_a_solution_of_too_many_steps_has_density_zero() -> None:
    target = target_of(problem_of(STEEP, {"t": [0.0, 3.0], "y": [0.1, 0.1]}))
    values = target.value(torch.tensor([[0.0], [8.0]], dtype=torch.float64))
    assert torch.isfinite(values).tolist() == [True, False]


@pytest.mark.slow
def test_loops_have_density_zero_where_there_is_no_solution() -> None:
    target = target_of(problem_of(BOUNDLESS, {"t": [0.0, 0.5, 1.0], "y": [0.1, 0.1, 0.1]}))
    at = torch.tensor([0.5, 3.0, 0.8], dtype=torch.float64).log()[:, None]
    values, slopes = native_log_density(target.joint, target.names).values_and_gradients(at.numpy())
    np.testing.assert_allclose(values, target.value(at).numpy(), rtol=1e-5)
    assert (slopes[:, 0] == 0).tolist() == [False, True, False]
    target = target_of(problem_of(STEEP, {"t": [0.0, 3.0], "y": [0.1, 0.1]}))
    values = native_log_density(target.joint, target.names).values(np.array([[0.0], [8.0]]))
    assert np.isfinite(values).tolist() == [True, False]


STIFF = "k ~ LogNormal(14, 1)\nplate row {\n  input t : real\n  x = ode(-k * (x - cos(t)), start = 0, times = t, solver = SOLVER)\n  y ~ Normal(x, 1)\n}\n"


def test_implicit_steps_are_not_bound_by_the_fastest_rate() -> None:
    data = {"t": [0.0, 1.0, 3.0], "y": [0.0, 0.5, -1.0]}
    at = torch.zeros((1, 1), dtype=torch.float64) + 14.0
    explicit, implicit = (target_of(problem_of(STIFF.replace("SOLVER", s), data)) for s in ("explicit", "stiff"))
    assert not torch.isfinite(explicit.value(at)).any()
    shown = deterministic_values(implicit.joint, implicit.values(at)[0])["x"][0].numpy()
    np.testing.assert_allclose(shown, [0.0, np.cos(1.0), np.cos(3.0)], atol=3e-6)


REGIMES = (
    "c ~ LogNormal(0, 0.5)\nwhole : bit ~ Bernoulli(0.3)\nplate person {\n  quick : bit ~ Bernoulli(0.4)\n"
    "  k = if quick == 1 then 2 else 0.2 + 0.1 * whole\n  plate row {\n    input t : real\n"
    "    u = ode(-k * u + 0.1 * v, start = c + quick, times = t, rtol = 1e-10, atol = 1e-12)\n"
    "    v = ode(0.3 * u - v, start = 0.5, times = t, rtol = 1e-10, atol = 1e-12)\n    y ~ Normal(u - v, 0.5)\n  }\n}\n"
)


@pytest.mark.slow
def test_labels_that_a_system_hangs_on_are_summed_out() -> None:
    rows = {"person": [0, 0, 1, 1, 1], "t": [0.0, 1.0, 0.5, 2.0, 1.0], "y": [1.0, 0.4, 0.6, 0.1, -0.3]}
    target = target_of(problem_of(REGIMES, rows))
    assert target.sums is not None
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, target.dimension)) * 0.5)
    expected, slopes = target.value_and_grad(x)
    native = native_log_density(target.joint, target.names, target.sums.names)
    values, gradients = native.values_and_gradients(x.numpy())
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-9)
    np.testing.assert_allclose(gradients, slopes.numpy(), rtol=1e-8, atol=1e-8)


EPIDEMIC = (
    "rate ~ LogNormal(0, 0.5)\nleave ~ LogNormal(-1, 0.5)\nplate day {\n  input t : real\n  all = S + I + R\n"
    "  new = rate * S * I / all\n  S = ode(-new, start = 99, times = t, start_time = 0)\n"
    "  I : positive = ode(new - leave * I, start = 1, times = t, start_time = 0)\n"
    "  R = ode(leave * I, start = 0, times = t, start_time = 0)\n  cases ~ Poisson(I)\n}\n"
)


def test_values_worked_out_of_states_are_written_out_in_rates() -> None:
    times = [1.0, 4.0, 9.0]
    target = target_of(problem_of(EPIDEMIC, {"t": times, "cases": [2, 10, 20]}))
    values, _ = target.values(torch.zeros((1, 2), dtype=torch.float64))
    shown = deterministic_values(target.joint, values)
    rate, leave = (float(values[n]) for n in ("rate", "leave"))

    def slopes(_: float, z: np.ndarray) -> list[float]:
        new = rate * z[0] * z[1] / z.sum()
        return [-new, new - leave * z[1], leave * z[1]]

    found = solve_ivp(slopes, (0, 9), [99, 1, 0], t_eval=times, rtol=1e-10, atol=1e-10)
    for row, name in enumerate(("S", "I", "R")):
        np.testing.assert_allclose(shown[name][0].numpy(), found.y[row], rtol=1e-5)
    np.testing.assert_allclose(shown["all"][0].numpy(), 100.0, rtol=1e-7)


DECAY = (
    "k ~ LogNormal(0, 1)\nc ~ LogNormal(0, 1)\nsd ~ HalfNormal(1)\nplate row {\n  input t : real\n"
    "  x = ode(-k * x, start = c, times = t)\n  y ~ Normal(x, sd)\n}\n"
)


def fitted(text: str = DECAY, **options: Any) -> pgmlang.Fit:
    times = np.linspace(2, 6, 9)
    noise = 0.02 * np.random.default_rng(0).normal(size=9)
    return pgmlang.compile(text).fit({"t": times, "y": 3 * np.exp(-0.5 * (times - 2)) + noise}, **options)


def test_new_rows_do_not_move_the_start() -> None:
    fit = fitted(method="map")
    k, c = (float(fit.params[n]) for n in ("k", "c"))
    assert (k, c) == pytest.approx((0.5, 3.0), rel=0.05)
    later = fit.predict({"t": [4.0, 8.0], "y": [None, None]})
    np.testing.assert_allclose(later["y"].to_numpy(), c * np.exp(-k * np.array([2.0, 6.0])), rtol=1e-4)

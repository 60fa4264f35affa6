"""Recursions worked out by programs are those of a loop over rows, and so are their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.density.native import native_log_density
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.native.formulas import NotScalar
from tests.infer.by_hand import problem_of
from tests.recursions.by_hand import CASES, ByHand, data_of, values_by_hand


def target_over(case: ByHand, data: dict[str, list[Any]]) -> Target:
    return target_of(problem_of(case.text, data))


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_a_loop_over_rows(name: str) -> None:
    case, data = CASES[name], data_of()
    target = target_over(case, data)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(4, target.dimension)) * 0.7)
    values, _ = target.values(x)
    model = target.model
    names = [d.target for d in model.definitions]
    shown = deterministic_values(target.joint, values)
    layout, joint = target.joint.binding.layout, target.joint
    people, position = layout.parent("person", "step"), layout.sequences("step").position
    sequences = [np.flatnonzero(people == p)[np.argsort(position[people == p])] for p in np.unique(people)]
    columns = {k: v.numpy() for k, v in {**joint.data, **joint.observed}.items()}
    for chain in range(4):
        held = {**{k: v[chain].numpy() for k, v in values.items()}, **columns}
        if "g" in held:
            held["g person"] = held["g"][people]
        expected = values_by_hand(case, names, held, sequences)
        for n in names:
            np.testing.assert_allclose(shown[n][chain].numpy(), expected[n], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_differences(name: str) -> None:
    target = target_over(CASES[name], data_of())
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(1, target.dimension)) * 0.5)
    value, gradient = target.value_and_grad(x)
    assert bool(torch.isfinite(value).all())
    step = 1e-6
    around = x + step * torch.cat([torch.eye(target.dimension), -torch.eye(target.dimension)]).double()
    values = target.value_and_grad(around)[0]
    differences = (values[: target.dimension] - values[target.dimension :]) / (2 * step)
    np.testing.assert_allclose(gradient[0].numpy(), differences.numpy(), rtol=1e-5, atol=1e-6)


LOOPS = [n for n in CASES if n != "labels"]
"""Those that compiled loops say: labels that are worked out are torch's."""


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_torch_have_one_density(name: str) -> None:
    target = target_over(CASES[name], data_of())
    native = native_log_density(target.joint, target.names)
    assert native.over_lanes is not None
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(9, target.dimension)) * 0.7)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-10)
    np.testing.assert_allclose(gradients, slopes.numpy(), rtol=1e-9, atol=1e-9)


def test_names_of_different_axes_that_look_back_at_each_other_are_torchs() -> None:
    text = (
        "dim k[2]\na[k] ~ Normal(0, 1)\nplate step = chain {\n  p[k] = if first then a else 0.9 * prev(p) - 0.1 * prev(q)\n"
        "  q = if first then 1 else 0.8 * prev(q) + 0.2 * sum(prev(p))\n  y ~ Normal(q, 1)\n}\n"
    )
    target = target_of(problem_of(text, {"y": [0.5, 1.0, 0.0, 0.3]}))
    with pytest.raises(NotScalar, match="of different axes"):
        native_log_density(target.joint, target.names)
    value, _ = target.value_and_grad(torch.tensor([[0.4, -0.3]], dtype=torch.float64))
    p, q, total = np.array([0.4, -0.3]), 1.0, 0.0
    for t, y in enumerate([0.5, 1.0, 0.0, 0.3]):
        if t:
            p, q = 0.9 * p - 0.1 * q, 0.8 * q + 0.2 * p.sum()
        total += stats.norm.logpdf(y, q, 1)
    assert float(value) == pytest.approx(total + stats.norm.logpdf([0.4, -0.3]).sum(), abs=1e-12)


ROW = "dim k[3]\na[k] ~ Normal(0, 1)\nplate step = chain {\n  p[k] = if first then a else 0.5 * prev(q)\n  q[k] = if first then a else 0.3 * prev(p) + OWN\n  y ~ Normal(sum(q), 1)\n}\n"
"""Names that look back at one another, one of which looks at the other in the row that is worked out."""


@pytest.mark.parametrize("own", ["sum(p)", "p[k0]", "p[k2]"])
def test_other_elements_of_the_row_that_is_worked_out_are_torchs(own: str) -> None:
    target = target_of(
        problem_of(
            ROW.replace("dim k[3]", "dim k = {k0, k1, k2}").replace("OWN", own), {"y": [0.5, 1.0, 0.0, 0.3]}
        )
    )
    with pytest.raises(NotScalar, match="`p`, which is looked at elsewhere in the row"):
        native_log_density(target.joint, target.names)


def test_the_same_element_of_the_row_that_is_worked_out_is_at_hand() -> None:
    target = target_of(problem_of(ROW.replace("OWN", "0.1 * p"), {"y": [0.5, 1.0, 0.0, 0.3]}))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3)))
    value, slope = target.value_and_grad(x)
    found = native_log_density(target.joint, target.names).values_and_gradients(x.numpy())
    np.testing.assert_allclose(found[0], value.numpy(), rtol=1e-10)
    np.testing.assert_allclose(found[1], slope.numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    "line", ["s = if first then a else prev(s) + a", "s ~ Normal(if first then a else prev(s), 1)"]
)
def test_rows_within_a_step_have_no_row_before(line: str) -> None:
    text = f"a ~ Normal(0, 1)\nplate step = chain {{\n  plate obs {{\n    {line}\n    y ~ Normal(s, 1)\n  }}\n}}\n"
    with pytest.raises(PgmError, match="rows of `obs`") as raised:
        pgmlang.compile(text)
    assert raised.value.diagnostics[0].code == "PGM0312"


def test_labels_that_a_recursion_takes_in_are_not_summed_row_by_row() -> None:
    text = (
        "a ~ Normal(0, 2)\nplate step = chain {\n  z ~ Bernoulli(0.4)\n  s = if first then 0 else 0.5 * prev(s) + z\n"
        "  y ~ Normal(a + s, 1)\n}\n"
    )
    steps, reasons = summing_steps(pgmlang.compile(text).model, ("z",))
    assert not steps
    assert "all earlier rows" in reasons[0].message

"""Recursions worked out by programs are those of a loop over rows, and so are their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
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

"""What two Newton steps say of the end of a climb."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pgmlang.kernels import lbfgs
from pgmlang.kernels.curvature import MOST, Curvature, curvature, hessian
from pgmlang.kernels.second_derivatives import one_by_one


def by_autograd(value):
    def function(x):
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            loss = value(leaf)
            (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), gradient

    return function


def as_numbers(function):
    def of_array(x):
        loss, gradient = function(torch.as_tensor(x))
        return float(loss), gradient.numpy()

    return one_by_one(of_array)


def at_the_end(value, x, iterations=200) -> Curvature:
    function = by_autograd(value)
    point = lbfgs.descend(function, lbfgs.start(function, x), iterations)
    found = curvature(as_numbers(function), point.x.numpy())
    assert found is not None
    return found


def logistic(inputs, outcomes):
    x, y = torch.as_tensor(inputs), torch.as_tensor(outcomes)
    return lambda b: torch.nn.functional.softplus(x @ b).sum() - (y * (x @ b)).sum()


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_proper_maximum_is_one_in_any_unit(unit):
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(200), rng.normal(size=200) * unit])
    y = (rng.random(200) < 1 / (1 + np.exp(-0.3 - x[:, 1] / unit))).astype(float)
    loss = logistic(x, y)
    end = at_the_end(lambda b: loss(b / torch.tensor([1.0, unit])), torch.zeros(2, dtype=torch.float64))
    assert end.is_minimum
    assert end.decrement < 1e-6
    p = 1 / (1 + np.exp(-x @ (end.x / [1, unit])))
    scaled = x / [1, unit]
    information = (scaled * (p * (1 - p))[:, None]).T @ scaled
    assert end.covariance() == pytest.approx(np.linalg.inv(information), rel=1e-5)


def test_separable_classes_run_to_infinity():
    x = np.column_stack([np.ones(20), np.linspace(-2, 2, 20)])
    end = at_the_end(logistic(x, (x[:, 1] > 0).astype(float)), torch.zeros(2, dtype=torch.float64))
    assert not end.is_minimum
    assert bool(end.is_running[1])
    assert math.isnan(float(end.covariance()[0, 0]))


def test_a_share_of_nothing_runs_to_the_edge():
    end = at_the_end(lambda x: 20 * torch.nn.functional.softplus(x[0]), torch.zeros(1, dtype=torch.float64))
    assert bool(end.is_running[0])


def test_a_sum_alone_leaves_a_ridge():
    y = torch.tensor([0.3, 1.2, 0.7], dtype=torch.float64)
    end = at_the_end(
        lambda x: 0.5 * ((y - x[0] - x[1]) ** 2).sum() + 0.5 * (x[2] - 2) ** 2, torch.zeros(3, dtype=torch.float64)
    )
    assert end.flat.shape == (3, 1)
    assert not end.is_running.any()
    assert np.abs(end.flat[:, 0]) == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0], abs=1e-6)


def test_a_number_that_nothing_mentions_is_flat():
    end = at_the_end(lambda x: (x[0] - 1) ** 2 + 0 * x[1], torch.zeros(2, dtype=torch.float64))
    assert np.abs(end.flat[:, 0]) == pytest.approx([0, 1])


def test_an_early_stop_is_finished():
    """A climb given up after a few iterations still knows how far it is."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(500, 4)), rng.random(500).round()
    end = at_the_end(logistic(x, y), torch.zeros(4, dtype=torch.float64), iterations=1)
    assert end.is_minimum
    assert end.decrement < 1e-8


def test_the_hessian_is_that_of_autograd():
    def value(x):
        return (x[0] * x[1]).exp() + x[1] ** 4 + (x[2] * x[0]).sin()

    x = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    exact = torch.autograd.functional.hessian(value, x)
    assert hessian(as_numbers(by_autograd(value)), x.numpy()) == pytest.approx(exact.numpy(), abs=1e-7)


def test_too_many_numbers_and_none_have_no_answer():
    function = as_numbers(by_autograd(lambda x: (x**2).sum()))
    assert curvature(function, np.zeros(MOST + 1)) is None
    assert curvature(function, np.zeros(0)) is None


def test_a_saddle_is_no_minimum():
    end = curvature(as_numbers(by_autograd(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4)), np.zeros(2))
    assert end is not None
    assert end.is_saddle
    assert not end.is_minimum


@pytest.mark.parametrize("rounding", [0.0, 1e-12, -1e-12])
@pytest.mark.parametrize("x", [[-96.0], [-96.0, -97.0], [-96.0, 0.0]])
def test_a_plateau_that_rounding_curves_is_no_end(rounding, x):
    """A limit at infinity, reached to the last digit: what curvature is left there is that of rounding."""
    weights = torch.tensor([0.0 if v == 0 else 1.0 for v in x])

    def value(x):
        return (
            (weights * torch.exp(0.3 * x)).sum() + 0.5 * ((1 - weights) * x * x).sum() + rounding * (x * x).sum()
        )

    end = curvature(as_numbers(by_autograd(value)), np.array(x))
    assert end is not None
    assert list(end.is_running) == [v != 0 for v in x]
    assert not end.is_minimum


def test_an_uncertain_estimate_near_the_origin_has_an_end():
    end = at_the_end(lambda x: 0.5 * ((x - 1e-3) ** 2).sum() + (x**4).sum(), torch.ones(2, dtype=torch.float64))
    assert end.is_minimum

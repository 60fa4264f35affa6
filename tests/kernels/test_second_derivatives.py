"""Second derivatives of functions whose Hessian is known, in units far from one."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.kernels.curvature import curvature
from pgmlang.kernels.second_derivatives import one_by_one, second_derivatives


def quadratic(square, centre):
    return one_by_one(lambda x: (float(0.5 * (x - centre) @ square @ (x - centre)), square @ (x - centre)))


def log_cosh(unit, centre):
    """Bent at its own scale alone: a step of another size sees a cone or nothing."""
    return one_by_one(
        lambda x: (
            float(np.logaddexp((x - centre) / unit, (centre - x) / unit).sum()),
            np.tanh((x - centre) / unit) / unit,
        )
    )


UNITS = [
    (unit, centre) for unit in (1e-6, 1e-3, 1.0, 1e4) for centre in (0.0, 1.0, -1e5) if unit > 1e-9 * abs(centre)
]
"""No float lies nearer to a centre."""


@pytest.mark.parametrize(("unit", "centre"), UNITS)
def test_each_number_is_stepped_in_its_own_unit(unit: float, centre: float) -> None:
    square, is_infinite = second_derivatives(log_cosh(unit, centre), np.array([centre]))
    assert square[0, 0] == pytest.approx(1 / unit**2, rel=1e-3)
    assert not is_infinite.any()


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e5, 1e6])
def test_two_coefficients_of_a_column_far_from_zero_are_told_apart(offset: float) -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(50), offset + rng.normal(size=50)])
    end = curvature(quadratic(x.T @ x, np.array([1.0, 2.0])), np.array([0.3, 2.0]))
    assert end is not None
    assert end.is_minimum
    exact = [np.sqrt(1 / 50 + x[:, 1].mean() ** 2 / ((x[:, 1] - x[:, 1].mean()) ** 2).sum()),
             np.sqrt(1 / ((x[:, 1] - x[:, 1].mean()) ** 2).sum())]  # fmt: skip
    assert np.sqrt(np.diagonal(end.covariance())) == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("units", [(1.0, 1.0), (1.0, 1e5), (1e-4, 1e4)])
def test_a_combination_that_nothing_hangs_on_has_no_curvature(units: tuple[float, float]) -> None:
    row = np.array(units)
    end = curvature(quadratic(np.outer(row, row), np.array([1.0, 2.0])), np.array([1.1, 2.0]))
    assert end is not None
    assert end.flat.shape == (2, 1)
    assert not end.is_minimum
    assert abs(row / np.linalg.norm(row) @ end.flat[:, 0]) < 1e-4


def test_a_number_known_to_a_million_only_is_one() -> None:
    """Its slope is rounding at the first step: a longer one shows it."""
    centre = np.array([0.5, 3e5])
    end = curvature(quadratic(np.diag([1e6, 1e-12]), centre), np.array([0.5, 0.0]))
    assert end is not None
    assert end.is_minimum
    assert np.sqrt(np.diagonal(end.covariance())) == pytest.approx([1e-3, 1e6], rel=1e-3)
    assert end.x == pytest.approx(centre, rel=1e-3)

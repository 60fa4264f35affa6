"""What is still to be gained, and steps ahead, of sequences whose end is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pgmlang.kernels.extrapolation import ahead, still_to_gain


@pytest.mark.parametrize("rate", [0.1, 0.9, 0.999])
def test_gains_that_shrink_evenly_sum_to_what_is_told(rate):
    values = [-(rate**k) for k in range(3)]
    assert still_to_gain(values) == pytest.approx(-values[-1])


def test_growing_gains_have_no_end_in_sight():
    assert still_to_gain([0.0, 1e-9, 3e-9]) == math.inf
    assert still_to_gain([0.0, 1.0]) == math.inf
    assert still_to_gain([-math.inf, -5.0, -4.0]) == pytest.approx(0.0)


def test_an_objective_that_stays_has_arrived():
    assert still_to_gain([-7.0, -7.0, -7.0]) == 0.0


def test_a_step_ahead_of_a_linear_map_is_its_fixed_point():
    points = [np.array([[3.0 + 0.9**k, -1.0 + 2 * 0.9**k]]) for k in range(3)]
    assert ahead(*points) == pytest.approx(np.array([[3.0, -1.0]]))


def test_points_that_do_not_move_stay():
    x = np.ones((2, 3))
    assert ahead(x, x, x) == pytest.approx(x)

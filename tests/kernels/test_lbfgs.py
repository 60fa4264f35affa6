"""The ends of a descent: where the values tell no more, no search goes on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pgmlang.kernels import lbfgs

CENTRE = torch.tensor([0.3, -1.7, 10.3])
"""Where the descents should end; not a number of single precision."""


class Counted:
    """A smooth hill upside down, with a constant beside it, and how often it was asked."""

    def __init__(self, offset: float, scale: float) -> None:
        self.offset, self.scale, self.count = offset, scale, 0

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.count += 1
        leaf = x.detach().requires_grad_()
        value = self.offset + self.scale * torch.logaddexp(leaf - CENTRE.to(x), CENTRE.to(x) - leaf).sum()
        return value.detach(), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("offset", [0.0, 1.7, -1e4])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_descent_ends_where_the_values_tell_no_more(dtype: torch.dtype, offset: float, scale: float) -> None:
    hill = Counted(offset, scale)
    point = lbfgs.descend(hill, lbfgs.start(hill, torch.zeros(3, dtype=dtype)), 200)
    assert point.is_stuck
    assert hill.count < 120
    # the curvature at the end is `scale`: a step of this size changes the value by its rounding
    resolved = (abs(offset) + 2 * scale) / scale * torch.finfo(dtype).eps
    assert (point.x - CENTRE.to(dtype)).abs().max() < 10 * resolved**0.5 + 1e-6
    before = hill.count
    again = lbfgs.descend(hill, lbfgs.start(hill, point.x), 20)
    assert again.is_stuck
    assert hill.count - before < 90


def test_a_slope_below_the_rounding_of_the_value_is_followed_where_it_leads_far() -> None:
    def valley(x: Tensor) -> tuple[Tensor, Tensor]:
        """So flat that a step of the gradient changes nothing that shows."""
        return 1 + 1e-10 * ((x - 300) ** 2).sum(), 2e-10 * (x - 300)

    point = lbfgs.descend(valley, lbfgs.start(valley, torch.zeros(1, dtype=torch.float64)), 20)
    torch.testing.assert_close(point.x, torch.full((1,), 300.0, dtype=torch.float64), rtol=1e-2, atol=0)

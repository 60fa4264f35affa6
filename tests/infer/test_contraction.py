"""Gradients without values, against autograd of the plain contraction."""

from __future__ import annotations

import pytest
import torch

from pgmlang.density.contraction import GradientOnly

CASES = [
    ("...ip,...pu->...iu", (5, 3), (3, 4)),
    ("...ip,...pu->...iu", (7, 5, 3), (3, 4)),
    ("...ip,...pu->...iu", (7, 5, 3), (7, 3, 4)),
    ("...ip,...pu->...iu", (5, 3), (2, 7, 3, 4)),
    ("...ip,...pu->...iu", (1, 5, 3), (7, 3, 4)),
    ("...iu,...iu->...i", (6, 5, 3), (5, 3)),
    ("...p,...ip->...i", (6, 3), (6, 5, 3)),
    ("...pq,...ip->...i", (3, 4), (6, 5, 3)),
    ("...p,...p->...", (2, 3), (3,)),
]


@pytest.mark.parametrize(("equation", "left", "right"), CASES)
def test_gradients_of_every_shape(equation: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    a, b = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in (left, right))
    plain = torch.einsum(equation, a, b)
    along = torch.randn_like(plain)
    with GradientOnly():
        lazy = torch.einsum(equation, a, b)
    assert lazy.shape == plain.shape
    assert not lazy.any()
    for found, expected in zip(
        torch.autograd.grad(lazy, [a, b], along), torch.autograd.grad(plain, [a, b], along), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_without_gradients_nothing_changes() -> None:
    a, b = torch.randn(5, 3), torch.randn(3, 4)
    with GradientOnly():
        torch.testing.assert_close(torch.einsum("...ip,...pu->...iu", a, b), a @ b)

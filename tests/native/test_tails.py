"""Incomplete gamma and beta functions as loops compute them: torch's values and slopes, in the far tails too."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from pgmlang.lower.runtime import special
from pgmlang.native.runtime.tails import beta_tails, gamma_tails


def slopes(values: torch.Tensor, by: list[torch.Tensor]) -> list[np.ndarray]:
    return [g.numpy() for g in torch.autograd.grad(values.sum(), by, retain_graph=True)]


def assert_close(mine: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


def test_gamma() -> None:
    shapes = (0.003, 0.08, 0.4, 0.999, 1.0, 2.5, 40.0, 3e3, 1e6)
    grid = [(a, a * r) for a, r in itertools.product(shapes, (1e-3, 0.2, 0.9, 0.999, 1.001, 1.1, 3.0, 30.0))]
    shape, log_t = (
        torch.tensor(v, requires_grad=True) for v in np.array([(a, np.log(t)) for a, t in grid]).T.copy()
    )
    theirs = special.gamma_tails(shape, log_t.exp(), log_t)
    mine = np.array([gamma_tails(a, np.exp(s), s) for (a, _), s in zip(grid, log_t.tolist(), strict=True)]).T
    for side in (0, 1):
        np.testing.assert_allclose(mine[side], theirs[side].detach().numpy(), rtol=1e-10, atol=1e-300)
        by_shape, by_log = slopes(theirs[side], [shape, log_t])
        assert_close(mine[2 + side], by_shape)
        assert_close(mine[4 + side], by_log)


def test_beta() -> None:
    shapes = (0.02, 0.5, 1.0, 3.0, 70.0, 2e4)
    grid = np.array(list(itertools.product(shapes, shapes, (-8.0, -2.0, -0.1, 0.0, 0.7, 3.0, 9.0))))
    a, b, odds = (torch.tensor(v, requires_grad=True) for v in grid.T.copy())
    log_p, log_q = -special.softplus(-odds), -special.softplus(odds)
    theirs = special.beta_tails(a, b, torch.sigmoid(odds), torch.sigmoid(-odds), log_p, log_q)
    logs = list(zip(*grid[:, :2].T, log_p.detach().numpy(), log_q.detach().numpy(), strict=True))
    mine = np.array([beta_tails(*row) for row in logs]).T
    for side in (0, 1):
        np.testing.assert_allclose(mine[side], theirs[side].detach().numpy(), rtol=1e-10, atol=1e-300)
        by_a, by_b, by_odds = slopes(theirs[side], [a, b, odds])
        assert_close(mine[2 + side], by_a)
        assert_close(mine[4 + side], by_b)
        assert_close(mine[6 + side] * np.exp(log_q.detach().numpy()), by_odds)

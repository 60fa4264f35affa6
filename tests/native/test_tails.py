"""Incomplete gamma and beta functions as loops compute them: torch's values and slopes, in the far tails too."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from pgmlang.lower.runtime import hypergeometric, mills, special
from pgmlang.native.runtime.mills import mills_pair, skew_normal_tail
from pgmlang.native.runtime.special import log_mean_exp, log_mean_exp_slope, log_mills, log_mills_slope
from pgmlang.native.runtime.tails import beta_tails, gamma_tails, hypergeometric_total


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


def test_mills_ratios() -> None:
    grid = np.array(list(itertools.product((0.0, -0.3, -7.0, -49.0, -60.0, -2e4), (1e-9, 0.4, 30.0, 1e5))))
    u, d = (torch.tensor(v, requires_grad=True) for v in grid.T.copy())
    for sign, function in ((1.0, mills.log_mills_sum), (-1.0, mills.log_mills_difference)):
        theirs = function(u, d)
        mine = np.array([mills_pair(*row, sign) for row in grid]).T
        assert_close(mine[0], theirs.detach().numpy())
        for made, wanted in zip(mine[1:], slopes(theirs, [u, d]), strict=True):
            np.testing.assert_allclose(made, wanted, rtol=1e-8, atol=1e-11)
    alone = mills.log_mills(u)
    assert_close(np.array([log_mills(v) for v in grid[:, 0]]), alone.detach().numpy())
    assert_close(np.array([log_mills_slope(v) for v in grid[:, 0]]), slopes(alone, [u])[0])
    # R(u) - R(u - d) for a large d is R(u)
    assert_close(mills.log_mills_difference(u, 0 * u + 1e30).detach().numpy(), alone.detach().numpy())


def test_skew_normal() -> None:
    grid = np.array(
        list(itertools.product((-12.0, -0.7, 0.0, 1e-3, 2.0, 9.0), (-40.0, -1.0, 0.0, 0.3, 5.0, 300.0)))
    )
    z, shape = (torch.tensor(v, requires_grad=True) for v in grid.T.copy())
    theirs = mills.skew_normal_log_below(z, shape)
    mine = np.array([skew_normal_tail(*row) for row in grid]).T
    assert_close(mine[0], theirs.detach().numpy())
    for made, wanted in zip(mine[1:], slopes(theirs, [z, shape]), strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-7, atol=1e-10)


def test_means_of_exponentials() -> None:
    x = torch.tensor(
        [-800.0, -3.0, -0.051, -0.049, -1e-9, 0.0, 0.03, 0.2, 40.0, 800.0], dtype=torch.float64, requires_grad=True
    )
    theirs = mills.log_mean_exp(x)
    assert_close(np.array([log_mean_exp(v) for v in x.tolist()]), theirs.detach().numpy())
    assert_close(np.array([log_mean_exp_slope(v) for v in x.tolist()]), slopes(theirs, [x])[0])


def test_odds_of_draws_without_putting_back() -> None:
    counts = [(7.0, 9.0, 4.0), (60.0, 90.0, 400.0), (7.0, 5.0, 20.0), (0.0, 3.0, 2.0)]
    grid = [(*c, odds) for c in counts for odds in (1e-3, 1.0, 2.3, 1e4)]
    n, good, bad, odds = (torch.tensor(v) for v in np.array(grid).T.copy())
    odds.requires_grad_()
    theirs = hypergeometric.hypergeometric_log_total(n, good, bad, odds)
    mine = np.array([hypergeometric_total(*row) for row in grid]).T
    assert_close(mine[0], theirs.detach().numpy())
    assert_close(mine[1], slopes(theirs, [odds])[0])

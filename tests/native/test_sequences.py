"""The forward algorithm and its adjoint beside sums over all paths and logarithms alone, where numbers would run out too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from pgmlang.native.runtime.sequences import forward_pass, forward_pass_adjoint, transition_chances

SEQUENCES = ((4, 0, 2), (1,), (5, 3, 6, 7), (8, 9))
"""Rows of each, in their order."""
ROWS = 10


class Case:
    """``emission [R, T, K]`` and ``transition [R or 1, M, K, K]``; which row has which matrix."""

    def __init__(self, seed: int, scale: float, rest: int, matrices: int, never: float) -> None:
        rng = np.random.default_rng(seed)
        states = int(rng.integers(2, 6))
        self.order = np.array([t for s in SEQUENCES for t in s])
        self.position = np.zeros(ROWS, dtype=int)
        for rows in SEQUENCES:
            self.position[list(rows)] = np.arange(len(rows))
        self.which = None if matrices in (1, ROWS) else rng.integers(0, matrices, ROWS)
        self.emission = rng.normal(size=(rest, ROWS, states)) * scale
        self.transition = rng.normal(size=(rest if seed % 2 else 1, matrices, states, states)) * scale
        self.emission[rng.random(self.emission.shape) < never] = -np.inf
        self.transition[rng.random(self.transition.shape) < never] = -np.inf
        self.emission[..., 0], self.transition[..., 0] = 0.3, 0.1

    def matrix(self, t: int) -> int:
        count = self.transition.shape[1]
        return 0 if count == 1 else int(self.which[t]) if self.which is not None else t

    def expected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By logarithms alone, with torch's gradients; the log-sums ``[R, sequences]``."""
        emission, transition = (torch.tensor(a, requires_grad=True) for a in (self.emission, self.transition))
        totals = []
        for r in range(len(self.emission)):
            of = transition[r if len(self.transition) > 1 else 0]
            for rows in SEQUENCES:
                log = emission[r, rows[0]]
                for t in rows[1:]:
                    joined = log[:, None] + of[self.matrix(t)]
                    log = torch.logsumexp(joined.clamp(min=-1e300), 0) + emission[r, t].clamp(min=-1e300)
                totals.append(torch.logsumexp(log.clamp(min=-1e300), 0))
        total = torch.stack(totals)
        (total * self.worth().reshape(-1)).sum().backward()
        assert emission.grad is not None
        assert transition.grad is not None
        return total.detach().numpy(), emission.grad.numpy(), transition.grad.numpy()

    def worth(self) -> torch.Tensor:
        return torch.linspace(0.5, 2.0, len(self.emission) * len(SEQUENCES), dtype=torch.float64)

    def found(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rest, rows, states = self.emission.shape
        chances, tops = transition_chances(self.transition)
        log_total = np.zeros((rest, rows))
        kept = [np.empty((rest, rows, states)) for _ in range(3)]
        given = (self.order, self.position, self.which, self.emission, self.transition, chances, tops, log_total,
                 *kept, np.zeros((rest, rows), dtype=bool))  # fmt: skip
        forward_pass(*given)
        first = [s[0] for s in SEQUENCES]
        worth = np.zeros((rest, rows))
        worth[:, first] = self.worth().numpy().reshape(rest, -1)
        slopes = np.zeros_like(self.emission), np.zeros_like(self.transition)
        forward_pass_adjoint(*given, worth, *slopes)
        assert not log_total[:, self.position > 0].any()
        return log_total[:, first].reshape(-1), *slopes


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [1.0, 200.0, 3000.0])
def test_by_logarithms(seed: int, scale: float) -> None:
    """States that are all but impossible are not lost: a path may need them later."""
    case = Case(seed, scale, rest=1 + seed % 3, matrices=(1, 3, ROWS)[seed % 3], never=0.3 * (seed % 2))
    total, *slopes = case.found()
    expected, *by_torch = case.expected()
    np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-12)
    for a, b in zip(slopes, by_torch, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_long_sequences() -> None:
    """Weights that grow or shrink at every step stay within the range of numbers; log-sums are those of matrices."""
    rng = np.random.default_rng(0)
    rows = 5_000
    for low, high in ((-3.0, 3.0), (-60.0, -50.0), (0.0, 0.1)):
        emission, transition = rng.uniform(low, high, (1, rows, 3)), rng.uniform(low, high, (1, 1, 3, 3))
        chances, tops = transition_chances(transition)
        log_total = np.zeros((1, rows))
        kept = [np.empty((1, rows, 3)) for _ in range(3)]
        given = (np.arange(rows), np.arange(rows), None, emission, transition, chances, tops, log_total, *kept, np.zeros((1, rows), dtype=bool))  # fmt: skip
        forward_pass(*given)
        log = emission[0, 0]
        for t in range(1, rows):
            log = np.logaddexp.reduce(log[:, None] + transition[0, 0], 0) + emission[0, t]
        assert log_total[0, 0] == pytest.approx(np.logaddexp.reduce(log), rel=1e-12)
        slopes = np.zeros_like(emission), np.zeros_like(transition)
        forward_pass_adjoint(*given, np.ones((1, rows)), *slopes)
        np.testing.assert_allclose(slopes[0].sum(-1), 1.0, rtol=1e-9)
        assert slopes[1].sum() == pytest.approx(rows - 1, rel=1e-9)


def test_all_paths() -> None:
    case = Case(1, 1.0, 2, 3, 0.0)
    total = case.found()[0].reshape(2, -1)
    states = range(case.emission.shape[2])
    for r, (i, rows) in itertools.product(range(2), enumerate(SEQUENCES)):
        paths = [
            sum(case.emission[r, t, z] for t, z in zip(rows, path, strict=True))
            + sum(case.transition[r, case.matrix(t), a, b] for t, (a, b) in zip(rows[1:], itertools.pairwise(path), strict=True))
            for path in itertools.product(states, repeat=len(rows))
        ]  # fmt: skip
        assert total[r, i] == pytest.approx(np.log(np.exp(paths).sum()), rel=1e-13)


def test_sequences_that_cannot_be() -> None:
    """Their logarithm is minus infinity; the others keep theirs."""
    case = Case(0, 1.0, 1, 1, 0.0)
    whole = case.found()[0]
    case.emission[0, 3] = -np.inf
    total, by_emission, by_transition = case.found()
    np.testing.assert_array_equal(total[[0, 1, 3]], whole[[0, 1, 3]])
    assert total[2] == -np.inf
    assert np.isfinite(by_emission).all()
    assert np.isfinite(by_transition).all()

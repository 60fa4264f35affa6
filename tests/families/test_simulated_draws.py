"""Draws that are made by simulating what a distribution is the outcome of have the chances of its density."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats

from pgmlang.lower.family_classes import distribution_class

WHOLE = {
    "GeneralizedPoisson": [(1.7, 0.4), (0.2, 0.8)],
    "Skellam": [(3.7, 1.6), (0.1, 2.0)],
}
NUMBERS = {
    "Wiener": [(1.7, 0.3, 0.4, 0.8), (1.0, 0.1, 0.8, -4.0), (2.0, 0.2, 0.5, 0.0)],
    "SkewStudentT": [(3.5, 1.2, 0.4, 1.3)],
    "HalfLogistic": [(1.7,)],
    "LogUniform": [(0.2, 3.1)],
}
DRAWS = 20_000


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    yield
    torch.set_default_dtype(torch.float32)


def drawn(name: str, arguments: tuple[float, ...]) -> tuple[torch.distributions.Distribution, np.ndarray]:
    made = distribution_class(name)(*map(torch.tensor, arguments))
    return made, made.expand((DRAWS,)).sample().numpy()


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name: str) -> None:
    for arguments in WHOLE[name]:
        made, draws = drawn(name, arguments)
        values = np.arange(draws.min(), draws.max() + 1)
        expected = DRAWS * np.exp(made.log_prob(torch.tensor(values)).numpy())
        seen = np.array([(draws == v).sum() for v in values])
        is_common = expected >= 5
        rest = [seen[~is_common].sum()], [DRAWS - expected[is_common].sum()]
        counts, wanted = np.append(seen[is_common], rest[0]), np.append(expected[is_common], rest[1])
        assert stats.chisquare(counts, wanted * counts.sum() / wanted.sum()).pvalue > 1e-4
        # all values together have the chance one
        wide = torch.arange(-400.0, 4000.0) if name == "Skellam" else torch.arange(0.0, 4000.0)
        assert float(made.log_prob(wide).exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    for arguments in NUMBERS[name]:
        made, draws = drawn(name, arguments)
        edges = np.quantile(draws, np.linspace(0.005, 0.995, 41))
        if name == "Wiener":  # nothing lies nearer to zero than the delay
            delay = arguments[1]
            edges = np.unique([*edges[abs(edges) > delay], -delay, delay])
        nodes, weights = np.polynomial.legendre.leggauss(60)
        half = 0.5 * np.diff(edges)[:, None]
        density = made.log_prob(torch.tensor(edges[:-1, None] + half * (nodes + 1))).exp().numpy()
        chances = (density * weights * half).sum(1)
        seen = np.histogram(draws, edges)[0]
        chances, counts = np.append(chances, 1 - chances.sum()), np.append(seen, DRAWS - seen.sum())
        is_some = chances > 1e-6
        assert counts[~is_some].sum() == 0
        wanted = chances[is_some] * DRAWS / chances[is_some].sum()
        assert stats.chisquare(counts[is_some], wanted * counts[is_some].sum() / wanted.sum()).pvalue > 1e-4

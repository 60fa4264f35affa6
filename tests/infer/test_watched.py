"""What those who watch a sampler are told: the R-hat of its worst number, wherever that is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pgmlang.infer.watched import MOST, figures_of_draws, figures_of_named_draws
from pgmlang.results.convergence import convergence

CHAINS, DRAWS = 4, 60


def draws_of(size: int, spoiled: int, spoil: str) -> np.ndarray:
    """``[chain, draw, number]``: independent Normal draws but for one number, in whose first chain the location, the spread
    or the tail is another."""
    draws = np.random.default_rng(7).normal(size=(CHAINS, DRAWS, size))
    if spoil == "location":
        draws[0, :, spoiled] += 8.0
    elif spoil == "spread":
        draws[0, :, spoiled] *= 30.0
    else:
        draws[:, :, spoiled] = np.random.default_rng(8).standard_cauchy((CHAINS, DRAWS))
        draws[0, :, spoiled] += 8.0
    return draws


def blocks_of(draws: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(block) for block in np.array_split(draws, (7, 30), axis=1)]


@pytest.mark.parametrize("spoil", ["location", "spread", "tail"])
@pytest.mark.parametrize(("size", "spoiled"), [(3, 2), (5 * MOST, 0), (5 * MOST, 5 * MOST - 1)])
def test_it_is_of_the_worst_number(size: int, spoiled: int, spoil: str) -> None:
    draws = draws_of(size, spoiled, spoil)
    r_hat = convergence(draws).r_hat
    assert np.argmax(r_hat) == spoiled
    assert figures_of_draws(blocks_of(draws))()["R-hat"] == pytest.approx(r_hat[spoiled])


def test_many_numbers_are_screened_by_some_of_their_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = draws_of(3 * MOST, 2 * MOST, "location")
    monkeypatch.setattr("pgmlang.infer.watched.SCREENED", draws.size // 3)
    assert figures_of_draws(blocks_of(draws))()["R-hat"] == pytest.approx(convergence(draws).r_hat[2 * MOST])


def test_variables_by_name_are_looked_at_together() -> None:
    draws = draws_of(2 * MOST + 1, 2 * MOST, "location")
    blocks = [
        {
            "many": block[:, :, :-1].reshape(CHAINS, -1, 2, MOST),
            "one": block[:, :, -1],
            "label": block[:, :, 0].long(),
        }
        for block in blocks_of(draws)
    ]
    assert figures_of_named_draws(blocks)()["R-hat"] == pytest.approx(convergence(draws).r_hat[-1])


def test_too_few_draws_tell_nothing() -> None:
    assert figures_of_draws([])() == {}
    assert figures_of_draws([torch.zeros(4, 2, 3)])() == {}

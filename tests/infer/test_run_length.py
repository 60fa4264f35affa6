"""When draws have settled: chains that are on their way are known by where they begin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from pgmlang.infer.draws_outcome import draw_warnings
from pgmlang.infer.run_length import settlement
from pgmlang.results.convergence import convergence


def hanging_together(rho: float, count: int) -> np.ndarray:
    """Stationary draws ``[16, 500, count]`` whose neighbours have this correlation."""
    noise = np.random.default_rng(5).normal(size=(16, 700, count))
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)[:, 200:]


@pytest.mark.parametrize("length", [30, 60, 100])
def test_a_chain_that_arrives_among_its_draws_is_seen(length: int) -> None:
    draws = hanging_together(0.5, 40)
    assert settlement({"x": draws}).is_settled
    draws[9, :length, 7] += 100.0
    # ranks say nothing of what makes the sd nine times too wide
    assert convergence(draws).r_hat.max() < 1.05
    assert not settlement({"x": draws}).is_settled
    said = draw_warnings({"x": draws}, {})
    assert any(w.code == "PGM0801" for w in said)


def test_what_is_slow_or_has_heavy_tails_comes_from_nowhere_else() -> None:
    rng = np.random.default_rng(6)
    for draws in (
        hanging_together(0.95, 300),
        rng.standard_cauchy((16, 500, 300)),
        np.exp(4 * rng.normal(size=(16, 500, 300))),
    ):
        assert not settlement({"x": draws}).is_arriving


def test_excursions_of_heavy_tails_that_chains_come_back_to_are_no_beginning() -> None:
    """Of 90 numbers with the tails of a t of four degrees of freedom; ``x - 50`` of one stretch is where no chain ever is."""
    ranks = np.argsort(np.argsort(hanging_together(0.97, 90), axis=None)).reshape(16, 500, 90)
    draws = (1.0 - (ranks + 0.5) / ranks.size) ** -0.25
    assert not settlement({"x": draws}).is_arriving
    draws[3, :40, 7] = -50.0
    assert settlement({"x": draws}).is_arriving


def test_where_chains_come_from_is_asked_of_what_they_move_in() -> None:
    """A log-normal number's beginning is far out, its logarithm's is not; and the other way round."""
    rng = np.random.default_rng(8)
    free = rng.normal(size=(4, 500))
    free[0, :30] = 5.0
    assert not [w for w in draw_warnings({"x": np.exp(3 * free)}, {}, {"x": free}) if "on its way" in w.message]
    free[0, :30] = -40.0
    assert [w for w in draw_warnings({"x": np.exp(3 * free)}, {}, {"x": free}) if "on its way" in w.message]

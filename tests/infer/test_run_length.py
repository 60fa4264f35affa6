"""When draws have settled: chains that are on their way are known by where they begin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from pgmlang.infer.run_length import settlement
from pgmlang.infer.sampling import draw_warnings
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

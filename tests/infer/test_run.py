"""The loop: what stops it, and what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer.base import Algorithm, Outcome, StepReport
from pgmlang.infer.run import run
from pgmlang.plan.deadline import Deadline


def _kernel(value: float, steps: int, fault: bool = False) -> Algorithm:
    def step(state: int) -> tuple[int, StepReport]:
        if fault and state == 2:
            raise KeyboardInterrupt
        return state + 1, StepReport(value, value)

    return Algorithm(lambda rng: 0, step, lambda s: s >= steps, lambda s: Outcome({}, (value,), True))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_log_likelihood_that_is_no_number(value: float) -> None:
    with pytest.raises(PgmError) as caught:
        run(_kernel(value, 3), np.random.default_rng(0))
    assert caught.value.diagnostics[0].code == "PGM0803"


def test_minus_infinity_may_be_where_it_starts() -> None:
    assert run(_kernel(-math.inf, 3), np.random.default_rng(0)).status == "converged"


def test_interruption_keeps_what_was_done() -> None:
    done = run(_kernel(-1.0, 5, fault=True), np.random.default_rng(0))
    assert (done.status, done.stopped_by, done.steps) == ("stopped", "interrupt", 2)
    assert [w.code for w in done.warnings] == ["PGM0804"]


def test_time_limit() -> None:
    done = run(_kernel(-1.0, 5), np.random.default_rng(0), deadline=Deadline(0.0))
    assert (done.status, done.stopped_by, done.steps) == ("stopped", "time", 1)


IMPOSSIBLE = "theta ~ Exponential(0.1)\nplate row { x ~ Uniform(0, theta) }\n"


def test_a_bound_of_no_density_is_an_error() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile("m ~ Normal(0, 1)\nplate row { x ~ Truncated(Normal(m, 1), upper = 1) }\n").fit(
            {"x": [0.5, 1.2]}, method="elbo", seed=1
        )
    assert caught.value.diagnostics[0].code == "PGM0803"
    assert "the density is zero" in caught.value.diagnostics[0].message


def test_the_mode_is_looked_for_where_the_density_is_not_zero() -> None:
    fit = pgmlang.compile(IMPOSSIBLE).fit({"x": [0.5, 1.2, 2.0]}, method="map", seed=1)
    assert float(fit.params["theta"]) == pytest.approx(2.0, rel=1e-3)


def test_a_mode_without_any_density_is_an_error() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile("m ~ Normal(0, 1)\nplate row { x ~ Truncated(Normal(m, 1), upper = 1) }\n").fit(
            {"x": [0.5, 1.2]}, method="map", seed=1
        )
    assert caught.value.diagnostics[0].code == "PGM0803"

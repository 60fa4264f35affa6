"""Blocks of iterations between looks at the clock: short ones, and none that changes a draw."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.infer import pace as pacing
from pgmlang.infer.pace import StepBudget


def test_slow_iterations_are_taken_one_by_one_and_quick_ones_many_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now)

    def blocks(seconds: float, total: int) -> list[int]:
        nonlocal now
        pace, left, out = StepBudget(25), total, []
        while left:
            with pace.block(left) as count:
                now += seconds * count
            out.append(count)
            left -= count
        return out

    assert blocks(2.0, 5) == [1] * 5
    assert blocks(0.001, 60) == [1, 4, 16, 25, 14]
    assert max(blocks(0.1, 20)) == 3


@pytest.mark.parametrize("method", ["hmc", "gibbs", "tempering"])
def test_where_blocks_end_changes_no_draw(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pgmlang.compile("m ~ Normal(0, 1)\ns ~ Gamma(2, 1)\nplate row { x ~ Normal(m, s) }\n")
    rows = {"x": [0.3, 1.2, -0.4, 0.9]}
    options: dict[str, Any] = {"chains": 2, "warmup": 30, "draws": 30}
    whole = model.fit(rows, method=method, seed=1, options=options)
    sizes = itertools.cycle((1, 3, 2, 7))
    monkeypatch.setattr(
        StepBudget, "block", lambda self, left: pacing.contextmanager(lambda: iter([min(next(sizes), left)]))()
    )
    split = model.fit(rows, method=method, seed=1, options=options)
    for name in ("m", "s"):
        assert np.array_equal(whole.draws[name], split.draws[name])

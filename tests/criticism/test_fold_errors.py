"""Folds draw apart from one another, and the sum says its Monte Carlo error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.criticism import folds as module

NORMAL = "mu ~ Normal(0, 5)\nplate row { y ~ Normal(mu, 1) }"
ROWS = {"y": [1.0, 2.5, 0.5, 1.2, -0.3, 0.9]}
DRAWN = {"chains": 2, "draws": 60, "warmup": 60}


def exact_elpd(folds: list[np.ndarray]) -> float:
    """By the closed form of a normal mean."""
    y, total = np.array(ROWS["y"]), 0.0
    for held_out in folds:
        rest = np.delete(y, held_out)
        variance = 1 / (1 / 25 + len(rest))
        sd = math.sqrt(1 + variance)
        z = (y[held_out] - variance * rest.sum()) / sd
        total += float((-0.5 * z**2 - math.log(sd) - 0.5 * math.log(2 * math.pi)).sum())
    return total


def test_folds_have_streams_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = pgmlang.compile(NORMAL).fit(ROWS, method="map", seed=3)
    seeds: list[int] = []
    whole = module.fit_model

    def seen(model: Any, binding: Any, method: str, options: Any, seed: int, *rest: Any) -> Any:
        seeds.append(seed)
        return whole(model, binding, method, options, seed, *rest)

    monkeypatch.setattr(module, "fit_model", seen)
    first = pgmlang.rank_fits([fit], ROWS, folds=3)
    again = pgmlang.rank_fits([fit], ROWS, folds=3)
    assert len(set(seeds[:3])) == 3
    assert seeds[:3] == seeds[3:]
    assert first[0].elpd.elpd == again[0].elpd.elpd
    assert first[0].elpd.mcse is None
    assert "mcse" not in str(first)


@pytest.mark.slow
def test_the_error_is_that_of_the_sum() -> None:
    model = pgmlang.compile(NORMAL)
    misses, told = [], []
    for seed in range(12):
        fit = model.fit(ROWS, method="hmc", seed=seed, options=DRAWN)
        elpd = pgmlang.rank_fits([fit], ROWS, folds=3)[0].elpd
        assert elpd.mcse is not None
        assert f"mcse {elpd.mcse:.2g}" in str(elpd)
        assert elpd.to_dict()["mcse"] == elpd.mcse
        misses.append(
            elpd.elpd - exact_elpd([np.sort(f) for f in module.split_into_folds(model.bind(ROWS), "row", 3)])
        )
        told.append(elpd.mcse)
    spread = math.sqrt(float(np.mean(np.square(misses))))
    assert spread == pytest.approx(float(np.mean(told)), rel=0.6)

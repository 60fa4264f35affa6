"""Starts of EM where most runs end in a poor optimum: the best of short runs go on."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

CLASSES, ITEMS, ROWS = 6, 16, 500
TABLES = (
    "plate row { z : {a, b, c, d, e, f} ~ Table() ; "
    + " ; ".join(f"x{j} : bit ~ Table(z)" for j in range(ITEMS))
    + " }"
)
PARAMS = f"""
dim item[{ITEMS}]
param share[k] : simplex
plate k[{CLASSES}] {{ param p[item] : unit }}
plate row {{ z ~ Categorical(share) ; x[item] : bit ~ Bernoulli(p[z]) }}
"""


def bits_of(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0.05, 0.95], (CLASSES, ITEMS))
    share = np.array([0.35, 0.25, 0.15, 0.1, 0.1, 0.05])
    return (rng.random((ROWS, ITEMS)) < truth[rng.choice(CLASSES, p=share, size=ROWS)]).astype(int)


def heights_by_hand(bits: np.ndarray, runs: int) -> np.ndarray:
    """What so many runs of EM from responsibilities at random come to."""
    rng, heights = np.random.default_rng(7), []
    for _ in range(runs):
        weights = rng.dirichlet(np.ones(CLASSES), size=len(bits))
        height = 0.0
        for _ in range(150):
            share = weights.mean(0)
            p = np.clip(weights.T @ bits / weights.sum(0)[:, None], 1e-10, 1 - 1e-10)
            terms = np.log(share) + bits @ np.log(p).T + (1 - bits) @ np.log1p(-p).T
            top = terms.max(1, keepdims=True)
            weights = np.exp(terms - top)
            total = weights.sum(1, keepdims=True)
            height = float((np.log(total) + top).sum())
            weights /= total
        heights.append(height)
    return np.array(heights)


@pytest.mark.parametrize("form", ["tables", "params"])
def test_five_starts_come_to_the_best_of_many_runs(form: str) -> None:
    bits = bits_of(3)
    heights = heights_by_hand(bits, 40)
    best = heights.max()
    assert (heights < best - 5).mean() > 0.5, "most runs end too low"
    text = TABLES if form == "tables" else PARAMS
    data = {f"x{j}": bits[:, j] for j in range(ITEMS)} if form == "tables" else {"x": bits}
    gaps = [
        best - pgmlang.compile(text).fit(data, method="em", seed=seed).record.log_likelihood for seed in range(4)
    ]
    assert max(gaps) < 0.5


def test_one_start_is_one_run() -> None:
    data = {f"x{j}": bits_of(3)[:, j] for j in range(ITEMS)}
    fit = pgmlang.compile(TABLES).fit(data, method="em", seed=1, options={"restarts": 1, "max_iterations": 4})
    assert fit.record.provenance["steps"] == 4

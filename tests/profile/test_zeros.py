"""More zeros than a family has: seen where they were put in, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.profile.zeros import _fitted, count_family


def counts(mean: float, shape: float | None, zeros: float, seed: int, rows: int = 600) -> np.ndarray:
    r = np.random.default_rng(seed)
    rate = np.full(rows, mean) if shape is None else r.gamma(shape, mean / shape, rows)
    return np.sort(np.where(r.random(rows) < zeros, 0, r.poisson(rate))).astype(float)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("mean", "shape"), [(4.0, None), (9.0, None), (6.0, 3.0), (0.7, None), (1.5, 1.0)])
def test_counts_without_a_share_of_zeros_have_none(mean: float, shape: float | None, seed: int) -> None:
    assert not count_family(counts(mean, shape, 0.0, seed)).is_inflated


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("mean", "shape"), [(4.0, None), (9.0, None), (8.0, 5.0)])
def test_a_share_of_zeros_is_seen(mean: float, shape: float | None, seed: int) -> None:
    family = count_family(counts(mean, shape, 0.4, seed))
    assert family.is_inflated
    assert family.is_overdispersed == (shape is not None)
    p0 = np.exp(-mean) if shape is None else (shape / (shape + mean)) ** shape
    assert family.expected == pytest.approx(p0, abs=0.1)


def test_the_criterion_is_that_of_scipys_likelihood() -> None:
    values, times = np.unique(counts(4.0, None, 0.0, 1), return_counts=True)
    mean = values @ times / times.sum()
    bic, zero = _fitted(values, times, False, False)
    assert bic == pytest.approx(-2 * times @ stats.poisson.logpmf(values, mean) + np.log(times.sum()), abs=1e-3)
    assert zero == pytest.approx(np.exp(-mean), rel=1e-3)
    values, times = np.unique(counts(6.0, 2.0, 0.0, 1), return_counts=True)
    best = min(
        -2 * times @ stats.nbinom.logpmf(values, s, s / (s + values @ times / times.sum()))
        for s in np.geomspace(0.5, 8, 400)
    )
    assert _fitted(values, times, True, False)[0] == pytest.approx(best + 2 * np.log(times.sum()), abs=0.01)


def table(rows: int = 300) -> dict[str, list]:
    r = np.random.default_rng(2)
    x = r.normal(size=rows)
    amount = np.where(r.random(rows) < 0.6, 0, np.exp(3 + 0.8 * x + r.normal(0, 0.5, rows)))
    visits = np.where(r.random(rows) < 0.4, 0, r.poisson(np.exp(1.5 + 0.4 * x)))
    return {"x": x.round(3).tolist(), "amount": amount.round(2).tolist(), "visits": visits.tolist()}


def test_both_are_said_and_modelled() -> None:
    columns = table()
    said = {r.columns[0]: r.message for r in pgmlang.describe(columns).remarks if r.kind == "zeros"}
    assert set(said) == {"amount", "visits"}
    for target in (None, "amount", "visits"):
        first = pgmlang.init(columns, target)
        assert "ZeroInflated(" in first.text
        assert not [d for d in pgmlang.compile(first.text).compilation.diagnostics if d.code != "PGM0212"]


def test_rain_with_few_or_rounded_zeros_is_left_alone() -> None:
    r = np.random.default_rng(3)
    for values in (np.abs(r.normal(size=200)).round(1), np.append(np.abs(r.normal(size=99)).round(3), 0.0)):
        assert not [s for s in pgmlang.describe({"x": values}).remarks if s.kind == "zeros"]


@pytest.mark.slow
def test_the_first_models_come_to_what_was_put_in() -> None:
    columns = table(2000)
    shorter = {"chains": 4, "warmup": 300, "draws": 200}
    for target, slope, zeros in (("amount", 0.8, 0.6), ("visits", 0.4, 0.4)):
        others = {k: v for k, v in columns.items() if k in ("x", target)}
        first = pgmlang.init(others, target)
        options = {} if first.method == "map" else {"options": shorter}
        fit = pgmlang.compile(first.text).fit(others, seed=1, **options, **first.binding)
        summary = {row["name"]: row for row in fit.summary().rows}
        assert summary["b_x"]["mean"] == pytest.approx(slope, abs=0.1)
        assert summary[f"{target}_zeros"]["mean"] == pytest.approx(zeros, abs=0.05)

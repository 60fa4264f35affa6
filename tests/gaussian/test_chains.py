"""Chains of normal numbers against dense conditioning of all their cells."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.gaussian.chain_network import ChainNetwork, chain_network, unrolled
from pgmlang.infer import gaussian_chain_rows
from pgmlang.native.gaussian_chains import ChainPosterior
from tests.gaussian.dense import joint_moments

LEVEL = """
plate step = chain {
  level ~ Normal(if first then 10 else prev(level) + 0.3 * (if first(2) then 0 else prev(level, 2)), if first then 3 else 0.4)
  slope ~ Normal(if first then 0 else 0.5 * prev(slope) + 0.2 * prev(level), 0.3)
  y ~ Normal(level + slope, 1.2)
}"""
SERIES = """
dim part[2]
plate series {
  input scale : positive
  plate step = chain {
    input u : real
    z[part] ~ Normal(if first then u else 0.9 * prev(z) + 0.1 * sum(prev(z), over = part), 0.5 * scale)
    y ~ Normal(u * sum(z, over = part), if u > 0 then 0.7 else 2)
  }
}"""


def dense(network: ChainNetwork, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Means and sds of every cell given the seen ones, and their log-density, in the order of the table."""
    every, _ = unrolled(network)
    mean, covariance = joint_moments(every, ())
    flat = values[network.order].reshape(-1)
    seen = ~np.isnan(flat)
    of_seen = covariance[np.ix_(seen, seen)]
    gain = np.linalg.solve(of_seen, covariance[seen]).T
    gap = flat[seen] - mean[seen]
    log = -0.5 * float(gap @ np.linalg.solve(of_seen, gap)) - 0.5 * float(
        np.linalg.slogdet(2 * np.pi * of_seen)[1]
    )
    variance = np.where(seen, 0.0, np.diag(covariance - gain @ covariance[seen]))
    out = np.empty((2, *values.shape))
    out[:, network.order] = np.stack([mean + gain @ gap, np.sqrt(variance)]).reshape(2, *values.shape)
    return out[0], out[1], log


def of_series(rng: np.random.Generator, lengths: tuple[int, ...]) -> dict[str, dict[str, list[object]]]:
    """Rows of several sequences, in no order but their own."""
    names = [name for name, n in zip("abcdef", lengths, strict=False) for _ in range(n)]
    rng.shuffle(names)
    count = len(names)
    y = np.where(rng.random(count) < 0.7, rng.normal(size=count), np.nan)
    return {
        "series": {"series": list("abcdef"[: len(lengths)]), "scale": (1 + rng.random(len(lengths))).tolist()},
        "step": {"series": names, "u": rng.normal(size=count).tolist(), "y": y.tolist()},
    }


@pytest.mark.parametrize("few", [0, 10_000])
def test_predictions_and_scores_are_those_of_dense_algebra(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_chain_rows, "FEW_CELLS", few)
    rng = np.random.default_rng(1)
    for text, table in ((LEVEL, _cells(rng, 12)), (SERIES, of_series(rng, (5, 1, 7)))):
        asked = pgmlang.compile(text).given()
        bound = asked.bind_to_predict(table)
        rows = gaussian_chain_rows.GaussianChainRows(bound, {})
        mean, sd, log = dense(rows.network, rows.values)
        columns = asked.predict_columns(table).columns
        for name, block in rows.blocks.items():
            if not rows.is_open(name):
                continue
            for k in range(block.count):
                text_of = name if block.count == 1 else f"{name}[{k}]"
                assert columns[text_of] == pytest.approx(mean[:, block.first + k], abs=1e-9)
                assert columns[f"{text_of}.sd"] == pytest.approx(sd[:, block.first + k], abs=1e-9)
        score = asked.score_rows(asked.bind(table))
        assert score.values.sum() == pytest.approx(log, abs=1e-9)
        assert score.plate == ("data" if text is LEVEL else "series")


def _cells(rng: np.random.Generator, count: int) -> dict[str, list[float]]:
    return {
        "y": np.where(rng.random(count) < 0.7, rng.normal(10, 2, count), np.nan).tolist(),
        "level": np.where(rng.random(count) < 0.3, rng.normal(10, 1, count), np.nan).tolist(),
    }


def random_chain(rng: np.random.Generator, lengths: tuple[int, ...], n: int, lags: int) -> ChainNetwork:
    count = sum(lengths)
    slopes = 0.4 * rng.normal(size=(count, n, (lags + 1) * n))
    slopes[:, :, :n] *= np.tri(n, k=-1)
    for position, row in enumerate(np.concatenate([np.arange(length) for length in lengths])):
        slopes[position, :, (min(row, lags) + 1) * n :] = 0.0  # what would be before the sequence begins
    return ChainNetwork(
        rng.permutation(count), np.cumsum([0, *lengths]), np.arange(count), slopes, np.exp(rng.normal(size=(count, n))),
        rng.normal(size=(count, n)), {},
    )  # fmt: skip


@pytest.mark.parametrize(("lengths", "n", "lags"), [((9,), 1, 1), ((4, 1, 6), 3, 1), ((3, 8), 2, 3)])
def test_filter_smoother_and_draws(lengths: tuple[int, ...], n: int, lags: int) -> None:
    rng = np.random.default_rng(n)
    network = random_chain(rng, lengths, n, lags)
    values = np.where(rng.random((sum(lengths), n)) < 0.5, rng.normal(size=(sum(lengths), n)), np.nan)
    posterior = ChainPosterior(network, values)
    mean, sd, log = dense(network, values)
    assert posterior.log_density().sum() == pytest.approx(log, abs=1e-9)
    smoothed, spread = posterior.smoothed()
    assert smoothed == pytest.approx(mean, abs=1e-9)
    assert spread == pytest.approx(sd, abs=1e-9)
    filtered, uncertain = posterior.filtered()
    for place in range(sum(lengths)):
        begin = network.begins[np.searchsorted(network.begins, place, side="right") - 1]
        until = np.full_like(values, np.nan)
        rows = network.order[begin : place + 1]
        until[rows] = values[rows]
        so_far, sd_so_far, _ = dense(network, until)
        assert filtered[network.order[place]] == pytest.approx(so_far[network.order[place]], abs=1e-9)
        assert uncertain[network.order[place]] == pytest.approx(sd_so_far[network.order[place]], abs=1e-9)
    draws = np.stack([posterior.draw(rng) for _ in range(3000)])
    hidden = np.isnan(values)
    assert np.abs((draws.mean(0) - mean)[hidden] / sd[hidden]).max() < 0.09
    assert draws.std(0)[hidden] / sd[hidden] == pytest.approx(1, abs=0.08)
    assert (draws[:, ~hidden] == values[~hidden]).all()


def test_scales_far_apart() -> None:
    """Links that are all but exact, and measurements far finer than them."""
    count = 50
    slopes = np.zeros((1, 2, 4))
    slopes[0, 0, 2] = slopes[0, 1, 0] = 1.0
    network = ChainNetwork(
        np.arange(count), np.array([0, count]), np.zeros(count, dtype=np.int64), slopes, np.array([[1e-9, 1.0]]),
        np.zeros((count, 2)), {},
    )  # fmt: skip
    values = np.full((count, 2), np.nan)
    values[:, 1] = 1.0
    mean, sd = ChainPosterior(network, values).smoothed()
    # the precision of a level: its prior's, and those of fifty measurements of what is one number
    assert sd[-1, 0] == pytest.approx(np.sqrt(count) * 1e-9, rel=1e-9)
    assert np.isfinite(mean).all()


@pytest.mark.parametrize(("text", "words"), [
    ("k : {a, b} ~ Table() { 0.5, 0.5 }\n  y ~ Normal(0, 1)", "`k` has labels"),
    ("y ~ StudentT(4, if first then 0 else prev(y), 1)", "`y` is drawn from StudentT"),
])  # fmt: skip
def test_what_is_no_such_chain(text: str, words: str) -> None:
    from pgmlang.gaussian.chain_network import chain_reasons

    model = pgmlang.compile(f"plate step = chain {{\n  {text}\n}}").model
    assert any(words in d.message for d in chain_reasons(model, {}))


def test_exact_gives_the_log_likelihood_of_a_chain() -> None:
    table = _cells(np.random.default_rng(3), 8)
    fit = pgmlang.compile(LEVEL).fit(table, method="exact", seed=1)
    assert fit.log_likelihood == pytest.approx(fit.score(table).sum(), rel=1e-12)
    with pytest.raises(PgmError):
        pgmlang.compile(LEVEL).fit(table, method="ml", seed=1)


def test_a_network_of_bound_rows() -> None:
    bound = pgmlang.compile(LEVEL).bind({"y": [1.0, 2.0, 3.0, 4.0]})
    network = chain_network(bound.model, {}, {}, bound.layout)
    assert network.lags == 2
    assert network.kind.tolist() == [0, 1, 2, 2]

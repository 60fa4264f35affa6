"""Fields too wide to be gone through, beside latents that a fit has draws of: what needs no log Z of each draw is answered, with
its error; against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.posterior import Posterior, condition, predict, query, sample, score

SIZE, BOND = 30, 0.4
TEXT = f"""dim i[{SIZE}]
b ~ Normal(0, 1)
plate row {{
  field v[i] : bit
  field h[i] : bit
  factor {BOND} * sum(v, over = i) * sum(h, over = i) / {SIZE}
  y ~ Normal(b + 2 * v[0], 1)
}}"""
DRAWS = np.random.default_rng(5).normal(0.5, 0.3, (4, 200))


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    fit = pgmlang.compile(TEXT).given().posterior.fit
    return Posterior(replace(fit, method="hmc", draws={"b": DRAWS}, draw_axes={"b": ()}))


def share() -> float:
    """P(v[0] = 1): the fields are exchangeable."""
    counts = np.arange(SIZE + 1)
    choose = np.array([math.comb(SIZE, k) for k in counts], dtype=float)
    both = choose[:, None] * choose[None, :] * np.exp(BOND * np.outer(counts, counts) / SIZE)
    return float((both.sum(1) * counts).sum() / both.sum() / SIZE)


def likelihoods(y: float) -> tuple[float, float]:
    """p(y | v[0]) of both values, over the draws."""
    return float(stats.norm.pdf(y, DRAWS, 1).mean()), float(stats.norm.pdf(y, DRAWS + 2, 1).mean())


def test_without_evidence_draws_are_alike(posterior: Posterior) -> None:
    (row,) = query(posterior, "P(v[0] = 1)", seed=1).table
    assert row["p"] == pytest.approx(share(), abs=4 * row["mcse"])
    (row,) = query(posterior, "E(y)", seed=1).table
    assert row["mean"] == pytest.approx(DRAWS.mean() + 2 * share(), abs=4 * row["mcse"])
    assert 0 < row["mcse"] < 0.1


def test_evidence_of_fields_weighs_no_draw(posterior: Posterior) -> None:
    (row,) = query(posterior, "E(y | v[0] = 1)", seed=2).table
    assert row["mean"] == pytest.approx(DRAWS.mean() + 2, abs=4 * row["mcse"])
    answer = query(posterior, "P(h[0] = 1 | v[0] = 1)", seed=2)
    assert answer.log_evidence == pytest.approx(math.log(share()), abs=4 * answer.log_evidence_mcse)
    assert 0 < answer.log_evidence_mcse < 0.1


def test_evidence_below_the_fields_weighs_each(posterior: Posterior) -> None:
    zero, one = likelihoods(2.2)
    total = share() * one + (1 - share()) * zero
    answer = query(posterior, "P(v[0] = 1 | y = 2.2)", seed=3)
    (row,) = answer.table
    assert row["p"] == pytest.approx(share() * one / total, abs=4 * row["mcse"])
    assert answer.log_evidence == pytest.approx(math.log(total), abs=4 * answer.log_evidence_mcse)
    (row,) = query(posterior, "E(b | y = 2.2)", seed=3).table
    weights = share() * stats.norm.pdf(2.2, DRAWS + 2, 1) + (1 - share()) * stats.norm.pdf(2.2, DRAWS, 1)
    assert row["mean"] == pytest.approx(np.average(DRAWS, weights=weights), abs=4 * row["mcse"])


def test_evidence_that_few_draws_agree_with(posterior: Posterior) -> None:
    with pytest.raises(PgmError) as error:
        query(posterior, "P(v[0] = 1 | y = 15)")
    (problem,) = error.value.diagnostics
    assert problem.code == "PGM0606"
    assert "effective draws" in problem.message
    assert problem.help


def test_a_search_over_draws_is_refused_with_its_reason(posterior: Posterior) -> None:
    with pytest.raises(PgmError) as error:
        query(posterior, "MAP(* | y = 1)")
    assert error.value.diagnostics[0].help


@pytest.mark.slow
def test_draws_of_rows(posterior: Posterior) -> None:
    columns = sample(condition(posterior, seed=4), 800).columns
    assert np.mean(np.array(columns["v[0]"]) == "1") == pytest.approx(share(), abs=4 * 0.5 / math.sqrt(800))
    y, v = np.asarray(columns["y"]), np.array(columns["v[0]"]) == "1"
    assert y.mean() == pytest.approx(DRAWS.mean() + 2 * v.mean(), abs=4 * 1.1 / math.sqrt(800))


def bound(posterior: Posterior, rows: dict):
    from pgmlang.binding import bind
    from pgmlang.data import read_frame

    return bind(posterior.fit.model, read_frame(rows), known=posterior.fit.labels, is_fresh=True)


@pytest.mark.slow
def test_rows_that_are_observed(posterior: Posterior) -> None:
    """p(v, y) in closed form: h summed out of the potential, log Z by the sums."""
    ones = [3, 20]
    rows = {f"v[{k}]": [int(k < n) for n in ones] for k in range(SIZE)} | {"y": [2.0, 1.0]}
    counts = np.arange(SIZE + 1)
    of_sum = SIZE * np.logaddexp(0, BOND * counts / SIZE)
    log_z = np.logaddexp.reduce(np.log([float(math.comb(SIZE, k)) for k in counts]) + of_sum)
    means = [DRAWS + 2, DRAWS + 2]
    right = [
        of_sum[n] - log_z + math.log(stats.norm.pdf(y, m, 1).mean())
        for n, y, m in zip(ones, rows["y"], means, strict=True)
    ]
    given = condition(posterior, bound(posterior, rows), seed=5)
    result = score(given)
    assert result.mcse is not None
    assert np.all(np.abs(result.values - right) < 4 * result.mcse + 1e-9)
    total = result.total_mcse(np.ones(2))
    assert total is not None
    assert total >= result.mcse.max()
    columns = predict(given).columns
    for row, n in enumerate(ones):
        assert columns["P(h[0] = 1)"][row] == pytest.approx(1 / (1 + math.exp(-BOND * n / SIZE)), abs=1e-9)
    assert not any(name.endswith(".mcse") for name in columns)


def test_the_error_of_log_z_is_in_every_score() -> None:
    """Rows share their log Z: its error is that of each row, and as often as there are rows in the total."""
    given = pgmlang.compile(TEXT.replace("b ~ Normal(0, 1)", "").replace("b +", "")).given()
    ones = [3, 20, 11]
    rows = {f"v[{k}]": [int(k < n) for n in ones] for k in range(SIZE)} | {"y": [2.0, 1.0, 0.0]}
    counts = np.arange(SIZE + 1)
    of_sum = SIZE * np.logaddexp(0, BOND * counts / SIZE)
    log_z = np.logaddexp.reduce(np.log([float(math.comb(SIZE, k)) for k in counts]) + of_sum)
    right = [of_sum[n] - log_z + stats.norm.logpdf(y, 2, 1) for n, y in zip(ones, rows["y"], strict=True)]
    result = given.score_rows(rows, seed=3)
    assert "annealed" in result.estimator
    assert result.mcse is not None
    assert result.mcse[0] == result.mcse[1] > 0
    assert np.all(np.abs(result.values - right) < 4 * result.mcse)
    for counts in ([1, 1, 0], [2, 0, 0]):
        counted = given.score_rows({**rows, "n": counts}, seed=3, counts="n")
        assert counted.total_mcse == pytest.approx(2 * result.mcse[0])

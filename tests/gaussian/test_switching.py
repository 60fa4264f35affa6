"""Chains whose labels choose among their numbers' distributions, against all paths of the labels, each with dense conditioning of all
its numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.gaussian.label_paths import LabelPaths, WeighedPaths, reduced
from pgmlang.infer.gaussian_sequences import GaussianSequences

CODES = {"calm": 0, "wild": 1}
START, MOVE = np.array([0.3, 0.7]), np.array([[0.8, 0.2], [0.3, 0.7]])
SLOPE, SPREAD, JUMP = np.array([0.9, -0.4]), np.array([0.2, 1.5]), 2.0
RULES = """
  z : {calm, wild} ~ if first then Table() { 0.3, 0.7 } else Table(prev(z)) { calm : 0.8, 0.2
    wild : 0.3, 0.7 }
  move = if z == calm then 0.9 else -0.4
  x ~ Normal(if first then 1 else move * prev(x) + (if z == prev(z) then 0 else 2), if z == calm then 0.2 else 1.5)
  y ~ Normal(2 * x - 1, 0.6)
"""
ONE = f"plate step = chain {{{RULES}}}"
SEVERAL = f"plate series {{ plate step = chain {{{RULES}}} }}"


def moments(path: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of all x, then all y, given the labels."""
    n = len(path)
    slopes, constant, sd = np.zeros((2 * n, 2 * n)), np.zeros(2 * n), np.full(2 * n, 0.6)
    for t, z in enumerate(path):
        sd[t] = SPREAD[z]
        constant[t] = 1.0 if t == 0 else JUMP * (z != path[t - 1])
        if t:
            slopes[t, t - 1] = SLOPE[z]
        slopes[n + t, t], constant[n + t] = 2.0, -1.0
    inverse = np.linalg.inv(np.eye(2 * n) - slopes)
    return inverse @ constant, inverse @ np.diag(sd**2) @ inverse.T


def enumerated(labels: list[str], cells: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Of one sequence whose ``cells`` are all x, then all y: the log-evidence, P(wild) of each row, means and sds of all cells."""
    n, seen = len(labels), ~np.isnan(cells)
    logs, chances, means, squares = [], [], [], []
    for path in itertools.product((0, 1), repeat=n):
        if any(text and CODES[text] != z for text, z in zip(labels, path, strict=True)):
            continue
        mean, covariance = moments(path)
        of_seen = covariance[np.ix_(seen, seen)]
        gain = np.linalg.solve(of_seen, covariance[seen]).T
        gap = cells[seen] - mean[seen]
        log = np.log(START[path[0]]) + sum(np.log(MOVE[a, b]) for a, b in itertools.pairwise(path))
        log -= 0.5 * gap @ np.linalg.solve(of_seen, gap) + 0.5 * np.linalg.slogdet(2 * np.pi * of_seen)[1]
        logs.append(log)
        chances.append(path)
        means.append(mean + gain @ gap)
        squares.append(np.diag(covariance - gain @ covariance[seen]) + means[-1] ** 2)
    total = float(np.logaddexp.reduce(logs))
    weights = np.exp(np.array(logs) - total)
    mean = weights @ np.array(means)
    variance = np.where(seen, 0.0, np.maximum(weights @ np.array(squares) - mean**2, 0.0))
    return total, weights @ np.array(chances), mean, np.sqrt(variance)


def drawn(rng: np.random.Generator, count: int) -> dict[str, list]:
    """Rows with holes everywhere."""
    return {
        "z": ["", *(str(rng.choice(["", "", "calm", "wild"])) for _ in range(count - 1))],
        "x": np.where(rng.random(count) < 0.25, rng.normal(size=count), np.nan).tolist(),
        "y": np.where(rng.random(count) < 0.6, 2 * rng.normal(size=count), np.nan).tolist(),
    }


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 40))])
def test_all_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = (7,) if seed % 2 else (4, 1, 6, 4)
    text = ONE if seed % 2 else SEVERAL
    names = [n for n, length in zip("abcd", lengths, strict=False) for _ in range(length)]
    rng.shuffle(names)
    table = drawn(rng, len(names))
    if not seed % 2:
        table["series"] = names
    asked = pgmlang.compile(text).given()
    score = asked.score_rows(table)
    predicted = asked.predict_columns(table).columns
    assert score.estimator == "exact"
    total = 0.0
    for name in dict.fromkeys(names):
        rows = np.flatnonzero(np.array(names) == name)
        cells = np.concatenate([np.array(table["x"])[rows], np.array(table["y"])[rows]])
        log, wild, mean, sd = enumerated([table["z"][r] for r in rows], cells)
        total += log
        assert predicted["P(z = wild)"][rows] == pytest.approx(wild, abs=1e-9)
        assert np.concatenate([predicted["x"][rows], predicted["y"][rows]]) == pytest.approx(mean, abs=1e-9)
        assert np.concatenate([predicted["x.sd"][rows], predicted["y.sd"][rows]]) == pytest.approx(sd, abs=1e-7)
    assert score.total == pytest.approx(total, abs=1e-9)
    fit = pgmlang.compile(text).fit(table, method="exact", seed=1)
    assert fit.log_likelihood == pytest.approx(total, abs=1e-9)
    assert fit.predict_columns(table).columns["x"] == pytest.approx(predicted["x"], abs=1e-12)


def test_holes_in_a_long_series() -> None:
    """Seen numbers part a sequence: stretches of missing ones are mixtures by themselves. The same as two halves apart, given the row
    between them."""
    rng = np.random.default_rng(5)
    count = 80
    x = np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count))
    x[[0, 59, 60]] = 0.5, -0.2, 0.3
    table = {"z": ["calm" if t in (59,) else "" for t in range(count)], "x": x, "y": [np.nan] * count}
    asked = pgmlang.compile(ONE).given()
    whole = asked.score_rows(table)
    first = asked.score_rows({k: v[:60] for k, v in table.items()})
    both = asked.score_rows({k: v[:61] for k, v in table.items()})
    assert whole.estimator == first.estimator == "exact"
    # of the rest given rows 59 and 60: by a shorter series that begins with these
    rest = asked.score_rows({k: v[58:] for k, v in table.items()})
    begin = asked.score_rows({k: v[58:61] for k, v in table.items()})
    assert whole.total - both.total == pytest.approx(rest.total - begin.total, abs=1e-9)


def test_too_many_paths_are_refused_with_their_number() -> None:
    table = {"y": np.linspace(-1, 1, 30)}
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(ONE).fit(table, method="exact", seed=1)
    said = caught.value.diagnostics[0]
    assert said.code == "PGM0611"
    assert "1,073,741,824 normal distributions" in said.message
    assert "--method hmc" in str(said.help)
    assert pgmlang.compile(ONE).plan(table).method == "hmc"


def paths_of(table: dict[str, list]) -> tuple[LabelPaths, dict[int, int], np.ndarray]:
    bound = pgmlang.compile(ONE).given().bind_to_predict(table)
    sequences = GaussianSequences(bound, {})
    (one,) = sequences.sequences
    codes, values = sequences._evidence(one)
    count = len(table["y"])
    return LabelPaths(one.sequence.given(codes), np.arange(count), np.tile(np.arange(count), 2)), codes, values


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 40))])
def test_paths_that_are_all_kept_are_exact(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    table = drawn(rng, 8)
    paths, codes, values = paths_of(table)
    log, is_exact = paths.log_likelihood(codes, values, 256, rng)
    assert is_exact
    assert log == pytest.approx(enumerated(table["z"], values)[0], abs=1e-9)


def test_paths_that_are_drawn_have_no_bias() -> None:
    rng = np.random.default_rng(7)
    table = {"z": [""] * 7, "x": [np.nan] * 7, "y": 3 * rng.normal(size=7)}
    paths, codes, values = paths_of(table)
    right = enumerated(table["z"], values)[0]
    found = [paths.log_likelihood(codes, values, 8, rng) for _ in range(225)]
    assert not any(is_exact for _, is_exact in found)
    ratios = np.exp(np.array([log for log, _ in found]) - right)
    assert 0 < ratios.std() < 1
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / 15)


def test_scores_of_many_paths_say_how_far_off_they_are() -> None:
    rng = np.random.default_rng(9)
    table = {"y": 3 * rng.normal(size=11)}
    asked = pgmlang.compile(ONE).given()
    score = asked.score_rows(table)
    right = enumerated([""] * 11, np.concatenate([np.full(11, np.nan), table["y"]]))[0]
    assert "paths of labels" in score.estimator
    assert score.mcse is not None
    assert abs(score.total - right) < max(5 * float(score.mcse[0]), 1e-6)
    assert asked.score_rows(table).total == score.total


def test_a_reduction_keeps_the_sum_of_the_weights_and_the_likely_paths() -> None:
    rng = np.random.default_rng(3)
    logs = 3 * rng.normal(size=200)
    every = WeighedPaths((0,), np.arange(200)[:, None], logs, (), np.zeros((200, 0)), np.zeros((200, 0, 0)), True)
    kept = [reduced(every, 30, rng) for _ in range(1000)]
    assert {len(k.codes) for k in kept} == {30}
    for k in kept:
        assert np.logaddexp.reduce(k.log_weights) == pytest.approx(np.logaddexp.reduce(logs), abs=1e-9)
        assert len(set(k.codes[:, 0].tolist())) == 30
    sums = np.zeros(200)
    for k in kept:
        np.add.at(sums, k.codes[:, 0], np.exp(k.log_weights))
    bound = np.exp(min(k.log_weights.min() for k in kept))
    error = np.sqrt(np.exp(logs) * bound / len(kept)) + 1e-9
    assert (np.abs(sums / len(kept) - np.exp(logs)) < 5 * error).all()

"""Fields whose potentials hang on latents with priors are answered at the fit's values of these, by every door."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.posterior.points import MOST

RNG = np.random.default_rng(3)
PAIR = """
bond ~ Normal(0, 1)
lean ~ Normal(0, 1)
plate row { field u : spin ; field v : spin ; factor bond * u * v ; factor lean * u }
"""
ROWS = {"u": RNG.choice([-1, 1], 40), "v": RNG.choice([-1, 1], 40, p=[0.3, 0.7])}
STATES = list(itertools.product((-1, 1), repeat=2))
NEW = {"u": [1, None], "v": [1, -1]}
SHORT = {"hmc": {"chains": 4, "warmup": 150, "draws": 40}, "elbo": {"epochs": 300}}


@pytest.fixture(scope="module", params=["map", "hmc", "elbo"])
def fit(request):
    return pgmlang.compile(PAIR).fit(ROWS, method=request.param, seed=1, options=SHORT.get(request.param))


def points(fit):
    """(bond, lean) at the draws that are used, evenly thinned."""
    if not fit.draws:
        return np.array([[fit.params["bond"], fit.params["lean"]]])
    both = np.stack([fit.draws[n].reshape(-1) for n in ("bond", "lean")], 1)
    return both[np.unique(np.linspace(0, len(both) - 1, min(len(both), MOST)).astype(int))]


def tables(fit):
    """p(u, v) at each point: shape (points, 4)."""
    logs = np.array([[b * u * v + a * u for u, v in STATES] for b, a in points(fit)])
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def test_scores_are_mean_likelihoods(fit):
    p = tables(fit)
    both, second = (
        p[:, STATES.index((1, 1))].mean(),
        (p[:, STATES.index((-1, -1))] + p[:, STATES.index((1, -1))]).mean(),
    )
    np.testing.assert_allclose(fit.score(NEW), np.log([both, second]), atol=1e-9)


def test_predictions_are_mean_probabilities(fit):
    p = tables(fit)
    chance = (p[:, STATES.index((1, -1))] / (p[:, STATES.index((1, -1))] + p[:, STATES.index((-1, -1))])).mean()
    columns = fit.predict_columns(NEW, targets=["u"]).columns
    assert columns["P(u = 1)"][1] == pytest.approx(chance, abs=1e-9)
    assert columns["u"][1] == ("1" if chance > 0.5 else "-1")


def test_questions_weigh_the_draws_by_their_evidence(fit):
    p = tables(fit)
    joint, evidence = (
        p[:, STATES.index((1, 1))].mean(),
        (p[:, STATES.index((1, 1))] + p[:, STATES.index((-1, 1))]).mean(),
    )
    answer = fit.query("P(u = 1 | v = 1)")
    assert answer.table[0]["p"] == pytest.approx(joint / evidence, abs=1e-9)
    assert answer.log_evidence == pytest.approx(math.log(evidence), abs=1e-9)
    assert ("mcse" in answer.table[0]) == bool(fit.draws)
    mean = fit.query("E(bond)").table[0]["mean"]
    assert mean == pytest.approx(float(np.mean(fit.draws["bond"])) if fit.draws else float(fit.params["bond"]))


@pytest.mark.slow
def test_fresh_rows_follow_the_mean(fit):
    columns = fit.sample_columns(3000, seed=2).columns
    assert len(columns["u"]) == 3000
    share = np.mean([(a, b) == ("1", "1") for a, b in zip(columns["u"], columns["v"], strict=True)])
    assert share == pytest.approx(tables(fit)[:, STATES.index((1, 1))].mean(), abs=0.04)


def test_modes_of_many_draws_are_refused(fit):
    if not fit.draws:
        assert fit.query("MAP(u | v = 1)").table
        return
    with pytest.raises(PgmError) as error:
        fit.query("MAP(u | v = 1)")
    assert error.value.diagnostics[0].code == "PGM0606"


def test_a_chain_with_weights_of_its_own_axes():
    """A conditional random field with penalised weights: sequences are scored and completed at the mode."""
    text = """
dim kind = {f, g}
weight[kind] ~ Normal(0, 1)
both ~ Normal(0, 1)
plate line { plate token = chain { input x[kind] ; field y : bit ; factor y * (weight @ x) ; factor if first then 0 else both * y * prev(y) } }
"""
    n = 12
    rows = {
        "line": np.repeat(["a", "b", "c"], 4), "f": RNG.normal(size=n).round(2), "g": RNG.normal(size=n).round(2),
        "y": RNG.integers(0, 2, n),
    }  # fmt: skip
    fit = pgmlang.compile(text).fit(rows, method="map")
    weight, both = fit.params["weight"], float(fit.params["both"])

    def energy(line, y):
        at = np.flatnonzero(rows["line"] == line)
        x = np.stack([rows["f"][at], rows["g"][at]], 1)
        return float(np.array(y) @ (x @ weight)) + both * sum(a * b for a, b in itertools.pairwise(y))

    def log_p(line, y):
        return energy(line, y) - np.logaddexp.reduce(
            [energy(line, s) for s in itertools.product((0, 1), repeat=4)]
        )

    right = [log_p(k, rows["y"][rows["line"] == k].tolist()) for k in "abc"]
    np.testing.assert_allclose(fit.score(rows), right, atol=1e-9)
    chances = fit.predict_columns(rows, targets=["y"], hide=["y"]).columns["P(y = 1)"]
    second = sum(math.exp(log_p("a", s)) for s in itertools.product((0, 1), repeat=4) if s[1])
    assert chances[1] == pytest.approx(second, abs=1e-9)


GROUPS = """
plate school {
  a ~ Normal(0, 1)
  plate row in school { field u : bit ; field v : bit ; factor a * u ; factor u * v }
}
"""


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(8)
    rows = {"school": ["C", "A", "B"] * 5, "u": rng.integers(0, 2, 15), "v": rng.integers(0, 2, 15)}
    return pgmlang.compile(GROUPS).fit(rows, method="hmc", seed=1, options=SHORT["hmc"])


def group_tables(fit, school):
    """p(u, v) of a school at each point: shape (points, 2, 2)."""
    a = fit.draws["a"].reshape(-1, 3)[:, fit.record.labels["school"].index(school)]
    a = a[np.unique(np.linspace(0, len(a) - 1, min(len(a), MOST)).astype(int))]
    weights = np.array([[[math.exp(k * u + u * v) for v in (0, 1)] for u in (0, 1)] for k in a])
    return weights / weights.sum((1, 2), keepdims=True)


def test_latents_of_outer_elements_are_points_too(groups):
    p = group_tables(groups, "B")
    answer = groups.query("P(u = 1 | school = B)")
    assert answer.table[0]["p"] == pytest.approx(p[:, 1].sum(1).mean(), abs=1e-9)
    assert answer.table[0]["mcse"] > 0
    answer = groups.query("P(u = 1 | school = B, v = 1)")
    assert answer.table[0]["p"] == pytest.approx(p[:, 1, 1].mean() / p[:, :, 1].sum(1).mean(), abs=1e-9)
    rows = {"school": ["B", "A"], "u": [1, None], "v": [1, 0]}
    other = group_tables(groups, "A")
    right = [math.log(p[:, 1, 1].mean()), math.log(other[:, :, 0].sum(1).mean())]
    np.testing.assert_allclose(groups.score(rows), right, atol=1e-9)
    chance = (other[:, 1, 0] / other[:, :, 0].sum(1)).mean()
    assert groups.predict_columns(rows, targets=["u"]).columns["P(u = 1)"][1] == pytest.approx(chance, abs=1e-9)


@pytest.mark.parametrize("verb", ["score", "predict"])
def test_outer_elements_without_a_value_are_refused(groups, verb):
    with pytest.raises(PgmError) as error:
        getattr(groups, verb)({"school": ["Z"], "u": [1], "v": [None]})
    (problem,) = error.value.diagnostics
    assert "`Z` of `school`" in problem.message
    assert problem.help


def test_too_few_points_agree_with_the_evidence():
    from pgmlang.posterior.points import _need_enough
    from pgmlang.query.parse import parse_query

    with pytest.raises(PgmError) as error:
        _need_enough(parse_query("P(u = 1 | v = 1)"), np.array([0.97] + [0.03 / 99] * 99))
    assert error.value.diagnostics[0].code == "PGM0606"


def under_prior(function) -> float:
    """The mean of a function of (bond, lean) over their prior, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    values = np.array([[function(b, a) for a in nodes] for b in nodes])
    return float(weights @ values @ weights / weights.sum() ** 2)


def chance(bond: float, lean: float, *states: tuple[int, int]) -> float:
    total = sum(math.exp(bond * u * v + lean * u) for u, v in STATES)
    return sum(math.exp(bond * u * v + lean * u) for u, v in states) / total


def test_latents_of_a_given_model_have_their_prior():
    """Draws of the prior are points, weighed by what is told of the rows."""
    given = pgmlang.compile(PAIR).given()
    evidence = under_prior(lambda b, a: chance(b, a, (1, 1), (-1, 1)))
    right = under_prior(lambda b, a: chance(b, a, (1, 1))) / evidence
    answer = given.query("P(u = 1 | v = 1)", seed=1)
    (row,) = answer.table
    assert row["p"] == pytest.approx(right, abs=5 * row["mcse"])
    assert row["mcse"] < 0.05
    assert answer.table != given.query("P(u = 1 | v = 1)", seed=2).table
    rows = {"u": [1, 1, None], "v": [1, 1, 1]}

    def likelihood(b: float, a: float) -> float:
        return chance(b, a, (1, 1)) ** 2 * chance(b, a, (1, 1), (-1, 1))

    score = given.score_rows(rows, seed=1)
    assert len(score.values) == 1
    assert score.mcse is not None
    assert score.values[0] == pytest.approx(math.log(under_prior(likelihood)), abs=5 * score.mcse[0])
    told = given.predict_columns(rows, targets=["u"], seed=1).columns
    third = under_prior(lambda b, a: chance(b, a, (1, 1)) ** 3) / under_prior(likelihood)
    assert told["P(u = 1)"][2] == pytest.approx(third, abs=5 * told["u.mcse"][2])
    assert told["u.mcse"][2] < 0.1
    assert len(given.sample_columns(50, seed=1).columns["u"]) == 50


def test_rows_far_from_the_prior_are_refused_with_a_cure():
    rows = {"u": [1] * 200, "v": [1] * 200}
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(PAIR).given().score_rows(rows)
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0602"
    assert "pgmc fit" in problem.help

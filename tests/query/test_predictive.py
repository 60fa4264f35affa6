"""Unseen rows: predictions and held-out log-likelihoods against closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

GROUPS = """
m ~ Normal(0, 10)
plate group { effect ~ Normal(m, 2) }
plate row in group { input x : real ; y ~ Normal(effect + 2 * x, 0.5) }
"""
FEW = {"chains": 8, "warmup": 300, "draws": 300}


@pytest.fixture(scope="module")
def groups() -> pgmlang.FittedModel:
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b", "c"], 40)
    x = rng.normal(size=120)
    y = np.repeat([1.0, 3.0, -2.0], 40) + 2 * x + 0.5 * rng.normal(size=120)
    return pgmlang.compile(GROUPS).fit({"group": group, "x": x, "y": y}, method="hmc", seed=1, options=FEW)


def test_known_and_new_groups(groups: pgmlang.FittedModel) -> None:
    found = groups.predict_columns({"group": ["b", "new"], "x": [1.0, 0.0]}).columns
    effect = float(groups.draws["effect"][..., 1].mean())
    assert found["y"][0] == pytest.approx(effect + 2, abs=0.1)
    assert found["y.sd"][0] == pytest.approx(0.5, abs=0.08)
    # an unseen group: the prior of its effect given the globals
    wide = math.sqrt(4 + 0.25 + float(groups.draws["m"].var()))
    assert found["y.sd"][1] == pytest.approx(wide, rel=0.15)
    assert found["y.q5"][1] < found["y"][1] < found["y.q95"][1]


def test_a_new_group_learns_from_its_rows(groups: pgmlang.FittedModel) -> None:
    rows = {"group": ["new"] * 31, "x": [0.0] * 31, "y": [7.0] * 30 + [None]}
    found = groups.predict_columns(rows).columns
    assert found["y"][30] == pytest.approx(7.0, abs=0.2)
    assert found["y.sd"][30] == pytest.approx(0.5, abs=0.1)
    effect = groups.predict_columns(rows, targets=["effect"]).columns
    assert effect["effect"][list(effect["group"]).index("new")] == pytest.approx(7.0, abs=0.2)


def test_scores_of_rows(groups: pgmlang.FittedModel) -> None:
    found = groups.score_rows({"group": ["a", "c"], "x": [0.0, 1.0], "y": [1.2, 0.0]})
    assert "exact" in found.estimator
    draws = groups.draws["effect"].reshape(-1, 3)
    for value, mean, y in zip(found.values, (draws[:, 0], draws[:, 2] + 2), (1.2, 0.0), strict=True):
        assert value == pytest.approx(np.log(stats.norm(mean, 0.5).pdf(y).mean()), abs=0.02)


def test_mixture_rows_sum_their_cluster_out() -> None:
    text = """
share[k] ~ Dirichlet(5)
plate k[2] { m ~ Normal(0, 10) }
plate row { z ~ Categorical(share) ; x ~ Normal(m[z], 1) ; w ~ Normal(10 * m[z], 1) }
"""
    rng = np.random.default_rng(1)
    z = rng.integers(2, size=200)
    data = {
        "x": np.where(z == 0, -4.0, 4.0) + rng.normal(size=200),
        "w": np.where(z == 0, -40.0, 40.0) + rng.normal(size=200),
    }
    fit = pgmlang.compile(text).fit(data, method="em", seed=1)
    share, m = fit.params["share"], fit.params["m"]
    x = np.array([-4.0, 0.1])
    score = fit.score({"x": x})
    expected = [np.log(sum(share[k] * stats.norm(m[k], 1).pdf(v) for k in range(2))) for v in x]
    np.testing.assert_allclose(score, expected, rtol=1e-9)
    one = fit.predict_columns({"x": [-4.0]}).columns
    low = int(np.argmin(m))
    assert one["P(z = " + str(low) + ")"][0] > 0.99
    assert one["w"][0] == pytest.approx(-40, abs=4)


def test_a_real_latent_of_each_row_by_quadrature() -> None:
    text = "param a : real\nplate row { u ~ StudentT(5, 0, 1) ; x ~ Normal(u, 1) ; y ~ Normal(a + u, 1) }\n"
    fit = pgmlang.compile(text)
    from pgmlang.query.new_rows import new_rows_of
    from pgmlang.query.row_scores import score_rows
    from pgmlang.results.fit import Fit

    bound = fit.bind({"x": [0.5, -1.0], "y": [1.0, 2.0]})
    record = Fit(
        bound.model, text, "map", {"a": np.array(0.3)}, labels=dict(bound.labels), sizes=dict(bound.sizes)
    )
    found = score_rows(new_rows_of(record, bound))
    assert "quadrature" in found.estimator
    u = np.linspace(-30, 30, 200_001)
    expected = [
        np.log(np.trapezoid(stats.t.pdf(u, 5) * stats.norm.pdf(x, u) * stats.norm.pdf(y, 0.3 + u), u))
        for x, y in ((0.5, 1.0), (-1.0, 2.0))
    ]
    np.testing.assert_allclose(found.values, expected, atol=1e-6)


SHARES = """
plate doc { p ~ Beta(0.5, 0.5) }
plate token in doc { z : bit ~ Bernoulli(p) ; y ~ Normal(3 * z, 1) }
"""


def log_likelihood_of(y: np.ndarray) -> float:
    """Of the tokens of one document, its share integrated out by quadrature (p = sin^2 a has a uniform angle)."""
    angle = (np.arange(20000) + 0.5) / 20000 * np.pi / 2
    p = np.sin(angle)[:, None] ** 2
    return float(
        np.log(np.exp(np.log(p * stats.norm(3, 1).pdf(y) + (1 - p) * stats.norm(0, 1).pdf(y)).sum(1)).mean())
    )


@pytest.fixture(scope="module")
def shares() -> pgmlang.FittedModel:
    rng = np.random.default_rng(0)
    doc = np.repeat(["a", "b"], 20)
    z = rng.random(40) < np.repeat([0.2, 0.9], 20)
    data = {"doc": doc, "y": rng.normal(3 * z, 1)}
    return pgmlang.compile(SHARES).fit(
        data, method="hmc", seed=1, options={"chains": 8, "warmup": 200, "draws": 100}
    )


@pytest.mark.slow
def test_new_documents_by_annealing(shares: pgmlang.FittedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of 5 and of 150 tokens, new to the fit, beside one that it knows."""
    from pgmlang.query import row_scores

    rng = np.random.default_rng(1)
    short, long = rng.normal(3, 1, 5), np.append(rng.normal(3, 1, 30), rng.normal(0, 1, 120))
    rows = {"doc": ["s"] * 5 + ["l"] * 150 + ["a"], "y": [*short, *long, 2.0]}
    expected = [log_likelihood_of(short), log_likelihood_of(long)]
    by_rule = shares.score_rows(rows)
    assert "quadrature" in by_rule.estimator
    np.testing.assert_allclose(np.asarray(by_rule.values)[~np.isnan(by_rule.values)][:2], expected, atol=1e-4)
    monkeypatch.setattr(row_scores, "_by_quadrature", lambda *_: None)
    by_prior = shares.score_rows(rows)
    assert "draws of the prior" in by_prior.estimator
    monkeypatch.setattr(row_scores, "ENOUGH", 1e9)
    found = shares.score_rows(rows)
    assert "annealed" in found.estimator
    assert found.ess is not None
    assert found.ess > 20
    for scored in (by_prior, found):
        known = np.asarray(scored.values)[~np.isnan(scored.values)]
        assert len(known) == 3
        # in the order of the file
        np.testing.assert_allclose(known[:2], expected, atol=0.25)
    # the known document's tokens given the draws of its share
    p = shares.draws["p"][..., 0].reshape(-1)
    own = np.log((p * stats.norm(3, 1).pdf(2.0) + (1 - p) * stats.norm(0, 1).pdf(2.0)).mean())
    assert np.nanmin(np.abs(np.asarray(found.values) - own)) < 0.1


def test_a_row_that_stands_for_several_counts_as_often(shares: pgmlang.FittedModel) -> None:
    y = [2.5, 0.1, 3.0]
    some = shares.score_rows({"doc": ["n"] * 3, "y": y, "times": [2, 1, 3]}, counts="times")
    each = shares.score_rows({"doc": ["n"] * 6, "y": np.repeat(y, [2, 1, 3])})
    assert np.nansum(some.values) == pytest.approx(np.nansum(each.values), abs=0.1)


def test_latents_of_new_rows_by_a_guide() -> None:
    """A guide that is off: its draws are weighed, so that the answer is the posterior's."""
    text = (
        "plate group { m ~ Normal(0, 1) }\nplate row in group { x ~ Normal(m, 1) }\n"
        "guide group { m ~ Normal(0.1, 1.3) }\n"
    )
    model = pgmlang.compile(text)
    rows = {"group": ["a", "a", "b"], "x": [1.0, 2.0, -1.0]}
    fit = model.fit(rows, method="elbo", seed=1, options={"epochs": 2})
    new = {"group": ["c", "d", "d", "d"], "x": [1.0, 2.0, 0.5, 0.5]}
    found = fit.predict_columns(new, targets=["m"], seed=3).columns
    by_group = dict(zip(found["group"], zip(found["m"], found["m.sd"], strict=True), strict=True))
    assert by_group["c"] == pytest.approx((0.5, math.sqrt(1 / 2)), abs=0.12)
    assert by_group["d"] == pytest.approx((0.75, math.sqrt(1 / 4)), abs=0.1)


def test_bits_of_new_rows_by_a_guide() -> None:
    """Two causes that explain each other away: no sum over one alone would do."""
    text = (
        "dim unit = {a, b}\nplate row { h[unit] : bit ~ Bernoulli(0.3) ; x ~ Normal(2 * sum(h, over = unit), 0.5) }\n"
        "guide row { h ~ Bernoulli(0.5) }\n"
    )
    model = pgmlang.compile(text)
    fit = model.fit({"x": [0.0, 2.0]}, method="elbo", seed=1, options={"epochs": 2})
    found = fit.predict_columns({"x": [0.1, 2.1, 3.8]}, seed=3).columns
    for row, x in enumerate((0.1, 2.1, 3.8)):
        weight = {
            h: 0.3 ** sum(h) * 0.7 ** (2 - sum(h)) * math.exp(-2 * (x - 2 * sum(h)) ** 2)
            for h in ((0, 0), (0, 1), (1, 0), (1, 1))
        }
        exact = sum(w for h, w in weight.items() if h[0]) / sum(weight.values())
        assert found["P(h[a] = 1)"][row] == pytest.approx(exact, abs=0.06)


def test_a_fresh_sequence_of_a_chain() -> None:
    text = (
        "dim to like state\nplate state[2] { move[to] ~ Dirichlet(1) }\n"
        "plate seq { plate step = chain {\n"
        "  z ~ Categorical(if first then move[0] else move[prev(z)])\n  x ~ Normal(if z == 1 then 10 else 0, 1)\n} }\n"
    )
    rng = np.random.default_rng(0)
    z = [0]
    for _ in range(299):
        z.append(int(rng.random() < (0.05 if z[-1] == 0 else 0.9)))
    rows = {"seq": ["s"] * 300, "x": 10 * np.array(z) + rng.normal(size=300)}
    fit = pgmlang.compile(text).fit(rows, method="em", seed=1)
    drawn = fit.sample_columns(2000, seed=2).columns
    codes = np.array([int(c) for c in drawn["z"]])
    assert len(codes) == 2000
    assert np.abs(drawn["x"] - 10 * codes).max() < 6
    stay = (codes[1:] == codes[:-1]).mean()
    assert stay == pytest.approx(np.mean(np.array(z)[1:] == np.array(z)[:-1]), abs=0.06)


def test_rows_that_say_nothing_but_their_group_are_predicted_and_not_scored() -> None:
    model = pgmlang.compile(
        "m ~ Normal(0, 5)\nplate group { b ~ Normal(m, 1) }\nplate row in group { y ~ Normal(b, 1) }\n"
    )
    rows = {"group": ["a", "a", "b", "b"], "y": [1.0, 2.0, 5.0, 6.0]}
    fit = model.fit(rows, method="hmc", seed=1, options={"chains": 8, "warmup": 200, "draws": 200})
    new = {"group": ["b", "a", "other"]}
    found = fit.predict_columns(new).columns["y"]
    assert found[0] > found[2] > found[1]
    with pytest.raises(PgmError) as caught:
        fit.score_rows(new)
    assert caught.value.diagnostics[0].code == "PGM0708"


def test_known_and_new_groups_with_rows_of_their_own() -> None:
    """Rows of known groups hang on the fit's draws of them, new groups are inferred from their rows; closed forms."""
    text = "plate group { t ~ Normal(0, 2) }\nplate row in group { y ~ Normal(t, 1)\n w ~ Normal(t, 3) }\n"
    rows = {"group": list("aaabb"), "y": [1.0, 2.0, 1.5, -1.0, 0.0], "w": [0.5, 1.0, None, 2.0, 1.0]}
    options = {"chains": 16, "warmup": 200, "draws": 250}
    fit = pgmlang.compile(text).fit(rows, method="hmc", seed=1, options=options)

    def posterior(seen: list[tuple[float, float]]) -> tuple[float, float]:
        precision = 1 / 4 + sum(1 / s**2 for _, s in seen)
        return sum(v / s**2 for v, s in seen) / precision, 1 / precision

    a = posterior([(1, 1), (2, 1), (1.5, 1), (0.5, 3), (1, 3)])
    b = posterior([(-1, 1), (0, 1), (2, 3), (1, 3)])
    z = posterior([(3, 1), (2, 1), (1, 3)])
    new = {
        "group": list("aazzbz"),
        "y": [1.2, None, 3.0, 2.0, None, None],
        "w": [None, 0.3, 1.0, None, None, None],
    }
    found = fit.predict_columns(new, ["y"]).columns
    for row, (mean, variance) in ((1, a), (4, b), (5, z)):
        sd = math.sqrt(variance + 1)
        assert found["y"][row] == pytest.approx(mean, abs=4 * sd / 10)
        assert found["y.sd"][row] == pytest.approx(sd, rel=0.35)
    score = fit.score_rows(new)

    def joint(prior: tuple[float, float], seen: list[tuple[float, float]]) -> float:
        cov = np.full((len(seen), len(seen)), prior[1]) + np.diag([s**2 for _, s in seen])
        return float(stats.multivariate_normal([prior[0]] * len(seen), cov).logpdf([v for v, _ in seen]))

    expected = [joint(a, [(1.2, 1), (0.3, 3)]), joint((0, 4), [(3, 1), (2, 1), (1, 3)]), 0.0]
    assert score.elements == ("a", "z", "b")
    np.testing.assert_allclose(score.values, expected, atol=0.1)


def test_states_of_a_new_sequence_given_params_alone() -> None:
    """A fit without draws: states and a missing cell of a new sequence, against listing the states."""
    text = """
param p : unit
plate seq {
  plate t = chain {
    z ~ if first then Bernoulli(0.3) else Bernoulli(if prev(z) then p else 1 - p)
    y ~ Normal(2 * z, 1)
  }
}
"""
    y = np.random.default_rng(0).normal(1, 1.2, 12)
    fit = pgmlang.compile(text).fit({"seq": ["a"] * 5 + ["b"] * 7, "y": y}, method="em", seed=1)
    p = float(fit.params["p"])
    new = {"seq": ["c"] * 4 + ["d"] * 2, "y": [2.0, None, 0.0, 3.0, 0.5, None]}

    def states(seen: list[float | None]) -> np.ndarray:
        paths = np.array(list(itertools.product([0, 1], repeat=len(seen))))
        log = np.log(np.where(paths[:, 0], 0.3, 0.7))
        log += np.log(np.where(paths[:, 1:] == paths[:, :-1], p, 1 - p)).sum(1)
        for i, v in enumerate(seen):
            log += 0.0 if v is None else stats.norm.logpdf(v, 2 * paths[:, i], 1)
        weight = np.exp(log - np.logaddexp.reduce(log))
        found: np.ndarray = weight @ paths
        return found

    expected = np.concatenate([states([2.0, None, 0.0, 3.0]), states([0.5, None])])
    np.testing.assert_allclose(fit.predict_columns(new, ["z"]).columns["P(z = 1)"], expected, atol=1e-6)
    found = fit.predict_columns(new, ["y"]).columns["y"]
    np.testing.assert_allclose([found[1], found[5]], 2 * expected[[1, 5]], atol=0.3)


@pytest.mark.parametrize("verb", ["predict", "score", "sample"])
def test_an_error_in_an_emitted_line_is_one_of_the_model(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgmlang.density.bound import BoundDensity
    from pgmlang.query import number_mixtures, prior_rows, row_predictions

    text = "b ~ Normal(0, 1)\nplate row {\n  x ~ Normal(0, 1)\n  y ~ StudentT(4, b * x, 1)\n}\n"
    data = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)

    def broken(self: BoundDensity, *_: object, **__: object) -> None:
        values = {"b": torch.zeros(2), "x": torch.zeros(5), "y": torch.zeros(3)}
        self.program.factors(values, {}, self.layout, {}, None)

    monkeypatch.setattr(BoundDensity, "factors", broken)
    monkeypatch.setattr(row_predictions, "simulate_given_seen", broken)
    monkeypatch.setattr(prior_rows, "simulate", broken)
    monkeypatch.setattr(number_mixtures, "distribution_of", broken)
    calls = {"predict": lambda: fit.predict_columns({"x": [1.0]}), "score": lambda: fit.score(data),
             "sample": lambda: fit.sample(3, seed=1)}  # fmt: skip
    with pytest.raises(PgmError) as caught:
        calls[verb]()
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0809"
    assert problem.span is not None
    assert problem.span.line == 4

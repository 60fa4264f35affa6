"""M-steps in closed form: against the maxima of Q written by hand, and against methods that climb."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Exponential, MultivariateNormal, Normal, Poisson

import pgmlang
from pgmlang.infer.expected_log_joint import ExpectedLogJoint
from pgmlang.infer.m_steps import (
    BETA,
    GAMMA,
    INVERSE_GAMMA,
    LEAST_SHARE,
    MULTIVARIATE_NORMAL,
    NORMAL,
    blocks_of,
)  # fmt: skip

torch.manual_seed(0)
WEIGHTS = torch.rand(30, dtype=torch.float64)
NUMBERS = torch.randn(30, dtype=torch.float64) * 2 + 3
COUNTS = torch.poisson(torch.full((30,), 4.0, dtype=torch.float64))
BITS = (torch.rand(30, dtype=torch.float64) < 0.3).double()
VECTORS = torch.randn(30, 3, dtype=torch.float64) @ torch.tensor(
    [[1.0, 0.4, 0], [0, 1, 0.2], [0, 0, 2]], dtype=torch.float64
)
MEAN = (WEIGHTS * NUMBERS).sum() / WEIGHTS.sum()
SD = ((WEIGHTS * (NUMBERS - MEAN) ** 2).sum() / WEIGHTS.sum()).sqrt()
CENTRE = (WEIGHTS[:, None] * VECTORS).sum(0) / WEIGHTS.sum()
SCATTER = torch.einsum("n,ni,nj->ij", WEIGHTS, VECTORS - CENTRE, VECTORS - CENTRE) / WEIGHTS.sum()
BEGIN = torch.eye(3, dtype=torch.float64) * 3 + 0.5


def number(x):
    return torch.tensor(x, dtype=torch.float64)


CASES = {
    "rate of a Poisson": (GAMMA[0], (number(1.7),), lambda r: Poisson(r).log_prob(COUNTS),
                          ((WEIGHTS * COUNTS).sum() / WEIGHTS.sum(),)),
    "rate of an Exponential": (GAMMA[0], (number(0.2),), lambda r: Exponential(r).log_prob(NUMBERS.abs()),
                               (WEIGHTS.sum() / (WEIGHTS * NUMBERS.abs()).sum(),)),
    "scale of an Exponential": (INVERSE_GAMMA[0], (number(5.0),), lambda s: Exponential(1 / s).log_prob(NUMBERS.abs()),
                                ((WEIGHTS * NUMBERS.abs()).sum() / WEIGHTS.sum(),)),
    "chance of a bit": (BETA[0], (number(0.2),), lambda p: Bernoulli(p).log_prob(BITS),
                        ((WEIGHTS * BITS).sum() / WEIGHTS.sum(),)),
    "high chance of a bit": (BETA[0], (number(0.9),), lambda p: Bernoulli(p).log_prob(1 - BITS),
                             (1 - (WEIGHTS * BITS).sum() / WEIGHTS.sum(),)),
    "chance of a bit that is never shown": (BETA[0], (number(0.2),), lambda p: Bernoulli(p).log_prob(0 * BITS),
                                            (number(LEAST_SHARE),)),
    "chance of a bit that is always shown": (BETA[0], (number(0.2),), lambda p: Bernoulli(p).log_prob(1 + 0 * BITS),
                                             (number(1 - LEAST_SHARE),)),
    "mean and sd": (NORMAL[0], (number(-4.0), number(0.7)), lambda m, s: Normal(m, s).log_prob(NUMBERS), (MEAN, SD)),
    "mean": (NORMAL[1], (number(-4.0),), lambda m: Normal(m, 0.7).log_prob(NUMBERS), (MEAN,)),
    "sd": (NORMAL[2], (number(9.0),), lambda s: Normal(MEAN, s).log_prob(NUMBERS), (SD,)),
    "mean and covariance": (MULTIVARIATE_NORMAL[0], (torch.ones(3, dtype=torch.float64), BEGIN),
                            lambda m, c: MultivariateNormal(m, c).log_prob(VECTORS), (CENTRE, SCATTER)),
    "covariance": (MULTIVARIATE_NORMAL[1], (BEGIN,), lambda c: MultivariateNormal(CENTRE, c).log_prob(VECTORS), (SCATTER,)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_two_gradients_tell_the_maximum(case):
    step, values, log_prob, maximum = CASES[case]

    def slopes(at):
        leaves = [v.clone().requires_grad_() for v in at]
        return torch.autograd.grad((WEIGHTS * log_prob(*leaves)).sum(), leaves)

    solved = step.solve(values, slopes(values), slopes(step.elsewhere(values)))
    for found, wanted in zip(solved, maximum, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-10)


RNG = np.random.default_rng(8)
LABEL = RNG.random(300) < 0.4
REAL = np.where(LABEL, RNG.normal(0, 1, 300), RNG.normal(5, 1.5, 300))
COUNT = np.where(LABEL, RNG.poisson(2, 300), RNG.poisson(9, 300))
WAIT = np.where(LABEL, RNG.exponential(1, 300), RNG.exponential(8, 300))
ANSWERS = (RNG.random((300, 6)) < np.where(LABEL[:, None], 0.8, 0.25)).astype(int)
HEAD = "dim k[2]\nparam share[k] : simplex\n"
MODELS = {
    "means and sds": (
        "param m[k] : real\nparam s[k] : positive",
        "x ~ Normal(m[z], s[z])",
        {"x": REAL},
        {"m", "s"},
    ),
    "one sd": ("param m[k] : real\nparam s : positive", "x ~ Normal(m[z], s)", {"x": REAL}, {"m", "s"}),
    "log-normal": (
        "param m[k] : real\nparam s[k] : positive",
        "x ~ LogNormal(m[z], s[z])",
        {"x": WAIT},
        {"m", "s"},
    ),
    "rates": ("param r[k] : positive", "n ~ Poisson(r[z])", {"n": COUNT}, {"r"}),
    "waits": ("param r[k] : positive", "t ~ Exponential(r[z])", {"t": WAIT}, {"r"}),
    "answers": (
        "dim item[6]\nplate k { p[item] ~ Beta(2, 3) }",
        "a[item] ~ Bernoulli(p[z])",
        {"a": ANSWERS},
        {"p"},
    ),
    "means with a prior": (
        "plate k { m ~ Normal(0, 30) }\nparam s : positive",
        "x ~ Normal(2 * m[z] - 1, s)",
        {"x": REAL},
        {"m", "s"},
    ),
    "means of groups and a slope": (
        "plate k { m ~ Normal(0, 30) }\nb ~ Normal(0, 10)\nparam s : positive",
        "input t\n x ~ Normal(m[z] + b * t, s)",
        {"x": REAL, "t": RNG.normal(size=300)},
        {"m", "b", "s"},
    ),
    "a function of a param": (
        "param m[k] : real\nparam s : positive",
        "x ~ Normal(m[z] + exp(m[z]), s)",
        {"x": REAL},
        {"s"},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_em_ends_where_map_does(name):
    above, inside, data, closed = MODELS[name]
    head = HEAD if "plate k" not in above else "param share[k] : simplex\n"
    above = above.replace("plate k {", "plate k[2] {")
    model = pgmlang.compile(f"{head}{above}\nplate row {{ z : k ~ Categorical(share)\n {inside} }}")
    names = [v.name for v in model.model.variables if v.role == "param" or v.name in closed]
    blocks = blocks_of(model.model, names)
    assert {n for r in blocks for b in r for n in b.names} >= closed
    by_em = model.fit(data, method="em", seed=3)
    by_map = model.fit(data, method="map", seed=3)
    assert by_em.record.status == "converged"
    heights = [f.record.log_likelihood for f in (by_em, by_map)]
    assert heights[0] == pytest.approx(heights[1], abs=1e-3)
    assert (np.diff(by_em.record.trace) >= -1e-7).all()


AT_ONCE = {
    "numbers": ("param m[k] : real\nparam s[k] : positive", "x ~ Normal(m[z], s[z])", {"x": REAL}),
    "matrices": (
        "dim d[2]\ndim e like d\nparam m[k, d] : real\nparam S[k, d, e] : cov", "x[d] ~ MultivariateNormal(m[z], S[z])",
        {"x": np.stack([REAL, REAL[::-1] ** 2], 1)}),
    "counts": ("param r[k] : positive", "x ~ Poisson(r[z])", {"x": np.arange(len(REAL)) % 7}),
    "bits": ("param p[k] : unit", "x : bit ~ Bernoulli(p[z])", {"x": np.arange(len(REAL)) % 3 % 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ONCE)
def test_slopes_at_values_of_reference_lead_to_the_same_maximum(name, monkeypatch):
    above, inside, data = AT_ONCE[name]
    seen = []
    maximise = ExpectedLogJoint.maximise
    monkeypatch.setattr(ExpectedLogJoint, "maximise", lambda *a: seen.append(a) or maximise(*a))
    text = f"{HEAD}{above}\nplate row {{ z : k ~ Categorical(share)\n {inside} }}"
    pgmlang.compile(text).fit(data, method="em", seed=3, options={"restarts": 2, "max_iterations": 3})
    q, values, known = seen[-1]
    at_once, (in_rounds, solved) = q._at_once(values, known), q._solved(values, known)
    assert at_once is not None
    assert solved == set(values)
    for n, value in in_rounds.items():
        torch.testing.assert_close(at_once[n], value, rtol=1e-8, atol=1e-10)
        assert not torch.equal(at_once[n], values[n])


def test_what_meets_in_a_factor_moves_in_turns():
    model = pgmlang.compile(
        HEAD
        + "param m[k] : real\nparam s : positive\nplate row { z : k ~ Categorical(share)\n x ~ Normal(m[z], s) }"
    )
    rounds = blocks_of(model.model, ("m", "s"))
    assert [[b.names for b in r] for r in rounds] == [[("m",)], [("s",)]]


@pytest.mark.parametrize(
    ("chances", "rounds"),
    [
        ("if first then start else move[prev(z)]", [{"start", "move"}]),
        ("if first then 0.5 * start + 0.5 * uniform else move[prev(z)]", [{"start", "move"}]),
        ("if first then start else 0.5 * start + 0.5 * move[prev(z)]", [{"start"}, {"move"}]),
    ],
)
def test_branches_of_a_factor_move_together(chances, rounds):
    text = (
        "dim k[2]\ndim into like k\nparam start[into] : simplex\nparam move[k, into] : simplex\nuniform[into] = 0.5\nparam m[k] : real\n"
        f"plate row = chain {{ z : k ~ Categorical({chances})\n x ~ Normal(m[z], 1) }}"
    )
    model = pgmlang.compile(text).model
    found = blocks_of(model, ("start", "move"), ("start", "move"))
    assert [{n for b in r for n in b.names} for r in found] == rounds


def test_a_param_with_a_constraint_of_its_own_is_climbed():
    model = pgmlang.compile(
        HEAD
        + "param m[k] : ordered\nparam s : positive\nplate row { z : k ~ Categorical(share)\n x ~ Normal(m[z], s) }"
    )
    assert {n for r in blocks_of(model.model, ("m", "s")) for b in r for n in b.names} == {"s"}


@pytest.mark.parametrize("mean", ["sum(w * t)", "t @ w", "w[z] + w[u] * s"])
def test_elements_that_meet_in_a_row_are_climbed(mean):
    text = (
        "dim d[2]\nw[d] ~ Normal(0, 5)\nparam share[d] : simplex\nplate row {\n input t[d]\n input s\n"
        f" z : d ~ Categorical(share)\n u : d ~ Categorical(share)\n x ~ Normal({mean}, 1) }}"
    )
    assert blocks_of(pgmlang.compile(text).model, ("w",)) == ()
    alone = text.replace(mean, "w[z] * s")
    assert [[b.names for b in r] for r in blocks_of(pgmlang.compile(alone).model, ("w",))] == [[("w",)]]


def test_answers_that_nobody_gave_leave_the_others_their_closed_forms(monkeypatch):
    answers = ANSWERS.copy()
    answers[:, 0], answers[:, 1] = 0, 1
    model = pgmlang.compile(
        "dim item[6]\nparam share[k] : simplex\nplate k[2] { param p[item] : unit }\n"
        "plate row { z ~ Categorical(share)\n a[item] ~ Bernoulli(p[z]) }"
    )

    def climbed(q, values, moved, known):
        raise AssertionError(f"{list(moved)} have closed forms")

    monkeypatch.setattr(ExpectedLogJoint, "_climbed", climbed)
    fit = model.fit({"a": answers}, method="em", seed=1)
    p, share = fit.params["p"], fit.params["share"]
    assert (p[:, 0] < 1e-12).all()
    assert (p[:, 1] > 1 - 1e-12).all()
    like = np.where(answers[:, None] == 1, p, 1 - p).prod(-1) @ share
    assert fit.record.log_likelihood == pytest.approx(float(np.log(like).sum()), abs=1e-8)

"""map, elbo and the loop behind them: closed forms, quadrature, enumeration, scikit-learn."""

from __future__ import annotations

import copy
import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.importance import importance_log_likelihood
from pgmlang.density.initial import fresh_nets
from pgmlang.density.nets import FunctionalNets
from pgmlang.density.reductions import log_joint
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.transforms import free_shape
from pgmlang.diagnostics import PgmError
from pgmlang.guides.automatic import AutomaticGuide
from pgmlang.guides.registry import GUIDES
from pgmlang.guides.written import WrittenGuide
from pgmlang.infer import elbo
from pgmlang.infer.base import Algorithm
from pgmlang.infer.late_gradient import LateGradient
from pgmlang.kernels import lbfgs
from pgmlang.objectives import elbo as elbo_objectives
from pgmlang.objectives.elbo import ElboObjective
from pgmlang.signatures.options import OPTIONS
from tests.infer.by_hand import problem_of

REGRESSION = """
dim feature = {u, v}
a ~ Normal(0, 3)
b[feature] ~ Normal(0, 2)
plate row { input X[feature] : real ; y ~ Normal(a + X @ b, 0.7) }
"""


def regression() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Data, posterior mean and covariance of (a, b)."""
    rng = np.random.default_rng(0)
    X = rng.normal([0.5, 0.0], 1, size=(25, 2))
    y = 1 + X @ [0.8, -1.2] + 0.7 * rng.normal(size=25)
    design = np.column_stack([np.ones(25), X])
    precision = np.diag([1 / 9, 1 / 4, 1 / 4]) + design.T @ design / 0.49
    return (
        {"u": X[:, 0], "v": X[:, 1], "y": y},
        np.linalg.solve(precision, design.T @ y / 0.49),
        np.linalg.inv(precision),
    )


def test_map_is_the_mode() -> None:
    data, mean, _ = regression()
    fit = pgmlang.compile(REGRESSION).fit(data, method="map", seed=1)
    np.testing.assert_allclose([fit.params["a"], *fit.params["b"]], mean, atol=1e-6)
    assert fit.query("E(b[u])").table[0]["mean"] == pytest.approx(mean[1], abs=1e-6)


def test_map_of_a_scale_has_no_jacobian() -> None:
    y = np.array([0.3, -0.8, 1.9, 2.2])
    text = "s ~ Exponential(2)\nplate row { y ~ Normal(0, s) }\n"
    fit = pgmlang.compile(text).fit({"y": y}, method="map", seed=1)
    grid = np.linspace(0.2, 4, 400_001)
    log_density = -2 * grid - 4 * np.log(grid) - 0.5 * (y**2).sum() / grid**2
    assert float(fit.params["s"]) == pytest.approx(grid[log_density.argmax()], abs=2e-5)


def test_logistic_regression_as_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ [1.0, -2.0, 0.5] - 0.3))).astype(int)
    text = """
dim f = {a, b, c}
param base : real
w[f] ~ Normal(0, 1)
plate row { input X[f] : real ; y : bit ~ Bernoulli(logit = base + X @ w) }
"""
    fit = pgmlang.compile(text).fit({**{k: X[:, i] for i, k in enumerate("abc")}, "y": y}, method="map", seed=1)
    peer = linear.LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(fit.params["w"], peer.coef_[0], atol=1e-4)
    assert float(fit.params["base"]) == pytest.approx(peer.intercept_[0], abs=1e-4)


def test_weights_count_as_rows() -> None:
    text = "param m : real\nparam s : positive\nplate row { y ~ Normal(m, s) }\n"
    weighted = pgmlang.compile(text).fit({"y": [0.0, 1.0, 4.0], "n": [3, 2, 1]}, method="map", seed=1, weights="n")
    rows = np.array([0.0, 0, 0, 1, 1, 4])
    assert float(weighted.params["m"]) == pytest.approx(rows.mean(), abs=1e-6)
    assert float(weighted.params["s"]) == pytest.approx(rows.std(), abs=1e-6)


def test_full_rank_elbo_is_the_posterior_and_the_evidence() -> None:
    data, mean, cov = regression()
    options = {"guide": "fullrank", "epochs": 2000, "particles": 16}
    fit = pgmlang.compile(REGRESSION).fit(data, method="elbo", seed=1, options=options)
    draws = np.column_stack([fit.draws["a"].reshape(-1), fit.draws["b"].reshape(-1, 2)])
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * np.sqrt(cov.diagonal() / len(draws)).max() + 0.01)
    np.testing.assert_allclose(np.cov(draws.T), cov, atol=0.15 * cov.max())
    design = np.column_stack([np.ones(25), data["u"], data["v"]])
    marginal = design @ np.diag([9.0, 4, 4]) @ design.T + 0.49 * np.eye(25)
    evidence = stats.multivariate_normal(np.zeros(25), marginal).logpdf(data["y"])
    found = 25 * fit.record.provenance["elbo"]
    assert evidence - 0.1 < found < evidence + 0.05
    assert fit.record.provenance["pareto_k"] < 0.5


def test_mean_field_elbo_stays_below() -> None:
    data, _, _ = regression()
    full, field = (
        pgmlang.compile(REGRESSION)
        .fit(data, method="elbo", seed=1, options={"guide": g, "epochs": 700, "learning_rate": 0.03})
        .record
        for g in ("fullrank", "meanfield")
    )
    assert 25 * field.provenance["elbo"] < 25 * full.provenance["elbo"] - 0.02


LINE = """
dim pixel = {a, b, c}
dim code[1]
param w[pixel], base[pixel] : real
param loc[pixel, code], tilt[code] : real
plate row {
  z[code] ~ Normal(0, 1)
  x[pixel] ~ Bernoulli(logit = base + w * sum(z, over = code))
}
guide row { z ~ Normal(tilt + x @ loc, 0.8) }
"""


def test_bound_and_importance_of_a_one_dimensional_latent() -> None:
    """The bound lies below the exact log-likelihood by quadrature; the importance estimate meets it."""
    rng = np.random.default_rng(3)
    x = (rng.random((40, 3)) < 0.5).astype(int)
    rows = {k: x[:, i] for i, k in enumerate("abc")}
    fit = pgmlang.compile(LINE).fit(rows, method="elbo", seed=1, options={"epochs": 600, "learning_rate": 0.03})
    w, base = fit.params["w"], fit.params["base"]

    def chance(z: float, row: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(base + w * z)))
        return float(np.prod(np.where(row == 1, p, 1 - p)) * stats.norm.pdf(z))

    exact = np.array([math.log(integrate.quad(chance, -9, 9, args=(row,))[0]) for row in x])
    assert fit.record.provenance["elbo"] < exact.mean() + 0.02
    found = fit.score_rows(rows)
    assert "guide" in found.estimator
    np.testing.assert_allclose(found.values, exact, atol=0.05)


TINY = """
dim unit = {p, q}
dim pixel = {a, b, c}
param c0[unit], w[unit, pixel], r[pixel, unit] : real
plate row {
  u[unit] : bit ~ Bernoulli(logit = c0)
  x[pixel] ~ Bernoulli(logit = u @ w)
}
guide row { u ~ Bernoulli(logit = x @ r) }
"""


def tiny() -> tuple[BoundDensity, dict[str, torch.Tensor], ElboObjective]:
    problem = problem_of(TINY, {"a": [1, 0, 1], "b": [0, 0, 1], "c": [1, 1, 0]})
    torch.manual_seed(0)
    joint = bound_density(problem)
    free = {n: torch.randn(free_shape(joint, n), dtype=torch.float64) for n in joint.learned}
    nothing = AutomaticGuide((), GUIDES["meanfield"])
    return joint, free, ElboObjective(problem.model, nothing, WrittenGuide(problem.model), (), 4, "row")


def exact_bound(joint: BoundDensity, free: dict[str, torch.Tensor]) -> torch.Tensor:
    """The bound by enumeration of both units in every row."""
    total = torch.zeros((), dtype=torch.float64)
    x = torch.stack([joint.observed["x"][:, i] for i in range(3)], 1).double()
    logits = x @ free["r"]
    for code in product((0, 1), repeat=2):
        u = torch.tensor(code).expand(3, 2)
        log_q = torch.distributions.Bernoulli(logits=logits).log_prob(u.double()).sum(-1)
        terms = joint.factors({"u": u}, free)
        log_p = terms["u"].sum(-1) + terms["x"].sum(-1)
        total = total + (log_q.exp() * (log_p - log_q)).sum()
    return total


def test_score_function_gradient_is_unbiased() -> None:
    joint, free, bound = tiny()
    leaves = {k: v.requires_grad_() for k, v in free.items()}
    exact = torch.autograd.grad(-exact_bound(joint, leaves) / 3, list(leaves.values()))
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(1000):
        loss, _ = bound.loss(joint, leaves, None, generator, None)
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(leaves.values()))]))
    stacked = torch.stack(found)
    error = stacked.std(0) / math.sqrt(len(found))
    gap = (stacked.mean(0) - torch.cat([g.flatten() for g in exact])).abs()
    assert bool((gap < 4.5 * error + 1e-9).all())


def test_a_missing_score_term_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: without the score function the gradient of the guide is another one."""
    joint, free, bound = tiny()
    leaves = {k: v.requires_grad_() for k, v in free.items()}
    exact = torch.autograd.grad(-exact_bound(joint, leaves) / 3, leaves["r"])[0]
    monkeypatch.setattr(elbo_objectives, "sum_per_element", lambda joint, terms, plate: torch.zeros(4, 3))
    generator = torch.Generator().manual_seed(1)
    found = torch.stack(
        [
            torch.autograd.grad(bound.loss(joint, leaves, None, generator, None)[0], leaves["r"])[0]
            for _ in range(600)
        ]
    )
    gap = (found.mean(0) - exact).abs() / (found.std(0) / math.sqrt(600))
    assert float(gap.max()) > 6


def test_minibatches_stand_for_all_rows() -> None:
    data, _, _ = regression()
    joint = bound_density(problem_of(REGRESSION, data))
    values = {"a": torch.tensor(0.3).double(), "b": torch.tensor([0.1, -0.4]).double()}
    parts = [log_joint(restricted_to_rows(joint, "row", np.arange(i, i + 5)), values) for i in range(0, 25, 5)]
    assert float(sum(parts) / 5) == pytest.approx(float(log_joint(joint, values)), rel=1e-12)


def test_rows_kept_apart_count_nowhere() -> None:
    """The posterior of a mean given the rows trained on alone."""
    y = np.random.default_rng(0).normal(2, 1, size=40)
    options = {"validation": 0.5, "patience": 10_000, "epochs": 1200, "learning_rate": 0.05, "particles": 8}
    text = "m ~ Normal(0, 10)\nplate row { y ~ Normal(m, 1) }\n"
    fit = pgmlang.compile(text).fit({"y": y}, method="elbo", seed=1, options=options)
    assert fit.draws["m"].std() == pytest.approx(1 / math.sqrt(20.01), rel=0.12)


def test_minibatches_of_outer_elements_bring_their_rows() -> None:
    text = "plate doc { t ~ Normal(0, 1) ; plate word { y ~ Normal(t, 1) } }\n"
    joint = bound_density(problem_of(text, {"doc": ["a", "b", "a", "c", "b"], "y": [0.0, 1.0, 2.0, 3.0, 4.0]}))
    t = torch.tensor([0.5, -0.2, 1.0]).double()
    parts = [log_joint(restricted_to_rows(joint, "doc", np.array([i])), {"t": t[[i]]}) for i in range(3)]
    assert float(sum(parts) / 3) == pytest.approx(float(log_joint(joint, {"t": t})), rel=1e-12)


VAE = """
dim pixel = {a, b, c, d}
dim code[2]
net decode : code -> pixel = mlp(8)
net encode : pixel -> code, code = mlp(8)
plate row { z[code] ~ Normal(0, 1) ; x[pixel] ~ Bernoulli(logit = decode(z)) }
guide row {
  loc, log_sd = encode(x)
  z ~ Normal(loc, exp(log_sd))
}
"""


def rows_of_bits(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    kind = rng.integers(2, size=count)
    return {k: (rng.random(count) < np.where(kind == i % 2, 0.9, 0.1)).astype(int) for i, k in enumerate("abcd")}


def test_vae_learns_and_repeats_itself() -> None:
    options = {"batch": 20, "epochs": 30, "learning_rate": 0.01}
    one, two = (
        pgmlang.compile(VAE).fit(rows_of_bits(200), method="elbo", seed=3, options=options) for _ in range(2)
    )
    trace = one.record.trace
    # independent pixels have 4 log 2 = 2.77 nats
    assert np.mean(trace[-5:]) > max(trace[0], -2.4)
    for name, array in one.params.items():
        np.testing.assert_array_equal(array, two.params[name])
    assert one.params["decode.body.0.weight"].dtype == np.float32


def test_a_copy_of_the_state_goes_on_the_same() -> None:
    """All randomness is in the state: a kernel set up anew ends in the same bytes."""
    problem = problem_of(VAE, rows_of_bits(60))

    def kernel() -> Algorithm:
        options = elbo.ElboOptions(batch=20, epochs=8)
        return elbo.build(problem, elbo.resolve(problem.model, problem.facts, options))

    one = kernel()
    state = one.init(np.random.default_rng(1))
    for _ in range(3):
        state, _ = one.step(state)
    two = kernel()
    other = copy.deepcopy(state)
    while not one.done(state):
        state, _ = one.step(state)
        other, _ = two.step(other)
    for key, value in state.moving.items():
        assert torch.equal(value, other.moving[key])
    assert state.trace == other.trace


def test_lbfgs_finds_the_valley_of_rosenbrock() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x.detach().requires_grad_()
        value = (100 * (leaf[1:] - leaf[:-1] ** 2) ** 2 + (1 - leaf[:-1]) ** 2).sum()
        return value.detach(), torch.autograd.grad(value, leaf)[0]

    count = 0

    def counted(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal count
        count += 1
        return function(x)

    point = lbfgs.start(counted, torch.full((10,), -1.0, dtype=torch.float64))
    point = lbfgs.descend(counted, point, 300)
    torch.testing.assert_close(point.x, torch.ones(10, dtype=torch.float64))
    assert point.is_stuck
    assert count < 200


def test_early_stopping_keeps_the_best() -> None:
    options = {"batch": 16, "epochs": 300, "learning_rate": 0.05, "validation": 0.3, "patience": 5}
    record = pgmlang.compile(VAE).fit(rows_of_bits(80), method="elbo", seed=3, options=options).record
    validated = record.provenance["validated"]
    assert len(validated) < 300
    assert record.provenance["best_epoch"] == int(np.argmax(validated)) + 1
    assert len(validated) - record.provenance["best_epoch"] == 5


def test_functional_networks_are_the_program_s() -> None:
    joint = bound_density(problem_of(VAE, rows_of_bits(10)), torch.float32)
    nets = fresh_nets(joint, 1)
    z = torch.randn(10, 2)
    same = FunctionalNets(nets, dict(nets.state_dict()))["decode"](z)[0]
    torch.testing.assert_close(same, nets["decode"](z)[0])


def late(blocks: np.ndarray) -> LateGradient:
    out = LateGradient()
    for block in blocks:
        out = out.with_block(torch.as_tensor(block))
    return out


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_noise_is_settled_and_a_drift_is_not(size: int) -> None:
    """False alarms by many runs of pure noise; a drift of half its noise is seen over enough blocks."""
    rng = np.random.default_rng(size)
    noise = [late(0.2 * rng.normal(size=(20, size))).has_settled() for _ in range(200)]
    assert np.mean(noise) > 0.97
    drift = [late(0.1 + 0.2 * rng.normal(size=(400, size))).has_settled() for _ in range(50)]
    assert not any(drift)


def test_a_gradient_without_noise_is_settled_where_it_is_small() -> None:
    falling = np.exp(-np.arange(10) / 3)[:, None] * np.ones(4)
    assert late(1e-3 * falling).has_settled() is True
    assert late(falling).has_settled() is False
    assert late(falling[:3]).has_settled() is None
    assert LateGradient().has_settled() is None


CREEP = "param b : real\nplate row { field s : spin ; factor b * s }"


def test_training_that_creeps_is_not_called_converged() -> None:
    """A rate so small that the trace is flat: the gradient is as large as at the start."""
    data = {"s": [1] * 30 + [-1] * 10}
    model = pgmlang.compile(CREEP)
    slow = model.fit(data, method="pseudo", seed=1, options={"epochs": 500, "learning_rate": 1e-7}).record
    assert slow.status == "not converged"
    assert any("still rises" in d.message for d in slow.warnings)
    done = model.fit(data, method="pseudo", seed=1, options={"epochs": 1500, "learning_rate": 0.05}).record
    assert done.status == "converged"
    assert done.parameters["b"] == pytest.approx(math.atanh(0.5), abs=1e-3)
    short = model.fit(data, method="pseudo", seed=1, options={"epochs": 15}).record
    assert short.status == "not converged"
    assert any("too few steps" in d.message for d in short.warnings)


def test_importance_of_discrete_latents() -> None:
    """A fit of bits with a written guide is scored by importance; by enumeration the same."""
    joint, free, _ = tiny()
    generator = torch.Generator().manual_seed(0)
    found = importance_log_likelihood(joint, free, None, 4000, generator)
    terms = []
    for code in product((0, 1), repeat=2):
        t = joint.factors({"u": torch.tensor(code).expand(3, 2)}, free)
        terms.append(t["u"].sum(-1) + t["x"].sum(-1))
    torch.testing.assert_close(found, torch.logsumexp(torch.stack(terms), 0), atol=0.05, rtol=0)
    data = {"a": [1, 0, 1], "b": [0, 0, 1], "c": [1, 1, 0]}
    fit = pgmlang.compile(TINY).fit(data, method="elbo", seed=1, options={"epochs": 20})
    assert "guide" in fit.score_rows(data).estimator


@pytest.mark.parametrize(
    ("method", "text", "word"),
    [
        (
            "map",
            "param J : real\nplate row { field y : real\n factor -J * y * y }\n",
            "log Z",
        ),
        ("elbo", "param m : real\nplate row { y ~ Normal(m, 1) }\n", "no latent"),
        ("map", "plate row { y ~ Normal(0, 1) }\n", "no number"),
    ],
)
def test_refusals(method: str, text: str, word: str) -> None:
    with pytest.raises(PgmError, match=word):
        pgmlang.compile(text).fit({"y": [0.1, 0.2]} if "row" in text else {}, method=method)


def test_a_written_guide_of_a_global_leaves_draws() -> None:
    """The posterior of a mean, by a guide with params of its own; new rows hang on its draws."""
    rng = np.random.default_rng(0)
    x = 3 + rng.normal(size=50)
    text = """
mu ~ Normal(0, 10)
plate row { x ~ Normal(mu, 1) }
guide {
  param m : real
  param t : positive
  mu ~ Normal(m, t)
}
"""
    options = {"epochs": 1200, "learning_rate": 0.05}
    fit = pgmlang.compile(text).fit({"x": x}, method="elbo", seed=1, options=options)
    sd = 1 / math.sqrt(50 + 0.01)
    assert fit.draws["mu"].mean() == pytest.approx(x.sum() * sd**2, abs=0.03)
    assert fit.draws["mu"].std() == pytest.approx(sd, rel=0.1)
    predictive = stats.norm(x.sum() * sd**2, math.sqrt(1 + sd**2)).logpdf([0.0, 3.0])
    np.testing.assert_allclose(fit.score_rows({"x": [0.0, 3.0]}).values, predictive, atol=0.1)


@pytest.mark.parametrize("option", ["epochs", "batch", "particles", "learning_rate"])
def test_no_run_has_none_of_it(option: str) -> None:
    with pytest.raises(PgmError, match="cannot be 0"):
        pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n").fit(
            {"y": [1.0, 2.0]}, method="elbo", options={option: 0}
        )


def test_params_of_a_guide_s_rows_are_theirs_alone() -> None:
    text = """
plate row { z ~ Normal(0, 1) ; x ~ Normal(z, 1) }
guide row {
  param a : real
  param t : positive
  z ~ Normal(a, t)
}
"""
    x = np.array([-2.0, 0.5, 1.0])
    options = {"epochs": 1200, "learning_rate": 0.05, "particles": 4}
    fit = pgmlang.compile(text).fit({"x": x}, method="elbo", seed=1, options=options)
    np.testing.assert_allclose(fit.params["a"], x / 2, atol=0.1)
    np.testing.assert_allclose(fit.params["t"], math.sqrt(0.5), rtol=0.1)
    exact = stats.norm(0, math.sqrt(2)).logpdf(x)
    np.testing.assert_allclose(fit.score_rows({"x": x}).values, exact, atol=0.3)
    with pytest.raises(PgmError, match="of their own"):
        pgmlang.compile(text).fit({"x": x}, method="elbo", options={"batch": 2})


MIXTURE = """
share[cluster] ~ Dirichlet(1)
plate cluster[3] { m ~ Normal(0, 5) ; s ~ HalfNormal(1) }
plate row { z ~ Categorical(share) ; x ~ Normal(m[z], s[z]) }
"""


@pytest.mark.parametrize("method", ["elbo", "map"])
def test_mixtures_find_all_their_clusters(method: str) -> None:
    rng = np.random.default_rng(3)
    x = np.repeat([-6.0, 0, 4], 40) + 0.6 * rng.normal(size=120)
    options = {"epochs": 100} if method == "elbo" else {}
    fit = pgmlang.compile(MIXTURE).fit({"x": x}, method=method, seed=1, options=options)
    means = fit.draws["m"].mean((0, 1)) if method == "elbo" else fit.params["m"]
    np.testing.assert_allclose(np.sort(means), x.reshape(3, 40).mean(1), atol=0.2)


def test_every_guide_of_the_option_has_a_family() -> None:
    assert set(OPTIONS["guide"].choices or ()) == set(GUIDES)

"""meanfield: exact posteriors, published update equations, bounds below evidences by enumeration."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer import exponential, exponential_matrices
from pgmlang.infer.coordinate import CoordinateState, build
from tests.infer.by_hand import problem_of


def climb(text: str, data: dict[str, Any], seed: int = 1, steps: int = 500, restarts: int = 1) -> CoordinateState:
    """The state at the end of coordinate ascent."""
    kernel = build(problem_of(text, data), 1e-13, steps, restarts)
    state = kernel.init(np.random.default_rng(seed))
    while not kernel.done(state):
        state, _ = kernel.step(state)
    return state


def rises(trace: tuple[float, ...]) -> bool:
    return bool(np.all(np.diff(trace) > -1e-8 * max(1.0, abs(trace[-1]))))


ONE = [
    ("p ~ Beta(2, 3)\nplate row { y : bit ~ Bernoulli(p) }\n", [1, 0, 1, 1, 0, 1], "p", (6, 5)),
    ("r ~ Gamma(2, 3)\nplate row { y ~ Poisson(r) }\n", [4, 0, 2], "r", (8, 6)),
    ("r ~ Gamma(2, 3)\nplate row { y ~ Exponential(r) }\n", [0.5, 1.5], "r", (4, 5)),
    ("v ~ InverseGamma(3, 2)\nplate row { y ~ Normal(0, sqrt(v)) }\n", [1.0, -2.0, 1.0], "v", (4.5, 5)),
]


@pytest.mark.parametrize(("text", "y", "name", "expected"), ONE)
def test_one_variable_is_the_posterior(text: str, y: list[float], name: str, expected: tuple[float, ...]) -> None:
    state = climb(text, {"y": y})
    np.testing.assert_allclose([float(p) for p in state.factors[name]], expected, rtol=1e-9)


def test_one_variable_s_bound_is_the_evidence() -> None:
    y = [1, 0, 1, 1, 0, 1]
    state = climb(ONE[0][0], {"y": y})
    assert state.trace[-1] == pytest.approx(special.betaln(6, 5) - special.betaln(2, 3), abs=1e-9)
    state = climb(ONE[1][0], {"y": [4, 0, 2]})
    evidence = 2 * math.log(3) - 8 * math.log(6) + math.lgamma(8) - math.lgamma(2) - math.log(24 * 2)
    assert state.trace[-1] == pytest.approx(evidence, abs=1e-9)


REGRESSION = """
dim feature = {u, v}
b[feature] ~ Normal(0, 2)
plate row { input X[feature] : real ; y ~ Normal(X @ b, 0.7) }
"""


def regression() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal([0.5, 0.0], 1, size=(25, 2))
    return X, X @ [0.8, -1.2] + 0.7 * rng.normal(size=25)


def test_coupled_elements_have_their_covariance_and_the_evidence() -> None:
    X, y = regression()
    state = climb(REGRESSION, {"u": X[:, 0], "v": X[:, 1], "y": y})
    cov = np.linalg.inv(np.eye(2) / 4 + X.T @ X / 0.49)
    loc, root = (p.numpy() for p in state.factors["b"])
    np.testing.assert_allclose(loc, cov @ X.T @ y / 0.49, rtol=1e-9)
    np.testing.assert_allclose(root @ root.T, cov, rtol=1e-9)
    evidence = stats.multivariate_normal(np.zeros(25), 4 * X @ X.T + 0.49 * np.eye(25)).logpdf(y)
    assert state.trace[-1] == pytest.approx(evidence, abs=1e-8)


def test_a_rule_of_the_mean_alone_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: a point at the mean forgets the variance."""
    X, y = regression()
    monkeypatch.setattr(exponential, "NORMAL", exponential.NORMAL._replace(points=lambda q: q[0].unsqueeze(0)))
    state = climb(REGRESSION, {"u": X[:, 0], "v": X[:, 1], "y": y})
    evidence = stats.multivariate_normal(np.zeros(25), 4 * X @ X.T + 0.49 * np.eye(25)).logpdf(y)
    assert state.trace[-1] > evidence + 0.5


def test_regression_with_an_unknown_variance_as_published() -> None:
    """Updates of q(b) q(v), Bishop (2006) section 10.3 with the precision's prior turned round."""
    X, y = regression()
    text = REGRESSION.replace("b[feature]", "v0 ~ InverseGamma(3, 2)\nb[feature]").replace("0.7", "sqrt(v0)")
    state = climb(text, {"u": X[:, 0], "v": X[:, 1], "y": y})
    a, b = 3 + 25 / 2, 2.0
    for _ in range(500):
        cov = np.linalg.inv(np.eye(2) / 4 + (a / b) * X.T @ X)
        mean = cov @ X.T @ y * (a / b)
        b = 2 + 0.5 * (((y - X @ mean) ** 2).sum() + np.trace(X @ cov @ X.T))
    np.testing.assert_allclose([float(p) for p in state.factors["v0"]], [a, b], rtol=1e-6)
    np.testing.assert_allclose(state.factors["b"][0].numpy(), mean, rtol=1e-6)
    assert rises(state.trace)


def test_the_mean_and_variance_of_a_normal_as_published() -> None:
    """Bishop (2006) section 10.1.3, with independent priors: scalars in two axes of points."""
    rng = np.random.default_rng(2)
    y = rng.normal(1.5, 2, size=12)
    state = climb(
        "m ~ Normal(0, 3)\nv ~ InverseGamma(2, 1)\nplate row { y ~ Normal(m, sqrt(v)) }\n", {"y": list(y)}
    )
    a, b = 2 + 6.0, 1.0
    for _ in range(500):
        precision = 1 / 9 + 12 * a / b
        mean = (a / b) * y.sum() / precision
        b = 1 + 0.5 * (((y - mean) ** 2).sum() + 12 / precision)
    assert float(state.factors["v"][1]) == pytest.approx(b, rel=1e-6)
    assert float(state.factors["m"][0]) == pytest.approx(mean, rel=1e-6)


LDA = """
dim word = {a, b, c, d}
plate topic[2] { phi[word] ~ Dirichlet(0.3) }
plate doc {
  theta[topic] ~ Dirichlet(0.5)
  plate token { z ~ Categorical(theta) ; w : word ~ Categorical(phi[z]) }
}
"""


def corpus(tokens: int, docs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    doc = np.sort(np.arange(tokens) % docs)
    return doc, np.where(rng.random(tokens) < 0.8, 2 * (doc % 2), 1) + rng.integers(2, size=tokens) * (doc % 2)


def lda_data(doc: np.ndarray, word: np.ndarray) -> dict[str, Any]:
    return {"doc": [f"d{i}" for i in doc], "w": ["abcd"[i] for i in word]}


def test_lda_stands_at_the_published_fixed_point() -> None:
    """Blei, Ng and Jordan (2003), equations 6 and 7, and Hoffman, Blei and Bach (2010) for the topics."""
    doc, word = corpus(60, 6)
    state = climb(LDA, lda_data(doc, word), steps=2000)
    theta, phi = state.factors["theta"][0].numpy(), state.factors["phi"][0].numpy()
    log_theta = special.digamma(theta) - special.digamma(theta.sum(-1, keepdims=True))
    log_phi = special.digamma(phi) - special.digamma(phi.sum(-1, keepdims=True))
    share = special.softmax(log_theta[doc] + log_phi[:, word].T, axis=1)
    gamma, topics = np.full((6, 2), 0.5), np.full((2, 4), 0.3)
    np.add.at(gamma, doc, share)
    np.add.at(topics.T, word, share)
    np.testing.assert_allclose(theta, gamma, rtol=1e-4)
    np.testing.assert_allclose(phi, topics, rtol=1e-4)
    assert rises(state.trace)


def dirichlet_evidence(counts: np.ndarray, prior: float) -> float:
    total = counts.sum(-1)
    size = counts.shape[-1]
    whole = special.gammaln(size * prior) - special.gammaln(size * prior + total)
    return float((whole + (special.gammaln(prior + counts) - special.gammaln(prior)).sum(-1)).sum())


def test_lda_s_bound_lies_below_the_evidence_by_enumeration() -> None:
    doc, word = corpus(9, 3)
    found = []
    for code in product((0, 1), repeat=9):
        z = np.array(code)
        topics, words = np.zeros((3, 2)), np.zeros((2, 4))
        np.add.at(topics, (doc, z), 1)
        np.add.at(words, (z, word), 1)
        found.append(dirichlet_evidence(topics, 0.5) + dirichlet_evidence(words, 0.3))
    evidence = special.logsumexp(found)
    state = climb(LDA, lda_data(doc, word), restarts=4)
    assert evidence - 4 < state.trace[-1] < evidence
    assert rises(state.trace)


def test_mixture_of_normals_finds_its_clusters() -> None:
    rng = np.random.default_rng(3)
    kind = rng.integers(2, size=120)
    x = np.where(kind == 0, -3, 2) + rng.normal(size=120) * np.where(kind == 0, 0.5, 1)
    text = """
share[cluster] ~ Dirichlet(1)
plate cluster[2] { m ~ Normal(0, 5) ; v ~ InverseGamma(2, 1) }
plate row { z ~ Categorical(share) ; x ~ Normal(m[z], sqrt(v[z])) }
"""
    fit = pgmlang.compile(text).fit({"x": x}, method="meanfield", seed=1)
    means = fit.draws["m"].mean((0, 1))
    np.testing.assert_allclose(np.sort(means), [x[kind == 0].mean(), x[kind == 1].mean()], atol=0.05)
    labels = fit.draws["z"].reshape(-1, 120).mean(0) > 0.5
    assert max((labels == kind).mean(), (labels != kind).mean()) > 0.97
    assert fit.record.status == "converged"
    assert rises(fit.record.trace)


def test_chains_keep_their_neighbours() -> None:
    """A hidden Markov model: the bound lies below the evidence by enumeration of the chain."""
    text = """
dim out = {a, b}
dim to like state
start[state] ~ Dirichlet(1)
plate state[2] { move[to] ~ Dirichlet(1) ; emit[out] ~ Dirichlet(0.5) }
plate t = chain {
  z ~ Categorical(if first then start else move[prev(z)])
  y : out ~ Categorical(emit[z])
}
"""
    y = [0, 0, 0, 1, 1, 1, 0, 0]
    state = climb(text, {"y": ["ab"[i] for i in y]}, restarts=4)
    found = []
    for code in product((0, 1), repeat=8):
        moves, emits, start = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((1, 2))
        start[0, code[0]] += 1
        np.add.at(moves, (code[:-1], code[1:]), 1)
        np.add.at(emits, (code, y), 1)
        found.append(dirichlet_evidence(start, 1) + dirichlet_evidence(moves, 1) + dirichlet_evidence(emits, 0.5))
    evidence = special.logsumexp(found)
    assert evidence - 4 < state.trace[-1] < evidence
    assert rises(state.trace)


def test_factor_analysis_blocks_of_two_variables() -> None:
    """Loadings and scores both normal: blocks by pixel and by row; the covariance of the data is found."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(80, 1))
    x = z @ np.array([[2.0, -1.5, 1.0]]) + 0.3 * rng.normal(size=(80, 3))
    text = """
dim pixel = {a, b, c}
dim code[2]
w[pixel, code] ~ Normal(0, 1)
v ~ InverseGamma(2, 1)
plate row { s[code] ~ Normal(0, 1) ; x[pixel] ~ Normal(w @ s, sqrt(v)) }
"""
    state = climb(text, {k: x[:, i] for i, k in enumerate("abc")}, steps=300)
    assert state.blocks == {"w": (1,), "s": (1,)}
    assert rises(state.trace)
    shape, scale = (float(p) for p in state.factors["v"])
    assert scale / shape == pytest.approx(0.09, rel=0.3)


def test_points_have_the_statistics() -> None:
    generator = torch.Generator().manual_seed(0)
    a = 0.2 + 5 * torch.rand(7, generator=generator, dtype=torch.float64)
    b = 0.2 + 5 * torch.rand(7, generator=generator, dtype=torch.float64)
    x = exponential.BETA.points((a, b))
    torch.testing.assert_close(x.log().mean(0), torch.digamma(a) - torch.digamma(a + b))
    torch.testing.assert_close((1 - x).log().mean(0), torch.digamma(b) - torch.digamma(a + b))
    x = exponential.GAMMA.points((a, b))
    torch.testing.assert_close(x.log().mean(0), torch.digamma(a) - b.log())
    torch.testing.assert_close(x.mean(0), a / b)
    x = exponential.INVERSE_GAMMA.points((a, b))
    torch.testing.assert_close(x.log().mean(0), b.log() - torch.digamma(a))
    torch.testing.assert_close((1 / x).mean(0), a / b)


@pytest.mark.parametrize("said", ["COV", "scale_tril = ROOT", "precision = inverse(COV)"])
def test_means_of_normal_vectors_are_the_posterior(said: str) -> None:
    """Independent numbers before, coupled by the covariance of what hangs on them."""
    cov = np.array([[2, 0.5], [0.5, 1]])
    root = np.linalg.cholesky(cov)
    written = said.replace("COV", str(cov.tolist())).replace("ROOT", str(root.tolist()))
    y = np.random.default_rng(0).multivariate_normal([0, 1], cov, 5)
    text = f"dim k = {{a, b}}\nm[k] ~ Normal(0.5, 2)\nplate row {{ y[k] ~ MultivariateNormal(0.5 * m + 1, {written}) }}\n"
    loc, factor = climb(text, {"y_a": y[:, 0], "y_b": y[:, 1]}).factors["m"]
    inner = np.linalg.inv(cov)
    precision = np.eye(2) / 4 + 5 * 0.25 * inner
    mean = np.linalg.solve(precision, 0.5 / 4 * np.ones(2) + 0.5 * inner @ (y - 1).sum(0))
    np.testing.assert_allclose(loc.reshape(-1), mean, rtol=1e-9)
    np.testing.assert_allclose((factor @ factor.mT).reshape(2, 2), np.linalg.inv(precision), rtol=1e-9)


MATRICES = {
    "Wishart": ("P[k, k'] ~ Wishart(5, [[1, 0.2], [0.2, 2]])", ("precision = P", "inverse(P)")),
    "InverseWishart": ("P[k, k'] ~ InverseWishart(5, [[1, 0.2], [0.2, 2]])", ("P", "precision = inverse(P)")),
}


@pytest.mark.parametrize("spelling", [0, 1])
@pytest.mark.parametrize("family", MATRICES)
def test_matrices_of_normal_vectors_are_the_posterior(family: str, spelling: int) -> None:
    """Conjugate (Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution", section 8): the bound is the evidence, and `gibbs`
    draws from the posterior itself."""
    rng = np.random.default_rng(0)
    y = rng.multivariate_normal([0, 0], [[2, 0.5], [0.5, 1]], 20)
    prior, said = MATRICES[family]
    text = f"dim k = {{a, b}}\n{prior}\nplate row {{ y[k] ~ MultivariateNormal(0, {said[spelling]}) }}\n"
    model, data = pgmlang.compile(text), {"y_a": y[:, 0], "y_b": y[:, 1]}
    scatter, scale, (df, n, d) = y.T @ y, np.array([[1, 0.2], [0.2, 2]]), (5, 20, 2)
    if family == "Wishart":
        first, mean = np.linalg.inv(scale), (df + n) * np.linalg.inv(np.linalg.inv(scale) + scatter)
    else:
        first, mean = scale, (scale + scatter) / (df + n - d - 1)
    evidence = (
        special.multigammaln((df + n) / 2, d) - special.multigammaln(df / 2, d) - n * d / 2 * math.log(math.pi)
        + df / 2 * np.linalg.slogdet(first)[1] - (df + n) / 2 * np.linalg.slogdet(first + scatter)[1]
    )  # fmt: skip
    fit = model.fit(data, method="meanfield", seed=1)
    assert fit.record.trace[-1] == pytest.approx(evidence, rel=1e-12)
    drawn = model.fit(data, method="gibbs", seed=1, options={"chains": 8, "warmup": 5, "draws": 500})
    draws = drawn.draws["P"].reshape(-1, 2, 2)
    errors = draws.std(0) / math.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - mean) < 4.5 * errors).all()
    for record, parameters in (
        (exponential_matrices.WISHART, (6.5, first)),
        (exponential_matrices.INVERSE_WISHART, (6.5, first)),
    ):
        q = tuple(torch.as_tensor(p, dtype=torch.float64) for p in parameters)
        torch.manual_seed(0)
        x = record.draw(q, (4000,))
        entropy = -record.log_prob(q, x)
        assert float(record.entropy(q)) == pytest.approx(float(entropy.mean()), abs=5 * float(entropy.std()) / 63)


def test_a_model_that_is_not_conjugate_takes_the_normal_guide() -> None:
    text = "s ~ HalfNormal(2)\nplate row { y ~ Normal(0, s) }\n"
    fit = pgmlang.compile(text).fit(
        {"y": [0.4, -1.2, 2.0]}, method="meanfield", seed=1, options={"epochs": 300, "learning_rate": 0.05}
    )
    assert "pareto_k" in fit.record.provenance
    assert any("not conjugate" in r for r in fit.record.provenance["reasons"])


def test_batches_are_refused() -> None:
    with pytest.raises(PgmError, match="all rows"):
        pgmlang.compile(ONE[0][0]).fit({"y": [1, 0]}, method="meanfield", options={"batch": 1})

"""Processes at rows that a fit has not seen: the conditional normal given what it says of its own rows, against dense algebra."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal, multivariate_t

import pgmlang
from pgmlang.binding.process_rows import process_rows
from pgmlang.diagnostics import PgmError
from pgmlang.query.new_rows import NewRows, new_rows_of
from pgmlang.results.fit import Fit

RNG = np.random.default_rng(5)
N, S = 9, 7
X, U = np.sort(RNG.uniform(0, 5, N)), RNG.uniform(0, 3, N)
NEW_X, NEW_U = np.array([-0.4, 1.1, 2.9, 6.0]), np.array([0.2, 1.0, 2.0, 2.5])
GROUPS, NEW_GROUPS = np.array(list("ababababa")), np.array(list("abba"))
HEAD = "a ~ HalfNormal(1)\nl ~ Gamma(5, 5)\nb ~ Normal(0, 1)\n"
DRAWS = {"a": RNG.uniform(0.5, 2, S), "l": RNG.uniform(0.4, 1.5, S), "b": RNG.normal(size=S)}
Covariance = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""Of two sets of points by their two coordinates, at one draw."""


def _gap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(abs(x[:, None] - y))


def _quad(x: np.ndarray, y: np.ndarray, a: Any, length: Any) -> np.ndarray:
    return np.asarray(a**2 * np.exp(-0.5 * (_gap(x, y) / length) ** 2))


def _matern(x: np.ndarray, y: np.ndarray, a: Any, length: Any) -> np.ndarray:
    far = math.sqrt(3) * _gap(x, y) / length
    return np.asarray(a**2 * (1 + far) * np.exp(-far))


def _same(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One at the same row: the sets are the fit's rows and the new ones, whose numbers differ."""
    return np.asarray((x[:, None] == y).astype(float))


A, L = DRAWS["a"], DRAWS["l"]
KERNELS: dict[str, tuple[str, Covariance]] = {
    "sum and noise": (
        "exp_quad(x, a, l, noise = 0.3, jitter = 0) + 0.5 + outer(u)",
        lambda x, y, u, v, s: _quad(x, y, A[s], L[s]) + 0.09 * _same(x, y) + 0.5 + u[:, None] * v,
    ),
    "product, several lengths": (
        "exp_quad(x, a, l, jitter = 0) * matern(u, 1, 2, jitter = 0) + diag(0.1)",
        lambda x, y, u, v, s: _quad(x, y, A[s], L[s]) * _matern(u, v, 1, 2) + 0.1 * _same(x, y),
    ),
    "periodic": (
        "periodic(x, a, l, 2, jitter = 0) + diag(u)",
        lambda x, y, u, v, s: A[s] ** 2 * np.exp(-2 * (np.sin(np.pi * _gap(x, y) / 2) / L[s]) ** 2) + u[:, None] * _same(x, y),
    ),
    "by hand, inverted twice": (
        "inverse(inverse(a^2 * exp(-square(x - x[row']) / (2 * l^2)) + diag(0.2)))",
        lambda x, y, u, v, s: _quad(x, y, A[s], L[s]) + 0.2 * _same(x, y),
    ),
    "a process a group": (
        "(matern(x, a, l) + diag(0.2)) * (if g == g[row'] then 1 else 0)",
        lambda x, y, u, v, s: (_matern(x, y, A[s], L[s]) + 0.2 * _same(x, y)) * _groups(x, y),
    ),
}  # fmt: skip
LATENT = "f[row] ~ MultivariateNormal(b * x, KERNEL)\nplate row {\n  input x, u : real\n  input g : {a, b}\n  y ~ Normal(f, 0.2)\n}"
SEEN = "y[row] ~ MultivariateNormal(b * x, KERNEL)\nplate row {\n  input x, u : real\n  input g : {a, b}\n}"
ROOT = "z[row] ~ Normal(0, 1)\nf[row] = b * x + 2 * cholesky(KERNEL) @ z\nplate row {\n  input x, u : real\n  input g : {a, b}\n  y ~ Normal(f, 0.2)\n}"
ROWS = {"x": X, "u": U, "g": GROUPS}
NEW = {"x": NEW_X, "u": NEW_U, "g": NEW_GROUPS}


def _groups(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    of = {**dict(zip(X, GROUPS, strict=True)), **dict(zip(NEW_X, NEW_GROUPS, strict=True))}
    return np.asarray([[of[i] == of[j] for j in y] for i in x]).astype(float)


def _fit(text: str, data: dict[str, Any], draws: dict[str, np.ndarray]) -> pgmlang.FittedModel:
    """A fit with these draws, as if a sampler had left them."""
    model = pgmlang.compile(HEAD + text)
    rows = model.bind(data)
    axes = {n: ("row",) if v.ndim == 2 else () for n, v in draws.items()}
    fit = Fit(
        rows.model, HEAD + text, "hmc", {}, labels=dict(rows.labels), sizes=dict(rows.sizes), process_rows=process_rows(rows),
        draws={n: v[None] for n, v in draws.items()}, draw_axes=axes, provenance={"fingerprint": rows.fingerprint},
    )  # fmt: skip
    return pgmlang.FittedModel.of(fit)


def _at(rows: NewRows, kind: str) -> np.ndarray:
    (name,) = (n for n in rows.given if n.startswith(kind))
    return rows.given[name].numpy()


@pytest.mark.parametrize("form", ["latent", "seen", "root"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_given_the_fit_the_rows_have_the_conditional_normal(form: str, kernel: str) -> None:
    text, covariance = KERNELS[kernel]
    if form == "root" and text.startswith("inverse"):
        text = text.removeprefix("inverse(inverse(").removesuffix("))")
    if form != "root" and text.startswith("inverse"):
        text = "precision = " + text.removeprefix("inverse(").removesuffix(")")
    body = {"latent": LATENT, "seen": SEEN, "root": ROOT}[form].replace("KERNEL", text)
    values = RNG.normal(size=(S, N))
    y = RNG.normal(size=N)
    held = {"latent": {"f": values}, "seen": {}, "root": {"z": values}}[form]
    fit = _fit(body, {**ROWS, "y": y}, DRAWS | held)
    rows = new_rows_of(fit.record, fit.bind(NEW))
    for s in range(S):
        old, across, new = (
            covariance(p, q, i, j, s)
            for p, q, i, j in ((X, X, U, U), (NEW_X, X, NEW_U, U), (NEW_X, NEW_X, NEW_U, NEW_U))
        )
        if kernel == "a process a group":
            # the kernel's own jitter
            old, new = old + 1e-10 * A[s] ** 2 * np.eye(N), new + 1e-10 * A[s] ** 2 * np.eye(4)
        gain = across @ np.linalg.inv(old)
        cov = new - gain @ across.T
        if form == "root":
            shift, cov = 2 * np.linalg.solve(np.linalg.cholesky(old), across.T).T @ values[s], 4 * cov
        else:
            shift = gain @ ((values[s] if form == "latent" else y) - DRAWS["b"][s] * X)
        factor = _at(rows, "root")[s]
        assert abs(_at(rows, "shift")[s] - shift).max() < 1e-9
        assert abs(factor @ factor.T - cov).max() < 1e-9


def _moments(rows: NewRows) -> tuple[np.ndarray, np.ndarray]:
    factor = _at(rows, "root")
    return DRAWS["b"][:, None] * NEW_X + _at(rows, "shift"), factor @ factor.swapaxes(-1, -2)


@pytest.mark.parametrize("family", ["normal", "student", "latent"])
def test_the_score_of_new_rows_is_their_density_given_the_fit(family: str) -> None:
    """Together, since they hang together: the mean over draws of the conditional density."""
    text = {
        "normal": SEEN,
        "latent": LATENT,
        "student": SEEN.replace("MultivariateNormal(", "MultivariateStudentT(4, "),
    }[family]
    held = {"f": RNG.normal(size=(S, N))} if family == "latent" else {}
    fit = _fit(text.replace("KERNEL", KERNELS["sum and noise"][0]), {**ROWS, "y": np.sin(X)}, DRAWS | held)
    mean, cov = _moments(new_rows_of(fit.record, fit.bind(NEW)))
    if family == "latent":
        cov = cov + 0.04 * np.eye(4)
    laws = [
        multivariate_t(m, c, df=4 + N) if family == "student" else multivariate_normal(m, c)
        for m, c in zip(mean, cov, strict=True)
    ]
    wanted = logsumexp([law.logpdf(np.cos(NEW_X)) for law in laws]) - math.log(S)
    score = fit.score_rows({**NEW, "y": np.cos(NEW_X)})
    assert len(score) == 1
    assert abs(score.total - wanted) < 1e-9


def test_the_rows_of_the_fit_have_one_score_together() -> None:
    text, covariance = KERNELS["sum and noise"]
    y = np.sin(X)
    fit = _fit(SEEN.replace("KERNEL", text), {**ROWS, "y": y}, DRAWS)
    logs = [multivariate_normal(DRAWS["b"][s] * X, covariance(X, X, U, U, s)).logpdf(y) for s in range(S)]
    score = fit.score_rows({**ROWS, "y": y})
    assert len(score) == 1
    assert abs(score.total - (logsumexp(logs) - math.log(S))) < 1e-9


def test_what_is_seen_of_some_rows_tells_of_the_others() -> None:
    fit = _fit(
        SEEN.replace("KERNEL", KERNELS["sum and noise"][0]),
        {**ROWS, "y": np.sin(X)},
        {n: v.repeat(400) for n, v in DRAWS.items()},
    )
    rows = new_rows_of(fit.record, fit.bind(NEW))
    s, seen, other = 0, [0, 2], [1, 3]
    factor, mean = _at(rows, "root")[s], DRAWS["b"][s] * NEW_X + _at(rows, "shift")[s]
    cov = factor @ factor.T
    values = np.cos(NEW_X)
    gain = cov[np.ix_(other, seen)] @ np.linalg.inv(cov[np.ix_(seen, seen)])
    wanted = mean[other] + gain @ (values[seen] - mean[seen])
    sd = np.sqrt(np.diag(cov[np.ix_(other, other)] - gain @ cov[np.ix_(seen, other)]))
    one = _fit(
        SEEN.replace("KERNEL", KERNELS["sum and noise"][0]),
        {**ROWS, "y": np.sin(X)},
        {n: np.full(1500, v[s]) for n, v in DRAWS.items()},
    )
    told = one.predict_columns({**NEW, "y": [values[0], None, values[2], None]}).columns
    for i, k in enumerate(other):
        assert abs(told["y"][k] - wanted[i]) < 5 * sd[i] / math.sqrt(1500) * 3
        assert abs(told["y.sd"][k] / sd[i] - 1) < 0.3
    assert [told["y"][k] for k in seen] == list(values[seen])


def test_labels_below_a_process_have_their_chances() -> None:
    text = LATENT.replace("KERNEL", KERNELS["sum and noise"][0]).replace("Normal(f, 0.2)", "Bernoulli(logit = f)")
    draws = {n: np.repeat(v, 300, 0) for n, v in (DRAWS | {"f": RNG.normal(size=(S, N))}).items()}
    fit = _fit(text, {**ROWS, "y": (np.sin(X) > 0).astype(int)}, draws)
    rows = new_rows_of(fit.record, fit.bind(NEW))
    mean = draws["b"][:, None] * NEW_X + _at(rows, "shift")
    sd = np.sqrt(np.square(_at(rows, "root")).sum(-1))
    nodes, weights = np.polynomial.hermite_e.hermegauss(31)
    wanted = (expit(mean[..., None] + sd[..., None] * nodes) @ weights).mean(0) / math.sqrt(2 * math.pi)
    told = np.asarray(fit.predict_columns(NEW).columns["P(y = 1)"])
    assert abs(told - wanted).max() < 0.04


SITES = "f[site] ~ MultivariateNormal(b, exp_quad(x, a, l) + diag(0.05))\nplate site {\n  input x : real\n  plate row { y ~ Normal(f, 0.2) }\n}"


def test_named_elements_of_the_fit_are_what_they_were() -> None:
    """New ones go on from all of the fit's, whether the rows are of these or not."""
    names = np.array([f"s{i}" for i in range(N)])
    f = RNG.normal(size=(S, N))
    fit = _fit(SITES, {"site": names, "x": X, "y": np.sin(X)}, DRAWS | {"f": f})
    told = fit.predict_columns({"site": ["s3", "s7"], "x": X[[3, 7]]}, targets=["y"]).columns
    assert abs(told["y"] - f.mean(0)[[3, 7]]).max() < 0.5
    rows = new_rows_of(fit.record, fit.bind({"site": ["s3", "t0", "t1"], "x": [X[3], 1.0, 5.5]}))
    assert np.array_equal(rows.given["f"][:, :N].numpy(), f)
    new = np.array([1.0, 5.5])
    for s in range(S):
        old = _quad(X, X, A[s], L[s]) + (0.05 + 1e-10 * A[s] ** 2) * np.eye(N)
        across = _quad(new, X, A[s], L[s])
        shift, factor = _at(rows, "shift")[s], _at(rows, "root")[s][N:, N:]
        assert abs(shift[:N] - (f[s] - DRAWS["b"][s])).max() < 1e-12
        assert abs(shift[N:] - across @ np.linalg.solve(old, f[s] - DRAWS["b"][s])).max() < 1e-9
        cov = (
            _quad(new, new, A[s], L[s])
            + (0.05 + 1e-10 * A[s] ** 2) * np.eye(2)
            - across @ np.linalg.solve(old, across.T)
        )
        assert abs(factor @ factor.T - cov).max() < 1e-9
    score = fit.score_rows({"site": ["t0", "t1"], "x": new, "y": [0.1, 0.3]})
    shift, factor = _at(rows, "shift")[:, N:], _at(rows, "root")[:, N:, N:]
    logs = [
        multivariate_normal(DRAWS["b"][s] + shift[s], factor[s] @ factor[s].T + 0.04 * np.eye(2)).logpdf(
            [0.1, 0.3]
        )
        for s in range(S)
    ]
    assert abs(score.total - (logsumexp(logs) - math.log(S))) < 1e-9


def test_a_root_of_several_columns_goes_on_in_each() -> None:
    """Outputs that share a kernel: cholesky(K) @ Z @ transpose(cholesky(R))."""
    text = (
        "dim o[2]\nR[o, o'] ~ LKJ(1)\nz[row, o] ~ Normal(0, 1)\nf[row, o] = cholesky(matern(x, a, l) + diag(0.1)) @ z @ transpose(cholesky(R))\n"
        "plate row {\n  input x : real\n  y[o] ~ Normal(f, 0.5)\n}"
    )
    z, shared = RNG.normal(size=(S, N, 2)), np.array([[1, 0.6], [0.6, 1]])
    model = pgmlang.compile(HEAD + text)
    rows = model.bind({"x": X, "y": np.zeros((N, 2))})
    draws = DRAWS | {"z": z, "R": np.broadcast_to(shared, (S, 2, 2))}
    axes = {"z": ("row", "o"), "R": ("o", "o'")}
    fit = pgmlang.FittedModel.of(
        Fit(rows.model, HEAD + text, "hmc", {}, labels=dict(rows.labels), sizes=dict(rows.sizes), process_rows=process_rows(rows),
            draws={n: np.asarray(v)[None] for n, v in draws.items()}, draw_axes={n: axes.get(n, ()) for n in draws})
    )  # fmt: skip
    new = new_rows_of(fit.record, fit.bind({"x": NEW_X}))
    for s in range(S):
        old, across = (
            _matern(X, X, A[s], L[s]) + (0.1 + 1e-10 * A[s] ** 2) * np.eye(N),
            _matern(NEW_X, X, A[s], L[s]),
        )
        wanted = np.linalg.solve(np.linalg.cholesky(old), across.T).T @ z[s]
        assert abs(_at(new, "shift")[s] - wanted).max() < 1e-9
    told = fit.predict_columns({"x": NEW_X}, targets=["y"]).columns
    assert set(told) >= {"y[0]", "y[1]"}


def test_many_rows_are_told_block_by_block() -> None:
    fit = _fit(
        SEEN.replace("KERNEL", KERNELS["sum and noise"][0]),
        {**ROWS, "y": np.sin(X)},
        {n: v.repeat(20) for n, v in DRAWS.items()},
    )
    grid = np.linspace(-1, 7, 301)
    many = fit.predict_columns({"x": grid, "u": np.ones(301), "g": ["a"] * 301}).columns
    few = fit.predict_columns({"x": grid[200:204], "u": np.ones(4), "g": ["a"] * 4}).columns
    assert len(many["y"]) == 301
    assert np.isfinite(many["y.sd"]).all()
    assert abs(many["y"][200:204] - few["y"]).max() < 0.5


REFUSED = {
    "precision": "f[row] ~ MultivariateNormal(0, precision = exp_quad(x, a, l))",
    "inverse": "f[row] ~ MultivariateNormal(0, inverse(exp_quad(x, a, l) + diag(1)))",
    "a sum over rows": "K[row, row'] = exp_quad(x, a, l)\nf[row] ~ MultivariateNormal(0, K @ K)",
    "positions": "f[row] ~ MultivariateNormal(0, exp_quad(position(row), a, l) + diag(x^2))",
    "what rows have of their own": "t[row] ~ HalfNormal(1)\nf[row] ~ MultivariateNormal(0, outer(t) * exp_quad(x, a, l))",
    "a sum of a kernel": "w[row] ~ Normal(0, 1)\nf[row] = exp_quad(x, a, l) @ w",
    "shares": "f[row] ~ Dirichlet(1)",
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_does_not_go_on_to_further_rows_is_refused(reason: str) -> None:
    text = REFUSED[reason] + "\nplate row {\n  input x : real\n  y ~ Normal(f, 0.2)\n}"
    drawn = {n: np.full((S, N), 1 / N) for n in ("f", "t", "w") if f"{n}[row] ~" in text}
    fit = _fit(text, {"x": X, "y": np.sin(X)}, DRAWS | drawn)
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"x": NEW_X})
    problem = caught.value.diagnostics[0]
    assert problem.code == "PGM0602"
    assert problem.help


def test_numbers_drawn_one_by_one_along_rows_are_the_rows_own() -> None:
    """They go on from nothing."""
    text = "w[row] ~ Normal(b, 0.5)\nplate row { y ~ Normal(w, 0.1) }"
    draws = {n: np.repeat(v, 200, 0) for n, v in (DRAWS | {"w": np.full((S, N), 30.0)}).items()}
    told = _fit(text, {"y": np.sin(X)}, draws).predict_columns({"y": [None, 0.3]}).columns
    assert abs(told["w"][0] - DRAWS["b"].mean()) < 0.2
    assert abs(told["w"][1] - 0.3) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hmc", "map", "elbo"])
def test_a_fit_of_any_method_keeps_what_it_goes_on_from(method: str, tmp_path: Any) -> None:
    """Saved and loaded: a sine is drawn on between its rows, and goes back to its mean far from them."""
    x = np.linspace(0, 6, 25)
    text = "l ~ Gamma(5, 5)\na ~ HalfNormal(1)\nc = mean(x, over = row)\ny[row] ~ MultivariateNormal(0, exp_quad(x - c, a, l, noise = 0.1))\nplate row { input x : real }"
    fit = pgmlang.compile(text).fit({"x": x, "y": np.sin(x)}, method=method, seed=1)
    fit.save(tmp_path / "a.fit")
    told = pgmlang.load(tmp_path / "a.fit").predict_columns({"x": [1.1, 4.4, 60.0]}).columns
    assert abs(told["y"] - [math.sin(1.1), math.sin(4.4), 0]).max() < 0.15
    assert told["y.sd"][0] < 0.2 < told["y.sd"][2]


def test_elements_that_have_names_are_known_where_nothing_goes_on() -> None:
    """A precision of sites says nothing of others, and is asked about its own."""
    text = SITES.replace("exp_quad(x, a, l) + diag(0.05)", "precision = exp_quad(x, a, l) + diag(0.05)")
    names = [f"s{i}" for i in range(N)]
    f = RNG.normal(size=(S, N))
    fit = _fit(
        text,
        {"site": names, "x": X, "y": np.sin(X)},
        {n: np.repeat(v, 200, 0) for n, v in (DRAWS | {"f": f}).items()},
    )
    told = fit.predict_columns({"site": ["s3", "s7"], "x": X[[3, 7]]}).columns
    assert abs(told["y"] - f.mean(0)[[3, 7]]).max() < 0.1
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"site": ["s3", "t0"], "x": X[[3, 7]]})
    assert caught.value.diagnostics[0].code == "PGM0602"


@pytest.mark.slow
def test_rows_left_out_are_told_by_the_others_one_by_one() -> None:
    """Folds of a column that is one draw: the same as those of the function behind it, whose rows have noise of their own."""
    x = np.linspace(0, 6, 16)
    rows = {"x": x, "y": np.sin(x) + 0.1 * RNG.normal(size=16)}
    kernel = "l ~ Gamma(5, 5)\na ~ HalfNormal(1)\n"
    seen = kernel + "y[row] ~ MultivariateNormal(0, exp_quad(x, a, l, noise = 0.1))\nplate row { input x : real }"
    behind = (
        kernel
        + "f[row] ~ MultivariateNormal(0, exp_quad(x, a, l))\nplate row {\n  input x : real\n  y ~ Normal(f, 0.1)\n}"
    )
    fits = [pgmlang.compile(t).fit(rows, method="hmc", seed=1) for t in (seen, behind)]
    one, other = pgmlang.rank_fits(dict(zip(("seen", "behind"), fits, strict=True)), rows, folds=4)
    assert math.isfinite(one.elpd.elpd)
    assert abs(one.elpd.elpd - other.elpd.elpd) < 1

"""Covariances and correlations: compiled loops and torch have one density, latent, of data, mixed, impossible ones too; the maps are torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.native import native_log_density
from pgmlang.density.target import Target, target_of
from pgmlang.lower.runtime.support import Correlation, Covariance
from pgmlang.native.runtime.cholesky_blocks import large_cholesky, large_cholesky_adjoint
from pgmlang.native.runtime.matrices import (
    cholesky,
    cholesky_adjoint,
    correlation_factor,
    correlation_factor_adjoint,
    correlation_root,
    correlation_root_adjoint,
    covariance_root,
    covariance_root_adjoint,
    eliminated,
    eliminated_adjoint,
    inverse,
    inverse_adjoint,
    solve_lower,
    solve_lower_adjoint,
    solve_lower_columns,
    solve_lower_columns_adjoint,
)
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal
from tests.native.test_lanes import assert_alike

RNG = np.random.default_rng(8)
N = 9
K = "dim k = {l, m, n}\ndim j like k\n"
SLOPES = (
    "plate c {\n  z[k] ~ MultivariateNormal(MEAN, COV)\n  plate r {\n    input x : real\n"
    "    y ~ Normal(z[l] + z[m] * x + z[n] * x ^ 2, s)\n  }\n}\n"
)
LATENT = "mu[k] ~ Normal(0, 2)\ntau[k] ~ HalfNormal(1)\ns ~ HalfNormal(1)\nR[k, j] ~ LKJ(2)\n"
NEAR = "h[k] ~ Normal(0, 1)\ng[j] = h\nV[k, j] = exp(-square(h - g)) + 0.3 * exp(-1e6 * square(h - g))\n"
MODELS = {
    "slopes by correlations": K + LATENT + SLOPES.replace("MEAN", "0").replace("COV", "R"),
    "slopes by scales and correlations": K + LATENT + "t[j] = tau\nS[k, j] = tau * R * t\n"
    + SLOPES.replace("MEAN", "mu").replace("COV", "S"),
    "slopes by a root": K + LATENT + NEAR + SLOPES.replace("MEAN", "0.5").replace("COV", "scale_tril = V"),
    "slopes by a Wishart matrix": K + NEAR + "f ~ Gamma(9, 1)\nS[k, j] ~ Wishart(3 + f, V)\ns = S[l, l] + S[m, n] ^ 2\n"
    + SLOPES.replace("MEAN", "0").replace("COV", "S"),
    "places beside each other": K + "h[k] ~ HalfNormal(1)\ng[j] = h\nw[k, j] = if k == j then 0 else 0.5 + h * g\nt ~ HalfNormal(1)\nf[k] ~ ICAR(w, t)\n"
    "plate c {\n  q[k] ~ ICAR(w)\n  plate r {\n    input a : k\n    y ~ Normal(f[a] + q[a], 1)\n  }\n}",
    "elements of matrices": K + "h ~ HalfNormal(1)\nR[k, j] ~ LKJ(h)\nv[j] ~ Normal(0, 1)\nw = R @ v\nplate r {\n  input a : k\n  y ~ Normal(w[a] + R[l, m], 1)\n}",
    "matrices of groups": K + "h ~ HalfNormal(1)\nplate c {\n  R[k, j] ~ LKJ(h)\n  b[k] ~ MultivariateNormal(0, R)\n  plate r { y ~ Normal(b[l] + R[l, n], 1) }\n}",
    "a choice": K + LATENT + "B[k, j] ~ LKJ(1)\nplate c {\n  u = mean(x, over = r)\n  z[k] ~ if u > 0 then MultivariateNormal(mu, R) else MultivariateNormal(0, B)\n"
    "  plate r {\n    input x : real\n    y ~ Normal(z[l] * x + z[n], s)\n  }\n}",
    "rows of data": K + LATENT + "t[j] = tau\nS[k, j] = tau * R * t\nplate r {\n  input x : real\n  v[k] ~ MultivariateNormal(mu * x, S)\n}",
    "labels": K + NEAR + "share[o] ~ Dirichlet(1)\nplate o[2] {\n  mu[k] ~ Normal(0, 2)\n  S[k, j] ~ Wishart(5, V)\n}\n"
    "plate r {\n  z ~ Categorical(share)\n  v[k] ~ MultivariateNormal(mu[z], S[z])\n}",
    "covariances of data": K + "mu[k] ~ Normal(0, 1)\nplate r {\n  input e[k, j] : real\n  v[k] ~ MultivariateNormal(mu, e)\n}",
    "algebra": "dim k = {l, m}\nA[k, k'] ~ Normal(0, 1)\nz[k] ~ Normal(0, 1)\nS[k, k'] = A @ transpose(A) + diag(1)\nL = cholesky(S)\nI = inverse(A + 3)\n"
    "v = L @ z\nu = logdet(A) + det(S) / 9\nplate r {\n  input x : real\n  y ~ Normal(I[l, m] * x + v[m] + u, 1)\n}",
    "products of four": K + "t[k] ~ HalfNormal(1)\nA[k, k'] ~ Normal(0, 1)\nD = diag(t)\nM = D @ A @ transpose(A) @ D\nplate r {\n"
    "  input x : real\n  y ~ Normal(M[l, m] * x + M[n, n], 1)\n}",
    "factors of every spelling": K + LATENT + "L[k, k'] ~ LKJCholesky(2)\nP[k, k'] ~ Wishart(5, diag(1))\na[k] ~ MultivariateNormal(0, s * diag(tau) @ R @ diag(tau))\n"
    "b[k] ~ MultivariateNormal(a, diag(tau) @ L @ transpose(L) @ diag(tau))\nplate r { v[k] ~ MultivariateNormal(b, inverse(P)) }",
    "a precision": K + LATENT + "P = inverse(diag(tau) @ R @ diag(tau)) + outer(mu)\nplate r {\n  input x : real\n  v[k] ~ MultivariateNormal(mu * x, precision = P)\n}",
    "an inverse Wishart matrix": K + NEAR + "f ~ Gamma(9, 1)\nS[k, j] ~ InverseWishart(3 + f, V)\nd = logdet(S) + det(S)\nplate r { v[k] ~ MultivariateNormal(d, S) }",
    "factors of correlations": K + "h ~ HalfNormal(1)\ntau[k] ~ HalfNormal(1)\nL[k, k'] ~ LKJCholesky(h)\nz[k] ~ Normal(0, 1)\nw = L @ z\n"
    "plate r { v[k] ~ MultivariateNormal(w, scale_tril = diag(tau) @ L) }",
    "heavy tails": K + LATENT + "n ~ Gamma(3, 1)\nplate c { z[k] ~ MultivariateStudentT(n, mu, diag(tau) @ R @ diag(tau))\n  plate r { y ~ Normal(z[l], s) } }",
    "heavy tails of data": K + LATENT + "n ~ Gamma(3, 1)\nL[k, k'] ~ LKJCholesky(2)\na[k] ~ MultivariateStudentT(n, 0, scale_tril = diag(tau) @ L)\n"
    "plate r { v[k] ~ MultivariateStudentT(4, a, precision = R) }",
    "a process over the rows": "rho ~ Gamma(5, 2)\ns ~ HalfNormal(1)\nf[r] ~ MultivariateNormal(0, matern(x, 1, rho, nu = 5/2, noise = s))\n"
    "plate r {\n  input x : real\n  y ~ Normal(f + x, 1)\n}",
    "a process": "dim p[4]\ndim q like p\nrho ~ Gamma(5, 2)\nplate r {\n  input x[p], u[q] : real\n  C[p, q] = exp(-0.5 * square(x - u) / rho ^ 2) + 0.01 * exp(-1e6 * square(x - u))\n"
    "  f[p] ~ MultivariateNormal(0, C)\n  k[p] ~ Poisson(exp(f))\n}",
}  # fmt: skip
ALWAYS = ("slopes by scales and correlations", "algebra", "a process over the rows")
"""Those that every run of the tests compiles."""
POINTS = RNG.normal(size=(N, 4))
ROWS: dict[str, Any] = {
    "x": RNG.normal(size=N), "y": RNG.normal(size=N), "c": [f"c{i % 3}" for i in range(N)], "a": ["lmn"[i % 3] for i in range(N)],
    "e": np.array([np.cov(RNG.normal(size=(3, 9))) for _ in range(N)]), "v": RNG.normal(size=(N, 3)), "u": POINTS,
    "k": RNG.poisson(2.0, (N, 4)),
}  # fmt: skip


def target_over(text: str) -> Target:
    used = {
        name: v
        for name, v in ROWS.items()
        if any(f"{name}{after}" in text for after in (" :", "[k, j] :", " ~", "[k] ~"))
    }
    if "plate c" in text:
        used["c"] = ROWS["c"]
    if "[r]" in text:
        used = {"x": ROWS["x"], "y": ROWS["y"]}
    if "[p]" in text:
        used = {"x": POINTS, "u": POINTS, "k": ROWS["k"]}
    return target_of(problem_of(text, used))


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=n, marks=() if n in ALWAYS else pytest.mark.slow) for n, t in MODELS.items()]
)
def test_models(text: str) -> None:
    assert_equal(target_over(text), 0.5)


@pytest.mark.parametrize(("more", "is_whole_too"), [("", False), ("z ~ Normal(logdet(C), 1)\n", True)])
def test_lower_halves(more: str, is_whole_too: bool) -> None:
    """Of a matrix that only a factor is made of the lower half is filled, of one that something else reads all of it."""
    text = (
        f"s ~ HalfNormal(1)\nC[row, row'] = exp_quad(x, s, 1, noise = 0.1)\n{more}f[row] ~ MultivariateNormal(0, C)\n"
        "plate row {\n  input x : real\n  y ~ Normal(f, 1)\n}"
    )
    target = target_of(problem_of(text, {"x": ROWS["x"], "y": ROWS["y"]}))
    source = native_log_density(target.joint, target.names).program.source
    _, density = source.split("def log_density(")
    assert "for row_ in range(row + 1):" in density
    assert ("for row_ in range(n_row_):" in density) == is_whole_too
    assert "large_cholesky_adjoint(" in source


def test_matrices_that_are_no_covariances() -> None:
    """Impossible, with zero gradients, as torch has it; possible ones beside them are as they are."""
    text = "dim k[2]\ndim l like k\nr ~ Uniform(-3, 3)\nplate row {\n  S[k, l] = if same == 1 then 1 else r\n  input same[k, l] : real\n  y[k] ~ MultivariateNormal(0, S)\n}"
    rows = {"y": RNG.normal(size=(N, 2)), "same": np.broadcast_to(np.eye(2), (N, 2, 2)).copy()}
    target = target_of(problem_of(text, rows))
    native = native_log_density(target.joint, target.names)
    x = torch.tensor([[0.1], [2.0], [-0.2], [-3.0]], dtype=torch.float64)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    assert np.isinf(values).tolist() == [False, True, False, True]
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-9)


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize(
    ("function", "adjoint", "transform", "fewer"),
    [(covariance_root, covariance_root_adjoint, Covariance(), -1), (correlation_root, correlation_root_adjoint, Correlation(), 1),
     (correlation_factor, correlation_factor_adjoint, torch.distributions.CorrCholeskyTransform(), 1)],
)  # fmt: skip
def test_maps(function, adjoint, transform, fewer: int, size: int) -> None:  # type: ignore[no-untyped-def]
    """Factors, log determinants and the adjoints of both are torch's."""
    x = torch.randn(size * (size - fewer) // 2, dtype=torch.float64, requires_grad=True)
    root, given = np.full((size, size), np.nan), RNG.normal(size=(size, size))
    log_det = function(x.detach().numpy(), root)
    matrix = transform(x)
    expected_log_det = transform.log_abs_det_jacobian(x, matrix)
    expected = matrix if function is correlation_factor else torch.linalg.cholesky(matrix)
    np.testing.assert_allclose(root, expected.detach(), rtol=1e-10, atol=1e-12)
    assert log_det == pytest.approx(float(expected_log_det.detach()), rel=1e-11, abs=1e-12)
    ((expected * torch.from_numpy(given)).sum() + 0.7 * expected_log_det).backward()
    gradient = np.zeros(len(x))
    adjoint(x.detach().numpy(), root, given, gradient, 0.7)
    assert x.grad is not None
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-10)


def test_correlations_keep_what_is_left_of_them() -> None:
    """Far out on the sphere 1 - tanh(x)^2 would have lost its digits."""
    root = np.empty((2, 2))
    assert correlation_root(np.array([17.0]), root) == pytest.approx(-2 * (17 - np.log(2)), rel=1e-12)
    assert root[1, 1] == pytest.approx(1 / np.cosh(17.0), rel=1e-13)


FACTORISATIONS = {
    "one by one": (cholesky, cholesky_adjoint),
    "by blocks": (large_cholesky, large_cholesky_adjoint),
}


@pytest.mark.parametrize("size", [1, 2, 7, 24, 33, 56])
@pytest.mark.parametrize("how", FACTORISATIONS)
def test_factors(how: str, size: int) -> None:
    """Cholesky factors with their adjoints are torch's, in the lower half, which alone is read; minus the identity where there is none."""
    factorise, adjoint = FACTORISATIONS[how]
    whole = RNG.normal(size=(size, size + 3))
    matrix = whole @ whole.T
    a = torch.tensor(matrix, requires_grad=True)
    expected = torch.linalg.cholesky(a)
    half, room, root = np.tril(matrix), np.full(size * size + 5, 3.0), np.full(size * size + 3, 9.0)
    room[5:] = np.where(np.tri(size) > 0, half, np.nan).reshape(-1)
    factorise(room, 5, root, 3, size)
    np.testing.assert_allclose(root[3:].reshape(size, size), expected.detach(), rtol=1e-10, atol=1e-12)
    assert (root[:3] == 9.0).all()
    given, d_matrix = np.tril(RNG.normal(size=(size, size))), np.zeros(size * size + 5)
    (expected * torch.from_numpy(given)).sum().backward()
    d_root = np.concatenate([np.zeros(3), given.reshape(-1)])
    adjoint(room, 5, root, 3, d_root, d_matrix, size)
    assert a.grad is not None
    lower = np.tril(2.0 * a.grad.numpy()) - np.diag(np.diag(a.grad.numpy()))
    np.testing.assert_allclose(d_matrix[5:].reshape(size, size), lower, rtol=1e-9, atol=1e-10)
    assert not d_matrix[:5].any()
    improper = matrix - 2.0 * np.linalg.eigvalsh(matrix)[0] * np.eye(size)
    factorise(improper.reshape(-1), 0, root, 3, size)
    np.testing.assert_array_equal(root[3:].reshape(size, size), -np.eye(size))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_solves(size: int) -> None:
    """Solves, each with the adjoints of all that it reads, are torch's."""
    whole, right = RNG.normal(size=(size, size + 3)), RNG.normal(size=(size, size))
    root = np.linalg.cholesky(whole @ whole.T)
    for rows, solve, adjoint in (
        (right[:, 0].copy(), solve_lower, solve_lower_adjoint),
        (np.tril(right), solve_lower_columns, solve_lower_columns_adjoint),
    ):
        lower, vector = torch.tensor(root, requires_grad=True), torch.tensor(rows, requires_grad=True)
        out = np.empty_like(rows)
        solve(root.reshape(-1), 0, rows.reshape(-1), 0, out.reshape(-1), 0, size)
        found = torch.linalg.solve_triangular(lower, vector.reshape(size, -1), upper=False).reshape(rows.shape)
        np.testing.assert_allclose(out, found.detach(), rtol=1e-10, atol=1e-13)
        weights = RNG.normal(size=rows.shape) if rows.ndim == 1 else np.tril(RNG.normal(size=rows.shape))
        (found * torch.from_numpy(weights)).sum().backward()
        d_root, d_rows = np.zeros((size, size)), np.zeros_like(rows)
        adjoint(
            root.reshape(-1), 0, rows.reshape(-1), 0, out.reshape(-1), 0, weights.copy().reshape(-1), d_root.reshape(-1),
            d_rows.reshape(-1), size,
        )  # fmt: skip
        assert lower.grad is not None
        assert vector.grad is not None
        np.testing.assert_allclose(d_root, np.tril(lower.grad), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(d_rows, np.tril(vector.grad) if rows.ndim == 2 else vector.grad, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_inverses_and_determinants(size: int) -> None:
    """Those of matrices whose pivots change places too, with their adjoints, are torch's."""
    matrix, given = RNG.normal(size=(size, size)), RNG.normal(size=(size, size))
    matrix[0, 0] = 0.0 if size > 1 else -2.0
    a = torch.tensor(matrix, requires_grad=True)
    flat, found, d_matrix = matrix.reshape(-1), np.empty(size * size), np.zeros((size, size))
    inverse(flat, 0, found, 0, size)
    expected = torch.linalg.inv(a)
    np.testing.assert_allclose(found.reshape(size, size), expected.detach(), rtol=1e-9, atol=1e-11)
    (expected * torch.from_numpy(given)).sum().backward()
    inverse_adjoint(flat, 0, found, 0, given.copy().reshape(-1), d_matrix.reshape(-1), size)
    assert a.grad is not None
    np.testing.assert_allclose(d_matrix, a.grad, rtol=1e-8, atol=1e-9)
    a.grad, d_matrix[:] = None, 0.0
    eliminated(flat, 0, found, 0, size)
    diagonal = np.diag(found.reshape(size, size))
    assert np.prod(diagonal) == pytest.approx(np.linalg.det(matrix), rel=1e-11)
    (0.7 * torch.linalg.slogdet(a)[1]).backward()
    seeds = np.diag(0.7 / diagonal).reshape(-1)
    eliminated_adjoint(flat, 0, found, 0, seeds, d_matrix.reshape(-1), size)
    np.testing.assert_allclose(d_matrix, a.grad, rtol=1e-9, atol=1e-11)


def test_a_matrix_without_an_inverse_or_factor() -> None:
    flat, found = np.array([1.0, 2.0, 2.0, 4.0]), np.zeros(4)
    inverse(flat, 0, found, 0, 2)
    assert np.isnan(found).all()
    eliminated(flat, 0, found, 0, 2)
    assert found[0] * found[3] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("text", [pytest.param(t, id=n) for n, t in MODELS.items() if n != "labels"])
def test_lanes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight chains at once are the chains one by one; kernels of many rows go by blocks and have no lanes."""
    target = target_over(text)
    native = native_log_density(target.joint, target.names)
    if "f[r]" in text:
        assert native.over_lanes is None
    else:
        assert_alike(native, np.random.default_rng(1).normal(size=(11, target.dimension)) * 0.5, monkeypatch)


@pytest.mark.slow
def test_lanes_of_what_is_no_covariance() -> None:
    """Impossible in its own lane, with no slope; what is beside it is as it is."""
    text = "dim k[2]\nr ~ Uniform(-3, 3)\nplate row {\n  S[k, k'] = [[1, r], [r, 1]]\n  y[k] ~ MultivariateNormal(0, S)\n}"
    target = target_of(problem_of(text, {"y": RNG.normal(size=(N, 2))}))
    native = native_log_density(target.joint, target.names)
    assert native.over_lanes is not None
    x = torch.tensor([[0.1], [2.0], [-0.2], [-3.0], [0.3]], dtype=torch.float64)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-9)

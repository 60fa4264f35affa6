"""Vectors in their supports, the Dirichlet density, reductions over axes and over the rows of groups: compiled loops are as torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import biject_to, constraints

from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.lower.runtime.special import dirichlet_log_prob
from pgmlang.lower.runtime.support import Ordered
from pgmlang.native.runtime.vectors import ordered, ordered_adjoint, simplex, simplex_adjoint
from tests.infer.by_hand import problem_of
from tests.native.test_equal import RNG, N, assert_equal, target_over

F = "dim f = {l, m, n}\n"
INPUTS = "  input a : f\n  input x : real\n"
MODELS = {
    "shares": F + "g[f] ~ Dirichlet(2)\nplate r {\n  input a : f\n  y ~ Normal(log(g[a]), 1)\n}",
    "shares of learned concentrations": F + "s ~ Gamma(2, 1)\nh[f] ~ Gamma(2, 1)\ng[f] ~ Dirichlet(s * h)\nplate r {\n  input a : f\n  y ~ Normal(g[a], 1)\n}",
    "shares in a plate": F + "u ~ Normal(0, 1)\nk ~ HalfNormal(1)\nplate c {\n  g[f] ~ Dirichlet(exp(u))\n  plate r {\n    input a : f\n    y ~ Normal(g[a] * 3, k)\n  }\n}",
    "shares in sized plates": F + "u ~ Normal(0, 1)\nplate i[2] {\n  g[f] ~ Dirichlet(1)\n}\nplate r {\n  input a : f\n  y ~ Normal(g[0, a] - 2 * g[1, a], exp(u))\n}",
    "increasing": F + "h ~ Normal(0, 1)\ng[f] : ordered ~ Normal(h, 2)\nplate r {\n  input a : f\n  y ~ Normal(g[a], 1)\n}",
    "increasing in a plate": F + "h ~ Normal(0, 1)\nplate c {\n  g[f] : ordered ~ Normal(h, 2)\n  plate r {\n    input a : f\n    y ~ Normal(g[a], 1)\n  }\n}",
    "a vector that nothing looks at": F + "g[f] ~ Dirichlet(0.7)\nplate r { y ~ Normal(0, 1) }\nh[f] : ordered ~ Normal(0, 1)",
    "reductions": F + "g[f] ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate r {\n  input x : real\n  y ~ Normal(logsumexp(g * x) + max(g) * x - min(g * g) + prod(g), s)\n}",
    "softmax": F + "g[f] ~ Normal(0, 1)\np = softmax(g, over = f)\nplate r {\n" + INPUTS + "  y ~ Normal(p[a] + softmax(g * x, over = f) @ g, 1)\n}",
    "sums of groups": "g ~ Normal(0, 1)\nplate c {\n  e ~ Normal(0, 1)\n  t = sum(x * exp(g * p), over = r)\n  m = mean(x * g, over = r)\n  z ~ Exponential(exp(e + t / 50 + m))\n  plate r {\n    input x : real\n    input p : real\n    y ~ Normal(m * p + e, 1)\n  }\n}",
    "extremes of groups": "g ~ Normal(0, 1)\nplate c {\n  t = logsumexp(x * g, over = r) + max(x * g, over = r) - min(p * g, over = r) + prod(exp(x * g), over = r)\n  plate r {\n    input x : real\n    input p : real\n    e ~ Normal(0, 1)\n    y ~ Normal(t / 4 + e, 2)\n  }\n}",
    "sums of groups along an axis": F + "g[f] ~ Normal(0, 1)\nplate c {\n  t[f] = sum(exp(x * g), over = r)\n  u = sum(b, over = r)\n  plate r {\n    input x : real\n    input b : bit\n    input a : f\n    y ~ Normal(t[a] + u * x, 2)\n  }\n}",
    "sums of latent rows": "s ~ HalfNormal(1)\nplate c {\n  t = sum(e, over = r)\n  z ~ Normal(t, s)\n  plate r {\n    e ~ Normal(0, 1)\n    y ~ Normal(e, s)\n  }\n}",
    "written out": F + "g[f] ~ Normal([0, 1, 2], [1, s, 3])\ns ~ HalfNormal(1)\nM[f, f'] = [[s, 1, 2], [3, g[l], 4], [5, 6, exp(s)]]\nC[f, f'] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]\n"
    "b[f] ~ MultivariateNormal([0, s, g[n]], [[2, 1, 0], [1, 2, 1], [0, 1, 2]])\nplate r {\n  input a : f\n  input d : f\n  input x : real\n"
    "  y ~ Normal(M[a, d] * x + C[a, m] + sum([s, 1, 2] * b) + [1, 2, 3] @ g + C[l, d] + g[d], exp(s))\n}",
    "data of groups": "g ~ Normal(0, 1)\nplate c {\n  t = log(sum(w, over = r))\n  plate r {\n    input w : positive\n    y ~ Normal(g * t, 2)\n  }\n}",
}  # fmt: skip


ALWAYS = ("written out", "shares in a plate", "increasing", "reductions", "sums of groups", "counts")
"""Those that every run of the tests compiles."""


def _each(models: dict[str, str]) -> list[Any]:
    return [
        pytest.param(text, id=name, marks=() if name in ALWAYS else pytest.mark.slow)
        for name, text in models.items()
    ]


@pytest.mark.parametrize("text", _each(MODELS))
def test_models(text: str) -> None:
    assert_equal(target_over(text))


SHARES = RNG.dirichlet(np.ones(3), N)
COUNTS = RNG.multinomial(9, np.ones(3) / 3, N)
DATA = {
    "shares": F + "h[f] ~ Gamma(2, 1)\nplate r { v[f] ~ Dirichlet(h) }",
    "shares by rows": F + "s ~ HalfNormal(1)\nplate r {\n  input x : real\n  v[f] ~ if x > 0 then Dirichlet(s * exp(x)) else Dirichlet(s)\n}",
    "counts": F + "g[f] ~ Dirichlet(1)\nplate r {\n  input x : real\n  v[f] ~ Multinomial(9, g)\n}",
    "counts by softmax": F + "g[f] ~ Normal(0, 1)\nplate r {\n  input x : real\n  v[f] ~ Multinomial(9, softmax(g * x, over = f))\n}",
}  # fmt: skip


@pytest.mark.parametrize("text", _each(DATA))
@pytest.mark.parametrize("is_weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_vectors_of_data(text: str, is_weighted: bool) -> None:
    values = COUNTS if "Multinomial" in text else SHARES
    rows = {"x": RNG.normal(size=N), "w": RNG.integers(1, 4, N), **dict(zip("lmn", values.T, strict=True))}
    assert_equal(target_of(problem_of(text, rows, **({"weights": "w"} if is_weighted else {}))))


@pytest.mark.parametrize(
    "alpha", [0.05, pytest.param(1.0, marks=pytest.mark.slow), pytest.param(1e7, marks=pytest.mark.slow)]
)
def test_dirichlet_far_out(alpha: float) -> None:
    """Concentrations far from one: no digits are lost to cancellation that torch's own function keeps."""
    rows = np.maximum(np.random.default_rng(1).dirichlet(np.full(3, alpha), 5), 1e-300)
    text = F + "s ~ Flat()\nplate r { v[f] ~ Dirichlet(exp(s)) }"
    target = target_of(problem_of(text, dict(zip("lmn", rows.T, strict=True))))
    native = native_log_density(target.joint, target.names)
    x = torch.full((1, 1), math.log(alpha), dtype=torch.float64)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    direct = dirichlet_log_prob(torch.from_numpy(rows), x[0].exp().expand(3)).sum()
    # the last digit of a share is worth as much as the concentration is large
    digits = 1e-10 + 1e-14 * alpha
    np.testing.assert_allclose(values, direct, rtol=1e-10, atol=digits)
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=digits)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-9, atol=10 * digits)


def test_shares_of_data_that_are_zero() -> None:
    """Impossible where the concentration is above one, infinitely dense below, nothing where it is one."""
    text = F + "s ~ Normal(0, 1)\nplate r { v[f] ~ Dirichlet(A) }"
    rows = dict(zip("lmn", ([0.0], [0.25], [0.75]), strict=True))
    for alpha, expected in (("2 + s * 0", -math.inf), ("1 + s * 0", math.log(2) - 0.5 * math.log(2 * math.pi))):
        target = target_of(problem_of(text.replace("A", f"exp(log({alpha}))"), rows))
        native = native_log_density(target.joint, target.names)
        x = np.zeros((1, 1))
        assert native.values(x)[0] == pytest.approx(expected)
        assert float(target.value(torch.from_numpy(x))) == pytest.approx(expected)


@pytest.mark.parametrize("d_log_det", [1.0, 0.0])
@pytest.mark.parametrize("size", [2, 7, 200])
@pytest.mark.parametrize(
    ("function", "adjoint", "transform", "fewer"),
    [(simplex, simplex_adjoint, biject_to(constraints.simplex), 1), (ordered, ordered_adjoint, Ordered(), 0)],
)
def test_maps(function, adjoint, transform, fewer: int, size: int, d_log_det: float) -> None:  # type: ignore[no-untyped-def]
    """Values, log determinants and the adjoints of both are torch's; a share near one leaves a rest that does not cancel."""
    x = torch.randn(size - fewer, dtype=torch.float64, requires_grad=True)
    values, given = np.empty(size), RNG.normal(size=size)
    log_det = function(x.detach().numpy(), values)
    expected = transform(x)
    expected_log_det = transform.log_abs_det_jacobian(x, expected)
    np.testing.assert_allclose(values, expected.detach(), rtol=1e-11)
    assert log_det == pytest.approx(float(expected_log_det.detach()), rel=1e-11)
    (expected @ torch.from_numpy(given) + d_log_det * expected_log_det).backward()
    gradient = np.zeros(size - fewer)
    adjoint(x.detach().numpy(), values, given, gradient, d_log_det)
    assert x.grad is not None
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-9 * float(x.grad.abs().max()))


def test_shares_keep_their_small_ends() -> None:
    values, x = np.empty(3), np.array([60.0, -60.0])
    simplex(x, values)
    assert values[2] == pytest.approx(2 * math.exp(-60), rel=1e-12)


@pytest.mark.slow
def test_products_with_zeros_and_extremes_that_tie() -> None:
    text = (
        F
        + "g[f] ~ Normal(0, 1)\nplate r {\n  input x : real\n  y ~ Normal(prod(g * x) + prod(g) + max(relu(g)) + max(abs(g)), 1)\n}"
    )
    target = target_of(problem_of(text, {"x": [0.0, 1.0, 2.0], "y": [0.1, 0.2, 0.3]}))
    native = assert_equal(target)
    for x in ([0.0, 1.5, -2.0], [0.0, 0.0, 1.0], [0.7, -0.7, 0.2], [0.7, 0.7, -0.7]):
        point = torch.tensor([x], dtype=torch.float64)
        expected, slopes = target.value_and_grad(point)
        values, gradients = native.values_and_gradients(point.numpy())
        np.testing.assert_allclose(values, expected, rtol=1e-12)
        np.testing.assert_allclose(gradients, slopes, rtol=1e-12, atol=1e-12)

"""Matrix algebra against numpy: as it is written and in its normal form, along axes by their names, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pgmlang.density.target import target_of
from pgmlang.model import Model
from pgmlang.model.model import Dist
from pgmlang.normal import normal_form
from pgmlang.normal.verify import breaches
from pgmlang.sema import compile_source
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of

RNG = np.random.default_rng(4)
Array = np.ndarray
HEAD = (
    "dim k[3]\ndim o like k\ndim g[2]\nA[k, k'] ~ Normal(0, 1)\nB[k, o] ~ Normal(0, 1)\nx[k] ~ Normal(0, 1)\nz[o] ~ Normal(0, 1)\n"
    "y[k, g] ~ Normal(0, 1)\nS[k, k'] ~ Wishart(4, diag(1))\nR[k, k'] ~ LKJ(1)\ns ~ HalfNormal(1)\n"
)
VALUES = {
    "A": RNG.normal(size=(3, 3)), "B": RNG.normal(size=(3, 3)), "x": RNG.normal(size=3), "z": RNG.normal(size=3),
    "y": RNG.normal(size=(3, 2)), "S": np.cov(RNG.normal(size=(3, 9))), "R": np.corrcoef(RNG.normal(size=(3, 9))), "s": np.array(0.7),
}  # fmt: skip
A, B, X, Z, Y, S, R = (VALUES[n] for n in "ABxzySR")
SD = 0.7


def _gaps(points: Array) -> Array:
    return points[:, None] - points[None, :]


def _matern(nu: float, scale: float, length: float, distance: Array) -> Array:
    far = np.sqrt(2 * nu) * distance / length
    return scale**2 * np.exp(-far) * {0.5: 1, 1.5: 1 + far, 2.5: 1 + far + far**2 / 3}[nu]


EYE = np.eye(3)
DISTANCE = np.sqrt((_gaps(Y) ** 2).sum(-1))
PAIR, HERE, THERE = ("k", "k'"), ("k",), ("k'",)
EXPRESSIONS: dict[str, tuple[str, tuple[str, ...], Array | Callable[[], Array]]] = {
    "diagonal": ("diag(x)", PAIR, np.diag(X)),
    "diagonal of a number": ("A + diag(s ^ 2)", PAIR, A + SD**2 * EYE),
    "diagonal of a matrix": ("diag(A)", HERE, np.diag(A)),
    "diagonal along an axis": ("diag(y, over = k)", ("g", *PAIR), np.stack([np.diag(Y[:, i]) for i in range(2)])),
    "outer": ("outer(x, 2 * x)", PAIR, 2 * np.outer(X, X)),
    "outer of two": ("outer(x, z)", ("k", "o"), np.outer(X, Z)),
    "outer of itself": ("outer(x)", PAIR, np.outer(X, X)),
    "transpose": ("transpose(A)", PAIR, A.T),
    "a rectangle turned": ("y @ transpose(y)", PAIR, Y @ Y.T),
    "turned, and a rectangle": ("transpose(y) @ y", ("g", "g'"), Y.T @ Y),
    "a product turned": ("y @ transpose(A @ y)", PAIR, Y @ (A @ Y).T),
    "a rectangle turned, squared": ("A + y @ transpose(y) @ S", PAIR, A + Y @ Y.T @ S),
    "vector and a rectangle turned": ("x @ transpose(transpose(y))", ("g",), X @ Y),
    "matrices": ("A @ A", PAIR, A @ A),
    "three matrices": ("A @ transpose(A) @ S", PAIR, A @ A.T @ S),
    "a primed one and one by names": ("A @ B", ("k", "o"), A @ B),
    "one by names and a primed one": ("B @ A", PAIR, B @ A),
    "matrix and vector": ("A @ x", HERE, A @ X),
    "matrix and vector of the other name": ("A @ z", HERE, A @ Z),
    "vector and matrix": ("x @ A", HERE, X @ A),
    "quadratic form": ("x @ A @ x", (), X @ A @ X),
    "by names": ("B @ x", ("o",), B.T @ X),
    "by the other name": ("B @ z", ("k",), B @ Z),
    "scales and correlations": ("diag(x) @ R @ diag(x)", PAIR, np.diag(X) @ R @ np.diag(X)),
    "scales and correlations by names": ("diag(x) @ B @ diag(x)", PAIR, np.diag(X) @ B @ np.diag(X)),
    "scales, elementwise": ("outer(x) * R", PAIR, np.outer(X, X) * R),
    "scales by an index": ("x * R * x[k']", PAIR, np.outer(X, X) * R),
    "gaps": ("square(x - x[k'])", PAIR, _gaps(X) ** 2),
    "inverse": ("inverse(S)", PAIR, np.linalg.inv(S)),
    "inverse of any matrix": ("inverse(A)", PAIR, np.linalg.inv(A)),
    "inverse by names": ("inverse(B)", ("k", "o"), np.linalg.inv(B)),
    "inverse times": ("inverse(S + diag(1)) @ x", HERE, np.linalg.solve(S + EYE, X)),
    "cholesky": ("cholesky(S)", PAIR, np.linalg.cholesky(S)),
    "a draw": ("x + cholesky(S) @ x", HERE, X + np.linalg.cholesky(S) @ X),
    "a factor and itself": ("cholesky(R) @ transpose(cholesky(R))", PAIR, R),
    "determinants": ("det(A) + logdet(A) + logdet(S) + det(inverse(S))", (),
                     np.linalg.det(A) + np.linalg.slogdet(A)[1] + np.linalg.slogdet(S)[1] + 1 / np.linalg.det(S)),
    "exp_quad": ("exp_quad(x, 2, s)", PAIR, 4 * np.exp(-0.5 * _gaps(X / SD) ** 2) + 4e-10 * EYE),
    "exp_quad with noise": ("exp_quad(x, s, 1, noise = 3, jitter = 0)", PAIR, SD**2 * np.exp(-0.5 * _gaps(X) ** 2) + 9 * EYE),
    "exp_quad of several coordinates": ("exp_quad(y, 1, s, jitter = 0, over = k)", PAIR, np.exp(-0.5 * DISTANCE**2 / SD**2)),
    "matern": ("matern(x, s, 2, jitter = 0)", PAIR, _matern(1.5, SD, 2, abs(_gaps(X)))),
    "matern of one half": ("matern(x, s, 2, nu = 1/2, jitter = 0)", PAIR, _matern(0.5, SD, 2, abs(_gaps(X)))),
    "matern of several coordinates": ("matern(y, s, 2, nu = 5/2, jitter = 0, over = k)", PAIR, _matern(2.5, SD, 2, DISTANCE)),
    "periodic": ("periodic(x, s, 2, 3, jitter = 0)", PAIR, SD**2 * np.exp(-2 * np.sin(np.pi * _gaps(X) / 3) ** 2 / 4)),
}  # fmt: skip


def _evaluated(model: Model, name: str, axes: tuple[str, ...], text: str) -> Array:
    found = Evaluator(model, VALUES).evaluate(model.definition_of[name].value)
    assert set(found.axes) == set(axes), text
    return found.to(axes)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values(name: str) -> None:
    text, axes, wanted = EXPRESSIONS[name]
    model = compile_source(f"{HEAD}v = {text}\n")
    assert not breaches(model)
    np.testing.assert_allclose(_evaluated(model, "v", axes, text), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_normal_form(name: str) -> None:
    """As the argument of a distribution, where definitions are written out."""
    text, axes, wanted = EXPRESSIONS[name]
    left = f"d[{', '.join(axes)}]" if axes else "d"
    model = normal_form(compile_source(f"{HEAD}v = {text}\n{left} ~ Normal(v, 1)"))
    assert not breaches(model)
    distribution = model.conditional_of["d"].distribution
    assert isinstance(distribution, Dist)
    found = Evaluator(model, VALUES).evaluate(dict(distribution.arguments)["loc"])  # type: ignore[arg-type]
    np.testing.assert_allclose(found.to(axes) + np.zeros_like(wanted), wanted, rtol=1e-10, atol=1e-12)


SCALED = (
    "diag(t) @ R @ diag(t)",
    "outer(t) * R",
    "outer(t, t) * R",
    "t * R * t[k']",
    "D @ R @ D",
    "t[k'] * t * R",
)


def test_spellings_of_scales_and_correlations_are_one() -> None:
    head = "dim k[3]\nt[k] ~ HalfNormal(1)\nR[k, k'] ~ LKJ(1)\nD = diag(t)\n"
    texts = {
        str(
            normal_form(compile_source(f"{head}b[k] ~ MultivariateNormal(0, {s})"))
            .conditional_of["b"]
            .distribution
        )
        for s in SCALED
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    "text", ["inverse(C)[a, c]", "det(A) + logdet(C)", "cholesky(C)[c, c]", "sum(A @ x)", "sum(sum(outer(x), over = k'), over = k)"]
)  # fmt: skip
def test_derivatives(text: str) -> None:
    """Of emitted programs, by finite differences."""
    inner = text.replace("inverse(C)[", "I[").replace("cholesky(C)[", "L[")
    source = (
        "dim k = {a, c}\nA[k, k'] ~ Normal(0, 1)\nx[k] ~ Normal(0, 1)\nC[k, k'] = A @ transpose(A) + diag(1)\nI = inverse(C)\n"
        f"L = cholesky(C)\nplate r {{ y ~ Normal({inner}, 1) }}"
    )
    target = target_of(problem_of(source, {"y": [0.3, -1.2]}))
    point = RNG.normal(size=target.dimension)
    _, slope = target.value_and_grad(torch.tensor(point[None]))
    for i in range(target.dimension):
        step = np.zeros(target.dimension)
        step[i] = 1e-5
        above, below = (float(target.value(torch.tensor((point + sign * step)[None]))) for sign in (1, -1))
        assert float(slope[0, i]) == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-7)

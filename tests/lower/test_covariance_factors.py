"""Covariances that are made of factors are run by these, in any spelling, with the density of the matrix as it is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.lower.density_forms import with_short_densities
from pgmlang.model.model import Choice, Dist
from pgmlang.sema import compile_source
from tests.infer.by_hand import problem_of

HEAD = (
    "dim k = {l, m, n}\ndim o like k\nt[k] ~ HalfNormal(1)\nx[k] ~ Normal(0, 1)\ns ~ HalfNormal(1)\nR[k, k'] ~ LKJ(2)\nB[k, o] ~ LKJ(2)\n"
    "L[k, k'] ~ LKJCholesky(2)\nP[k, k'] ~ Wishart(5, diag(1))\nD = diag(t)\n"
)
SAID_BY = {
    "diag(t) @ R @ diag(t)": "scale_tril", "outer(t) * R": "scale_tril", "t * R * t[k']": "scale_tril", "D @ R @ D": "scale_tril",
    "diag(t) @ B @ diag(t)": "scale_tril", "s ^ 2 * outer(t, t) * R": "scale_tril", "s * R": "scale_tril",
    "L @ transpose(L)": "scale_tril", "D @ L @ transpose(L) @ D": "scale_tril", "diag(t) @ L @ transpose(diag(t) @ L)": "scale_tril",
    "s * L @ transpose(L)": "scale_tril", "inverse(P)": "precision", "inverse(outer(t) * P)": "precision",
    "R": "cov", "P": "cov", "outer(x) * R": "cov", "R + diag(s)": "cov", "outer(t) * (R + diag(s))": "cov", "D @ R": "cov",
    "transpose(L) @ L": "cov",
}  # fmt: skip


def _argument(text: str) -> str:
    distribution = with_short_densities(compile_source(text)).conditional_of["b"].distribution
    distribution = distribution.then if isinstance(distribution, Choice) else distribution
    assert isinstance(distribution, Dist)
    (_, (name, _)) = distribution.arguments
    return name


@pytest.mark.parametrize("cov", SAID_BY)
def test_what_covariances_are_said_by(cov: str) -> None:
    assert _argument(f"{HEAD}b[k] ~ MultivariateNormal(0, {cov})") == SAID_BY[cov]


def test_precisions_and_choices() -> None:
    assert _argument(f"{HEAD}b[k] ~ MultivariateNormal(0, precision = inverse(outer(x) * R))") == "cov"
    inside = "plate row { input u : bit ; b[k] ~ if u == 1 then MultivariateNormal(0, outer(t) * R) else MultivariateNormal(0, R) }"
    assert _argument(HEAD + inside) == "scale_tril"


@pytest.mark.parametrize("cov", [c for c, by in SAID_BY.items() if by != "cov"])
def test_densities(cov: str) -> None:
    """As by the matrix itself: one thousandth of a millionth is added to it, which no factor says."""
    rows = {"y": [0.3, -1.0]}
    text = f"{HEAD}e ~ Normal(0, 1)\nb[k] ~ MultivariateNormal(0, COV)\nplate row {{ y ~ Normal(b[l], 1) }}"
    near, plain = (
        bound_density(problem_of(text.replace("COV", c), rows)) for c in (cov, f"{cov} + 1e-11 * outer(x)")
    )
    torch.manual_seed(3)
    root = torch.linalg.cholesky(torch.tensor(np.corrcoef(np.random.default_rng(1).normal(size=(3, 9)))))
    matrix = root @ root.mT
    values = {
        "t": torch.rand(3).double() + 0.3, "x": torch.randn(3).double(), "s": torch.tensor(0.7).double(), "R": matrix, "B": matrix,
        "L": root, "P": 2 * matrix, "e": torch.tensor(0.1).double(), "b": torch.randn(3).double(),
    }  # fmt: skip
    assert with_short_densities(near.model) != near.model
    assert float(log_joint(near, values)) == pytest.approx(float(log_joint(plain, values)), rel=1e-8)

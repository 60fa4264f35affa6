"""Random walks and autoregressions are the choices that they stand for: the same log-density and gradient, and errors with cures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.diagnostics import SourceFile
from pgmlang.sema import analyse
from tests.native.test_equal import target_over

HEAD = "s ~ HalfNormal(1)\nb ~ Uniform(-1, 1)\nm ~ Normal(0, 1)\nc ~ Normal(0, 1)\n"
LAGS = "dim lag[2]\nk[lag] ~ Normal(0, 1)\n"
SAME = {
    "GaussianRandomWalk(s, Normal(0, 3))": "if first then Normal(0, 3) else Normal(prev(y), s)",
    "GaussianRandomWalk(s, start = StudentT(3, m, 2), drift = b)": "if first then StudentT(3, m, 2) else Normal(prev(y) + b, s)",
    "AR(b, s)": "if first then Normal(0, s / sqrt(1 - b * b)) else Normal(b * prev(y), s)",
    "AR(b, sd = s, loc = m)": "if first then Normal(m, s / sqrt(1 - b ^ 2)) else Normal(m + b * (prev(y) - m), s)",
    "AR([b, c], s, start = Normal(0, 3))": "if first(2) then Normal(0, 3) else Normal(b * prev(y) + c * prev(y, 2), s)",
    "AR(k, s, m, Normal(m, 3))": "if first(2) then Normal(m, 3) else Normal(m + k[0] * (prev(y) - m) + k[1] * (prev(y, 2) - m), s)",
}  # fmt: skip


def model(drawn: str) -> str:
    head = HEAD + (LAGS if "k" in drawn.replace("GaussianRandomWalk", "") else "")
    return f"{head}plate t = chain {{\n  y ~ {drawn}\n}}"


@pytest.mark.parametrize("series", SAME)
def test_they_are_choices(series: str) -> None:
    one, other = target_over(model(series)), target_over(model(SAME[series]))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, one.dimension)))
    for a, b in zip(one.value_and_grad(x), other.value_and_grad(x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_hidden_walk_is_smoothed() -> None:
    """The smoother of a local level with known variances, by its normal equations."""
    y = np.array([0.3, 1.1, 0.7, 2.0, 1.6, 2.2])
    text = "plate t = chain {\n  h ~ GaussianRandomWalk(0.5, start = Normal(0, 2))\n  y ~ Normal(h, 0.4)\n}"
    fit = pgmlang.compile(text).fit(
        {"t": np.arange(6), "y": y}, method="hmc", seed=1, options={"draws": 800, "chains": 8}
    )
    steps = np.eye(6) - np.eye(6, k=-1)
    precision = steps.T @ np.diag([1 / 4, *[4.0] * 5]) @ steps + np.eye(6) / 0.16
    wanted = np.linalg.solve(precision, y / 0.16)
    draws = np.asarray(fit.draws["h"], float).reshape(-1, 6)
    np.testing.assert_allclose(draws.mean(0), wanted, atol=0.04)


WRONG = {
    "plate t = chain { y ~ GaussianRandomWalk(1) }": ("PGM0305", "GaussianRandomWalk(sd, start, drift = 0)"),
    "plate t = chain { y ~ GaussianRandomWalk(1, 3) }": ("PGM0305", "start = Normal(0, 1)"),
    "plate t = chain { y ~ AR([0.5, 0.1], 1) }": ("PGM0305", "start = Normal(0, 1)"),
    "plate t = chain { y ~ AR(0.5, 1, colour = 3) }": ("PGM0306", "AR(coefficients, sd"),
    "plate t { y ~ AR(0.5, 1) }": ("PGM0312", "chain"),
    "dim lag\nplate t = chain { input b[lag] : real ; y ~ AR(b, 1, start = Normal(0, 1)) }": ("PGM0309", "dim lag[2]"),
    "plate t = chain { y ~ GaussianRandomwalk(1, Normal(0, 1)) }": ("PGM0203", "GaussianRandomWalk"),
    "x = AR(0.5, 1)": ("PGM0315", "x ~ AR(...)"),
    "def AR(x) { return x }\nplate t = chain { y ~ Normal(AR(1), 1) }": ("PGM0208", "another name"),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_a_cure(text: str) -> None:
    error = analyse(SourceFile("<test>", text)).errors[0]
    assert error.code == WRONG[text][0], error
    assert WRONG[text][1] in error.help

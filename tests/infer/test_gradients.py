"""No optimiser goes on with a gradient that is no number; branches that are not taken have none; large offsets do not
cancel. Against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.gradients import are_finite
from pgmlang.density.reductions import log_joint
from pgmlang.density.target import target_of
from pgmlang.diagnostics import PgmError
from pgmlang.kernels import lbfgs
from pgmlang.kernels.log_density import GradientNotFinite
from tests.infer.by_hand import problem_of

X = np.array([-1.0, 0.0, 0.5, 2.0, 3.0, 6.0, -4.0, 1.5])
Y = np.array([0.2, -0.4, -1.6, 1.2, 2.3, 3.2, 0.1, 0.9])
SLOPE = """model m
b ~ Normal(0, 2)
plate row {
  input x : real
  y ~ Normal(if x > 0 then b * log(x) else 0, 1)
}
"""


def slope_of_logs() -> tuple[float, float]:
    """Mean and sd of b: Normal with Normal."""
    logs = np.log(X[X > 0])
    precision = 0.25 + logs @ logs
    return float(logs @ Y[X > 0] / precision), float(precision**-0.5)


@pytest.mark.parametrize(
    ("method", "options"),
    [("map", {}), ("map", {"optimizer": "adam", "epochs": 3000}), ("elbo", {"epochs": 1500}), ("hmc", {}), ("gibbs", {}), ("meanfield", {}),
     ("langevin", {})],
)  # fmt: skip
def test_a_branch_that_is_not_taken(method: str, options: dict[str, Any]) -> None:
    fit = pgmlang.compile(SLOPE).fit({"x": X, "y": Y}, method=method, seed=1, options=options)
    mean, sd = slope_of_logs()
    (row,) = fit.summary()
    assert row["mean"] == pytest.approx(mean, abs=0.05)
    if fit.draws:
        assert row["sd"] == pytest.approx(sd, rel=0.15)


def test_em_with_branches_by_the_latent_label() -> None:
    """The components' densities are partial in the data: each row has one that cannot have made it."""
    rng = np.random.default_rng(3)
    y = np.concatenate([np.exp(rng.normal(1.0, 0.3, 40)), -np.exp(rng.normal(0.5, 0.3, 20))])
    text = """model m
p ~ Beta(1, 1)
m : real ~ Normal(0, 5)
plate row {
  z : bit ~ Bernoulli(p)
  y ~ Normal(if z == 1 then m else -m, 1)
  w ~ Normal(if y > 0 then m * log(y) else 0, 1)
}
"""
    w = np.where(y > 0, 2.5 * np.log(np.abs(y)), 0.0) + rng.normal(size=60)
    fit = pgmlang.compile(text).fit({"y": y, "w": w}, method="em", seed=1)
    assert fit.record.status == "converged"
    assert abs(float(fit.params["m"])) == pytest.approx(2.5, abs=0.3)


BROKEN = {
    "map": "model m\nparam c : real\nplate row {\n  input x : real\n  y ~ Normal(sqrt(c * x), 1)\n}\n",
    "elbo": "model m\nc ~ Normal(0, 1)\nplate row {\n  input x : real\n  y ~ Normal(sqrt(c * x), 1)\n}\n",
}


@pytest.mark.parametrize("method", ["map", "elbo"])
def test_an_error_with_the_variable_and_the_line(method: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(BROKEN[method]).fit({"x": [0.0, 0.0], "y": [1.0, 2.0]}, method=method, seed=1)
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0808"
    assert "sqrt" in problem.message
    assert problem.span is not None
    assert problem.span.line == 5
    if method == "map":
        assert "`c`" in problem.message


def test_lbfgs_stops_where_there_is_no_slope() -> None:
    def root(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(), torch.full_like(x, torch.nan)

    with pytest.raises(GradientNotFinite):
        lbfgs.start(root, torch.zeros(2))

    def cliff(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Falling on, without a slope beyond the start."""
        return -x.sum(), torch.where(x > 0, torch.nan, -1.0)

    with pytest.raises(GradientNotFinite):
        lbfgs.descend(cliff, lbfgs.start(cliff, torch.zeros(2, dtype=torch.float64)), 5)


def test_a_density_that_fails_is_not_run_the_slow_way_unseen() -> None:
    target = target_of(problem_of(SLOPE, {"x": X, "y": Y}))

    def broken(*_: Any) -> None:
        raise KeyError("a fault of ours")

    target.joint.program.factors = broken
    with pytest.raises(KeyError):
        target.value_and_grad(torch.zeros(1, 1, dtype=torch.float64))


def test_an_error_in_an_emitted_line_is_one_of_the_model() -> None:
    from pgmlang.lower.failures import led_to_model

    joint = bound_density(problem_of(SLOPE, {"x": X, "y": Y}))
    joint.data["x"] = torch.zeros(3, dtype=torch.float64)
    with pytest.raises(PgmError) as caught, led_to_model():
        log_joint(joint, {"b": torch.zeros((), dtype=torch.float64)})
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0809"
    assert problem.span is not None
    assert problem.span.line == 5


OFFSET = """model m
mu ~ Normal(0, 1000000000)
s2 ~ InverseGamma(2, 1)
plate row { y ~ Normal(mu, sqrt(s2)) }
"""


@pytest.mark.parametrize("method", ["gibbs", "meanfield"])
@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8])
def test_large_offsets_do_not_cancel(method: str, offset: float) -> None:
    y = offset + np.random.default_rng(0).normal(0, 0.43, 60)
    rows = {r["name"]: r for r in pgmlang.compile(OFFSET).fit({"y": y}, method=method, seed=1).summary()}
    centred = y - offset
    assert rows["mu"]["mean"] - offset == pytest.approx(centred.mean(), abs=0.02)
    expected = (1 + 0.5 * ((centred - centred.mean()) ** 2).sum()) / (1 + 0.5 * 59)
    assert rows["s2"]["mean"] == pytest.approx(expected, rel=0.06)
    assert rows["mu"]["sd"] == pytest.approx((expected / 60) ** 0.5, rel=0.12)


@pytest.mark.parametrize("method", ["gibbs", "meanfield"])
def test_regressions_far_from_zero(method: str) -> None:
    """Coefficients that hang together, an intercept of 1e7."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=80)
    y = 1e7 + 3 * x + rng.normal(0, 0.5, 80)
    text = (
        "model m\nb[k] ~ Normal(0, 100000000)\ndim k = {one, slope}\n"
        "plate row { input v[k] : real ; y ~ Normal(v @ b, 0.5) }\n"
    )
    fit = pgmlang.compile(text).fit({"one": np.ones(80), "slope": x, "y": y}, method=method, seed=1)
    rows = [r["mean"] for r in fit.summary()]
    design = np.column_stack([np.ones(80), x])
    best = np.linalg.lstsq(design, y - 1e7, rcond=None)[0]
    assert rows[0] - 1e7 == pytest.approx(best[0], abs=0.03)
    assert rows[1] == pytest.approx(best[1], abs=0.03)


@pytest.mark.parametrize(
    ("numbers", "right"),
    [([1.0, -2.0], True), ([3e38, 3e38], True), ([1.0, math.inf], False), ([math.nan, 0.0], False)],
)
def test_gradients_that_are_finite(numbers: list[float], right: bool) -> None:
    """Squares that overflow are no reason to refuse."""
    assert are_finite([torch.tensor(numbers), None, torch.zeros(2)]) is right
    assert are_finite([None])

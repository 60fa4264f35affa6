"""Shares that may also be zero or one: densities, tails, draws and moments by the definition, loops as torch, what has no meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.lower.family_classes import distribution_class
from pgmlang.lower.runtime.combined import ZeroOneInflated
from tests.native.test_equal import assert_equal, target_over

SHARES = np.array([0.0, 0.3, 1.0, 0.8, 0.0, 1.0, 0.05, 1.0, 0.5, 0.0, 0.9, 0.2])
P, Q, A, B = 0.4, 0.3, 2.0, 5.0


def definition(y: np.ndarray, p: float = P, q: float = Q) -> np.ndarray:
    beta = stats.beta(A, B)
    inside = math.log1p(-p) + beta.logpdf(np.clip(y, 1e-9, 1 - 1e-9))
    return np.where(y == 0, math.log(p * (1 - q)), np.where(y == 1, math.log(p * q), inside))


def test_scores_and_predictions_are_the_definition() -> None:
    given = pgmlang.compile(
        f"plate r {{ input z : real ; y ~ ZeroOneInflated({P}, {Q}, Beta({A}, {B})) }}"
    ).given()
    np.testing.assert_allclose(given.score({"y": SHARES, "z": 0 * SHARES}), definition(SHARES), rtol=1e-10)
    columns = given.predict_columns({"z": [0.0]}, seed=1).columns
    beta = stats.beta(A, B)
    mean = P * Q + (1 - P) * beta.mean()
    assert float(columns["y"][0]) == pytest.approx(mean, rel=1e-5)
    square = P * Q + (1 - P) * (beta.var() + beta.mean() ** 2)
    assert float(columns["y.sd"][0]) == pytest.approx(math.sqrt(square - mean**2), rel=1e-5)


def test_tails_and_draws() -> None:
    made = ZeroOneInflated(P, Q, distribution_class("Beta")(torch.tensor(A), torch.tensor(B)))
    x = torch.tensor([-0.1, 0.0, 0.3, 0.9, 1.0, 1.2])
    below = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 1.0]) * P * (1 - Q) + (1 - P) * torch.tensor(
        stats.beta(A, B).cdf(x)
    )
    below = torch.where(x >= 1, 1.0, below.float())
    torch.testing.assert_close(made.log_cdf(x).exp(), below, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(made.log_survival(x).exp(), 1 - below, rtol=1e-4, atol=1e-6)
    torch.manual_seed(0)
    drawn = made.expand((20_000,)).sample()
    for value, chance in ((0.0, P * (1 - Q)), (1.0, P * Q)):
        assert float((drawn == value).double().mean()) == pytest.approx(chance, abs=0.02)
    assert float(drawn.mean()) == pytest.approx(float(made.mean), abs=0.01)
    assert float(drawn.var()) == pytest.approx(float(made.variance), rel=0.05)


def test_loops_say_the_same() -> None:
    text = "g ~ Normal(0, 1)\nh ~ Normal(0, 1)\nplate r {\n  y ~ ZeroOneInflated(sigmoid(g), sigmoid(h), Beta(exp(g), exp(h)))\n}"
    assert_equal(target_over(text, {"y": SHARES}))


def test_shares_are_learned() -> None:
    text = "param p : unit\nparam q : unit\nparam m : unit\nplate r { y ~ ZeroOneInflated(p, q, Beta(mean = m, concentration = 4)) }"
    fit = pgmlang.compile(text).fit({"y": SHARES}, method="map", seed=1)
    assert float(fit.params["p"]) == pytest.approx(6 / 12, abs=1e-4)
    assert float(fit.params["q"]) == pytest.approx(3 / 6, abs=1e-4)


REFUSED = {
    "ZeroOneInflated(0.1, 0.2, Normal(0, 1))": "Beta(a, b)",
    "ZeroOneInflated(0.1, 0.2, ZeroInflated(0.1, Beta(1, 1)))": "Beta(a, b)",
    "Truncated(ZeroOneInflated(0.1, 0.2, Beta(1, 1)), lower = 0.1)": "ZeroOneInflated(p, q, Truncated(...))",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_no_meaning_is_refused(text: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(f"plate r {{ y ~ {text} }}")
    assert REFUSED[text] in error.value.diagnostics[0].help

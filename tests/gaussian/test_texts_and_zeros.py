"""Numbers that rows share, beside texts whose parts are not linear, cells of probability zero and weighed labels."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

TWO = "a ~ Normal(0, 1)\nb ~ Normal(0, 1)\n"
U, Y = np.array([0.3, 1.0, 2.0]), np.array([0.5, 0.2, -1.0])
CERTAIN = "a ~ Normal(0, 1)\nplate row { k : {p, q} ~ Categorical([1, 0])\n"


@pytest.mark.parametrize(
    ("mean", "slope", "constant"),
    [("a - a", 0.0, 0.0), ("a*u - u*a + 1", 0.0, 1.0), ("a^2 - a*a", 0.0, 0.0), ("log(exp(a))", 1.0, 0.0),
     ("a + 0*exp(b)", 1.0, 0.0), ("logit(sigmoid(a))", 1.0, 0.0), ("a*a/a", 1.0, 0.0)],
)  # fmt: skip
def test_texts_that_are_linear_once_simplified(mean: str, slope: float, constant: float) -> None:
    text = f"{TWO}plate row {{ input u\n y ~ Normal({mean}, 0.5) }}\n"
    fit = pgmlang.compile(text).fit({"u": U, "y": Y}, method="exact")
    precision = 1 + 3 * slope**2 / 0.25
    assert fit.draws["a"].mean() == pytest.approx(slope * (Y - constant).sum() / 0.25 / precision, abs=1e-9)
    covariance = 0.25 * np.eye(3) + slope**2
    gap = Y - constant
    log = -0.5 * gap @ np.linalg.solve(covariance, gap) - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert fit.log_likelihood == pytest.approx(float(log), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "table", "words"),
    [
        (CERTAIN + " y ~ Normal(a, 1) }\n", {"k": ["p", "q"], "y": [1.0, 2.0]}, "`k` in row 2 is impossible"),
        ("a ~ Normal(0, 1)\nplate row { u ~ Uniform(0, 1)\n y ~ Normal(a, 1) }\n", {"u": [0.2, 3.0], "y": [1.0, 2.0]}, "`u` in row 2"),
        (
            CERTAIN + " d : {u, v} ~ if k == p then Categorical([1, 0]) else Categorical([0, 1])\n"
            " y ~ Normal(if k == p then a else -a, 1) }\n",
            {"k": ["p", ""], "d": ["u", "v"], "y": [1.0, 2.0]}, "what is seen in row 2 is impossible together",
        ),
    ],
)  # fmt: skip
def test_data_of_probability_zero(text: str, table: dict[str, list[object]], words: str) -> None:
    with pytest.raises(pgmlang.PgmError, match=words) as caught:
        pgmlang.compile(text).fit(table, method="exact")
    assert caught.value.diagnostics[0].code == "PGM0609"


def test_weighed_rows_with_labels_that_are_not_seen() -> None:
    """A row counts after its labels are summed out, which no list of configurations of all rows does."""
    text = "a ~ Normal(0, 2)\nplate row { k ~ Bernoulli(0.3)\n y ~ Normal(a + 3*k, 1) }\n"
    table = {"y": [0.5, 3.2, 1.5], "w": [2.5, 1.5, 0.5]}
    with pytest.raises(pgmlang.PgmError, match="weights or counts, and labels"):
        pgmlang.compile(text).fit(table, weights="w", method="exact")
    table["k"] = [0, 1, 0]
    fit = pgmlang.compile(text).fit(table, weights="w", method="exact")
    w, gap = np.array(table["w"]), np.array([0.5, 0.2, 1.5])
    assert fit.draws["a"].mean() == pytest.approx((w @ gap) / (0.25 + w.sum()), abs=1e-9)

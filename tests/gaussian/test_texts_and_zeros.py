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
    "mean", ["exp(log(a))", "sqrt(a)^2", "a + 0*log(b)", "sqrt(a) * sqrt(a)", "expm1(log1p(a))"]
)
def test_texts_without_a_value_for_some_numbers(mean: str) -> None:
    """Simplified they are linear, and say less: that of `exp(log(a))` a is not below zero."""
    text = f"{TWO}plate row {{ y ~ Normal({mean}, 0.5) }}\n"
    with pytest.raises(pgmlang.PgmError, match="has no value for some values of numbers"):
        pgmlang.compile(text).fit({"y": Y}, method="exact")


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


def test_what_is_given_of_a_row_is_a_fresh_one_s() -> None:
    """Whatever the table leaves open: the fit's own latent is not what is told."""
    for y in ([0.3], [0.3, 1.0, 2.0]):
        fit = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { z ~ Normal(mu, 1)\n y ~ Normal(z, 0.7) }\n").fit(
            {"y": y}, method="exact"
        )
        precision = 1 + len(y) / 1.49 + 1
        answer = fit.query("E(mu | z = 1)").table[0]
        assert answer["mean"] == pytest.approx((sum(y) / 1.49 + 1) / precision, rel=1e-9)
        assert answer["sd"] == pytest.approx(precision**-0.5, rel=1e-9)
    chain = "m ~ Normal(0, 1)\nplate t = chain { y ~ Normal(if first then 0 else 0.5*prev(y) + m, 1) }\n"
    fit = pgmlang.compile(chain).fit({"y": [0.2, 1.3, np.nan, 1.1, 0.9, 2.2]}, method="exact", seed=1)
    m = fit.query("E(m)").table[0]
    following = fit.query("E(y[3] | y[2] = 1)").table[0]
    assert following["sd"] > 1 - 0.05
    assert following["mean"] == pytest.approx(0.5 + m["mean"], abs=0.15)


def test_elements_with_names_are_given_to_the_posterior() -> None:
    text = "m ~ Normal(0, 1)\nplate g { a ~ Normal(m, 1) }\nplate row in g { y ~ Normal(a, 1) }\n"
    fit = pgmlang.compile(text).fit({"g": ["u", "u", "v"], "y": [0.3, 1.0, 2.0]}, method="exact")
    # m ~ N(0, 1); y of u are N(m, [[2, 1], [1, 2]]), a[v] = 1 is N(m, 1) and leaves its y nothing to say
    precision = 1 + 2 / 3 + 1
    assert fit.query("E(m | a[v] = 1)").table[0]["mean"] == pytest.approx((1.3 / 3 + 1) / precision, rel=1e-9)


def test_a_latent_mean_of_a_process_is_kept_for_further_rows() -> None:
    text = "c ~ Normal(0, 1)\ny[row] ~ MultivariateNormal(c, exp_quad(x, 1, 0.7, noise = 0.3))\nplate row { input x }\n"
    x, y = np.array([0.0, 0.5, 1.2, 2.0]), np.array([0.3, 0.5, 1.0, 0.2])
    fit = pgmlang.compile(text).fit({"x": x, "y": y}, method="exact", seed=1)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1 + np.exp(-0.5 * ((a[:, None] - b) / 0.7) ** 2)

    of_seen, across = kernel(x, x) + 0.09 * np.eye(4), kernel(np.array([0.7]), x)[0]
    assert fit.draws["c"].mean() == pytest.approx(np.linalg.solve(of_seen, y).sum(), abs=1e-9)
    assert fit.log_likelihood == pytest.approx(
        -0.5 * y @ np.linalg.solve(of_seen, y) - 0.5 * np.linalg.slogdet(2 * np.pi * of_seen)[1], abs=1e-6
    )
    answer = fit.query("E(y | x = 0.7)").table[0]
    assert answer["mean"] == pytest.approx(across @ np.linalg.solve(of_seen, y), abs=0.03)
    sd = np.sqrt(2 + 0.09 - across @ np.linalg.solve(of_seen, across))
    assert answer["sd"] == pytest.approx(sd, rel=0.05)

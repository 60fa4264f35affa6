"""Rows whose latents are Gaussian are scored and predicted in closed form: against the dense normal distribution of all that
is drawn, for nested, crossed and chained structures, in models that give everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pgmlang

GROUPS = np.array([0, 0, 1, 2, 2, 2, 1])
OTHERS = np.array([0, 1, 0, 1, 1, 0, 1])
X = np.array([0.5, -1.0, 2.0, 0.0, 1.0, -0.5, 3.0])
Y = np.array([1.0, 0.5, -2.0, 3.0, 2.5, 0.0, -1.0])
EYE = np.eye(len(Y))


def one_hot(codes: np.ndarray) -> np.ndarray:
    return np.eye(codes.max() + 1)[codes]


def chained() -> np.ndarray:
    """The covariance of the states of the groups' sequences, stationary or not."""
    cov = np.zeros((len(Y), len(Y)))
    for g in range(3):
        at = np.flatnonzero(g == GROUPS)
        step = np.zeros((len(at), len(at)))
        for i in range(len(at)):
            for j in range(i + 1):
                step[i, j] = 0.8 ** (i - j)
        noise = np.diag([1.0] + [0.25] * (len(at) - 1))
        cov[np.ix_(at, at)] = step @ noise @ step.T
    return cov


def data(name: str) -> dict[str, Any]:
    out: dict[str, Any] = {"y": Y}
    if name != "one global":
        out["g"] = [f"g{i}" for i in GROUPS]
    if name == "crossed":
        out["h"] = [f"h{i}" for i in OTHERS]
    if name == "slopes":
        out["x"] = X
    return out


G, H = one_hot(GROUPS), one_hot(OTHERS)
CASES: dict[str, tuple[str, Callable[[], np.ndarray], float, bool]] = {
    # text, covariance of y, mean of y, whether groups are independent
    "one global": ("m ~ Normal(1, 2)\nplate row { y ~ Normal(m, 0.5) }\n",
                   lambda: 4 * np.ones((7, 7)) + 0.25 * EYE, 1.0, False),
    "groups": ("plate g { a ~ Normal(1, 2)\n  plate row in g { y ~ Normal(a, 0.5) } }\n",
               lambda: 4 * G @ G.T + 0.25 * EYE, 1.0, True),
    "groups of one mean": ("m ~ Normal(1, 3)\nplate g { a ~ Normal(m, 2)\n  plate row in g { y ~ Normal(a, 0.5) } }\n",
                           lambda: 9 * np.ones((7, 7)) + 4 * G @ G.T + 0.25 * EYE, 1.0, False),
    "groups and rows": (
        "plate g { a ~ Normal(1, 2)\n  plate row in g { e ~ Normal(2 * a, 1) ; y ~ Normal(e - a, 0.5) } }\n",
        lambda: 4 * G @ G.T + 1.25 * EYE, 1.0, True),
    "slopes": (
        "plate g { a ~ Normal(1, 2) ; b ~ Normal(0, 0.7)\n  plate row in g { input x : real ; y ~ Normal(a + b * x, 0.5) } }\n",
        lambda: 4 * G @ G.T + 0.49 * (G @ G.T) * np.outer(X, X) + 0.25 * EYE, 1.0, True),
    "crossed": (
        "plate g { a ~ Normal(1, 2) }\nplate h { b ~ Normal(0, 0.7) }\nplate row in g, h { y ~ Normal(a + b, 0.5) }\n",
        lambda: 4 * G @ G.T + 0.49 * H @ H.T + 0.25 * EYE, 1.0, False),
    "sequences": (
        "plate g { plate row = chain { s ~ if first then Normal(0, 1) else Normal(0.8 * prev(s), 0.5)\n"
        "  y ~ Normal(1 + s, 0.5) } }\n",
        lambda: chained() + 0.25 * EYE, 1.0, True),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_scores_are_those_of_the_normal_distribution(name: str) -> None:
    text, covariance, mean, is_apart = CASES[name]
    asked = pgmlang.compile("model m\n" + text).given()
    score = asked.score_rows(data(name))
    assert score.estimator.startswith("exact")
    cov = covariance()
    right = stats.multivariate_normal(np.full(7, mean), cov).logpdf(Y)
    assert float(score.values.sum()) == pytest.approx(right, abs=1e-9)
    assert len(score.values) == (3 if is_apart else 1)
    if is_apart:
        by_label = dict(zip(score.elements, score.values, strict=True))
        for g in range(3):
            at = np.flatnonzero(g == GROUPS)
            one = stats.multivariate_normal(np.full(len(at), mean), cov[np.ix_(at, at)]).logpdf(Y[at])
            assert by_label[f"g{g}"] == pytest.approx(one, abs=1e-9)


def test_far_from_the_prior_nothing_cancels() -> None:
    asked = pgmlang.compile("plate g { a ~ Normal(0, 2)\n  plate row in g { y ~ Normal(a, 0.5) } }\n").given()
    score = asked.score({"y": [1e5, 1e5 + 1], "g": ["p", "p"]})
    cov = 4 * np.ones((2, 2)) + 0.25 * np.eye(2)
    right = stats.multivariate_normal(np.zeros(2), cov).logpdf(np.array([1e5, 1e5 + 1]))
    assert float(score.sum()) == pytest.approx(right, rel=1e-12)


def test_predictions_are_conditional_normals() -> None:
    text = "plate g { a ~ Normal(1, 2)\n  plate row in g { y ~ Normal(a, 0.5) } }\n"
    columns = (
        pgmlang.compile(text)
        .given()
        .predict_columns({"y": Y, "g": [f"g{i}" for i in GROUPS]}, targets=["a"])
        .columns
    )
    for i, label in enumerate(columns["g"]):
        seen = Y[int(label[1]) == GROUPS]
        precision = 1 / 4 + len(seen) / 0.25
        mean = (1 / 4 + seen.sum() / 0.25) / precision
        sd = precision**-0.5
        assert columns["a"][i] == pytest.approx(mean, abs=4 * sd / np.sqrt(200))
        assert columns["a.sd"][i] == pytest.approx(sd, rel=0.25)


def test_what_is_not_gaussian_is_no_closed_form() -> None:
    for text in (
        "plate g { a ~ Normal(0, 1)\n  plate row in g { y ~ Normal(a * a, 1) } }\n",
        "plate g { a ~ Normal(0, 1)\n  plate row in g { y ~ Normal(0, exp(a)) } }\n",
        "plate g { a ~ Gamma(2, 1)\n  plate row in g { y ~ Normal(a, 1) } }\n",
        "plate g { a ~ Normal(0, 1)\n  plate row in g { y ~ StudentT(4, a, 1) } }\n",
    ):
        score = pgmlang.compile(text).given().score_rows({"y": [0.1, 0.3], "g": ["p", "p"]})
        assert "closed form" not in score.estimator, text
        assert "quadrature" in score.estimator, text


def test_elements_that_a_fit_knows_are_given() -> None:
    rng = np.random.default_rng(0)
    text = "m ~ Normal(0, 3)\nplate g { a ~ Normal(m, 2)\n  plate row in g { y ~ Normal(a, 0.5) } }\n"
    labels = [f"g{i}" for i in rng.integers(0, 4, 40)]
    fit = pgmlang.compile(text).fit({"y": rng.normal(size=40), "g": labels}, method="map", seed=1)
    m, a = float(fit.params["m"]), fit.params["a"]
    score = fit.score_rows({"y": [0.2, 1.0, 2.0], "g": ["g1", "new", "new"]})
    by_label = dict(zip(score.elements, score.values, strict=True))
    cov = 4 * np.ones((2, 2)) + 0.25 * np.eye(2)
    assert by_label["new"] == pytest.approx(stats.multivariate_normal([m, m], cov).logpdf([1.0, 2.0]), abs=1e-9)
    known = list(fit.record.labels["g"]).index("g1")
    assert by_label["g1"] == pytest.approx(stats.norm(a[known], 0.5).logpdf(0.2), abs=1e-9)

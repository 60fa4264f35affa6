"""Questions to fits that keep a normal posterior: which numbers a name means, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang


@pytest.fixture(scope="module")
def rows() -> pgmlang.Fit:
    """A fit of three rows with latents of their own, and a seen number beside one that is not."""
    text = "mu ~ Normal(0, 2)\nplate row {\n  z ~ Normal(mu, 1)\n  x ~ Normal(mu, 1)\n  y ~ Normal(z, 0.7)\n}\n"
    return pgmlang.compile(text).fit({"x": [1.0, None, 0.5], "y": [1.0, 2.0, 0.0]}, method="exact", seed=1)


@pytest.mark.parametrize("given", ["z = 1", "x = 1"])
def test_evidence_of_a_row_is_of_a_fresh_one(rows: pgmlang.Fit, given: str) -> None:
    """Whether or not the fit has elements of its own of that name: the row is one more of the table."""
    (answer,) = rows.query(f"E(mu | {given})").table
    sds = np.array([1.0, 1.0, *[np.hypot(1, 0.7)] * 3, 1.0])
    seen = np.array([1.0, 0.5, 1.0, 2.0, 0.0, 1.0])
    precision = 1 / 4 + (1 / sds**2).sum()
    assert answer["mean"] == pytest.approx((seen / sds**2).sum() / precision, rel=1e-9)
    assert answer["sd"] == pytest.approx(precision**-0.5, rel=1e-9)


def test_a_group_that_is_not_named_is_a_fresh_one() -> None:
    text = "mu ~ Normal(0, 2)\nplate g { b ~ Normal(mu, 1) }\nplate row in g { y ~ Normal(b, 1) }\n"
    fit = pgmlang.compile(text).fit({"g": ["a", "a"], "y": [1.0, 2.0]}, method="exact", seed=1)
    (fresh,), (named,) = fit.query("E(mu | b = 1)").table, fit.query("E(mu | b[a] = 1)").table
    # the prior, the mean of two rows about `b[a]`, and the group more
    precision = 1 / 4 + 1 / 1.5 + 1
    assert [fresh["mean"], fresh["sd"]] == pytest.approx([(1.5 / 1.5 + 1) / precision, precision**-0.5], rel=1e-9)
    assert [named["mean"], named["sd"]] == pytest.approx([1 / 1.25, 1.25**-0.5], rel=1e-9)


def test_rows_after_a_seen_one_are_those_of_a_fresh_sequence() -> None:
    """A hole in the data changes nothing of what a question means."""
    text = "m ~ Normal(0, 1)\nplate t = chain { y ~ Normal(if first then 0 else 0.5 * prev(y) + m, 1) }\n"
    fit = pgmlang.compile(text).fit({"y": [1.0, 0.3, None, 2.0, 1.0]}, method="exact", seed=1)
    (answer,) = fit.query("E(y[2] | y[1] = 1)").table
    assert answer["mean"] == pytest.approx(0.5 + fit.query("E(m)").table[0]["mean"], abs=0.3)
    assert answer["sd"] > 0.9
    assert fit.query("E(y[5] | y[4] = 1)").table[0]["sd"] > 0.9
    for question, cure in (("MAP(y)", "leave it out: `MAP(y[2])`"), ("MAP(y[0])", "its value is `E(y[0])`")):
        with pytest.raises(pgmlang.PgmError, match="PGM0606") as refused:
            fit.query(question)
        assert cure in str(refused.value)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("P(mu > nan)", "`nan` is not a number"),
        ("E(mu | mu = 1)", "both given and asked"),
    ],
)
def test_what_has_no_answer_is_refused(rows: pgmlang.Fit, question: str, words: str) -> None:
    with pytest.raises(pgmlang.PgmError, match="PGM0606") as refused:
        rows.query(question)
    assert words in str(refused.value)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_evidence_is_a_finite_number(value: str) -> None:
    fit = pgmlang.compile("a ~ Normal(0, 1)\nb ~ Normal(a, 1)\nplate row { y ~ Normal(b, 1) }\n").fit(
        {"y": [1.0, 2.0]}, method="exact", seed=1
    )
    with pytest.raises(pgmlang.PgmError, match=f"`{value}` is not a number that can be given"):
        fit.query(f"E(a | b = {value})")


def test_an_element_that_is_named_twice_is_asked_once(rows: pgmlang.Fit) -> None:
    assert [r["variable"] for r in rows.query("E(z[0], z)").table] == ["z[0]", "z[1]", "z[2]"]
    assert rows.query("MAP(z[0], z)").table == rows.query("MAP(z)").table

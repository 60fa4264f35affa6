"""Known elements of which a fit holds nothing are answered as new ones, and said to be: against Bayes' rule by the fit's tables."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmWarning

ROWS = {
    "tables": "y : {no, yes} ~ Table(k, prior = 1)",
    "bits": "b : bit ~ Bernoulli(if k == hi then 0.8 else 0.3)",
    "counts": "n : count ~ Poisson(if k == hi then 5 else 2)",
    "numbers": "x ~ Normal(if k == hi then 2 else 0, 1)",
}
DATA = {"g": list("aaabbbbcc"), "y": ["no", "no", "yes", "yes", "yes", "no", "yes", "no", "no"],
        "b": [0, 0, 1, 1, 1, 0, 1, 0, 0], "n": [1, 2, 3, 5, 6, 4, 7, 1, 2],
        "x": [0.1, -0.3, 1.0, 2.2, 2.5, 1.4, 3.0, 0.2, -1.0]}  # fmt: skip


def fitted(rows: str, method: str = "em") -> Any:
    text = f"plate g {{ k : {{lo, hi}} ~ Table(prior = 1) }}\nplate r in g {{ {ROWS[rows]} }}"
    return pgmlang.compile(text).fit(DATA, method=method, seed=1)


def told(call: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = call()
    return answer, [str(w.message) for w in caught if issubclass(w.category, PgmWarning)]


@pytest.mark.parametrize("rows", ROWS)
def test_known_elements_are_said_to_be_as_new_ones(rows: str) -> None:
    fit = fitted(rows)
    name = {"tables": "y", "bits": "b", "counts": "n", "numbers": "x"}[rows]
    (of_new, of_known), said = zip(
        *(told(lambda g=g: fit.predict({"g": [g], name: [DATA[name][3]]})) for g in ("other", "c")), strict=True
    )
    assert float(of_known["P(k = hi)"][0]) == pytest.approx(float(of_new["P(k = hi)"][0]), abs=1e-9)
    assert [any("PGM0726" in w and "`k` for `c` of `g`" in w for w in each) for each in said] == [False, True]
    assert [any("PGM0723" in w for w in each) for each in said] == [True, False]
    answer = fit.query("P(k | g = c)")
    assert "holds no value of `k` for `c`" in answer.caution
    assert "holds no value" not in fit.query("P(k | g = other)").caution


@pytest.mark.parametrize("rows", ROWS)
def test_the_rows_of_the_fit_tell_all_that_is_known(rows: str) -> None:
    fit = fitted(rows)
    name = {"tables": "y", "bits": "b", "counts": "n", "numbers": "x"}[rows]
    own = {"g": DATA["g"], name: DATA[name]}
    whole, said = told(lambda: fit.predict(own, ["k"]))
    assert not said
    for g in "abc":
        only = _only(own, g)
        answer, said = told(lambda only=only: fit.predict(only, ["k"]))
        assert _chance(answer, only, g) == pytest.approx(_chance(whole, own, g), abs=1e-6)
        assert any("PGM0726" in w and f"for `{g}` of" in w for w in said)


def _chance(answer: Any, table: dict[str, list[Any]], group: str) -> float:
    """That of a group: answers have a row for each group, or for each row of the table."""
    groups = list(answer["g"]) if "g" in answer else table["g"]
    return float(answer["P(k = hi)"][groups.index(group)])


def _only(data: dict[str, list[Any]], group: str) -> dict[str, list[Any]]:
    return {n: [v for v, g in zip(column, data["g"], strict=True) if g == group] for n, column in data.items()}


def test_what_a_fit_holds_or_the_rows_say_is_not_warned_of() -> None:
    text = "plate g { a ~ Normal(0, 1) }\nplate r in g { x ~ Normal(a, 1) }"
    fit = pgmlang.compile(text).fit(DATA, method="map", seed=1)
    answer, said = told(lambda: fit.predict({"g": ["b"]}))
    assert not said
    assert float(answer["x"][0]) == pytest.approx(np.sum(DATA["x"][3:7]) / 5, abs=1e-4)
    answer, said = told(lambda: fitted("tables").predict({"g": ["b"], "k": ["hi"]}))
    assert not said


def test_questions_of_elements_that_have_no_numbers() -> None:
    """A known one and a new one are as any; one that is spelt nearly as a known one is a slip with a cure that works."""
    generator = np.random.default_rng(0)
    groups = np.repeat(list("abc"), 30)
    y = np.where(generator.random(90) < np.where(groups == "a", 0.2, 0.8), "yes", "no")
    text = "plate g { k : {lo, hi} ~ Table(prior = 1) }\nplate r in g { y : {no, yes} ~ Table(k, prior = 1) }"
    fit = pgmlang.compile(text).fit({"g": groups, "y": y}, seed=1)
    k, table = fit.record.parameters["k.table"], fit.record.parameters["y.table"]
    assert abs(table[0, 1] - table[1, 1]) > 0.4
    for evidence in ("", ", g = c", ", g = other"):
        answer = fit.query(f"P(k | y = yes{evidence})")
        assert list(answer.probabilities.values()) == pytest.approx(k * table[:, 1] / (k @ table[:, 1]))
    with pytest.raises(pgmlang.PgmError, match="did you mean `g = c`"):
        fit.query("P(y | g = C)")

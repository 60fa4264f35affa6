"""Names in questions: what is none, what rows alone give, and what a fit has one value of."""

from __future__ import annotations

import re

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

NUMBERS = (
    "slope ~ Normal(0, 1)\nspread ~ HalfNormal(1)\n"
    "plate row {\n  input age : real\n  y ~ Normal(slope * age, spread)\n}\n"
)
TABLES = "plate row {\n  a : {...} ~ Table()\n  y : {...} ~ Table(a)\n}\n"
DATA = {"age": [1.0, 2.0, 3.0], "y": [1.1, 2.3, 2.9], "extra": [4, 5, 6]}


@pytest.fixture(scope="module", params=["map", "hmc", "tables"])
def fit(request: pytest.FixtureRequest) -> pgmlang.FittedModel:
    if request.param == "tables":
        return pgmlang.compile(TABLES).fit({"a": ["u", "v", "u"], "y": ["p", "q", "q"], "extra": [1, 2, 3]})
    options = {"draws": 20, "warmup": 20, "chains": 1} if request.param == "hmc" else {}
    return pgmlang.compile(NUMBERS).fit(DATA, method=request.param, options=options, seed=1)


@pytest.mark.parametrize(
    "question", ["P({} > 5)", "P({})", "E({})", "MAP({})", "P(y | {} = 5)", "P(y | do({} = 5))"]
)
def test_unknown_names(fit: pgmlang.FittedModel, question: str) -> None:
    for name, says in (
        ("extra", "`extra` is a column of the data, and no variable of the model"),
        ("yy", "there is no variable `yy`"),
        ("elsewhere", "there is no variable `elsewhere`"),
    ):
        with pytest.raises(PgmError, match="PGM0607") as error:
            fit.query(question.format(name))
        (problem,) = error.value.diagnostics
        assert problem.message == says
        assert problem.help == "did you mean `y`?" if name == "yy" else problem.help.startswith("its variables: ")
        assert problem.span is not None


def test_inputs_are_given() -> None:
    fit = pgmlang.compile(NUMBERS).fit(DATA, method="map", seed=1)
    for question in ("P(age < 50)", "E(age)", "P(age > 1 | y = 2)"):
        with pytest.raises(PgmError, match=re.escape("PGM0606")) as error:
            fit.query(question)
        assert "`age` is an input" in error.value.diagnostics[0].message
    assert fit.query("E(y | age = 1)").table[0]["mean"] == pytest.approx(fit.params["slope"].item())


def test_one_value_is_said() -> None:
    model = pgmlang.compile(NUMBERS)
    point = model.fit(DATA, method="map", seed=1)
    answer = point.query("P(slope > 0.1)")
    assert answer.table[0]["p"] == 1
    assert "`slope` is one value, its estimate by map" in answer.caution
    assert answer.caution in str(answer)
    assert answer.caution in answer._repr_html_()
    assert answer.to_dict()["caution"] == answer.caution
    assert "`slope`, `spread` are one value each" in point.query("P(slope > 0, spread > 0)").caution
    assert point.query("E(slope)").caution == ""
    drawn = model.fit(DATA, method="hmc", seed=1, options={"draws": 20, "warmup": 20, "chains": 1})
    assert drawn.query("P(slope > 0.1)").caution == ""
    assert "caution" not in drawn.query("P(slope > 0.1)").to_dict()


def test_what_is_held_is_no_estimate() -> None:
    model = pgmlang.compile("param m : real\nparam s : positive\nplate row {\n  y ~ Normal(m, s)\n}\n")
    fit = model.fit({"y": [1.0, 2.0, 4.0]}, method="map", fixed={"m": 2})
    assert fit.query("P(m > 1)").caution == ""
    assert "`s` is one value" in fit.query("P(s > 1)").caution

"""Tables of outer elements: some of the fit's, in any order, with new ones, with rows or without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang

pandas = pytest.importorskip("pandas")

SCHOOLS = pandas.DataFrame({"school": list("cab"), "u": [3.0, 1.0, 2.0]}, index=["C", "A", "B"])
ROWS = pandas.DataFrame({"school": list("aabbcc"), "y": [1.0, 1.5, 5.0, 5.5, 3.0, 2.5], "k": list("pppqqq")})
INPUT = "plate school { input u : real\n"
MODELS = {
    "latents": (INPUT + " th ~ Normal(u, 1) }\nplate row in school { y ~ Normal(th, 1) }", "hmc",
                {"chains": 2, "draws": 60, "warmup": 60}),
    "variational": (INPUT + " th ~ Normal(u, 1) }\nplate row in school { y ~ Normal(th, 1) }", "meanfield", {}),
    "estimates": ("param m : real\n" + INPUT + " th ~ Normal(m + u, 1) }\nplate row in school { y ~ Normal(th, 1) }",
                  "map", {}),
    "tables": (INPUT + " }\nplate row in school { k : {p, q} ~ Table(by = school) }", "auto", {}),
}  # fmt: skip


def fitted(name: str) -> Any:
    text, method, options = MODELS[name]
    return pgmlang.compile(text).fit({"school": SCHOOLS, "row": ROWS}, method=method, options=options, seed=0)


@pytest.mark.parametrize("name", MODELS)
def test_some_of_them_are_answered_as_all(name: str) -> None:
    fit = fitted(name)
    column = "P(k = p)" if name == "tables" else "y"
    asked = pandas.DataFrame({"school": ["b", "a"]}, index=["one", "other"])
    whole = fit.predict({"school": SCHOOLS, "row": asked})
    assert list(whole.index) == ["one", "other"]
    for some in (SCHOOLS.loc[["A", "B"]], SCHOOLS.loc[["B", "A"]], SCHOOLS.iloc[::-1]):
        part = fit.predict({"school": some, "row": asked})
        # what is drawn is drawn anew for other elements
        tolerance = 1e-9 if name == "tables" else 0.6
        assert np.asarray(part[column]) == pytest.approx(np.asarray(whole[column]), abs=tolerance)
    seen = {"school": ["b"], "y": [4.0], "k": ["p"]}
    alone = fit.score({"school": SCHOOLS.loc[["B"]], "row": seen})
    assert alone == pytest.approx(fit.score({"school": SCHOOLS, "row": seen}))


def test_a_table_of_elements_alone() -> None:
    fit = fitted("latents")
    means = dict(zip("abc", fit.draws["th"].mean((0, 1)), strict=True))
    for table in (SCHOOLS, SCHOOLS.loc[["B"]], SCHOOLS.loc[["B", "C"]]):
        for answer in (fit.predict({"school": table}, ["th"]), fit.predict({"school": table})):
            assert list(answer.index) == list(table.index)
            assert list(answer["th"]) == pytest.approx([means[s] for s in table["school"]])
    with_new = pandas.DataFrame({"school": ["aa", "b"], "u": [30.0, 2.0]}, index=["new", "old"])
    answer = fit.predict({"school": with_new}, ["th"])
    assert answer["th"]["old"] == pytest.approx(means["b"])
    assert answer["th"]["new"] == pytest.approx(30.0, abs=0.5)
    only_new = fit.predict({"school": with_new.loc[["new"]]}, ["th"])
    assert only_new["th"]["new"] == pytest.approx(30.0, abs=0.5)
    with pytest.raises(pgmlang.PgmError, match="no rows of `row`"):
        fit.predict({"school": SCHOOLS}, ["y"])
    with pytest.raises(pgmlang.PgmError, match="PGM0708"):
        fit.score({"school": SCHOOLS})


def test_new_elements_beside_known_ones_with_rows() -> None:
    fit = fitted("latents")
    table = pandas.DataFrame({"school": ["aa", "b"], "u": [30.0, 2.0]})
    with pytest.warns(pgmlang.PgmWarning, match="has seen `a`, `b`, `c`"):
        fit.predict({"school": table, "row": {"school": ["b"]}})
    answer = fit.predict({"school": table, "row": pandas.DataFrame({"school": ["b", "aa"]}, index=["x", "y"])})
    assert answer["y"]["x"] == pytest.approx(fit.draws["th"].mean((0, 1))[1], abs=0.6)
    assert answer["y"]["y"] == pytest.approx(30.0, abs=0.6)


GROUPS = pandas.DataFrame({"g": list("aaaabbbbbbcccc"), "y": [0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1],
                           "x": [float(i % 3) for i in range(14)], "w": [float(i % 2) for i in range(14)],
                           "l": ["lo", "hi"] * 7, "m": ["no", "yes"] * 7})  # fmt: skip
A = "plate g { a ~ Normal(0, 1) }\n"
INNER = {
    "a bit": A + "plate r in g { y : bit ~ Bernoulli(sigmoid(a)) }",
    "a label": A + "plate r in g { z : {u, v} ~ Table() { 0.5, 0.5 }\n x ~ Normal(a + (if z == u then 1 else -1), 1) }",
    "a count": A + "plate r in g { x : count ~ Poisson(exp(a)) }",
    "a number": A + "plate r in g { x ~ Normal(a, 1) }",
    "an input": A + "plate r in g { input x : real\n y : bit ~ Bernoulli(sigmoid(a + x)) }",
    "an input of labels": A + "plate r in g { input l : {lo, hi}\n x ~ Normal(a + (if l == lo then 1 else 0), 1) }",
    "an input of bits": A + "plate r in g { input y : bit\n x ~ Normal(a + y, 1) }",
    "inputs along an axis": "dim f = {x, w}\n" + A + "plate r in g { input v[f] : real\n y : bit ~ "
    "Bernoulli(sigmoid(a + sum(v, over = f))) }",
}  # fmt: skip


@pytest.mark.parametrize("inner", INNER)
def test_a_table_of_elements_alone_whatever_their_rows_hold(inner: str) -> None:
    options = {"chains": 2, "draws": 100, "warmup": 60}
    data = GROUPS.rename(columns={"x": "v.x", "w": "v.w"}) if "axis" in inner else GROUPS
    fit = pgmlang.compile(INNER[inner]).fit(data, method="hmc", options=options, seed=0)
    means = dict(zip("abc", fit.draws["a"].mean((0, 1)), strict=True))
    for elements in ("ca", "b", "abc"):
        answer = fit.predict({"g": {"g": list(elements)}})
        assert list(answer["a"]) == pytest.approx([means[g] for g in elements], abs=0.1)
    answer = fit.predict({"g": {"g": ["other", "c"]}})
    assert list(answer["a"]) == pytest.approx([0.0, means["c"]], abs=0.3)


def test_elements_alone_by_the_closed_form() -> None:
    text = "plate g { p ~ Beta(2, 2) }\nplate r in g { y : bit ~ Bernoulli(p) }"
    fit = pgmlang.compile(text).fit(GROUPS, method="hmc", options={"draws": 300, "warmup": 200}, seed=0)
    answer = fit.predict({"g": {"g": ["c", "a"]}})
    # Beta(2 + ones, 2 + zeros)
    assert abs(np.asarray(answer["p"]) - [5 / 8, 3 / 8]) == pytest.approx(0.0, abs=4 * max(answer["p.mcse"]))
    assert max(answer["p.mcse"]) < 0.02

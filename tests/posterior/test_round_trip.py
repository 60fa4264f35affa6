"""One spelling of elements: what `sample` and `predict` print is read back in by `score`, `predict` and `fit`, in the order of the
file, and each name is one that a question may ask for; over kinds of models and fits."""

from __future__ import annotations

import io

import numpy as np
import pytest

import pgmlang
from pgmlang.data import read_frame, write_csv

TABLES = """dim day[3]
plate row { z ~ Bernoulli(0.4) ; rain[day] ~ Bernoulli(if z then 0.8 else 0.3) }"""
LABELS = """dim word = {sun, rain}, day[2]
plate row { z ~ Bernoulli(0.4) ; x[word] ~ Bernoulli(if z then 0.8 else 0.3) ; y[word, day] ~ Bernoulli(if x then 0.9 else 0.2) }"""
NUMBERS = """dim word = {sun, rain}
b ~ Normal(1, 0.1)
plate row { z ~ Bernoulli(0.4) ; x[word] ~ Normal(if z then b else 0, 1) }"""
SQUARE = """dim word = {sun, rain}, day[2]
plate row { m ~ Normal(0, 1) ; x[word, day] ~ Normal(m, 1) }"""
FIELDS = """dim p[3], q[2]
plate row { field v[p] : bit ; field h[q] : bit ; factor 0.5 * sum(v, over = p) * sum(h, over = q) ; y ~ Normal(v[0], 1) }"""
WIDE = """dim p[14]
plate row { field v[p] : bit ; field h[p] : bit ; factor 0.05 * sum(v, over = p) * sum(h, over = p) ; y ~ Normal(v[0], 1) }"""
SITES = (
    """plate row { plate site[3] { s ~ Bernoulli(0.3) ; plate k[2] { t ~ Bernoulli(if s then 0.9 else 0.2) } } }"""
)
MODELS = {
    "tables": TABLES,
    "labels": LABELS,
    "numbers": NUMBERS,
    "square": SQUARE,
    "fields": FIELDS,
    "wide": WIDE,
    "sites": SITES,
}
HIDDEN = {"tables": "rain", "labels": "x", "numbers": "z", "square": "x", "fields": "h", "wide": "h", "sites": "t"}


def as_file(columns: dict) -> object:
    out = io.BytesIO()
    write_csv(out, columns)
    return read_frame(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("name", MODELS)
def test_draws_are_read_back(name: str) -> None:
    given = pgmlang.compile(MODELS[name]).given()
    columns = given.sample_columns(6, seed=3).columns
    assert not any("." in c for c in columns)
    bound = given.bind(as_file(columns))
    named = {c.partition("[")[0] for c in columns}
    assert named <= set(bound.observed) | {"b"}, "each column is a variable's"
    for variable in named - {"b"}:
        here = [c for c in columns if c.partition("[")[0] == variable]
        array = np.asarray(bound.values[variable]).reshape(6, -1)
        model = given.model
        labels = (
            model.labels_of(model.by_name[variable].type) if model.by_name[variable].type.is_discrete else None
        )
        for k, column in enumerate(here):
            right = (
                [labels.index(x) for x in columns[column]] if labels else np.asarray(columns[column], dtype=float)
            )
            np.testing.assert_allclose(array[:, k], right, rtol=1e-6)
    assert np.isfinite(given.score(as_file(columns))).all()


@pytest.mark.parametrize("name", MODELS)
def test_predictions_have_the_names_of_draws_and_can_be_asked(name: str) -> None:
    given = pgmlang.compile(MODELS[name]).given()
    drawn = given.sample_columns(4, seed=3).columns
    hidden = HIDDEN[name]
    rows = {c: x for c, x in drawn.items() if c.partition("[")[0] != hidden}
    predicted = given.predict_columns(as_file(rows), targets=[hidden], seed=1).columns
    plain = [c for c in predicted if not c.startswith("P(") and c.rpartition(".")[2] not in ("mcse", "sd", "q5", "q50", "q95")
             and c != "log_evidence"]  # fmt: skip
    means = [c.removesuffix(".mean") for c in plain]
    assert set(means) == {c for c in drawn if c.partition("[")[0] == hidden}
    kind = "P" if given.model.by_name[hidden].type.is_discrete else "E"
    answer = given.query(f"{kind}({means[-1]})", seed=1)
    assert means[-1] in answer.table[0] or answer.table[0]["variable"] == means[-1]


def test_a_fit_of_what_was_drawn() -> None:
    text = "dim day[2]\nplate row { z : bit ~ Table() ; rain[day] : bit ~ Table(z) }"
    compiled = pgmlang.compile(text)
    rows = {"z": [0, 1, 1, 0, 1], "rain[0]": [0, 1, 1, 0, 0], "rain[1]": [1, 1, 0, 0, 1]}
    fit = compiled.fit(rows)
    again = compiled.fit(as_file(fit.sample_columns(50, seed=1).columns))
    assert again.params["rain.table"].shape == fit.params["rain.table"].shape
    dotted = {c.replace("[", ".").removesuffix("]"): x for c, x in rows.items()}
    np.testing.assert_array_equal(compiled.fit(dotted).params["rain.table"], fit.params["rain.table"])


def test_columns_that_are_not_all_there() -> None:
    from pgmlang.diagnostics import PgmError

    with pytest.raises(PgmError) as error:
        pgmlang.compile(LABELS).given().score({"x[sun]": [1]})
    (problem,) = error.value.diagnostics
    assert problem.code == "PGM0720"
    assert "`x[rain]`" in problem.message


def test_the_order_of_the_file_is_kept() -> None:
    """Rows of groups that are mixed, and of a chain whose steps are not in order."""
    text = (
        "plate school { u ~ Normal(0, 1) ; plate row in school { y ~ Normal(u, 1) ; z ~ Bernoulli(logit = y) } }"
    )
    rows = {"school": ["b", "a", "b", "a"], "y": [3.0, -3.0, 2.0, None]}
    columns = pgmlang.compile(text).given().predict_columns(rows, targets=["z"], seed=1).columns
    chances = np.asarray(columns["P(z = 1)"])
    np.testing.assert_allclose(chances[:3], 1 / (1 + np.exp(-np.array([3.0, -3.0, 2.0]))), atol=1e-6)
    assert chances[3] < 0.5

"""Results about rows are frames of the kind of the rows, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

MODEL = pgmlang.compile("""
plate row {
  a : {x, y} ~ Table(prior = 1)
  grade : {1, 2, 3} ~ Table(a, prior = 1)
  b : bit ~ Bernoulli(if a == y then 0.9 else 0.2)
}
""")
ROWS: dict[str, list[Any]] = {"a": ["x", "y", "y", "x"], "grade": [1, 3, 2, 1], "b": [0, 1, 1, 0]}
FIT = MODEL.fit(ROWS)
NEW: dict[str, list[Any]] = {"a": ["x", None, "y"], "b": [0, 1, 1]}


def test_of_the_kind_that_was_given(tmp_path: Path) -> None:
    plain = FIT.predict_columns(NEW)
    frame = pandas.DataFrame(NEW, index=["p", "q", "r"])
    frame.to_csv(tmp_path / "new.csv", index=False)
    given = {
        "pandas": frame, "polars": polars.DataFrame(NEW), "pyarrow": pyarrow.table(NEW),
    }  # fmt: skip
    for name, data in given.items():
        answer = FIT.predict(data)
        assert type(answer).__module__.startswith(name)
        assert np.allclose(np.asarray(answer["P(grade = 1)"]), plain.columns["P(grade = 1)"])
        assert [int(k) for k in np.asarray(answer["grade"])] == [int(k) for k in plain.columns["grade"]]
    assert list(FIT.predict(frame).index) == ["p", "q", "r"]
    for data in (NEW, str(tmp_path / "new.csv"), FIT.bind(NEW)):
        assert isinstance(FIT.predict(data), pandas.DataFrame)
    assert isinstance(FIT.predict({"row": given["polars"]}), polars.DataFrame)


def test_values_compare_with_those_of_the_data() -> None:
    frame = pandas.DataFrame(ROWS)
    answer = FIT.predict(frame, hide=["grade", "b"])
    assert answer["b"].dtype.kind == "i"
    assert (answer["b"] == frame["b"]).all()
    assert answer["grade"].dtype.kind == "i"
    assert set(FIT.predict(frame, hide=["a"])["a"]) <= {"x", "y"}
    drawn = FIT.sample(200, seed=1)
    assert isinstance(drawn, pandas.DataFrame)
    assert set(drawn["grade"]) <= {1, 2, 3}
    assert list(drawn["a"]) == FIT.sample_columns(200, seed=1).columns["a"]
    again = MODEL.fit(drawn)
    assert again.log_likelihood is not None


def test_rows_left_out_are_missing_and_warned_of() -> None:
    sure = pgmlang.compile(
        "plate row { a : {x, y} ~ Table()\n b : {u, v} ~ Table(a)\n c : {1, 2} ~ Table(a) }"
    ).fit({"a": ["x", "y"], "b": ["u", "v"], "c": [1, 2]})
    rows = pandas.DataFrame({"a": ["x", "x"], "b": ["u", "v"]}, index=[7, 8])
    with pytest.warns(pgmlang.PgmWarning, match="PGM0806") as caught:
        answer = sure.predict(rows)
    assert caught[0].filename == __file__
    assert list(answer.index) == [7, 8]
    assert answer["c"][7] == 1
    assert np.isnan(answer["c"][8])
    assert "PGM0806" in [w.code for w in sure.predict_columns(rows).warnings]


def test_replicates_are_a_frame() -> None:
    frame = FIT.replicate(ROWS, 3, seed=1).frame
    assert list(frame["replicate"]) == sorted([1, 2, 3] * 4)


SCHOOLS = pgmlang.compile("plate school { th ~ Normal(0, 1) }\nplate row in school { y ~ Normal(th, 1) }")
SCORES = {"school": list("aabbcc"), "y": [1.0, 2.0, 3.0, 4.0, -5.0, -6.0]}


def test_the_index_is_of_the_rows_and_not_of_a_table_as_long() -> None:
    fit = SCHOOLS.fit(SCORES, method="map", seed=0)
    rows = pandas.DataFrame({"school": list("cab")}, index=["row_c", "row_a", "row_b"])
    of_schools = fit.predict(rows, ["th"])
    assert list(of_schools["school"]) == list("abc")
    assert list(of_schools.index) == [0, 1, 2]
    of_rows = fit.predict(rows)
    assert list(of_rows.index) == list(rows.index)
    assert of_rows["y"]["row_c"] < 0 < of_rows["y"]["row_a"]
    tables = {"school": pandas.DataFrame({"school": list("cab")}, index=[7, 8, 9]), "row": rows}
    assert list(fit.predict(tables).index) == list(rows.index)
    assert list(fit.predict(tables, ["th"]).index) == [0, 1, 2]


def test_rows_left_out_of_an_outer_table_are_none_of_the_rows() -> None:
    model = pgmlang.compile("""
    plate school { input u : real
      th ~ Normal(u, 1) }
    plate row in school { y ~ Normal(th, 1) }
    """)
    schools = pandas.DataFrame({"school": list("abc"), "u": [0.0, 5.0, 9.0]})
    fit = model.fit({"school": schools, "row": pandas.DataFrame(SCORES)}, method="map", seed=0)
    gap = schools.assign(u=[0.0, None, 9.0])
    rows = pandas.DataFrame({"school": list("cab")}, index=["row_c", "row_a", "row_b"])
    answer = fit.predict({"school": gap, "row": rows}, missing="drop")
    assert list(answer.index) == list(rows.index)
    assert list(np.isnan(answer["y"])) == [False, False, True]


LABELS = pgmlang.compile("plate row {\n  y : {...} ~ Table()\n  x : {...} ~ Table(y, prior = 1)\n}")
HALVES = np.array([0.5, 1.5])
SIGNS = np.array([0, 1, 1, 1, 0, 0] * 5)
COLUMNS = {
    "truth values": SIGNS == 1,
    "nullable truth values": pandas.array(SIGNS == 1, dtype="boolean"),
    "whole numbers": SIGNS + 3,
    "small whole numbers": (SIGNS + 3).astype("uint8"),
    "nullable whole numbers": pandas.array(SIGNS, dtype="Int64"),
    "numbers": HALVES[SIGNS],
    "small numbers": np.array([0.1, 0.7], dtype=np.float32)[SIGNS],
    "texts of whole numbers": np.where(SIGNS == 1, "1", "0"),
    "texts of truth values": np.where(SIGNS == 1, "true", "false"),
    "words": np.where(SIGNS == 1, "yes", "no"),
    "large whole numbers": SIGNS + 2**60,
    "categories": pandas.Categorical(np.where(SIGNS == 1, "low", "high"), ["low", "high", "unused"], ordered=True),
    "categories of numbers": pandas.Categorical(SIGNS + 1, [2, 1]),
    "categories of truth values": pandas.Categorical(SIGNS == 1),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_labels_compare_with_the_column_that_was_fitted(kind: str, tmp_path: Path) -> None:
    data = pandas.DataFrame({"y": COLUMNS[kind], "x": np.where(SIGNS == 1, "u", "v")})
    fit = LABELS.fit(data)
    fit.save(tmp_path / "it.fit")
    for one in (fit, pgmlang.load(tmp_path / "it.fit")):
        answer = one.predict(data[["x"]])
        assert (answer["y"] == data["y"]).all()
        is_category = data["y"].dtype == "category"
        assert is_category or answer["y"].dtype.kind == np.asarray(data["y"]).dtype.kind.replace("u", "i")
        drawn = one.sample(20, seed=1)
        assert set(drawn["y"]) <= set(data["y"])
    if isinstance(data["y"].dtype, pandas.CategoricalDtype):
        assert answer["y"].dtype == data["y"].dtype
    frame = fit.predict(pandas.DataFrame({"x": ["u", "v"], "y": [None, data["y"][0]]}))
    assert frame["y"][1] == data["y"][0]


def test_categories_of_polars_and_of_arrow() -> None:
    words = np.where(SIGNS == 1, "low", "high")
    other = np.where(SIGNS == 1, "u", "v")
    for kind in (polars.Enum(["low", "high", "unused"]), polars.Categorical):
        data = polars.DataFrame({"y": polars.Series(words, dtype=kind), "x": other})
        answer = LABELS.fit(data).predict(data.select("x"))
        assert answer["y"].dtype == data["y"].dtype
        assert (answer["y"] == data["y"]).all()
    table = pyarrow.table({"y": pyarrow.array(words).dictionary_encode(), "x": other})
    answer = LABELS.fit(table).predict(table.select(["x"]))
    assert pyarrow.types.is_dictionary(answer["y"].type)
    assert answer["y"].to_pylist() == table["y"].to_pylist()


def test_texts_of_a_file_are_typed_as_its_reader_types_them(tmp_path: Path) -> None:
    for words in (["0", "1"], ["False", "True"], ["0.5", "1.5"], ["no", "yes"]):
        data = pandas.DataFrame({"y": np.array(words)[SIGNS], "x": np.where(SIGNS == 1, "u", "v")})
        data.to_csv(tmp_path / "rows.csv", index=False)
        read = pandas.read_csv(tmp_path / "rows.csv")
        answer = LABELS.fit(str(tmp_path / "rows.csv")).predict(read[["x"]])
        assert (answer["y"] == read["y"]).all()
        assert answer["y"].dtype == read["y"].dtype


def test_bits_and_merged_labels() -> None:
    bit = pgmlang.compile("plate row { y : bit ~ Bernoulli(if x == u then 0.9 else 0.1)\n x : {u, v} ~ Table() }")
    other = np.where(SIGNS == 1, "u", "v")
    for column in (SIGNS == 1, SIGNS, SIGNS * 1.0, np.where(SIGNS == 1, "True", "False")):
        data = pandas.DataFrame({"y": column, "x": other})
        assert (bit.fit(data).predict(data[["x"]])["y"] == data["y"]).all()
    threes = pandas.DataFrame({"y": SIGNS + 1, "x": other})
    as_words = LABELS.fit(threes, merge={"y": {"2": "many"}}).predict(threes[["x"]])
    assert set(as_words["y"]) == {"1", "many"}
    as_numbers = LABELS.fit(threes, merge={"y": {"2": "3"}}).predict(threes[["x"]])
    assert set(as_numbers["y"]) == {1, 3}


def test_older_and_damaged_records_of_columns() -> None:
    from dataclasses import replace

    from pgmlang.api import FittedModel

    record = LABELS.fit({"y": [True, False], "x": ["u", "v"]}).record
    older = {k: v for k, v in record.provenance.items() if k != "source_kinds"}
    assert set(FittedModel.of(replace(record, provenance=older)).predict({"x": ["u"]})["y"]) <= {"true", "false"}
    for damaged in ({"y": {"holds": "dragons"}}, {"y": 3}, [1]):
        fit = FittedModel.of(replace(record, provenance={**record.provenance, "source_kinds": damaged}))
        with pytest.raises(pgmlang.PgmError, match="PGM0904"):
            fit.predict({"x": ["u"]})

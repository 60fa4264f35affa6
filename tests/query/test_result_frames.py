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

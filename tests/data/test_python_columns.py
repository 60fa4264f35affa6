"""Columns as Python programs have them: truth values, whole floats, intervals and periods of pandas, lists and bytes."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang import PgmError
from pgmlang.data import encode, read_frame

pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    ("values", "merge", "labels"),
    [
        ([True, False, None], {"s": {"true": "yes", "false": "no"}}, ("yes", "no")),
        ([True, False, None], {"s": {True: "yes", False: "no"}}, ("yes", "no")),
        ([1, 0, None], {"1": "yes", "0": "no"}, ("yes", "no")),
        ([1.0, 0.0, np.nan], {"s": {1: "yes", 0: "no"}}, ("yes", "no")),
        ([1, 2, None], {"s": {1.0: 2}}, ("2",)),
        ([0.5, 2.0, None], {"s": {"0.5": "half"}}, ("half", "2")),
    ],
)
def test_numbers_and_truth_values_are_merged_as_their_labels(values, merge, labels):
    frame = read_frame({"s": values}, merge=merge)
    assert frame.column("s").labels == labels
    assert list(frame.column("s").missing) == [False, False, True]
    assert len(frame.notes) == len(dict(merge.get("s", merge)))


@pytest.mark.parametrize("labels", [["0", "1"], ["0.0", "1.0"]])
def test_whole_floats_are_labels_of_whole_numbers(labels):
    for values in ([0.0, 1.0, np.nan], [0, 1, None], pandas.array([0, 1, None], dtype="Int64")):
        assert list(encode(read_frame({"x": values}).column("x"), labels)) == [0, 1, -1]
    with pytest.raises(PgmError, match=r"unknown label `3`.*accepted: `0"):
        encode(read_frame({"x": [0.0, 3.0]}).column("x"), labels)


def test_intervals_and_periods_of_pandas_are_their_texts():
    cut = pandas.cut([1, 5, np.nan, 7], [0, 2, 10])
    breaks = pandas.arrays.IntervalArray.from_breaks([0, 1, 2, 3, 4])
    periods = pandas.period_range("2020-01", periods=4, freq="M")
    for frame in (pandas.DataFrame({"a": cut, "b": breaks, "c": periods}), {"a": cut, "b": breaks, "c": periods}):
        read = read_frame(frame)
        assert read.column("a").labels == ("(0, 2]", "(2, 10]")
        assert list(read.column("a").missing) == [False, False, True, False]
        assert read.column("b").labels[0] == "(0, 1]"
        assert read.column("c").labels[0] == "2020-01"
        assert "(0, 2]" in str(pgmlang.describe(frame))
    first = pgmlang.init(pandas.DataFrame({"a": pandas.Series(cut).repeat(9), "b": np.arange(36) % 7 * 1.5}))
    assert '"(0, 2]"' in first.text


def test_columns_of_other_things_say_what_they_are_and_miss_no_more_than_they_do():
    rows = pgmlang.describe({"g": [[1], [2, 3], None], "h": [b"a", b"b", b"c"], "k": [{"u": 1}] * 3}).rows
    assert [(r["column"], r["kind"], r["missing"], r["values"]) for r in rows] == [
        ("g", "other", 1, "lists"), ("h", "other", 0, "bytes"), ("k", "other", 0, "records"),
    ]  # fmt: skip


def test_the_remark_on_equal_columns_names_both_once():
    values = ["u", "v", "w", "u", "v", "w", "u"]
    said = [r for r in pgmlang.describe({"b": values, "c": values}).remarks if r.kind == "duplicates"]
    assert [(r.columns, r.message) for r in said] == [(("c", "b"), "the same cells in both")]


@pytest.mark.parametrize("names", [[0, 1], [0, "a"], [1.5, "a"], [("a", 1), ("a", 2)]])
def test_names_of_columns_need_not_be_texts(names, recwarn):
    frame = pandas.DataFrame([["u", 1], ["v", 2]], columns=pandas.Index(names, tupleize_cols=False))
    read = read_frame(frame)
    assert list(read.columns) == [str(n) for n in names]
    assert not recwarn.list


@pytest.mark.parametrize(
    "data",
    [
        pandas.DataFrame({"z": [1 + 2j, 3]}),
        {"z": [1.0, 2j]},
        {"z": pandas.Series([1j, 2])},
        {"z": np.array([1j, 2])},
    ],
)
def test_complex_numbers_are_called_so(data):
    with pytest.raises(PgmError, match=r"not real numbers|complex numbers, not real ones"):
        read_frame(data)


@pytest.mark.parametrize("named", [None, "grade"])
def test_one_column_alone_is_answered_with_the_table_that_it_makes(named):
    data = pandas.Series(["u", "v"], name=named)
    with pytest.raises(PgmError, match="one column, not a table") as raised:
        read_frame(data)
    (told,) = raised.value.diagnostics
    made = eval(told.help.partition("`")[2].rstrip("`"), {"data": data})
    assert list(read_frame(made).columns) == [named or "x"]

"""Rows of Python as a table: every kind of frame says the same, and a wrong cell is named by row and column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pgmlang.data import read_batches, read_frame
from pgmlang.diagnostics import PgmError

COLUMNS = {"a": ["no", "yes", "no"], "x": [1.5, 2.0, -1.0]}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
KINDS: dict[str, Callable[[], Any]] = {
    "dict": lambda: COLUMNS,
    "arrays": lambda: {k: np.array(v) for k, v in COLUMNS.items()},
    "list of dicts": lambda: ROWS,
    "tuple of dicts": lambda: tuple(ROWS),
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "records": lambda: pd.DataFrame(COLUMNS).to_records(index=False),
    "structured": lambda: np.array([("no", 1.5), ("yes", 2.0), ("no", -1.0)], dtype=[("a", "U3"), ("x", "f8")]),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy": lambda: pl.DataFrame(COLUMNS).lazy(),
    "arrow": lambda: pa.table(COLUMNS),
    "batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_is_the_same(kind: str) -> None:
    for frame in (read_frame(KINDS[kind]()), next(iter(read_batches(KINDS[kind]())))):
        assert list(frame.columns) == ["a", "x"]
        assert frame.num_rows == 3
        assert frame.columns["x"].numbers().tolist() == COLUMNS["x"]
        assert [frame.columns["a"].labels[c] for c in frame.columns["a"].codes] == COLUMNS["a"]


def test_a_key_that_a_row_has_not_is_missing() -> None:
    frame = read_frame([{"a": "no", "x": 1.0}, {"x": 2.0}, {"a": "yes"}])
    assert list(frame.columns) == ["a", "x"]
    assert frame.num_rows == 3


MIXED = [1.0, 2.0, "abc", 4.0]


@pytest.mark.parametrize(
    "data",
    [
        {"w": [1, 2, 3, 4], "y": MIXED},
        [{"w": 1, "y": v} for v in MIXED],
        pd.DataFrame({"w": [1, 2, 3, 4], "y": pd.Series(MIXED, dtype=object)}),
    ],
    ids=["dict", "list of dicts", "pandas"],
)
def test_a_cell_unlike_those_above_is_named(data: Any) -> None:
    with pytest.raises(PgmError) as refused:
        read_frame(data)
    problem = refused.value.diagnostics[0]
    assert problem.place == "data:3:y"
    assert "`y`" in problem.message
    assert "row 3 is 'abc', text; those above are a number" in problem.notes


def test_a_row_that_is_no_dict_is_named() -> None:
    with pytest.raises(PgmError) as refused:
        read_frame([{"a": 1}, ["b"]])
    assert refused.value.diagnostics[0].place == "data:2"

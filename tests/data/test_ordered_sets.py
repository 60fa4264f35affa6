"""An ordered set of labels of the source: its order, and the labels that no cell has, go from the frame to the fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import pgmlang
from pgmlang.binding import bind, bind_batches
from pgmlang.data import read_batches, read_frame
from pgmlang.sema import compile_source

LEVELS = ("bad", "meh", "great", "superb")
CELLS = ["meh", "bad", None, "great", "meh"] * 8


def of_pandas(levels: Any, cells: list[Any]) -> Any:
    return pd.DataFrame({"q": pd.Categorical(cells, categories=list(levels), ordered=True)})


def of_arrow(levels: Any, cells: list[Any]) -> Any:
    codes = pa.array([None if c is None else list(levels).index(c) for c in cells], pa.int8())
    return pa.table({"q": pa.DictionaryArray.from_arrays(codes, pa.array(list(levels)), ordered=True)})


def of_polars(levels: Any, cells: list[Any]) -> Any:
    pl = pytest.importorskip("polars")
    return pl.DataFrame({"q": cells}, schema={"q": pl.Enum(list(levels))})


SOURCES = [of_pandas, of_arrow, of_polars]


@pytest.mark.parametrize("source", SOURCES)
def test_labels_are_all_of_the_set_in_its_order(source: Any) -> None:
    model = compile_source("plate row { q : {...} ~ Table() }")
    binding = bind(model, read_frame(source(LEVELS, CELLS)))
    assert binding.model.labels_of(binding.model.by_name["q"].type) == LEVELS
    expected = [-1 if c is None else LEVELS.index(c) for c in CELLS]
    assert binding.values["q"].tolist() == expected
    blocks = list(bind_batches(model, lambda: read_batches(source(LEVELS, CELLS), batch_rows=7)))
    assert np.concatenate([b.values["q"] for b in blocks]).tolist() == expected


@pytest.mark.parametrize("source", SOURCES)
def test_a_label_that_no_row_had_is_scored(source: Any) -> None:
    model = pgmlang.compile("model m\nplate row { q : {...} ~ Table(prior = 1) }")
    fit = model.fit(source(LEVELS, CELLS), method="map")
    assert np.isfinite(fit.score(source(LEVELS, ["superb"]))).all()


@pytest.mark.parametrize("source", SOURCES)
def test_a_first_model_is_ordinal(source: Any) -> None:
    first = pgmlang.init(source(LEVELS, CELLS), "q")
    assert "q : {bad, meh, great, superb} ~ OrderedLogistic" in first.text
    (row,) = pgmlang.describe(source(LEVELS, CELLS)).rows
    assert (row["kind"], row["values"]) == ("ordinal", "bad, meh, great, superb")


def test_the_order_is_that_of_an_ordinal_distribution() -> None:
    text = "param b : real\ndim s[3]\ncut[s] : ordered ~ Normal(0, 3)\nplate row { q : {...} ~ OrderedLogistic(b, cut) }"
    binding = bind(compile_source(text), read_frame(of_pandas(LEVELS, CELLS)))
    assert binding.model.labels_of(binding.model.by_name["q"].type) == LEVELS


@pytest.mark.parametrize(
    ("levels", "texts"),
    [
        ([3, 1, 2], ("3", "1", "2")),
        ([0.5, 2.0], ("0.5", "2")),
        (pd.interval_range(0, 3), ("(0, 1]", "(1, 2]", "(2, 3]")),
    ],
)
def test_levels_need_not_be_texts(levels: Any, texts: tuple[str, ...]) -> None:
    column = read_frame(of_pandas(levels, [levels[1], None, levels[0]])).columns["q"]
    assert column.declared == texts
    assert column.labels == (texts[1], texts[0])
    assert column.missing.tolist() == [False, True, False]


def test_reading_options_reach_the_whole_set() -> None:
    frame = of_pandas(["NA", "Bad ", "meh", "MEH", "great"], ["Bad ", "meh", "NA"])
    column = read_frame(frame, na="NA", strip=True, fold_case=True, merge={"great": "meh"}).columns["q"]
    assert column.declared == ("bad", "meh")


def test_a_set_without_order_is_what_the_cells_are() -> None:
    frame = pd.DataFrame({"q": pd.Categorical(["b", "a"], categories=["c", "b", "a"])})
    assert read_frame(frame).columns["q"].declared == ()


def test_effects_are_held_against_a_label_that_a_row_has() -> None:
    r = np.random.default_rng(0)
    frame = of_pandas(LEVELS, list(r.choice(LEVELS[1:], 60))).assign(y=r.normal(size=60))
    text = pgmlang.init(frame, "y").text
    assert '"bad" against "meh"' in text
    assert "b_q_bad ~ Normal" in text
    assert "b_q_meh" not in text

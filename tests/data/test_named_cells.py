"""Texts of `na` and `merge`: a number names the cells of its value, in every kind of source; a text those that are spelt so."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.data import Reading, read_frame
from pgmlang.data.readers import read_batches

VALUES = [1.0, 2.5, -999.0, 4.0, -999.0]
SOURCES: dict[str, Callable[[Any], Any]] = {
    "columns": lambda cells: {"x": cells},
    "text": lambda cells: io.BytesIO("\n".join(["x;y", *(f"{c};1" for c in cells)]).encode()),
    "tabs": lambda cells: io.BytesIO("\n".join(["x\ty", *(f"{c}\t1" for c in cells)]).encode()),
}


def _source(kind: str, tmp_path: Any) -> Any:
    pa = pytest.importorskip("pyarrow")
    if kind == "pandas":
        return pytest.importorskip("pandas").DataFrame({"x": VALUES})
    if kind == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"x": VALUES}), tmp_path / "x.parquet")
        return tmp_path / "x.parquet"
    if kind == "whole":
        return {"x": [1, 2, -999, 4, -999]}
    if kind == "float32":
        return {"x": np.array(VALUES, np.float32)}
    return SOURCES[kind](VALUES)


@pytest.mark.parametrize("kind", ["columns", "text", "tabs", "pandas", "parquet", "whole", "float32"])
@pytest.mark.parametrize("text", ["-999", "-999.0", "-999.00", "-9.99e2", -999, -999.0])
def test_a_number_names_the_cells_of_its_value(kind: str, text: Any, tmp_path: Any) -> None:
    missing = read_frame(_source(kind, tmp_path), na={"x": text})
    assert np.isnan(missing.columns["x"].numbers()).tolist() == [False, False, True, False, True]
    assert not [n for n in missing.notes if "changes nothing" in n]
    merged = read_frame(_source(kind, tmp_path), merge={"x": {text: 7.5}})
    assert merged.columns["x"].numbers()[[2, 4]].tolist() == [7.5, 7.5]


@pytest.mark.parametrize("text", ["-999,5", "-999.5", "-999,50"])
def test_the_decimal_mark_is_the_columns_or_the_point(text: str) -> None:
    reading = Reading.of(na={"x": text}, decimal=",")
    for source in (SOURCES["text"](["1,5", "-999,5", "-999,500"]), {"x": [1.5, -999.5, -999.5]}):
        assert np.isnan(read_frame(source, reading=reading).columns["x"].numbers()).tolist() == [False, True, True]


def test_a_number_that_a_cell_is_read_as_is_written_as_the_columns() -> None:
    frame = read_frame(SOURCES["text"](["1,5", "9,0"]), merge={"x": {9: 2.5}}, decimal=",")
    assert frame.columns["x"].numbers().tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("cells", "text", "left"),
    [
        (["a", "1", "1.0", "01"], "1", ("a", "1.0", "01")),
        (["01067", "1067", "10115"], "1067", ("01067", "10115")),
        (["9007199254740993", "9007199254740992"], "9007199254740992", ("9007199254740993",)),
        (["low", "LOW"], "low", ("LOW",)),
    ],
)
def test_in_a_column_of_text_the_spelling_decides(cells: list[str], text: str, left: tuple[str, ...]) -> None:
    assert read_frame({"x": cells}, na={"x": text}).columns["x"].labels == left
    assert "new" in read_frame({"x": cells}, merge={"x": {text: "new"}}).columns["x"].labels
    assert set(left) <= set(read_frame({"x": cells}, merge={"x": {text: "new"}}).columns["x"].labels)


def test_other_words_for_missing_leave_a_column_one_of_numbers() -> None:
    frame = read_frame({"x": ["1", "?", "9.0", "two"]}, na=["?", "9"], merge={"x": {"two": "2"}})
    np.testing.assert_array_equal(frame.columns["x"].numbers(), [1, np.nan, np.nan, 2])


def test_new_rows_are_compared_as_the_rows_of_the_fit() -> None:
    kept = read_frame({"x": ["low", "1", "high"]}, na={"x": "1"}).reading
    assert Reading.of_json(kept.to_json()) == kept
    assert read_frame({"x": ["1.0"]}, reading=kept).columns["x"].labels == ("1.0",)
    kept = read_frame({"x": [1.0, 2.0, 9.0]}, na={"x": "9"}).reading
    assert read_frame({"x": ["9.0", "9", "3"]}, reading=kept).columns["x"].labels == ("3",)


def test_batches_are_compared_alike() -> None:
    reading = Reading.of(na={"x": "9"})
    batches = list(read_batches({"x": ["1", "low", "9.0", "9"]}, batch_rows=2, reading=reading))
    assert [b.columns["x"].missing.tolist() for b in batches] == [[False, False], [False, True]]


def test_arrays_are_read_as_columns_are() -> None:
    frame = read_frame({"h": np.array([[1, -999], [3, 4]])}, na="-999.0", merge={"h": {3: 5}})
    np.testing.assert_array_equal(frame.arrays["h"], [[1, np.nan], [5, 4]])
    assert len(frame.notes) == 2


def test_truth_values_and_infinities() -> None:
    assert read_frame({"x": [True, False]}, na={"x": "true"}).columns["x"].labels == ("false",)
    assert read_frame({"x": [True, False]}, merge={"x": {True: "yes"}}).columns["x"].labels == ("yes", "false")
    assert read_frame({"x": [1.0, np.inf]}, na={"x": "inf"}).columns["x"].labels == ("1",)


def test_a_fit_takes_a_code_out_of_its_data_and_of_new_rows() -> None:
    model = pgmlang.compile("model t\nparam m : real\nparam s : positive\nplate row { x ~ Normal(m, s) }")
    fit = model.fit({"x": ["1.0", "2.0", "3.0", "-999.0"]}, na={"x": "-999"}, method="map", seed=1)
    assert abs(fit.summary()[0]["mean"] - 2) < 1e-3
    for cells in (["1", "-999"], ["1", "-999.0"], [1, -999], [1.0, -999.0]):
        answer = fit.predict_columns({"x": cells})
        assert answer.columns["x"][1] == pytest.approx(2, abs=1e-3)


BLOCKS = {
    "late text": (["-9", "1", "-9.0", "2", "low", "-9.0"], {"na": "-9"}),
    "early text": (["low", "1", "-9.0", "-9"], {"merge": {"x": {-9: 1}}}),
    "numbers": (["2", "-9", "1.0", "-9.0", "1.00"], {"merge": {"x": {-9: 1}}}),
    "its spelling comes last": (["-9", "1.00", "2", "-9.0", "1"], {"merge": {"x": {-9: 1}}}),
    "no spelling of its own": (["-9", "2.0", "-9.0"], {"merge": {"x": {-9: 1}}}),
    "words": (["?", "3.0", "one", "1.0", "9", "9.0"], {"na": ["?", "9"], "merge": {"x": {"one": "1"}}}),
    "a chain of merges": (["-9", "1.0", "2.0", "-9.0"], {"merge": {"x": {-9: 1, 1: 2}}}),
    "one spelling of a value": (["-9.0", "3", "-9.00"], {"merge": {"x": {"-9.0": "-9"}}}),
    "decimal commas": (["9", "2,50", "1,0", "9,0"], {"merge": {"x": {9: 2.5}}, "decimal": ","}),
    "case": (["Low", "1E1", "9", "LOW", "9.0"], {"merge": {"x": {"low": "10", "9": "10"}}, "fold_case": True}),
    "blanks": ([" 1.0", "9 ", "9.0", " x "], {"merge": {"x": {9: 1}}, "na": "x", "strip": True}),
    "names in digits": (["9", "1", "9.0", "01067"], {"merge": {"x": {9: 1}}}),
}
"""Cells, and options whose numbers name some of them by value or by spelling as the whole column has it."""


def _labels(frames: Any) -> list[str | None]:
    columns = [f.columns["x"] for f in frames]
    return [None if code < 0 else c.labels[code] for c in columns for code in c.codes]


@pytest.mark.parametrize("kind", ["columns", "text", "parquet"])
@pytest.mark.parametrize("name", BLOCKS)
def test_every_size_of_block_reads_what_the_whole_table_does(name: str, kind: str, tmp_path: Any) -> None:
    cells, options = BLOCKS[name]

    def source() -> Any:
        if kind == "parquet":
            pa = pytest.importorskip("pyarrow")
            import pyarrow.parquet as pq

            pq.write_table(pa.table({"x": cells}), tmp_path / "x.parquet")
            return tmp_path / "x.parquet"
        return SOURCES[kind](cells)

    whole = read_frame(source(), **options)
    for rows in range(1, len(cells) + 2):
        frames = list(read_batches(source(), batch_rows=rows, **options))
        assert _labels(frames) == _labels([whole]), rows
        assert {f.reading for f in frames} == {whole.reading}


def test_blocks_of_random_columns_are_read_as_the_whole() -> None:
    rng = np.random.default_rng(7)
    texts = ["1", "1.0", "1.00", "-9", "-9.0", "2.5", "2.50", "a", "?"]
    options = {"merge": {"x": {-9: 1, "a": "2.5"}}, "na": "?"}
    answers = set()
    for _ in range(60):
        cells = rng.choice(texts[: rng.integers(6, len(texts) + 1)], size=8).tolist()
        cells += ["b"] if rng.random() < 0.3 else []
        whole = _labels([read_frame({"x": cells}, **options)])
        answers.add("-9.0" in whole)
        for rows in (1, 2, 3, 5):
            assert _labels(read_batches({"x": cells}, batch_rows=rows, **options)) == whole, (cells, rows)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("late text", [None, "1", "-9.0", "2", "low", "-9.0"]),
        ("early text", ["low", "1", "-9.0", "1"]),
        ("numbers", ["2", "1.0", "1.0", "1.0", "1.00"]),
        ("its spelling comes last", ["1", "1.00", "2", "1", "1"]),
        ("no spelling of its own", ["1", "2.0", "1"]),
        ("words", [None, "3.0", "1.0", "1.0", None, None]),
        ("a chain of merges", ["1", "2.0", "2.0", "1"]),
        ("one spelling of a value", ["-9", "3", "-9"]),
        ("decimal commas", ["2,50", "2,50", "1,0", "2,50"]),
        ("case", ["1e1", "1e1", "1e1", "1e1", "1e1"]),
        ("blanks", ["1.0", "1.0", "1.0", None]),
        ("names in digits", ["1", "1", "9.0", "01067"]),
    ],
)
def test_the_target_of_a_merge_is_written_as_the_columns_number(name: str, labels: list[str | None]) -> None:
    cells, options = BLOCKS[name]
    assert _labels([read_frame({"x": cells}, **options)]) == labels


@pytest.mark.parametrize("values", [[1, 2, 9], np.array([0.1, 2, 9], np.float32), [0.5, 2, 9]])
def test_numbers_that_become_labels_keep_one_spelling(values: Any) -> None:
    whole = read_frame({"x": values}, merge={"x": {2: "two", 9: "1.0"}})
    assert _labels([whole])[1:] == ["two", "1"]
    assert _labels(read_batches({"x": values}, batch_rows=1, merge={"x": {2: "two", 9: "1.0"}})) == _labels(
        [whole]
    )


def test_whole_numbers_too_long_for_a_float_are_compared_as_texts_in_every_block(tmp_path: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [9, 8, 2**53 + 1, 9]}), tmp_path / "x.parquet")
    for text, left in (("9.0", ["9", "8", str(2**53 + 1), "9"]), ("9", [None, "8", str(2**53 + 1), None])):
        assert _labels([read_frame(tmp_path / "x.parquet", na=text)]) == left
        for rows in (1, 2, 3):
            assert _labels(read_batches(tmp_path / "x.parquet", batch_rows=rows, na=text)) == left


def test_float32_numbers_stay_so_where_one_is_merged() -> None:
    frame = read_frame({"x": np.array([0.1, 9], np.float32)}, merge={"x": {9: 0.2}})
    assert frame.columns["x"].labels == ("0.1", "0.2")


def test_new_rows_are_compared_and_written_as_the_fits_column() -> None:
    kept = read_frame({"x": ["1.0", "2.0", "-9"]}, merge={"x": {-9: 1}}).reading
    assert Reading.of_json(kept.to_json()) == kept
    assert read_frame({"x": ["-9", "-9.0", "1", "odd"]}, reading=kept).columns["x"].labels == ("1.0", "1", "odd")


def test_a_streamed_fit_counts_as_one_in_memory(tmp_path: Any) -> None:
    rows = ["1.0,0", "-9.0,1", "2.0,1", "-9,0", "2.0,0"]
    model = pgmlang.compile("model t\nplate r {\n a : {...} ~ Table()\n y : {...} ~ Table(a, prior = 1)\n}")
    for last in ("2.0,1", "x,1"):
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["a,y", *rows, last, ""]))
        whole = model.fit(str(path), merge="a:-9=1")
        for size in (1, 2, 4, 100):
            streamed = model.fit_stream(str(path), merge="a:-9=1", batch_rows=size)
            assert streamed.summary() == whole.summary()

"""What ``write_csv`` writes, ``read_frame`` and other readers read back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmlang.data import fingerprint, read_frame, write_csv
from pgmlang.diagnostics import PgmError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
ODD = ['"', ",", "\n", "\r\n", " x ", "=1+1", "NA", "é", ";", "\t", "'", "𝒳"]
CELL = st.one_of(st.none(), TEXT, st.sampled_from(ODD))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_texts_round_trip(data: st.DataObject) -> None:
    names = data.draw(st.lists(TEXT.filter(lambda t: t.strip()), min_size=1, max_size=4, unique=True))
    rows = data.draw(st.integers(1, 6))
    columns = {n: data.draw(st.lists(CELL, min_size=rows, max_size=rows)) for n in names}
    file = io.BytesIO()
    write_csv(file, columns)
    frame = read_frame(io.BytesIO(file.getvalue()), sep=",")
    assert list(frame.columns) == names
    for name, cells in columns.items():
        labels, codes = frame.column(name).labels_and_codes()
        assert [None if c < 0 else labels[c] for c in codes] == cells
    seen = list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))
    assert seen[1:] == [[c or "" for c in row] for row in zip(*columns.values(), strict=True)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=20), st.booleans())
def test_numbers_round_trip(values: list[float], alone: bool) -> None:
    file = io.BytesIO()
    array = np.array(values)
    write_csv(file, {"x": array} if alone else {"x": array, "k": np.arange(len(values))})
    np.testing.assert_array_equal(read_frame(io.BytesIO(file.getvalue())).column("x").numbers(), array)


def test_plain_cells_are_not_quoted() -> None:
    file = io.BytesIO()
    write_csv(file, {"a": ["x", None], "b": [0.5, 2.0], 'c"': [True, False]})
    assert file.getvalue() == b'a,b,"c"""\nx,0.5,true\n,2,false\n'
    assert not file.closed


def test_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.csv"
    write_csv(path, {"a": ["old"]})
    from pgmlang.data import writer

    def fail(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_lines", fail)
    with pytest.raises(PgmError, match=r"PGM0901.*No space left"):
        write_csv(path, {"a": ["new"]})
    assert path.read_text() == "a\nold\n"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(PgmError, match="PGM0901"):
        write_csv(tmp_path / "none" / "out.csv", {"a": [1]})


def test_many_rows_round_trip(tmp_path: Path) -> None:
    columns = {"a": ["x", "y", None] * 50_000, "b": np.arange(150_000)}
    write_csv(tmp_path / "out.csv", columns)
    frame = read_frame(tmp_path / "out.csv")
    assert frame.num_rows == 150_000
    assert frame.column("a").codes[-3:].tolist() == [0, 1, -1]
    assert fingerprint(frame) == fingerprint(read_frame(tmp_path / "out.csv"))

"""Columns without a name, and names twice."""

from __future__ import annotations

from pathlib import Path

import polars
import pytest

import pgmlang
from pgmlang.data import read_batches, read_frame
from pgmlang.data.column_names import free, named, told_apart
from pgmlang.diagnostics import PgmError


def test_a_column_of_row_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(",y,index\n0,a,1\n1,b,2\n")
    for frame in (read_frame(path), next(read_batches(path)), read_frame(polars.read_csv(path))):
        assert list(frame.columns) == ["index_2", "y", "index"]
        assert any("`index_2`" in note for note in frame.notes)
    assert not read_frame(path, columns=["y"]).notes


def test_a_column_without_a_name_has_its_place_for_one(tmp_path: Path) -> None:
    """Spreadsheets write a separator behind the last cell."""
    path = tmp_path / "d.csv"
    path.write_text("a;b;\n1;2;\n3;5;\n")
    described = pgmlang.describe(str(path))
    assert [r["column"] for r in described.rows] == ["a", "b", "column_3"]
    assert [r.columns for r in described.remarks if r.kind == "constant"] == [("column_3",)]
    assert "column_3" in str(described).splitlines()[1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a", "b"), ("a", "b")),
        (("", "a"), ("index", "a")),
        (("", "a", " "), ("", "a", " ")),  # a line of titles
        (("a", "", "column_2"), ("a", "column_2_2", "column_2")),
    ],
)
def test_names_by_place(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    made, said = named(names)
    assert made == expected
    assert set(said) == set(made) - set(names)


def test_names_twice_are_answered_with_a_header_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x,y,x,x_2\n1,2,3,4\n")
    with pytest.raises(PgmError) as caught:
        read_frame(path)
    cure = caught.value.diagnostics[0].help
    assert cure.startswith("give every column its own name: `x,y,x_3,x_2`")
    path.write_text(cure.split("`")[1] + "\n1,2,3,4\n")
    assert len(read_frame(path).columns) == 4


def test_told_apart() -> None:
    assert told_apart(["a", "a", "a_2", "a"]) == ("a", "a_3", "a_2", "a_4")
    assert free("a", {"b"}) == "a"

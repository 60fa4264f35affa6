"""What is read is what was written: cells, labels, numbers, missing cells and their lines."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from pgmlang.data import Frame, read_frame
from pgmlang.diagnostics import PgmError


def csv(text: str | bytes, **options: Any) -> Frame:
    return read_frame(io.BytesIO(text if isinstance(text, bytes) else text.encode()), name="d.csv", **options)


def cells(frame: Frame, name: str) -> list[str | None]:
    labels, codes = frame.column(name).labels_and_codes()
    return [None if c < 0 else labels[c] for c in codes]


def test_only_empty_cells_are_missing() -> None:
    frame = csv('a,b\nNA,\nnull,""\nNone,TRUE\n 0-5 cm,1_1\nnan,x\n')
    assert cells(frame, "a") == ["NA", "null", "None", " 0-5 cm", "nan"]
    assert cells(frame, "b") == [None, None, "TRUE", "1_1", "x"]
    assert cells(csv("a,b\nNA,1\nx,?\n", na=["NA", "?"]), "a") == [None, "x"]


def test_labels_are_exact_text_in_order_of_appearance() -> None:
    frame = csv("a,b\n1,x\n1.0,x\n01,x\n1,x\n")
    assert frame.column("a").labels == ("1", "1.0", "01")
    assert frame.column("a").codes.tolist() == [0, 1, 2, 0]
    assert frame.column("a").numbers().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", ["1"]),
        ("a,b\né,2\n".encode("utf-16"), ["é"]),
        (b"\xfe\xff" + "a,b\né,2\n".encode("utf-16-be"), ["é"]),
        ("a,b\né,2\n".encode("utf-32"), ["é"]),
        (b"a,b\r\n1,2\r\n3,4\r\n", ["1", "3"]),
        (b"a,b\r1,2\r3,4", ["1", "3"]),
        (b"\n\na,b\n1,2", ["1"]),
        (b'a,b\n"x, ""y""\nz",2\n', ['x, "y"\nz']),
        (b"a;b\n1,5;2\n2,5;3\n", ["1,5", "2,5"]),
        (b"a\tb\n1\t2\n", ["1"]),
        (b"a|b\n1|2\n", ["1"]),
        (b'a,"b;c"\n1,2\n', ["1"]),
        (b"a\n1\n\n2\n\n\n", ["1", None, "2"]),
        (b"a,b\n1,2\n\n3,4\n\n", ["1", "3"]),
        (gzip.compress(b"a,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0), ["1", "3"]),
        (b'a,b\n5" pipe,2\n', ['5" pipe']),
    ],
)
def test_encodings_line_ends_and_separators(content: bytes, expected: list[str | None]) -> None:
    assert cells(csv(content), "a") == expected


def test_lines_of_rows() -> None:
    assert [csv("a,b\n1,2\n3,4\n").row_number(i) for i in range(2)] == [2, 3]
    odd = csv('\n"a\n",b\n"x\ny",2\n\n3,4\n')
    assert [odd.row_number(i) for i in range(2)] == [4, 7]
    assert csv("a,b\n1,2\n3,4\n5,6\n").take(np.array([2])).row_number(0) == 4
    assert read_frame({"a": [1, 2]}).row_number(1) == 2


@pytest.mark.parametrize("text", ["1", "-2.5", "+3", ".5", "5.", "1e-3", " 4 ", "1E5", "-0"])
def test_numbers(text: str) -> None:
    assert csv(f"a,b\n{text},x\n,x\n").column("a").numbers()[0] == float(text)
    assert np.isnan(csv(f"a,b\n{text},x\n,x\n").column("a").numbers()[1])


@pytest.mark.parametrize(
    "text", ["inf", "-Infinity", "nan", "1_1", "0x10", "1;5", "NA", "1e999", "1 2", "١", "--1", "e5"]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(PgmError) as caught:
        csv(f"a,b\n1,x\n{text},x\n").column("a").numbers()
    (found,) = caught.value.diagnostics
    assert (found.code, found.place) == ("PGM0721", "d.csv:3:a")
    assert text in found.message


def test_missing_words_as_numbers() -> None:
    assert np.isnan(csv("a,b\n1,x\nnan,x\n", na=["nan"]).column("a").numbers()[1])


def test_decimal_comma() -> None:
    frame = csv("a;b\n1,5;2\n-2,25;3\n", decimal=",")
    assert frame.column("a").numbers().tolist() == [1.5, -2.25]
    assert csv("a\n1,5\n2,5\n", decimal=",").column("a").numbers().tolist() == [1.5, 2.5]
    with pytest.raises(PgmError, match="decimal"):
        csv("a;b\n1,5;2\n").column("a").numbers()
    with pytest.raises(PgmError, match="thousands"):
        csv('a;b\n"1,234.5";2\n').column("a").numbers()


def test_many_distinct_numbers() -> None:
    values = np.random.default_rng(0).normal(size=500)
    frame = csv("x,k\n" + "".join(f"{v!r},a\n" for v in values.tolist()))
    assert (frame.column("x").numbers() == values).all()
    assert frame.column("x").labels == tuple(map(repr, values.tolist()))
    with pytest.raises(PgmError, match=r"d\.csv:252:x"):
        csv("x,k\n" + "".join(f"{v!r},a\n" for v in values.tolist()[:250]) + "bad,a\n").column("x").numbers()


def test_columns_can_be_chosen() -> None:
    assert list(csv("a,b,c\n1,2,3\n", columns=["c", "a"]).columns) == ["c", "a"]
    with pytest.raises(PgmError, match=r"PGM0720.*did you mean `rain`"):
        csv("rain,b\n1,2\n", columns=["rian"])


TYPED = {
    "i": [1, 2, None, 1],
    "f": [1.0, float("nan"), 0.5, 2.0],
    "s": ["a", None, "", "NA"],
    "b": [True, False, True, True],
}
EXPECTED = {
    "f": ["1", None, "0.5", "2"],
    "s": ["a", None, None, "NA"],
    "b": ["true", "false", "true", "true"],
}


@pytest.mark.parametrize("kind", ["dict", "pandas", "polars", "arrow", "parquet", "feather", "arrow stream"])
def test_typed_sources(kind: str, tmp_path: Path) -> None:
    table = pa.table({n: pa.array(v, from_pandas=True) for n, v in TYPED.items()})
    source: Any = table
    if kind == "dict":
        source = TYPED
    elif kind == "pandas":
        source = pd.DataFrame(TYPED).astype({"i": "Int64"})
    elif kind == "polars":
        source = pl.DataFrame(TYPED)
    elif kind == "parquet":
        source = tmp_path / "d.parquet"
        pyarrow.parquet.write_table(table, source)
    elif kind == "feather":
        source = tmp_path / "d.feather"
        pyarrow.feather.write_feather(table, source)
    elif kind == "arrow stream":
        source = tmp_path / "d.arrow"
        with pa.OSFile(str(source), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    frame = read_frame(source)
    assert {n: cells(frame, n) for n in EXPECTED} == EXPECTED
    assert cells(frame, "i") == ["1", "2", None, "1"]
    np.testing.assert_array_equal(frame.column("f").numbers(), [1, np.nan, 0.5, 2])
    assert frame.column("b").numbers().tolist() == [1, 0, 1, 1]


def test_categories_keep_only_labels_that_occur() -> None:
    category = pd.Categorical(["x", "y", "x"], categories=["z", "y", "x"])
    for source in (pd.DataFrame({"c": category}), pl.from_pandas(pd.DataFrame({"c": category}))):
        assert read_frame(source).column("c").labels == ("x", "y")


def test_large_integers_keep_their_digits() -> None:
    assert read_frame({"a": [2**60 + 1, None]}).column("a").labels == (str(2**60 + 1),)


def test_infinite_cells_of_a_frame() -> None:
    with pytest.raises(PgmError, match=r"PGM0721.*`inf`"):
        read_frame({"a": [1.0, float("inf")]}).column("a").numbers()


def test_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4), np.uint8), y=np.array([1, 2, 3]))
    frame = read_frame(tmp_path / "d.npz")
    assert frame.num_rows == 3
    assert frame.column("y").numbers().tolist() == [1, 2, 3]
    assert frame.arrays["x"].shape == (3, 4)
    np.save(tmp_path / "v.npy", np.asfortranarray(np.arange(6).reshape(2, 3)))
    np.testing.assert_array_equal(read_frame(tmp_path / "v.npy").arrays["v"], np.arange(6).reshape(2, 3))
    mixed = read_frame({"y": [1, 2], "m": [[1, 2], [3, 4]], "N": 2})
    assert (mixed.arrays["m"].shape, mixed.arrays["N"].shape, list(mixed.columns)) == ((2, 2), (), ["y"])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"a": [1, 2], "b": [1]}, "PGM0717"),
        ({"a": [1, "x"]}, "PGM0702"),
        ({"a": []}, "PGM0707"),
        ({}, "PGM0707"),
        ({"": [1]}, "PGM0702"),
        (pd.DataFrame({"a": [1, "x"]}), "PGM0702"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "PGM0704"),
        (pl.DataFrame({"a": []}), "PGM0707"),
        (pd.Series([1, 2]), "PGM0702"),
    ],
)
def test_frames_that_cannot_be_read(source: Any, code: str) -> None:
    with pytest.raises(PgmError) as caught:
        read_frame(source)
    assert caught.value.diagnostics[0].code == code


def test_lists_in_cells_are_refused_only_when_used() -> None:
    frame = read_frame(pa.table({"a": [[1], [2, 3]], "b": [1, 2]}))
    assert frame.column("b").numbers().tolist() == [1, 2]
    with pytest.raises(PgmError, match="list"):
        frame.column("a").numbers()


def test_standard_input() -> None:
    code = "from pgmlang.data import read_frame; print(read_frame('-').column('a').labels)"
    done = subprocess.run([sys.executable, "-c", code], input=b"a,b\nx,1\ny,2\n", capture_output=True, check=True)
    assert done.stdout.decode().strip() == "('x', 'y')"


def test_frame_libraries_are_not_imported() -> None:
    code = "import sys, io; from pgmlang.data import *; f = read_frame(io.BytesIO(b'a,b\\n1,x\\n,y\\n')); "
    code += "f.column('a').numbers(); encode(f.column('b'), sort_labels(f.column('b').labels)); fingerprint(f); "
    code += "write_csv(io.BytesIO(), {'a': [None, 'x'], 'b': f.column('a').numbers()}); "
    code += "print(sorted({'pandas', 'polars', 'torch', 'pyarrow.dataset'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"

"""Every fault of a data file is one diagnostic with its place, read whole or in batches; none is silent."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pgmlang.data import arrays, header, read_batches, read_frame
from pgmlang.diagnostics import Diagnostic, PgmError

CASES: list[tuple[str, str, bytes, str, str, str]] = [
    # name, file, content, code, place, words of the message
    ("empty", "d.csv", b"", "PGM0702", "d.csv", "empty"),
    ("blank lines only", "d.csv", b"\n\r\n\n", "PGM0702", "d.csv", "empty"),
    ("header only", "d.csv", b"a,b\n", "PGM0707", "d.csv", "no rows"),
    ("header only, no line end", "d.csv", b"a,b", "PGM0707", "d.csv", "no rows"),
    ("latin-1", "d.csv", b"a,b\n1,2\nx\xe9,2\n", "PGM0702", "d.csv:3", "0xE9 (`é` in Windows-1252)"),
    ("cut UTF-8", "d.csv", b"a\n\xc3", "PGM0702", "d.csv:2", "not UTF-8"),
    ("cut UTF-16", "d.csv", "a\n1\n".encode("utf-16")[:-1], "PGM0702", "d.csv:2", "UTF-16"),
    ("UTF-16 without mark", "d.csv", "a,b\né,2\n".encode("utf-16-le"), "PGM0702", "d.csv:1", "NUL"),
    ("NUL byte", "d.csv", b"a,b\n1,2\n1,\x002\n", "PGM0702", "d.csv:3", "NUL"),
    ("short row", "d.csv", b"a,b\n1,2\n3\n", "PGM0703", "d.csv:3", "expected 2 cells, got 1"),
    ("long row", "d.csv", b"a,b\n1,2\n\n3,4,5\n", "PGM0703", "d.csv:4", "expected 2 cells, got 3"),
    ("row after line breaks", "d.csv", b'a,b\n"x\ny",2\n3\n', "PGM0703", "d.csv:4", "got 1"),
    ("name twice", "d.csv", b"a,b,a\n1,2,3\n", "PGM0704", "d.csv:1", "2 columns are named `a`"),
    ("no name", "d.csv", b",\n1,2\n", "PGM0702", "d.csv:1", "columns 1, 2 of the header have no name"),
    ("blank name", "d.csv", b"a, ,\n1,2,3\n", "PGM0702", "d.csv:1", "columns 2, 3"),
    ("quote not closed", "d.csv", b'a,b\n1,"x\n2,3\n', "PGM0702", "d.csv:2", "never closed"),
    ("text after a quote", "d.csv", b'a,b\n1,"x"y"\n2,3\n', "PGM0702", "d.csv:2", "behind a closing quote"),
    ("damaged gzip", "d.csv.gz", b"\x1f\x8b\x08\x00rubbish", "PGM0702", "d.csv.gz", "gzip"),
    ("cut gzip", "d.csv.gz", gzip.compress(b"a,b\n" + Random(1).randbytes(999).hex().encode() + b",1\n", mtime=0)[:-9], "PGM0702",
     "d.csv.gz", "gzip"),
    ("zip as CSV", "d.csv", b"PK\x03\x04abcd", "PGM0702", "d.csv", "zip archive"),
    ("Parquet as CSV", "d.csv", b"PAR1abcd", "PGM0702", "d.csv", "Parquet"),
    ("CSV as Parquet", "d.parquet", b"a,b\n1,2\n3,4\n", "PGM0702", "d.parquet", "damaged"),
    ("CSV as Arrow", "d.arrow", b"a,b\n1,2\n3,4\n", "PGM0702", "d.arrow", "damaged"),
    ("CSV as npy", "d.npy", b"a,b\n1,2\n3,4\n", "PGM0702", "d.npy:d", "not a NumPy array"),
    ("CSV as npz", "d.npz", b"a,b\n1,2\n3,4\n", "PGM0702", "d.npz", "damaged"),
    ("Excel", "d.xlsx", b"PK\x03\x04", "PGM0702", "d.xlsx", "`*.xlsx` are not read"),
]  # fmt: skip


def fault(call: Callable[[], Any]) -> Diagnostic:
    with pytest.raises(PgmError) as caught:
        call()
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message
    return diagnostic


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("batches", [False, True])
def test_malformed_file(case: tuple[str, str, bytes, str, str, str], batches: bool, tmp_path: Path) -> None:
    _, file, content, code, place, words = case
    path = tmp_path / file
    path.write_bytes(content)
    found = fault(lambda: list(read_batches(path, name=file)) if batches else read_frame(path, name=file))
    assert (found.code, found.place) == (code, place)
    assert words in found.message
    assert found.help


def test_number_without_header_is_named() -> None:
    found = fault(lambda: read_frame(io.BytesIO(b"1,2,1\n3,4,5\n")))
    assert any("header missing" in note for note in found.notes)


def test_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("a\n1\n")
    found = fault(lambda: read_frame(str(tmp_path / "day.csv")))
    assert found.code == "PGM0701"
    assert "days.csv" in found.help
    assert fault(lambda: read_frame("https://example.org/days.csv")).help.startswith("addresses are not read")


def test_windows_path_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "days.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    if os.sep == "/":
        assert "data/days.csv" in fault(lambda: read_frame(r"data\days.csv")).help


def test_folder_and_odd_paths(tmp_path: Path) -> None:
    assert "folder" in fault(lambda: read_frame(tmp_path)).message
    assert fault(lambda: read_frame("a\0b.csv")).code == "PGM0702"
    assert fault(lambda: read_frame(3)).code == "PGM0702"
    assert "binary" in fault(lambda: read_frame(io.StringIO("a\n1\n"))).help


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.csv"
    path.write_text("a\n1\n")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission" in fault(lambda: read_frame(path)).message


@pytest.mark.parametrize(
    "options", [{"sep": ",,"}, {"sep": "¦"}, {"sep": "a"}, {"decimal": "x"}, {"sep": ",", "decimal": ","}]
)
def test_impossible_options(options: dict[str, str]) -> None:
    assert fault(lambda: read_frame(io.BytesIO(b"a,b\n1,2\n"), **options)).code == "PGM0612"


def test_too_many_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_COLUMNS", 100)
    text = ",".join(f"c{i}" for i in range(101)) + "\n"
    assert fault(lambda: read_frame(io.BytesIO(text.encode()))).code == "PGM0719"


def test_a_million_columns_are_refused_quickly() -> None:
    text = ",".join(map(str, range(1_000_000))) + "\n1\n"
    assert fault(lambda: read_frame(io.BytesIO(text.encode()))).code == "PGM0719"


def test_a_very_long_cell_is_read() -> None:
    frame = read_frame(io.BytesIO(b"a,b\n1," + b"x" * (9 << 20) + b"\n2,3\n"))
    assert [len(x) for x in frame.column("b").labels] == [9 << 20, 1]


def test_a_header_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_LINE", 1 << 16)
    assert "longer than" in fault(lambda: read_frame(io.BytesIO(b"x" * (1 << 20)))).message


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", a=np.array([1, "x", None], object))
    assert "Python objects" in fault(lambda: read_frame(tmp_path / "o.npz")).message


def test_sizes_are_checked_before_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "z.npz", a=np.zeros(100_000))
    monkeypatch.setattr(arrays, "MAX_BYTES", 1000)
    assert fault(lambda: read_frame(tmp_path / "z.npz")).code == "PGM0611"


@pytest.mark.parametrize(("shape", "code"), [((10**6,), "PGM0702"), ((10**12, 10**9), "PGM0611")])
def test_a_header_that_lies_about_its_size(shape: tuple[int, ...], code: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": "<f8"})
    (tmp_path / "lie.npy").write_bytes(file.getvalue() + bytes(64))
    assert fault(lambda: read_frame(tmp_path / "lie.npy")).code == code

"""Files of any kind become text or a problem, never a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.formats import open_text
from tests.formats.networks import told

SAMPLE = "variable größe {\r\n\ttype\n}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings(tmp_path: Path, encoding: str, packed: bool) -> None:
    raw = SAMPLE.encode(encoding)
    path = tmp_path / "no.ending"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    source = open_text(path)
    assert source.text == SAMPLE
    assert source.name == str(path)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"network n { \x00 }", "PGM0108"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "PGM0108"),
        (b"\xff\xfea", "PGM0108"),
        (b"\xef\xbb\xbf\xff", "PGM0108"),
        (b"\x1f\x8b", "PGM0108"),
        (b"\x1f\x8bnot really gzip", "PGM0108"),
        (gzip.compress(b"text" * 1000, mtime=0)[:-20], "PGM0108"),
        (gzip.compress(b"text" * 1000, mtime=0)[:20] + b"\xff" * 30, "PGM0108"),
        (gzip.compress(b"\0" * 5_000_000, mtime=0), "PGM0109"),
        (b"a" * 1_000_001, "PGM0109"),
    ],
)
def test_refusals(tmp_path: Path, raw: bytes, code: str) -> None:
    path = tmp_path / "a.bif"
    path.write_bytes(raw)
    with pytest.raises(PgmError) as caught:
        open_text(path, max_bytes=1_000_000)
    assert told(caught.value) == [code]
    assert str(path) in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "alarm.bif").write_text("x")
    for name, code in (("alram.bif", "PGM0701"), ("alarm.bif/x", "PGM0701"), ("", "PGM0908"), ("a\0b", "PGM0908")):
        with pytest.raises(PgmError) as caught:
            open_text(f"{tmp_path}/{name}")
        assert told(caught.value) == [code]
    with pytest.raises(PgmError, match=r"did you mean `alarm\.bif`\?"):
        open_text(tmp_path / "alram.bif")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert open_text(tmp_path / "empty").text == ""

"""What `compile` is given: a path or a text."""

from __future__ import annotations

from pathlib import Path

import pytest

import pgmlang

TEXT = "plate row { y ~ Normal(0, 1) }"


def test_paths_with_a_tilde_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a~b.pgm", "plain.pgm", "no ending~"):
        (tmp_path / name).write_text(TEXT)
        for source in (name, f"~/{name}", Path("~") / name, tmp_path / name):
            assert pgmlang.compile(source).text == TEXT
    for missing in ("~/none.pgm", "a~none.pgm", "none"):
        with pytest.raises(pgmlang.PgmError, match="PGM0701"):
            pgmlang.compile(missing)


def test_texts_are_texts() -> None:
    for text in (TEXT, f"\n{TEXT}", TEXT + " " * 5000):
        assert pgmlang.compile(text).text == text
    for wrong in ("y ~ ", "~", "~/ is no model"):
        with pytest.raises(pgmlang.CompileError, match="PGM01"):
            pgmlang.compile(wrong)

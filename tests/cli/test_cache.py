"""`pgmc cache`: what is listed, and thrown away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pgmlang.cli.caching import cache
from pgmlang.native.code_files import write_code, write_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGMLANG_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def said(*arguments: str) -> str:
    done = CliRunner().invoke(cache, list(arguments), standalone_mode=False)
    assert done.exception is None
    return done.output


def test_nothing_is_listed_and_made(folder: Path) -> None:
    assert said().startswith("0 programs, 0.0 MB of at most 250, in ")
    assert not folder.exists()


def test_listed_and_cleared(folder: Path) -> None:
    write_text("a" * 32, "# radon as loops, printed from radon.pgm by pgmlang.\n")
    write_code("a" * 32, "f.code", bytes(5_000))
    write_code("b" * 32, "g.code", bytes(1_000))
    text = said()
    assert "radon" in text
    assert "(shared functions)" in text
    assert "2 programs, 0.0 MB" in text
    listed = json.loads(said("--json"))
    assert {p["model"] for p in listed["programs"]} == {"radon", None}
    assert listed["folder"] == str(folder / "native")
    assert listed["bytes"] == sum(p["bytes"] for p in listed["programs"]) > 6_000
    assert listed["not_used_because"] is None
    assert json.loads(said("clear", "--json")) == {"folder": str(folder / "native"), "cleared": 2, "left": 0}
    assert said().startswith("0 programs")


def test_why_nothing_is_kept(folder: Path) -> None:
    write_code("a" * 32, "f.code", b"code")
    (folder / "native").chmod(0o777)
    assert "compiled programs are not kept" in said()
    assert "can be written by others" in json.loads(said("--json"))["not_used_because"]

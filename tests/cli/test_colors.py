"""Colours change no letter, and are there only where they are wanted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgmlang.cli.main import run

TABLES = "plate row {\n  a : {no, yes} ~ Table()\n  b : {ok, bad} ~ Table(a)\n}\n"
LINES = (
    ["summary", "m.fit"],
    ["query", "m.fit", "P(b | a = no)", "P(a)"],
    ["query", "m.fit", "MAP(a, b)"],
    ["diagnose", "m.fit", "--all"],
    ["examples", "sprinkler"],
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("m.pgm").write_text(TABLES)
    Path("m.csv").write_text("a,b\n" + "no,ok\nyes,bad\nno,bad\nyes,ok\n" * 5)
    assert run(["fit", "m.pgm", "m.csv", "-q"]) == 0
    assert capfd.readouterr() == ("", "")
    return tmp_path


def test_colors_change_no_letter(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for line in LINES:
        status = run([*line, "--color", "never"])
        plain = capfd.readouterr().out
        assert "\x1b" not in plain
        assert run([*line, "--color", "always"]) == status
        colored = capfd.readouterr().out
        assert "\x1b[" in colored, line
        assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_rows_of_findings_are_coloured_and_labels_are_not(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(["diagnose", "m.fit", "--all", "--color", "always"])
    assert "\x1b[32mok " in capfd.readouterr().out
    run(["query", "m.fit", "P(b)", "--color", "always"])
    assert "\x1b[32m" not in capfd.readouterr().out


def test_where_colors_are_wanted(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_colored(*more: str, **env: str) -> bool:
        with monkeypatch.context() as inner:
            for name, value in env.items():
                inner.setenv(name, value)
            run(["summary", "m.fit", *more])
        return "\x1b" in capfd.readouterr().out

    assert not is_colored()
    assert is_colored(FORCE_COLOR="1")
    assert not is_colored(FORCE_COLOR="1", NO_COLOR="1")
    assert is_colored("--colour", "always", NO_COLOR="1")
    assert not is_colored("--json", FORCE_COLOR="1")
    # what one command line chose says nothing of the next
    assert not is_colored()


def test_quiet_leaves_results_and_errors(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "m.fit", "P(a)", "-q"]) == 0
    told = capfd.readouterr()
    assert told.out
    assert not told.err
    assert run(["query", "m.fit", "P(zzz)", "-q"]) != 0
    assert "error[" in capfd.readouterr().err
    Path("unused.pgm").write_text("x ~ Normal(0, 1)\nplate row { y ~ Normal(0, 1) }\n")
    Path("unused.csv").write_text("y\n1\n2\n")
    assert run(["fit", "unused.pgm", "unused.csv", "--method", "map", "-q"]) in (0, 69)
    assert "warning" not in capfd.readouterr().err

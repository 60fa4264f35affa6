"""What a shell is offered, by the protocol of click's scripts."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from pgmlang.cli.main import cli

MODEL = "plate row {\n  wet : {no, yes} ~ Table()\n  wind : {no, yes} ~ Table(wet)\n}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rain.pgm").write_text(MODEL)
    Path("rain.csv").write_text("wet,wind,count\nno,no,3\n")
    fit = Path("rain.fit")
    fit.mkdir()
    (fit / "fit.json").write_text("{}")
    (fit / "model.pgm").write_text(MODEL)
    Path("rest").mkdir()
    Path("rest/of.pgm").write_text(MODEL)
    return tmp_path


def offered(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words = line.split(" ")
    monkeypatch.setenv("_PGMC_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(told), pytest.raises(SystemExit):
        cli.main([], prog_name="pgmc")
    told.seek(0)
    return [item.split(",", 1)[1] for item in told.read().splitlines() if item]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pgmc su", ["summary"]),
        ("pgmc summary r", ["rain.fit", "rain.pgm", "rest/"]),
        ("pgmc summary rest/", ["rest/of.pgm"]),
        ("pgmc fit r", ["rain.pgm", "rest/"]),
        ("pgmc fit rain.pgm r", ["rain.csv", "rest/"]),
        ("pgmc fit rain.pgm rain.csv --counts c", ["count"]),
        ("pgmc fit rain.pgm rain.csv --method mea", ["meanfield"]),
        ("pgmc predict rain.fit rain.csv --targets wet,w", ["wet,wet", "wet,wind"]),
        ("pgmc graph rain.pgm --observed wi", ["wind"]),
        ("pgmc plot rain.fit tab", ["tables"]),
        ("pgmc examples sp", ["sprinkler", "sprint"]),
        ("pgmc help LogN", ["LogNormal"]),
        ("pgmc explain --co", ["--color"]),
        ("pgmc summary nowhere/", []),
    ],
)
def test_offers(line: str, expected: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [o for o in offered(line, monkeypatch) if o != "--colour"] == expected

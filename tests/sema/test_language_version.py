"""The first line `pgm 1`: what is read, what is refused, and where it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.diagnostics import CompileError, SourceFile
from pgmlang.sema import language_version
from pgmlang.syntax.format import format_source

MODEL = "plate day { rain : {no, yes} ~ Table() }\n"


def codes(text: str) -> list[str]:
    try:
        return [d.code for d in pgmlang.compile(text).warnings]
    except CompileError as error:
        return [d.code for d in error.diagnostics]


@pytest.mark.parametrize(
    ("known", "good", "bad"),
    [
        ("1.0", ("1", "1.0"), ("1.1", "2", "2.0", "0", "0.9", "1.0e0", "1e0", "10")),
        ("1.2", ("1", "1.0", "1.1", "1.2"), ("1.3", "1.10", "2")),
        ("1.10", ("1.9", "1.10"), ("1.11",)),
        ("2.1", ("2", "2.0", "2.1"), ("1", "1.5", "3")),
    ],
)
def test_versions_are_semantic(
    known: str, good: tuple[str, ...], bad: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_version, "LANGUAGE_VERSION", known)
    for number in good:
        assert codes(f"pgm {number}\n{MODEL}") == []
    for number in bad:
        assert codes(f"pgm {number}\n{MODEL}") == ["PGM0110"]


def test_the_cure_makes_the_text_good() -> None:
    with pytest.raises(CompileError) as newer:
        pgmlang.compile(f"pgm 1.7\n{MODEL}")
    assert "pip install --upgrade pgmlang" in newer.value.diagnostics[0].help
    assert f"`pgm {pgmlang.LANGUAGE_VERSION}`" in newer.value.diagnostics[0].help
    assert codes(f"pgm {pgmlang.LANGUAGE_VERSION}\n{MODEL}") == []


@pytest.mark.parametrize(
    "text",
    [
        f"{MODEL}pgm 1\n",
        f"pgm 1\npgm 1\n{MODEL}",
        f"model weather\npgm 1\n{MODEL}",
        "plate day { pgm 1 ; rain : {no, yes} ~ Table() }\n",
    ],
)
def test_it_stands_once_and_first(text: str) -> None:
    assert codes(text) == ["PGM0111"]


def test_comments_and_blank_lines_may_stand_before_it() -> None:
    assert codes(f"# weather.pgm\n\n\npgm 1\n{MODEL}") == []


def test_pgm_is_a_name_too() -> None:
    assert codes("pgm ~ Normal(0, 1)\nplate row { y ~ Normal(pgm, 1) }\n") == []


def test_fmt_keeps_it() -> None:
    text = format_source(SourceFile("m.pgm", f"pgm 1.0 # ours\nmodel weather\n{MODEL}"))
    assert text.startswith("pgm 1.0")
    assert format_source(SourceFile("m.pgm", text)) == text


def test_a_module_states_its_own() -> None:
    def loader(path: str) -> SourceFile:
        return SourceFile(path, "pgm 3\ndef twice(x) { return 2 * x }\n")

    with pytest.raises(CompileError) as refused:
        pgmlang.compile(
            "import mine.parts\nx ~ Normal(0, 1)\nplate r { y ~ Normal(parts.twice(x), 1) }\n", loader=loader
        )
    assert [d.code for d in refused.value.diagnostics] == ["PGM0110"]


def test_the_version_is_said_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"pgmc {pgmlang.__version__}, language {pgmlang.LANGUAGE_VERSION}\n"
    (tmp_path / "m.pgm").write_text(f"pgm 1\n{MODEL}")
    (tmp_path / "d.csv").write_text("rain\nno\nyes\n")
    assert run(["check", str(tmp_path / "m.pgm"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["language"] == pgmlang.LANGUAGE_VERSION
    assert run(["fit", str(tmp_path / "m.pgm"), str(tmp_path / "d.csv"), "-q"]) == 0
    kept = json.loads((tmp_path / "m.fit" / "fit.json").read_text())["provenance"]["versions"]
    assert kept["language"] == pgmlang.LANGUAGE_VERSION
    assert kept["pgmlang"] == pgmlang.__version__

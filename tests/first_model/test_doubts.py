"""What a first model's table may mean otherwise: said as a comment of the model and as a line, and gone where it is settled."""

from __future__ import annotations

import random
from typing import Any

import pytest
from click.testing import CliRunner

import pgmlang
from pgmlang.cli.main import cli

ROWS = 200


def _numbers(code: Any, times: int) -> list[Any]:
    rng = random.Random(1)
    return [code if i < times else round(rng.uniform(1, 5), 2) for i in range(ROWS)]


TABLES: dict[str, tuple[dict[str, list[Any]], dict[str, Any], str]] = {
    "a code": ({"score": _numbers(-99.0, 30), "y": _numbers(1.5, 1)}, {"na": {"score": "-99"}}, "--na score=-99"),
    "far away": (
        {"height": _numbers(4000.0, 1), "y": _numbers(1.5, 1)},
        {"na": {"height": "4000"}},
        "--na height=4000",
    ),
    "a word": (
        {"x": list(map(str, _numbers("low", 2))), "y": _numbers(1.5, 1)},
        {"na": {"x": "low"}},
        "--na x=low",
    ),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_what_is_not_sure_is_said(kind: str) -> None:
    table, options, typed = TABLES[kind]
    unsure = [r for r in pgmlang.describe(table).remarks if not r.is_sure and r.flags]
    assert unsure, "the table of this test is doubtful"
    made = pgmlang.init(table)
    assert len(made.doubts) == len(unsure)
    assert typed in made.doubts[0]
    assert all(f"# {doubt}" in made.text for doubt in made.doubts)
    pgmlang.compile(made.text)
    assert typed not in made.flags
    assert not pgmlang.init(table, **options).doubts


def test_the_command_says_so(tmp_path: Any) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "\n".join(["score,y", *(f"{a},{b}" for a, b in zip(_numbers(-99, 30), _numbers(1.5, 1), strict=True))])
    )
    result = CliRunner().invoke(cli, ["init", str(file), "-o", str(tmp_path / "t.pgm")])
    said = [line for line in result.output.splitlines() if line.startswith("unsure ")]
    assert len(said) == 1
    assert "--na score=-99" in said[0]
    assert "# score: 30 cells -99" in (tmp_path / "t.pgm").read_text()

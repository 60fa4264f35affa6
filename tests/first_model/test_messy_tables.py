"""Messy tables go through: described, a first model, its fit, and predictions of new rows, by the options that are said."""

from __future__ import annotations

import csv
import shlex
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.diagnostics import SourceFile
from pgmlang.syntax.format import format_source
from tests.first_model.messy_tables import TABLES, Messy, many_rows

by_name = pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)


@by_name
def test_each_is_described(table: Messy, tmp_path: Path) -> None:
    described = pgmlang.describe(str(table.write(tmp_path)))
    assert {c["column"]: c["kind"] for c in described.rows if c["column"] in table.kinds} == table.kinds
    assert set(table.remarks) <= {r.kind for r in described.remarks}, str(described)


@by_name
def test_what_is_sure_mends(table: Messy, tmp_path: Path) -> None:
    """Read by the options that are said, nothing of the kind is said again."""
    path = str(table.write(tmp_path))
    first = pgmlang.describe(path)
    sure = [r for r in first.remarks if r.is_sure]
    for remark in sure:
        again = pgmlang.describe(path, **remark.options.keywords())
        left = [r for r in again.remarks if r.kind == remark.kind and r.message == remark.message]
        assert not left, (remark, left)


@by_name
@pytest.mark.parametrize("with_target", [False, True])
def test_a_first_model_is_good_and_formatted(table: Messy, with_target: bool, tmp_path: Path) -> None:
    path = str(table.write(tmp_path))
    first = pgmlang.init(path, table.target if with_target else None)
    model = pgmlang.compile(first.text)
    assert format_source(SourceFile("m.pgm", first.text)) == first.text
    assert not [d for d in model.compilation.diagnostics if d.code != "PGM0212"]
    bound = model.bind(path, **{k: v for k, v in first.binding.items() if k != "method"})
    for name in table.header:
        is_said = f"# {name}" in first.text or any(name == c for c in first.mapping.values())
        assert is_said or name in (*bound.observed, *bound.values) or pgmlang_name(name) in first.text, name


def pgmlang_name(column: str) -> str:
    from pgmlang.profile.identifiers import identifier

    return identifier(column, ())


@pytest.mark.slow
@by_name
def test_from_the_shell(
    table: Messy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands that are printed are typed as they are."""
    monkeypatch.chdir(tmp_path)
    path = table.write(tmp_path).name
    assert run(["describe", path]) == 0
    assert run(["init", path, "--target", table.target, "-o", "m.pgm"]) == 0
    line = next(x for x in capsys.readouterr().err.splitlines() if x.startswith("next: pgmc "))
    command = shlex.split(line.removeprefix("next: pgmc "))
    # a shorter run than is typed: what it comes to is tested elsewhere
    shorter = [] if "--method" in command else ["--chains", "4", "--warmup", "300", "--draws", "200"]
    assert run([*command, "--seed", "1", *shorter]) == 0
    with open(path, encoding=table.encoding, newline="") as file:
        header, *rows = list(csv.reader(file, delimiter=table.sep))[:9]
    target = header.index(table.target)
    with open("new.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[c for i, c in enumerate(row) if i != target] for row in (header, *rows)])
    capsys.readouterr()
    assert run(["predict", "m.fit", "new.csv"]) == 0
    answers = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(answers) == 8
    name = pgmlang_name(table.target)
    assert all(row[name] for row in answers)


@pytest.mark.slow
def test_predictions_are_near_the_truth(tmp_path: Path) -> None:
    """A regression of the table with words for missing: y is 3 x and noise of sd 5."""
    table = next(t for t in TABLES if t.name == "many_rows")
    path = str(table.write(tmp_path))
    first = pgmlang.init(path, "spent")
    shorter = {"chains": 4, "warmup": 300, "draws": 200}
    fit = pgmlang.compile(first.text).fit(path, seed=1, options=shorter, **first.binding)
    new = {"age": ["30", "?", "80"], "city": ["Oslo", "Narvik", "bergen"]}
    predicted = np.asarray(fit.predict_columns(new, targets=["spent"]).columns["spent"], float)
    assert predicted[0] == pytest.approx(1000 + 90 + 40, abs=25)
    assert predicted[2] == pytest.approx(1000 + 240, abs=25)


@pytest.mark.slow
def test_many_rows_take_seconds(tmp_path: Path) -> None:
    table = replace(TABLES[-1], rows=many_rows(200_000))
    path = str(table.write(tmp_path))
    start = time.process_time()
    described = pgmlang.describe(path)
    first = pgmlang.init(path, "spent")
    assert time.process_time() - start < 20
    assert first.method == "map"
    assert described.rows[0]["kind"] == "id"
    model = pgmlang.compile(first.text)
    fit = model.fit(path, seed=1, **first.binding)
    answers = fit.predict_columns({"age": ["30"], "city": ["Oslo"]}, targets=["spent"])
    assert float(answers.columns["spent"][0]) == pytest.approx(1130, abs=25)


def test_groups_of_a_large_table_have_a_given_spread() -> None:
    """The most probable values of a hierarchy are none: its spread would shrink to nothing."""
    r = np.random.default_rng(3)
    for rows, method in ((300, "auto"), (20_000, "map")):
        group = r.integers(0, 30, rows)
        columns = {
            "school": [f"s{g}" for g in group],
            "x": r.normal(size=rows),
            "y": r.normal(size=rows) + group / 10,
        }
        first = pgmlang.init(columns, "y")
        assert first.method == method
        assert ("school_sd" in first.text) == (method == "auto")
        assert "plate row in school" in first.text
        pgmlang.compile(first.text)

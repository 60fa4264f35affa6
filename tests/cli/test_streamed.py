"""Every method and option beside `--stream`: the numbers of a table read whole, or a refusal with a code and a cure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.plan.registry import METHODS
from tests.hostile.running import End, pgmc

TABLES = "plate row {\n  a : {no, yes} ~ Table(prior = 1)\n  b : {u, v} ~ Table(a)\n}\n"
ROWS = "a,b,n,w,other\n" + "no,u,3,0.5,v\nyes,v,1,2,u\nyes,u,2,1,u\nno,v,1,4,v\nno,u,5,0.1,u\n" * 4
OTHER = {
    "decimal.csv": ROWS.replace("0.5", "0,5").replace("0.1", "0,1").replace(",", ";").replace("0;", "0,"),
    "gaps.csv": ROWS + "?,u,1,1,u\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("m.pgm").write_text(TABLES)
    for name, text in {"rows.csv": ROWS, **OTHER}.items():
        Path(name).write_text(text)
    return tmp_path


def fit(name: str, *arguments: str) -> tuple[End, dict[str, np.ndarray]]:
    """How a fit into a folder ends, and what it learned."""
    end = pgmc(["fit", *arguments, "-o", name, "-q"])
    return end, pgmlang.load(name).params if end.code == 0 else {}


def agree(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> bool:
    return set(one) == set(two) and all(np.array_equal(one[n], two[n]) for n in one)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_methods(method: str, folder: Path) -> None:
    end, streamed = fit("blocks.fit", "m.pgm", "rows.csv", "--stream", "--method", method)
    if method not in ("auto", "ml"):
        assert (end.code, "PGM0602" in end.stderr, f"`{method}` needs all rows" in end.stderr) == (69, True, True)
        assert "--method ml" in end.stderr
        return
    whole_end, whole = fit("whole.fit", "m.pgm", "rows.csv", "--method", method)
    assert (end.code, whole_end.code) == (0, 0)
    assert agree(streamed, whole)


HONOURED = {
    "counts": ["--counts", "n"],
    "weights": ["--weights", "w"],
    "map": ["--map", "b=other"],
    "drop": ["gaps.csv", "--na", "?", "--missing", "drop"],
    "sep and decimal": ["decimal.csv", "--sep", ";", "--decimal", ",", "--weights", "w"],
}
"""Options that change the numbers."""
PASSED = [
    ["--threads", "1"],
    ["--device", "cpu"],
    ["--seed", "3"],
    ["--checkpoint", "5"],
    ["--missing", "error"],
    ["--json"],
]


@pytest.mark.parametrize("option", HONOURED)
def test_an_option_that_changes_the_numbers(option: str, folder: Path) -> None:
    given = HONOURED[option]
    table = [] if given[0].endswith(".csv") else ["rows.csv"]
    _, plain = fit("plain.fit", "m.pgm", "rows.csv")
    end, streamed = fit("blocks.fit", "m.pgm", *table, *given, "--stream")
    _, whole = fit("whole.fit", "m.pgm", *table, *given)
    assert end.code == 0, end.stderr
    assert agree(streamed, whole)
    assert option == "drop" or not agree(streamed, plain)


@pytest.mark.parametrize("given", PASSED, ids=lambda g: g[0])
def test_an_option_that_changes_nothing(given: list[str], folder: Path) -> None:
    end, streamed = fit("blocks.fit", "m.pgm", "rows.csv", *given, "--stream")
    _, whole = fit("whole.fit", "m.pgm", "rows.csv")
    assert end.code == 0, end.stderr
    assert agree(streamed, whole)


REFUSED = [
    (["--hard"], "PGM0612"), (["--max-time", "5"], "PGM0612"), (["--resume"], "PGM0612"), (["--device", "cuda"], "PGM06"),
    (["--epochs", "3"], "PGM0612"), (["--chains", "2"], "PGM0612"), (["-O", "zzz=1"], "PGM0612"), (["--fix", "zzz=1"], "PGM0612"),
    (["--fix", "a=1"], "PGM0612"), (["--hide", "b"], "PGM0602"), (["--counts", "zzz"], "PGM0720"), (["--counts", "w"], "PGM0716"),
    (["--counts", "n", "--weights", "w"], "PGM0716"), (["--observe", "a=no"], "PGM0720"), (["--map", "b=zzz"], "PGM0720"),
    (["--set", "zzz=1"], "PGM"), (["--method", "zzz"], "PGM06"), (["--sep", ";"], "PGM07"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "code"), REFUSED, ids=lambda g: " ".join(g) if isinstance(g, list) else g)
def test_what_blocks_cannot_honour_is_refused(given: list[str], code: str, folder: Path) -> None:
    end, _ = fit("blocks.fit", "m.pgm", "rows.csv", *given, "--stream")
    assert end.code not in (0, 70), end
    assert re.search(rf"error\[{code}", end.stderr), end.stderr
    assert not Path("blocks.fit").exists()


MODELS = {
    "bdeu": ("plate row { a : {no, yes} ~ Table(prior = bdeu(5))\n b : {u, v} ~ Table(a, prior = bdeu(3)) }\n", ""),
    "rows given": ("plate row { a : {no, yes} ~ Table() { 0.2, 0.8 }\n b : {u, v} ~ Table(a) }\n", ""),
    "open labels": ("plate row { a : {...} ~ Table()\n b : {...} ~ Table(a) }\n", ""),
    "by": ("plate other { plate row { a : {no, yes} ~ Table(by = other) } }\n", ""),
    "a latent": ("plate row { a : {no, yes} ~ Table()\n h : {p, q} ~ Table(a)\n b : {u, v} ~ Table(h) }\n", "PGM0602"),
    "a density": ("param m : real\nplate row { w ~ Normal(m, 1) }\n", "PGM0602"),
    "fields": ("param w : real\nplate row { field a : {no, yes}, b : {u, v}\n factor if a == no then w else 0 }\n", "PGM0602"),
    "a chain": ("plate row = chain { a : {no, yes} ~ Table(prior = 1) }\n", "PGM0714"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, folder: Path) -> None:
    text, code = MODELS[name]
    Path("m.pgm").write_text(text)
    end, streamed = fit("blocks.fit", "m.pgm", "rows.csv", "--stream")
    if code:
        assert (end.code not in (0, 70), f"error[{code}]" in end.stderr) == (True, True), end.stderr
        assert "help" in end.stderr
        return
    assert end.code == 0, end.stderr
    whole_end, whole = fit("whole.fit", "m.pgm", "rows.csv")
    assert whole_end.code == 0, whole_end.stderr
    assert agree(streamed, whole)


def test_a_missing_cell_is_refused(folder: Path) -> None:
    end, _ = fit("blocks.fit", "m.pgm", "gaps.csv", "--na", "?", "--stream")
    assert (end.code, "PGM0602" in end.stderr, "help" in end.stderr) == (69, True, True)

"""The layout record of bound data as a person reads it, and that it is the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pgmlang
from pgmlang.binding.layout_report import layout_report
from pgmlang.cli.main import cli

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
TABLES = {
    "schools": "school,sd,y\nA,15,28\nB,10,8\nC,16,-3\n",
    "hmm": "seq,step,y\na,1,0.5\nb,1,2\na,2,\nb,2,3\na,3,1.5\n",
    "lda": "doc,w\nd1,cat\nd1,dog\nd2,cat\nd2,\n",
    "crossed": "user,item,r\n" + "".join(f"u{i % 3},i{i % 11},{i}\n" for i in range(12)),
    "ising": "s.0,s.1,s.2,s.3,s.4,s.5\n1,-1,1,,1,1\n-1,-1,1,1,1,1\n",
}
TEXTS = {"ising": "param J : real\nplate row {\n  plate site = grid(2, 3) { field s : spin }\n"
                  "  plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }\n}\n"}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_bound_layout_is_as_it_was_read(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    data = tmp_path / "data.csv"
    data.write_text(TABLES[name], encoding="utf-8")
    model = ROOT / "examples" / "language" / f"{name}.pgm"
    if name in TEXTS:
        model = tmp_path / f"{name}.pgm"
        model.write_text(TEXTS[name], encoding="utf-8")
    done = CliRunner().invoke(cli, ["compile", str(model), str(data), "--stage", "layout"], catch_exceptions=False)
    assert done.exit_code == 0
    golden = GOLDEN / f"{name}.bound_layout.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(done.output, encoding="utf-8")
    assert done.output == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(4))
def test_sequences_are_those_of_a_loop(seed: int) -> None:
    """Positions and rows before, read back from the text, for rows of several sequences in any order."""
    rng = np.random.default_rng(seed)
    groups = [f"g{i}" for i in rng.integers(0, 3, 8)]
    text = "plate g { m ~ Normal(0, 1) }\nplate t in g = chain { y ~ Normal(if first then m else prev(y), 1) }\n"
    bound = pgmlang.compile(text).bind({"g": groups, "y": rng.normal(size=8)})
    lines = dict(line.strip().split(": ", 1) for line in layout_report(bound) if ": " in line)
    seen: dict[str, list[int]] = {}
    positions, before = [], []
    for row, group in enumerate(groups):
        positions.append(str(len(seen.get(group, []))))
        before.append(str(seen[group][-1]) if group in seen else "-")
        seen.setdefault(group, []).append(row)
    assert lines["position of each t"] == ", ".join(positions)
    assert lines["before each t"] == ", ".join(before)
    names = list(dict.fromkeys(groups)) if lines["g"].startswith(groups[0]) else sorted(set(groups))
    assert lines["g of each t"] == ", ".join(str(names.index(g)) for g in groups)
    lengths = sorted(len(rows) for rows in seen.values())
    spread = f"{lengths[0]} rows" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]} rows"
    assert lines["t"] == f"{len(seen)} {'sequence' if len(seen) == 1 else 'sequences'} of {spread}"


@pytest.mark.parametrize("seed", range(3))
def test_missing_cells_are_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=6)
    y[rng.choice(6, 2, replace=False)] = np.nan
    bound = pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n").bind({"y": y})
    (line,) = (line for line in layout_report(bound) if "y[row]" in line)
    assert line.strip() == "y[row]: 4 given, 2 missing: " + ", ".join(
        f"[{i}]" for i in np.flatnonzero(np.isnan(y))
    )


OPTIONS = ("--sep=;", "--decimal=,", "--na=x", "--missing=drop", "--map=y=z", "--observe=y=1", "--hide=y", "--counts=n",
           "--weights=w")  # fmt: skip


@pytest.mark.parametrize(
    "command", [["plan"], ["graph", "-o", "-"], ["compile"], ["compile", "--stage", "layout"]]
)
@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_data_are_refused_without_data(command: list[str], option: str) -> None:
    model = str(ROOT / "examples" / "language" / "schools.pgm")
    done = CliRunner().invoke(cli, [command[0], model, *command[1:], option])
    assert done.exit_code == 2
    assert option.split("=")[0] in done.output


@pytest.mark.parametrize("stage", ["syntax", "model", "normal", "plan", "torch", "pyro"])
def test_other_stages_refuse_data(stage: str) -> None:
    model = str(ROOT / "examples" / "language" / "schools.pgm")
    done = CliRunner().invoke(cli, ["compile", model, "data.csv", "--stage", stage])
    assert done.exit_code == 2
    assert "--stage layout" in done.output

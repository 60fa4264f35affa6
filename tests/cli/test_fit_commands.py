"""fit, query, predict, score, sample, summary, logz, convert and init, from the shell; and all that can go wrong."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import EXAMPLES, Run

MODEL = "model two\nplate row {\n  a : {no, yes} ~ Table()\n  b : {no, yes} ~ Table(a)\n}\n"
ROWS = "a,b\n" + "no,no\n" * 6 + "no,yes\n" * 2 + "yes,yes\n" * 4


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "two.pgm").write_text(MODEL)
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


def test_the_main_job(pgmc: Run, model: Path) -> None:
    done = pgmc("fit", "two.pgm", "rows.csv", "--seed", 1)
    assert done.returncode == 0
    assert "observed  a, b" in done.stderr
    assert "pgmc query" in done.stdout
    document = json.loads(pgmc("query", "two.fit", "P(a | b = yes)", "--json").stdout)
    assert set(document) == {"query", "method", "variables", "table", "log_evidence"}
    p = {row["a"]: row["p"] for row in document["table"]}
    assert p["yes"] == pytest.approx(4 / 6)
    assert document["log_evidence"] == pytest.approx(np.log(0.5))
    several = json.loads(pgmc("query", "two.fit", "P(a)", "MAP(*)", "--json").stdout)
    assert [d["query"] for d in several] == ["P(a)", "MAP(*)"]
    summary = json.loads(pgmc("summary", "two.fit", "--json").stdout)
    assert {r["name"] for r in summary["variables"]} == {"a", "b"}
    assert all({"name", "mean", "sd"} <= set(r) for r in summary["variables"])
    assert json.loads(pgmc("logz", "two.fit", "--evidence", "b = yes", "--json").stdout)["log_z"] == pytest.approx(
        np.log(0.5)
    )


def test_predict_score_and_sample(pgmc: Run, model: Path) -> None:
    pgmc("fit", "two.pgm", "rows.csv", "-q")
    (model / "new.csv").write_text("b\nyes\nno\n")
    assert pgmc("predict", "two.fit", "new.csv", "-o", "out.csv").returncode == 0
    lines = (model / "out.csv").read_text().splitlines()
    assert lines[0].replace('"', "").split(",")[0] == "a"
    assert lines[0].replace('"', "").endswith("log_evidence")
    assert len(lines) == 3
    document = json.loads(pgmc("score", "two.fit", "rows.csv", "--json").stdout)
    expected = 6 * np.log(8 / 12 * 6 / 8) + 2 * np.log(8 / 12 * 2 / 8) + 4 * np.log(4 / 12)
    assert document["log_likelihood"] == pytest.approx(expected)
    draws = pgmc("sample", "two.fit", "-n", 50, "--seed", 3, "--evidence", "a = yes").stdout.splitlines()
    assert draws[0] == "a,b"
    assert draws[1:] == ["yes,yes"] * 50


def test_same_seed_same_bytes(pgmc: Run, model: Path) -> None:
    for name in ("x.fit", "y.fit"):
        pgmc("fit", "two.pgm", "rows.csv", "--seed", 5, "-o", name, "-q")
    one, two = ((model / n / "parameters.safetensors").read_bytes() for n in ("x.fit", "y.fit"))
    assert one == two


def test_a_model_with_given_tables_answers_without_a_fit(pgmc: Run) -> None:
    done = pgmc("query", EXAMPLES / "asia" / "asia.pgm", "P(lung | asia = yes, dysp = yes)")
    assert "0.0995" in done.stdout
    assert pgmc("query", EXAMPLES / "titanic" / "titanic.pgm", "P(sex)").returncode == 69


def test_quoted_names_and_labels(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text('plate row { x_1 : {"0-5 cm", more} ~ Table()\n y : {a, b} ~ Table(x_1) }\n')
    (tmp_path / "d.csv").write_text("x.1,y\n0-5 cm,a\nmore,b\n0-5 cm,b\n")
    done = pgmc("fit", "m.pgm", "d.csv")
    assert "x.1 is x_1" in done.stderr
    assert json.loads(pgmc("query", "m.fit", 'P(y | "x_1" = "0-5 cm")', "--json").stdout)["table"][0]["p"] == 0.5


def test_convert_there_and_back(pgmc: Run, tmp_path: Path) -> None:
    assert pgmc("convert", EXAMPLES / "asia" / "asia.pgm", "a.bif").returncode == 0
    assert pgmc("convert", "a.bif", "b.pgm").returncode == 0
    assert pgmc("convert", "b.pgm", "c.bif").returncode == 0
    one, two = (tmp_path / "a.bif").read_text(), (tmp_path / "c.bif").read_text()
    assert one.split("{", 1)[1] == two.split("{", 1)[1]
    assert (
        pgmc("query", "a.bif", "P(lung | dysp = yes)").stdout
        == pgmc("query", "b.pgm", "P(lung | dysp = yes)").stdout
    )
    assert pgmc("convert", "a.bif", "b.pgm").returncode == 73
    assert pgmc("convert", "a.bif", "a.xyz").returncode == 69


def test_init_writes_a_model_that_fits(pgmc: Run, model: Path) -> None:
    made = pgmc("init", "rows.csv", "--target", "a", "--classifier", "naive-bayes", "-o", "first.pgm")
    assert made.returncode == 0
    assert "next: pgmc fit first.pgm rows.csv" in made.stderr
    assert pgmc("fit", "first.pgm", "rows.csv").returncode == 0
    assert "P(a" in pgmc("summary", "first.fit").stdout


def test_streaming_equals_reading_whole(pgmc: Run, model: Path) -> None:
    pgmc("fit", "two.pgm", "rows.csv", "-o", "whole.fit", "-q")
    assert pgmc("fit", "two.pgm", "rows.csv", "-o", "blocks.fit", "-q", "--stream").returncode == 0
    one, two = ((model / n / "parameters.safetensors").read_bytes() for n in ("whole.fit", "blocks.fit"))
    assert one == two
    (model / "holes.csv").write_text("a,b\nno,\n")
    assert pgmc("fit", "two.pgm", "holes.csv", "-o", "x.fit", "--stream").returncode == 69


def test_latent_variables_take_em(pgmc: Run) -> None:
    folder = EXAMPLES / "roleconflict"
    done = pgmc("fit", folder / "roleconflict.pgm", folder / "roleconflict.csv", "--counts", "count", "--seed", 1,
                "-o", "r.fit", "--json")  # fmt: skip
    document = json.loads(done.stdout)
    assert document["method"] == "em"
    counts = np.array([42, 23, 6, 25, 6, 24, 7, 38, 1, 4, 1, 6, 2, 9, 2, 20], dtype=float)
    saturated = float((counts * np.log(counts / counts.sum())).sum())
    deviance = 2 * (saturated - document["log_likelihood"])
    assert deviance == pytest.approx(2.72, abs=0.01), "Goodman 1974"


@pytest.mark.parametrize(
    ("model_name", "method"),
    [
        ("vae", "elbo"),
        ("ebm", "ml"),
        ("rbm", "ml"),
        ("crf", "ml"),
        ("dbn", "layerwise"),
        ("hmm", "hmc"),
    ],
)
def test_plans_without_data(pgmc: Run, model_name: str, method: str) -> None:
    done = pgmc("plan", EXAMPLES / "language" / f"{model_name}.pgm")
    assert done.returncode == 0
    assert f"{method} for" in done.stdout or f": {method}" in done.stdout


@pytest.mark.parametrize("method", ["hmc", "gibbs", "meanfield", "bp", "mh"])
def test_methods_to_come_are_refused(pgmc: Run, model: Path, method: str) -> None:
    done = pgmc("fit", "two.pgm", "rows.csv", "--method", method)
    assert done.returncode == 69
    assert not (model / "two.fit").exists()


def test_unknown_methods_are_answered(pgmc: Run, model: Path) -> None:
    done = pgmc("fit", "two.pgm", "rows.csv", "--method", "me")
    assert done.returncode == 64
    assert "`em`" in done.stderr


BAD_TABLES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 65),
    "header only": (b"a,b\n", 65),
    "ragged": (b"a,b\nno,no\nno,no,no\n", 65),
    "repeated header": (b"a,a\nno,no\n", 65),
    "unknown label": (b"a,b\nno,Yes\n", 65),
    "binary": (b"\x00\x01\x02\x03" * 50, 65),
    "latin-1": (b"a,b\nn\xe9,no\n", 65),
    "no column": (b"c,d\n1,2\n", 65),
    "near miss": (b"A,b\nno,no\n", 65),
    "all missing": (b"a,b\n,\n,\n", 65),
    "damaged gzip": (b"\x1f\x8b\x08\x00garbage", 65),
    "bom": (b"\xef\xbb\xbfa,b\nno,no\n", 0),
    "utf-16": ("a,b\nno,yes\n".encode("utf-16"), 0),
    "crlf": (b"a,b\r\nno,no\r\nyes,no\r\n", 0),
    "semicolons": (b"a;b\nno;no\n", 0),
    "quoted": (b'"a","b"\n"no","yes"\n', 0),
    "missing cells": (b"a,b\nno,\n,yes\nyes,yes\n", 0),
    "one column missing": (b"a,b\nno,\nyes,\n", 0),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_odd_tables_have_an_outcome(pgmc: Run, model: Path, name: str) -> None:
    content, code = BAD_TABLES[name]
    (model / "t.csv").write_bytes(content)
    done = pgmc("fit", "two.pgm", "t.csv", "--seed", 1)
    assert done.returncode == code, done.stderr
    assert (model / "two.fit").exists() == (code == 0), "no half-written fit"
    if code:
        assert "error[PGM07" in done.stderr
        assert "help:" in done.stderr


def test_a_million_columns(pgmc: Run, model: Path) -> None:
    (model / "wide.csv").write_text(
        ",".join(f"c{i}" for i in range(1_000_000)) + "\n" + ",".join("1" for _ in range(1_000_000)) + "\n"
    )
    done = pgmc("fit", "two.pgm", "wide.csv")
    assert done.returncode == 65
    assert "PGM0719" in done.stderr


def test_missing_inputs_and_outputs(pgmc: Run, model: Path) -> None:
    assert pgmc("fit", "two.pgm", "nosuch.csv").returncode == 66
    assert pgmc("fit", "nosuch.pgm", "rows.csv").returncode == 66
    assert pgmc("query", "nosuch.fit", "P(a)").returncode == 66
    assert pgmc("fit", "two.pgm", "rows.csv", "-o", "/proc/x/two.fit").returncode == 73
    assert pgmc("fit", "two.pgm", "rows.csv", "-q").returncode == 0
    assert pgmc("fit", "two.pgm", "rows.csv", "-q").returncode == 73
    assert pgmc("fit", "two.pgm", "rows.csv", "-q", "--force").returncode == 0
    assert pgmc("query", "two.pgm", "P(a)").returncode == 69
    assert pgmc("summary", "two.pgm").returncode == 65


def test_impossible_evidence_is_refused(pgmc: Run, model: Path) -> None:
    pgmc("fit", "two.pgm", "rows.csv", "-q")
    done = pgmc("query", "two.fit", "P(b | a = yes, b = no)")
    assert done.returncode == 65
    assert "PGM0609" in done.stderr


def test_unicode_names_and_numbers_as_labels(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text(
        "plate row { größe : {1, 2, 10} ~ Table()\n 变量 : {...} ~ Table(größe) }\n", encoding="utf-8"
    )
    (tmp_path / "d.csv").write_text("größe,变量\n1,ä\n10,ß\n2,ä\n", encoding="utf-8")
    assert pgmc("fit", "m.pgm", "d.csv").returncode == 0
    assert json.loads(pgmc("query", "m.fit", "P(变量 | größe = 10)", "--json").stdout)["table"][0] == {
        "变量": "ß",
        "p": 1.0,
    }


def test_other_formats(pgmc: Run, model: Path) -> None:
    import pyarrow as pa
    from pyarrow import feather, parquet

    columns = {k: [line.split(",")[i] for line in ROWS.splitlines()[1:]] for i, k in enumerate("ab")}
    parquet.write_table(pa.table(columns), model / "rows.parquet")
    feather.write_feather(pa.table(columns), str(model / "rows.arrow"), compression="uncompressed")
    (model / "rows.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    np.savez(model / "rows.npz", **{k: np.array(v) for k, v in columns.items()})
    for i, name in enumerate(["rows.csv", "rows.parquet", "rows.arrow", "rows.csv.gz", "rows.npz"]):
        done = pgmc("fit", "two.pgm", name, "-o", f"{i}.fit", "-q")
        assert done.returncode == 0, (name, done.stderr)
    tables = {(model / f"{i}.fit" / "parameters.safetensors").read_bytes() for i in range(5)}
    assert len(tables) == 1


def test_ctrl_c_keeps_what_was_done(tmp_path: Path) -> None:
    """EM is interrupted in the middle: exit 130 and a whole fit, or no fit at all."""
    names = [f"x{i}" for i in range(12)]
    (tmp_path / "m.pgm").write_text(
        "plate row {\n  k : {a, b, c, d} ~ Table()\n"
        + "".join(f"  {n} : {{no, yes}} ~ Table(k)\n" for n in names)
        + "}\n"
    )
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (20_000, 12))
    text = ",".join(names) + "\n" + "\n".join(",".join("yes" if v else "no" for v in r) for r in rows) + "\n"
    (tmp_path / "d.csv").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "pgmlang.cli.main", "fit", "m.pgm", "d.csv", "--seed", "1", "--tolerance", "0",
         "--max-iterations", "100000"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("iteration"):
            break
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == 130
    assert (tmp_path / "m.fit" / "fit.json").exists()
    assert json.loads((tmp_path / "m.fit" / "fit.json").read_text())["status"] == "stopped"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".m.fit")]


def test_max_time_stops_and_keeps(pgmc: Run, tmp_path: Path) -> None:
    folder = EXAMPLES / "roleconflict"
    done = pgmc("fit", folder / "roleconflict.pgm", folder / "roleconflict.csv", "--counts", "count", "--max-time", "0.001",
                "-o", "r.fit", "--seed", 1)  # fmt: skip
    assert done.returncode == 75
    assert (tmp_path / "r.fit" / "fit.json").exists()


@pytest.mark.slow
def test_twenty_million_rows_in_bounded_memory(tmp_path: Path) -> None:
    """A CSV of 20 million rows learns its tables with less memory than the file is long."""
    (tmp_path / "m.pgm").write_text(
        "plate row { a : {...} ~ Table()\n b : {...} ~ Table(a)\n c : {...} ~ Table(a, b) }\n"
    )
    rng = np.random.default_rng(0)
    with open(tmp_path / "d.csv", "w") as file:
        file.write("a,b,c\n")
        for _ in range(20):
            a = rng.integers(0, 3, 1_000_000)
            b = (a + (rng.random(len(a)) < 0.3)) % 3
            c = (b + (rng.random(len(a)) < 0.1)) % 3
            np.savetxt(file, np.stack([a, b, c], 1), fmt="label%d", delimiter=",")
    code = (
        "import resource, pgmlang; fit = pgmlang.compile('m.pgm').fit_stream('d.csv');"
        "print(fit.record.provenance['rows'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss);"
        "print(fit.params['b.table'][0, 1])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    rows, peak, share = done.stdout.split()
    assert int(rows) == 20_000_000
    assert int(peak) * 1024 < 0.9 * (tmp_path / "d.csv").stat().st_size or int(peak) < 900_000
    assert float(share) == pytest.approx(0.3, abs=0.002)


def test_eight_schools_from_the_shell(pgmc: Run) -> None:
    folder = EXAMPLES / "schools"
    done = pgmc("fit", folder / "schools.pgm", folder / "schools.csv", "--seed", 1, "--draws", 200, "--warmup", 300,
                "-o", "s.fit")  # fmt: skip
    assert done.returncode == 0
    assert "hmc: " in done.stdout
    rows = {r["name"]: r for r in json.loads(pgmc("summary", "s.fit", "--json").stdout)["variables"]}
    # the reference posterior of posteriordb, eight_schools_noncentered
    for name, mean, sd in [("mu", 4.41, 3.31), ("tau", 3.60, 3.20)]:
        assert abs(rows[name]["mean"] - mean) < 5 * rows[name]["mcse"]
        assert rows[name]["sd"] == pytest.approx(sd, rel=0.15)
        assert rows[name]["r_hat"] < 1.05
    answer = json.loads(pgmc("query", "s.fit", "E(mu)", "--json").stdout)
    assert answer["table"][0]["mean"] == pytest.approx(rows["mu"]["mean"])
    done = pgmc("predict", "s.fit", folder / "schools.csv", "--json")
    assert len(json.loads(done.stdout)["effect"]) == 8


def test_a_sampler_stopped_in_its_warmup(pgmc: Run) -> None:
    folder = EXAMPLES / "schools"
    done = pgmc("fit", folder / "schools.pgm", folder / "schools.csv", "--max-time", 0.001, "-o", "s.fit")
    assert done.returncode == 75
    assert "PGM0804" in done.stderr
    assert not Path("s.fit").exists()


@pytest.mark.slow
def test_a_gaussian_network_file(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text(
        '{"nodes": ["a", "b"], "arcs": [["a", "b"]], "cpds": {"a": {"coefficients": {"(Intercept)": [1]}, "variance": [4], '
        '"parents": []}, "b": {"coefficients": {"(Intercept)": [0], "a": [2]}, "variance": [1], "parents": ["a"]}}}'
    )
    (tmp_path / "rows.csv").write_text("a,b\n,3\n1,\n")
    for source in ("g.json", "h.pgm"):
        asked = pgmc("query", source, "E(a | b = 3)", "E(b | do(a = 2))", "P(a | b = 3, a = 2)", "--json")
        table = json.loads(asked.stdout)
        assert table[0]["table"][0]["mean"] == pytest.approx(1 + 8 / 17)
        assert table[1]["table"][0]["mean"] == pytest.approx(4)
        assert table[2]["diagnostics"][0]["code"] == "PGM0606"
        assert json.loads(pgmc("predict", source, "rows.csv", "--json").stdout)["b"] == pytest.approx([3, 2])
        assert pgmc("logz", source, "--evidence", "b = 3", "--json").stdout
        assert pgmc("sample", source, "-n", "2", "--seed", "1", "--evidence", "b = 3").stdout.count(",3\n") == 2
        assert pgmc("convert", source, "h.pgm", "--force").returncode == 0
    assert pgmc("convert", "h.pgm", "i.json").returncode == 0
    assert json.loads((tmp_path / "i.json").read_text()) == json.loads((tmp_path / "g.json").read_text())
    assert pgmc("graph", "g.json", "-o", "g.svg").returncode == 0
    assert pgmc("convert", "g.json", "g.bif").returncode == 69
    assert pgmc("convert", EXAMPLES / "asia" / "asia.pgm", "a.json").returncode == 69

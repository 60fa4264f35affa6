"""check, fmt, graph, plan, compile, explain, from the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import EXAMPLES, Run

MODELS = sorted(EXAMPLES.glob("*/*.pgm"))


@pytest.mark.parametrize("model", MODELS, ids=lambda p: p.stem)
def test_every_example_checks_without_a_warning(pgmc: Run, model: Path) -> None:
    done = pgmc("check", model)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("model", MODELS, ids=lambda p: p.stem)
def test_every_example_is_formatted(pgmc: Run, model: Path) -> None:
    assert pgmc("fmt", "--check", model).returncode == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda p: p.stem)
def test_every_example_is_drawn(pgmc: Run, model: Path, tmp_path: Path) -> None:
    assert pgmc("graph", model, "-o", "a.svg").returncode == 0
    assert "</svg>" in (tmp_path / "a.svg").read_text()
    assert pgmc("graph", model, "-o", "a.dot").returncode == 0
    assert (tmp_path / "a.dot").read_text().startswith("digraph")


def test_png(pgmc: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert pgmc("graph", EXAMPLES / "asia" / "asia.pgm", "-o", "a.png", "--observed", "dysp").returncode == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_all_errors_are_told_as_json_too(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text("x ~ Normall(0, 1)\ny ~ Normal(z, 1)\n")
    done = pgmc("check", "m.pgm", "--json")
    assert done.returncode == 65
    document = json.loads(done.stdout)
    assert not document["ok"]
    assert [(d["code"], d["line"], d["column"]) for d in document["diagnostics"]] == [
        ("PGM0203", 1, 5),
        ("PGM0201", 2, 12),
    ]
    assert done.stderr.startswith("m.pgm:1:5: error[PGM0203]")


def test_a_light_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pgmlang.cli.main import run; run(['check', sys.argv[1]]); run(['--help']);"
        "run(['fmt', '--check', sys.argv[1]]); run(['graph', sys.argv[1], '-o', '-']);"
        "bad = {'torch', 'pyro', 'pyarrow', 'matplotlib', 'networkx'} & set(sys.modules); assert not bad, bad"
    )
    model = EXAMPLES / "asia" / "asia.pgm"
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import pgmlang, sys; assert not {'torch', 'numpy', 'lark', 'pyarrow'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_stages_are_printed(pgmc: Run) -> None:
    model = EXAMPLES / "language" / "hmm.pgm"
    assert "PlateBlock(" in pgmc("compile", model, "--stage", "syntax").stdout
    assert "p(z |" in pgmc("compile", model, "--stage", "model").stdout


def test_settings(pgmc: Run) -> None:
    model = EXAMPLES / "language" / "lda.pgm"
    assert "plate topic[7]" in pgmc("compile", model, "--stage", "model", "--set", "topics=7").stdout
    assert pgmc("check", model, "--set", "topic=7").returncode == 65


def test_explain(pgmc: Run) -> None:
    done = pgmc("explain", "PGM0302")
    assert done.returncode == 0
    assert "This is refused" in done.stdout
    assert pgmc("explain", "PGM9999").returncode == 64


@pytest.mark.parametrize("verb", ["learn", "report", "lsp", "serve"])
def test_verbs_to_come_are_refused(pgmc: Run, verb: str) -> None:
    done = pgmc(verb, "x")
    assert done.returncode == 69
    assert "PGM0605" in done.stderr


def test_usage_errors(pgmc: Run) -> None:
    assert pgmc("chekc", "x").returncode == 64
    assert "did you mean `check`" in pgmc("chekc", "x").stderr
    assert pgmc("fit").returncode == 64
    assert pgmc("check", "nosuch.pgm").returncode == 66


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "good"),
        (b"\x00\x01\x02binary", "PGM0108"),
        (b"\xff\xfe\x00x", "PGM0108"),
        ("\ufeffx ~ Normal(0, 1)\n".encode(), "good"),
        (b"x ~ Normal(" + b"(" * 20_000, "PGM01"),
        (b"x = " + b"-" * 5_000 + b"1\n", "PGM0107"),
        (b"x ~ Normal(" + b"1 + " * 50_000 + b"1, 1)\n", "PGM0107"),
        ("größe ~ Normal(0, 1)\n变量 ~ Normal(größe, 1)\n".encode(), "good"),
    ],
)
def test_odd_files(pgmc: Run, tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "m.pgm").write_bytes(content)
    done = pgmc("check", "m.pgm")
    assert done.returncode == (0 if code == "good" else 65)
    assert code == "good" or code in done.stderr


def test_a_huge_file_is_refused_before_it_is_read(pgmc: Run, tmp_path: Path) -> None:
    with open(tmp_path / "m.pgm", "wb") as file:
        file.truncate(100 << 20)
    done = pgmc("check", "m.pgm")
    assert done.returncode == 65
    assert "PGM0109" in done.stderr


def test_a_folder_is_no_model(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").mkdir()
    assert pgmc("check", "m.pgm").returncode == 66


def test_imports_stay_in_the_models_folder(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text("import parts\nx ~ Normal(0, 1)\ny ~ Normal(parts.twice(x), 1)\n")
    (tmp_path / "parts.pgm").write_text("def twice(x) { return 2 * x }\n")
    assert pgmc("check", "m.pgm").returncode == 0
    (tmp_path / "parts.pgm").unlink()
    (tmp_path / "parts.pgm").symlink_to("/etc/passwd")
    assert "PGM0205" in pgmc("check", "m.pgm").stderr


def test_import_cycles_are_named(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text("import a\nx ~ Normal(a.f(1), 1)\n")
    (tmp_path / "a.pgm").write_text("import b\ndef f(x) { return x }\n")
    (tmp_path / "b.pgm").write_text("import a\n")
    done = pgmc("check", "m.pgm")
    assert done.returncode == 65
    assert "a -> b -> a" in done.stderr


def test_unwritable_output(pgmc: Run) -> None:
    done = pgmc("graph", EXAMPLES / "asia" / "asia.pgm", "-o", "/proc/nowhere/a.svg")
    assert done.returncode == 73
    assert "PGM0901" in done.stderr

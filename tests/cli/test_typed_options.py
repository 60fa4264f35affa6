"""`-O NAME=VALUE` and flags of methods on the command line: of the option's type, or refused with its name and a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.running import pgmc

MODEL = "m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n"
SHORT = ["-O", "warmup=5", "-O", "draws=5"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("m.pgm").write_text(MODEL)
    Path("d.csv").write_text("y\n0.5\n1.5\n")
    return ["fit", "m.pgm", "d.csv", "-q", "--seed", "1"]


TAKEN = [
    ("hmc", ["-O", "chains=2", *SHORT]),
    ("hmc", ["-O", "chains=2e0", *SHORT]),
    ("hmc", ["-O", "chains=2.0", *SHORT]),
    ("hmc", ["--option", "chains=2", *SHORT]),
    ("hmc", ["-O", " chains = 2 ", *SHORT]),
    ("hmc", ["-O", "chains=2", "-O", "dtype=float32", *SHORT]),
    ("map", ["-O", "max-iterations=50"]),
    ("map", ["-O", "max_iterations=50"]),
    ("map", ["-O", "tolerance=1"]),
    ("map", ["-O", "restarts=None"]),
    ("hmc", ["-O", "chains=None", *SHORT]),
    ("map", ["-O", "optimizer=adam", "-O", "epochs=2", "-O", "learning_rate=1"]),
]


@pytest.mark.parametrize(("method", "given"), TAKEN)
def test_a_value_of_the_type(method: str, given: list[str], files: list[str]) -> None:
    end = pgmc([*files, "--method", method, *given])
    assert end.code == 0, end.stderr


REFUSED = [
    ("hmc", ["-O", "chains=abc"], "chains"), ("hmc", ["-O", "chains=1.5"], "chains"), ("hmc", ["-O", "chains=0"], "chains"),
    ("hmc", ["-O", "chains=-1"], "chains"), ("hmc", ["-O", "chains=nan"], "chains"), ("hmc", ["-O", "chains=inf"], "chains"),
    ("hmc", ["-O", "chains=1e30"], "chains"), ("hmc", ["-O", "chains=true"], "chains"),
    ("hmc", ["-O", "chains="], "chains"), ("hmc", ["-O", "dtype=int"], "dtype"), ("hmc", ["-O", "dtype=64"], "dtype"),
    ("hmc", ["-O", "step=1"], "step"), ("hmc", ["-O", "epochs=3"], "epochs"), ("map", ["-O", "tolerance=-1"], "tolerance"),
    ("map", ["-O", "tolerance=small"], "tolerance"), ("map", ["-O", "tolerance=nan"], "tolerance"),
    ("map", ["-O", "optimizer=sgd"], "optimizer"), ("map", ["-O", "optimizer=1"], "optimizer"),
    ("map", ["-O", "learning_rate=0.1"], "learning_rate"), ("map", ["-O", "max_iterations=true"], "max_iterations"),
    ("map", ["-O", "max_iterations"], "max_iterations"), ("map", ["-O", "=3"], "=3"),
    ("map", ["-O", "restarts=2", "-O", "restarts=3"], "restarts"), ("map", ["-O", "restarts=2", "--restarts", "3"], "restarts"),
    ("em", ["-O", "hard=maybe"], ""), ("auto", ["-O", "zzz=1"], "zzz"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "given", "named"), REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else None
)
def test_another_value_is_refused(method: str, given: list[str], named: str, files: list[str]) -> None:
    end = pgmc([*files, "--method", method, *given])
    assert end.code in ((64,) if named else (64, 69)), (given, end)
    assert "error[PGM06" in end.stderr
    assert named in end.stderr
    assert "help" in end.stderr
    assert not Path("m.fit").exists()


FLAGS = [
    "--chains=abc",
    "--chains=0",
    "--chains=1.5",
    "--dtype=int",
    "--tolerance=-1",
    "--learning-rate=0",
    "--validation=2",
]


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_says_the_same(flag: str, files: list[str]) -> None:
    end = pgmc([*files, "--method", "hmc", flag])
    assert end.code == 64, end
    assert flag.partition("=")[0] in end.stderr

"""Whose folder a checkpoint's is: ours is gone on from or replaced when asked, and anything else is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hostile.running import pgmc

MODEL = "m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n"
DATA = "y\n0.5\n1.5\n2.0\n"
PARTIAL = "m.fit.partial"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.pgm").write_text(MODEL)
    (tmp_path / "d.csv").write_text(DATA)
    return tmp_path


def fit(folder: Path, *more: str) -> tuple[int, str]:
    words = ["fit", str(folder / "m.pgm"), str(folder / "d.csv"), "--method", "gibbs", "--seed", "1", "-q",
             "--chains", "2", "--warmup", "20", "--draws", "20", *more]  # fmt: skip
    end = pgmc(words)
    return end.code, end.stderr


def stopped(folder: Path) -> Path:
    code, _ = fit(folder, "--max-time", "0", "--checkpoint", "0")
    assert code == 75
    assert (folder / PARTIAL / "state.json").is_file()
    return folder / PARTIAL


def test_a_run_that_was_stopped_is_not_begun_anew_unasked(folder: Path) -> None:
    partial = stopped(folder)
    before = (partial / "state.json").read_bytes()
    code, message = fit(folder)
    assert code == 73
    assert "PGM0902" in message
    assert "--resume" in message
    assert "--force" in message
    assert (partial / "state.json").read_bytes() == before


@pytest.mark.parametrize("option", ["--resume", "--force"])
def test_what_the_message_says_works(folder: Path, option: str) -> None:
    partial = stopped(folder)
    code, message = fit(folder, option)
    assert code == 0, message
    assert not partial.exists()
    assert (folder / "m.fit" / "fit.json").is_file()


def test_resuming_what_was_never_begun_is_an_error(folder: Path) -> None:
    code, message = fit(folder, "--resume")
    assert code == 66
    assert "PGM0701" in message


@pytest.mark.parametrize("name", ["thesis.txt", "state.json", "state-1.safetensors.txt", "sub/file.txt"])
@pytest.mark.parametrize("options", [(), ("--force",), ("--resume",)])
def test_what_is_not_ours_is_left_alone(folder: Path, name: str, options: tuple[str, ...]) -> None:
    path = folder / PARTIAL / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    code, message = fit(folder, *options)
    assert code != 0
    assert "PGM0" in message
    assert path.read_text() == "years of work"


def test_a_file_of_a_stranger_beside_a_checkpoint_is_kept(folder: Path) -> None:
    partial = stopped(folder)
    (partial / "notes.txt").write_text("mine")
    for options in ((), ("--resume",), ("--force",)):
        code, message = fit(folder, *options)
        assert code == 73
        assert "notes.txt" in message
    assert (partial / "notes.txt").read_text() == "mine"
    assert (partial / "state.json").is_file()


def test_a_link_is_not_followed(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "state.json").write_text(
        json.dumps({"key": {"seed": 1}, "steps": 1, "arrays": "", "state": 0})
    )
    (folder / PARTIAL).symlink_to(folder / "elsewhere")
    for options in ((), ("--force",), ("--resume",)):
        assert fit(folder, *options)[0] == 73
    assert (folder / "elsewhere" / "state.json").is_file()

"""Faults far down a large text table: the process says them and ends, with no thread of the reader left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NUMBERS = "m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n"
LABELS = "plate row { y : {a, b} ~ Table() }\n"


@pytest.mark.parametrize(
    ("text", "bad", "options", "code"),
    [
        (NUMBERS, b"\xff\n", (), "PGM0702"),
        (LABELS, b"\xff\n", ("--stream",), "PGM0702"),
        (LABELS, b"c\n", ("--stream",), "PGM0705"),
    ],
)
@pytest.mark.parametrize("place", [10, 2_000_000])
def test_a_fault_ends_the_process(
    tmp_path: Path, text: str, bad: bytes, options: tuple[str, ...], code: str, place: int
) -> None:
    good = b"1.5\n" if text == NUMBERS else b"a\n"
    (tmp_path / "m.pgm").write_text(text)
    (tmp_path / "d.csv").write_bytes(b"y\n" + good * place + bad + good * 4_000_000)
    command = [sys.executable, "-m", "pgmlang", "fit", "m.pgm", "d.csv", "-o", "m.fit", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 65, done.stderr[-1000:]
    assert code in done.stderr
    assert "terminate" not in done.stderr

"""Damaged data files end in a diagnostic: never in a crash, and never in a full machine."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pgmlang.data import read_frame
from pgmlang.diagnostics import PgmError
from tests.data.damage import SUFFIXES

ROOT = Path(__file__).parents[2]


def fuzz(suffix: str, count: int, seed: int, folder: Path) -> None:
    command = [sys.executable, "-m", "tests.data.damage", suffix, str(count), str(seed), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert "PGM07" in done.stdout, "no damage was seen"


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_a_diagnostic(suffix: str, tmp_path: Path) -> None:
    fuzz(suffix, 150, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("seed", range(2, 6))
def test_much_damage_is_a_diagnostic(suffix: str, seed: int, tmp_path: Path) -> None:
    fuzz(suffix, 4000, seed, tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    line = b"1,2,3,4\n" * (1 << 17)
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as out:
        out.write(b"a,b,c,d\n")
        for _ in range(100):
            out.write(line)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(10 << 20))
    for name in ("bomb.csv.gz", "bomb.npz"):
        with pytest.raises(PgmError) as caught:
            read_frame(str(tmp_path / name))
        assert "200 times" in caught.value.diagnostics[0].message

"""Programs on disk: what is compiled afresh and what is loaded give the same bytes, with any number of threads and without a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgmlang.native.program_files import cache_folder, clear_programs, load_program

ROOT = Path(__file__).parents[2]
CODE = """
import hashlib, sys
import numpy as np, torch
torch.set_num_threads(int(sys.argv[1]))
import pgmlang
rng = np.random.default_rng(0)
text = "a ~ Normal(0, 1)\\nb ~ Normal(0, 1)\\ns ~ HalfNormal(1)\\nplate r {\\n  input x : real\\n  y ~ Normal(a + b * x, s)\\n}"
rows = {"x": rng.normal(size=203), "y": rng.normal(size=203)}
options = {"chains": 6, "warmup": 30, "draws": 20, "backend": "native"}
draws = pgmlang.compile(text).fit(rows, method="hmc", seed=2, options=options).draws
print(hashlib.sha256(b"".join(np.ascontiguousarray(draws[n]).tobytes() for n in sorted(draws))).hexdigest())
"""


def drawn(folder: str, threads: int) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, str(threads)], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"PGMLANG_CACHE": folder},
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    runs = [(tmp_path / "one", 1), (tmp_path / "one", 1), (tmp_path / "one", 2), (tmp_path / "file", 2)]
    assert len({drawn(str(folder), threads) for folder, threads in runs}) == 1


def test_programs_are_kept_by_their_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGMLANG_CACHE", str(tmp_path / "kept"))
    assert cache_folder() == tmp_path / "kept"
    one = load_program("value = 1\n")
    assert one is load_program("value = 1\n")
    assert (one.value, load_program("value = 2\n").value) == (1, 2)
    assert clear_programs() == 2
    assert clear_programs() == 0

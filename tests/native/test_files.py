"""Programs on disk: what is compiled afresh and what is loaded give the same bytes, with any number of threads and without a folder; what is
there is read only where it is whole and this user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgmlang.native import code_files
from pgmlang.native.code_files import (
    cache_folder,
    clear_programs,
    kept_programs,
    read_code,
    why_not_kept,
    write_code,
    write_text,
)
from pgmlang.native.program_files import load_program

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
SQUARE = "from pgmlang.native.compiled import compiled\n\n@compiled\ndef square(x):\n    return x * x\n"
SUM = """
import sys
from pgmlang.native.program_files import load_program
module = load_program(sys.argv[1])
print(module.square(3.0), dict(module.square.stats.cache_hits) != {})
"""
others_only = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")


def started(code: str, *arguments: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PGMLANG_CACHE": str(folder)} | environment,
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.strip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGMLANG_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.mark.slow
def test_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    runs = [(tmp_path / "one", 1), (tmp_path / "one", 1), (tmp_path / "one", 2), (tmp_path / "file", 4)]
    assert len({answer(started(CODE, str(threads), folder=folder)) for folder, threads in runs}) == 1


def test_programs_are_kept_by_their_text(folder: Path) -> None:
    assert cache_folder() == folder
    one = load_program("value = 1\n")
    assert one is load_program("value = 1\n")
    assert (one.value, load_program("value = 2\n").value) == (1, 2)
    assert len(kept_programs()) == 2
    assert clear_programs() == 2
    assert clear_programs() == 0


def test_code_is_read_by_the_next_process_and_by_those_beside(tmp_path: Path) -> None:
    at_once = [started(SUM, SQUARE, folder=tmp_path) for _ in range(2)]
    assert all(answer(p).startswith("9.0") for p in at_once)
    assert answer(started(SUM, SQUARE, folder=tmp_path)) == "9.0 True"
    # another processor, which has other instructions, has files of its own
    assert answer(started(SUM, SQUARE, folder=tmp_path, NUMBA_CPU_NAME="generic")) == "9.0 False"


@pytest.mark.parametrize(
    "spoil",
    [lambda b: b[: len(b) // 2], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b"", lambda b: b"x" * 99],
)
def test_a_spoiled_file_is_compiled_again(folder: Path, spoil: object) -> None:
    write_text("key", "# m as loops\n")
    write_code("key", "f.code", b"machine code")
    assert read_code("key", "f.code") == b"machine code"
    path = folder / "native" / "key" / "f.code"
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    assert read_code("key", "f.code") is None
    write_code("key", "f.code", b"machine code")
    assert read_code("key", "f.code") == b"machine code"
    # nor is one that was moved there
    path.rename(path.with_name("g.code"))
    assert read_code("key", "g.code") is None


def test_a_spoiled_program_still_runs(tmp_path: Path) -> None:
    assert answer(started(SUM, SQUARE, folder=tmp_path)) == "9.0 False"
    files = list((tmp_path / "native").glob("*/square-*.code"))
    assert len(files) == 1
    files[0].write_bytes(files[0].read_bytes()[:-7])
    assert answer(started(SUM, SQUARE, folder=tmp_path)) == "9.0 False"
    assert answer(started(SUM, SQUARE, folder=tmp_path)) == "9.0 True"


@others_only
def test_what_others_can_write_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text("key", "# m as loops\n")
    write_code("key", "f.code", b"machine code")
    native = folder / "native"
    for place in (native / "key" / "f.code", native / "key", native):
        mode = place.stat().st_mode
        assert mode & 0o077 == 0
        place.chmod(mode | 0o020)
        assert read_code("key", "f.code") is None
        place.chmod(mode)
        assert read_code("key", "f.code") is not None
    native.chmod(0o777)
    assert "can be written by others" in (why_not_kept() or "")
    write_code("key", "g.code", b"more")
    assert not (native / "key" / "g.code").exists()
    native.chmod(0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert "belongs to another user" in (why_not_kept() or "")
    assert read_code("key", "f.code") is None


@others_only
def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    write_code("key", "f.code", b"machine code")
    place = folder / "native" / "key" / "f.code"
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert read_code("key", "f.code") is None
    clear_programs()
    (folder / "native").rmdir()
    (tmp_path / "other").mkdir(mode=0o700)
    (folder / "native").symlink_to(tmp_path / "other")
    assert "is a link" in (why_not_kept() or "")


def test_a_place_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PGMLANG_CACHE", str(tmp_path / "file"))
    assert "cannot be made" in (why_not_kept() or "")
    write_code("key", "f.code", b"machine code")
    assert read_code("key", "f.code") is None
    assert kept_programs() == []
    assert answer(started(SUM, SQUARE, folder=tmp_path / "file")) == "9.0 False"


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PGMLANG_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert why_not_kept() == "there is no home folder to keep them in"
    assert load_program("value = 3\n").value == 3
    assert (kept_programs(), clear_programs()) == ([], 0)


def test_the_oldest_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_files, "MOST_BYTES", 2500)
    for i, key in enumerate(("a", "b", "c")):
        write_text(key, f"# model{key} as loops\n")
        write_code(key, "f.code", bytes(900))
        os.utime(folder / "native" / key, (i + 1, i + 1))
    assert [p.key for p in kept_programs()] == ["c", "b", "a"]
    assert read_code("a", "f.code") is not None  # the last used again
    write_text("d", "# modeld as loops\n")
    assert {p.key for p in kept_programs()} == {"a", "c", "d"}
    assert {p.name for p in kept_programs()} == {"modela", "modelc", "modeld"}

"""Folders of fits with any file damaged: every verb that reads them answers, or refuses with a code."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.hostile.command_lines import ended_well
from tests.hostile.running import pgmc

MODELS = {
    "draws": ("m ~ Normal(0, 1)\nz : {a, b} ~ Table() { 0.5, 0.5 }\nplate row { y ~ Normal(if z == a then m else -m, 1) }\n", "y\n0.5\n1.5\n",
              ["--method", "gibbs", "--chains", "2", "--warmup", "5", "--draws", "5"]),
    "tables": ("plate row {\n a : {...} ~ Table(prior = 1)\n b : {no, yes} ~ Table(a)\n}\n", "a,b\nx,no\ny,yes\nx,yes\n", []),
    "point": ("param w : real\nparam s : positive\nplate row { y ~ Normal(w, s) }\n", "y\n0.5\n1.5\n", ["--method", "map"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = {}
    for name, (text, rows, options) in MODELS.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "m.pgm").write_text(text)
        (folder / "d.csv").write_text(rows)
        end = pgmc(["fit", str(folder / "m.pgm"), str(folder / "d.csv"), "--seed", "1", "-q", *options])
        assert end.code == 0, end.stderr
        out[name] = folder
    return out


def cut(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def flipped(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 20))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def emptied(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def removed(path: Path, rng: random.Random) -> None:
    path.unlink()


def swapped(path: Path, rng: random.Random) -> None:
    other = rng.choice([p for p in path.parent.iterdir() if p != path])
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def folder_in_place(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def other_arrays(path: Path, rng: random.Random) -> None:
    """Arrays of other shapes and kinds, and other numbers in them."""
    if path.suffix != ".safetensors":
        return
    arrays = load_file(path)
    if not arrays:
        return
    name = rng.choice(list(arrays))
    array = arrays[name]
    changes: list[Callable[[], np.ndarray]] = [
        lambda: array[..., None], lambda: array.reshape(-1)[:1], lambda: np.zeros((0,)), lambda: array.astype(np.int8),
        lambda: array.astype(bool), lambda: np.full_like(array, -7), lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, np.inf), lambda: np.full(array.shape, 1e300), lambda: np.concatenate([array, array]) if array.ndim else array,
        lambda: array.T.copy(),
    ]  # fmt: skip
    arrays[name] = np.ascontiguousarray(rng.choice(changes)())
    if rng.random() < 0.2:
        arrays["zzz"] = arrays.pop(name)
    save_file(arrays, path)


DAMAGES = (cut, flipped, emptied, removed, swapped, folder_in_place, other_arrays)


@pytest.mark.parametrize("kind", list(MODELS))
@pytest.mark.parametrize(
    "seeds", [range(35), pytest.param(range(35, 1_500), marks=[pytest.mark.slow, pytest.mark.timeout(1_800)])],
    ids=["few", "many"],
)  # fmt: skip
def test_damage_is_seen_or_harmless(fits: dict[str, Path], kind: str, seeds: range, tmp_path: Path) -> None:
    data = fits[kind] / "d.csv"
    refused = 0
    for seed in seeds:
        rng = random.Random(seed)
        folder = tmp_path / f"{seed}.fit"
        shutil.copytree(fits[kind] / "m.fit", folder)
        path = rng.choice(sorted(folder.iterdir()))
        damage = DAMAGES[seed % len(DAMAGES)]
        damage(path, rng)
        for words in (["summary", folder], ["diagnose", folder], ["predict", folder, data], ["score", folder, data],
                      ["query", folder, "P(a)"], ["query", folder, "E(y)"], ["sample", folder, "-n", "2", "--seed", "1"],
                      ["compare", folder, folder], ["graph", folder, "-o", tmp_path / "g.svg"]):  # fmt: skip
            arguments = [str(w) for w in words]
            end = pgmc(arguments)
            assert not (fault := ended_well(arguments, end)), (
                seed,
                damage,
                path.name,
                words[0],
                fault,
                end.stderr[-3000:],
            )
            refused += end.code == 65
        shutil.rmtree(folder)
    assert refused > len(seeds), "no damage was seen"

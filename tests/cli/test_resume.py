"""Runs that are killed go on from their checkpoint and end in the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS = {
    "hmc": ("schools/schools.pgm", "schools/schools.csv", ["--method", "hmc", "--chains", "2", "--warmup", "120", "--draws", "100"]),
    "elbo": ("digits/vae.pgm", "digits/train.csv", ["--method", "elbo", "--batch", "100", "--epochs", "40"]),
    "gibbs": ("iris/mixture.pgm", "iris/iris.csv", ["--method", "gibbs", "--chains", "2", "--warmup", "100", "--draws", "150"]),
    "pcd": ("digits/rbm.pgm", "digits/train.csv", ["--method", "pcd", "--epochs", "15"]),
    "em": ("iris/mixture.pgm", "iris/iris.csv", ["--method", "em", "--restarts", "2"]),
    "tempering": ("kidiq/kidiq.pgm", "kidiq/kidiq.csv", ["--method", "tempering", "--chains", "2", "--warmup", "60", "--draws", "60"]),
    "layerwise": ("digits/dbn.pgm", "digits/train.csv", ["--method", "layerwise", "--epochs", "12"]),
}  # fmt: skip


def command(name: str, folder: Path, *more: str) -> list[str]:
    model, data, options = RUNS[name]
    return [sys.executable, "-m", "pgmlang.cli.main", "fit", str(EXAMPLES / model), str(EXAMPLES / data), "--seed", "3", "-q",
            "-o", str(folder), "--checkpoint", "0.05", *options, *more]  # fmt: skip


def arrays(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    return {f.name: load_file(f) for f in sorted(folder.glob("*.safetensors"))}


def again(folder: Path) -> list[str]:
    """How to go on: from the checkpoint where there is one."""
    if (folder.with_name(f"{folder.name}.partial") / "state.json").is_file():
        return ["--resume"]
    return ["--force"]


def killed_and_resumed(name: str, tmp_path: Path, kills: int, seed: int) -> None:
    whole, broken = tmp_path / "whole.fit", tmp_path / "broken.fit"
    before = time.monotonic()
    assert subprocess.run(command(name, whole), capture_output=True).returncode == 0
    length = time.monotonic() - before
    rng = random.Random(seed)
    for _ in range(kills):
        process = subprocess.Popen(
            command(name, broken, *again(broken)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(0.5, 1.0) * length)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert subprocess.run(command(name, broken, *again(broken)), capture_output=True).returncode == 0
    one, other = arrays(whole), arrays(broken)
    assert one.keys() == other.keys()
    for file in one:
        assert one[file].keys() == other[file].keys()
        for key, value in one[file].items():
            assert value.tobytes() == other[file][key].tobytes(), (name, file, key)
    assert not (tmp_path / "broken.fit.partial").exists()


def test_three_kills_end_in_the_same_bytes(tmp_path: Path) -> None:
    killed_and_resumed("hmc", tmp_path, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(RUNS))
@pytest.mark.parametrize("seed", [2, 3])
def test_kills_at_random_moments(name: str, seed: int, tmp_path: Path) -> None:
    killed_and_resumed(name, tmp_path, 4, seed)


@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        chosen = command("pcd", tmp_path / folder, "--method", name, "--epochs", "2")
        assert subprocess.run(chosen, capture_output=True).returncode == 0
    one, other = (arrays(tmp_path / f)["parameters.safetensors"] for f in ("one", "two"))
    assert all(one[k].tobytes() == other[k].tobytes() for k in one)


def test_stopped_by_time_and_gone_on(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.fit", tmp_path / "broken.fit"
    assert subprocess.run(command("pcd", whole), capture_output=True).returncode == 0
    stopped = subprocess.run(command("pcd", broken, "--max-time", "0.3"), capture_output=True)
    assert stopped.returncode == 75
    assert (broken / "fit.json").is_file(), "what was done is kept"
    other = subprocess.run(command("pcd", broken, "--resume", "--k", "2"), capture_output=True, text=True)
    assert other.returncode == 65
    assert "another options" in other.stderr
    assert subprocess.run(command("pcd", broken, "--resume"), capture_output=True).returncode == 0
    for key, value in arrays(whole)["parameters.safetensors"].items():
        assert value.tobytes() == arrays(broken)["parameters.safetensors"][key].tobytes()


def test_stopped_within_the_warm_up_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "out.fit"
    line = [word for word in command("hmc", folder, "--max-time", "3") if word != "-q"]
    stopped = subprocess.run([*line, "--warmup", "50000"], capture_output=True, text=True, timeout=120)
    assert stopped.returncode == 75, stopped.stderr
    assert "within the warm-up" in stopped.stderr
    assert "with --resume" in stopped.stderr
    assert "out.fit.partial" in stopped.stderr
    assert (tmp_path / "out.fit.partial" / "state.json").is_file()


def test_sigterm_keeps_the_state(tmp_path: Path) -> None:
    folder = tmp_path / "a.fit"
    process = subprocess.Popen(
        command("gibbs", folder, "--draws", "20000"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    partial = tmp_path / "a.fit.partial" / "state.json"
    deadline = time.monotonic() + 60
    while not partial.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 75
    assert partial.is_file()


def test_a_hostile_checkpoint_makes_nothing(tmp_path: Path) -> None:
    from pgmlang.infer.checkpoint import _decoded

    for record in ("os:system", "pgmlang.infer.run:run", "pgmlang.cli.main:main", "subprocess:Popen"):
        with pytest.raises((ValueError, AttributeError)):
            _decoded({"record": record, "fields": {}}, {}, "cpu")

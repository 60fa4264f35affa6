"""CONTRIBUTING, proven: a method, a sampler kernel, a code, a check, a picture and a verb of a package beside pgmlang, one file each,
work through ``pgmc`` and Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOYS = Path(__file__).parent / "toys"
ENTRY_POINTS = """
[pgmlang.methods]
closedform = toy_method:METHOD

[pgmlang.codes]
TOY0001 = toy_method:TOO_FEW

[pgmlang.kernels]
doubling = toy_kernel:ROW

[pgmlang.checks]
depth = toy_check:CHECK

[pgmlang.plots]
sizes = toy_plot:KIND

[pgmlang.verbs]
count = toy_verb:count
"""
MEAN = "param m : real\nplate row { y ~ Normal(m, 1) }\n"
POSTERIOR = "mu ~ Normal(0, 10)\nplate row { y ~ Normal(mu, 1) }\n"
LABELLED = """mu ~ Normal(0, 10)
plate row {
  z : {a, b} ~ Table() { 0.5, 0.5 }
  y ~ Normal(if z == a then mu else mu + 1, 1)
}
"""
Y = np.array([0.3, 1.9, 2.2, 1.1, 0.7, 2.4])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, as pip leaves one, and a folder with models and rows."""
    about = tmp_path / "site" / "toys-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(map(str, (about.parent, TOYS, Path(__file__).resolve().parents[2])))
    )
    for name, text in (("mean", MEAN), ("posterior", POSTERIOR), ("labelled", LABELLED)):
        (tmp_path / f"{name}.pgm").write_text(text)
    (tmp_path / "rows.csv").write_text("y\n" + "\n".join(map(str, Y)) + "\n")
    (tmp_path / "one_row.csv").write_text("y\n0.5\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pgmc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pgmlang", *arguments], capture_output=True, text=True)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_method(package: Path) -> None:
    done = pgmc("fit", "mean.pgm", "rows.csv", "--method", "closedform")
    assert done.returncode == 0, done.stderr
    found = python("import pgmlang; print(pgmlang.load('mean.fit').params['m'])")
    assert float(found) == pytest.approx(Y.mean())
    refused = pgmc("fit", "posterior.pgm", "rows.csv", "--method", "closedform")
    assert refused.returncode == 69
    assert "no param is the mean of a Normal" in refused.stderr


def test_a_diagnostic(package: Path) -> None:
    refused = pgmc("fit", "mean.pgm", "one_row.csv", "--method", "closedform")
    assert refused.returncode == 64
    assert "error[TOY0001]: one row is no average" in refused.stderr
    page = pgmc("explain", "TOY0001")
    assert page.returncode == 0, page.stderr
    assert "too few rows to average" in page.stdout
    assert "one_row.csv" in page.stdout
    assert pgmc("explain", "TOY0002").returncode != 0


@pytest.mark.parametrize(
    ("model", "method"),
    [("posterior", "doubling"), ("labelled", "gibbs(z) * doubling(mu)"), ("posterior", "tempering(doubling, 3)")],
)
def test_a_kernel(package: Path, model: str, method: str) -> None:
    """Alone, in a composition and under tempering, against the closed form or the sum over labels."""
    options = ["--chains", "8", "--warmup", "200", "--draws", "300", "--seed", "1", "-o", "out.fit"]
    done = pgmc("fit", f"{model}.pgm", "rows.csv", "--method", method, *options)
    assert done.returncode == 0, done.stderr
    mean, sd = map(
        float,
        python(
            "import pgmlang; d = pgmlang.load('out.fit').draws['mu']; print(d.mean(), d.std(), sep='\\n')"
        ).split(),
    )
    grid = np.linspace(-5, 6, 4001)
    log = -((grid / 10) ** 2) / 2
    for y in Y:
        parts = [-((y - grid) ** 2) / 2] + ([-((y - grid - 1) ** 2) / 2] if model == "labelled" else [])
        log = log + np.logaddexp.reduce(parts)
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    expected = float(weights @ grid)
    assert mean == pytest.approx(expected, abs=0.06)
    assert sd == pytest.approx(float(np.sqrt(weights @ (grid - expected) ** 2)), rel=0.1)
    unknown = pgmc("fit", f"{model}.pgm", "rows.csv", "--method", method.replace("doubling", "trebling"))
    assert unknown.returncode != 0
    assert "doubling" in unknown.stderr


def test_a_kernel_keeps_its_own_statistics_and_a_check_reads_them(package: Path) -> None:
    done = pgmc("fit", "posterior.pgm", "rows.csv", "--method", "doubling", "--warmup", "50", "--draws", "50",
                "--chains", "4", "--seed", "1", "-o", "out.fit")  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = python(
        "import pgmlang; s = pgmlang.load('out.fit').record.sample_stats\n"
        "assert s['tree_depth'].shape == (4, 50) and s['tree_depth'].max() == 3, s\n"
        "assert ((1 << s['tree_depth']) == s['n_steps']).all()\n"
        "print(*sorted(s))"
    )
    assert names.split() == ["acceptance_rate", "lp", "momentum_norm", "n_steps", "tree_depth"]
    judged = pgmc("diagnose", "out.fit")
    assert "tree depth" in judged.stdout + judged.stderr


@pytest.mark.slow
def test_a_kernel_stopped_goes_on(package: Path) -> None:
    """Records of a package's own are kept in checkpoints and taken up again."""
    options = ["--method", "doubling", "--chains", "4", "--warmup", "50", "--draws", "60", "--seed", "3"]
    whole = pgmc("fit", "posterior.pgm", "rows.csv", *options, "-o", "whole.fit")
    assert whole.returncode == 0, whole.stderr
    pgmc("fit", "posterior.pgm", "rows.csv", *options, "-o", "part.fit", "--max-time", "0.001")
    done = pgmc("fit", "posterior.pgm", "rows.csv", *options, "-o", "part.fit", "--resume")
    assert done.returncode == 0, done.stderr
    assert python(
        "import pgmlang; a, b = (pgmlang.load(f).draws['mu'] for f in ('whole.fit', 'part.fit')); print((a == b).all())"
    ) == "True"  # fmt: skip


def test_a_verb(package: Path) -> None:
    done = pgmc("count", "mean.pgm")
    assert (done.returncode, done.stdout.strip()) == (0, "1 factors")
    assert "count" in pgmc("--help").stdout
    assert "`count`" in pgmc("coumt").stderr


def test_a_picture(package: Path) -> None:
    told = python(
        "import pgmlang\n"
        "fit = pgmlang.compile('mean.pgm').fit('rows.csv', seed=1)\n"
        "fit.plot('sizes').savefig('sizes.png')\n"
        "print(fit.plot_kinds()['sizes'] == '')\n"
        "try:\n    fit.plot('size')\n"
        "except pgmlang.PgmError as error:\n    print(error)"
    )
    assert (package / "sizes.png").read_bytes().startswith(b"\x89PNG")
    assert told.startswith("True")
    assert "did you mean `sizes`" in told


def test_what_is_no_plug_in_is_refused(package: Path) -> None:
    entries = package / "site" / "toys-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[pgmlang.methods]\nclosedform = toy_verb:count\n")
    done = pgmc("fit", "mean.pgm", "rows.csv", "--method", "closedform")
    assert done.returncode not in (0, 70)
    assert "is no Method" in done.stderr

"""What `pgmc score` says of the error of a simulated score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run

MODEL = "plate row { u ~ Normal(0, 1) ; v ~ Normal(0, 1) ; w ~ Normal(0, 1) ; k ~ Poisson(exp(u + v + w)) }"


def test_an_estimate_has_its_error_and_no_more_digits(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text(MODEL)
    (tmp_path / "d.csv").write_text("k\n0\n3\n")
    text = pgmc("score", "m.pgm", "d.csv", "-o", "o.csv").stdout
    told = next(line for line in text.splitlines() if line.startswith("log-likelihood")).split()
    number, error = told[1], told[3].rstrip(")")
    assert told[2] == "(mcse"
    assert len(number.partition(".")[2]) == len(error.partition(".")[2]) <= 4
    assert (tmp_path / "o.csv").read_text().splitlines()[0] == "log_likelihood,log_likelihood.mcse"
    _, errors = np.loadtxt(tmp_path / "o.csv", delimiter=",", skiprows=1, unpack=True)
    document = json.loads(pgmc("score", "m.pgm", "d.csv", "--json").stdout)
    assert document["mcse"] == pytest.approx(float(error), rel=0.06)
    assert 0.95 * errors.max() < document["mcse"] < 1.05 * errors.sum()
    other = json.loads(pgmc("score", "m.pgm", "d.csv", "--json", "--seed", "1").stdout)
    assert abs(other["log_likelihood"] - document["log_likelihood"]) < 6 * document["mcse"]
    assert other["log_likelihood"] != document["log_likelihood"]

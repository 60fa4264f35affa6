"""What `pgmc score` says of the error of a simulated score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from tests.cli.conftest import Run

MODEL = "plate row { u ~ Normal(0, 1) ; v ~ Normal(0, 1) ; w ~ Normal(0, 1) ; k ~ Poisson(exp(u + v + w)) }"
ONE = "plate row { y ~ Normal(0, 1) }"


@pytest.mark.slow
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


def test_the_shell_says_the_same(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text(ONE)
    (tmp_path / "d.csv").write_text("y,n\n0,3\n1,2\n,5\n-2,0\n")
    options = ("m.pgm", "d.csv", "--counts", "n", "--missing", "drop")
    told = json.loads(pgmc("score", *options, "--json").stdout)
    score = (
        pgmlang.compile(ONE)
        .given()
        .score_rows({"y": [0.0, 1.0, None, -2.0], "n": [3, 2, 5, 0]}, counts="n", missing="drop")
    )
    assert told["log_likelihood"] == pytest.approx(score.total)
    assert told["rows"] == 5
    assert pgmc("score", *options).stdout.rstrip() == repr(score)

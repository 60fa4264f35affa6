"""pgmc: fit --pointwise, loo, summary and compare over different models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgmlang.cli.main import run

MEAN = "m ~ Normal(0, 3)\nplate row { y ~ Normal(m, 1) }\n"
LINE = "a ~ Normal(0, 3)\nb ~ Normal(0, 3)\nplate row { input x ; y ~ Normal(a + b * x, 1) }\n"
DRAWS = ["--method", "hmc", "--draws", "100", "--warmup", "200", "--seed", "1", "-q"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("loo")
    (base / "mean.pgm").write_text(MEAN)
    (base / "line.pgm").write_text(LINE)
    rows = "".join(f"{x},{2 * x + (-1) ** x}\n" for x in range(-5, 6))
    (base / "d.csv").write_text(f"x,y\n{rows}")
    for name in ("mean", "line"):
        kept = ["--pointwise"] if name == "line" else []
        assert run(["fit", str(base / f"{name}.pgm"), str(base / "d.csv"), *DRAWS, *kept]) == 0
    return base


def test_loo_of_data_and_of_what_was_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["loo", str(folder / "line.fit"), "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert (
        run(["loo", str(folder / "line.fit"), str(folder / "d.csv"), "--json", "-o", str(folder / "e.csv")]) == 0
    )
    assert json.loads(capsys.readouterr().out) == kept
    lines = (folder / "e.csv").read_text().splitlines()
    assert lines[0] == "elpd_loo,elpd_waic,pareto_k"
    assert sum(float(line.split(",")[0]) for line in lines[1:]) == pytest.approx(kept["loo"]["elpd"])
    assert run(["summary", str(folder / "line.fit"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loo"] == kept["loo"]
    assert run(["summary", str(folder / "line.fit")]) == 0
    assert "elpd_loo" in capsys.readouterr().out
    assert run(["loo", str(folder / "mean.fit")]) == 69
    assert "--pointwise" in capsys.readouterr().err


@pytest.mark.parametrize("how", [[], ["--folds", "3"]])
def test_models_are_ranked(folder: Path, capsys: pytest.CaptureFixture[str], how: list[str]) -> None:
    fits = [str(folder / "mean.fit"), str(folder / "line.fit")]
    assert run(["compare", *fits, "--data", str(folder / "d.csv"), *how, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["name"], first["rank"], first["difference"]) == (fits[1], 1, 0)
    assert second["difference"] == pytest.approx(second["elpd"] - first["elpd"])
    assert second["difference"] < -10
    assert second["difference_se"] > 0
    assert run(["compare", *fits, "--data", str(folder / "d.csv"), *how]) == 0
    assert "elpd" in capsys.readouterr().out


def test_ranks_need_data_or_what_was_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fits = [str(folder / "mean.fit"), str(folder / "line.fit")]
    assert run(["compare", *fits]) != 0
    assert "--data FILE" in capsys.readouterr().err
    assert run(["compare", *fits, "--folds", "3"]) == 64
    assert "need the data" in capsys.readouterr().err

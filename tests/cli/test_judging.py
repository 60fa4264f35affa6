"""``pgmc diagnose`` and ``pgmc compare``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pgmlang
from pgmlang.cli.main import run

TEXT = "mu ~ Normal(0, 2)\nplate row { y ~ Normal(mu, 1) }\n"


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fits")
    model = pgmlang.compile(TEXT)
    data = {"y": [0.5, 1.5, 1.0]}
    long = {"chains": 8, "warmup": 150, "draws": 200}
    model.fit(data, method="hmc", seed=1, options=long).save(folder / "hmc.fit")
    model.fit(data, method="gibbs", seed=2, options=long).save(folder / "gibbs.fit")
    model.fit(data, method="mh", seed=3, options={"chains": 4, "warmup": 2, "draws": 8}).save(folder / "short.fit")
    pgmlang.compile(TEXT.replace("2)", "3)")).fit(data, method="map", seed=1).save(folder / "other.fit")
    return folder


def test_a_good_fit_passes(fits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", str(fits / "gibbs.fit"), "--all"]) == 0
    said = capsys.readouterr().out
    assert "R-hat" in said
    assert "checks, all passed" in said


def test_a_short_run_is_a_problem_with_a_cure(fits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", str(fits / "short.fit"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    bad = [f for f in found if f["severity"] == "problem"]
    assert bad
    assert all(f["cure"] for f in bad)


def test_two_methods_agree(fits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(fits / "hmc.fit"), str(fits / "gibbs.fit"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "mu"
    assert not found["is_far"]
    assert found["sd_ratio"] == pytest.approx(1, abs=0.15)
    assert run(["compare", str(fits / "hmc.fit"), str(fits / "gibbs.fit")]) == 0
    assert "0 further apart" in capsys.readouterr().out


def test_fits_of_two_models_are_not_compared(fits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(fits / "hmc.fit"), str(fits / "other.fit")]) != 0
    assert "different models" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["query", "E(mu)"], ["score", "rows.csv"], ["sample", "-n", "2"]])
def test_answers_of_a_fit_that_did_not_converge_say_so(
    fits: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    monkeypatch.chdir(fits)
    (fits / "rows.csv").write_text("y\n1.5\n")
    for name, options, said in [
        ("short.fit", [], True),
        ("short.fit", ["--quiet"], False),
        ("gibbs.fit", [], False),
    ]:
        assert run([verb[0], name, *verb[1:], *options]) == 0
        assert ("warning[PGM0801]: the fit is not converged" in capsys.readouterr().err) == said

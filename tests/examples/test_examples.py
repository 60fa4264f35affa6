"""The examples' commands, shortened, and answers that mean something; the whole runs are slow tests."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pgmlang import load
from pgmlang.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"


def fit(tmp_path: Path, model: str, data: str, *options: str) -> Any:
    """The fit of an example's command, whose `next:` line runs."""
    folder = tmp_path / "a.fit"
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        status = run(
            ["fit", str(EXAMPLES / model), str(EXAMPLES / data), "--seed", "1", "-o", str(folder), *options]
        )
    assert status == 0
    program, *words = shlex.split(told.getvalue().split("next: ")[-1])
    assert program == "pgmc"
    with contextlib.redirect_stdout(told):
        assert run(words) == 0, words
    return load(folder)


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(EXAMPLES / name, keep_default_na=False)


def test_sprinkler(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(EXAMPLES / "sprinkler/sprinkler.pgm")
    assert (
        run(["query", model, "P(sprinkler | wet = yes)", "P(rain | do(sprinkler = yes), wet = yes)", "--json"])
        == 0
    )
    text = capsys.readouterr().out
    # 0.2781 / 0.6471 by hand; with the sprinkler turned on rain is 0.5 before, wet 0.99 with it and 0.90 without
    assert "0.42976" in text
    assert str(0.99 / 1.89)[:8] in text


def test_logistic(tmp_path: Path) -> None:
    found = fit(tmp_path, "logistic/logistic.pgm", "logistic/tumours.csv", "--method", "map")
    # the mode by scikit-learn with the same penalties
    data = table("logistic/tumours.csv")
    X, y = data.iloc[:, :5].to_numpy(), data["malignant"].to_numpy()
    logit = found.params["base"] + X @ found.params["weight"]
    slope = X.T @ (y - 1 / (1 + np.exp(-logit))) - found.params["weight"] / 4
    assert np.abs(slope).max() < 1e-3
    assert (found.params["weight"] > 0).all()


def test_logistic_by_full_rank_elbo(tmp_path: Path) -> None:
    found = fit(
        tmp_path,
        "logistic/logistic.pgm",
        "logistic/tumours.csv",
        "--method",
        "elbo",
        "--guide",
        "fullrank",
        "--epochs",
        "1500",
        "--learning-rate",
        "0.04",
    )
    mode = fit(tmp_path / "b", "logistic/logistic.pgm", "logistic/tumours.csv", "--method", "map").params["weight"]
    np.testing.assert_allclose(found.draws["weight"].mean((0, 1)), mode, atol=0.5)


def test_iris(tmp_path: Path) -> None:
    found = fit(
        tmp_path,
        "iris/mixture.pgm",
        "iris/iris.csv",
        "--method",
        "em",
        "--restarts",
        "3",
        "--max-iterations",
        "40",
    )
    data = table("iris/iris.csv")
    clusters = np.array(found.predict_columns(data[["petal_length", "petal_width"]]).columns["z"])
    right = sum(
        np.unique(clusters[data["species"] == s], return_counts=True)[1].max() for s in data["species"].unique()
    )
    assert right >= 140


def test_iris_by_gibbs(tmp_path: Path) -> None:
    found = fit(
        tmp_path,
        "iris/mixture.pgm",
        "iris/iris.csv",
        "--method",
        "gibbs",
        "--chains",
        "2",
        "--warmup",
        "60",
        "--draws",
        "40",
    )
    assert found.draws["z"].shape == (2, 40, 150)
    # setosa stand apart from all others
    setosa = found.draws["z"][:, :, :50]
    assert (setosa == setosa[:, :, :1]).mean() > 0.95


def test_iris_by_hmc(tmp_path: Path) -> None:
    found = fit(tmp_path, "iris/ordered.pgm", "iris/iris.csv", "--method", "hmc", "--chains", "4", "--warmup", "150",
                "--draws", "100")  # fmt: skip
    assert found.draws["length"].mean((0, 1)) == pytest.approx([1.462, 4.255, 5.54], abs=0.05)
    assert found.draws["width"].mean((0, 1)) == pytest.approx([0.246, 1.318, 2.02], abs=0.03)
    assert found.draws["z"].shape == (4, 100, 150)


def test_topics(tmp_path: Path) -> None:
    found = fit(tmp_path, "topics/topics.pgm", "topics/modules.csv", "--counts", "n", "--method", "gibbs", "--chains", "1",
                "--warmup", "15", "--draws", "5")  # fmt: skip
    phi, theta = found.draws["phi"].mean((0, 1)), found.draws["theta"].mean((0, 1))
    data = table("topics/modules.csv")
    words = {w: i for i, w in enumerate(found.record.model.axis_labels("word"))}
    docs = {d: i for i, d in enumerate(found.record.labels["doc"])}
    p = (theta @ phi)[data["doc"].map(docs).to_numpy(dtype=int), data["w"].map(words).to_numpy(dtype=int)]
    perplexity = np.exp(-(data["n"] * np.log(p)).sum() / data["n"].sum())
    share = data.groupby("w")["n"].sum()
    unigram = np.exp(-(data["n"] * np.log(data["w"].map(share / share.sum()))).sum() / data["n"].sum())
    assert perplexity < 0.75 * unigram


def test_quakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(
        tmp_path,
        "quakes/quakes.pgm",
        "quakes/quakes.csv",
        "--method",
        "em",
    )
    np.testing.assert_allclose(np.sort(found.params["rate"]), [13.13, 19.71, 29.71], atol=0.05)
    capsys.readouterr()
    assert run(["score", str(tmp_path / "a.fit"), str(EXAMPLES / "quakes/quakes.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["log_likelihood"] == pytest.approx(-328.53, abs=0.05)


def test_ising(tmp_path: Path) -> None:
    found = fit(tmp_path, "ising/ising.pgm", "ising/digits.csv", "--method", "pseudo", "--epochs", "200")
    assert float(found.params["J"]) == pytest.approx(0.490, abs=0.01)
    exact = fit(tmp_path, "ising/ising.pgm", "ising/digits.csv", "--force", "--method", "ml", "--epochs", "60",
                "--learning-rate", "0.05")  # fmt: skip
    assert float(exact.params["J"]) == pytest.approx(0.352, abs=0.01)
    assert exact.record.trace[-1] == pytest.approx(-32.858, abs=0.02)


def test_denoise(tmp_path: Path) -> None:
    found = fit(tmp_path, "denoise/denoise.pgm", "denoise/noisy.csv", "--method", "gibbs", "--chains", "4", "--warmup", "30",
                "--draws", "30")  # fmt: skip
    chance = found.draws["s"][:, :, 0].mean((0, 1))
    clean, noisy = (table(f"denoise/{n}.csv").to_numpy()[0] for n in ("clean", "noisy"))
    assert ((noisy > 0) != (clean > 0)).mean() > 0.19
    assert ((chance > 0.5) != (clean > 0)).mean() < 0.035


def test_rbm(tmp_path: Path) -> None:
    found = fit(
        tmp_path,
        "digits/rbm.pgm",
        "digits/train.csv",
        "--method",
        "cd",
        "--epochs",
        "12",
        "--learning-rate",
        "0.01",
    )
    scored = found.score_rows(table("digits/test.csv"))
    assert "annealed" in scored.estimator
    # independent pixels have -33.1
    assert scored.values.mean() > -26
    draws = np.stack(
        [
            np.asarray(c, dtype=float)
            for n, c in found.sample_columns(64, seed=1).columns.items()
            if n.startswith("v[")
        ],
        1,
    )
    assert np.abs(draws.mean(0) - table("digits/train.csv").to_numpy().mean(0)).mean() < 0.1


@pytest.mark.parametrize(("name", "limit"), [("vae", -22.5), ("sbn", -26.0)])
def test_guided(tmp_path: Path, name: str, limit: float) -> None:
    found = fit(
        tmp_path,
        f"digits/{name}.pgm",
        "digits/train.csv",
        "--batch",
        "100",
        "--epochs",
        "25",
        "--learning-rate",
        "0.004",
    )
    scored = found.score_rows(table("digits/test.csv"))
    assert "importance" in scored.estimator
    assert scored.values.mean() > limit


@pytest.mark.slow
def test_dbn(tmp_path: Path) -> None:
    found = fit(tmp_path, "digits/dbn.pgm", "digits/train.csv", "--epochs", "15", "--learning-rate", "0.01")
    assert found.record.method == "layerwise"
    draws = np.stack(
        [
            np.asarray(c, dtype=float)
            for n, c in found.sample_columns(200, seed=1).columns.items()
            if n.startswith("v[")
        ],
        1,
    )
    data = table("digits/train.csv").to_numpy()
    assert np.abs(draws.mean(0) - data.mean(0)).mean() < 0.1
    # neighbouring pixels hang together as in the data
    pairs = [(i, i + 1) for i in range(63) if 0.1 < data[:, i].mean() < 0.9 and 0.1 < data[:, i + 1].mean() < 0.9]
    ours, theirs = (np.array([np.corrcoef(x[:, i], x[:, j])[0, 1] for i, j in pairs]) for x in (draws, data))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.3
    test = found.score_rows(table("digits/test.csv").head(60))
    assert test.values.mean() > -30
    assert "log Z" in test.estimator


@pytest.mark.parametrize(
    ("method", "options"), [("score", ("--epochs", "200")), ("ml", ("--epochs", "200", "--learning-rate", "0.02"))]
)
def test_energy(tmp_path: Path, method: str, options: tuple[str, ...]) -> None:
    found = fit(tmp_path, "energy/energy.pgm", "energy/petals.csv", "--method", method, *options)
    scored = found.score_rows(table("energy/petals.csv"))
    # a normal distribution of both columns has -1.6
    assert scored.values.mean() > -1.5


def test_tagging(tmp_path: Path) -> None:
    found = fit(tmp_path, "tagging/tagging.pgm", "tagging/train.csv")
    assert (found.record.method, found.record.status) == ("ml", "converged")
    test = table("tagging/test.csv")
    scored = found.score_rows(test)
    assert np.nanmean(scored.values) > -3.0
    tags = found.predict_columns(test, hide=["y"]).columns["y"]
    # 90.5 % are prose
    assert (np.array(tags) == test["y"]).mean() > 0.91
    found_code = (np.array(tags) == "code") & (test["y"] == "code")
    assert found_code.sum() > 0.5 * (np.array(tags) == "code").sum()

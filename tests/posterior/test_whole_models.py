"""Every whole model of `whole_models` through all doors: query, predict, score and sample, in Python and by `pgmc`, agree with
each other and with what is right."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.results.precision import rounded_columns
from tests.posterior.whole_models import MODELS

INTEGRATED = {"item_response": 0.1, "seedlings": 0.1, "shares_of_topics": 0.1, "robust_mean": 0.1}
"""Models whose real latents are integrated by weighted draws: how far the log-likelihood may lie."""
CHAINED = {"item_response", "seedlings", "shares_of_topics"}
"""Models whose rows' latents are drawn by chains, a hundred draws each."""


@pytest.fixture(scope="module", params=MODELS)
def whole(request):
    model = MODELS[request.param]()
    return request.param, model, pgmlang.compile(model.text).given()


@pytest.fixture
def files(whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Model and data as files in the current folder."""
    _, model, _ = whole
    monkeypatch.chdir(tmp_path)
    Path("m.pgm").write_text(model.text + "\n")
    with open("d.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(model.columns)
        writer.writerows(
            ["" if x is None else x for x in row] for row in zip(*model.columns.values(), strict=True)
        )


def typed(*words: str) -> str:
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(told):
        assert run(list(words)) == 0, words
    told.seek(0)
    return told.read()


def figure(row: dict) -> float:
    return float(row["mean"] if "mean" in row else row["p"])


def test_scores(whole, files):
    name, model, asked = whole
    scored = asked.score_rows(model.columns)
    total = float(np.nansum(scored.values))
    assert total == pytest.approx(model.log_likelihood, abs=INTEGRATED.get(name, 1e-8))
    assert ("exact" in scored.estimator) == (name not in INTEGRATED)
    told = json.loads(typed("score", "m.pgm", "d.csv", "--json", "--seed", "0"))
    assert told["log_likelihood"] == pytest.approx(total, abs=1e-9)
    assert told["method"] == scored.estimator


def test_questions(whole, files):
    name, model, asked = whole
    if not model.questions:
        assert name in ("umbrellas", "tagger", "shares_of_topics", "autoregression", "level", "segments")
        return
    documents = json.loads(typed("query", "m.pgm", *model.questions, "--json", "--seed", "0"))
    documents = documents if isinstance(documents, list) else [documents]
    for (question, right), told in zip(model.questions.items(), documents, strict=True):
        row = asked.query(question).table[0]
        error = row.get("mcse") or 0.0
        assert figure(row) == pytest.approx(right, abs=max(1e-6, 5 * error)), question
        assert figure(told["table"][0]) == pytest.approx(figure(row), abs=1e-9), question


def test_predictions(whole, files):
    name, model, asked = whole
    for target, columns in model.predictions.items():
        told = asked.predict_columns(model.columns, targets=[target]).columns
        typed("predict", "m.pgm", "d.csv", "--targets", target, "-o", "out.csv", "--seed", "0")
        with open("out.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        sds = np.array(columns.get(f"{target}.sd", np.ones(len(rows))), dtype=float)
        within = 0.5 * sds if name in CHAINED else 1e-8
        printed = rounded_columns(told)
        for column, right in columns.items():
            assert (np.abs(np.asarray(told[column], dtype=float) - right) <= within).all(), column
            written = [float(r[column]) for r in rows]
            np.testing.assert_allclose(written, np.asarray(printed[column], dtype=float), rtol=1e-9, atol=1e-12)


def test_draws(whole, files):
    _, model, asked = whole
    if not model.means:
        return
    drawn = asked.sample_columns(2000, seed=1).columns
    for column, right in model.means.items():
        values = np.array(drawn[column], dtype=float)
        assert values.mean() == pytest.approx(right, abs=4.5 * values.std() / 2000**0.5), column
    rows = list(csv.DictReader(io.StringIO(typed("sample", "m.pgm", "-n", "2000", "--seed", "1"))))
    for column in model.means:
        np.testing.assert_allclose(
            [float(r[column]) for r in rows], np.array(drawn[column], dtype=float), rtol=1e-9
        )


def test_there_are_enough():
    assert len(MODELS) >= 20

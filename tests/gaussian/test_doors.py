"""Random conditional Gaussian networks written as models: every door says what dense conditioning of what the text means does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.cli.main import run
from pgmlang.gaussian import GaussianNetwork, NumberConditional
from pgmlang.tables import DiscreteNetwork, TableFactor
from tests.gaussian.dense import DensePosterior, dense_posterior, worlds
from tests.gaussian.random_models import RandomModel, random_model

SEEDS = [*range(4), *(pytest.param(s, marks=pytest.mark.slow) for s in range(4, 250))]


@dataclass(frozen=True)
class Row:
    """What is seen of a row, and the network that its inputs make."""

    model: RandomModel
    inputs: Mapping[str, float]
    codes: Mapping[int, int]
    cells: np.ndarray

    @property
    def network(self) -> GaussianNetwork:
        return self.model.network(dict(self.inputs))

    @property
    def hidden(self) -> list[str]:
        return [n for n, x in zip(self.network.numbers, self.cells, strict=True) if np.isnan(x)]

    @property
    def open_labels(self) -> list[int]:
        return [v for v in range(len(self.network.discrete.variables)) if v not in self.codes]

    @property
    def right(self) -> DensePosterior:
        return dense_posterior(self.network, self.codes, self.cells)

    def label(self, v: int, code: int) -> str:
        return self.network.discrete.variables[v].labels[code]

    def told(self, done: frozenset[str] = frozenset()) -> list[str]:
        """The row as evidence; what is ``done`` is set."""
        out = [f"{n} = {x!r}" for n, x in self.inputs.items()]
        facts = {f"k{v}": self.label(v, code) for v, code in self.codes.items()}
        facts |= {
            n: repr(float(x)) for n, x in zip(self.network.numbers, self.cells, strict=True) if not np.isnan(x)
        }
        return out + [f"do({n} = {x})" if n in done else f"{n} = {x}" for n, x in facts.items()]

    def asked(self, what: str, done: frozenset[str] = frozenset()) -> str:
        told = self.told(done)
        return what.removesuffix(")") + (" | " + ", ".join(told) if told else "") + ")"


def rows_of(seed: int, model: RandomModel, count: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    sizes = model.plain.discrete.sizes
    return [
        Row(
            model,
            {n: float(rng.normal()) for n in model.inputs},
            {v: int(rng.integers(size)) for v, size in enumerate(sizes) if rng.random() < 0.5},
            np.where(rng.random(len(model.plain.numbers)) < 0.5, 2 * rng.normal(size=len(model.plain.numbers)), np.nan),
        )
        for _ in range(count)
    ]  # fmt: skip


def table_of(rows: list[Row]) -> dict[str, list[object]]:
    model = rows[0].model
    out: dict[str, list[object]] = {n: [r.inputs[n] for r in rows] for n in model.inputs}
    out |= {n: [float(r.cells[i]) for r in rows] for i, n in enumerate(model.plain.numbers)}
    for v in range(len(model.plain.discrete.variables)):
        out[f"k{v}"] = [r.label(v, r.codes[v]) if v in r.codes else "" for r in rows]
    return out


def of_seed(seed: int) -> RandomModel:
    rng = np.random.default_rng(1_000_000 + seed)
    return random_model(seed, int(rng.integers(0, 4)), int(rng.integers(1, 6)), has_inputs=rng.random() < 0.4)


@pytest.mark.parametrize("seed", SEEDS)
def test_questions(seed: int) -> None:
    model = of_seed(seed)
    asked = pgmlang.compile(model.text).given()
    for row in rows_of(seed, model, 2):
        right = row.right
        for v in row.open_labels:
            chances = asked.query(row.asked(f"P(k{v})")).probabilities
            assert list(chances.values()) == pytest.approx(right.chances[v], rel=1e-9, abs=1e-9)
        if not model.inputs:
            assert asked.log_z(", ".join(row.told())) == pytest.approx(right.log_evidence, rel=1e-9, abs=1e-9)
        if not row.hidden:
            continue
        answer = asked.query(row.asked(f"P({', '.join(row.hidden)})"))
        assert [r["mean"] for r in answer.table] == pytest.approx(right.mean, rel=1e-9, abs=1e-9)
        assert [r["sd"] for r in answer.table] == pytest.approx(
            np.sqrt(np.diag(right.covariance)), rel=1e-9, abs=1e-9
        )
        _check_event(asked, row)
        _check_mode(asked, row)
        _check_intervention(asked, row, seed)


def _check_event(asked: pgmlang.api.Asked, row: Row) -> None:
    """A tail of the mixture."""
    right, bound = row.right, float(row.right.mean[0]) + 0.3
    tail = sum(
        np.exp(log - right.log_evidence) * stats.norm.sf(bound, mean[0], np.sqrt(covariance[0, 0]))
        for _, log, mean, covariance in worlds(row.network, row.codes, row.cells)
    )
    found = asked.query(row.asked(f"P({row.hidden[0]} > {bound!r})")).table[0]["p"]
    assert found == pytest.approx(tail, rel=1e-9, abs=1e-9)


def _check_mode(asked: pgmlang.api.Asked, row: Row) -> None:
    peaks = [
        (log - row.right.log_evidence - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1], labels, mean)
        for labels, log, mean, covariance in worlds(row.network, row.codes, row.cells)
    ]
    density, labels, mean = max(peaks, key=lambda one: one[0])
    found = asked.query(row.asked("MAP(*)")).table[0]
    assert found["log_density"] == pytest.approx(density, rel=1e-9, abs=1e-9)
    assert [found[n] for n in row.hidden] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert all(found[f"k{v}"] == row.label(v, labels[v]) for v in row.open_labels)


def _check_intervention(asked: pgmlang.api.Asked, row: Row, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"k{v}" for v in row.codes] + [n for n in row.network.numbers if n not in row.hidden]
    done = frozenset(n for n in names if rng.random() < 0.4)
    if not done:
        return
    right = dense_posterior(_mutilated(row, done), row.codes, row.cells)
    answer = asked.query(row.asked(f"E({', '.join(row.hidden)})", done))
    # of the dense one, in which what is set is drawn with an sd of 1e-7
    assert [r["mean"] for r in answer.table] == pytest.approx(right.mean, rel=1e-5, abs=1e-5)
    assert [r["sd"] for r in answer.table] == pytest.approx(np.sqrt(np.diag(right.covariance)), rel=1e-5, abs=1e-5)


def _mutilated(row: Row, done: frozenset[str]) -> GaussianNetwork:
    """The network in which what is done hangs on nothing."""
    network = row.network
    factors = []
    for f in network.discrete.factors:
        if f.child is not None and f"k{f.child}" in done:
            factors.append(
                TableFactor((f.child,), np.eye(network.discrete.sizes[f.child])[row.codes[f.child]], f.child)
            )
        else:
            factors.append(f)
    conditionals = [
        NumberConditional(
            c.child,
            (),
            (),
            np.full((1, 1), row.cells[c.child]),
            np.zeros((1, 1, 0)),
            np.full((1, 1), 1e-7),
        )
        if network.numbers[c.child] in done
        else c
        for c in network.conditionals
    ]
    discrete = DiscreteNetwork(network.discrete.variables, tuple(factors))
    return GaussianNetwork(discrete, network.numbers, tuple(conditionals))


@pytest.mark.parametrize("seed", SEEDS)
def test_rows(seed: int) -> None:
    """Predictions and scores of a table, by the model and by a fit of it."""
    model = of_seed(seed)
    compiled = pgmlang.compile(model.text)
    rows = rows_of(seed, model, 40)
    table = table_of(rows)
    fit = compiled.fit(table, method="exact", seed=1)
    for asked in (compiled.given(), fit):
        predicted = asked.predict_columns(table).columns
        scores = asked.score_rows(table)
        assert scores.estimator == "exact"
        assert scores.values.sum() == pytest.approx(fit.log_likelihood, rel=1e-9, abs=1e-9)
        for r, row in enumerate(rows[:12]):
            right = row.right
            assert scores.values[r] == pytest.approx(right.log_evidence, rel=1e-9, abs=1e-9)
            assert [predicted[n][r] for n in row.hidden] == pytest.approx(right.mean, rel=1e-9, abs=1e-9)
            spread = [predicted[f"{n}.sd"][r] for n in row.hidden]
            assert spread == pytest.approx(np.sqrt(np.diag(right.covariance)), rel=1e-9, abs=1e-9)
            for v in row.open_labels:
                labels = row.network.discrete.variables[v].labels
                chances = [predicted[f"P(k{v} = {t})"][r] for t in labels]
                assert chances == pytest.approx(right.chances[v], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", [2, *(pytest.param(s, marks=pytest.mark.slow) for s in range(3, 30))])
def test_the_command_line(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Questions and log-evidence of a model's file."""
    rng = np.random.default_rng(2_000_000 + seed)
    model = random_model(seed, int(rng.integers(0, 3)), int(rng.integers(2, 5)), in_plate=rng.random() < 0.5)
    (row,) = rows_of(seed, model, 1)
    path = tmp_path / "m.pgm"
    path.write_text(model.text, encoding="utf-8")

    def answer(*words: str) -> dict[str, Any]:
        assert run([*words, "--json"]) == 0
        out: dict[str, Any] = json.loads(capsys.readouterr().out)
        return out

    right = row.right
    if row.hidden:
        said = answer("query", str(path), row.asked(f"E({', '.join(row.hidden)})"))
        assert [r["mean"] for r in said["table"]] == pytest.approx(right.mean, rel=1e-9, abs=1e-9)
    if row.told():
        said = answer("logz", str(path), "--evidence", ", ".join(row.told()))
        assert said["log_z"] == pytest.approx(right.log_evidence, rel=1e-9, abs=1e-9)

"""Left-to-right scores of held-out documents against enumeration of all their labels."""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import lgamma
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.query import sequential_labels as of_labels
from pgmlang.query.new_rows import NewRows, new_rows_of
from pgmlang.query.row_scores import score_rows
from pgmlang.results.fit import Fit

pytest.importorskip("numba")
TOPICS = 4
MODEL = f"""
dim word
dim topic[{TOPICS}]
phi[topic, word] ~ Dirichlet(0.5)
plate doc {{ theta[topic] ~ Dirichlet(0.4) ; plate token {{ z ~ Categorical(theta) ; w : word ~ Categorical(phi[z]) }} }}
"""
DOCUMENTS = {"doc": ["c", "d", "c", "d", "c", "c", "d", "c"], "w": ["x", "v", "x", "u", "y", "x", "v", "u"]}


def rows_of(draws: int) -> NewRows:
    """The documents, and a fit of some draws of phi."""
    bound = pgmlang.compile(MODEL).bind(DOCUMENTS)
    phi = np.random.default_rng(5).dirichlet(np.full(4, 0.5), (1, draws, TOPICS))
    fit = Fit(
        bound.model, MODEL, "gibbs", {}, draws={"phi": phi}, labels=dict(bound.labels), sizes=dict(bound.sizes)
    )
    fresh = replace(bound, labels={**bound.labels, "doc": ("c", "d")})
    return new_rows_of(fit, fresh, seed=3)


def enumerated(words: list[int], phi: np.ndarray) -> float:
    """The likelihood of a document by the sum over all labels, shares integrated out."""
    total = 0.0
    for labels in itertools.product(range(TOPICS), repeat=len(words)):
        counts = np.bincount(labels, minlength=TOPICS)
        log = sum(lgamma(0.4 + c) - lgamma(0.4) for c in counts)
        log += lgamma(0.4 * TOPICS) - lgamma(0.4 * TOPICS + len(words))
        total += np.exp(log) * np.prod([phi[k, w] for k, w in zip(labels, words, strict=True)])
    return total


def exact(rows: NewRows) -> np.ndarray:
    """Likelihoods ``[draw, document]``."""
    binding = rows.joint.binding
    words, phi = np.asarray(binding.values["w"]), rows.given["phi"].numpy()
    member = binding.layout.parent("doc", "token")
    return np.array([[enumerated(words[member == d].tolist(), p) for d in range(2)] for p in phi])


def off(rows: NewRows, monkeypatch: pytest.MonkeyPatch, runs: int, **changes: Any) -> np.ndarray:
    """How many standard errors the mean of many runs is from the likelihood, ``[draw, document]``."""
    monkeypatch.setattr(of_labels, "RUNS", runs)
    labels = of_labels.sequential_labels(rows)
    assert labels is not None
    relative = np.exp(replace(labels, **changes).log_weights().numpy()) / exact(rows)
    return (relative.mean(0) - 1) / (relative.std(0) / np.sqrt(len(relative)))


def test_unbiased_for_the_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.abs(off(rows_of(3), monkeypatch, 60_000)).max() < 4.5


def test_a_fault_in_the_prior_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(3)
    arrays = of_labels.sequential_labels(rows).arrays  # type: ignore[union-attr]
    prior = arrays.concentrations
    wrong = replace(arrays, concentrations=replace(prior, cells=prior.cells * 1.5))
    assert np.abs(off(rows, monkeypatch, 60_000, arrays=wrong)).max() > 10


def test_the_score_of_documents() -> None:
    rows = rows_of(3)
    score = score_rows(rows)
    assert "left to right" in score.estimator
    assert "unbiased for the likelihood" in score.estimator
    assert score.values == pytest.approx(np.log(exact(rows).mean(0)), abs=0.3)
    again = score_rows(rows_of(3))
    assert np.array_equal(score.values, again.values)
    assert score.mcse is not None


def test_labels_of_other_structures_are_left_to_other_estimates() -> None:
    text = "plate doc { theta[topic[4]] ~ Dirichlet(0.4) ; plate token { z ~ Categorical(theta) ; y ~ Normal(mu[z], 1) } }"
    model = pgmlang.compile("dim topic[4]\nmu[topic] ~ Normal(0, 3)\n" + text.replace("topic[4]", "topic"))
    bound = model.bind({"doc": ["a", "a"], "y": [0.1, 2.0]})
    fit = Fit(
        bound.model,
        "",
        "gibbs",
        {},
        draws={"mu": np.zeros((1, 2, 4))},
        labels=dict(bound.labels),
        sizes=dict(bound.sizes),
    )
    assert of_labels.sequential_labels(new_rows_of(fit, bound)) is None

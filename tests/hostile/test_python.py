"""The Python functions raise PgmError with a code for whatever they are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

NUMBERS = "m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n"
TABLES = "plate row {\n a : {no, yes} ~ Table(prior = 1)\n b : {...} ~ Table(a) }\n"
GOOD: dict[str, Any] = {NUMBERS: {"y": [0.5, 1.5]}, TABLES: {"a": ["no", "yes"], "b": ["u", "v"]}}
STRANGE: tuple[Any, ...] = (
    None, "", -1, 0, 1.5, math.nan, 10**30, [], {}, object(), b"x", True, "zzz", "a\0b", ("a",), {"y": None}, {"y": []}, {"y": ["a", "b"]},
    {"y": [1, [2]]}, {"y": np.zeros((2, 2))}, {1: [1]}, {"y": "abc"}, np.zeros(3), np.zeros((2, 3)), {"y": [1 + 2j]}, {"y": [object()]},
    {"y": {"a": 1}}, 3, {"a": [None], "b": [None]}, {"y": [10**400]}, {"y": np.array(["2020-01-01"], dtype="M8[D]")},
)  # fmt: skip
NAMED = (
    "counts",
    "weights",
    "missing",
    "mapping",
    "observe",
    "hide",
    "device",
    "fixed",
    "sep",
    "na",
    "decimal",
    "method",
    "seed",
    "options",
)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("text", [NUMBERS, TABLES], ids=["numbers", "tables"])
def test_arguments_of_a_fit(text: str, name: str) -> None:
    model = pgmlang.compile(text)
    for value in STRANGE:
        with suppress(PgmError):
            model.fit(GOOD[text], **{"seed": 1, name: value})


@pytest.fixture(scope="module", params=["map", "hmc", "ml"])
def fit(request: pytest.FixtureRequest) -> Any:
    text = TABLES if request.param == "ml" else NUMBERS
    short = {"chains": 2, "warmup": 5, "draws": 5} if request.param == "hmc" else None
    return pgmlang.compile(text).fit(GOOD[text], method=request.param, seed=1, options=short)


ASKED: dict[str, Callable[[Any, Any], Any]] = {
    "predict": lambda fit, value: fit.predict(value),
    "targets": lambda fit, value: fit.predict(GOOD[fit.record.source], targets=value),
    "score": lambda fit, value: fit.score(value),
    "sample": lambda fit, value: fit.sample(value, seed=1),
    "seed": lambda fit, value: fit.sample(2, seed=value),
    "evidence": lambda fit, value: fit.sample(2, seed=1, evidence=value),
    "query": lambda fit, value: fit.query(value),
    "load": lambda fit, value: pgmlang.load(value),
    "compile": lambda fit, value: pgmlang.compile(value),
    "data": lambda fit, value: pgmlang.compile(fit.record.source).fit(value, seed=1),
}


@pytest.mark.parametrize("name", list(ASKED))
def test_what_is_asked_of_a_fit(fit: Any, name: str) -> None:
    refused = 0
    for value in STRANGE:
        try:
            ASKED[name](fit, value)
        except PgmError:
            refused += 1
    assert refused > 5

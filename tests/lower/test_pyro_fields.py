"""log Z in emitted Pyro models of fields that lie in fewer plates than others of the model, against listing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang

pyro = pytest.importorskip("pyro")

B = 0.4
Y = {"y": [0, 1, 1]}
GROUPED = {"g": ["a", "a", "b"], "y": [0, 1, 0], "u": [0, 0, 1]}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    pyro.clear_param_store()
    yield
    torch.set_default_dtype(torch.float32)
    pyro.clear_param_store()


def free(x: float) -> float:
    return float(np.logaddexp(0, x))


BESIDE = 2 * B - 3 * free(B)
PAIR = float(np.log(2 + np.exp(3 * B) + np.exp(3 * B + 1)))
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any], float]] = {
    "outside of all plates": (
        "field s : bit\nfactor 3 * s * b\nplate row {\n  field y : bit\n  factor y * b\n}",
        Y, {"s": 1}, BESIDE + 3 * B - free(3 * B),
    ),
    "two outside": (
        "field s : bit\nfield t : bit\nfactor 3 * s * b + s * t\nplate row {\n  field y : bit\n  factor y * b\n}",
        Y, {"s": 1, "t": 1}, BESIDE + 3 * B + 1 - PAIR,
    ),
    "through a definition": (
        "field s : bit\nc = 3 * s\nfactor c * b\nplate row {\n  field y : bit\n  factor y * b\n}",
        Y, {"s": 1}, BESIDE + 3 * B - free(3 * B),
    ),
    "in outer and inner plates": (
        "plate g {\n  field s : bit\n  field t : bit\n  factor 3 * s * b + s * t\n}\n"
        "plate row in g {\n  field y : bit\n  field u : bit\n  factor y * b + u * y\n}",
        GROUPED, {"s": [1, 0], "t": [1, 0]},
        3 * B + 1 + B - 2 * PAIR - 3 * float(np.log(2 + np.exp(B) + np.exp(B + 1))),
    ),
    "plates within plates": (
        "plate g {\n  field s : bit\n  factor 3 * s * b\n  plate item[2] {\n    field v : bit\n    factor v * b\n  }\n}\n"
        "plate row in g {\n  field y : bit\n  factor y * b\n}",
        {"g": ["a", "a", "b"], "y": [0, 1, 0]}, {"s": [1, 0], "v": [[1, 0], [1, 1]]},
        3 * B - 2 * free(3 * B) + 3 * B - 4 * free(B) + B - 3 * free(B),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "data", "values", "expected"), MODELS.values(), ids=MODELS)
def test_trace(text: str, data: dict[str, Any], values: dict[str, Any], expected: float) -> None:
    model = pgmlang.compile(f"model m\nparam b : real\n{text}\n")
    tensors, layout = model.tensors(data)
    given = {**tensors, **{k: torch.tensor(v) for k, v in values.items()}}
    module = model.program.load()
    trace = pyro.poutine.trace(module.model).get_trace(given, layout, {"b": torch.tensor(B)})
    assert float(trace.log_prob_sum().detach()) == pytest.approx(expected, rel=1e-12)

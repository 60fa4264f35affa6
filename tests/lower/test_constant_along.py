"""Whatever works along an axis, of operands that do not vary over it: definitions of constants, of globals, of values of
outer plates and of themselves, along dims, plates of a size, rows and rows in groups, against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.simulation import deterministic_values
from pgmlang.normal import normal_form
from pgmlang.signatures.functions import REDUCTIONS
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of

ALONG: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "min": np.min, "max": np.max, "logsumexp": logsumexp,
    "softmax": softmax, "cumsum": np.cumsum,
}  # fmt: skip
KEEPS_AXIS = ("softmax", "cumsum")
GROUPS = np.array([0, 1, 1, 2, 0, 2, 2])
V, U, B = np.array([0.3, -0.6, 1.1]), np.array([0.9, -0.2, 0.4]), 0.7
OPERANDS = {"0.5": np.full(3, 0.5), "b": np.full(3, B), "v": V, "u": U, "u * b + v": U * B + V, "2 * e": 2 * V}
"""Right sides that hang on no inner axis, and their values by group; ``e`` is a definition in the outer plate."""

DIMS = """model m
dim k[4]
b ~ Normal(0, 1)
plate g {{
  input v : real
  u ~ Normal(0, 1)
  e = v
  z ~ Normal(0, 1)
  d[k] = {operand}
  out{result} = {call}
}}
"""
PLATES = """model m
b ~ Normal(0, 1)
plate g {{
  input v : real
  u ~ Normal(0, 1)
  e = v
  z ~ Normal(0, 1)
  out = {call}
}}
plate row in g {{
  y ~ Normal(0, 1)
  d = {operand}
}}
"""
FREE = """model m
dim k[4]
b ~ Normal(0, 1)
c = 0.5
plate item[5] {{
  a ~ Normal(0, 1)
  d = {operand}
  m[k] = {operand}
}}
plate row {{
  y ~ Normal(0, 1)
}}
{statement}
"""
DATA = {"g": ["p", "q", "r"], "v": V, "z": np.zeros(3)}
ROWS = {"g": ["pqr"[i] for i in GROUPS], "v": V[GROUPS], "z": np.zeros(7), "y": np.zeros(7)}


def both_meanings(text: str, data: dict[str, object], more: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """The value of ``out`` by the emitted program, by the one of the normal form, and by the tables' evaluator."""
    problem = problem_of(text, data)
    joint = bound_density(problem)
    values = {"b": np.array(B), "u": U, **(more or {})}
    values = {n: v for n, v in values.items() if n in joint.model.by_name}
    tensors = {n: torch.tensor(v)[None] for n, v in values.items()}
    emitted = deterministic_values(joint, tensors, names=["out"])["out"][0].numpy()
    wide = joint.shape_of("out")
    assert emitted.shape == wide
    inputs = {n: np.asarray(joint.data[n]) for n in joint.data}
    for model in (joint.model, normal_form(joint.model)):
        if "out" not in model.definition_of:
            continue
        evaluator = Evaluator(model, {**inputs, **values}, problem.binding.layout)
        variable = model.by_name["out"]
        got = evaluator.evaluate(model.definition_of["out"].value, variable.plates)
        np.testing.assert_allclose(np.broadcast_to(got.to(model.array_axes(variable)), wide), emitted, rtol=1e-9)
    return emitted


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("function", ALONG)
def test_along_a_dim(function: str, operand: str) -> None:
    keeps = function in KEEPS_AXIS
    call = f"{function}(d, over = k)"
    got = both_meanings(DIMS.format(operand=operand, call=call, result="[k]" if keeps else ""), DATA)
    wanted = [ALONG[function](np.full(4, x)) for x in OPERANDS[operand]]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("function", REDUCTIONS)
def test_along_rows_in_groups(function: str, operand: str) -> None:
    got = both_meanings(PLATES.format(operand=operand, call=f"{function}(d, over = row)"), ROWS)
    wanted = [ALONG[function](np.full((g == GROUPS).sum(), x)) for g, x in enumerate(OPERANDS[operand])]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


FREE_OPERANDS = {"0.5": 0.5, "b": B, "c": 0.5, "b * c + 1": 1 + 0.5 * B}
FREE_STATEMENTS: dict[str, Callable[[float], object]] = {
    **{f"out = {f}(d, over = item)": lambda x, f=f: ALONG[f](np.full(5, x)) for f in REDUCTIONS},
    **{f"out[k] = {f}(m, over = item)": lambda x, f=f: np.full(4, ALONG[f](np.full(5, x))) for f in REDUCTIONS},
    "out = sum(d * a, over = item)": lambda x: x * A.sum(),
    "out = d[3]": lambda x: x,
    "plate item { out = softmax(m, over = k) @ m }": lambda x: np.full(5, x),
    "plate item { out[k] = cumsum(m) }": lambda x: np.tile(np.arange(1, 5) * x, (5, 1)),
    "plate item { out = m @ m }": lambda x: np.full(5, 4 * x * x),
}
A = np.array([0.3, -0.7, 1.9, 0.2, 0.0])


@pytest.mark.parametrize("operand", FREE_OPERANDS)
@pytest.mark.parametrize("statement", FREE_STATEMENTS)
def test_along_a_plate_of_a_size(statement: str, operand: str) -> None:
    text = FREE.format(operand=operand, statement=statement)
    if statement.startswith("plate item {"):
        text = FREE.format(operand=operand, statement="").replace(
            "  d =", f"  {statement.removeprefix('plate item {').removesuffix('}').strip()}\n  d ="
        )
    got = both_meanings(text, {"y": np.zeros(3)}, {"a": A})
    np.testing.assert_allclose(got, FREE_STATEMENTS[statement](FREE_OPERANDS[operand]), rtol=1e-12)


CHAINS = """model m
b ~ Normal(0, 1)
plate g {{
  input v : real
  u ~ Normal(0, 1)
  e = v
  z ~ Normal(0, 1)
}}
plate row in g = chain {{
  y ~ Normal(0, 1)
  d = {operand}
  out = if first then 0 else prev(d) * 2
}}
"""


@pytest.mark.parametrize("operand", OPERANDS)
def test_lag_of_a_constant(operand: str) -> None:
    got = both_meanings(CHAINS.format(operand=operand), ROWS)
    first = np.array([list(GROUPS).index(g) == i for i, g in enumerate(GROUPS)])
    np.testing.assert_allclose(got, np.where(first, 0, 2 * OPERANDS[operand][GROUPS]), rtol=1e-12)


FACTORS = {
    "rows": "s * b",
    "through a definition": "c",
    "a number beside it": "s * b + 0.5",
    "a definition in the plate": "e",
}


@pytest.mark.parametrize("value", FACTORS.values(), ids=FACTORS)
def test_a_factor_that_does_not_vary_over_its_plate(value: str) -> None:
    """It counts once for every element, in the density and in log Z."""
    text = "model m\nparam b : real\nfield s : bit\nc = s * b\nplate row {{\n  field y : bit\n  e = s * b\n  factor {}\n  factor y * (1 + s)\n}}\n"
    fit = pgmlang.compile(text.format(value)).fit({"row": {"y": [0, 1, 1]}}, method="ml", seed=1)
    b = float(fit.params["b"])
    seen = np.logaddexp(2, 3 * b + 4)
    assert fit.log_likelihood == pytest.approx(
        seen - np.logaddexp(3 * np.logaddexp(0, 1), 3 * b + 3 * np.logaddexp(0, 2)), rel=1e-9
    )

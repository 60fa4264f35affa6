"""`--max-time` is honoured in every phase of every method: a clock that counts tensor operations runs out within the
search for a start, the warm-up, a step or the look at the curvature, and little may follow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import pgmlang
from pgmlang.density import target
from pgmlang.diagnostics import PgmError
from pgmlang.infer.run import run
from pgmlang.plan.deadline import Deadline
from pgmlang.plan.plan import planned
from pgmlang.plan.registry import METHODS
from tests.infer.by_hand import problem_of

RNG = np.random.default_rng(0)
NUMBERS = {"y": (2 * RNG.normal(size=40)).round(2).tolist()}
BITS = {"s": [0, 1, 1, 0], "t": [0, 1, 1, 1]}
PIXELS = {"v": RNG.integers(0, 2, (12, 4))}
LABELS = {"a": ["x", None, "y"], "b": ["u", "v", "v"]}

MIXTURE = (
    "l ~ Normal(0, 3)\nr ~ Normal(0, 3)\n"
    "plate row { z : {a, b} ~ Table() { 0.4, 0.6 }\n y ~ Normal(if z == a then l else r, 1) }\n"
)
SCHOOLS = "mu ~ Normal(0, 5)\ntau ~ HalfNormal(5)\nplate row { th ~ Normal(mu, tau)\n y ~ Normal(th, 1) }\n"
SEPARATE = "param a, b : real\nplate row { y ~ StudentT(3, a + b, 1) }\n"
FIELDS = "param w : real\nplate row { field s, t : bit\n factor w * s * t }\n"
ENERGY = "param w : positive\nplate row { field s : real\n factor -w * s * s }\n"
TABLES = "plate row { a : {x, y} ~ Table()\n b : {u, v} ~ Table(a) }\n"
GIVEN = "plate row { a : {x, y} ~ Table() { 0.3, 0.7 }\n b : {u, v} ~ Table(a) { x : 0.5, 0.5\n y : 0.1, 0.9 } }\n"
BELIEF = """
import std.layers
dim pixel
dim low[3], mid[3], top[3]
plate image {
  field x3[top] : bit, x2[mid] : bit
  factor top = layers.rbm(x2, x3)
  x1[low] ~ Bernoulli(logit = layers.affine(x2, low))
  v[pixel] ~ Bernoulli(logit = layers.affine(x1, pixel))
}
"""

CASES = [
    ("exact", GIVEN, LABELS), ("ml", FIELDS, BITS), ("ml", TABLES, {"a": ["x", "y"], "b": ["u", "v"]}),
    ("em", MIXTURE, NUMBERS), ("em", TABLES, LABELS), ("map", MIXTURE, NUMBERS), ("map", SCHOOLS, NUMBERS),
    ("map", SEPARATE, NUMBERS), ("elbo", MIXTURE, NUMBERS), ("elbo", SCHOOLS, NUMBERS), ("hmc", MIXTURE, NUMBERS),
    ("hmc", SCHOOLS, NUMBERS), ("nuts", SCHOOLS, NUMBERS), ("langevin", SCHOOLS, NUMBERS), ("mh", SCHOOLS, NUMBERS), ("tempering", SCHOOLS, NUMBERS),
    ("gibbs", MIXTURE, NUMBERS), ("gibbs", SCHOOLS, NUMBERS), ("meanfield", MIXTURE, NUMBERS), ("layerwise", BELIEF, PIXELS),
    ("pcd", FIELDS, BITS), ("cd", FIELDS, BITS), ("pseudo", FIELDS, BITS), ("score", ENERGY, {"s": [0.1, 0.5, -1.0]}),
    ("ais", "plate row { field s, t : bit\n factor 0.3 * s * t }\n", BITS),
    ("ais", "plate row { field s : real\n factor -0.3 * s ^ 2 }\n", {"s": [0.1, 0.5, -1.0]}),
]  # fmt: skip
AFTER = 12_000
"""Most operations between the end of the time and that of the run: one start, one step (some iterations of a sampler), and
what is kept."""


class Operations(TorchDispatchMode):
    """Counts the tensor operations within it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        # a recording's optimiser looks at its constants, which come here as plain numbers
        asked = [str(a.type) for a in func._schema.arguments]
        args = [
            torch.tensor(a, dtype=torch.float64 if isinstance(a, float) else torch.int64)
            if isinstance(a, float | int) and kind == "Tensor" else a
            for a, kind in zip(args, asked[: len(args)], strict=True)
        ]  # fmt: skip
        return func(*args, **(kwargs or {}))


def test_every_method_has_a_row() -> None:
    assert {method for method, _, _ in CASES} == set(METHODS)


@pytest.mark.parametrize("limit", [0, 2_000, 20_000])
@pytest.mark.parametrize(("method", "text", "data"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_little_follows_the_end_of_the_time(
    method: str, text: str, data: Any, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unrecorded(*_: Any) -> Any:
        raise target.NotRecordable("operations of recorded programs are not seen one by one")

    monkeypatch.setattr(target, "traced", unrecorded)
    operations = Operations()
    problem = problem_of(text, data)
    with operations:
        made = planned(problem.model, problem.binding, method)
        limited = Deadline(limit, clock=lambda: operations.count)
        timed = dataclasses.replace(problem, deadline=limited, blocks=made.plan.blocks)
        try:
            algorithm = made.method.build(timed, made.options)
            run(algorithm, np.random.default_rng(1), timed.deadline)
            codes = ["PGM0804"]
        except PgmError as error:
            codes = [d.code for d in error.diagnostics]
    assert codes == ["PGM0804"]
    assert operations.count <= limit + AFTER


@pytest.mark.parametrize(("method", "text"), [("map", SCHOOLS.replace("tau)", "tau + 1)")), ("elbo", SCHOOLS)])
def test_a_run_that_goes_on_ends_as_one_that_never_stopped(method: str, text: str) -> None:
    given = {"epochs": 60} if method == "elbo" else {"max_iterations": 60}
    ends = []
    for asks in (None, 12):
        problem = problem_of(text, NUMBERS)
        made = planned(problem.model, problem.binding, method, given)
        problem, chosen, options = dataclasses.replace(problem, blocks=made.plan.blocks), made.method, made.options
        limited = Deadline(asks, clock=iter(range(10**6)).__next__)
        first = chosen.build(problem, options)
        state = first.init(np.random.default_rng(1))
        if asks is not None:
            state, report = chosen.build(dataclasses.replace(problem, deadline=limited), options).step(state)
            assert 1 < report.iterations < 20
        while not first.done(state):
            state, _ = first.step(state)
        ends.append(first.conclude(state).parameters)
        last = state.point.x if method == "map" else torch.cat([v.flatten() for v in state.moving.values()])
        ends[-1] = {**ends[-1], "state": last.numpy()}
    assert all(np.array_equal(ends[0][k], ends[1][k]) for k in ends[0])


def test_a_command_that_is_out_of_time_says_so() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(SCHOOLS).fit(NUMBERS, method="hmc", seed=1, options={"max_time": 0.0})
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.help) == ("PGM0804", "a longer `--max-time`")

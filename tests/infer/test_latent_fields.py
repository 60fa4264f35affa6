"""Fields that the data do not have, beside latent numbers and params: every method takes them or says why not."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.plan.registry import METHODS, method_named

FIELDS = {
    "bit": "field s : bit\nfactor 0.3 * s",
    "real": "field s : real\nfactor -s * s",
    "without a factor": "field s : bit",
    "real without a factor": "field s : real",
    "bits of groups": "plate group { field s : bit ; field t : bit ; factor 0.5 * s * t }",
    "reals of groups": "plate group { field s : real ; factor -s * s }",
    "beside a seen one": "plate group { field s : bit ; field v : bit ; factor 0.5 * s * v }",
}
BESIDE = {
    "a latent number": "m ~ Normal(0, 1)\nplate row in group { y ~ Normal(m, 1) }",
    "a param": "param m : real\nplate row in group { y ~ Normal(m, 1) }",
    "a label": "param m[k]\ndim k = {a, b}\nplate row in group { z : k ~ Categorical(1/2) ; y ~ Normal(m[z], 1) }",
    "a guide": "m ~ Normal(0, 1)\nplate row in group { y ~ Normal(m, 1) }\n"
    "guide { param loc : real ; m ~ Normal(loc, 0.5) }",
}
ROWS = {"group": ["p", "p", "q"], "y": [0.5, 1.0, 1.5], "v": [0, 0, 1]}
SAMPLED = {"chains": 2, "warmup": 4, "draws": 4}


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(("fields", "beside"), list(itertools.product(FIELDS, BESIDE)))
def test_latent_fields(fields: str, beside: str, method: str) -> None:
    plate = "" if "plate group" in FIELDS[fields] else "plate group { }\n"
    model = pgmlang.compile(f"{plate}{FIELDS[fields]}\n{BESIDE[beside]}\n")
    names = {v.name for v in model.model.of_role("random", "field", "input")} | {"group"}
    rows = {k: v for k, v in ROWS.items() if k in names}
    taken = {f.name for f in dataclasses.fields(method_named(method).options)}
    options = SAMPLED if taken > set(SAMPLED) else {"max_time": 0.5}
    try:
        fit = model.fit(rows, method=method, seed=1, options=options)
    except PgmError as error:
        problems = error.diagnostics
        assert {d.code for d in problems} <= {"PGM0602", "PGM0610"}, problems
        assert all(d.help for d in problems), problems
    else:
        numbers = [*fit.params.values(), *fit.draws.values()]
        assert all(np.isfinite(np.asarray(v, dtype=float)).all() for v in numbers)


@pytest.mark.parametrize(("values", "count"), [("bit", 2), ("{a, b, c}", 3)])
@pytest.mark.parametrize("factor", ["", "factor 0 * (if s == {} then 1 else 0)"])
@pytest.mark.parametrize("method", ["ml", "map", "em"])
def test_a_field_that_no_potential_holds_is_uniform(values: str, count: int, factor: str, method: str) -> None:
    """Its values count in Z: each that is seen costs the log of their number, and one that is not costs nothing."""
    first = 1 if values == "bit" else "a"
    text = "param p : unit\nplate row {\n  field s : %s\n  %s\n  y : bit ~ Bernoulli(p)\n}\n"
    model = pgmlang.compile(text % (values, factor.format(first)))
    rows = {"s": [first] * 3, "y": [0, 1, 1]} if method != "em" else {"y": [0, 1, 1]}
    wanted = math.log(4 / 27) - (0 if method == "em" else 3 * math.log(count))
    fit = model.fit(rows, method=method, seed=1)
    assert float(fit.params["p"]) == pytest.approx(2 / 3, abs=1e-5)
    assert fit.record.log_likelihood == pytest.approx(wanted, abs=1e-8)

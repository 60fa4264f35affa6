"""What is planned is what runs: a plan, the fit by it, the fit that is loaded again and its plan all say the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer import elbo
from pgmlang.plan import Plan, plan_json, plan_of_json, show
from pgmlang.plan.plan import planned
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.posterior.first_question import first_question

RNG = np.random.default_rng(2)
BITS = {"s": [0, 1, 1, 0, 1, 1], "t": [0, 1, 1, 1, 1, 0]}
NUMBERS = RNG.normal(1.0, 1.0, 12).round(2).tolist()
LABELS = {"x": ["a", "b", "b", "a", "b", "a"], "y": ["a", "a", "b", "a", "b", "b"]}
TABLES = "plate row {\n  x : {a, b} ~ Table()\n  y : {a, b} ~ Table(x)\n}\n"
HIDDEN = "plate row {\n  z : {u, v} ~ Table()\n  x : {a, b} ~ Table(z)\n  y : {a, b} ~ Table(z)\n}\n"
FIELDS = "param w : real\nplate row {\n  field s, t : bit\n  factor w * s * t + 0.3 * s\n}\n"
GIVEN = "plate row {\n  field s, t : bit\n  factor 0.7 * s * t\n}\n"
REAL_FIELD = "param w : positive\nplate row {\n  field r : real\n  factor -w * r * r\n}\n"
STACK = (
    "dim p[2], q[2]\nparam w[q, p], c[p], b[q] : real\n"
    "plate row {\n  h[q] : bit ~ Bernoulli(logit = b)\n  v[p] : bit ~ Bernoulli(logit = h @ w + c)\n}\n"
)
MEAN = "m ~ Normal(0, 10)\ns ~ HalfNormal(2)\nplate row { y ~ Normal(m, s) }\n"
CONJUGATE = "m ~ Normal(0, 10)\nv ~ InverseGamma(3, 3)\nplate row { y ~ Normal(m, sqrt(v)) }\n"
MIXTURE = (
    "plate k[2] { m ~ Normal(0, 3) }\nshare[k] ~ Dirichlet(2)\n"
    "plate row {\n  z ~ Categorical(share)\n  y ~ Normal(m[z], 1)\n}\n"
)
SPREADS = MIXTURE.replace("plate k[2] {", "plate k[2] { s ~ HalfNormal(2)\n").replace("m[z], 1", "m[z], s[z]")
NUMBER = {"y": NUMBERS}
SHORT = {"warmup": 15, "draws": 15, "chains": 2}
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "exact": ("exact", GIVEN, BITS, {}, {}),
    "counting": ("ml", TABLES, LABELS, {}, {"x.table": "counting", "y.table": "counting"}),
    "fields, to the end": ("ml", FIELDS, BITS, {}, {"w": "lbfgs", "s": "log Z summed"}),
    "fields, by Adam": ("ml", FIELDS, BITS, {"epochs": 20}, {"w": "adam", "s": "log Z summed"}),
    "hmc": ("hmc", MEAN, NUMBER, SHORT, {"m": "hmc", "s": "hmc"}),
    "hmc over labels": ("hmc", MIXTURE, NUMBER, SHORT, {"m": "hmc", "z": "summed"}),
    "em, tables": ("em", HIDDEN, LABELS, {}, {"z": "junction tree", "x.table": "expected counts"}),
    "em, densities": ("em", MIXTURE, NUMBER, {}, {"z": "summed", "m": "m-step", "share": "m-step"}),
    "em, no closed form": ("em", SPREADS, NUMBER, {}, {"z": "summed", "m": "m-step", "s": "m-step by lbfgs"}),
    "gibbs": ("gibbs", CONJUGATE, NUMBER, SHORT, {"m": "conjugate draws", "v": "conjugate draws"}),
    "gibbs, in part": ("gibbs", MEAN, NUMBER, SHORT, {"m": "conjugate draws", "s": "hmc"}),
    "elbo": ("elbo", MEAN, NUMBER, {"epochs": 30}, {"m": "meanfield guide"}),
    "coordinate ascent": ("meanfield", CONJUGATE, NUMBER, {}, {"m": "coordinate ascent"}),
    "meanfield by Adam": ("meanfield", MEAN, NUMBER, {"epochs": 30}, {"m": "meanfield guide"}),
    "map": ("map", MEAN, NUMBER, {}, {"m": "lbfgs", "s": "lbfgs"}),
    "map by Adam": ("map", MEAN, NUMBER, {"optimizer": "adam", "epochs": 30}, {"m": "adam"}),
    "layerwise": ("layerwise", STACK, {"v": RNG.integers(0, 2, (20, 2))}, {"epochs": 2}, {"h": "cd"}),
    "pcd": ("pcd", FIELDS, BITS, {"epochs": 3}, {"w": "adam"}),
    "cd": ("cd", FIELDS, BITS, {"epochs": 3}, {"w": "adam"}),
    "pseudo": ("pseudo", FIELDS, BITS, {"epochs": 3}, {"w": "adam"}),
    "score": ("score", REAL_FIELD, {"r": NUMBERS}, {"epochs": 3}, {"w": "adam"}),
    "tempering": ("tempering", MEAN, NUMBER, {**SHORT, "temperatures": 2}, {"m": "tempered hmc"}),
    "a ladder": ("tempering(mh, 2)", MEAN, NUMBER, SHORT, {"m": "tempered mh"}),
    "in turn": ("gibbs(m) * mh(s)", MEAN, NUMBER, SHORT, {"m": "conjugate draws", "s": "mh"}),
    "nuts": ("nuts", MEAN, NUMBER, SHORT, {"m": "nuts", "s": "nuts"}),
    "langevin": ("langevin", MEAN, NUMBER, SHORT, {"m": "langevin"}),
    "mh": ("mh", MEAN, NUMBER, SHORT, {"m": "mh"}),
    "ais": ("ais", GIVEN, BITS, {"particles": 20, "temperatures": 5}, {"s": "annealing"}),
}  # fmt: skip


def kernels(plan: Plan) -> dict[str, str]:
    return {name: block.kernel for block in plan.blocks for name in block.variables}


def values_of(fit: Any) -> dict[str, Any]:
    return {**fit.params, **fit.draws, "trace": np.asarray(fit.record.trace)}


def test_every_method_has_a_case() -> None:
    assert {method for method, *_ in CASES.values()} >= set(METHODS)


@pytest.mark.parametrize("name", CASES)
def test_planned_run_and_kept_are_one(name: str, tmp_path: Path) -> None:
    method, text, data, options, expected = CASES[name]
    model = pgmlang.compile(text)
    binding = model.bind(data)
    plan = model.plan(binding, method, options=options)
    assert kernels(plan).items() >= expected.items()
    assert all(v is not None for v in plan.options.values())
    fit = model.fit(binding, method=method, options=options, seed=1)
    assert plan_json(fit.plan) == plan_json(plan)
    assert {**fit.record.options, **plan.options} == fit.record.options
    fit.save(tmp_path / "one.fit")
    loaded = pgmlang.load(tmp_path / "one.fit")
    assert plan_json(loaded.plan) == plan_json(plan)
    question = first_question(loaded.posterior)
    assert question is None or loaded.query(question)
    again = model.fit(binding, plan=loaded.plan, seed=1)
    assert plan_json(again.plan) == plan_json(plan)
    for key, value in values_of(fit).items():
        np.testing.assert_array_equal(value, values_of(again)[key], err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_resolved_options_are_resolved(name: str) -> None:
    method, text, data, options, _ = CASES[name]
    binding = pgmlang.compile(text).bind(data)
    made = planned(binding.model, binding, method, options)
    assert made.method.resolve(made.model, made.facts, made.options) == made.options
    assert json.loads(json.dumps(plan_json(made.plan))) == plan_json(plan_of_json(plan_json(made.plan)))
    text_of = show(made.plan)
    assert all(block.kernel in text_of for block in made.plan.blocks)


def test_the_numbers_planned_are_the_numbers_run() -> None:
    fit = pgmlang.compile(MEAN).fit(NUMBER, method="elbo", seed=1, options={"epochs": 40})
    assert fit.plan.options["epochs"] == 40
    assert (fit.plan.options["particles"], fit.plan.options["learning_rate"]) == (8, 0.02)
    plan = pgmlang.compile(MEAN).plan(NUMBER, "elbo")
    assert (plan.options["epochs"], plan.options["dtype"]) == (4000, "float64")
    plan = pgmlang.compile(MEAN).plan(NUMBER, "map")
    assert (plan.options["optimizer"], plan.options["restarts"]) == ("lbfgs", 1)
    assert not {"epochs", "learning_rate", "patience"} & set(plan.options)


def test_a_plan_changed_runs_as_changed() -> None:
    model = pgmlang.compile(MEAN)
    plan = model.plan(NUMBER, "hmc", options=SHORT)
    longer = tuple(dataclasses.replace(b, options={**b.options, "draws": 21}) for b in plan.blocks)
    fit = model.fit(NUMBER, plan=dataclasses.replace(plan, blocks=longer), seed=1)
    assert fit.draws["m"].shape[:2] == (2, 21)


def test_plans_for_something_else_are_refused() -> None:
    model = pgmlang.compile(MEAN)
    plan = model.plan(NUMBER, "hmc", options=SHORT)
    other = tuple(dataclasses.replace(b, kernel="mh") for b in plan.blocks)
    with pytest.raises(PgmError, match="not one of `hmc` for this model"):
        model.fit(NUMBER, plan=dataclasses.replace(plan, blocks=other))
    with pytest.raises(PgmError, match="beside a plan"):
        model.fit(NUMBER, plan=plan, method="hmc")
    with pytest.raises(PgmError, match="beside a plan"):
        model.fit(NUMBER, plan=plan, options={"draws": 3})
    with pytest.raises(PgmError, match="several cases"):
        pgmlang.compile(HIDDEN).fit(LABELS, plan=pgmlang.compile(HIDDEN).plan())


def test_a_run_goes_on_with_the_options_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a method chose is in the key: another version's choice is another run."""
    model = pgmlang.compile(MEAN)
    fit = model.fit(NUMBER, method="elbo", seed=1, checkpoint=tmp_path / "state", options={"max_time": 0.0})
    assert fit.record.status == "stopped"
    monkeypatch.setattr(elbo, "AUTOMATIC", {"epochs": 50, "rate": 0.02})
    with pytest.raises(PgmError) as error:
        model.fit(NUMBER, method="elbo", seed=1, checkpoint=tmp_path / "state", resume=True)
    assert error.value.diagnostics[0].code == "PGM0904"
    assert "options" in error.value.diagnostics[0].message


def test_options_change_the_plan_without_data() -> None:
    plan = pgmlang.compile(TABLES).plan(options={"max_time": 3.0})
    assert {b.method for b in plan.blocks} == {"ml", "em"}
    assert all(b.options["max_time"] == 3.0 for b in plan.blocks)
    assert [method_named(blocks[0].method).name for blocks in plan.cases()] == ["ml", "em"]

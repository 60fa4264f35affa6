"""Plans: which method, why, in words and as data."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.infer.base import facts_of
from pgmlang.plan import latents as continuous
from pgmlang.plan import make_plan, plan_json, show
from pgmlang.plan.choose import choose
from pgmlang.plan.registry import METHODS
from pgmlang.sema import compile_source
from tests.infer.by_hand import SPRINKLER, bound

MODEL = compile_source(SPRINKLER)
FULL = {"cloudy": ["no", "yes"], "rain": ["no", "yes"], "sprinkler": ["no", "no"], "wet": ["no", "yes"]}


def test_without_data_says_what_either_case_takes() -> None:
    plan = make_plan(MODEL)
    assert [b.method for b in plan.blocks] == ["ml", "em"]
    text = show(plan)
    assert "with complete data: ml" in text
    assert "with missing cells or latent variables: em" in text


def test_complete_data() -> None:
    plan = make_plan(MODEL, bound(MODEL, FULL, "day"))
    (block,) = plan.blocks
    assert block.method == "ml"
    assert block.variables == ("cloudy.table", "rain.table", "sprinkler.table")
    assert any("counts" in r for r in block.reasons)


def test_missing_cells_and_latents() -> None:
    columns = {"cloudy": ["no", None], "rain": ["no", "yes"], "wet": ["no", "yes"]}
    block, hidden = make_plan(MODEL, bound(MODEL, columns, "day")).blocks
    assert block.method == "em"
    assert (hidden.kernel, set(hidden.variables)) == ("junction tree", {"cloudy", "sprinkler"})
    words = "; ".join(block.reasons)
    assert "latent: `sprinkler`" in words
    assert "1 missing cell" in words
    assert "treewidth" in words
    assert "cells" in words


def test_given_tables_are_exact() -> None:
    model = compile_source("plate r { x : {a, b} ~ Table() { 0.5, 0.5 } }\n")
    assert [b.method for b in make_plan(model).blocks] == ["exact"]


def test_plan_is_plain_data() -> None:
    plan = make_plan(MODEL, bound(MODEL, FULL, "day"))
    data = json.loads(json.dumps(plan_json(plan)))
    assert data["blocks"][0]["method"] == "ml"
    assert data["refused"][0]["method"] == "exact"


def test_no_method_names_each_ones_reason() -> None:
    model = compile_source("plate row { y ~ Gamma(2, 1) }\n")
    for binding in (None, bound(model, {"y": np.zeros(3)})):
        with pytest.raises(PgmError) as error:
            make_plan(model, binding)
        assert error.value.diagnostics[0].code == "PGM0601"
        assert len(error.value.diagnostics[0].notes) == len(METHODS)


def test_too_wide_says_how_wide() -> None:
    n = 22
    lines = [f"  v{i} : {{a, b, c, d}} ~ Table({f'v{i - 1}' if i else ''})" for i in range(n)]
    everyone = " + ".join(f"(if v{i} == a then 1 else 0)" for i in range(n))
    text = "plate row {\n" + "\n".join(lines) + f"\n  y ~ Bernoulli(logit = {everyone})\n}}\n"
    model = compile_source(text)
    with pytest.raises(PgmError) as error:
        make_plan(model, bound(model, {"y": [0, 1]}))
    assert error.value.diagnostics[0].code in ("PGM0406", "PGM0603")


def test_planning_for_a_method_asked_for() -> None:
    assert make_plan(MODEL, bound(MODEL, FULL, "day"), "em").blocks[0].method == "em"
    with pytest.raises(PgmError) as error:
        make_plan(MODEL, bound(MODEL, FULL, "day"), "nuts")
    assert error.value.diagnostics[0].code == "PGM0602"


def test_auto_passes_over_an_unwise_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of numbers beside labels: auto leaves hmc to those who ask for it."""
    text = """
sd ~ HalfNormal(1)
plate topic[3] { loc ~ StudentT(4, 0, 1) }
plate doc { theta[topic] ~ Dirichlet(1) ; plate token { z ~ Categorical(theta) ; w ~ Normal(loc[z], sd) } }
"""
    model = pgmlang.compile(text)
    bound = model.bind({"doc": ["x", "x", "y"], "w": [0.1, 1.2, 2.0]})
    facts = facts_of(bound.model, bound)
    assert choose(bound.model, facts)[0].name == "hmc"
    monkeypatch.setattr(continuous, "MANY", 10)
    facts = facts_of(bound.model, bound)  # what was asked of the others is kept
    method, refusals = choose(bound.model, facts)
    assert method.name != "hmc"
    assert "10 latent numbers" in next(r for r in refusals if r.method == "hmc").reasons[0].message
    assert choose(bound.model, facts, "hmc")[0].name == "hmc"


def test_labels_with_shares_of_their_groups_are_swept() -> None:
    words = "phi[c, word] ~ Dirichlet(0.1)\nplate token in doc { z : c ~ Categorical(theta)\n w : word ~ Categorical(phi[z]) }"
    head = "dim c[2]\ndim word = {a, b, d}\n"
    data = {"doc": ["x", "x", "y", "y"], "w": ["a", "b", "b", "d"]}
    own = f"{head}plate doc {{ theta[c] ~ Dirichlet(0.5) }}\n{words}"
    shared = f"{head}theta[c] ~ Dirichlet(0.5)\n{words}"
    assert pgmlang.compile(own).plan(data).method == "gibbs"
    assert pgmlang.compile(shared.replace(" in doc", "")).plan({"w": data["w"]}).method == "hmc"

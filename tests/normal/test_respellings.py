"""One model, many spellings: an equal normal form, equal verdicts of every method, equal log-joint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.fields.scopes import field_scopes
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.gibbs import kinds_of
from pgmlang.lower import lower
from pgmlang.model import Model
from pgmlang.model.show import show
from pgmlang.normal import normal_form
from pgmlang.plan import make_plan
from pgmlang.plan.method import Facts
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.sema import compile_source
from tests.names.renaming import names_of, renamed
from tests.normal.spellings import MODELS, Speller

QUICK = [(name, seed) for name in MODELS for seed in range(4)]
MANY = [(name, seed) for name in MODELS for seed in range(100, 350)]


def two_texts(name: str, seed: int) -> tuple[str, str]:
    """The plain text of a random model, and one respelled."""
    plain = Speller(None).write(MODELS[name](Random(seed)))
    return plain, Speller(Random(seed + 1)).write(MODELS[name](Random(seed)))


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """A record with names replaced wherever they are said."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, tuple):
        return tuple(with_names(v, names) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return type(value)(
            **{k: v if k in ("role", "kind", "family") else with_names(v, names) for k, v in kept.items()}
        )
    return value


def methods_of(model: Model, facts: Facts) -> dict[str, tuple[bool, list[str]]]:
    """What every method says of a model: whether it takes it, and the words of its reasons, in whatever order."""
    out = {}
    for name in METHODS:
        method = method_named(name)
        verdict = method.supports(model, facts)
        said = [d.message for d in verdict.reasons] if not verdict.ok else list(method.reasons(model, facts))
        out[name] = verdict.ok, sorted(re.findall(r"[\w.]+", " ".join(said)))
    return out


def plan_of(model: Model) -> list[object]:
    """The plan without data, names of definitions and the words around them apart; the code where there is none."""
    try:
        plan = make_plan(model)
    except PgmError as error:
        return [d.code for d in error.diagnostics]
    return [(b.when, b.method, b.variables, b.options) for b in plan.blocks]


def check_respelled(name: str, seed: int) -> None:
    plain, other = two_texts(name, seed)
    first, second = compile_source(plain), compile_source(other)
    assert show(normal_form(first)) == show(normal_form(second)), other
    assert normal_form(first) == normal_form(second), other
    hidden = [v.name for v in first.of_role("random")]
    assert kinds_of(first, tuple(hidden)) == kinds_of(second, tuple(hidden)), other
    assert [conjugate_family(first, n) for n in hidden] == [conjugate_family(second, n) for n in hidden], other
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(seed)
        module = lower(first).load()
        data, layout, params, nets, values = module.example()
        wanted = module.log_joint(values, data, layout, params, nets)
        got = lower(second).load().log_joint(values, data, layout, params, nets)
        assert torch.isfinite(wanted)
        assert torch.allclose(wanted, got, rtol=1e-9, atol=1e-9), other
        meaning = lower(normal_form(first)).load().log_joint(values, data, layout, params, nets)
        assert torch.allclose(wanted, meaning, rtol=1e-9, atol=1e-9), show(normal_form(first))
    finally:
        torch.set_default_dtype(torch.float32)


def check_renamed(name: str, seed: int) -> None:
    """With other names too: named back, its normal form is the same."""
    plain, other = two_texts(name, seed)
    model = compile_source(other)
    names = {n: f"{n}_other" for n in names_of(model)}
    back = {v: k for k, v in names.items()}
    there = normal_form(compile_source(renamed(other, names)))
    assert show(normal_form(with_names(there, back))) == show(normal_form(compile_source(plain))), other


def check_verdicts(name: str, seed: int) -> None:
    plain, other = two_texts(name, seed)
    first, second = compile_source(plain), compile_source(other)
    # as if the data had what nothing hangs on, and the first of the fields
    parents = {p for c in first.conditionals for p in first.random_parents(c)}
    seen = {v.name for v in first.of_role("random") if v.plates and v.name not in parents} | {"v", "s"}
    names = {v.name for v in first.of_role("random", "field")}
    facts = Facts(frozenset(names & seen), frozenset(names - seen))
    assert methods_of(first, facts) == methods_of(second, facts), other
    assert plan_of(first) == plan_of(second), other


@pytest.mark.parametrize(("name", "seed"), QUICK)
def test_respelled_model_is_the_same(name: str, seed: int) -> None:
    check_respelled(name, seed)
    check_renamed(name, seed)


@pytest.mark.parametrize("name", MODELS)
def test_methods_say_the_same_of_a_respelled_model(name: str) -> None:
    check_verdicts(name, 7)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), MANY)
def test_many_respelled_models_are_the_same(name: str, seed: int) -> None:
    check_respelled(name, seed)
    check_renamed(name, seed)
    if seed % 10 == 0:
        check_verdicts(name, seed)


def lines_of(count: int, is_joined: bool, is_named: bool = False) -> str:
    """A line of bits in pairs, and what each shows of itself, as one sum or a factor each."""
    terms = [f"J * s{i} * s{i + 1}" for i in range(count)] + [f"-(b * s{i})" for i in range(count)]
    fields = [f"field s{i} : bit" for i in range(count + 1)]
    factors = [f"factor {' + '.join(terms)}"] if is_joined else [f"factor {t}" for t in terms]
    if is_named:
        factors = [f"all = {' + '.join(terms)}", "factor all + J * b"]
    return "\n".join(["param J, b : real", "plate row {", *fields, *factors, "}"])


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("count", [5, 14, 40])
def test_a_joined_factor_is_as_wide_as_its_terms(count: int, is_named: bool) -> None:
    """Widths, the way to log Z and the verdicts are those of the split spelling; listed, it would be 2^14."""
    rows = {f"s{i}": np.random.default_rng(i).integers(0, 2, 5) for i in range(count + 1)}
    split = pgmlang.compile(lines_of(count, False)).bind(rows)
    joined = pgmlang.compile(lines_of(count, True, is_named)).bind(rows)
    one, other = make_plan(split.model, split, "ml"), make_plan(joined.model, joined, "ml")
    assert one == other
    scopes, joined_scopes = field_scopes(split, "row"), field_scopes(joined, "row")
    assert scopes is not None
    assert joined_scopes is not None
    assert scopes.width == joined_scopes.width


def test_a_joined_factor_learns_what_its_terms_do() -> None:
    rows = {f"s{i}": np.random.default_rng(i).integers(0, 2, 40) for i in range(4)}
    fits = [
        pgmlang.compile(lines_of(3, is_joined, is_named)).fit(rows, method="ml", seed=1, options={"epochs": 15})
        for is_joined, is_named in ((False, False), (True, False), (True, True))
    ]
    for fit in fits[1:]:
        assert fit.params["J"] == pytest.approx(fits[0].params["J"], rel=1e-9)
        assert fit.params["b"] == pytest.approx(fits[0].params["b"], rel=1e-9)


@pytest.mark.slow
def test_how_far_products_are_multiplied_out_does_not_hang_on_other_terms() -> None:
    """One sum of hundreds of terms has the normal form of hundreds of factors."""
    terms = [f"s{i} * (J + b * s{i + 1})" for i in range(300)]
    fields = [f"field s{i} : bit" for i in range(301)]
    head = ["param J, b : real", "plate row {", *fields]
    split = compile_source("\n".join([*head, *(f"factor {t}" for t in terms), "}"]))
    # brackets, as no expression is read that is nested more than 200 deep
    groups = [f"({' + '.join(terms[i : i + 100])})" for i in range(0, 300, 100)]
    joined = compile_source("\n".join([*head, f"factor {' + '.join(groups)}", "}"]))
    assert normal_form(split) == normal_form(joined)
    assert len(normal_form(split).potentials) == 600

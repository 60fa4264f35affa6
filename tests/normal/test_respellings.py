"""One model, many spellings: an equal normal form, equal verdicts of every method, equal log-joint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import torch

from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.gibbs import kinds_of
from pgmlang.lower import lower
from pgmlang.model import Model
from pgmlang.model.show import show
from pgmlang.normal import normal_form
from pgmlang.plan.method import Facts
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.sema import compile_source
from tests.names.renaming import names_of, renamed
from tests.normal.spellings import MODELS, Speller

QUICK = [(name, seed) for name in MODELS for seed in range(6)]
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

"""Every option of every method is typed, ranged, and honoured or refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_type_hints

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.plan.registry import METHODS, method_named, options_for
from pgmlang.signatures.options import OPTIONS

EVERY = [(m, f.name) for m in METHODS for f in dataclasses.fields(method_named(m).options)]
STRANGE: tuple[Any, ...] = (
    None, "None", "none", "", "abc", True, False, -1, 0, 1, 1.5, 3.0, 1e3, 1e300, -1e-300, math.nan, math.inf, -math.inf,
    10**30, [], {}, (1,), object(), b"x", 1 + 2j,
)  # fmt: skip


@pytest.mark.parametrize(("method", "name"), EVERY)
def test_a_value_is_of_the_options_type_or_refused(method: str, name: str) -> None:
    chosen = method_named(method)
    kinds = get_type_hints(chosen.options)[name]
    taken = 0
    refusals: list[PgmError] = []
    for value in STRANGE:
        try:
            options = options_for(chosen, {name: value})
        except PgmError as error:
            refusals.append(error)
            continue
        kept = getattr(options, name)
        assert isinstance(kept, kinds), (value, kept)
        assert isinstance(kept, bool) == (kinds is bool)
        if isinstance(kept, float | int) and name in OPTIONS:
            assert math.isfinite(kept)
            assert OPTIONS[name].least <= kept <= OPTIONS[name].most
        taken += 1
    assert all(d.code == "PGM0612" and d.help for error in refusals for d in error.diagnostics)
    row = OPTIONS.get(name)
    words = (row.choices or (row.named() if row.named else ())) if row else ()
    for word in words:
        assert getattr(options_for(chosen, {name: word}), name) == word
    assert taken or words


def test_defaults_are_in_their_own_ranges() -> None:
    for method, name in EVERY:
        chosen = method_named(method)
        default = getattr(chosen.options(), name)
        assert getattr(options_for(chosen, {name: default}), name) == default


NORMAL = "m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }\n"
TABLES = "plate row { a : {x, y} ~ Table()\n b : {u, v} ~ Table(a) }\n"
MIXTURE = (
    "param l, r : real\nplate row { z : {a, b} ~ Table(prior = 1)\n y ~ Normal(if z == a then l else r, 1) }\n"
)
STUDENT = "m ~ StudentT(4, 0, 1)\nplate row { y ~ Normal(m, 1) }\n"
FIELDS = "param w : real\nplate row { field s, t : bit\n factor w * s * t }\n"
ENERGY = "param w : positive\nplate row { field s : real\n factor -w * s * s }\n"
NUMBERS = {"y": [0.1, 0.4, -1.0, 2.0, 1.8]}
LABELS = {"a": ["x", "y", "x"], "b": ["u", "v", "v"]}
BITS = {"s": [0, 1, 1, 0], "t": [0, 1, 1, 1]}
IDLE = [
    (TABLES, LABELS, "ml", "epochs", 5),
    (TABLES, LABELS, "ml", "chains", 5),
    (TABLES, LABELS, "ml", "dtype", "float32"),
    (NORMAL, NUMBERS, "map", "epochs", 5),
    (NORMAL, NUMBERS, "map", "learning_rate", 0.1),
    (NORMAL, NUMBERS, "map", "patience", 3),
    (NORMAL, NUMBERS, "meanfield", "epochs", 5),
    (NORMAL, NUMBERS, "meanfield", "batch", 2),
    (NORMAL, NUMBERS, "meanfield", "particles", 2),
    (STUDENT, NUMBERS, "meanfield", "restarts", 2),
    (STUDENT, NUMBERS, "elbo", "patience", 2),
    (FIELDS, BITS, "ml", "chains", 5),
    (FIELDS, BITS, "ml", "step_size", 0.5),
    (FIELDS, BITS, "cd", "chains", 5),
    (FIELDS, BITS, "pseudo", "patience", 2),
]


@pytest.mark.parametrize(("text", "data", "method", "option", "value"), IDLE)
def test_an_option_without_a_use_is_refused(text: str, data: Any, method: str, option: str, value: Any) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).fit(data, method=method, seed=1, options={option: value})
    assert caught.value.diagnostics[0].code == "PGM0612"
    assert option in caught.value.diagnostics[0].message
    assert "does nothing here" in caught.value.diagnostics[0].message


USED = [
    (FIELDS, BITS, "ml", {"epochs": 3}, {"epochs": 4}),
    (FIELDS, BITS, "pcd", {"epochs": 3, "chains": 5}, {"epochs": 3, "chains": 6}),
    (FIELDS, BITS, "pcd", {"epochs": 3, "k": 1}, {"epochs": 3, "k": 2}),
    (FIELDS, BITS, "cd", {"epochs": 3, "batch": 2}, {"epochs": 3, "batch": 3}),
    (FIELDS, BITS, "pseudo", {"epochs": 3}, {"epochs": 3, "learning_rate": 0.5}),
    (ENERGY, {"s": [0.1, 0.5, -1.0]}, "score", {"epochs": 3, "kind": "sliced"}, {"epochs": 3, "kind": "denoising"}),
    (ENERGY, {"s": [0.1, 0.5, -1.0]}, "score", {"epochs": 3, "noise": 0.1}, {"epochs": 3, "noise": 0.5}),
    (NORMAL, NUMBERS, "map", {"optimizer": "adam", "epochs": 3}, {"optimizer": "lbfgs"}),
    (STUDENT, NUMBERS, "elbo", {"epochs": 3, "particles": 2}, {"epochs": 3, "particles": 3}),
    (MIXTURE, NUMBERS, "em", {"max_iterations": 2}, {"max_iterations": 3}),
    (NORMAL, NUMBERS, "hmc", {"chains": 2, "warmup": 10, "draws": 5}, {"chains": 3, "warmup": 10, "draws": 5}),
    (NORMAL, NUMBERS, "mh", {"chains": 2, "warmup": 10, "draws": 5}, {"chains": 2, "warmup": 20, "draws": 5}),
    (NORMAL, NUMBERS, "nuts", {"chains": 2, "warmup": 10, "draws": 5}, {"chains": 2, "warmup": 10, "draws": 6}),
    (NORMAL, NUMBERS, "langevin", {"chains": 2, "warmup": 10, "draws": 5}, {"chains": 2, "warmup": 10, "draws": 6}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "data", "method", "one", "other"), USED)
def test_an_option_that_is_taken_changes_the_fit(text: str, data: Any, method: str, one: Any, other: Any) -> None:
    fits = [pgmlang.compile(text).fit(data, method=method, seed=1, options=o) for o in (one, other, one)]
    kept = [{k: v.tolist() for k, v in {**f.params, **f.draws}.items()} for f in fits]
    assert kept[0] == kept[2]
    assert kept[0] != kept[1]


@pytest.mark.parametrize("method", ["em", "exact", "ml"])
def test_a_device_that_is_not_used_is_refused(method: str) -> None:
    chosen = method_named(method)
    model = pgmlang.compile(TABLES)
    from pgmlang.plan.method import facts_of

    bound = model.bind(LABELS)
    assert "device" in chosen.idle(bound.model, facts_of(bound.model, bound), chosen.options())

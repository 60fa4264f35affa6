"""An argument that is names takes one name as a text, and several between commas, by every public function that has it."""

from __future__ import annotations

import inspect

import pytest

import pgmlang
from pgmlang.api import Asked, CompiledModel, FittedModel
from pgmlang.diagnostics import PgmError
from pgmlang.signatures.arguments import ARGUMENTS, checked_arguments, names_of

NAMES = sorted(name for name, row in ARGUMENTS.items() if row.are_names)
TEXT = "plate row { y ~ Normal(mu, 1) ; yy ~ Normal(mu, 1) ; z : bit ~ Bernoulli(0.5) }\nmu ~ Normal(0, 10)\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_names(name):
    scope: dict[str, object] = {}
    exec(f"def call({name}=None): return {name}", scope)
    call = checked_arguments(scope["call"])
    assert call("yy") == ("yy",)
    assert call(**{name: "yy, effect[a, b]"}) == ("yy", "effect[a, b]")
    assert call(one for one in ["a", "b"]) == ("a", "b")
    with pytest.raises(PgmError, match="PGM0612"):
        call(3)


def test_public_arguments_that_are_lists_of_names_are_known():
    for owner in (CompiledModel, Asked, FittedModel):
        for _, function in inspect.getmembers(owner, inspect.isfunction):
            for parameter in inspect.signature(function).parameters.values():
                if "Sequence[str]" in str(parameter.annotation) or "Iterable[str]" in str(parameter.annotation):
                    assert parameter.name in NAMES, (function.__qualname__, parameter.name)


def test_hide_is_a_name_and_not_its_letters():
    model, data = pgmlang.compile(TEXT), {"y": [0.1], "yy": [0.2], "z": [1]}
    assert model.bind(data, hide="yy").latent == ("yy", "mu")
    assert model.bind(data, hide="z,y").latent == ("y", "z", "mu")


def test_what_is_shaded_is_a_variable():
    model = pgmlang.compile(TEXT)
    assert [n.name for n in model.scene("yy").nodes if n.observed] == ["yy"]
    for wrong in ("zz", ["y", "zz"]):
        with pytest.raises(PgmError, match="PGM0607"):
            model.svg(observed=wrong)


def test_models_and_fits_are_made_by_their_functions():
    for kind in (CompiledModel, FittedModel):
        with pytest.raises(PgmError, match="PGM0612"):
            kind("x")
    assert names_of(" a , b,,c[1, 2]") == ("a", "b", "c[1, 2]")

"""The normal form: passes ``Model -> Model`` between meaning and everything that looks at a model.

A recogniser (conjugacy, layers, couplings, plated sums, colours) reads ``normal_form(model)``: the same for every
spelling. Programs and tables are made of the model as it was written, so that they keep its names.
"""

from __future__ import annotations

from collections.abc import Callable

from pgmlang.model.model import Model
from pgmlang.normal.algebra import canonical
from pgmlang.normal.arguments import canonical_arguments
from pgmlang.normal.choices import without_choices
from pgmlang.normal.inline import inlined
from pgmlang.normal.order import by_name, ordered
from pgmlang.normal.piecewise import piecewise
from pgmlang.normal.potentials import separate_terms, split_potentials

PASSES: tuple[Callable[[Model], Model], ...] = (
    inlined, canonical, without_choices, canonical_arguments, piecewise, split_potentials, ordered,
)  # fmt: skip
"""In the order in which they run."""


def normal_form(model: Model) -> Model:
    """The normal form of a model, worked out once for each Model; that of a normal form is itself."""
    return model.once(_normal_form)


def without_definitions(model: Model) -> Model:
    """The model's own factors with their definitions inlined and nothing else changed: for programs."""
    return model.once(inlined)


def canonical_factors(model: Model) -> Model:
    """The model's own factors, one for one and in their order, with their expressions in normal form: for what must
    meet the factors of an emitted program."""
    return model.once(_canonical_factors)


def _normal_form(model: Model) -> Model:
    out = model
    for run in PASSES:
        out = run(out)
    out.settle(_normal_form, out)
    return out


def _canonical_factors(model: Model) -> Model:
    out = canonical(without_definitions(model))
    out.settle(_canonical_factors, out)
    return out


__all__ = ["PASSES", "by_name", "canonical_factors", "normal_form", "separate_terms", "without_definitions"]

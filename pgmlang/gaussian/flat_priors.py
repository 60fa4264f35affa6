"""Coefficients with a flat prior: the densest place of their posterior is that of the likelihood, so that they are params."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Model


def flat_names(model: Model, latent: Collection[str], rows: str) -> frozenset[str]:
    """The ``latent`` numbers whose density is flat, one for many ``rows``."""
    return frozenset(
        c.target
        for c in model.conditionals
        if c.target in latent
        and isinstance(c.distribution, Dist)
        and FAMILIES[c.distribution.family].improper
        and not c.distribution.arguments
        and rows not in model.by_name[c.target].plates
    )


def with_params(model: Model, names: Collection[str]) -> Model:
    """The model with these random variables as params."""
    if not names:
        return model
    return replace(
        model,
        variables=tuple(replace(v, role="param") if v.name in names else v for v in model.variables),
        factors=tuple(f for f in model.factors if getattr(f, "target", None) not in names),
    )

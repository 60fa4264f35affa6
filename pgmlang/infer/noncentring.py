"""Automatic non-centring: ``x ~ Normal(m, s)`` of little data becomes ``x = m + s * e`` with ``e ~ Normal(0, 1)``.

A latent with little data of its own follows its prior, whose width then changes with ``s``: a funnel that no one step
size fits (Papaspiliopoulos, Roberts and Skoeld 2007; Betancourt and Girolami 2015). The model is rewritten; the draws
of ``x`` are given back. Which ones is for `centring` to say.
"""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model import Conditional, Definition, Dist, Factor, Model, Variable
from pgmlang.model.expr import Apply, Const, Expr, Ref
from pgmlang.model.types import REAL
from pgmlang.plan.latents import latent_variables
from pgmlang.plan.method import Facts


def movable_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """The latent normal variables, several of a kind, whose mean or sd is latent too."""
    if facts.binding is None:
        return ()
    latent = {v.name for v in latent_variables(model, facts)}
    movable = {
        n for n in latent if n in model.conditional_of and _is_movable(model, model.conditional_of[n], latent)
    }
    return tuple(v.name for v in model.variables if v.name in movable)


def _is_movable(model: Model, conditional: Conditional, latent: set[str]) -> bool:
    variable = model.by_name[conditional.target]
    distribution = conditional.distribution
    if not isinstance(distribution, Dist) or distribution.family != "Normal" or variable.type.kind != "real":
        return False
    if not (variable.plates or variable.axes) or not set(model.random_parents(conditional)) & latent:
        return False
    everything = (*model.factors, *model.definitions)
    looked_back = any(r.name == variable.name and r.lag for item in everything for r in model.mentions(item))
    return not looked_back and variable.name not in model.random_parents(conditional)


def standard_name(name: str) -> str:
    """The standard normal variable behind a non-centred one."""
    return f"{name}.standard"


def noncentred(model: Model, names: tuple[str, ...]) -> Model:
    """The model with these variables as deterministic names over standard normal ones."""
    factors: list[Factor] = []
    variables: dict[str, Variable] = {v.name: v for v in model.variables}
    definitions = list(model.definitions)
    for factor in model.factors:
        if not isinstance(factor, Conditional) or factor.target not in names:
            factors.append(factor)
            continue
        assert isinstance(factor.distribution, Dist)
        arguments = dict(factor.distribution.arguments)
        loc, sd = arguments["loc"], arguments["sd"]
        assert not isinstance(loc, Dist)
        assert not isinstance(sd, Dist)
        old = variables[factor.target]
        standard = replace(old, name=standard_name(old.name))
        variables[old.name] = replace(old, role="derived")
        variables[standard.name] = standard
        standard_ref = Ref(REAL, old.axes, factor.span, standard.name)
        scaled: Expr = Apply(REAL, old.axes, factor.span, "mul", (sd, standard_ref))
        definitions.append(
            Definition(old.name, Apply(REAL, old.axes, factor.span, "add", (loc, scaled)), factor.span)
        )
        zero, one = (Const(REAL, (), factor.span, value) for value in (0.0, 1.0))
        factors.append(replace(factor, target=standard.name,
                               distribution=replace(factor.distribution, arguments=(("loc", zero), ("sd", one)))))  # fmt: skip
    return replace(
        model, factors=tuple(factors), variables=tuple(variables.values()), definitions=tuple(definitions)
    )

"""Latents integrated out of what a sampler moves, by reversing the arc to the one draw that hangs on each (Shachter 1986).

Of ``p ~ Beta(a, b)`` and ``y ~ Binomial(n, p)``, one y for each p, ``y ~ BetaBinomial(n, a, b)`` and ``p ~ Beta(a + y, b + n - y)`` is the same
joint density. Chains move in ``a`` and ``b`` alone, and p is drawn given what they come to: where a and b are large every p is narrow, a
funnel that no location and scale could be taken out of. Which families these are is in their records (`Pair.marginal`).
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import NamedTuple

from pgmlang.families import FAMILIES, Marginal, Pair
from pgmlang.infer.conjugate import FORMS
from pgmlang.infer.noncentring import location_scale_of
from pgmlang.model import Conditional, Dist, Model, Variable
from pgmlang.model.dependence import names_behind
from pgmlang.model.expr import Const, Expr, Ref, references
from pgmlang.model.types import REAL, Type
from pgmlang.normal import normal_form
from pgmlang.normal.affine import form_in
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.arguments import of_formula
from pgmlang.normal.nodes import number
from pgmlang.normal.rewrite import rebuilt
from pgmlang.plan.latents import sampled_variables, summed_names
from pgmlang.plan.method import Facts, facts_of, once_per_problem


class Reversal(NamedTuple):
    """An arc from the latent ``name`` to the draw ``child``: that one's distribution without it, and its own given the draw."""

    name: str
    child: str
    marginal: Dist
    posterior: Dist


@once_per_problem
def reversals(model: Model, facts: Facts) -> tuple[Reversal, ...]:
    """The arcs that are reversed: of latents with latent parents, each with one draw that is seen, and with no location and scale to
    non-centre by. None where nothing would be left to sample."""
    # rows that count several times are written out where each has latents of its own
    if facts.binding is None or (facts.binding.weights is not None and not facts.binding.is_counts):
        return ()
    sampled = {v.name for v in sampled_variables(model, facts)}
    tried = (_reversal(model, facts, name, sampled) for name in sorted(sampled & set(model.conditional_of)))
    # of several latents that one draw hangs on only one: with its arc turned the draw is of another family
    made = tuple({arc.child: arc for arc in tried if arc is not None}.values())
    return made if len(made) < len(sampled) else ()


def integrated(model: Model, facts: Facts) -> tuple[Model, Facts]:
    """The model without the latents that are integrated out, and its facts."""
    arcs = reversals(model, facts)
    if not arcs or facts.binding is None:
        return model, facts
    new = _without(reversed_arcs(model, arcs), {arc.name for arc in arcs})
    binding = replace(facts.binding, model=new)
    return new, facts_of(new, binding, facts.fixed, facts.device)


def reversed_arcs(model: Model, arcs: tuple[Reversal, ...]) -> Model:
    """The same joint density, every arc reversed. Names that are defined by these latents are left out."""
    said = {arc.child: arc.marginal for arc in arcs} | {arc.name: arc.posterior for arc in arcs}
    factors = tuple(
        replace(f, distribution=said[f.target]) if isinstance(f, Conditional) and f.target in said else f
        for f in model.factors
    )
    latents = {arc.name for arc in arcs}
    hanging = {d.target for d in model.definitions if latents & names_behind(model, d)}
    return replace(
        model,
        factors=factors,
        variables=tuple(v for v in model.variables if v.name not in hanging),
        definitions=tuple(d for d in model.definitions if d.target not in hanging),
    )


def _without(model: Model, names: set[str]) -> Model:
    return replace(
        model,
        factors=tuple(f for f in model.factors if not (isinstance(f, Conditional) and f.target in names)),
        variables=tuple(v for v in model.variables if v.name not in names),
    )


def _reversal(model: Model, facts: Facts, name: str, sampled: set[str]) -> Reversal | None:
    normal, variable = normal_form(model), model.by_name[name]
    conditional = normal.conditional_of[name]
    prior = conditional.distribution
    is_simple = isinstance(prior, Dist) and not variable.axes and location_scale_of(model, name) is None
    if not isinstance(prior, Dist) or not is_simple or not any(p.marginal for p in FAMILIES[prior.family].pairs):
        return None
    parents = set(model.random_parents(conditional))
    children = [f for f in model.factors if name in model.random_parents(f)]
    is_whole = Type(FAMILIES[prior.family].support).fits(variable.type.kind)
    if not is_whole or not parents & sampled or name in parents or name in facts.missing or len(children) != 1:
        return None
    child = children[0]
    if not isinstance(child, Conditional) or child.target not in facts.observed or child.target in facts.missing:
        return None
    # a count that is summed out is bounded by the family of what it counts
    if set(model.random_parents(child)) & set(summed_names(model, facts)):
        return None
    drawn, target = normal.conditional_of[child.target].distribution, model.by_name[child.target]
    is_one_to_one = target.plates == child.plates == variable.plates and not target.axes
    if not isinstance(drawn, Dist) or not is_one_to_one:
        return None
    for pair in FAMILIES[prior.family].pairs:
        if pair.marginal is not None and (pair.child, pair.variant) == (drawn.family, drawn.variant):
            factor = _factor(normal, drawn, pair, name)
            return None if factor is None else _made(normal, name, prior, target, drawn, pair.marginal, factor)
    return None


def _factor(normal: Model, drawn: Dist, pair: Pair, name: str) -> Expr | None:
    """What the variable stands with in the pair's argument; None where it stands elsewhere too, or in another way."""
    arguments = dict(drawn.arguments)
    argument = arguments.pop(pair.argument, None)
    if argument is None or isinstance(argument, Dist) or any(isinstance(a, Dist) for a in arguments.values()):
        return None
    if any(name in names_behind(normal, a) for a in arguments.values() if not isinstance(a, Dist)):
        return None
    if any(r.index or r.lag for r in references(argument) if r.name == name):
        return None
    form = form_in(normal, argument, name)
    algebra = Algebra(normal)
    # nothing at zero, or some rows are of another number: `if first then 4 else x`
    if form.power != 1 or not FORMS[pair.form](form) or number(algebra(_with(argument, name, 0.0))) != 0:
        return None
    factor = algebra(_with(argument, name, 1.0))
    return factor if pair.form == "scaled" or number(factor) == 1 else None


def _with(expr: Expr, name: str, value: float) -> Expr:
    """An expression with a number in the place of a variable."""

    def replaced(node: Expr) -> Expr:
        is_it = isinstance(node, Ref) and node.name == name
        return Const(REAL, (), node.span, value) if is_it else rebuilt(node, replaced)

    return replaced(expr)


def _made(
    normal: Model, name: str, prior: Dist, target: Variable, drawn: Dist, marginal: Marginal, factor: Expr
) -> Reversal | None:
    """The two distributions by the formulas of the record; None where the prior lacks an argument that they name."""
    algebra = Algebra(normal)
    written = {n: a for d in (drawn, prior) for n, a in d.arguments if not isinstance(a, Dist)}
    written |= {"draw": Ref(target.type, (), drawn.span, target.name), "factor": factor}
    numbers = {n: algebra(a) for n, a in written.items()}
    formulas = (*marginal.arguments.values(), *marginal.posterior.values())
    if any(
        node.id not in numbers for f in formulas for node in ast.walk(ast.parse(f)) if isinstance(node, ast.Name)
    ):
        return None
    said = {n: of_formula(algebra, text, numbers, drawn) for n, text in marginal.arguments.items()}
    given = {n: of_formula(algebra, text, numbers, prior) for n, text in marginal.posterior.items()}
    return Reversal(
        name,
        target.name,
        replace(drawn, family=marginal.family, variant=marginal.variant, arguments=tuple(said.items())),
        replace(
            prior,
            family=FAMILIES[prior.family].exponential or prior.family,
            variant=0,
            arguments=tuple(given.items()),
        ),
    )

"""Whether a model's latent variables have a log-density over free real values, the discrete ones summed out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES, is_mixed
from pgmlang.graph.childless import is_childless_missing
from pgmlang.graph.components import (
    FieldComponent,
    field_components,
    partition_reasons,
    potentials_of,
    summing_steps,
)
from pgmlang.lower.supports import moving_bounds
from pgmlang.model import Density, Dist, Model, Potential, Variable
from pgmlang.model.branches import branches
from pgmlang.model.constants import numbers_of
from pgmlang.model.expr import NetCall, walk
from pgmlang.normal import canonical_factors
from pgmlang.plan.method import Facts, once_per_problem
from pgmlang.plan.reasons import lowering_reasons
from pgmlang.plan.record import Assignment
from pgmlang.plan.table_reasons import missing_parameters
from pgmlang.tables.learned import learned_tables

KINDS = frozenset(
    {
        "real",
        "positive",
        "unit",
        "simplex",
        "ordered",
        "ordered positive",
        "zerosum",
        "unitvector",
        "cov",
        "corr",
        "cholesky_corr",
    }
)
"""Types whose values a smooth map reaches from free real numbers."""

CELLS = ("real", "positive", "unit")
"""Types of which every cell is a number by itself."""
DROP = "leave such rows out: `--missing drop`"
LARGEST = (
    "say the largest value that it may have, up to which it is summed out: `Truncated(Poisson(rate), upper = 100)`"
)
MANY = 3_000
"""Latent numbers beside discrete latents from which on a sampler of numbers alone is a poor choice."""


@once_per_problem
def latent_variables(model: Model, facts: Facts) -> tuple[Variable, ...]:
    """The continuous variables that are to be inferred, in the order of the model. Without data those are the ones
    outside of every plate of rows and those that a guide names."""
    hidden = hidden_names(model, facts)
    return tuple(
        v
        for v in model.of_role("random", "field")
        if v.name in hidden and v.type.kind in KINDS and v.name not in facts.fixed
    )


@once_per_problem
def open_variables(model: Model, facts: Facts) -> tuple[Variable, ...]:
    """The continuous variables some of whose cells are missing, and do not drop out: other factors mention them (a covariate, a link of a
    chain), or they are drawn as vectors. Their missing cells are latent."""
    names = {n for n, number in facts.missing.items() if number and not is_childless_missing(model, n)}
    return tuple(v for v in model.of_role("random") if v.name in names and not v.type.is_discrete)


@once_per_problem
def sampled_variables(model: Model, facts: Facts) -> tuple[Variable, ...]:
    """The continuous variables that a sampler moves, in the order of the model: `latent_variables`, and the missing cells of others."""
    names = {v.name for v in (*latent_variables(model, facts), *open_variables(model, facts))}
    return tuple(v for v in model.of_role("random", "field") if v.name in names)


@once_per_problem
def summed_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """The discrete variables and fields that are latent or have missing cells: a density needs them summed out."""
    hidden = hidden_names(model, facts) | {n for n in facts.missing if not is_childless_missing(model, n)}
    discrete = (v for v in model.of_role("random", "field") if v.name in hidden and v.type.is_discrete)
    return tuple(v.name for v in discrete if v.name not in facts.fixed)


def summed_out_exactly(names: tuple[str, ...]) -> tuple[Assignment, ...]:
    """The block of discrete variables that are summed out, where there are any."""
    return (Assignment(names, "summed"),) if names else ()


@once_per_problem
def hidden_names(model: Model, facts: Facts) -> frozenset[str]:
    """Random variables that are latent, or, without data, that no column can ever bind (those at the top, and those
    that nothing random hangs on would be guesses)."""
    at_top = {v.name for v in model.of_role("random") if v.name in facts.unknown and not v.plates}
    return facts.latent | at_top


@once_per_problem
def density_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why there is no log-density over free real values: discrete variables that cannot be summed out, fields whose
    log Z moves, missing cells, params and networks to be learned, or a construct that no program says yet."""
    missing = tuple(
        Diagnostic("PGM0602", f"`{v.name}` has {facts.missing[v.name]:,} missing cells", v.span, help=DROP)
        for v in open_variables(model, facts)
    )
    none = () if latent_variables(model, facts) else (Diagnostic("PGM0602", "no real variable is latent"),)
    return (*_reasons(model, facts), *missing, *none)


@once_per_problem
def sampling_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """As `density_reasons`, of samplers, to which missing cells are latent numbers: why there are none of these."""
    none = () if sampled_variables(model, facts) else (Diagnostic("PGM0602", "no real variable is latent"),)
    return (*_reasons(model, facts), *open_reasons(model, facts), *none)


def open_reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Missing cells that no free real number stands for by itself."""
    for variable in open_variables(model, facts):
        cells = f"`{variable.name}` has {facts.missing[variable.name]:,} missing cells"
        distribution = model.conditional_of[variable.name].distribution
        if variable.type.kind not in CELLS:
            message = f"{cells}, and its values are {variable.type}: cells that go together, of which none is free by itself"
        elif any(isinstance(d, Dist) and is_mixed(d.path, FAMILIES) for d in branches(distribution)):
            message = f"{cells}, and points with a chance of their own beside a density"
        else:
            continue
        yield Diagnostic("PGM0602", message, variable.span, help=DROP)


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    hidden = hidden_names(model, facts)
    for variable in model.of_role("random", "field"):
        kind = variable.type.kind
        if (
            variable.name in hidden
            and kind not in KINDS
            and (variable.role == "field" or not variable.type.is_discrete)
        ):
            message = (
                f"`{variable.name}` is {variable.type} and latent: a density has a gradient in real values only"
            )
            yield Diagnostic(
                "PGM0602", message, variable.span, help=_cure_of_counts(model, variable) if kind == "count" else ""
            )
    yield from moving_partition(model, facts)
    yield from summing_steps(model, summed_names(model, facts))[1]
    yield from support_reasons(model, facts, summed_names(model, facts))
    yield from weight_reasons(facts)
    for table in learned_tables(model):
        message = f"the table of `{table.target}` is a parameter to be learned"
        yield Diagnostic("PGM0602", message, table.distribution.span)
    for net in model.nets:
        yield Diagnostic("PGM0602", f"the network `{net.name}` is to be learned", net.span)
    yield from missing_parameters(model, facts)
    yield from lowering_reasons(model)


def _cure_of_counts(model: Model, variable: Variable) -> str:
    """How to say a latent count so that it is summed out: with a largest value, or, where that is large, by labels."""
    distribution = model.conditional_of[variable.name].distribution
    bounds: dict[str, float | None] = {}
    if isinstance(distribution, Dist) and FAMILIES[distribution.family].limits is not None:
        # counts between two bounds are all as probable
        bounds = {n: None if isinstance(a, Dist) else numbers_of(a) for n, a in distribution.arguments}
    low, high = bounds.get("low"), bounds.get("high")
    if low is None or high is None:
        return LARGEST
    size = int(high - low) + 1
    return (
        f"number its values as labels, which are summed out: `dim n[{size}]`, `value[n] = {int(low)} + position(n)`, "
        f"`which : n ~ Categorical(1 / {size})`, and `{variable.name} = value[which]`"
    )


def support_reasons(model: Model, facts: Facts, summed: Collection[str]) -> Iterator[Diagnostic]:
    """Latent numbers that no one smooth map reaches: bounds that hang on a variable that is summed out or on the row
    before, points with a chance of their own beside a density; and learned densities of what is not all seen."""
    hidden = hidden_names(model, facts)
    opened = {v.name for v in open_variables(model, facts)}
    for conditional in model.conditionals:
        name = conditional.target
        is_learned = any(isinstance(d, Density) for d in branches(conditional.distribution))
        if is_learned and (name in hidden or facts.missing.get(name)):
            message = f"`{name}` has a learned density, and not all of its values are seen"
            yield Diagnostic("PGM0602", message, conditional.span, help="leave such rows out: `--missing drop`")
        if name not in hidden and name not in opened:
            continue
        for branch in branches(conditional.distribution):
            if name in hidden and isinstance(branch, Dist) and is_mixed(branch.path, FAMILIES):
                message = f"`{name}` is latent, and `{branch.family}` has points with a chance of their own beside a density"
                yield Diagnostic("PGM0602", message, conditional.span, help=_label_of_points(name, branch))
        for bound in moving_bounds(conditional.distribution).values():
            for other in model.random_parents(Potential(bound, conditional.plates)):
                if other == name:
                    message = f"the bounds of `{name}`, which is latent{' in part' if name in opened else ''}, hang on its row before"
                elif other in summed:
                    message = f"the bounds of `{name}` hang on `{other}`, which is summed out"
                else:
                    continue
                yield Diagnostic(
                    "PGM0602", message, conditional.span, help="take a distribution of its support's type"
                )


def _label_of_points(name: str, distribution: Dist) -> str:
    """How to say a latent number that may be one point."""
    if any(FAMILIES[family].adds_zero for family in distribution.path):
        return f"give zero a label: `no_{name} : bit ~ Bernoulli(p)`, `{name} = if no_{name} == 1 then 0 else more_{name}`"
    return f"draw it without bounds, and cut it off where it is used: `if {name} < lower then lower else {name}`"


@once_per_problem
def moving_partition(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why log Z of fields that moves, with a latent variable, a param or a network to be learned, is not had exactly."""
    return tuple(_moving_partition(model, facts))


def _moving_partition(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    for component in field_components(model):
        mover = next(iter(movers(model, facts, component)), None)
        if mover is None:
            continue
        for reason in partition_reasons(model, component, size_of(facts)):
            first = component.fields[0]
            yield replace(
                reason,
                message=f"log Z of `{first}` hangs on {mover}, and is not had exactly: {reason.message}",
                help=reason.help or "`--method pcd`, `cd`, `pseudo` or `score` learn params without log Z",
            )


def movers(model: Model, facts: Facts, component: FieldComponent) -> Iterator[str]:
    """What log Z of a component moves with, in words."""
    hidden = hidden_names(model, facts) | {n for n, k in facts.missing.items() if k}
    for name in component.parents:
        if name in hidden and name not in facts.fixed:
            yield f"`{name}`, which is latent"
    for potential in potentials_of(canonical_factors(model), component):
        for ref in canonical_factors(model).mentions(potential):
            variable = model.by_name.get(ref.name)
            if variable is not None and variable.role == "param" and ref.name not in facts.fixed:
                yield f"the param `{ref.name}`"
        for expr in canonical_factors(model).expressions(potential):
            yield from (f"the network `{e.net}`" for e in walk(expr) if isinstance(e, NetCall))


def size_of(facts: Facts) -> Callable[[str], int | None] | None:
    """Sizes of axes where data is bound."""
    if facts.binding is None:
        return None
    layout = facts.binding.layout
    return lambda axis: layout.size(axis) if layout.has_size(axis) else None


def weight_reasons(facts: Facts) -> Iterator[Diagnostic]:
    """Weights are for point estimates; counts are equal rows."""
    binding = facts.binding
    if binding is not None and binding.weights is not None and not binding.is_counts:
        message = "rows have weights, which this method does not take"
        yield Diagnostic("PGM0602", message, help="weights are for point estimates: `--method map`")


def latents_of_rows(model: Model, facts: Facts) -> tuple[Variable, ...]:
    """Latent numbers, missing cells among them, that every row, or every group, has one of."""
    rows = {p.name for p in model.plates if p.is_rows}
    return tuple(v for v in sampled_variables(model, facts) if rows & set(v.plates))


def counts_over_latents(model: Model, facts: Facts) -> bool:
    """Whether rows that stand for several have latent numbers, which each of the several has its own of."""
    binding = facts.binding
    if binding is None or binding.weights is None or not binding.is_counts:
        return False
    return any(binding.plate in v.plates for v in sampled_variables(model, facts))


@once_per_problem
def many_beside_labels(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Thousands of latent numbers beside discrete latents, topics of words say: each gradient would sum out every
    label for one small step of all of them."""
    binding = facts.binding
    if binding is None or not summed_names(model, facts):
        return ()
    size = 0
    for variable in sampled_variables(model, facts):
        cells = math.prod(binding.sizes.get(a, 1) for a in model.array_axes(variable))
        size += facts.missing.get(variable.name, cells)
    if size < MANY:
        return ()
    return (Diagnostic("PGM0602", f"{size:,} latent numbers beside labels to be summed out at every step"),)

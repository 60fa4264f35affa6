"""Automatic non-centring: ``x ~ Normal(m, s)`` of little data becomes ``x = m + s * e`` with ``e ~ Normal(0, 1)``, and so
does any other family of a location and a scale.

A latent with little data of its own follows its prior, whose width then changes with ``s``: a funnel that no one step
size fits (Papaspiliopoulos, Roberts and Skoeld 2007; Betancourt and Girolami 2015). The model is rewritten; the draws
of ``x`` are given back. Which ones is for `centring` to say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pgmlang.families import FAMILIES, LocationScale
from pgmlang.lower.covariance_factors import with_factored_covariances
from pgmlang.model import Conditional, Definition, Dist, Factor, Model, Variable
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, MatrixApply, Ref, Rename
from pgmlang.model.types import REAL, TRUTH, Type
from pgmlang.normal import normal_form
from pgmlang.plan.latents import latent_variables
from pgmlang.plan.method import Facts


def movable_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """The latent variables of a family of location and scale, several of a kind, where one of those is latent too."""
    if facts.binding is None:
        return ()
    latent = {v.name for v in latent_variables(model, facts)}
    names = {
        n for n in latent if n in model.conditional_of and _is_movable(model, model.conditional_of[n], latent)
    }
    return tuple(v.name for v in model.variables if v.name in names)


def location_scale_of(model: Model, name: str) -> tuple[Dist, LocationScale] | None:
    """The distribution of a variable, as the normal form knows it, where it is of a family of location and scale."""
    conditional = normal_form(model).conditional_of[name]
    distribution = conditional.distribution
    written = model.conditional_of[name].distribution
    row = FAMILIES[distribution.family].location_scale if isinstance(distribution, Dist) else None
    if row is None or not isinstance(distribution, Dist):
        return None
    is_as_written = isinstance(written, Dist) and written.family == distribution.family
    # as it is written, where that says the same: programs keep its names
    return (written if is_as_written and isinstance(written, Dist) else distribution), row


def _is_movable(model: Model, conditional: Conditional, latent: set[str]) -> bool:
    variable = model.by_name[conditional.target]
    family = location_scale_of(model, variable.name)
    if family is None or variable.type.kind != FAMILIES[family[0].family].support:
        return False
    hangs_on_latents = bool(set(model.random_parents(conditional)) & (latent - {variable.name}))
    # numbers that hang together make a narrow valley, be their covariance known or not
    if not (variable.plates or variable.axes) or not (hangs_on_latents or family[1].of_vectors):
        return False
    loc_and_scale = dict(family[0].arguments)
    references = [
        r for e in loc_and_scale.values() if not isinstance(e, Dist) for r in references_behind(model, e)
    ]
    # its own rows before make a recursion, one of this row no value at all
    return all(r.lag and not r.index for r in references if r.name == variable.name)


def references_behind(model: Model, expr: Expr) -> list[Ref]:
    """The references in an expression and in the definitions behind it."""
    return [node for node in nodes_behind(model, expr) if isinstance(node, Ref)]


def standard_name(name: str) -> str:
    """The standard variable behind a non-centred one; no user's name has a space."""
    return f"{name} standard"


def centred_name(name: str) -> str:
    """The input that is 1 for the elements of a variable which stay as they are written, and 0 for those that are non-centred."""
    return f"{name} centred"


def noncentred(model: Model, names: tuple[str, ...], in_part: Collection[str] = ()) -> Model:
    """The model with these variables as deterministic names over standard ones; of those ``in_part`` the elements for which
    `centred_name` is 0, a new input."""
    factors: list[Factor] = []
    variables: dict[str, Variable] = {v.name: v for v in model.variables}
    definitions = list(model.definitions)
    for factor in model.factors:
        family = (
            location_scale_of(model, factor.target)
            if isinstance(factor, Conditional) and factor.target in names
            else None
        )
        if family is None or not isinstance(factor, Conditional):
            factors.append(factor)
            continue
        distribution, row = family
        if row.of_vectors:
            said = model.once(with_factored_covariances).conditional_of[factor.target].distribution
            distribution = said if isinstance(said, Dist) else distribution
        old = variables[factor.target]
        standard = replace(old, name=standard_name(old.name), type=REAL)
        variables[old.name] = replace(old, role="derived")
        variables[standard.name] = standard
        stays = None
        if old.name in in_part:
            stays, held = _stays(old)
            variables[held.name] = held
        definitions.append(Definition(old.name, _drawn(distribution, row, old, standard.name, stays), factor.span))
        factors.append(replace(factor, target=standard.name, distribution=_standardised(distribution, row, stays)))
    return replace(
        model, factors=tuple(factors), variables=tuple(variables.values()), definitions=tuple(definitions)
    )


def _stays(variable: Variable) -> tuple[Expr, Variable]:
    """Whether an element stays as it is written, and the input that says so."""
    held = replace(variable, name=centred_name(variable.name), type=REAL, role="input")
    span, axes = variable.span, variable.axes
    half = Const(REAL, (), span, 0.5)
    return Apply(TRUTH, axes, span, "gt", (Ref(REAL, axes, span, held.name), half)), held


def _drawn(distribution: Dist, row: LocationScale, variable: Variable, standard: str, stays: Expr | None) -> Expr:
    """The variable's value in its standard one, which is the value, or its logarithm, where that ``stays``."""
    arguments, axes, span = dict(distribution.arguments), variable.axes, distribution.span
    loc, scale = arguments[row.loc], arguments.get(row.scale)
    assert not isinstance(loc, Dist)
    assert not isinstance(scale, Dist)
    here = Ref(REAL, axes, span, standard)
    scaled = (
        _times_root(distribution, here, ROOTS) if scale is None else Apply(REAL, axes, span, "mul", (scale, here))
    )
    value: Expr = Apply(REAL, axes, span, "add", (loc, scaled))
    if stays is not None:
        value = Choose(REAL, axes, span, stays, here, value)
    return Apply(Type("positive"), axes, span, "exp", (value,)) if row.is_log else value


def standardising(model: Model, names: tuple[str, ...], in_part: Collection[str] = ()) -> Model:
    """The model as it is written, with the standard numbers behind these variables as deterministic names: `noncentred` the other way round."""
    variables, definitions = list(model.variables), list(model.definitions)
    for name in names:
        family = location_scale_of(model, name)
        assert family is not None
        distribution, row = family
        if row.of_vectors:
            said = model.once(with_factored_covariances).conditional_of[name].distribution
            distribution = said if isinstance(said, Dist) else distribution
        variable = model.by_name[name]
        standard = replace(variable, name=standard_name(name), type=REAL, role="derived")
        variables.append(standard)
        stays = None
        if name in in_part:
            stays, held = _stays(variable)
            variables.append(held)
        value = _standard(distribution, row, variable, stays)
        definitions.append(Definition(standard.name, value, distribution.span))
    return replace(model, variables=tuple(variables), definitions=tuple(definitions))


def _standard(distribution: Dist, row: LocationScale, variable: Variable, stays: Expr | None) -> Expr:
    """The standard numbers in the variable's value."""
    arguments, axes, span = dict(distribution.arguments), variable.axes, distribution.span
    loc, scale = arguments[row.loc], arguments.get(row.scale)
    assert not isinstance(loc, Dist)
    assert not isinstance(scale, Dist)
    here: Expr = Ref(variable.type, axes, span, variable.name)
    if row.is_log:
        here = Apply(REAL, axes, span, "log", (here,))
    centred = Apply(REAL, axes, span, "sub", (here, loc))
    if scale is None:
        return _times_root(distribution, centred, INVERSE_ROOTS)
    standard = Apply(REAL, axes, span, "div", (centred, scale))
    return standard if stays is None else Choose(REAL, axes, span, stays, here, standard)


def _times_root(distribution: Dist, vector: Expr, functions: dict[str, tuple[str, ...]]) -> Expr:
    """A vector times a root of the covariance, or the inverse of one."""
    (event,), span = distribution.event, distribution.span
    name, matrix = next((n, a) for n, a in distribution.arguments if n in functions)
    assert not isinstance(matrix, Dist)
    other = next(a for a in matrix.axes if a not in vector.axes)
    for function in functions[name]:
        matrix = MatrixApply(REAL, matrix.axes, span, function, matrix, event, other)
    if name == "precision":  # turned
        axes = tuple(a for a in matrix.axes if a != event)
        product = Contract(
            REAL, (*axes, *(a for a in vector.axes if a not in (*axes, event))), span, matrix, vector, event
        )
        return Rename(REAL, tuple(event if a == other else a for a in product.axes), span, product, other, event)
    there = Rename(REAL, tuple(other if a == event else a for a in vector.axes), span, vector, event, other)
    axes = tuple(a for a in dict.fromkeys((*matrix.axes, *there.axes)) if a != other)
    return Contract(REAL, axes, span, matrix, there, other)


ROOTS: dict[str, tuple[str, ...]] = {"cov": ("cholesky",), "scale_tril": (), "precision": ("cholesky", "inverse")}
"""Functions that make a root of the covariance, or of a precision the inverse of its factor, of each argument that says it."""
INVERSE_ROOTS: dict[str, tuple[str, ...]] = {
    "cov": ("cholesky", "inverse"),
    "scale_tril": ("inverse",),
    "precision": ("cholesky",),
}
"""Functions that make the inverse of that root."""


def _standardised(distribution: Dist, row: LocationScale, stays: Expr | None) -> Dist:
    """The distribution of the standard variable, the written one where that ``stays``."""
    family = FAMILIES[row.standard or distribution.family]
    event = () if row.of_vectors else distribution.event
    known = dict(distribution.arguments)
    for name, end in ((row.loc, 0.0), (row.scale, 1.0)):
        constant: Expr = Const(REAL, (), distribution.span, end)
        written = known.get(name)
        if stays is not None and written is not None and not isinstance(written, Dist):
            axes = tuple(dict.fromkeys((*stays.axes, *written.axes)))
            constant = Choose(written.type, axes, distribution.span, stays, written, constant)
        known[name] = constant
    if row.of_vectors:
        ends = zip(family.variants[0], (0.0, 1.0), strict=True)
        known = {p.name: Const(REAL, (), distribution.span, value) for p, value in ends}
    arguments = tuple((p.name, known[p.name]) for p in family.variants[0] if p.name in known)
    return replace(distribution, family=family.name, arguments=arguments, variant=0, event=event)

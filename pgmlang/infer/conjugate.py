"""Conjugate pairs, from the records of families: which likelihoods keep a prior's family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgmlang.families import FAMILIES, Family, Pair
from pgmlang.graph.summable import mentioned
from pgmlang.lower.covariance_factors import with_factored_covariances
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.dependence import names_behind
from pgmlang.model.model import Choice, Distribution
from pgmlang.model.types import Type
from pgmlang.normal import normal_form
from pgmlang.normal.affine import COMPLEMENT, Form, form_in, forms_in

FORMS: Mapping[str, Callable[[Form], bool]] = {
    "itself": lambda form: form.is_bare and form.power == 1,
    "itself or its complement": lambda form: (form.is_bare and form.power == 1) or form == COMPLEMENT,
    "scaled": lambda form: form.power == 1,
    "inverse": lambda form: form.power == -1,
    "root": lambda form: form.power == 0.5,
    "inverse root": lambda form: form.power == -0.5,
    "affine": lambda form: form.is_linear,
}
"""What an argument may be of the variable, by the words of a pair."""


def conjugate_family(model: Model, name: str) -> str | None:
    """The family that the full conditional of a latent variable has, or None where some factor leaves the table."""
    # a covariance that is the inverse of a precision is said by the precision
    model = normal_form(model.once(with_factored_covariances))
    conditional = model.conditional_of.get(name)
    if conditional is None or not isinstance(conditional.distribution, Dist):
        return None
    prior = FAMILIES[conditional.distribution.family]
    if not prior.pairs or name in model.random_parents(conditional) or not _has_whole_support(model, name, prior):
        return None
    for factor in model.factors:
        if factor is conditional or name not in mentioned(model, factor, (name,)):
            continue
        if not isinstance(factor, Conditional) or not _fits(model, factor.distribution, name, prior.pairs):
            return None
    return prior.exponential


def likelihood_family(model: Model, name: str) -> str | None:
    """The family that the factors around a param are like as functions of it: that of a conjugate prior, had it one."""
    model = normal_form(model)
    kind = model.by_name[name].type.kind
    around = [f for f in model.factors if name in names_behind(model, f)]
    for prior in FAMILIES.values():
        if prior.exponential == prior.name and prior.support == kind and prior.pairs and all(
            isinstance(f, Conditional) and _fits(model, f.distribution, name, prior.pairs) for f in around
        ):  # fmt: skip
            return prior.name if around else None
    return None


def _has_whole_support(model: Model, name: str, prior: Family) -> bool:
    """Whether a variable takes every value of its family: an ordered vector of normal elements does not."""
    return Type(prior.support).fits(model.by_name[name].type.kind)


def _fits(model: Model, distribution: Distribution, name: str, allowed: tuple[Pair, ...]) -> bool:
    if isinstance(distribution, Choice):
        if not form_in(model, distribution.condition, name).is_free:
            return False
        return all(_fits(model, d, name, allowed) for d in (distribution.then, distribution.otherwise))
    if not isinstance(distribution, Dist):
        return False
    for argument, value in distribution.arguments:
        if isinstance(value, Dist):
            return False
        forms = [f for f in forms_in(model, value, name) if not f.is_free]
        rows = [
            p for p in allowed
            if (p.child, p.argument, p.variant) == (distribution.family, argument, distribution.variant)
        ]  # fmt: skip
        if forms and not any(all(map(FORMS[p.form], forms)) for p in rows):
            return False
    return True

"""Whether a model's variables fit into tables, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES
from pgmlang.model import Conditional, Density, Dist, Model, Potential, Variable
from pgmlang.model.branches import branches
from pgmlang.model.dependence import networks_behind
from pgmlang.normal import canonical_factors


@dataclass(frozen=True)
class Verdict:
    """Whether something can be done, with the reasons why not."""

    ok: bool
    reasons: tuple[Diagnostic, ...] = ()

    @staticmethod
    def of(reasons: Iterable[Diagnostic]) -> Verdict:
        """Yes, unless there is a reason against it. What is said of several factors in the same words is said once."""
        against: dict[tuple[str, str], Diagnostic] = {}
        for reason in reasons:
            against.setdefault((reason.code, reason.message), reason)
        return Verdict(not against, tuple(against.values()))


def discrete_verdict(model: Model, observed: Iterable[str] = (), fixed: Iterable[str] = ()) -> Verdict:
    """Whether every random variable is discrete and finite, with conditionals that tables can hold.

    ``observed`` names are given by data (that alone makes no variable discrete); ``fixed`` ones have a value.
    """
    return Verdict.of(_reasons(canonical_factors(model), frozenset(observed), frozenset(fixed)))


def _reasons(model: Model, observed: frozenset[str], fixed: frozenset[str]) -> Iterator[Diagnostic]:
    for variable in model.of_role("random", "field"):
        if variable.name in fixed:
            continue
        reason = _variable(model, variable, variable.name in observed)
        if reason is not None:
            yield reason
    for factor in model.factors:
        if isinstance(factor, Conditional) and factor.target in fixed:
            continue
        yield from _factor(model, factor)


def _no(message: str, variable: Variable | Conditional | Potential, help: str = "") -> Diagnostic:
    return Diagnostic("PGM0602", message, variable.span, help=help)


def _variable(model: Model, variable: Variable, is_observed: bool) -> Diagnostic | None:
    name, kind = variable.name, variable.type.kind
    if variable.type.is_discrete:
        return None
    conditional = model.conditional_of.get(name)
    families = [d.family for d in branches(conditional.distribution) if isinstance(d, Dist)] if conditional else []
    if kind == "count" and families and all(FAMILIES[f].finite for f in families):
        return None
    if kind in ("count", "integer"):
        what = "a count" if kind == "count" else "a whole number"
        return _no(f"`{name}` is {what} without a largest value", variable, "a table holds finitely many values")
    role = "observed" if is_observed else "latent"
    if conditional is None and not is_observed:
        role = "field"
    cure = "make it a `param` and fix it, or an `input`" if variable.role == "random" else ""
    return _no(f"`{name}` is {kind} and {role}: a table holds discrete values only", variable, cure)


def discrete_without_tables(model: Model) -> Iterator[Diagnostic]:
    """The discrete variables whose distribution no table holds."""
    for conditional in canonical_factors(model).conditionals:
        yield from _without_table(model, conditional)


def _without_table(model: Model, factor: Conditional) -> Iterator[Diagnostic]:
    for distribution in branches(factor.distribution):
        if isinstance(distribution, Density):
            yield _no(f"`{factor.target}` has a learned density, {distribution.family}", factor)
        elif isinstance(distribution, Dist) and model.by_name[factor.target].type.is_discrete:
            is_listed = bool(FAMILIES[distribution.family].finite) and distribution.base is None
            if not is_listed:
                yield _no(f"`{factor.target}` is drawn from {distribution.family}, which has no table", factor)


def _factor(model: Model, factor: Conditional | Potential) -> Iterator[Diagnostic]:
    if isinstance(factor, Conditional):
        yield from _without_table(model, factor)
    if _uses_net(model, factor):
        name = f"`{factor.target}`" if isinstance(factor, Conditional) else "a factor"
        yield _no(f"{name} depends on a neural network", factor)


def _uses_net(model: Model, factor: Conditional | Potential) -> bool:
    """Whether a factor rests on a network."""
    return bool(networks_behind(model, factor))

"""The labels of a fresh row that a point estimate answers for exactly: those that only labels and known numbers are above."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgmlang.model import Conditional, Definition, Model
from pgmlang.model.dependence import names_behind, networks_behind
from pgmlang.query.network import NetworkAnswers

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


def discrete_part(fit: Fit) -> NetworkAnswers | None:
    """The network of the discrete directed variables whose ancestors are discrete or estimated (the classes of a mixture
    say); what hangs below them, unseen in a fresh row, drops out. None for a fit of draws, or without such variables."""
    from pgmlang.tables.from_model import discrete_network
    from pgmlang.tables.verdict import discrete_verdict

    model = fit.model
    if fit.draws:
        return None
    rows = {p.name for p in model.plates if p.is_rows}
    known = {n for n in fit.parameters if n in model.by_name and not rows & set(model.by_name[n].plates)}
    inside: set[str] = set()
    grows = True
    while grows:
        fresh = {
            c.target for c in model.conditionals
            if c.target not in inside and c.target not in known and model.by_name[c.target].type.is_discrete
            and set(model.random_parents(c)) <= inside | known and not _needs_row(model, c)
        }  # fmt: skip
        grows = bool(fresh)
        inside |= fresh
    if not inside:
        return None
    factors = tuple(f for f in model.factors if isinstance(f, Conditional) and f.target in inside)
    variables = tuple(v for v in model.variables if v.role not in ("random", "field") or v.name in inside | known)
    smaller = replace(model, factors=factors, variables=variables, guide=None)
    if not discrete_verdict(smaller, fixed=fit.parameters).ok:
        return None
    return NetworkAnswers(discrete_network(smaller, dict(fit.parameters), dict(fit.sizes), dict(fit.labels)))


def _needs_row(model: Model, item: Conditional | Definition) -> bool:
    """Whether an input, which a fresh row does not say, or a network stands in a conditional or in what it names."""
    inputs = (model.by_name[n].role == "input" for n in names_behind(model, item) if n in model.by_name)
    return bool(networks_behind(model, item)) or any(inputs)

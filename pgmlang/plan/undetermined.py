"""What is learned and nothing observed hangs on: a fact of the graph, which no trace of an objective shows."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES
from pgmlang.graph.relevance import names_in_guide, relevant_names
from pgmlang.model import Dist, Model, density_net
from pgmlang.normal import normal_form
from pgmlang.plan.method import Facts
from pgmlang.tables.learned import learned_tables


def undetermined_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """Params, learned tables without a prior, networks and variables of improper density that are to be learned from the
    data bound, though p(data) is the same whatever they are. Nothing without data."""
    binding = facts.binding
    if binding is None:
        return ()
    normal = normal_form(model)
    seen = {n for n in facts.observed if facts.missing.get(n, 0) < binding.values[n].size}
    relevant = relevant_names(normal, (seen | facts.fixed) & set(normal.by_name))
    relevant |= {density_net(n) for n in relevant} | names_in_guide(model.guide, model)
    learned = [v.name for v in model.of_role("param")] + [n.name for n in model.nets]
    out = [n for n in learned if n not in relevant]
    for conditional in model.conditionals:
        distribution = conditional.distribution
        if isinstance(distribution, Dist) and FAMILIES[distribution.family].improper:
            out += [conditional.target] if conditional.target not in relevant else []
    out += [t.name for t in learned_tables(model) if t.target not in relevant and t.distribution.prior is None]
    return tuple(n for n in out if n not in facts.fixed)


def undetermined_reason(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why a fit of these has not converged, where there are any."""
    names = undetermined_names(model, facts)
    if not names:
        return ()
    shown = ", ".join(f"`{n}`" for n in names[:6])
    message = f"nothing that is observed hangs on {shown}: any value does as well as the one that it has"
    cure = "bind data to what hangs on it, give it a prior, or take it out of the model"
    return (Diagnostic("PGM0801", message, help=cure),)
